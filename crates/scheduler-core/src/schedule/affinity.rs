//! Updated instances keep their agents (`spec/scheduler.md` §2.5): the room that a killed instance leaves is kept for its
//! replacement, for a while.
//!
//! Job updates say which instances do, by [`Core::keep_place`]; attempts and preemption heed it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, InstanceKey, OfferId};
use aurora_api::task::{Task, TaskConfig, TaskStatus};

use super::reservations::Reservations;
use crate::handle::{Core, Step};
use crate::operation::ConfigId;
use crate::schedule::filter::ResourceKind;

/// Instances, and the agents they keep.
#[derive(Debug, Default)]
pub(crate) struct Affinity {
    agents: Reservations<InstanceKey, AgentId>,
}

impl Affinity {
    /// The agent an instance keeps.
    pub(super) fn agent_of(&self, instance: &InstanceKey, now: Timestamp) -> Option<&AgentId> {
        self.agents.owner(instance, now)
    }

    /// The instances that keep an agent.
    pub(super) fn instances_on(&self, agent: &AgentId, now: Timestamp) -> impl Iterator<Item = &InstanceKey> {
        self.agents.keys_of(agent, now)
    }

    /// The agents that are kept.
    pub(super) fn kept_agents(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.owners()
    }

    /// Whether an agent is kept by any instance. Then nobody else may use it.
    pub(super) fn is_kept(&self, agent: &AgentId, now: Timestamp) -> bool {
        self.agents.has(agent, now)
    }

    /// The instance has a place, or needs none any more.
    pub(super) fn release(&mut self, instance: &InstanceKey, now: Timestamp) {
        if let Some(agent) = self.agents.owner(instance, now).cloned() {
            self.agents.remove(instance, &agent);
        }
    }

    pub(super) fn expire(&mut self, now: Timestamp) {
        self.agents.expire(now);
    }

    /// Instances that keep an agent: `update_affinity_cache_size`.
    pub(crate) fn count(&self) -> usize {
        self.agents.len()
    }

    /// Tells the counters what went since the last time.
    pub(crate) fn count_removals(&mut self, step: &mut Step<'_>) {
        self.agents.take_removals().count("update_affinity", step);
    }
}

/// Whether an instance that changes from one configuration to another surely fits where it is: it needs no more of
/// anything, and has the same constraints (`spec/scheduler.md` §5.4).
pub fn fits_in_place_of(desired: &TaskConfig, actual: &TaskConfig) -> bool {
    let needs_no_more = |kind: ResourceKind| kind.of(&desired.resources) <= kind.of(&actual.resources);
    ResourceKind::ALL.into_iter().all(needs_no_more) && desired.constraints == actual.constraints
}

impl Core {
    /// A job update is about to kill `task`, to replace it by one of `desired`: keeps its agent for the replacement if that
    /// surely fits there and `-enable_update_affinity` is on. Says whether it does.
    pub fn keep_place(&mut self, task: &Task, desired: &TaskConfig, now: Timestamp) -> bool {
        let Some(place) = task.assignment.as_ref().filter(|_| self.config.enable_update_affinity) else {
            return false;
        };
        if !fits_in_place_of(desired, &task.config) {
            return false;
        }
        let instance = task.config.job.instance(task.instance);
        self.affinity.agents.put(instance, place.agent.clone(), now + self.config.update_affinity_hold);
        true
    }

    /// The groups whose instances keep an agent, as far as they wait for it.
    pub(super) fn groups_kept_on(&self, agent: &AgentId, now: Timestamp) -> Vec<ConfigId> {
        let tables = self.state.tables();
        let waiting = |instance: &InstanceKey| {
            let task = tables.job(&instance.job)?.active_of(instance.instance)?;
            if task.status == TaskStatus::Pending { tables.config_id(&task.id) } else { None }
        };
        self.affinity.instances_on(agent, now).filter_map(waiting).collect()
    }

    /// Which of these tasks may only go to one agent, and to which offer of it.
    pub(super) fn kept_places(
        &self,
        tasks: &[aurora_api::ids::TaskId],
        now: Timestamp,
    ) -> BTreeMap<aurora_api::ids::TaskId, Option<OfferId>> {
        if self.affinity.count() == 0 {
            return BTreeMap::new();
        }
        let place = |id: &aurora_api::ids::TaskId| {
            let task: &Arc<Task> = self.state.task(id)?;
            let agent = self.affinity.agent_of(&task.config.job.instance(task.instance), now)?;
            let offer = self.offers.of_agent(agent).map(|held| held.offer.id.clone());
            Some((id.clone(), offer.filter(|offer| self.offers.usable(offer).is_some())))
        };
        tasks.iter().filter_map(place).collect()
    }
}

#[cfg(test)]
#[path = "affinity_tests.rs"]
mod tests;
