//! What a machine has, reckoned apart from the core.

use std::iter::Sum;
use std::ops::{Add, Sub};

use aurora_api::amounts::{MilliCpus, Resources};
use aurora_api::task::TaskConfig;
use scheduler_core::CoreConfig;

/// Room on a machine: ordinary resources, and processors that Mesos may take back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// For everyone.
    pub regular: Resources,
    /// For tasks of revocable tiers.
    pub revocable_cpus: MilliCpus,
}

impl Room {
    /// What a task and its executor take.
    pub fn of(task: &TaskConfig, config: &CoreConfig) -> Self {
        let regular = config.footprint(task);
        let is_revocable = config.tiers.tiers.get(&task.tier).is_some_and(|tier| tier.revocable);
        if is_revocable && config.revocable_cpus {
            let regular_rest = Resources { cpus: MilliCpus::ZERO, ..regular };
            Self { regular: regular_rest, revocable_cpus: regular.cpus }
        } else {
            Self { regular, revocable_cpus: MilliCpus::ZERO }
        }
    }

    /// Whether there is room for `other`.
    pub fn holds(&self, other: &Self) -> bool {
        self.regular.holds(&other.regular) && self.revocable_cpus >= other.revocable_cpus
    }

    /// As an offer tells it: for ordinary tiers, and for revocable ones.
    pub(crate) fn offered(&self, config: &CoreConfig) -> (Resources, Resources) {
        let revocable = if config.revocable_cpus {
            Resources { cpus: self.revocable_cpus, ..self.regular }
        } else {
            self.regular
        };
        (self.regular, revocable)
    }
}

impl Add for Room {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            regular: self.regular + other.regular,
            revocable_cpus: self.revocable_cpus + other.revocable_cpus,
        }
    }
}

impl Sub for Room {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            regular: self.regular - other.regular,
            revocable_cpus: self.revocable_cpus - other.revocable_cpus,
        }
    }
}

impl Sum for Room {
    fn sum<I: Iterator<Item = Self>>(rooms: I) -> Self {
        rooms.fold(Self::default(), Add::add)
    }
}
