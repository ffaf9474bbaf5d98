//! Task configurations, each stored once.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use aurora_api::task::TaskConfig;
use hashbrown::HashTable;

use super::Inconsistent;
use crate::operation::ConfigId;

/// Configurations by id, and the other way round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configs {
    by_id: BTreeMap<ConfigId, Entry>,
    /// Never iterated: its order depends on chance.
    ids: HashTable<Known>,
    /// Strangers choose what configurations hold.
    hasher: RandomState,
}

/// A configuration by its hash: whole ones, which are far away in memory, are compared only where that is equal.
#[derive(Clone, Copy, Debug)]
struct Known {
    hash: u64,
    id: ConfigId,
}

#[derive(Clone, Debug)]
struct Entry {
    config: Arc<TaskConfig>,
    tasks: u64,
}

impl Configs {
    pub(crate) fn get(&self, id: ConfigId) -> Option<&Arc<TaskConfig>> {
        self.by_id.get(&id).map(|entry| &entry.config)
    }

    pub(crate) fn id_of(&self, config: &TaskConfig) -> Option<ConfigId> {
        self.id_at(self.hasher.hash_one(config), config)
    }

    /// The id of a configuration whose hash is known.
    fn id_at(&self, hash: u64, config: &TaskConfig) -> Option<ConfigId> {
        let is_equal = |known: &Known| {
            known.hash == hash && self.by_id.get(&known.id).is_some_and(|entry| *entry.config == *config)
        };
        self.ids.find(hash, is_equal).map(|known| known.id)
    }

    /// How many tasks use it.
    pub(crate) fn uses(&self, id: ConfigId) -> u64 {
        self.by_id.get(&id).map_or(0, |entry| entry.tasks)
    }

    /// The id for a configuration that has none yet.
    pub(crate) fn free_id(&self) -> ConfigId {
        ConfigId(self.by_id.last_key_value().map_or(0, |(last, _)| last.0) + 1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConfigId, &Arc<TaskConfig>)> {
        self.by_id.iter().map(|(id, entry)| (*id, &entry.config))
    }

    pub(super) fn save(&mut self, id: ConfigId, config: &Arc<TaskConfig>) -> Result<(), Inconsistent> {
        let hash = self.hasher.hash_one(&**config);
        if self.by_id.contains_key(&id) || self.id_at(hash, config).is_some() {
            return Err(Inconsistent::ConfigTwice { id, job: config.job.clone() });
        }
        self.by_id.insert(id, Entry { config: Arc::clone(config), tasks: 0 });
        self.ids.insert_unique(hash, Known { hash, id }, |known| known.hash);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: ConfigId) -> Result<(), Inconsistent> {
        match self.by_id.get(&id) {
            Some(entry) if entry.tasks > 0 => Err(Inconsistent::ConfigInUse { id, tasks: entry.tasks }),
            Some(entry) => {
                let hash = self.hasher.hash_one(&*entry.config);
                if let Ok(known) = self.ids.find_entry(hash, |known| known.id == id) {
                    known.remove();
                }
                self.by_id.remove(&id);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn acquire(&mut self, id: ConfigId) {
        if let Some(entry) = self.by_id.get_mut(&id) {
            entry.tasks += 1;
        }
    }

    pub(super) fn release(&mut self, id: ConfigId) {
        if let Some(entry) = self.by_id.get_mut(&id) {
            entry.tasks = entry.tasks.saturating_sub(1);
        }
    }
}
