use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::TaskId;
use aurora_api::task::TaskEvent;
use aurora_api::task::TaskStatus::*;

use super::*;
use crate::bench::{quiet_config, service};
use crate::operation::{ConfigId, Operation};

const THRESHOLD: Millis = Millis(60_000);

fn run(id: &str, ancestor: Option<&str>, events: &[(TaskStatus, i64)]) -> Task {
    let event = |(status, at): &(TaskStatus, i64)| TaskEvent {
        at: Timestamp(*at),
        status: *status,
        message: None,
        scheduler: None,
    };
    Task {
        id: TaskId::new(id),
        instance: 0,
        config: Arc::new(service("r/prod/j")),
        status: events.last().map_or(Pending, |(status, _)| *status),
        assignment: None,
        failure_count: 0,
        times_partitioned: 0,
        events: events.iter().map(event).collect(),
        ancestor: ancestor.map(TaskId::new),
    }
}

fn config(min: i64, max: i64) -> CoreConfig {
    CoreConfig {
        flapping_threshold: THRESHOLD,
        flapping_delay_min: Millis(min),
        flapping_delay_max: Millis(max),
        ..quiet_config()
    }
}

fn stored(tasks: &[Task]) -> State {
    let mut state = State::default();
    state.apply(&Operation::SaveConfig { id: ConfigId(1), config: Arc::new(service("r/prod/j")) }).unwrap();
    for task in tasks {
        let task = Arc::new(task.clone());
        state.apply(&Operation::SaveTask { task, config: ConfigId(1) }).unwrap();
    }
    state
}

fn penalty_of_heir(ancestor: &Task) -> Millis {
    let state = stored(std::slice::from_ref(ancestor));
    let new = run("new", Some(ancestor.id.as_str()), &[(Pending, 500)]);
    penalty(&state, &new, &config(100, 100), &mut CoreRng::new(1))
}

#[test]
fn sched_41_a_quick_end_is_penalized_unless_somebody_ended_it() {
    assert_eq!(
        penalty_of_heir(&run("a", None, &[(Pending, 100), (Running, 200), (Finished, 300)])),
        Millis(100)
    );
    for stop in [Killing, Restarting, Draining] {
        let ancestor = run("a", None, &[(Pending, 100), (Running, 200), (stop, 300), (Killed, 400)]);
        assert_eq!(penalty_of_heir(&ancestor), Millis::ZERO);
    }
    let mut rng = CoreRng::new(1);
    for ancestor in [Some("pruned"), None] {
        let new = run("new", ancestor, &[(Pending, 500)]);
        assert_eq!(penalty(&stored(&[]), &new, &config(100, 100), &mut rng), Millis::ZERO);
    }
}

#[test]
fn sched_42_a_preempted_task_does_not_flap() {
    let ancestor = run("a", None, &[(Running, 200), (Preempting, 300), (Killed, 400)]);
    assert_eq!(penalty_of_heir(&ancestor), Millis::ZERO);
}

#[test]
fn sched_43_a_penalty_grows_along_the_chain_up_to_its_bound() {
    let quick = [(Running, 200), (Failed, 300)];
    let state = stored(&[
        run("d", Some("c"), &quick),
        run("c", Some("b"), &quick),
        run("b", Some("a"), &quick),
        run("a", Some("x"), &quick),
        // Without events it did not flap, and would end the chain.
        run("x", None, &[(Failed, 0)]),
    ]);
    let new = run("new", Some("d"), &[(Pending, 500)]);
    let penalty = penalty(&state, &new, &config(100, 300), &mut CoreRng::new(1));
    assert_eq!(penalty, Millis(300));
}

#[test]
fn sched_44_the_threshold_itself_is_long_enough() {
    for (end, flaps) in [(60_000, false), (59_999, true)] {
        assert_eq!(flapped(&run("a", None, &[(Running, 0), (Failed, end)]), THRESHOLD), flaps);
    }
    assert!(!flapped(&run("a", None, &[]), THRESHOLD));
}

#[test]
fn an_agent_that_comes_and_goes_makes_nothing_flap() {
    let long = 10 * THRESHOLD.0;
    let away = [(Running, 0), (Partitioned, long), (Lost, long)];
    assert!(!flapped(&run("a", None, &away), THRESHOLD), "it ran for long before");
    let back = [(Running, 0), (Partitioned, long), (Running, long), (Failed, long + 1)];
    assert!(!flapped(&run("a", None, &back), THRESHOLD), "it came back, it did not start");
    let soon = [(Running, 0), (Partitioned, 5), (Running, 10), (Failed, 20)];
    assert!(flapped(&run("a", None, &soon), THRESHOLD));
}

#[test]
fn only_what_ends_by_itself_flaps() {
    let after = |end: TaskStatus, runs: bool| {
        let last = if runs { Running } else { Assigned };
        flapped(&run("a", None, &[(Pending, 0), (last, 10), (end, 20)]), THRESHOLD)
    };
    assert!(after(Failed, true) && after(Finished, true) && after(Failed, false));
    assert!(!after(Killed, true), "somebody else told it to end");
    assert!(!after(Lost, true), "its agent is gone");
    assert!(after(Lost, false), "a launch that never works must not be tried without end");
}

#[test]
fn only_what_flapped_itself_is_penalized_for_its_ancestors() {
    let day = 86_400_000;
    let state = stored(&[run("a", None, &[(Running, 200), (Failed, 300)])]);
    let after = |events: &[(TaskStatus, i64)]| {
        let ended = run("b", Some("a"), events);
        penalty_after(&state, &ended, &config(100, 100), &mut CoreRng::new(1))
    };
    assert_eq!(after(&[(Pending, 400), (Running, 500), (Failed, 600)]), Millis(100));
    assert_eq!(after(&[(Pending, 400), (Running, 500), (Failed, day)]), Millis::ZERO, "it ran for a day");
    for stop in [Restarting, Draining, Preempting] {
        let stopped = [(Pending, 400), (Running, 500), (stop, 550), (Killed, 600)];
        assert_eq!(after(&stopped), Millis::ZERO, "somebody stopped it: {stop}");
    }
}

#[test]
fn an_announced_penalty_reads_back() {
    assert_eq!(penalty_of_message(&rescheduled_message(Millis(1234))), Some(Millis(1234)));
    assert_eq!(penalty_of_message(&rescheduled_message(Millis::ZERO)), None);
}
