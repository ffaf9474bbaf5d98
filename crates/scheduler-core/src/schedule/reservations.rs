//! What is kept for somebody until it is used or its time is over (`spec/scheduler.md` §2.5).
//!
//! Nothing of it outlives a restart.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::Timestamp;

use crate::handle::Step;

/// Keys, each kept for one owner until a time. The owners are found by key, the keys by owner.
#[derive(Debug)]
pub(crate) struct Reservations<K, V> {
    by_key: BTreeMap<K, (V, Timestamp)>,
    by_owner: BTreeMap<V, BTreeSet<K>>,
    removals: Removals,
}

/// What was taken out since it was last told, by the way it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removals {
    pub(super) expired: u64,
    pub(super) explicit: u64,
    pub(super) replaced: u64,
}

impl<K, V> Default for Reservations<K, V> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), by_owner: BTreeMap::new(), removals: Removals::default() }
    }
}

impl<K: Ord + Clone, V: Ord + Clone> Reservations<K, V> {
    /// Keeps `key` for `owner`, and for no other any more.
    pub(super) fn put(&mut self, key: K, owner: V, until: Timestamp) {
        if self.take(&key).is_some() {
            self.removals.replaced += 1;
        }
        self.by_owner.entry(owner.clone()).or_default().insert(key.clone());
        self.by_key.insert(key, (owner, until));
    }

    /// For whom it is kept.
    pub(super) fn owner(&self, key: &K, now: Timestamp) -> Option<&V> {
        self.by_key.get(key).filter(|(_, until)| now < *until).map(|(owner, _)| owner)
    }

    /// What is kept for an owner.
    pub(super) fn keys_of(&self, owner: &V, now: Timestamp) -> impl Iterator<Item = &K> {
        let keys = self.by_owner.get(owner).into_iter().flatten();
        keys.filter(move |key| self.owner(key, now).is_some())
    }

    /// Whether anything is kept for an owner.
    pub(super) fn has(&self, owner: &V, now: Timestamp) -> bool {
        self.keys_of(owner, now).next().is_some()
    }

    /// It is not kept any more, if this was its owner (T17).
    pub(super) fn remove(&mut self, key: &K, owner: &V) {
        if self.by_key.get(key).is_some_and(|(known, _)| known == owner) {
            self.take(key);
            self.removals.explicit += 1;
        }
    }

    /// Nothing is kept for an owner any more.
    pub(super) fn forget(&mut self, owner: &V) {
        for key in self.by_owner.remove(owner).into_iter().flatten() {
            self.by_key.remove(&key);
            self.removals.explicit += 1;
        }
    }

    /// Drops what has been kept for long enough, to the millisecond (T5).
    pub(super) fn expire(&mut self, now: Timestamp) {
        let over: Vec<K> =
            self.by_key.iter().filter(|(_, (_, until))| *until <= now).map(|(key, _)| key.clone()).collect();
        for key in over {
            self.take(&key);
            self.removals.expired += 1;
        }
    }

    /// All that is kept, or was until a moment ago.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// For whom anything is kept, or was until a moment ago.
    pub(super) fn owners(&self) -> impl Iterator<Item = &V> {
        self.by_owner.keys()
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// What went since the last time.
    pub(super) fn take_removals(&mut self) -> Removals {
        std::mem::take(&mut self.removals)
    }

    fn take(&mut self, key: &K) -> Option<V> {
        let (owner, _) = self.by_key.remove(key)?;
        if let Some(keys) = self.by_owner.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        Some(owner)
    }
}

impl Removals {
    /// Tells the counters, named as upstream names those of the cache.
    pub(super) fn count(self, cache: &str, step: &mut Step<'_>) {
        let Self { expired, explicit, replaced } = self;
        if self == Self::default() {
            return;
        }
        step.count(format!("{cache}_cache_removals"), expired + explicit + replaced);
        step.count(format!("{cache}_cache_expiration_removals"), expired);
        step.count(format!("{cache}_cache_explicit_removals"), explicit);
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::amounts::Millis;

    use super::*;

    const START: Timestamp = Timestamp(1000);

    fn keys(kept: &Reservations<&'static str, u32>, owner: u32) -> Vec<&'static str> {
        kept.keys_of(&owner, START).copied().collect()
    }

    #[test]
    fn sched_110_what_is_kept_ends_to_the_millisecond() {
        let mut kept = Reservations::default();
        kept.put("k1", 1, START + Millis(60_000));
        assert_eq!(kept.owner(&"k1", START + Millis(59_999)), Some(&1));
        assert_eq!(kept.owner(&"k1", START + Millis(60_000)), None);
        assert!(!kept.has(&1, START + Millis(60_000)));
        kept.expire(START + Millis(60_000));
        assert_eq!(kept.len(), 0);
        assert_eq!(kept.take_removals(), Removals { expired: 1, explicit: 0, replaced: 0 });
        for (time, last) in [(90_000, 89_999), (10_000, 9999)] {
            kept.put("k", 1, START + Millis(time));
            kept.expire(START + Millis(last));
            assert!(kept.has(&1, START + Millis(last)) && !kept.has(&1, START + Millis(time)));
        }
    }

    #[test]
    fn sched_111_only_its_owner_releases_a_reservation() {
        let until = START + Millis(1);
        let mut kept = Reservations::default();
        kept.put("k1", 1, until);
        kept.remove(&"k1", &2);
        assert_eq!(kept.len(), 1, "it is another's");
        kept.remove(&"k1", &1);
        assert_eq!(kept.take_removals(), Removals { expired: 0, explicit: 1, replaced: 0 });

        kept.put("k1", 1, until);
        kept.put("k2", 1, until);
        kept.remove(&"k1", &1);
        assert_eq!(keys(&kept, 1), ["k2"]);
        kept.forget(&1);

        kept.put("k1", 1, until);
        let before = keys(&kept, 1);
        kept.put("k1", 2, until);
        assert_eq!((keys(&kept, 1), keys(&kept, 2), kept.len()), (vec![], vec!["k1"], 1));
        assert_eq!(before, ["k1"], "what was read before stays as it was");
    }
}
