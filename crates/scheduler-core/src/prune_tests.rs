use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::{Assigned, Failed, Killed, Killing, Running};

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::effect::Effect;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn a_day(per_job: usize) -> CoreConfig {
    CoreConfig {
        history_max_age: Millis(DAY),
        history_min_retention: Millis(MINUTE),
        history_max_per_job: per_job,
        ..quiet_config()
    }
}

fn due_in(bench: &Bench, id: &TaskId) -> Option<i64> {
    bench.core.prune.due(id).map(|due| due.since(bench.now).0)
}

/// Ends the task of a fresh run of the job.
fn end_one(bench: &mut Bench) -> TaskId {
    bench.task_in(ad_hoc("r/prod/j"), &[Assigned, Failed])
}

#[test]
fn sched_152_an_ended_task_is_kept_for_its_time() {
    let mut bench = Bench::subscribed(a_day(100));
    let id = bench.task_in(service("r/prod/j"), &[Assigned, Running, Killing]);
    assert_eq!(due_in(&bench, &id), None);
    bench.change(&id, Killed);
    assert_eq!(due_in(&bench, &id), Some(DAY));
    assert_eq!(bench.timer_in(&TimerKey::Prune), Some(DAY));

    bench.now = bench.now + Millis(30 * DAY);
    bench.restart();
    assert_eq!(due_in(&bench, &id), Some(MINUTE));
    bench.tick(Millis(MINUTE));
    assert_eq!(bench.task(&id), None);
    assert_eq!(bench.counter("tasks_pruned"), 1);
}

#[test]
fn sched_153_a_restart_keeps_ages_and_shortens_histories() {
    let mut bench = Bench::subscribed(a_day(100));
    let ids: Vec<TaskId> = (0..4)
        .map(|_| {
            let id = end_one(&mut bench);
            bench.now = bench.now + Millis(MINUTE);
            id
        })
        .collect();
    bench.now = bench.now + Millis(-MINUTE);
    bench.config.history_max_per_job = 2;
    bench.restart();
    let kept: Vec<Option<i64>> = ids.iter().map(|id| due_in(&bench, id)).collect();
    assert_eq!(kept, [None, None, Some(DAY - MINUTE), Some(DAY)]);
    assert_eq!(bench.counter("tasks_pruned"), 2);
}

#[test]
fn sched_154_a_history_is_shortened_by_what_is_old_enough() {
    let mut bench = Bench::subscribed(a_day(2));
    let first: Vec<TaskId> = (0..3).map(|_| end_one(&mut bench)).collect();
    assert_eq!(bench.core.view().task_count(), 3);
    bench.now = bench.now + Millis(60 * MINUTE);
    let last = bench.task_in(ad_hoc("r/prod/j"), &[Assigned]);
    let effects = bench.status(&last, Failed);
    let removed: Vec<usize> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::TasksRemoved(tasks) => Some(tasks.len()),
            _ => None,
        })
        .collect();
    assert_eq!(removed, [2]);
    let left = first.iter().filter(|id| bench.task(id).is_some()).count();
    assert_eq!((left, bench.task(&last).is_some()), (1, true));
}

#[test]
fn pruning_goes_on_with_the_next_task() {
    let mut bench = Bench::subscribed(a_day(100));
    end_one(&mut bench);
    bench.tick(Millis(MINUTE));
    end_one(&mut bench);
    bench.tick(Millis(DAY - MINUTE));
    assert_eq!(bench.core.view().task_count(), 1);
    bench.tick(Millis(MINUTE));
    assert_eq!(bench.core.view().task_count(), 0);
    assert_eq!(bench.timer_in(&TimerKey::Prune), None);
}
