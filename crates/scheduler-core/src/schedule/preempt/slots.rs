//! Slots that were found and agents that are reserved; neither outlives a restart.

use std::collections::BTreeMap;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, HostName, TaskId};

use crate::operation::{ConfigId, HostAttributes};

/// Room that could be made on an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) victims: Vec<TaskId>,
    pub(super) until: Timestamp,
}

/// What preemption remembers.
#[derive(Debug, Default)]
pub(crate) struct Preemption {
    slots: BTreeMap<(ConfigId, HostName), Slot>,
    reservations: BTreeMap<AgentId, (ConfigId, Timestamp)>,
}

impl Preemption {
    pub(super) fn add_slot(&mut self, group: ConfigId, host: &HostAttributes, slot: Slot) {
        self.slots.insert((group, host.host.clone()), slot);
    }

    pub(super) fn has_slot(&self, group: ConfigId) -> bool {
        self.first_slot(group).is_some()
    }

    /// Uses one of a group's slots up.
    pub(super) fn take_slot(&mut self, group: ConfigId) -> Option<(HostName, Slot)> {
        let key = self.first_slot(group)?.clone();
        self.slots.remove(&key).map(|slot| (key.1, slot))
    }

    fn first_slot(&self, group: ConfigId) -> Option<&(ConfigId, HostName)> {
        let (key, _) = self.slots.range((group, HostName::new(""))..).next()?;
        (key.0 == group).then_some(key)
    }

    pub(super) fn reserve(&mut self, agent: AgentId, group: ConfigId, until: Timestamp) {
        self.reservations.insert(agent, (group, until));
    }

    pub(super) fn has_reservation(&self, group: ConfigId) -> bool {
        self.reservations.values().any(|(owner, _)| *owner == group)
    }

    /// Whether only other groups may use the agent.
    pub(crate) fn is_reserved_for_others(&self, agent: &AgentId, group: ConfigId, now: Timestamp) -> bool {
        self.reservations.get(agent).is_some_and(|(owner, until)| *owner != group && now < *until)
    }

    /// A task of the group got a place: a reservation of that agent has served, unless it is another's (T17).
    pub(crate) fn release(&mut self, agent: &AgentId, group: ConfigId) {
        if self.reservations.get(agent).is_some_and(|(owner, _)| *owner == group) {
            self.reservations.remove(agent);
        }
    }

    /// No task of the group is pending any more.
    pub(crate) fn forget(&mut self, group: ConfigId) {
        self.slots.retain(|(owner, _), _| *owner != group);
        self.reservations.retain(|_, (owner, _)| *owner != group);
    }

    /// Drops what has been held for long enough, to the millisecond (T5).
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.slots.retain(|_, slot| now < slot.until);
        self.reservations.retain(|_, (_, until)| now < *until);
    }

    #[cfg(test)]
    pub(super) fn slot_count(&self) -> usize {
        self.slots.len()
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
