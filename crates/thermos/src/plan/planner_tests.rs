use proptest::prelude::*;

use super::*;

fn process(name: &str) -> Schedule {
    Schedule {
        name: name.into(),
        daemon: false,
        ephemeral: false,
        max_failures: 1,
        min_duration: Duration::ZERO,
    }
}

fn planner(schedules: &[Schedule], orders: &[&[&str]]) -> Planner {
    planner_with_limit(schedules, orders, None).unwrap()
}

fn planner_with_limit(
    schedules: &[Schedule],
    orders: &[&[&str]],
    limit: Option<u32>,
) -> Result<Planner, PlanError> {
    let orders: Vec<Vec<String>> =
        orders.iter().map(|order| order.iter().map(|name| (*name).into()).collect()).collect();
    Planner::new(schedules.to_vec(), &orders, limit)
}

const fn at(seconds: i64) -> Moment {
    Moment::from_secs(seconds)
}

#[test]
fn th_1_what_is_runnable_at_first() {
    let three = [process("p1"), process("p2"), process("p3")];
    assert_eq!(planner(&three, &[]).runnable(at(0)), ["p1", "p2", "p3"]);
    assert_eq!(planner(&three, &[&["p1", "p2", "p3"]]).runnable(at(0)), ["p1"]);
    let none = planner(&[], &[]);
    assert!(none.runnable(at(0)).is_empty() && none.is_complete() && !none.is_deadlocked());
}

#[test]
fn th_2_a_lone_ephemeral_never_holds_the_plan() {
    let mut plan = planner(&[Schedule { ephemeral: true, ..process("p1") }], &[]);
    assert!(plan.is_complete());
    assert_eq!(plan.unstarted_ephemerals(at(0)), ["p1"]);
    plan.set_running("p1");
    assert!(plan.is_complete());
    assert!(plan.unstarted_ephemerals(at(0)).is_empty());
    plan.add_failure("p1", at(1));
    assert!(plan.is_complete());
    assert_eq!(plan.finished(), BTreeSet::from(["p1"]));
    assert!(plan.failed().is_empty());
}

#[test]
fn th_3_an_ephemeral_that_fails_later_changes_nothing() {
    let mut plan = planner(&[process("p1"), Schedule { ephemeral: true, ..process("p2") }], &[]);
    plan.add_failure("p1", at(0));
    assert!(plan.is_complete());
    plan.add_failure("p2", at(1));
    assert!(plan.is_complete());
    assert_eq!(plan.failed(), BTreeSet::from(["p1"]));
}

#[test]
fn th_4_success_does_not_reset_a_daemons_failures() {
    let mut plan = planner(&[Schedule { daemon: true, max_failures: 2, ..process("d") }], &[]);
    plan.add_failure("d", at(0));
    assert!(!plan.is_complete());
    plan.add_success("d", at(1));
    assert!(!plan.is_complete());
    plan.add_failure("d", at(2));
    assert!(plan.is_complete());
}

#[test]
fn th_5_an_ephemeral_daemon_does_not_hold_the_plan() {
    let mut plan =
        planner(&[process("p1"), Schedule { daemon: true, ephemeral: true, ..process("p2") }], &[]);
    plan.set_running("p1");
    plan.set_running("p2");
    plan.add_success("p1", at(1));
    assert!(plan.is_complete());
}

#[test]
fn th_6_nothing_depends_on_daemons_or_ephemerals() {
    let daemon = [Schedule { daemon: true, ..process("p1") }, process("p2")];
    assert_eq!(
        planner_with_limit(&daemon, &[&["p1", "p2"]], None).unwrap_err().to_string(),
        "Process p2 may not depend upon daemon process p1"
    );
    let ephemeral = [Schedule { ephemeral: true, ..process("p1") }, process("p2")];
    assert_eq!(
        planner_with_limit(&ephemeral, &[&["p1", "p2"]], None).unwrap_err().to_string(),
        "Non-ephemeral process p2 may not depend upon ephemeral process p1"
    );
}

#[test]
fn th_7_a_failed_predecessor_blocks_for_ever() {
    let two = [process("p1"), process("p2")];
    let mut plan = planner(&two, &[&["p1", "p2"]]);
    plan.add_success("p1", at(0));
    assert_eq!(plan.runnable(at(0)), ["p2"]);
    let mut plan = planner(&two, &[&["p1", "p2"]]);
    plan.add_failure("p1", at(0));
    assert!(plan.runnable(at(0)).is_empty() && !plan.is_complete() && plan.is_deadlocked());
}

#[test]
fn th_8_min_duration_counts_from_the_end_of_a_run() {
    let daemon =
        Schedule { daemon: true, max_failures: 2, min_duration: Duration::from_secs(10), ..process("d") };
    let mut plan = planner(&[daemon], &[]);
    plan.add_success("d", at(5));
    assert!(plan.runnable(at(10)).is_empty());
    assert_eq!(plan.runnable(at(15)), ["d"]);
    plan.add_failure("d", at(10));
    assert!(plan.runnable(at(15)).is_empty());
    assert_eq!(plan.runnable(at(20)), ["d"]);
    plan.add_failure("d", at(15));
    assert!(plan.runnable(at(1000)).is_empty() && plan.waiting(at(16)).is_empty());
}

#[test]
fn th_9_the_shortest_wait_of_several_daemons() {
    let daemon = |name: &str, secs| Schedule {
        daemon: true,
        min_duration: Duration::from_secs(secs),
        ..process(name)
    };
    let mut plan = planner(&[daemon("d3", 3), daemon("d5", 5), daemon("d7", 7)], &[]);
    plan.set_running("d3");
    plan.add_success("d3", at(0));
    assert_eq!(plan.min_wait(at(0)), Some(Duration::ZERO));
    for name in ["d3", "d5", "d7"] {
        plan.set_running(name);
    }
    assert_eq!(plan.min_wait(at(0)), None);
    plan.add_success("d7", at(1));
    assert_eq!(plan.min_wait(at(2)), Some(Duration::from_secs(6)));
    plan.add_success("d5", at(2));
    plan.add_success("d3", at(2));
    assert_eq!(plan.min_wait(at(3)), Some(Duration::from_secs(2)));
    assert_eq!(plan.runnable(at(5)), ["d3"]);
    assert_eq!(plan.runnable(at(7)), ["d3", "d5"]);
    assert_eq!(plan.runnable(at(8)), ["d3", "d5", "d7"]);
}

#[test]
fn th_10_a_loss_is_not_a_failure() {
    let two_lives = Schedule { max_failures: 2, min_duration: Duration::from_secs(1), ..process("p") };
    let mut plan = planner(&[two_lives], &[]);
    plan.add_failure("p", at(1));
    assert_eq!(plan.min_wait(at(1)), Some(Duration::from_secs(1)));
    plan.add_loss("p", at(2));
    assert_eq!(plan.min_wait(at(2)), Some(Duration::from_secs(1)));
    assert!(plan.failed().is_empty());
    plan.add_failure("p", at(3));
    assert_eq!(plan.min_wait(at(3)), None);
    assert_eq!(plan.failed(), BTreeSet::from(["p"]));
}

#[test]
fn th_11_no_limit_on_failures() {
    let mut plan = planner(&[Schedule { max_failures: 0, ..process("p") }], &[]);
    plan.add_failure("p", at(0));
    assert_eq!(plan.runnable(at(0)), ["p"]);
    assert!(!plan.is_complete());
    plan.add_success("p", at(1));
    assert_eq!(plan.finished(), BTreeSet::from(["p"]));
    assert!(plan.is_complete() && plan.runnable(at(1)).is_empty());
}

#[test]
fn th_12_the_run_limit_ends_a_process() {
    let p = Schedule { max_failures: 100, ..process("p") };
    let mut plan = planner_with_limit(std::slice::from_ref(&p), &[], Some(3)).unwrap();
    plan.add_failure("p", at(0));
    plan.add_loss("p", at(1));
    assert!(plan.failed().is_empty());
    assert_eq!(plan.runnable(at(1)), ["p"]);
    plan.add_failure("p", at(2));
    assert_eq!(plan.failed(), BTreeSet::from(["p"]));
    assert!(plan.runnable(at(2)).is_empty());
    // Of a daemon, a success is no run that counts (D9): the loss is its second, and the next failure its third.
    let mut plan = planner_with_limit(&[Schedule { daemon: true, ..p }], &[], Some(3)).unwrap();
    plan.add_failure("p", at(0));
    plan.add_success("p", at(1));
    plan.add_loss("p", at(2));
    assert_eq!(plan.runnable(at(2)), ["p"]);
    plan.add_failure("p", at(3));
    assert_eq!(plan.failed(), BTreeSet::from(["p"]));
    assert!(plan.runnable(at(3)).is_empty() && plan.is_complete());
}

#[test]
fn th_13_successes_never_reach_the_run_limit() {
    let mut plan =
        planner_with_limit(&[Schedule { daemon: true, ..process("d") }], &[], Some(RUN_LIMIT)).unwrap();
    for second in 0..100 {
        plan.add_success("d", at(second));
    }
    assert_eq!(RUN_LIMIT, 100);
    assert_eq!(plan.runnable(at(1000)), ["d"]);
    assert!(plan.failed().is_empty());
}

#[test]
fn th_14_orders_belong_to_one_plan() {
    let plan = [process("a"), process("b")];
    for orders in [&["a", "other"][..], &[][..]] {
        assert_eq!(
            planner_with_limit(&plan, &[orders], None).unwrap_err().to_string(),
            "Invalid process dependencies!"
        );
    }
    assert!(planner_with_limit(&plan, &[&["x", "y"]], None).is_ok());
    let task = |order: &[&str]| {
        let value = serde_json::json!({
            "processes": [{"name": "a", "cmdline": "x"}, {"name": "f", "cmdline": "x", "final": true}],
            "constraints": [{"order": order}],
        });
        let context = crate::binding::Context::thermos("t", "u", &std::collections::BTreeMap::new());
        crate::task::bind_and_read(&value, &context).err().map(|error| error.to_string())
    };
    let refused = Some("Task has invalid plan: Invalid process dependencies!".to_owned());
    for order in [&["a", "f"][..], &["f", "a"], &["a", "other"], &["other", "a"], &["f", "other"], &[]] {
        assert_eq!(task(order), refused, "{order:?}");
    }
    assert_eq!(task(&["f"]), None);
}

#[test]
fn th_15_cycles_are_found() {
    let plan = [process("a"), process("b")];
    for orders in [&[&["a", "b", "a"][..]][..], &[&["a", "a"]], &[&["a", "b"], &["b", "a"]]] {
        assert_eq!(
            planner_with_limit(&plan, orders, None).unwrap_err().to_string(),
            "Cycles detected in the task schedule!"
        );
    }
}

#[test]
fn th_29_an_ephemeral_daemon_does_not_hide_a_deadlock() {
    let plan = [process("a"), process("b"), Schedule { daemon: true, ephemeral: true, ..process("e") }];
    let mut plan = planner(&plan, &[&["a", "b"]]);
    plan.set_running("e");
    plan.set_running("a");
    assert!(!plan.is_deadlocked());
    plan.add_failure("a", at(0));
    assert!(plan.is_deadlocked() && !plan.is_complete());
}

proptest! {
    /// Whatever happens in whatever order, a plan without daemons and without unlimited failures ends, and never runs a
    /// process before its predecessors are finished.
    #[test]
    fn every_finite_plan_ends(
        edges in proptest::collection::vec((0usize..6, 0usize..6), 0..10),
        outcomes in proptest::collection::vec(0u8..3, 1..400),
        max_failures in 1i64..4,
    ) {
        let names = ["a", "b", "c", "d", "e", "f"];
        let schedules: Vec<Schedule> = names.iter().map(|name| Schedule { max_failures, ..process(name) }).collect();
        // Edges from a lower to a higher index only: no cycles.
        let orders: Vec<Vec<String>> = edges
            .iter()
            .filter(|(from, to)| from < to)
            .map(|(from, to)| vec![names[*from].into(), names[*to].into()])
            .collect();
        let mut plan = Planner::new(schedules, &orders, Some(RUN_LIMIT)).unwrap();
        let mut clock = 0;
        for outcome in outcomes.iter().cycle().take(2000) {
            clock += 1;
            let Some(next) = plan.runnable(at(clock)).first().map(|name| (*name).to_owned()) else { break };
            for order in &orders {
                if order[1] == next {
                    prop_assert!(plan.finished().contains(order[0].as_str()));
                }
            }
            plan.set_running(&next);
            match outcome {
                0 => plan.add_success(&next, at(clock)),
                1 => plan.add_failure(&next, at(clock)),
                _ => plan.add_loss(&next, at(clock)),
            }
        }
        prop_assert!(plan.is_complete() || plan.is_deadlocked());
    }
}
