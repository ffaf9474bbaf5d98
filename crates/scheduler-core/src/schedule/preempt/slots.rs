//! Slots that were found and agents that are reserved; neither outlives a restart.

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, HostName, TaskId};

use crate::handle::Step;
use crate::operation::ConfigId;
use crate::schedule::reservations::Reservations;

/// Room that could be made on an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) host: HostName,
    pub(super) victims: Vec<TaskId>,
}

/// What preemption remembers: which group could use which slot, and for which group an agent is kept.
#[derive(Debug, Default)]
pub(crate) struct Preemption {
    slots: Reservations<Slot, ConfigId>,
    agents: Reservations<AgentId, ConfigId>,
}

impl Preemption {
    pub(super) fn add_slot(&mut self, group: ConfigId, slot: Slot, until: Timestamp) {
        self.slots.put(slot, group, until);
    }

    pub(super) fn has_slot(&self, group: ConfigId, now: Timestamp) -> bool {
        self.slots.has(&group, now)
    }

    /// Uses one of a group's slots up.
    pub(super) fn take_slot(&mut self, group: ConfigId, now: Timestamp) -> Option<Slot> {
        let slot = self.slots.keys_of(&group, now).next()?.clone();
        self.slots.remove(&slot, &group);
        Some(slot)
    }

    pub(super) fn reserve(&mut self, agent: AgentId, group: ConfigId, until: Timestamp) {
        self.agents.put(agent, group, until);
    }

    pub(super) fn has_reservation(&self, group: ConfigId, now: Timestamp) -> bool {
        self.agents.has(&group, now)
    }

    /// Whether only other groups may use the agent.
    pub(crate) fn is_reserved_for_others(&self, agent: &AgentId, group: ConfigId, now: Timestamp) -> bool {
        self.agents.owner(agent, now).is_some_and(|owner| *owner != group)
    }

    /// A task of the group got a place: a reservation of that agent has served, unless it is another's (T17).
    pub(crate) fn release(&mut self, agent: &AgentId, group: ConfigId) {
        self.agents.remove(agent, &group);
    }

    /// No task of the group is pending any more.
    pub(crate) fn forget(&mut self, group: ConfigId) {
        self.slots.forget(&group);
        self.agents.forget(&group);
    }

    /// Drops what has been held for long enough.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.slots.expire(now);
        self.agents.expire(now);
    }

    /// The agents that are reserved.
    pub(crate) fn reserved_agents(&self) -> impl Iterator<Item = &AgentId> {
        self.agents.keys()
    }

    /// The agents that are reserved for a group.
    #[cfg(test)]
    pub(super) fn agents_reserved_for(&self, group: ConfigId, now: Timestamp) -> Vec<AgentId> {
        self.agents.keys_of(&group, now).cloned().collect()
    }

    /// Agents that are reserved: `reservation_cache_size`.
    pub(crate) fn reservation_count(&self) -> usize {
        self.agents.len()
    }

    /// Slots that wait for their use: `preemption_slot_cache_size`.
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// Tells the counters what went since the last time.
    pub(crate) fn count_removals(&mut self, step: &mut Step<'_>) {
        self.slots.take_removals().count("preemption_slot", step);
        self.agents.take_removals().count("reservation", step);
    }
}

/// In which order groups are searched for: in turn, some tasks of each at a time.
pub(super) fn sequence(groups: &[(ConfigId, usize)], batch: usize) -> Vec<ConfigId> {
    let mut left: Vec<(ConfigId, usize)> = groups.to_vec();
    let mut sequence = Vec::new();
    while left.iter().any(|(_, count)| *count > 0) && batch > 0 {
        for (group, count) in &mut left {
            let taken = (*count).min(batch);
            sequence.extend(std::iter::repeat_n(*group, taken));
            *count -= taken;
        }
    }
    sequence
}
