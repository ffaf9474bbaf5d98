use std::collections::BTreeSet;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::HostName;
use aurora_api::task::TaskStatus::{Assigned, Failed, Killing, Lost, Pending, Running};

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::effect::Reply;
use crate::input::{FailedCall, MesosEvent};
use crate::operation::Operation;

fn big(name: &str) -> crate::input::Offer {
    offer(name, resources(64.0, 65_536, 65_536), &[("host", &[name])])
}

fn limited(key: &str, name: &str, max: i32) -> TaskConfig {
    TaskConfig { constraints: [limit(name, max)].into(), ..service(key) }
}

fn group_of(bench: &Bench) -> ConfigId {
    bench.core.state.configs().iter().last().unwrap().0
}

fn due_in(bench: &Bench) -> i64 {
    bench.timer_in(&TimerKey::ScheduleGroup(group_of(bench).0)).unwrap()
}

#[test]
fn sched_83_a_failed_launch_is_lost_and_replaced() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(big("a"));
    let id = launched(&bench.tick(Millis(1)))[0].1[0].clone();
    let failed = |reason: &str| MesosEvent::CallFailed {
        call: FailedCall::Launch(vec![id.clone()]),
        reason: Arc::from(reason),
    };
    let effects = bench.mesos(failed(""));
    let task = bench.task(&id).unwrap();
    assert_eq!(task.status, Lost);
    assert_eq!(
        task.last_event().unwrap().message.as_deref(),
        Some("Unknown exception attempting to schedule task.")
    );
    assert_eq!(kills(&effects), std::slice::from_ref(&id));
    assert_eq!(bench.tasks(Pending).len(), 1);
    assert_eq!(bench.counter("assigner_launch_failures"), 1);

    // The reason follows upstream's words.
    let second = bench.tasks(Pending)[0].id.clone();
    bench.change(&second, Assigned);
    bench.mesos(MesosEvent::CallFailed {
        call: FailedCall::Launch(vec![second.clone()]),
        reason: Arc::from("the offer is gone"),
    });
    let message = bench.task(&second).unwrap().last_event().unwrap().message.clone();
    assert!(message.unwrap().ends_with("schedule task. the offer is gone"));
}

#[test]
fn sched_88_a_limit_holds_within_one_attempt() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(limited("r/prod/j", "rack", 1), 5);
    let in_r1 = |name: &str| offer(name, resources(8.0, 8192, 8192), &[("rack", &["r1"])]);
    bench.mesos(MesosEvent::Offers(["a", "b", "c", "d", "e"].map(in_r1).to_vec()));
    let effects = bench.tick(Millis(60_000));
    assert_eq!(launched(&effects).iter().map(|(_, tasks)| tasks.len()).sum::<usize>(), 1);
}

#[test]
fn a_limit_holds_on_one_offer() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(limited("r/prod/j", "host", 2), 5);
    bench.offer(big("a"));
    assert_eq!(launched(&bench.tick(Millis(1)))[0].1.len(), 2);
    bench.offer(again(big("a"), "more"));
    assert!(launched(&bench.tick(Millis(60_000))).is_empty());
}

#[test]
fn an_offer_takes_several_tasks_as_far_as_they_fit() {
    let mut bench = Bench::subscribed(quiet_config());
    let mut config = service("r/prod/j");
    config.ports = ["a", "b"].map(Arc::from).into();
    config.resources.ports = 2;
    bench.create(config, 5);
    bench.offer(with_ports(offer("a", resources(3.5, 65_536, 65_536), &[]), &[(80, 81), (90, 95)]));
    let effects = bench.tick(Millis(1));
    let [Effect::Launch { tasks, .. }] =
        &effects.iter().filter(|effect| matches!(effect, Effect::Launch { .. })).collect::<Vec<_>>()[..]
    else {
        panic!("one launch")
    };
    assert_eq!(tasks.len(), 3);
    let ports: BTreeSet<u16> =
        tasks.iter().flat_map(|task| task.assignment.as_ref().unwrap().ports.values().copied()).collect();
    assert_eq!(ports.len(), 6, "no port twice");
    assert!(ports.iter().all(|port| matches!(port, 80..=81 | 90..=95)));
}

#[test]
fn the_executor_is_counted_in() {
    let mut config = quiet_config();
    config.executor_overhead.insert(Arc::from("AuroraExecutor"), resources(0.25, 128, 0));
    let mut bench = Bench::subscribed(config);
    bench.create(service("r/prod/j"), 2);
    bench.offer(offer("a", resources(2.25, 4096, 4096), &[]));
    assert_eq!(launched(&bench.tick(Millis(1)))[0].1.len(), 1);
}

#[test]
fn sched_89_tasks_that_left_pending_are_not_tried() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 2);
    let first = bench.active(&job_key("r/prod/j"), 0).unwrap().id.clone();
    bench.change(&first, Assigned);
    bench.offer(big("a"));
    let effects = bench.tick(Millis(1));
    assert_eq!(launched(&effects)[0].1.len(), 1);
    assert_eq!(bench.counter("schedule_attempts_fired"), 1);
    assert!(bench.core.groups.is_empty());
    let fired = bench.counter("schedule_attempts_fired");
    bench.input(crate::Input::Timer(TimerKey::ScheduleGroup(1)));
    assert_eq!(bench.counter("schedule_attempts_fired"), fired);
}

#[test]
fn sched_90_an_attempt_that_cannot_decide_backs_off() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(limited("r/prod/j", "host", 2), 2);
    // A sibling on a host that nothing is known of.
    let first = bench.active(&job_key("r/prod/j"), 0).unwrap();
    let assignment = Assignment {
        agent: aurora_api::ids::AgentId::new("x"),
        host: HostName::new("x"),
        ports: std::collections::BTreeMap::new(),
    };
    let task = Task { status: Assigned, assignment: Some(assignment), ..Task::clone(&first) };
    let config = group_of(&bench);
    bench.core.state.apply(&Operation::SaveTask { task: Arc::new(task), config }).unwrap();
    bench.core.groups.leave(&first.id);
    bench.offer(big("a"));
    assert!(launched(&bench.tick(Millis(1))).is_empty());
    assert_eq!(bench.counter("schedule_attempts_failed"), 1);
    assert!((1000..=2000).contains(&due_in(&bench)));
    // Also then it says why.
    let second = bench.active(&job_key("r/prod/j"), 1).unwrap().id.clone();
    let told = bench.core.view().pending_lines(&second);
    assert!(
        told[0].starts_with("tasks of the job are on host x, whose attributes are not known"),
        "{told:?}"
    );
    let x = offer("x", resources(0.1, 1, 1), &[("host", &["x"])]);
    bench.offer(x);
    assert_eq!(launched(&bench.tick(Millis(60_000))).len(), 1);
}

#[test]
fn attempts_are_counted() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.tick(Millis(1));
    assert_eq!(
        (bench.counter("schedule_attempts_fired"), bench.counter("schedule_attempts_no_match")),
        (1, 1)
    );
    bench.offer(big("a"));
    bench.tick(Millis(1));
    assert_eq!(
        (bench.counter("schedule_attempts_fired"), bench.counter("schedule_attempts_no_match")),
        (2, 1)
    );
}

#[test]
fn sched_93_a_group_is_tried_at_once_and_after_a_restart_in_its_time() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    assert_eq!(due_in(&bench), 1);
    bench.restart();
    assert_eq!(due_in(&bench), 0, "a spread of zero is allowed");

    bench.config.startup_delay_max = Millis(30_000);
    let mut delays = BTreeSet::new();
    for _ in 0..5 {
        bench.restart();
        delays.insert(due_in(&bench));
    }
    assert!(delays.len() > 1 && delays.iter().all(|delay| (0..30_000).contains(delay)), "{delays:?}");

    let id = bench.tasks(Pending)[0].id.clone();
    bench.change(&id, Assigned);
    bench.restart();
    assert!(bench.core.groups.is_empty());

    // What flaps waits for that as well.
    for (spread, least, most) in [(0, 30_000, 60_000), (30_000, 30_000, 90_000)] {
        let mut bench = Bench::subscribed(quiet_config());
        let id = bench.task_in(service("r/prod/j"), &[]);
        bench.change_all(&id, &[Assigned, Running, Failed]);
        let second = bench.tasks(Pending)[0].clone();
        assert_eq!((second.ancestor.as_ref(), due_in(&bench)), (Some(&id), 1));
        bench.config.startup_delay_max = Millis(spread);
        bench.restart();
        assert!((least..=most).contains(&due_in(&bench)), "{}", due_in(&bench));
    }
}

#[test]
fn sched_94_groups_take_turns_within_the_rate() {
    let mut bench = Bench::subscribed(CoreConfig {
        tasks_per_attempt: 2,
        schedule_attempts_per_1000_s: 1000,
        ..quiet_config()
    });
    bench.create(service("r/prod/a"), 3);
    bench.create(service("r/prod/b"), 1);
    bench.mesos(MesosEvent::Offers(["a", "b", "c"].map(big).to_vec()));
    // One permit a second, of which the first is free.
    let first = launched(&bench.tick(Millis(1)));
    assert_eq!(first.iter().map(|(_, tasks)| tasks.len()).sum::<usize>(), 2);
    assert_eq!(bench.counter("schedule_attempts_blocks"), 1);
    bench.tick(Millis(1));
    assert_eq!(bench.counter("schedule_attempts_blocks"), 2);
    assert_eq!(launched(&bench.tick(Millis(998))).len(), 0);
    assert_eq!(launched(&bench.tick(Millis(1))).len(), 1);
    assert_eq!(launched(&bench.tick(Millis(1000))).len(), 1);
    assert_eq!(bench.counter("schedule_attempts_blocks"), 2);
}

#[test]
fn sched_95_a_group_ends_with_its_last_task() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.tick(Millis(1));
    assert!(due_in(&bench) > 0);
    bench.change_all(&id, &[Killing]);
    assert!(bench.core.groups.is_empty());
    assert!(bench.timers.keys().all(|key| !matches!(key, TimerKey::ScheduleGroup(_))));
}

#[test]
fn sched_96_a_group_that_does_not_fit_is_tried_less_and_less() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.tick(Millis(1));
    let mut last = due_in(&bench);
    assert!((1000..=2000).contains(&last));
    for _ in 0..8 {
        bench.tick(Millis(last));
        let next = due_in(&bench);
        assert!(((last.min(60_000))..=(2 * last).min(60_000)).contains(&next), "{last} {next}");
        last = next;
    }
    assert_eq!(last, 60_000);
}

#[test]
fn partial_success_tries_the_rest_at_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 12);
    bench.mesos(MesosEvent::Offers(["a", "b", "c"].map(big).to_vec()));
    let effects = bench.tick(Millis(3));
    assert_eq!(launched(&effects).iter().map(|(_, tasks)| tasks.len()).collect::<Vec<_>>(), [5, 5, 2]);
}

#[test]
fn a_new_offer_wakes_the_group_it_suits() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.tick(Millis(30_000));
    let before = bench.counter("schedule_attempts_fired");
    bench.offer(offer("small", resources(0.5, 4096, 4096), &[]));
    bench.tick(Millis(1));
    assert_eq!(bench.counter("schedule_attempts_fired"), before);
    bench.offer(big("a"));
    assert_eq!(launched(&bench.tick(Millis(1))).len(), 1);
}

#[test]
fn while_others_wait_the_rest_of_an_offer_comes_back_at_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 6);
    let refusal = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Launch { refuse, .. } => Some(refuse.0),
            _ => None,
        })
    };
    bench.offer(big("a"));
    assert_eq!(refusal(&bench.tick(Millis(1))), Some(0));
    bench.offer(again(big("a"), "second"));
    assert_eq!(refusal(&bench.tick(Millis(1))), Some(5000));
}

#[test]
fn jobs_of_equal_tasks_are_different_groups_by_configuration() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/a"), 2);
    bench.create(service("r/prod/b"), 2);
    assert_eq!(bench.core.state.configs().iter().count(), 2);
    bench.kill_job(&job_key("r/prod/a"));
    assert_eq!(bench.core.state.configs().iter().count(), 1, "a configuration goes with its last task");
}

#[test]
fn killing_says_who_and_why() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 3);
    let ids: Vec<TaskId> = bench.tasks(Pending).iter().map(|task| task.id.clone()).collect();
    for id in &ids {
        bench.change_all(id, &[Assigned, Running]);
    }
    let kill = |instances, message: Option<&str>| crate::Change::KillTasks {
        job: job_key("r/prod/j"),
        instances,
        message: message.map(Arc::from),
    };
    let (reply, effects) = bench.request(kill(Some([1].into()), Some("too old")));
    assert_eq!((reply, kills(&effects).len()), (Reply::Done(vec![]), 1));
    let killed = bench.tasks(Killing);
    assert_eq!(killed[0].instance, 1);
    assert_eq!(killed[0].last_event().unwrap().message.as_deref(), Some("Killed by alice.\ntoo old"));
    bench.request(kill(None, None));
    assert_eq!(bench.tasks(Killing).len(), 3);
    let (reply, _) = bench.request(kill(None, None));
    assert_eq!(reply, Reply::Done(vec!["No tasks to kill.".to_owned()]));
}

#[test]
fn the_clock_does_not_matter_to_an_early_timer() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(big("a"));
    bench.now = Timestamp(bench.now.0);
    assert!(bench.input(crate::Input::Timer(TimerKey::ScheduleGroup(group_of(&bench).0))).is_empty());
    assert_eq!(bench.tasks(Pending).len(), 1);
}

use aurora_api::task::Task;
