//! `SchedulingBenchmarks`: tasks that find a place, and tasks that find none.

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use aurora_api::task::TaskConfig;
use scheduler_core::Change;

use crate::cluster::{Cluster, JOB, limit, production, task, value};
use crate::report::{Meter, Report};

/// 10 new tasks are saved and scheduled; the cluster fills up.
pub fn fill_cluster(report: &mut Report) {
    let meter = fill(200_000, 15_000);
    report.add("FillCluster (200,000 hosts)", &meter, 10, Some(87.6));
}

/// Fills a cluster with so many operations of 10 tasks.
pub fn fill(hosts: u64, operations: u64) -> Meter {
    let share = hosts / 100;
    let mut cluster = Cluster::filled(hosts, share, share);
    let mut meter = Meter::default();
    let before = cluster.launched;
    // The first makes the job, all later ones add to it.
    cluster.create(task("jmh/dev/fill"), 1);
    cluster.schedule_all();
    meter.time(operations, || {
        for _ in 0..operations {
            cluster.request(Change::AddInstances {
                job: "jmh/dev/fill".parse().unwrap(),
                instance: 0,
                count: 10,
            });
            // Five tasks at a time, as upstream's benchmark has it.
            let group = cluster.group();
            cluster.schedule(group);
            cluster.schedule(group);
        }
    });
    assert_eq!(cluster.launched - before, operations * 10 + 1);
    meter
}

/// One task that is tried again and again, and never fits.
fn never_fits(mut cluster: Cluster, config: TaskConfig) -> Meter {
    let launched = cluster.launched;
    cluster.create(config, 1);
    let group = cluster.group();
    let mut meter = Meter::default();
    while !meter.is_enough() {
        meter.time(100, || (0..100).for_each(|_| cluster.schedule(group)));
    }
    assert_eq!(cluster.launched, launched);
    meter
}

/// The same job as the siblings, in another configuration.
fn one_more(config: TaskConfig) -> Meter {
    never_fits(Cluster::filled(1000, 250, 250), TaskConfig { job: "jmh/dev/one".parse().unwrap(), ..config })
}

/// 32 processors: vetoed by every offer.
pub fn insufficient_resources(report: &mut Report) {
    let meter = one_more(huge(JOB));
    report.add("InsufficientResources (1,000 hosts)", &meter, 1, Some(3447.0));
}

/// A task that asks for more than any host has.
pub fn huge(job: &str) -> TaskConfig {
    let resources = Resources {
        cpus: MilliCpus(32_000),
        ram: Megabytes(8 * 1024),
        disk: Megabytes(128 * 1024),
        ..Resources::default()
    };
    TaskConfig { resources, ..production(job) }
}

/// No host has the value.
pub fn value_constraint_mismatch(report: &mut Report) {
    let config = TaskConfig { constraints: [value("host", "denied")].into(), ..production(JOB) };
    report.add("ValueConstraintMismatch (1,000 hosts)", &one_more(config), 1, None);
}

/// A limit of nothing, which is looked at anew each time.
pub fn limit_constraint_mismatch(report: &mut Report) {
    let config = TaskConfig { constraints: [limit("host", 0)].into(), ..production(JOB) };
    report.add("LimitConstraintMismatch (1,000 hosts)", &one_more(config), 1, Some(432.0));
}

/// No offers are left.
pub fn cluster_full_utilization(report: &mut Report) {
    let config = TaskConfig { constraints: [limit("host", 0)].into(), ..production("jmh/dev/one") };
    let meter = never_fits(Cluster::filled(10_000, 1000, 9000), config);
    report.add("ClusterFullUtilization (10,000 hosts)", &meter, 1, None);
}
