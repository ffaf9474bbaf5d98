//! Clusters in which no two agents have equal free resources, as when each is filled differently.

use aurora_api::amounts::{Megabytes, MilliCpus};
use aurora_api::task::TaskConfig;
use scheduler_core::config::OfferOrder;
use scheduler_core::input::Offer;

use crate::cluster::{Cluster, limit, offer, task};
use crate::report::{Meter, Report};
use crate::scaling::{Workload, by_value, tell, with};
use crate::scheduling::huge;

const FILLED: Workload = Workload {
    name: "fits, each filled differently",
    order: &[OfferOrder::Random],
    offer: filled,
    is_placed: true,
    task: |_| task("jmh/dev/t"),
};

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "fits nowhere, no two agents alike",
        offer: almost_equal,
        is_placed: false,
        task: |_| huge("jmh/dev/t"),
        ..FILLED
    },
    FILLED,
    Workload { name: "fits, each asks for another amount", task: another_amount, ..FILLED },
    Workload {
        name: "fits, with limits, each filled differently",
        task: |_| with([limit("host", 1), limit("rack", 1)]),
        ..FILLED
    },
    Workload {
        name: "fits one host by value, each filled differently",
        offer: almost_equal,
        task: by_value,
        ..FILLED
    },
    Workload {
        name: "fits the last only, each filled differently",
        order: &[OfferOrder::Cpu],
        task: |_| most(),
        ..FILLED
    },
    Workload {
        name: "fits nowhere, each filled differently",
        is_placed: false,
        task: |_| huge("jmh/dev/t"),
        ..FILLED
    },
    Workload {
        name: "fits nowhere, processors here and memory there",
        offer: torn,
        is_placed: false,
        ..FILLED
    },
    Workload {
        name: "fits nowhere, 32 zones, each filled differently",
        offer: in_zones,
        is_placed: false,
        task: |_| huge("jmh/dev/t"),
        ..FILLED
    },
];

/// A number below `below` that looks like chance.
fn chance(number: u64, salt: u64, below: u64) -> i64 {
    let mut mixed =
        (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03);
    mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x94D0_49BB_1331_11EB);
    i64::try_from((mixed ^ (mixed >> 32)) % below).unwrap()
}

fn with_amounts(number: u64, cpus: i64, ram: i64, disk: i64) -> Offer {
    let mut offer = offer(number);
    for pool in [&mut offer.resources, &mut offer.revocable] {
        (pool.ram, pool.disk) = (Megabytes(ram), Megabytes(disk));
    }
    offer.resources.cpus = MilliCpus(cpus);
    offer
}

/// Nothing is taken but some disk.
fn almost_equal(number: u64) -> Offer {
    with_amounts(number, 8000, 16 * 1024, 256 * 1024 - i64::try_from(number).unwrap() % 250_000)
}

/// Something of everything is taken. The first agent has the most processors.
pub fn filled(number: u64) -> Offer {
    let cpus = if number == 0 { 8000 } else { chance(number, 1, 7990) };
    let ram = if number == 0 { 16 * 1024 } else { chance(number, 2, 16 * 1024) };
    with_amounts(number, cpus, ram, 128 * 1024 + chance(number, 3, 128 * 1024))
}

/// What is free of processors is taken of memory.
fn torn(number: u64) -> Offer {
    let part = chance(number, 1, 8000);
    let ram = (8000 - part) * 16 * 1024 / 8000 - chance(number, 2, 2048);
    with_amounts(number, part, ram.max(0), 128 * 1024 + chance(number, 3, 128 * 1024))
}

fn in_zones(number: u64) -> Offer {
    let mut offer = filled(number);
    offer.attributes.insert("zone".into(), [format!("zone-{}", number % 32).into()].into());
    offer
}

/// Less disk than every agent has, and never the same.
fn another_amount(round: u64) -> TaskConfig {
    let mut config = task("jmh/dev/t");
    config.resources.disk = Megabytes(128 * 1024 - i64::try_from(round).unwrap());
    config
}

/// What the first agent has.
fn most() -> TaskConfig {
    let mut config = task("jmh/dev/t");
    config.resources.cpus = MilliCpus(7750);
    config
}

/// The first attempt of all makes the index.
pub fn first_attempt(report: &mut Report, sizes: [u64; 3]) {
    let mut first = None;
    for agents in sizes {
        let mut cluster = Cluster::with_offers((0..agents).map(filled), &[OfferOrder::Random]);
        cluster.create(huge("jmh/dev/t"), 1);
        let group = cluster.group();
        let mut meter = Meter::default();
        meter.time(1, || cluster.schedule(group));
        let ns = meter.ns_per_operation();
        tell(report, "the very first attempt", agents, ns, *first.get_or_insert(ns));
    }
}
