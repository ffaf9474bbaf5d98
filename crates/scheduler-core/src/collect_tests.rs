use aurora_api::amounts::Millis;
use aurora_api::ids::OfferId;

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::input::{FailedCall, MesosEvent};
use crate::operation::{HostAttributes, Operation};

const HOUR: Millis = Millis::from_secs(3600);

fn collecting() -> Bench {
    Bench::subscribed(CoreConfig { collection_interval: Some(HOUR), ..quiet_config() })
}

fn four(name: &str, id: &str) -> Offer {
    again(offer(name, resources(4.0, 4096, 4096), &[]), id)
}

/// A collection's id, host, and what is known there.
type Collected = (TaskId, String, Vec<(TaskId, TaskStatus)>);

/// The collections among effects.
fn collections(effects: &[Effect]) -> Vec<Collected> {
    let collection = |effect: &Effect| match effect {
        Effect::Collect { host, task, retained, .. } => {
            Some((task.clone(), host.to_string(), retained.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(collection).collect()
}

#[test]
fn the_first_offer_sets_the_time_and_one_after_it_is_used() {
    let mut bench = collecting();
    assert!(collections(&bench.offer(four("A", "o1"))).is_empty());
    bench.mesos(MesosEvent::Rescinded(OfferId::new("o1")));
    bench.tick(HOUR);
    let effects = bench.offer(four("A", "o2"));
    let made = collections(&effects);
    assert_eq!(made.len(), 1);
    assert!(is_collection(&made[0].0) && made[0].1 == "A");
    assert!(bench.core.offers.get(&OfferId::new("o2")).is_none(), "nobody else gets the offer");
    assert_eq!(bench.counter("scheduler_gc_tasks_created"), 1);
    assert_eq!(bench.counter("scheduler_gc_offers_consumed"), 1);
    // Each host has its own time.
    assert!(collections(&bench.offer(four("B", "o3"))).is_empty());
}

#[test]
fn a_collection_is_told_every_task_of_its_host() {
    let mut bench = collecting();
    for (key, end) in [("w/prod/a", TaskStatus::Running), ("w/prod/b", TaskStatus::Finished)] {
        bench.create(ad_hoc(key), 1);
        bench.offer(four("A", &format!("o-{key}")));
        bench.tick(Millis::from_secs(1));
        let assigned = bench.tasks(TaskStatus::Assigned);
        assert_eq!(assigned.len(), 1, "{key} has the offer");
        bench.change(&assigned[0].id, end);
    }
    bench.tick(HOUR);
    let made = collections(&bench.offer(four("A", "later")));
    let known: Vec<(TaskId, TaskStatus)> = [TaskStatus::Running, TaskStatus::Finished]
        .into_iter()
        .flat_map(|status| bench.tasks(status))
        .map(|task| (task.id.clone(), task.status))
        .collect();
    assert_eq!(known.len(), 2);
    let mut told = made[0].2.clone();
    told.sort_by_key(|(_, status)| *status != TaskStatus::Running);
    assert_eq!(told, known);
}

#[test]
fn user_tasks_get_the_offer_when_there_is_too_little_for_a_collection() {
    let mut bench = collecting();
    let small = |id: &str| again(offer("A", resources(0.1, 64, 64), &[]), id);
    bench.offer(small("o1"));
    bench.mesos(MesosEvent::Rescinded(OfferId::new("o1")));
    bench.tick(HOUR);
    assert!(collections(&bench.offer(small("o2"))).is_empty());
    assert_eq!(bench.counter("scheduler_gc_insufficient_offers"), 1);
    assert!(bench.core.offers.get(&OfferId::new("o2")).is_some());
}

#[test]
fn a_host_in_maintenance_and_a_scheduler_without_the_flag_collect_nothing() {
    let mut bench = collecting();
    bench.offer(four("A", "o1"));
    bench.mesos(MesosEvent::Rescinded(OfferId::new("o1")));
    let stored = bench.core.state.tables().host(&HostName::new("A")).unwrap();
    let changed = HostAttributes { mode: MaintenanceMode::Draining, ..HostAttributes::clone(stored) };
    bench.core.state.apply(&Operation::SaveHost(std::sync::Arc::new(changed))).unwrap();
    bench.tick(HOUR);
    assert!(collections(&bench.offer(four("A", "o2"))).is_empty());

    let mut off = Bench::subscribed(quiet_config());
    off.offer(four("A", "o1"));
    off.mesos(MesosEvent::Rescinded(OfferId::new("o1")));
    off.tick(HOUR);
    assert!(collections(&off.offer(four("A", "o2"))).is_empty());
}

#[test]
fn statuses_of_collections_are_acknowledged_and_go_no_further() {
    let mut bench = collecting();
    let task = TaskId::new("system-gc-1");
    for status in [TaskStatus::Running, TaskStatus::Finished, TaskStatus::Lost] {
        let effects = bench.status(&task, status);
        assert!(kills(&effects).is_empty(), "{effects:?}");
        assert!(changes(&effects).is_empty());
    }
    assert_eq!(bench.counter("gc_executor_tasks_lost"), 1);
    let failed = FailedCall::Launch(vec![task]);
    let reason = std::sync::Arc::from("the offer was withdrawn");
    let effects = bench.mesos(MesosEvent::CallFailed { call: failed, reason });
    assert!(kills(&effects).is_empty() && changes(&effects).is_empty());
}
