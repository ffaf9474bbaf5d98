//! 1,000,000 stored tasks: 10,000 jobs of 100 instances, one configuration a job.

use std::ops::Range;

use aurora_api::ids::JobKey;
use aurora_api::task::{TaskConfig, TaskStatus};
use scheduler_core::Change;
use scheduler_core::input::{Input, MesosEvent};

use crate::cluster::{Cluster, offer, task, update};
use crate::report::{Meter, Report};

/// Jobs of 100 instances.
const JOBS: u64 = 10_000;

/// Tasks on a host: as many as one attempt places there.
const TASKS_PER_HOST: u64 = 5;

/// Hosts with them. All clusters here know as many, so that the stored tasks are the only difference.
const HOSTS: u64 = JOBS * 100 / TASKS_PER_HOST;

/// Placements of a series, and series. The best is told: others run on the machine, and take caches away.
const COUNT: u64 = 2000;
const SERIES: u64 = 8;

/// What they take in memory, and what a placement costs beside them.
pub fn million_tasks(report: &mut Report) {
    // It warms up by itself, as its memory counts from the start.
    if report.is_warm_up() {
        return;
    }
    let mut many = running(JOBS);
    assert_eq!(many.view.count(TaskStatus::Running), 1_000_000);
    report.say(&format!("1,000,000 tasks on {HOSTS} hosts: {} MB resident", resident_mb()));
    let mut few = running(10);
    let (mut beside_many, mut beside_few) = (Placements::default(), Placements::default());
    for cluster in [&mut many, &mut few] {
        cluster.offer_hosts(1_000_000..1_000_000 + SERIES * COUNT * 3);
        place_and_forget(cluster, SERIES * COUNT);
    }
    for series in 0..SERIES {
        let numbers = series * COUNT..(series + 1) * COUNT;
        beside_few.measure(&mut few, numbers.clone());
        beside_many.measure(&mut many, numbers);
    }
    for (tasks, placements) in [("1,000", &beside_few), ("1,000,000", &beside_many)] {
        report.add(&format!("one placement beside {tasks} tasks"), &placements.best, 1, None);
        let [half, most, worst] = placements.quantiles().map(|ns| ns as f64 / 1000.0);
        report.say(&format!("  single ones: median {half:.1}, 99 of 100 {most:.1}, dearest {worst:.1} us"));
    }
    let (many, few) = (beside_many.mean_ns() / 1000.0, beside_few.mean_ns() / 1000.0);
    report.say(&format!("without the dearest hundredth {few:.1} and {many:.1} us, ratio {:.2}", many / few));
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
    // The other hosts are known, and offer nothing.
    for host in jobs * 100 / TASKS_PER_HOST..HOSTS {
        let offer = large(host);
        let id = offer.id.clone();
        cluster.input(Input::Mesos(MesosEvent::Offers(vec![offer])));
        cluster.input(Input::Mesos(MesosEvent::Rescinded(id)));
    }
    cluster.settle();
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

/// Places as many tasks as are measured later, and forgets them: the process has the memory for the others then.
fn place_and_forget(cluster: &mut Cluster, count: u64) {
    Placements::default().measure(cluster, 0..count);
    for number in 0..count {
        let job: JobKey = extra(number).parse().unwrap();
        let tasks: Vec<_> = cluster.view.job_tasks(&job).cloned().collect();
        cluster.request(Change::KillTasks { job, instances: None, message: None });
        for task in tasks {
            cluster.input(update(&task, TaskStatus::Killed));
            cluster.request(Change::PruneTasks(vec![task.id.clone()]));
        }
    }
}

/// The name of a job that is placed beside the others.
fn extra(number: u64) -> String {
    format!("jmh/dev/extra-{number}")
}

/// What placements cost.
#[derive(Default)]
struct Placements {
    best: Meter,
    single: Vec<u64>,
}

impl Placements {
    /// One task after the other finds a place in what hosts are left.
    fn measure(&mut self, cluster: &mut Cluster, numbers: Range<u64>) {
        let mut meter = Meter::default();
        for number in numbers {
            let config = TaskConfig { priority: 7, ..task(&extra(number)) };
            let launched = cluster.launched;
            let before = meter.nanoseconds();
            meter.time(1, || {
                cluster.create(config, 1);
                let group = cluster.group();
                cluster.schedule(group);
            });
            self.single.push(meter.nanoseconds() - before);
            assert_eq!(cluster.launched, launched + 1);
        }
        if self.best.is_empty() || meter.ns_per_operation() < self.best.ns_per_operation() {
            self.best = meter;
        }
    }

    /// What one costs, without the dearest hundredth: these are the times when the machine gives the process fresh memory.
    fn mean_ns(&self) -> f64 {
        let mut single = self.single.clone();
        single.sort_unstable();
        let most = &single[..single.len() / 100 * 99];
        most.iter().sum::<u64>() as f64 / most.len() as f64
    }

    /// What half of them cost at most, what 99 of 100, and the dearest.
    fn quantiles(&self) -> [u64; 3] {
        let mut single = self.single.clone();
        single.sort_unstable();
        [single.len() / 2, single.len() / 100 * 99, single.len() - 1].map(|place| single[place])
    }
}

/// Memory of this process that is in use.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}
