//! How many tasks of a job each attribute value has already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::HostName;
use aurora_api::task::{ConstraintRule, TaskConfig};

use crate::input::Offer;
use crate::state::{Places, Tables};

/// A task of the job is on a host whose attributes are not stored, so limits cannot be checked. It cannot happen unless the
/// journal was tampered with: hosts are saved before anything is assigned to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostWithoutAttributes(pub(super) HostName);

/// Tasks of one job on agents, by attribute and value: those of the state, and those placed since.
#[derive(Clone, Debug, Default)]
pub(super) struct AttributeCounts {
    before: Places,
    /// By limited attribute and value.
    added: BTreeMap<Arc<str>, BTreeMap<Arc<str>, u32>>,
    /// Where the last task was placed: its values are not in `added` yet, as mostly nobody asks any more.
    latest: Option<Arc<Offer>>,
}

impl AttributeCounts {
    /// The job's tasks that are on agents, whatever their configuration (`spec/scheduler.md` §2.10).
    pub(super) fn of_job(tables: &Tables, config: &TaskConfig) -> Result<Self, HostWithoutAttributes> {
        let limited = config
            .constraints
            .iter()
            .filter(|constraint| matches!(constraint.rule, ConstraintRule::Limit(_)))
            .map(|constraint| (Arc::clone(&constraint.name), BTreeMap::new()));
        let added: BTreeMap<_, _> = limited.collect();
        if added.is_empty() {
            return Ok(Self::default());
        }
        let before = tables.places(&config.job);
        match before.unknown() {
            Some(host) => Err(HostWithoutAttributes(host.clone())),
            None => Ok(Self { before, added, latest: None }),
        }
    }

    /// Counts one more task on a host.
    pub(super) fn add(&mut self, offer: &Arc<Offer>) {
        if self.added.is_empty() {
            return;
        }
        if let Some(offer) = self.latest.replace(Arc::clone(offer)) {
            for (name, values) in &mut self.added {
                for value in offer.attributes.get(name).into_iter().flatten() {
                    *values.entry(Arc::clone(value)).or_default() += 1;
                }
            }
        }
    }

    /// The values of the host that was counted last.
    fn latest(&self, name: &str) -> impl Iterator<Item = &Arc<str>> {
        self.latest.iter().filter_map(|offer| offer.attributes.get(name)).flatten()
    }

    /// Whether no value of a limited attribute has any task.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.added.get(name).is_none_or(BTreeMap::is_empty)
            && self.latest(name).next().is_none()
            && self.before.value_count(name) == 0
    }

    /// How many values of an attribute had tasks before this attempt.
    pub(super) fn value_count(&self, name: &str) -> usize {
        self.before.value_count(name)
    }

    /// The values of a limited attribute that have as many tasks as they may have.
    pub(super) fn reached(&self, name: &str, limit: i32) -> Vec<&Arc<str>> {
        let is_reached = |tasks: u32| i64::from(tasks) >= i64::from(limit);
        let before = self.before.counts(name);
        if self.latest.is_none() {
            return before.filter(|(_, tasks)| is_reached(*tasks)).map(|(value, _)| value).collect();
        }
        let mut reached: Vec<&Arc<str>> = before
            .filter(|(value, tasks)| is_reached(tasks + self.since(name, value)))
            .map(|(value, _)| value)
            .collect();
        let added = self.added.get(name).into_iter().flat_map(BTreeMap::keys);
        let new: BTreeSet<&Arc<str>> = added
            .chain(self.latest(name))
            .filter(|value| self.before.count(name, value) == 0 && is_reached(self.since(name, value)))
            .collect();
        reached.extend(new);
        reached
    }

    /// Tasks of the job on agents with this value.
    pub(super) fn get(&self, name: &str, value: &str) -> u32 {
        self.before.count(name, value) + self.since(name, value)
    }

    /// Those that were placed since.
    fn since(&self, name: &str, value: &str) -> u32 {
        let added = self.added.get(name).and_then(|values| values.get(value)).copied().unwrap_or(0);
        added + u32::from(self.latest(name).any(|latest| **latest == *value))
    }
}
