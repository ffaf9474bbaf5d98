use aurora_api::amounts::Millis;
use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus::{self, *};
use aurora_api::task::{PartitionPolicy, TaskConfig};

use super::*;
use crate::CoreConfig;
use crate::bench::*;

const MINUTE: i64 = 60_000;

fn one_minute() -> CoreConfig {
    CoreConfig { transient_timeout: Millis(MINUTE), ..quiet_config() }
}

fn timeout(id: &TaskId, status: TaskStatus) -> TimerKey {
    TimerKey::TransientTimeout(id.clone(), status)
}

#[test]
fn sched_33_only_transient_statuses_are_timed() {
    let mut bench = Bench::subscribed(one_minute());
    let id = bench.task_in(service("r/prod/j"), &[]);
    let mut timed = Vec::new();
    for status in [Assigned, Starting, Running, Killing, Killed] {
        bench.change(&id, status);
        timed.extend(bench.timer_in(&timeout(&id, status)).map(|delay| (status, delay)));
    }
    assert_eq!(timed, [(Assigned, MINUTE), (Killing, MINUTE)]);
    let left: Vec<_> =
        bench.timers.keys().filter(|key| matches!(key, TimerKey::TransientTimeout(..))).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn sched_34_a_status_that_lasts_too_long_is_lost() {
    // Still ASSIGNED.
    let mut bench = Bench::subscribed(one_minute());
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.change(&id, Assigned);
    bench.tick(Millis(MINUTE));
    let task = bench.task(&id).unwrap();
    assert_eq!(task.status, Lost);
    assert_eq!(task.last_event().unwrap().message.as_deref(), Some("Task timed out"));
    assert_eq!(bench.counter("timed_out_tasks"), 1);

    // It has moved on, or is gone: a late firing does nothing.
    for status in [Some(Killing), None] {
        let mut bench = Bench::subscribed(one_minute());
        let id = bench.task_in(service("r/prod/j"), &[]);
        match status {
            Some(status) => bench.change_all(&id, &[Assigned, status]),
            None => bench.change_all(&id, &[Killing]),
        }
        let before = bench.core.snapshot();
        bench.now = bench.now + Millis(MINUTE);
        bench.input(crate::Input::Timer(timeout(&id, Assigned)));
        assert_eq!((bench.core.snapshot(), bench.counter("timed_out_tasks")), (before, 0));
    }

    // Mesos was not heard since the start.
    let mut bench = Bench::new(one_minute());
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.change(&id, Assigned);
    bench.tick(Millis(MINUTE));
    assert_eq!(bench.task(&id).unwrap().status, Assigned);
    assert_eq!(bench.timer_in(&timeout(&id, Assigned)), Some(5000));
}

#[test]
fn sched_35_timeouts_start_anew_after_a_failover() {
    let mut bench = Bench::subscribed(one_minute());
    let assigned = bench.task_in(service("r/prod/a"), &[]);
    bench.change(&assigned, Assigned);
    let preempting = bench.task_in(service("r/prod/p"), &[]);
    bench.change_all(&preempting, &[Assigned, Running, Preempting]);
    bench.now = bench.now + Millis(MINUTE / 2);
    let killing = bench.task_in(service("r/prod/k"), &[]);
    bench.change_all(&killing, &[Assigned, Running, Killing]);
    bench.now = bench.now + Millis(MINUTE);
    bench.restart();
    for (id, status) in [(&assigned, Assigned), (&preempting, Preempting), (&killing, Killing)] {
        assert_eq!(bench.timer_in(&timeout(id, status)), Some(MINUTE), "{status}");
    }
}

#[test]
fn sched_36_a_kill_is_sent_again_until_it_works() {
    let config = CoreConfig { kill_retry_min: Millis(100), ..quiet_config() };
    let mut bench = Bench::subscribed(config.clone());
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.change_all(&id, &[Assigned, Running, Killing]);
    let key = TimerKey::KillRetry(id.clone());
    let mut last = 0;
    for round in 0..2 {
        let delay = bench.timer_in(&key).unwrap();
        let range = if round == 0 { 100..=200 } else { last..=2 * last };
        assert!(range.contains(&delay), "{delay}");
        last = delay;
        assert_eq!(kills(&bench.tick(Millis(delay))), std::slice::from_ref(&id));
    }
    let late = bench.timer_in(&key).unwrap();
    bench.status(&id, Killed);
    assert_eq!(bench.timer_in(&key), None);
    bench.now = bench.now + Millis(late);
    assert!(bench.input(crate::Input::Timer(key)).is_empty());
    assert_eq!(bench.counter("task_kill_retries"), 2);

    let mut bench = Bench::subscribed(config);
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.change_all(&id, &[Assigned, Running, Killing, Killed]);
    assert!(kills(&bench.tick(Millis(1000))).is_empty());
    assert_eq!(bench.counter("task_kill_retries"), 0);
}

fn with_policy(partition_policy: Option<PartitionPolicy>) -> TaskConfig {
    TaskConfig { partition_policy, ..service("r/prod/j") }
}

fn policy(reschedule: bool, delay_secs: i64) -> Option<PartitionPolicy> {
    Some(PartitionPolicy { reschedule, delay_secs })
}

#[test]
fn sched_37_a_partition_is_waited_out_as_the_task_says() {
    for (policy, delay) in [(None, Some(0)), (policy(true, 10), Some(10_000)), (policy(false, 0), None)] {
        let mut bench = Bench::subscribed(quiet_config());
        let id = bench.task_in(with_policy(policy), &[]);
        bench.change_all(&id, &[Assigned, Running]);
        let key = TimerKey::Partition(id.clone());
        assert_eq!(bench.timer_in(&key), None);
        assert_eq!(bench.core.view().partitioned_until(&bench.task(&id).unwrap()), None);
        bench.change(&id, Partitioned);
        assert_eq!(bench.timer_in(&key), delay);
        let told = bench.core.view().partitioned_until(&bench.task(&id).unwrap());
        assert_eq!(told, Some(delay.map(|delay| bench.now + Millis(delay))));
    }
}

#[test]
fn sched_38_a_partition_goes_on_over_a_failover() {
    for (elapsed, rest) in [(5_000, 5_000), (60_000, 0)] {
        let mut bench = Bench::subscribed(quiet_config());
        let id = bench.task_in(with_policy(policy(true, 10)), &[]);
        bench.change_all(&id, &[Assigned, Running, Partitioned]);
        bench.now = bench.now + Millis(elapsed);
        bench.restart();
        assert_eq!(bench.timer_in(&TimerKey::Partition(id)), Some(rest));
    }
}

#[test]
fn sched_39_a_long_partition_ends_in_a_loss() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(with_policy(policy(true, 10)), &[]);
    bench.change_all(&id, &[Assigned, Running, Partitioned]);
    bench.tick(Millis(10_000));
    let task = bench.task(&id).unwrap();
    assert_eq!(task.status, Lost);
    assert_eq!(task.last_event().unwrap().message.as_deref(), Some("Task partitioned for too long."));

    // It is back: a late firing does nothing.
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(with_policy(policy(true, 10)), &[]);
    bench.change_all(&id, &[Assigned, Running, Partitioned]);
    bench.now = bench.now + Millis(9_000);
    bench.change(&id, Running);
    let before = bench.core.snapshot();
    bench.now = bench.now + Millis(1_000);
    bench.input(crate::Input::Timer(TimerKey::Partition(id.clone())));
    assert_eq!(bench.core.snapshot(), before);

    // It is back, and away again: only the new absence counts.
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(with_policy(policy(true, 10)), &[]);
    bench.change_all(&id, &[Assigned, Running, Partitioned]);
    bench.now = bench.now + Millis(9_000);
    bench.change_all(&id, &[Running, Partitioned]);
    bench.now = bench.now + Millis(1_000);
    bench.input(crate::Input::Timer(TimerKey::Partition(id.clone())));
    assert_eq!(bench.task(&id).unwrap().status, Partitioned);
}

/// A bench with a task that is throttled for 100 ms.
fn throttled() -> (Bench, TaskId) {
    let mut bench = Bench::subscribed(CoreConfig {
        flapping_delay_min: Millis(100),
        flapping_delay_max: Millis(100),
        ..quiet_config()
    });
    let key = job_key("r/prod/j");
    bench.task_in(service("r/prod/j"), &[]);
    for _ in 0..2 {
        let id = bench.active(&key, 0).unwrap().id.clone();
        bench.change_all(&id, &[Assigned, Running, Failed]);
    }
    let task = bench.active(&key, 0).unwrap();
    assert_eq!(task.status, Throttled);
    (bench, task.id.clone())
}

#[test]
fn sched_40_a_penalty_is_served() {
    let (mut bench, id) = throttled();
    assert_eq!(bench.timer_in(&TimerKey::Throttle(id.clone())), Some(100));
    bench.tick(Millis(99));
    assert_eq!(bench.task(&id).unwrap().status, Throttled);
    bench.tick(Millis(1));
    assert_eq!(bench.task(&id).unwrap().status, Pending);
    // A late firing finds it PENDING.
    assert!(bench.input(crate::Input::Timer(TimerKey::Throttle(id.clone()))).is_empty());
    bench.change_all(&id, &[Assigned, Running]);
    let before = bench.core.snapshot();
    assert!(bench.input(crate::Input::Timer(TimerKey::Throttle(id))).is_empty());
    assert_eq!(bench.core.snapshot(), before);
    assert_eq!((bench.counter("task_throttle_events"), bench.counter("task_throttle_ms_total")), (1, 100));

    let (mut bench, id) = throttled();
    bench.now = bench.now + Millis(3_600_000);
    bench.restart();
    assert_eq!(bench.timer_in(&TimerKey::Throttle(id)), Some(0));
}

#[test]
fn sched_45_throttling_lags_one_generation_and_keeps_its_word() {
    let mut bench = Bench::subscribed(quiet_config());
    let key = job_key("r/prod/j");
    let id = bench.task_in(service("r/prod/j"), &[]);
    bench.change_all(&id, &[Assigned, Running, Failed]);
    let second = bench.active(&key, 0).unwrap();
    assert_eq!(second.status, Pending);
    bench.change_all(&second.id, &[Assigned, Running, Failed]);
    let third = bench.active(&key, 0).unwrap();
    assert_eq!(third.status, Throttled);
    let announced = announced_penalty(&third);
    assert!((30_000..=60_000).contains(&announced.0));
    assert_eq!(bench.timer_in(&TimerKey::Throttle(third.id.clone())), Some(announced.0));
    // Also after a failover.
    bench.now = bench.now + Millis(1000);
    bench.restart();
    assert_eq!(bench.timer_in(&TimerKey::Throttle(third.id.clone())), Some(announced.0 - 1000));
}
