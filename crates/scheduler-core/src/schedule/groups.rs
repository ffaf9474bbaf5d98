//! Pending tasks of equal configuration, tried together (`spec/scheduler.md` §2.1).

use std::collections::BTreeMap;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;

use super::StaticBans;
use crate::offers::classes::Lookup;
use crate::operation::ConfigId;

/// Pending tasks of one configuration, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// With the time since when each is pending.
    queue: BTreeMap<u64, (TaskId, Timestamp)>,
    /// The last delay after nothing could be placed; zero if the last attempt placed something, or none was made.
    ///
    /// Upstream starts from the first delay of 1 ms, and tries 17 times before it reaches the second it is configured to
    /// start with (T3).
    pub(crate) penalty: Millis,
    /// When it is tried next.
    pub(crate) due: Timestamp,
    /// It waits only for the permit it has taken already.
    pub(crate) has_permit: bool,
    /// It waits out the spread of a restart and must not be woken early.
    pub(crate) is_starting: bool,
    bans: StaticBans,
}

impl Group {
    /// Whether it comes later than `soon`, and could come then.
    pub(super) fn can_be_woken(&self, soon: Timestamp) -> bool {
        self.due > soon && !self.has_permit && !self.is_starting
    }

    pub(crate) fn first(&self, count: usize) -> Vec<TaskId> {
        self.queue.values().take(count).map(|(task, _)| task.clone()).collect()
    }
}

/// All groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_config: BTreeMap<ConfigId, Group>,
    places: Lookup<TaskId, (ConfigId, u64)>,
    next_place: u64,
    /// Pairs of a class of offers and a group that are banned, over all groups.
    ban_count: usize,
}

impl Groups {
    /// Adds a task, pending since `since`, at the end. Says whether this made a new group, whose first time is `due`.
    pub(crate) fn join(&mut self, config: ConfigId, task: &TaskId, since: Timestamp, due: Timestamp) -> bool {
        let is_new = !self.by_config.contains_key(&config);
        let group = self.by_config.entry(config).or_default();
        if is_new {
            group.due = due;
        }
        self.next_place += 1;
        group.queue.insert(self.next_place, (task.clone(), since));
        self.places.insert(task.clone(), (config, self.next_place));
        is_new
    }

    /// Takes a task out. Says which group it was in, and whether that is gone now.
    pub(crate) fn leave(&mut self, task: &TaskId) -> Option<(ConfigId, bool)> {
        let (config, place) = self.places.swap_remove(task)?;
        let group = self.by_config.get_mut(&config)?;
        group.queue.remove(&place);
        let is_empty = group.queue.is_empty();
        if is_empty && let Some(group) = self.by_config.remove(&config) {
            self.ban_count -= group.bans.len();
        }
        Some((config, is_empty))
    }

    pub(crate) fn get_mut(&mut self, config: ConfigId) -> Option<&mut Group> {
        self.by_config.get_mut(&config)
    }

    /// Groups that come later than `soon`, and could come then.
    pub(super) fn waiting_beyond(&self, soon: Timestamp) -> impl Iterator<Item = ConfigId> {
        let waiting = self.by_config.iter().filter(move |(_, group)| group.can_be_woken(soon));
        waiting.map(|(config, _)| *config)
    }

    /// Groups with tasks that are pending for so long, and how many of these there are.
    pub(super) fn pending_for(
        &self,
        least: Millis,
        now: Timestamp,
    ) -> impl Iterator<Item = (ConfigId, usize)> {
        let count =
            move |group: &Group| group.queue.values().filter(|(_, since)| now.since(*since) >= least).count();
        let groups = self.by_config.iter().map(move |(config, group)| (*config, count(group)));
        groups.filter(|(_, count)| *count > 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_config.is_empty()
    }

    pub(super) fn take_bans(&mut self, config: ConfigId) -> StaticBans {
        let bans = self.by_config.get_mut(&config).map(|group| std::mem::take(&mut group.bans));
        let bans = bans.unwrap_or_default();
        self.ban_count -= bans.len();
        bans
    }

    /// Remembers bans, as many as there is room for among `max` of all groups: who forgets one looks again.
    pub(super) fn give_bans(&mut self, config: ConfigId, mut bans: StaticBans, max: usize) {
        let room = max.saturating_sub(self.ban_count);
        while bans.len() > room {
            bans.pop_last();
        }
        if let Some(group) = self.by_config.get_mut(&config) {
            self.ban_count += bans.len();
            group.bans = bans;
        }
    }

    /// Lifts all bans.
    pub(crate) fn clear_bans(&mut self) {
        self.by_config.values_mut().for_each(|group| group.bans.clear());
        self.ban_count = 0;
    }

    /// Pairs of a class of offers and a group that are banned: `statically_banned_offers_size`.
    pub(crate) fn ban_count(&self) -> usize {
        self.ban_count
    }

    #[cfg(test)]
    pub(crate) fn bans(&self, config: ConfigId) -> Option<&StaticBans> {
        self.by_config.get(&config).map(|group| &group.bans)
    }
}
