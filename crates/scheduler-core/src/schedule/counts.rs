//! How many tasks of a job each attribute value has already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::HostName;
use aurora_api::task::{ConstraintRule, TaskConfig};

use crate::state::Tables;

/// Attributes of an agent.
type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// A task of the job is on a host whose attributes are not stored, so limits cannot be checked. It cannot happen unless the
/// journal was tampered with: hosts are saved before anything is assigned to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostWithoutAttributes(pub(super) HostName);

/// Tasks of one job on agents, by attribute and value, as far as the job has limits on the attribute.
#[derive(Clone, Debug, Default)]
pub(super) struct AttributeCounts {
    counts: BTreeMap<Arc<str>, BTreeMap<Arc<str>, i64>>,
}

impl AttributeCounts {
    /// Counts the job's tasks that are on agents, whatever their configuration (`spec/scheduler.md` §2.10).
    pub(super) fn of_job(tables: &Tables, config: &TaskConfig) -> Result<Self, HostWithoutAttributes> {
        let limited = config
            .constraints
            .iter()
            .filter(|constraint| matches!(constraint.rule, ConstraintRule::Limit(_)))
            .map(|constraint| (Arc::clone(&constraint.name), BTreeMap::new()));
        let mut counts = Self { counts: limited.collect() };
        if counts.counts.is_empty() {
            return Ok(counts);
        }
        let active = tables.job(&config.job).into_iter().flat_map(|job| job.active());
        for (_, id) in active {
            let assignment = tables
                .task(id)
                .filter(|task| task.status.is_assigned())
                .and_then(|task| task.assignment.as_ref());
            let Some(assignment) = assignment else { continue };
            match tables.host(&assignment.host) {
                Some(host) => counts.add(&host.attributes),
                None => return Err(HostWithoutAttributes(assignment.host.clone())),
            }
        }
        Ok(counts)
    }

    /// Counts one more task on a host.
    pub(super) fn add(&mut self, attributes: &Attributes) {
        for (name, values) in &mut self.counts {
            for value in attributes.get(name).into_iter().flatten() {
                *values.entry(Arc::clone(value)).or_default() += 1;
            }
        }
    }

    /// Tasks of the job on agents with this value.
    pub(super) fn get(&self, name: &str, value: &str) -> i64 {
        self.counts.get(name).and_then(|values| values.get(value)).copied().unwrap_or(0)
    }
}
