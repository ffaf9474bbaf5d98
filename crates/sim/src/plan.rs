//! What a seed stands for: how large the cluster is, how long things happen, which faults there are.

use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use scheduler_core::config::OfferOrder;
use scheduler_core::{CoreConfig, LayerSizes, SearchSizes};

use crate::chance::Chance;

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many agents, 3 to 1,000.
    pub agents: usize,
    /// How many jobs users know.
    pub jobs: usize,
    /// How many things happen while faults are on.
    pub happenings: u32,
    /// Longest time between two of them.
    pub gap_max: Millis,
    /// Whether users want far more than there is, so that tasks must go for others.
    pub is_crowded: bool,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether Mesos tells of unreachable tasks, or calls them lost.
    pub is_partition_aware: bool,
    /// Settings of the scheduler.
    pub config: CoreConfig,
}

/// How much goes wrong. Each kind is absent from some seeds, so that others show more of what they do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Messages lost, per 1,000.
    pub loss: u64,
    /// Messages that come twice, per 1,000.
    pub duplication: u64,
    /// Longest time a message takes.
    pub delay_max: Millis,
    /// Executors that take minutes to start or to stop, per 1,000.
    pub slow: u64,
    /// Tasks that end too early, per 1,000.
    pub failing: u64,
    /// Launches that the agent cannot do, per 1,000.
    pub launch_failures: u64,
    /// Calls that the master refuses, per 1,000.
    pub refused_calls: u64,
    /// Weight of: the scheduler crashes.
    pub crashes: u64,
    /// Weight of: an agent's machine dies, or a dead one comes back.
    pub agent_losses: u64,
    /// Weight of: agents cannot be reached for a while.
    pub partitions: u64,
    /// Weight of: an offer is rescinded.
    pub rescissions: u64,
    /// Weight of: the session with the master breaks.
    pub disconnections: u64,
    /// Weight of: another master takes over, which learns from the agents what there is.
    pub failovers: u64,
    /// Weight of: Mesos has a task that nobody knows.
    pub orphans: u64,
    /// Weight of: hosts are scheduled for maintenance, drained, or given back.
    pub maintenance: u64,
    /// Weight of: Mesos is told when machines go down, or that they do not.
    pub windows: u64,
    /// Weight of: an administrator forces a task into a status.
    pub forced: u64,
}

impl Plan {
    /// The plan of a seed. Of 100 seeds in a row one is of hundreds of agents, most are of a handful.
    pub fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ 0x706c_616e);
        let (low, high) = match seed % 100 {
            99 => (300, 1000),
            93..=98 => (50, 200),
            75..=92 => (10, 50),
            _ => (3, 10),
        };
        let agents = usize::try_from(chance.range(low, high)).unwrap_or(3);
        let is_crowded = chance.one_in(3);
        let gaps: &[Millis] = if is_crowded {
            &[Millis(20_000), Millis(60_000)]
        } else {
            &[Millis(500), Millis(20_000), Millis(120_000)]
        };
        Self {
            seed,
            agents,
            jobs: if is_crowded { 6 + agents / 2 } else { 2 + agents / 12 },
            happenings: u32::try_from(chance.range(30, 150)).unwrap_or(30),
            gap_max: *chance.pick(gaps).unwrap_or(&Millis(20_000)),
            is_crowded,
            faults: Faults::some(&mut chance),
            is_partition_aware: chance.one_in(2),
            config: config(&mut chance),
        }
    }
}

impl Faults {
    fn some(chance: &mut Chance) -> Self {
        let mut some = |most: i64| {
            if chance.one_in(2) { chance.range(1, most).unsigned_abs() } else { 0 }
        };
        Self {
            loss: some(60),
            duplication: some(60),
            delay_max: Millis(10 + some(4000).cast_signed()),
            slow: some(200),
            failing: some(300),
            launch_failures: some(100),
            refused_calls: some(100),
            crashes: some(20),
            agent_losses: some(10),
            partitions: some(12),
            rescissions: some(12),
            disconnections: some(10),
            failovers: some(6),
            orphans: some(3),
            maintenance: some(12),
            windows: some(6),
            forced: some(4),
        }
    }

    /// Nothing goes wrong any more.
    pub fn none() -> Self {
        Self { delay_max: Millis(10), ..Self::default() }
    }
}

fn config(chance: &mut Chance) -> CoreConfig {
    let orders = [
        vec![OfferOrder::Random],
        vec![OfferOrder::Cpu],
        vec![OfferOrder::Memory, OfferOrder::Random],
        Vec::new(),
    ];
    let mut config = CoreConfig {
        offer_order: chance.pick(&orders).cloned().unwrap_or_default(),
        hold_offers_forever: chance.one_in(4),
        history_max_per_job: usize::try_from(chance.range(2, 100)).unwrap_or(2),
        history_min_retention: chance.millis(60_000, 3_600_000),
        history_max_age: chance.millis(600_000, 48 * 3_600_000),
        tasks_per_attempt: usize::try_from(chance.range(1, 10)).unwrap_or(1),
        reconciliation_batch_size: usize::try_from(chance.range(1, 1000)).unwrap_or(1),
        enable_preemptor: !chance.one_in(5),
        preemption_delay: chance.millis(5_000, 180_000),
        preemption_slot_hold: chance.millis(20_000, 300_000),
        preemption_search_initial_delay: chance.millis(1_000, 180_000),
        preemption_search_interval: chance.millis(5_000, 60_000),
        preemption_batch_size: usize::try_from(chance.range(1, 5)).unwrap_or(1),
        offer_reservation: chance.millis(20_000, 180_000),
        revocable_cpus: !chance.one_in(4),
        enable_update_affinity: !chance.one_in(3),
        update_affinity_hold: chance.millis(10_000, 180_000),
        ..CoreConfig::default()
    };
    if chance.one_in(2) {
        let overhead = Resources { cpus: MilliCpus(10), ram: Megabytes(16), ..Resources::default() };
        config.executor_overhead.insert(Arc::from("AuroraExecutor"), overhead);
    }
    config.policy.legacy_constraints = chance.one_in(3);
    // The clusters are too small for the usual lengths and sizes to matter.
    if !chance.one_in(4) {
        config.layers = LayerSizes::SMALL;
    }
    if !chance.one_in(4) {
        config.search = SearchSizes::SMALL;
    }
    config
}
