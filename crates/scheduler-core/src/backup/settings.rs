//! What decides how much tasks take and who goes first, as texts by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};

use super::BackupError;
use crate::config::{CoreConfig, Tier, Tiers};

/// Names begin with this, so that they cannot be upstream's.
const PREFIX: &str = "aurora-rust.";
const LEGACY_CONSTRAINTS: &str = "enable_legacy_constraints";
const REVOCABLE_CPUS: &str = "enable_revocable_cpus";
const REVOCABLE_RAM: &str = "enable_revocable_ram";
const DEFAULT_TIER: &str = "default_tier";
const TIER: &str = "tier.";
const OVERHEAD: &str = "executor.";

/// Settings of a scheduler, named as its flags are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `-enable_legacy_constraints`.
    pub legacy_constraints: bool,
    /// `-enable_revocable_cpus`.
    pub revocable_cpus: bool,
    /// `-enable_revocable_ram`.
    pub revocable_ram: bool,
    /// `-tier_config`.
    pub tiers: Tiers,
    /// What executors take, by their names.
    pub executor_overhead: BTreeMap<Arc<str>, Resources>,
}

impl Settings {
    /// Of a core.
    pub fn of(config: &CoreConfig) -> Self {
        Self {
            legacy_constraints: config.policy.legacy_constraints,
            revocable_cpus: config.revocable_cpus,
            revocable_ram: config.revocable_ram,
            tiers: config.tiers.clone(),
            executor_overhead: config.executor_overhead.clone(),
        }
    }

    /// Gives them to a core.
    pub fn apply(&self, config: &mut CoreConfig) {
        config.policy.legacy_constraints = self.legacy_constraints;
        config.revocable_cpus = self.revocable_cpus;
        config.revocable_ram = self.revocable_ram;
        config.tiers = self.tiers.clone();
        config.executor_overhead = self.executor_overhead.clone();
    }

    pub(super) fn details(&self) -> BTreeMap<String, String> {
        let mut details = BTreeMap::new();
        let mut put = |name: String, value: String| {
            details.insert(format!("{PREFIX}{name}"), value);
        };
        put(LEGACY_CONSTRAINTS.to_owned(), self.legacy_constraints.to_string());
        put(REVOCABLE_CPUS.to_owned(), self.revocable_cpus.to_string());
        put(REVOCABLE_RAM.to_owned(), self.revocable_ram.to_string());
        put(DEFAULT_TIER.to_owned(), self.tiers.default.to_string());
        for (name, tier) in &self.tiers.tiers {
            put(format!("{TIER}{name}"), format!("{} {}", tier.preemptible, tier.revocable));
        }
        for (name, overhead) in &self.executor_overhead {
            let Resources { cpus, ram, disk, gpus, ports } = overhead;
            let amounts = format!("{} {} {} {gpus} {ports}", cpus.0, ram.0, disk.0);
            put(format!("{OVERHEAD}{name}"), amounts);
        }
        details
    }

    /// Reads what `details` made; nothing if there is none of it.
    pub(super) fn read(details: &BTreeMap<String, String>) -> Result<Option<Self>, BackupError> {
        let ours = details.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
        let mut ours = ours.peekable();
        if ours.peek().is_none() {
            return Ok(None);
        }
        let mut settings = Self::of(&CoreConfig::default());
        settings.tiers.tiers.clear();
        for (name, value) in ours {
            let wrong = || BackupError::Setting { name: name.to_owned(), value: value.clone() };
            let flag = || value.parse::<bool>().map_err(|_| wrong());
            match name {
                LEGACY_CONSTRAINTS => settings.legacy_constraints = flag()?,
                REVOCABLE_CPUS => settings.revocable_cpus = flag()?,
                REVOCABLE_RAM => settings.revocable_ram = flag()?,
                DEFAULT_TIER => settings.tiers.default = Arc::from(value.as_str()),
                _ => {
                    if let Some(tier) = name.strip_prefix(TIER) {
                        let words: Vec<bool> = words(value).ok_or_else(wrong)?;
                        let &[preemptible, revocable] = words.as_slice() else { return Err(wrong()) };
                        settings.tiers.tiers.insert(Arc::from(tier), Tier { preemptible, revocable });
                    } else if let Some(executor) = name.strip_prefix(OVERHEAD) {
                        let words: Vec<i64> = words(value).ok_or_else(wrong)?;
                        let &[cpus, ram, disk, gpus, ports] = words.as_slice() else { return Err(wrong()) };
                        let overhead = Resources {
                            cpus: MilliCpus(cpus),
                            ram: Megabytes(ram),
                            disk: Megabytes(disk),
                            gpus,
                            ports,
                        };
                        settings.executor_overhead.insert(Arc::from(executor), overhead);
                    }
                    // A later version's setting.
                }
            }
        }
        Ok(Some(settings))
    }
}

/// The words of a text, each read.
fn words<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(' ').map(|word| word.parse().ok()).collect()
}
