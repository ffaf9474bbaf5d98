//! A table that readers share, sorted by plain numbers.

use std::hash::{Hash, Hasher};

use imbl::OrdMap;

use super::key::TextHasher;

/// A row that knows its own key.
pub(super) trait Keyed {
    type Key: Hash + Eq;

    fn key(&self) -> &Self::Key;

    /// A number for a key, which others may share. It never changes.
    fn number(key: &Self::Key) -> u64 {
        let mut hasher = TextHasher::default();
        key.hash(&mut hasher);
        // Tests want keys that share a number.
        if cfg!(test) { hasher.finish() % 2 } else { hasher.finish() }
    }
}

/// Rows by a number made of their key and, for keys that share one, a second number from 0 on.
///
/// Finding one looks at no text but its own, and a node that is copied while readers hold the table has no pointers to keys
/// in it, each a look at a far place in memory. The order of the rows is that of the numbers: the same keys, the same order.
#[derive(Clone, Debug)]
pub(super) struct Numbered<R>(OrdMap<(u64, u32), R>);

impl<R> Default for Numbered<R> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<R: Keyed + Clone> Numbered<R> {
    /// The place of a key, or the free one where its row would go. `number` is that of the key.
    fn find(&self, number: u64, key: &R::Key) -> Result<(u64, u32), (u64, u32)> {
        let mut place = (number, 0);
        loop {
            match self.0.get(&place) {
                Some(row) if row.key() == key => return Ok(place),
                Some(_) => place.1 += 1,
                None => return Err(place),
            }
        }
    }

    pub(super) fn get(&self, key: &R::Key) -> Option<&R> {
        self.get_at(R::number(key), key)
    }

    /// The row of a key whose number is known.
    pub(super) fn get_at(&self, number: u64, key: &R::Key) -> Option<&R> {
        let mut place = (number, 0);
        loop {
            let row = self.0.get(&place)?;
            if row.key() == key {
                return Some(row);
            }
            place.1 += 1;
        }
    }

    /// The row of a key whose number is known, to change it.
    pub(super) fn get_mut_at(&mut self, number: u64, key: &R::Key) -> Option<&mut R> {
        let place = self.find(number, key).ok()?;
        self.0.get_mut(&place)
    }

    /// The row of a key whose number is known, to change it; made now if there is none.
    pub(super) fn entry_at(&mut self, number: u64, key: &R::Key, make: impl FnOnce() -> R) -> &mut R {
        let (Ok(place) | Err(place)) = self.find(number, key);
        self.0.entry(place).or_insert_with(make)
    }

    /// Stores a row; gives back the one that had its key.
    pub(super) fn insert(&mut self, row: R) -> Option<R> {
        let (Ok(place) | Err(place)) = self.find(R::number(row.key()), row.key());
        self.0.insert(place, row)
    }

    pub(super) fn remove(&mut self, key: &R::Key) -> Option<R> {
        let place = self.find(R::number(key), key).ok()?;
        // The last of those that share the number takes its place.
        let mut last = place;
        while self.0.contains_key(&(last.0, last.1 + 1)) {
            last.1 += 1;
        }
        let moved = self.0.remove(&last)?;
        if last == place { Some(moved) } else { self.0.insert(place, moved) }
    }

    /// The rows whose keys have a number.
    pub(super) fn with_number(&self, number: u64) -> impl Iterator<Item = &R> {
        (0..).map_while(move |second| self.0.get(&(number, second)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        self.0.values()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Keyed for (u8, u32) {
        type Key = u8;

        fn key(&self) -> &u8 {
            &self.0
        }
    }

    proptest! {
        #[test]
        fn rows_are_found_by_their_keys(steps in prop::collection::vec((0..8_u8, 0..4_u32), 0..80)) {
            let mut numbered = Numbered::<(u8, u32)>::default();
            let mut there = BTreeMap::new();
            for (key, value) in steps {
                match value {
                    0 => prop_assert_eq!(numbered.remove(&key).map(|row| row.1), there.remove(&key)),
                    1 => {
                        *there.entry(key).or_insert(9) += 1;
                        let number = <(u8, u32)>::number(&key);
                        numbered.entry_at(number, &key, || (key, 9)).1 += 1;
                        prop_assert_eq!(numbered.get_mut_at(number, &key).map(|row| row.1), there.get(&key).copied());
                    }
                    _ => prop_assert_eq!(numbered.insert((key, value)).map(|row| row.1), there.insert(key, value)),
                }
                for key in 0..8 {
                    prop_assert_eq!(numbered.get(&key).map(|row| row.1), there.get(&key).copied());
                }
                let mut all: Vec<_> = numbered.iter().copied().collect();
                all.sort_unstable();
                prop_assert_eq!(numbered.len(), all.len());
                prop_assert!(all.into_iter().eq(there.clone()));
            }
        }
    }
}
