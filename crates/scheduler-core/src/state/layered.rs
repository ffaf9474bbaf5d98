//! A sorted table that readers share, with what changed lately in a layer of its own.
//!
//! Each change of a persistent map copies the nodes above it, and raises the count of every node these point to. In a map of a
//! million rows most of these lie far away in memory. The layer of late changes is small and near; when it is full, all of it
//! goes into the map at once, which copies most nodes once for many changes. A map that is near itself is changed at once.

use std::cmp::Ordering;
use std::fmt::{self, Debug};
use std::iter::Peekable;
use std::ops::RangeBounds;

use imbl::OrdMap;

/// How many changes are in the upper layer at most. Tests want it full often.
const LATE_MAX: usize = if cfg!(test) { 4 } else { 1024 };

/// How many rows a map may have to be near: it fits into the caches.
const NEAR_MAX: usize = if cfg!(test) { 5 } else { 65_536 };

/// A sorted table of plain keys.
#[derive(Clone)]
pub(super) struct Layered<K, V> {
    settled: OrdMap<K, V>,
    /// Rows that are new or changed, and keys whose rows are gone.
    late: OrdMap<K, Option<V>>,
    len: usize,
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Self {
        Self { settled: OrdMap::new(), late: OrdMap::new(), len: 0 }
    }
}

impl<K: Ord + Copy, V> Layered<K, V> {
    /// The rows of some keys, by key.
    pub(super) fn range(&self, keys: impl RangeBounds<K> + Clone) -> impl Iterator<Item = (&K, &V)> {
        let settled = self.settled.range(keys.clone()).peekable();
        Merged { settled, late: self.late.range(keys).peekable() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.range(..)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, row)| row)
    }
}

/// The rows; which layer they are in means nothing.
impl<K: Ord + Copy + Debug, V: Debug> Debug for Layered<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Copy, V: Clone> Layered<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match self.late.get(key) {
            Some(row) => row.as_ref(),
            None => self.settled.get(key),
        }
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The row of a key, to be changed.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if self.is_near() {
            return self.settled.get_mut(key);
        }
        if !self.late.contains_key(key) {
            let row = self.settled.get(key)?.clone();
            self.settle();
            self.late.insert(*key, Some(row));
        }
        self.late.get_mut(key)?.as_mut()
    }

    /// Stores a row; gives back the one that was there.
    pub(super) fn insert(&mut self, key: K, row: V) -> Option<V> {
        let old = if self.is_near() {
            self.settled.insert(key, row)
        } else {
            match self.late.insert(key, Some(row)) {
                Some(late) => late,
                None => self.settled.get(&key).cloned(),
            }
        };
        self.len += usize::from(old.is_none());
        self.settle();
        old
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        if self.is_near() {
            let old = self.settled.remove(key);
            self.len -= usize::from(old.is_some());
            return old;
        }
        let is_settled = self.settled.contains_key(key);
        let late = if is_settled { self.late.insert(*key, None) } else { self.late.remove(key) };
        let old = match late {
            Some(late) => late,
            None => self.settled.get(key).cloned(),
        };
        self.len -= usize::from(old.is_some());
        self.settle();
        old
    }

    /// Changes the row of a key: from what it was, if it was there, to what it becomes.
    pub(super) fn alter(&mut self, key: K, change: impl FnOnce(Option<&V>) -> Option<V>) {
        match change(self.get(&key)) {
            Some(row) => {
                self.insert(key, row);
            }
            None => {
                self.remove(&key);
            }
        }
    }

    fn is_near(&self) -> bool {
        self.late.is_empty() && self.settled.len() < NEAR_MAX
    }

    fn settle(&mut self) {
        if self.late.len() <= LATE_MAX {
            return;
        }
        for (key, row) in std::mem::take(&mut self.late) {
            match row {
                Some(row) => {
                    self.settled.insert(key, row);
                }
                None => {
                    self.settled.remove(&key);
                }
            }
        }
    }
}

/// Both layers in one order; the upper one hides the lower one.
struct Merged<S: Iterator, L: Iterator> {
    settled: Peekable<S>,
    late: Peekable<L>,
}

impl<'a, K: Ord + 'a, V: 'a, S, L> Iterator for Merged<S, L>
where
    S: Iterator<Item = (&'a K, &'a V)>,
    L: Iterator<Item = (&'a K, &'a Option<V>)>,
{
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.settled.peek(), self.late.peek()) {
                (_, None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((settled, _)), Some((late, _))) => settled.cmp(late),
            };
            if order == Ordering::Less {
                return self.settled.next();
            }
            if order == Ordering::Equal {
                self.settled.next();
            }
            if let (key, Some(row)) = self.late.next()? {
                return Some((key, row));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_one_table(steps in prop::collection::vec((0..12_u8, 0..6_u32), 0..120), from in 0..12_u8) {
            let mut table = Layered::default();
            let mut there = BTreeMap::new();
            for (key, value) in steps {
                match value {
                    0 | 1 => prop_assert_eq!(table.remove(&key), there.remove(&key)),
                    2 if key % 2 == 0 => {
                        if let Some(row) = table.get_mut(&key) {
                            *row += 1;
                        }
                        there.entry(key).and_modify(|old| *old += 1);
                    }
                    2 => {
                        table.alter(key, |old: Option<&u32>| old.map(|old| old + 1));
                        there.entry(key).and_modify(|old| *old += 1);
                    }
                    3 => {
                        table.alter(key, |_| None);
                        there.remove(&key);
                    }
                    _ => prop_assert_eq!(table.insert(key, value), there.insert(key, value)),
                }
                prop_assert_eq!(table.len(), there.len());
                prop_assert!(table.iter().eq(there.iter()));
                prop_assert!(table.range(from..).eq(there.range(from..)));
                prop_assert!((0..12).all(|key| table.get(&key) == there.get(&key)));
            }
        }
    }
}
