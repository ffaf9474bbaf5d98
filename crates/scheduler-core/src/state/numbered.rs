//! A table that readers share, sorted by plain numbers.

use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;

use super::by_age::ByAge;
use super::key::TextHasher;
use super::layered::{LayerSizes, Layered};

/// A row that knows its own key.
pub(super) trait Keyed {
    type Key: Hash + Ord;

    fn key(&self) -> &Self::Key;

    /// A number for a key, which others may share. It never changes.
    fn number(key: &Self::Key) -> u64 {
        let mut hasher = TextHasher::default();
        key.hash(&mut hasher);
        // Tests want keys that share a number.
        if cfg!(test) { hasher.finish() % 2 } else { hasher.finish() }
    }
}

/// Rows by a number made of their key. Neighbours in memory are rows of about the same age; where a row with a number is, is
/// told by plain numbers, which are copied without a look at what they name.
///
/// The order of the rows is that of the numbers, and of the keys where these are equal: the same keys, the same order.
pub(super) struct Numbered<R> {
    rows: ByAge<R>,
    /// One thing to share for the many readers' views in which it is the same.
    order: Arc<Layered<Place>>,
    own: Own,
}

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    number: u64,
    birth: u64,
}

/// What `order` holds, hashed, for the one who changes the table and so looks most often. Clones, which readers hold, have none.
#[derive(Debug, Default)]
struct Own(Option<HashTable<Place>>);

impl Clone for Own {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl Place {
    /// The upper half of a number may be all that it has.
    const fn hash(&self) -> u64 {
        hash(self.number)
    }
}

const fn hash(number: u64) -> u64 {
    number ^ (number >> 32)
}

impl<R: Clone> Clone for Numbered<R> {
    fn clone(&self) -> Self {
        Self { rows: self.rows.clone(), order: Arc::clone(&self.order), own: self.own.clone() }
    }
}

impl<R> Default for Numbered<R> {
    fn default() -> Self {
        Self { rows: ByAge::default(), order: Arc::default(), own: Own::default() }
    }
}

impl<R: Keyed + Clone> Numbered<R> {
    /// From now on the lists of changes are as long as this.
    pub(super) fn set_sizes(&mut self, sizes: LayerSizes) {
        Arc::make_mut(&mut self.order).set_sizes(sizes);
    }

    pub(super) fn get(&self, key: &R::Key) -> Option<&R> {
        self.get_at(R::number(key), key)
    }

    /// The row of a key whose number is known.
    pub(super) fn get_at(&self, number: u64, key: &R::Key) -> Option<&R> {
        self.find_map(number, |row| (row.key() == key).then_some(row))
    }

    /// The first that is made of a row whose key has this number.
    pub(super) fn find_map<'a, T>(
        &'a self,
        number: u64,
        mut make: impl FnMut(&'a R) -> Option<T>,
    ) -> Option<T> {
        self.search(number, |_, row| make(row))
    }

    /// The same, where the birth of the row is asked, too.
    fn search<'a, T>(&'a self, number: u64, mut make: impl FnMut(u64, &'a R) -> Option<T>) -> Option<T> {
        let mut made = None;
        let mut is_found = |place: &Place| {
            if place.number == number {
                made = self.rows.get(place.birth).and_then(|row| make(place.birth, row));
            }
            made.is_some()
        };
        match &self.own.0 {
            Some(places) => {
                places.find(hash(number), is_found);
            }
            None => {
                let place = |birth| Place { number, birth };
                self.order.few(place(0), place(u64::MAX)).any(|place| is_found(&place));
            }
        }
        made
    }

    fn birth(&self, number: u64, key: &R::Key) -> Option<u64> {
        self.search(number, |birth, row| (row.key() == key).then_some(birth))
    }

    /// The row of a key whose number is known, to change it.
    pub(super) fn get_mut_at(&mut self, number: u64, key: &R::Key) -> Option<&mut R> {
        let birth = self.birth(number, key)?;
        self.rows.get_mut(birth)
    }

    /// Stores a row whose key has this number, and no row.
    pub(super) fn add_at(&mut self, number: u64, row: R) {
        debug_assert!(self.get_at(number, row.key()).is_none(), "the key has a row");
        // A clone that is changed needs places of its own.
        let order = &self.order;
        let own = self.own.0.get_or_insert_with(|| {
            let mut places = HashTable::new();
            for place in order.range(Place { number: 0, birth: 0 }, LAST) {
                places.insert_unique(place.hash(), place, Place::hash);
            }
            places
        });
        let place = Place { number, birth: self.rows.push(row) };
        own.insert_unique(place.hash(), place, Place::hash);
        Arc::make_mut(&mut self.order).insert(place);
    }

    /// Stores a row; gives back the one that had its key.
    pub(super) fn insert(&mut self, row: R) -> Option<R> {
        let number = R::number(row.key());
        match self.birth(number, row.key()) {
            Some(birth) => self.rows.get_mut(birth).map(|old| std::mem::replace(old, row)),
            None => {
                self.add_at(number, row);
                None
            }
        }
    }

    pub(super) fn remove(&mut self, key: &R::Key) -> Option<R> {
        let number = R::number(key);
        let place = Place { number, birth: self.birth(number, key)? };
        if let Some(places) = &mut self.own.0
            && let Ok(entry) = places.find_entry(place.hash(), |other| *other == place)
        {
            entry.remove();
        }
        Arc::make_mut(&mut self.order).remove(place);
        self.rows.remove(place.birth)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &R> {
        let mut places = self.order.range(Place { number: 0, birth: 0 }, LAST).peekable();
        // Those of one number, the last key first.
        let mut equal = Vec::new();
        std::iter::from_fn(move || {
            if equal.is_empty() {
                let first = places.next()?;
                equal.extend(self.rows.get(first.birth));
                while let Some(next) = places.next_if(|next| next.number == first.number) {
                    equal.extend(self.rows.get(next.birth));
                }
                equal.sort_unstable_by(|a: &&R, b: &&R| b.key().cmp(a.key()));
            }
            equal.pop()
        })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Behind all places.
const LAST: Place = Place { number: u64::MAX, birth: u64::MAX };

/// The rows; in which order they came means nothing.
impl<R: Keyed + Clone + Debug> Debug for Numbered<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
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

    type Rows = Numbered<(u8, u32)>;

    fn check(numbered: &Rows, there: &BTreeMap<u8, u32>) {
        for key in 0..8 {
            assert_eq!(numbered.get(&key).map(|row| row.1), there.get(&key).copied());
        }
        let mut all: Vec<_> = there.iter().map(|(key, value)| (*key, *value)).collect();
        all.sort_unstable_by_key(|(key, _)| (Rows::number_of(*key), *key));
        assert!(numbered.iter().copied().eq(all), "by number and key, however they came");
        assert_eq!(numbered.len(), there.len());
    }

    impl Rows {
        fn number_of(key: u8) -> u64 {
            <(u8, u32)>::number(&key)
        }
    }

    proptest! {
        #[test]
        fn rows_are_found_by_their_keys(steps in prop::collection::vec((0..8_u8, 0..5_u32), 0..80)) {
            let mut numbered = Rows::default();
            let mut there = BTreeMap::new();
            let mut seen = Vec::new();
            for (key, value) in steps {
                let number = Rows::number_of(key);
                match value {
                    0 => prop_assert_eq!(numbered.remove(&key).map(|row| row.1), there.remove(&key)),
                    1 => {
                        let row = numbered.get_mut_at(number, &key).map(|row| {
                            row.1 += 1;
                            row.1
                        });
                        let expected = there.get_mut(&key).map(|row| {
                            *row += 1;
                            *row
                        });
                        prop_assert_eq!(row, expected);
                    }
                    2 => {
                        seen.push((numbered.clone(), there.clone()));
                        // Who goes on with a clone finds the same.
                        numbered = numbered.clone();
                    }
                    _ => prop_assert_eq!(numbered.insert((key, value)).map(|row| row.1), there.insert(key, value)),
                }
                check(&numbered, &there);
            }
            for (numbered, there) in seen {
                check(&numbered, &there);
            }
        }
    }
}
