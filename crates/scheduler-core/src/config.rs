//! What steers the decisions: the flags of `spec/scheduler.md` §10.2 that the core reads, with their defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Resources};

use crate::offers::SearchSizes;
use crate::state::LayerSizes;
use crate::validate::JobPolicy;

/// Who decides: recorded in the events of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Host name of this scheduler.
    pub host: Arc<str>,
}

/// Settings of the core. `Default` has the flags' defaults; the field's flag is named with it.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// Rules for new jobs; also read by [`crate::validate`].
    pub policy: JobPolicy,
    /// Tiers and the default one: `-tier_config`.
    pub tiers: Tiers,
    /// What an executor needs besides its task, by the executor's name. A task whose executor is not named here costs
    /// only itself. The shell fills in `-thermos_executor_cpu` and `-thermos_executor_ram`; the default is nothing.
    pub executor_overhead: BTreeMap<Arc<str>, Resources>,
    /// `-enable_revocable_cpus`.
    pub revocable_cpus: bool,
    /// `-enable_revocable_ram`.
    pub revocable_ram: bool,

    /// `-max_schedule_attempts_per_sec`, in thousandths of an attempt; bursts of one second are allowed.
    pub schedule_attempts_per_1000_s: u64,
    /// `-max_tasks_per_schedule_attempt`.
    pub tasks_per_attempt: usize,
    /// `-first_schedule_delay`.
    pub first_schedule_delay: Millis,
    /// `-initial_schedule_penalty`.
    pub schedule_penalty_min: Millis,
    /// `-max_schedule_penalty`.
    pub schedule_penalty_max: Millis,
    /// `-max_reschedule_task_delay_on_startup`.
    pub startup_delay_max: Millis,

    /// `-flapping_task_threshold`.
    pub flapping_threshold: Millis,
    /// `-initial_flapping_task_delay`.
    pub flapping_delay_min: Millis,
    /// `-max_flapping_task_delay`.
    pub flapping_delay_max: Millis,

    /// `-hold_offers_forever`.
    pub hold_offers_forever: bool,
    /// `-min_offer_hold_time`.
    pub offer_hold_min: Millis,
    /// `-offer_hold_jitter_window`.
    pub offer_hold_jitter: Millis,
    /// `-offer_filter_duration`.
    pub offer_filter: Millis,
    /// `-offer_static_ban_cache_max_size`: pairs of a class of equal offers and a group that are remembered not to fit.
    pub static_bans_max: usize,
    /// Of the indexes of tasks. No flag: the default is the quickest, and others change no decision.
    pub layers: LayerSizes,
    /// Of searches for offers. No flag, for the same reason.
    pub search: SearchSizes,
    /// `-offer_order`.
    pub offer_order: Vec<OfferOrder>,
    /// `-offer_reservation_duration`.
    pub offer_reservation: Millis,
    /// `-unavailability_threshold`.
    pub unavailability_threshold: Millis,

    /// `-enable_preemptor`.
    pub enable_preemptor: bool,
    /// `-preemption_delay`.
    pub preemption_delay: Millis,
    /// `-preemption_slot_hold_time`.
    pub preemption_slot_hold: Millis,
    /// `-preemption_slot_search_initial_delay`.
    pub preemption_search_initial_delay: Millis,
    /// `-preemption_slot_search_interval`.
    pub preemption_search_interval: Millis,
    /// `-preemption_reservation_max_batch_size`.
    pub preemption_batch_size: usize,

    /// `-enable_update_affinity`.
    pub enable_update_affinity: bool,
    /// `-update_affinity_reservation_hold_time`.
    pub update_affinity_hold: Millis,

    /// `-transient_task_state_timeout`.
    pub transient_timeout: Millis,
    /// `-initial_task_kill_retry_interval`.
    pub kill_retry_min: Millis,

    /// `-reconciliation_initial_delay`.
    pub reconciliation_initial_delay: Millis,
    /// `-reconciliation_explicit_interval`.
    pub reconciliation_explicit_interval: Millis,
    /// `-reconciliation_implicit_interval`.
    pub reconciliation_implicit_interval: Millis,
    /// `-reconciliation_schedule_spread`.
    pub reconciliation_spread: Millis,
    /// `-reconciliation_explicit_batch_size`.
    pub reconciliation_batch_size: usize,
    /// `-reconciliation_explicit_batch_interval`.
    pub reconciliation_batch_interval: Millis,

    /// `-executor_gc_interval`, if `-gc_executor_path` is given.
    pub collection_interval: Option<Millis>,

    /// `-history_prune_threshold`.
    pub history_max_age: Millis,
    /// `-history_max_per_job_threshold`.
    pub history_max_per_job: usize,
    /// `-history_min_retention_threshold`.
    pub history_min_retention: Millis,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

impl Default for CoreConfig {
    fn default() -> Self {
        Self {
            policy: JobPolicy::default(),
            tiers: Tiers::default(),
            executor_overhead: BTreeMap::new(),
            revocable_cpus: true,
            revocable_ram: false,
            schedule_attempts_per_1000_s: 40_000,
            tasks_per_attempt: 5,
            first_schedule_delay: Millis(1),
            schedule_penalty_min: Millis::from_secs(1),
            schedule_penalty_max: Millis::from_secs(MINUTE),
            startup_delay_max: Millis::from_secs(30),
            flapping_threshold: Millis::from_secs(5 * MINUTE),
            flapping_delay_min: Millis::from_secs(30),
            flapping_delay_max: Millis::from_secs(5 * MINUTE),
            hold_offers_forever: false,
            offer_hold_min: Millis::from_secs(5 * MINUTE),
            offer_hold_jitter: Millis::from_secs(MINUTE),
            offer_filter: Millis::from_secs(5),
            static_bans_max: isize::MAX.unsigned_abs(),
            layers: LayerSizes::default(),
            search: SearchSizes::default(),
            offer_order: vec![OfferOrder::Random],
            offer_reservation: Millis::from_secs(3 * MINUTE),
            unavailability_threshold: Millis::from_secs(6 * MINUTE),
            enable_preemptor: true,
            preemption_delay: Millis::from_secs(3 * MINUTE),
            preemption_slot_hold: Millis::from_secs(5 * MINUTE),
            preemption_search_initial_delay: Millis::from_secs(3 * MINUTE),
            preemption_search_interval: Millis::from_secs(MINUTE),
            preemption_batch_size: 5,
            enable_update_affinity: false,
            update_affinity_hold: Millis::from_secs(3 * MINUTE),
            transient_timeout: Millis::from_secs(5 * MINUTE),
            kill_retry_min: Millis::from_secs(15),
            reconciliation_initial_delay: Millis::from_secs(MINUTE),
            reconciliation_explicit_interval: Millis::from_secs(HOUR),
            reconciliation_implicit_interval: Millis::from_secs(HOUR),
            reconciliation_spread: Millis::from_secs(30 * MINUTE),
            reconciliation_batch_size: 1000,
            reconciliation_batch_interval: Millis::from_secs(5),
            collection_interval: None,
            history_max_age: Millis::from_secs(48 * HOUR),
            history_max_per_job: 100,
            history_min_retention: Millis::from_secs(HOUR),
        }
    }
}

/// Why settings cannot work. Upstream fails at start for the same (`spec/scheduler-cases.md` 46, 82, 150).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A length of time below what it may be.
    #[error("-{flag} is {}ms and must be at least {}ms", value.0, least.0)]
    TooShort {
        /// The flag's name.
        flag: &'static str,
        /// What it is.
        value: Millis,
        /// The least it may be.
        least: Millis,
    },
    /// A number that must not be zero.
    #[error("-{0} must be greater than 0")]
    Zero(&'static str),
}

impl CoreConfig {
    /// Checks what flags can get wrong. The core relies on it: call it before [`crate::Core::new`].
    ///
    /// # Errors
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let not_below = |flag, value: Millis, least: Millis| {
            if value < least { Err(ConfigError::TooShort { flag, value, least }) } else { Ok(()) }
        };
        let one = Millis(1);
        not_below("first_schedule_delay", self.first_schedule_delay, one)?;
        not_below("initial_schedule_penalty", self.schedule_penalty_min, one)?;
        not_below("max_schedule_penalty", self.schedule_penalty_max, self.schedule_penalty_min)?;
        not_below("max_reschedule_task_delay_on_startup", self.startup_delay_max, Millis::ZERO)?;
        not_below("initial_flapping_task_delay", self.flapping_delay_min, one)?;
        not_below("max_flapping_task_delay", self.flapping_delay_max, self.flapping_delay_min)?;
        not_below("min_offer_hold_time", self.offer_hold_min, Millis::ZERO)?;
        not_below("offer_hold_jitter_window", self.offer_hold_jitter, Millis::ZERO)?;
        not_below("initial_task_kill_retry_interval", self.kill_retry_min, one)?;
        not_below("transient_task_state_timeout", self.transient_timeout, self.kill_retry_min)?;
        not_below("reconciliation_initial_delay", self.reconciliation_initial_delay, Millis::ZERO)?;
        not_below("reconciliation_schedule_spread", self.reconciliation_spread, Millis::ZERO)?;
        not_below("reconciliation_explicit_interval", self.reconciliation_explicit_interval, one)?;
        not_below("reconciliation_implicit_interval", self.reconciliation_implicit_interval, one)?;
        not_below("reconciliation_explicit_batch_interval", self.reconciliation_batch_interval, one)?;
        if let Some(interval) = self.collection_interval {
            not_below("executor_gc_interval", interval, one)?;
        }
        not_below("offer_reservation_duration", self.offer_reservation, one)?;
        not_below("preemption_delay", self.preemption_delay, one)?;
        not_below("preemption_slot_hold_time", self.preemption_slot_hold, one)?;
        not_below("preemption_slot_search_initial_delay", self.preemption_search_initial_delay, one)?;
        not_below("preemption_slot_search_interval", self.preemption_search_interval, one)?;
        not_below("update_affinity_reservation_hold_time", self.update_affinity_hold, one)?;
        not_below("max_sla_duration_secs", self.policy.sla_duration_max, one)?;
        let not_zero = |flag, is_zero: bool| if is_zero { Err(ConfigError::Zero(flag)) } else { Ok(()) };
        not_zero("max_tasks_per_job", self.policy.tasks_per_job_max == 0)?;
        not_zero("max_tasks_per_schedule_attempt", self.tasks_per_attempt == 0)?;
        not_zero("max_schedule_attempts_per_sec", self.schedule_attempts_per_1000_s == 0)?;
        not_zero("preemption_reservation_max_batch_size", self.preemption_batch_size == 0)?;
        not_zero("reconciliation_explicit_batch_size", self.reconciliation_batch_size == 0)
    }

    /// Everything a task of this configuration takes from an agent: itself and its executor.
    pub fn footprint(&self, config: &aurora_api::task::TaskConfig) -> Resources {
        let overhead =
            config.executor.as_ref().and_then(|executor| self.executor_overhead.get(&executor.name));
        config.resources + overhead.copied().unwrap_or_default()
    }
}

/// How offers are tried (`spec/scheduler.md` §2.7). After these, the offer's id decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferOrder {
    /// Least processors first.
    Cpu,
    /// Least memory first.
    Memory,
    /// Least disk first.
    Disk,
    /// Least revocable processors first, none at all last.
    RevocableCpu,
    /// In a random but fixed order.
    Random,
}

/// The tiers of the cluster (`spec/scheduler.md` §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiers {
    /// Of tasks that name none.
    pub default: Arc<str>,
    /// By name.
    pub tiers: BTreeMap<Arc<str>, Tier>,
}

/// What a tier allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// Its tasks may be killed for others.
    pub preemptible: bool,
    /// Its tasks run on resources that Mesos may take back.
    pub revocable: bool,
}

impl Tier {
    /// Neither preemptible nor revocable: its tasks count as production.
    pub const fn is_production(self) -> bool {
        !self.preemptible && !self.revocable
    }
}

impl Tiers {
    /// Whether tasks of this tier take revocable resources. A tier that is gone from the file is not revocable.
    pub fn is_revocable(&self, name: &str) -> bool {
        self.tiers.get(name).is_some_and(|tier| tier.revocable)
    }
}

impl Default for Tiers {
    fn default() -> Self {
        let tier = |name: &str, preemptible, revocable| (Arc::from(name), Tier { preemptible, revocable });
        Self {
            default: Arc::from("preemptible"),
            tiers: BTreeMap::from([
                tier("preferred", false, false),
                tier("preemptible", true, false),
                tier("revocable", true, true),
            ]),
        }
    }
}
