//! How many tasks of a job each attribute value has already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::HostName;
use aurora_api::task::{ConstraintRule, TaskConfig};

use crate::state::{Places, Tables};

/// Attributes of an agent.
type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

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
        let before = tables.job(&config.job).map(|job| job.places().clone()).unwrap_or_default();
        match before.unknown() {
            Some(host) => Err(HostWithoutAttributes(host.clone())),
            None => Ok(Self { before, added }),
        }
    }

    /// Counts one more task on a host.
    pub(super) fn add(&mut self, attributes: &Attributes) {
        for (name, values) in &mut self.added {
            for value in attributes.get(name).into_iter().flatten() {
                *values.entry(Arc::clone(value)).or_default() += 1;
            }
        }
    }

    /// The values of a limited attribute that have as many tasks as they may have.
    pub(super) fn reached(&self, name: &str, limit: i32) -> Vec<Arc<str>> {
        let is_reached = |value: &&Arc<str>| i64::from(self.get(name, value)) >= i64::from(limit);
        let added = self.added.get(name).into_iter().flat_map(BTreeMap::keys);
        let all: BTreeSet<&Arc<str>> = self.before.values(name).chain(added).collect();
        all.into_iter().filter(is_reached).cloned().collect()
    }

    /// Tasks of the job on agents with this value.
    pub(super) fn get(&self, name: &str, value: &str) -> u32 {
        let added = self.added.get(name).and_then(|values| values.get(value)).copied().unwrap_or(0);
        self.before.count(name, value) + added
    }
}
