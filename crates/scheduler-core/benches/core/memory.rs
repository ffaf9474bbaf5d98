//! 1,000,000 stored tasks: 10,000 jobs of 100 instances, one configuration a job.

use aurora_api::task::{TaskConfig, TaskStatus};
use scheduler_core::input::{Input, MesosEvent};

use crate::cluster::{Cluster, offer, task, update};
use crate::report::{Meter, Report};

/// Jobs of 100 instances.
const JOBS: u64 = 10_000;

/// Tasks on a host: as many as one attempt places there.
const TASKS_PER_HOST: u64 = 5;

/// What they take in memory, and what a placement costs beside them.
pub fn million_tasks(report: &mut Report) {
    let mut few = running(10);
    report.say(&format!("1,000 tasks: {} MB resident", resident_mb()));
    let alone = placements(&mut few);
    drop(few);
    let mut many = running(JOBS);
    assert_eq!(many.view.count(TaskStatus::Running), 1_000_000);
    report.say(&format!("1,000,000 tasks: {} MB resident", resident_mb()));
    let beside = placements(&mut many);
    report.add("one placement beside 1,000 tasks", &alone, 1, None);
    report.add("one placement beside 1,000,000 tasks", &beside, 1, None);
    report.say(&format!("ratio {:.2}", beside.ns_per_operation() / alone.ns_per_operation()));
}

/// A cluster in which so many jobs run.
fn running(jobs: u64) -> Cluster {
    let mut cluster = Cluster::empty();
    for job in 0..jobs {
        for host in 0..100 / TASKS_PER_HOST {
            cluster.input(Input::Mesos(MesosEvent::Offers(vec![large(job * 100 / TASKS_PER_HOST + host)])));
        }
        cluster.create(task(&format!("jmh/dev/job-{job}")), 100);
        cluster.schedule_all();
        for status in [TaskStatus::Starting, TaskStatus::Running] {
            for task in cluster.with_status(if status == TaskStatus::Starting {
                TaskStatus::Assigned
            } else {
                TaskStatus::Starting
            }) {
                cluster.input(update(&task, status));
            }
            cluster.settle();
        }
    }
    cluster
}

/// A host with room for many tasks.
fn large(number: u64) -> scheduler_core::input::Offer {
    let mut offer = offer(number);
    for resources in [&mut offer.resources, &mut offer.revocable] {
        resources.cpus.0 *= 5;
        resources.ram.0 *= 5;
        resources.disk.0 *= 5;
    }
    offer
}

/// One task after the other finds a place in what hosts are left. Of some series, that of the best: others run on the
/// machine, and take caches away.
fn placements(cluster: &mut Cluster) -> Meter {
    const SERIES: u64 = 8;
    const COUNT: u64 = 2000;
    cluster.offer_hosts(1_000_000..1_000_000 + SERIES * COUNT * 2);
    let mut best: Option<Meter> = None;
    for series in 0..SERIES {
        let mut meter = Meter::default();
        for number in series * COUNT..(series + 1) * COUNT {
            let config = TaskConfig { priority: 7, ..task(&format!("jmh/dev/extra-{number}")) };
            let launched = cluster.launched;
            meter.time(1, || {
                cluster.create(config, 1);
                let group = cluster.group();
                cluster.schedule(group);
            });
            assert_eq!(cluster.launched, launched + 1);
        }
        if best.as_ref().is_none_or(|best| meter.ns_per_operation() < best.ns_per_operation()) {
            best = Some(meter);
        }
    }
    best.unwrap_or_default()
}

/// Memory of this process that is in use.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}
