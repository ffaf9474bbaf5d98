use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::*;

use super::*;
use crate::bench::*;
use crate::effect::Effect;
use crate::input::Change;

fn done() -> Reply {
    Reply::Done(Vec::new())
}

/// A bench with a job of three running tasks.
fn running() -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    assert_eq!(bench.create(service("r/prod/j"), 3), done());
    bench.offer(offer("a", resources(9.0, 9000, 9000), &[]));
    bench.tick(Millis(1));
    for task in bench.tasks(Assigned) {
        bench.status(&task.id, Running);
    }
    assert_eq!(bench.tasks(Running).len(), 3);
    bench
}

fn restart(bench: &mut Bench, instances: &[u32]) -> (Reply, Vec<Effect>) {
    let instances: BTreeSet<u32> = instances.iter().copied().collect();
    bench.request(Change::RestartInstances { job: job_key("r/prod/j"), instances })
}

#[test]
fn instances_are_restarted_all_or_none() {
    let mut bench = running();
    let refused = Reply::Invalid(vec!["Not all requested shards are active.".to_owned()]);
    let (reply, effects) = restart(&mut bench, &[0, 7]);
    assert_eq!((reply, kills(&effects).len()), (refused, 0));
    let (reply, effects) = restart(&mut bench, &[0, 2]);
    assert_eq!((reply, kills(&effects).len()), (done(), 2));
    let task = bench.active(&job_key("r/prod/j"), 0).unwrap();
    assert_eq!(task.status, Restarting);
    assert_eq!(task.last_event().unwrap().message.as_deref(), Some("Restarted by alice"));
    bench.status(&task.id, Killed);
    assert_eq!(bench.active(&job_key("r/prod/j"), 0).unwrap().ancestor, Some(task.id.clone()));
    assert_eq!(bench.counter("thrift_workload_restartShards"), 2);
}

fn add(bench: &mut Bench, instance: u32, count: u32) -> Reply {
    bench.request(Change::AddInstances { job: job_key("r/prod/j"), instance, count }).0
}

#[test]
fn added_instances_follow_the_highest() {
    let mut bench = running();
    let invalid = |message: &str| Reply::Invalid(vec![message.to_owned()]);
    assert_eq!(add(&mut bench, 9, 1), invalid("No active task found for a given instance ID."));
    assert_eq!(add(&mut bench, 0, 0), invalid("Instance count must be positive."));
    assert_eq!(add(&mut bench, 0, 4000), invalid("Instance count must be between 1 and 4000 inclusive."));
    assert_eq!(add(&mut bench, 1, 2), done());
    let view = bench.core.view();
    let instances: Vec<u32> =
        view.job(&job_key("r/prod/j")).unwrap().active().map(|(instance, _)| instance).collect();
    assert_eq!(instances, [0, 1, 2, 3, 4]);
    assert_eq!(bench.active(&job_key("r/prod/j"), 4).unwrap().status, Pending);
}

#[test]
fn a_forced_status_goes_through_the_state_machine() {
    let mut bench = running();
    let id = bench.active(&job_key("r/prod/j"), 1).unwrap().id.clone();
    let (reply, _) = bench.request(Change::ForceStatus { task: id.clone(), status: Lost });
    assert_eq!(reply, done());
    let task = bench.task(&id).unwrap();
    assert_eq!(task.status, Lost);
    assert_eq!(task.last_event().unwrap().message.as_deref(), Some("Transition forced by alice"));
    assert_eq!(bench.tasks(Pending).len(), 1);
    for task in [id.clone(), TaskId::new("unknown")] {
        let (reply, _) = bench.request(Change::ForceStatus { task, status: Starting });
        assert_eq!(reply, done());
    }
    assert_eq!(bench.task(&id).unwrap().status, Lost);
}

#[test]
fn pruning_forgets_ended_tasks_only() {
    let mut bench = running();
    let ids: Vec<TaskId> = bench.tasks(Running).iter().map(|task| task.id.clone()).collect();
    bench.status(&ids[0], Failed);
    // It is being killed, and its executor is not done.
    bench.change(&ids[1], Killing);
    let (reply, _) = bench.request(Change::PruneTasks(ids.clone()));
    assert_eq!(reply, done());
    assert_eq!(bench.task(&ids[0]), None);
    assert_eq!((bench.tasks(Running).len(), bench.tasks(Killing).len()), (1, 1));
    assert_eq!(bench.counter("thrift_workload_pruneTasks"), 1);
}

fn asked(effects: &[Effect]) -> Vec<usize> {
    let asked = |effect: &Effect| match effect {
        Effect::Reconcile(tasks) => Some(tasks.len()),
        _ => None,
    };
    effects.iter().filter_map(asked).collect()
}

#[test]
fn sched_358_reconciliation_on_request() {
    let mut bench = running();
    let (reply, effects) = bench.request(Change::ReconcileImplicit);
    assert_eq!((reply, asked(&effects)), (done(), vec![0]));
    let (_, effects) = bench.request(Change::ReconcileExplicit { batch_size: None });
    assert_eq!(asked(&effects), [3]);
    let (_, effects) = bench.request(Change::ReconcileExplicit { batch_size: NonZeroUsize::new(2) });
    assert_eq!(asked(&effects), [2]);
    assert_eq!(asked(&bench.tick(bench.config.reconciliation_batch_interval)), [1]);
    let (_, effects) = bench.request(Change::ReconcileExplicit { batch_size: None });
    assert_eq!(asked(&effects), [3]);
}
