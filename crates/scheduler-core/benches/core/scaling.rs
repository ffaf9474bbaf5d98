//! What one attempt costs in a small cluster and in a large one.

use aurora_api::amounts::Millis;
use aurora_api::ids::OfferId;
use aurora_api::task::TaskConfig;
use scheduler_core::Change;
use scheduler_core::input::{Input, MesosEvent, Offer};

use crate::cluster::{Cluster, limit, offer, task, value};
use crate::report::{Meter, Report};
use crate::scheduling::huge;

/// The sizes that are compared.
const AGENTS: [u64; 3] = [2000, 20_000, 200_000];

/// Series of each, and the rounds of one. The best series is told: others run on the machine, and take caches away.
const SERIES: u64 = 8;
const ROUNDS: u64 = 1000;

/// Runs all.
pub fn run(report: &mut Report) {
    report.say("Scaling: one task's attempt, by number of agents; a new configuration each time, so nothing is remembered");
    let with = |constraint| TaskConfig { constraints: [constraint].into(), ..task("jmh/dev/t") };
    compare(report, "fits", true, |_| task("jmh/dev/t"));
    compare(report, "fits, with a limit of 1 a host and rack", true, |_| TaskConfig {
        constraints: [limit("host", 1), limit("rack", 1)].into(),
        ..task("jmh/dev/t")
    });
    compare(report, "fits one host by value", true, move |round| {
        with(value("host", &format!("host-{}", round % 1000)))
    });
    let with = |constraint| TaskConfig { constraints: [constraint].into(), ..task("jmh/dev/t") };
    compare(report, "fits none by value", false, move |_| with(value("host", "denied")));
    compare(report, "fits nowhere", false, |_| huge("jmh/dev/t"));
    nowhere_among_different(report);
}

/// No two agents have equal free resources, and none has enough.
fn nowhere_among_different(report: &mut Report) {
    for agents in AGENTS {
        let mut cluster = Cluster::empty();
        for number in 0..agents {
            let mut offer = offer(number);
            offer.resources.disk.0 -= i64::try_from(number).unwrap() % 250_000;
            cluster.input(Input::Mesos(MesosEvent::Offers(vec![offer])));
        }
        cluster.settle();
        let mut meter = Meter::default();
        for round in 0..10 {
            cluster.create(TaskConfig { priority: round, ..huge("jmh/dev/t") }, 1);
            let group = cluster.group();
            meter.time(1, || cluster.schedule(group));
            undo(&mut cluster, false);
        }
        let us = meter.ns_per_operation() / 1000.0;
        report
            .say(&format!("  {:<40} {agents:>9} agents {us:>10.2} us", "fits nowhere, no two agents alike"));
    }
}

fn compare(report: &mut Report, name: &str, is_placed: bool, config: impl Fn(u64) -> TaskConfig) {
    let mut first = None;
    for agents in AGENTS {
        let mut cluster = Cluster::filled(agents, 0, 0);
        let mut series = Vec::new();
        for number in 0..SERIES {
            let mut meter = Meter::default();
            for round in number * ROUNDS..(number + 1) * ROUNDS {
                let launched = cluster.launched;
                let config = TaskConfig { priority: i32::try_from(round).unwrap(), ..config(round) };
                cluster.create(config, 1);
                let group = cluster.group();
                meter.time(1, || cluster.schedule(group));
                assert_eq!(cluster.launched - launched, u64::from(is_placed), "{name}");
                undo(&mut cluster, is_placed);
            }
            series.push(meter.ns_per_operation());
        }
        let ns = series.into_iter().fold(f64::INFINITY, f64::min);
        let base = *first.get_or_insert(ns);
        report.say(&format!("  {name:<40} {agents:>9} agents {:>10.2} us {:>8.2}x", ns / 1000.0, ns / base));
    }
}

/// The task goes, and what it took is offered again.
fn undo(cluster: &mut Cluster, was_placed: bool) {
    let job = "jmh/dev/t".parse().unwrap();
    let tasks: Vec<_> = cluster.view.job_tasks(&job).cloned().collect();
    cluster.request(Change::KillTasks { job, instances: None, message: None });
    for task in tasks {
        if let Some(place) = task.assignment.as_ref().filter(|_| was_placed) {
            cluster.input(crate::cluster::update(&task, aurora_api::task::TaskStatus::Killed));
            let number = place.host.as_str().trim_start_matches("host-").parse().unwrap();
            let id = OfferId::new(format!("offer-of-{}", task.id));
            cluster.input(Input::Mesos(MesosEvent::Offers(vec![Offer { id, ..offer(number) }])));
            cluster.request(Change::PruneTasks(vec![task.id.clone()]));
        }
    }
    cluster.now = cluster.now + Millis(1);
    cluster.settle();
}
