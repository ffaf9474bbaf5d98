//! A job that may have one task in each rack, and has one in many of 2,000 racks.

use aurora_api::amounts::MilliCpus;
use aurora_api::ids::{JobKey, OfferId};

use aurora_api::task::TaskStatus;
use scheduler_core::Change;
use scheduler_core::config::OfferOrder;
use scheduler_core::input::{Input, MesosEvent, Offer};

use crate::cluster::{Cluster, limit, offer, update};
use crate::different::filled;
use crate::report::{Meter, Report};
use crate::scaling::{tell, with};

const RACKS: u64 = 2000;

/// Series of each, and the attempts of one. The best series is told.
const SERIES: u64 = 5;
const ATTEMPTS: u64 = 20;

struct Workload {
    name: &'static str,
    /// How many racks have a task of the job.
    full: u64,
    /// An agent that is not the first of a rack.
    other: fn(u64) -> Offer,
    /// Whether the next task finds a place: on the first agent of a rack that is not full.
    is_placed: bool,
    /// Whether a host may have one task only, too.
    is_by_host: bool,
}

const HALF: Workload = Workload {
    name: "fits nowhere, half of 2,000 racks at their limit",
    full: RACKS / 2,
    other: without_room,
    is_placed: false,
    is_by_host: false,
};

const WORKLOADS: &[Workload] = &[
    HALF,
    Workload {
        name: "fits nowhere, half of 2,000 racks, equal agents",
        other: |number| with_cpus(offer(number), 6000),
        ..HALF
    },
    Workload { name: "fits nowhere, all of 2,000 racks at their limit", full: RACKS, other: filled, ..HALF },
    Workload { name: "fits nowhere, all of 2,000 racks, equal agents", full: RACKS, other: offer, ..HALF },
    Workload {
        name: "fits nowhere, all of 2,000 racks, 1 a host too",
        full: RACKS,
        other: filled,
        is_by_host: true,
        ..HALF
    },
    Workload {
        name: "fits, 5 of 2,000 racks are left",
        full: RACKS - 5,
        other: filled,
        is_placed: true,
        ..HALF
    },
    Workload { name: "fits, half of 2,000 racks are left", other: filled, is_placed: true, ..HALF },
];

fn with_cpus(offer: Offer, cpus: i64) -> Offer {
    let mut offer = offer;
    offer.resources.cpus = offer.resources.cpus.min(MilliCpus(cpus));
    offer
}

/// Filled by chance, and too full for the task.
fn without_room(number: u64) -> Offer {
    with_cpus(filled(number), 6000)
}

fn in_rack(number: u64, offer: Offer) -> Offer {
    let mut offer = offer;
    offer.attributes.insert("rack".into(), [format!("rack-{}", number % RACKS).into()].into());
    offer
}

fn job() -> JobKey {
    "jmh/dev/t".parse().unwrap()
}

/// Runs all.
pub fn run(report: &mut Report, sizes: [u64; 3]) {
    for workload in WORKLOADS {
        let (mut first, mut very_first_ns) = (None, Vec::new());
        for agents in sizes {
            let mut cluster = cluster(workload, agents);
            let mut very_first = Meter::default();
            attempt(&mut cluster, workload, &mut very_first);
            very_first_ns.push(very_first.ns_per_operation());
            let mut series = Vec::new();
            for _ in 0..SERIES {
                let mut meter = Meter::default();
                for _ in 0..ATTEMPTS {
                    attempt(&mut cluster, workload, &mut meter);
                }
                series.push(meter.ns_per_operation());
            }
            let ns = series.into_iter().fold(f64::INFINITY, f64::min);
            tell(report, workload.name, agents, ns, *first.get_or_insert(ns));
        }
        let very_first: Vec<String> = very_first_ns.iter().map(|ns| format!("{:.1}", ns / 1e6)).collect();
        report.say(&format!("    the very first attempts: {} ms", very_first.join(", ")));
    }
}

/// The first agents of as many racks as are to be full get a task each; then the others offer something, and what is left.
fn cluster(workload: &Workload, agents: u64) -> Cluster {
    let first = (0..workload.full).map(|number| in_rack(number, offer(number)));
    let mut cluster = Cluster::with_offers(first, &[OfferOrder::Random]);
    let mut config = with([limit("rack", 1)]);
    if workload.is_by_host {
        config.constraints.insert(limit("host", 1));
    }
    cluster.create(config, workload.full);
    cluster.schedule_all();
    assert_eq!(cluster.launched, workload.full);
    for number in 0..agents {
        let offer = if number < workload.full {
            let left = with_cpus(offer(number), 1750);
            Offer { id: OfferId::new(format!("left-{number}")), ..left }
        } else if number < RACKS && workload.is_placed {
            offer(number)
        } else {
            (workload.other)(number)
        };
        cluster.input(Input::Mesos(MesosEvent::Offers(vec![in_rack(number, offer)])));
    }
    cluster.settle();
    cluster
}

/// One more task is tried, and goes again.
fn attempt(cluster: &mut Cluster, workload: &Workload, meter: &mut Meter) {
    cluster.request(Change::AddInstances { job: job(), instance: 0, count: 1 });
    let (group, launched) = (cluster.group(), cluster.launched);
    meter.time(1, || cluster.schedule(group));
    assert_eq!(cluster.launched - launched, u64::from(workload.is_placed));
    let instance = u32::try_from(workload.full).unwrap();
    let task =
        cluster.view.job_tasks(&job()).find(|task| task.instance == instance && task.status.is_active());
    let task = task.unwrap().clone();
    cluster.request(Change::KillTasks { job: job(), instances: Some([instance].into()), message: None });
    if let Some(place) = &task.assignment {
        cluster.input(update(&task, TaskStatus::Killed));
        let number: u64 = place.host.as_str().trim_start_matches("host-").parse().unwrap();
        let again = if number < RACKS { offer(number) } else { (workload.other)(number) };
        let again = Offer { id: OfferId::new(format!("offer-of-{}", task.id)), ..in_rack(number, again) };
        cluster.input(Input::Mesos(MesosEvent::Offers(vec![again])));
        cluster.request(Change::PruneTasks(vec![task.id.clone()]));
    }
    cluster.settle();
}
