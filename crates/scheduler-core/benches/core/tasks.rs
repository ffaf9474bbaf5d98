//! `StateManagerBenchmarks`, `StatusUpdateBenchmark`, `TaskStoreBenchmarks` and `SnapshotBenchmarks`.

use std::hint::black_box;
use std::sync::Arc;

use aurora_api::ids::TaskId;
use aurora_api::task::{TaskConfig, TaskStatus};
use scheduler_core::effect::Batch;
use scheduler_core::{Change, Core, Identity};

use crate::cluster::{Cluster, settings, task, update};
use crate::report::{Meter, Report};

/// A job that ends by itself.
fn short_lived(job: &str) -> TaskConfig {
    TaskConfig { is_service: false, max_task_failures: 1, ..task(job) }
}

/// A new job of many instances; the store grows with each.
pub fn insert_pending(report: &mut Report, count: u64, upstream: Option<f64>) {
    let mut cluster = Cluster::empty();
    let mut meter = Meter::default();
    for operation in 0..500_000 / count {
        let config = task(&format!("jmh/dev/iter_{operation}"));
        meter.time(1, || cluster.create(config, count));
    }
    report.add(&format!("InsertPendingTasks ({count})"), &meter, count, upstream);
}

/// Ended tasks are deleted, all in one batch.
pub fn delete(report: &mut Report, count: u64, upstream: Option<f64>) {
    let mut cluster = Cluster::empty();
    let mut meter = Meter::default();
    for _ in 0..300_000 / count {
        cluster.create(short_lived("jmh/dev/ended"), count);
        for task in cluster.with_status(TaskStatus::Pending) {
            for status in [TaskStatus::Assigned, TaskStatus::Finished] {
                cluster.input(update(&task, status));
            }
        }
        cluster.settle();
        let ended: Vec<TaskId> =
            cluster.with_status(TaskStatus::Finished).iter().map(|task| task.id.clone()).collect();
        assert_eq!(ended.len() as u64, count);
        meter.time(1, || cluster.request(Change::PruneTasks(ended)));
        assert_eq!(cluster.view.task_count(), 0);
    }
    report.add(&format!("DeleteTasks ({count})"), &meter, count, upstream);
}

/// 1,000 tasks that start say that they run, in one batch.
pub fn status_updates(report: &mut Report) {
    let mut meter = Meter::default();
    let mut cluster = Cluster::empty();
    for operation in 0..200 {
        cluster.create(task(&format!("jmh/dev/iter_{operation}")), 1000);
        let tasks = cluster.with_status(TaskStatus::Pending);
        for task in &tasks {
            cluster.input(update(task, TaskStatus::Assigned));
            cluster.input(update(task, TaskStatus::Starting));
        }
        cluster.settle();
        let updates: Vec<_> = tasks.iter().map(|task| update(task, TaskStatus::Running)).collect();
        meter.time(1, || {
            for update in updates {
                cluster.input(update);
            }
            cluster.settle();
        });
        assert_eq!(cluster.view.count(TaskStatus::Running), 1000 * (operation + 1));
    }
    report.add("StatusUpdate (1,000 updates, no latency)", &meter, 1000, None);
}

/// Every stored task is looked at.
pub fn fetch_all(report: &mut Report) {
    for count in [10_000, 50_000, 100_000] {
        let mut cluster = Cluster::empty();
        cluster.create(task("jmh/dev/fetch"), count);
        let mut meter = Meter::default();
        while !meter.is_enough() {
            let fetched = meter.time(1, || cluster.view.tasks().cloned().collect::<Vec<_>>());
            assert_eq!(black_box(fetched).len() as u64, count);
        }
        report.add(&format!("FetchAll ({count})"), &meter, count, None);
    }
}

/// One instance of a job among many tasks.
pub fn indexed_fetch(report: &mut Report) {
    for count in [10_000, 50_000, 100_000] {
        let mut cluster = Cluster::empty();
        cluster.create(task("jmh/dev/fetch"), count);
        let key = "jmh/dev/fetch".parse().unwrap();
        let mut meter = Meter::default();
        while !meter.is_enough() {
            meter.time(1000, || {
                for _ in 0..1000 {
                    let task = cluster.view.job(black_box(&key)).and_then(|job| job.active_of(0)).unwrap();
                    assert!(black_box(cluster.view.task(&task.id)).is_some());
                }
            });
        }
        report.add(&format!("IndexedFetchAndFilter ({count})"), &meter, 1, None);
    }
}

/// The state is read back from a snapshot. Upstream's holds job updates; tasks stand in for them here.
pub fn restore_snapshot(report: &mut Report) {
    for count in [10_000, 100_000] {
        let mut cluster = Cluster::empty();
        cluster.create(task("jmh/dev/restore"), count);
        let snapshot = cluster.core.snapshot();
        let mut meter = Meter::default();
        while !meter.is_enough() {
            let identity = Identity { host: Arc::from("scheduler") };
            let recovered = meter.time(1, || {
                Core::recover(
                    settings(),
                    identity,
                    1,
                    Some(&snapshot),
                    std::iter::empty::<&[u8]>(),
                    cluster.now,
                    &mut Batch::default(),
                )
            });
            assert_eq!(recovered.unwrap().view().task_count() as u64, count);
        }
        report.add(&format!("RestoreSnapshot ({count} tasks)"), &meter, count, None);
    }
}
