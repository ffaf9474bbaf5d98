//! A sorted set of plain keys that readers share, for many keys of which few change.
//!
//! A persistent tree copies the nodes above each change, and raises the count of every node these point to: in a tree of a
//! million keys most of these lie far away in memory. Here a change goes into a short list, which is copied whole. A list that is
//! full is merged into the next, which is longer, and so on; the keys of the last go into large blocks of memory, one block at
//! each change, so that no change is dear.
//!
//! A list holds the keys that are *turned*: there if they were not, and gone if they were. So a change looks at nothing that is
//! older, a key that comes and goes meets itself in some list and is in none any more, and a key is in the set if an odd number
//! of lists and blocks hold it.

use std::fmt::{self, Debug};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

/// How long the lists of the changes to an index may be. Only simulations and tests want other than the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSizes {
    /// Most keys of each list, the newest list first.
    pub lists: [usize; LISTS],
    /// How many keys a block has, about.
    pub block: usize,
}

const LISTS: usize = 3;

impl LayerSizes {
    /// Lists and blocks that a few keys fill.
    pub const SMALL: Self = Self { lists: [1, 3, 6], block: 3 };
}

impl Default for LayerSizes {
    /// Those with which placements beside a million tasks are quickest.
    fn default() -> Self {
        if cfg!(test) { Self::SMALL } else { Self { lists: [64, 1024, 16_384], block: 512 } }
    }
}

/// The set.
#[derive(Clone)]
pub(super) struct Layered<K> {
    sizes: LayerSizes,
    /// Turned keys, sorted; the newest list first.
    lists: [Arc<Vec<K>>; LISTS],
    /// The last list when it was full. Its keys go into the blocks in their order.
    settling: Arc<Vec<K>>,
    /// How many of them are there already.
    settled: usize,
    /// Sorted keys by a key that is not behind their first, and behind the last of the block before. None is empty.
    blocks: OrdMap<K, Arc<Vec<K>>>,
}

impl<K> Default for Layered<K> {
    fn default() -> Self {
        Self {
            sizes: LayerSizes::default(),
            lists: Default::default(),
            settling: Arc::default(),
            settled: 0,
            blocks: OrdMap::new(),
        }
    }
}

impl<K: Ord + Copy> Layered<K> {
    /// From now on lists are as long as this.
    pub(super) fn set_sizes(&mut self, sizes: LayerSizes) {
        self.sizes = sizes;
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, key: K) {
        debug_assert!(!self.contains(&key), "the key is there already");
        self.turn(key);
    }

    /// Takes a key out that is there.
    pub(super) fn remove(&mut self, key: K) {
        debug_assert!(self.contains(&key), "the key is not there");
        self.turn(key);
    }

    fn contains(&self, key: &K) -> bool {
        self.range(*key, *key).next().is_some()
    }

    /// The keys between two, these included, in their order.
    pub(super) fn range(&self, from: K, to: K) -> impl Iterator<Item = K> {
        let [first, second, third] = &self.lists;
        let lists = [first, second, third].map(|list| &list[..]);
        let lists = [lists[0], lists[1], lists[2], &self.settling[self.settled..]];
        let lists = lists.map(|list| &list[list.partition_point(|key| *key < from)..]);
        let block = self.blocks.get_prev(&from).map_or(from, |(first, _)| *first);
        let blocks = self.blocks.range(block..).flat_map(|(_, keys)| keys.iter().copied());
        let settled = blocks.skip_while(move |key| *key < from).peekable();
        Odd { lists, settled }.take_while(move |key| *key <= to)
    }

    fn turn(&mut self, key: K) {
        self.settle_block();
        let newest = &mut self.lists[0];
        let place = newest.binary_search(&key);
        if Arc::get_mut(newest).is_none() {
            let mut copy = Vec::with_capacity(self.sizes.lists[0] + 1);
            copy.extend_from_slice(newest);
            *newest = Arc::new(copy);
        }
        let newest = Arc::make_mut(newest);
        match place {
            Ok(place) => {
                newest.remove(place);
            }
            Err(place) => newest.insert(place, key),
        }
        self.pass_on();
    }

    /// Merges lists that are full into the next.
    fn pass_on(&mut self) {
        for level in 0..LISTS {
            if self.lists[level].len() <= self.sizes.lists[level] {
                return;
            }
            let empty = if level == 0 { Vec::with_capacity(self.sizes.lists[0] + 1) } else { Vec::new() };
            let full = std::mem::replace(&mut self.lists[level], Arc::new(empty));
            match self.lists.get_mut(level + 1) {
                Some(next) => *next = Arc::new(turned(next, &full)),
                None => {
                    // Mostly nothing is left of them: there were more changes since than it has keys.
                    while !self.settling.is_empty() {
                        self.settle_block();
                    }
                    self.settling = full;
                }
            }
        }
    }

    /// Puts the next settling keys into their block.
    fn settle_block(&mut self) {
        let Some(first) = self.settling.get(self.settled).copied() else { return };
        let block = self.blocks.get_prev(&first).or_else(|| self.blocks.iter().next());
        let lower = block.map(|(lower, _)| *lower);
        let next = lower.and_then(|lower| {
            self.blocks.range((Bound::Excluded(lower), Bound::Unbounded)).next().map(|(next, _)| *next)
        });
        let rest = &self.settling[self.settled..];
        let count = rest.partition_point(|key| next.is_none_or(|next| *key < next)).min(self.sizes.block);
        let mut keys = turned(block.map_or(&[], |(_, keys)| &keys[..]), &rest[..count]);
        self.settled += count;
        if self.settled == self.settling.len() {
            (self.settling, self.settled) = (Arc::default(), 0);
        }
        if let Some(lower) = lower.filter(|lower| keys.first() != Some(lower)) {
            self.blocks.remove(&lower);
        }
        // A block that has become small joins the next.
        if keys.len() < self.sizes.block / 4
            && let Some(others) = next.and_then(|next| self.blocks.remove(&next))
        {
            keys.extend_from_slice(&others);
        }
        while keys.len() > 2 * self.sizes.block {
            let piece = keys.split_off(keys.len() - self.sizes.block);
            self.blocks.insert(piece[0], Arc::new(piece));
        }
        if let Some(first) = keys.first() {
            self.blocks.insert(*first, Arc::new(keys));
        }
    }
}

/// The keys of a long list, with those of a short one turned.
fn turned<K: Ord + Copy>(long: &[K], short: &[K]) -> Vec<K> {
    let mut keys = Vec::with_capacity(long.len() + short.len());
    let mut rest = long;
    for key in short {
        let before = rest.partition_point(|other| other < key);
        keys.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        if rest.first() == Some(key) {
            rest = &rest[1..];
        } else {
            keys.push(*key);
        }
    }
    keys.extend_from_slice(rest);
    keys
}

/// The keys that an odd number of sources have, in their order.
struct Odd<'a, K, S: Iterator> {
    lists: [&'a [K]; LISTS + 1],
    settled: Peekable<S>,
}

impl<K: Ord + Copy, S: Iterator<Item = K>> Iterator for Odd<'_, K, S> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        loop {
            let heads = self.lists.iter().filter_map(|list| list.first());
            let least = heads.chain(self.settled.peek()).min().copied()?;
            let mut is_there = self.settled.next_if_eq(&least).is_some();
            for list in &mut self.lists {
                if let [first, rest @ ..] = list
                    && *first == least
                {
                    *list = rest;
                    is_there = !is_there;
                }
            }
            if is_there {
                return Some(least);
            }
        }
    }
}

/// The keys; which list they are in means nothing.
impl<K: Ord + Copy + Debug> Debug for Layered<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = self.lists.iter().chain([&self.settling]).filter_map(|list| list.first());
        let lasts = self.lists.iter().chain([&self.settling]).filter_map(|list| list.last());
        let blocks = (self.blocks.get_min(), self.blocks.get_max());
        let least = heads.chain(blocks.0.map(|(_, keys)| &keys[0])).min();
        let last = lasts.chain(blocks.1.and_then(|(_, keys)| keys.last())).max();
        let keys = least.zip(last).map(|(least, last)| self.range(*least, *last));
        formatter.debug_set().entries(keys.into_iter().flatten()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check_blocks(set: &Layered<u8>) {
        let mut last = None;
        for (lower, keys) in &set.blocks {
            assert!(!keys.is_empty() && *lower <= keys[0] && last < Some(*lower), "{:?}", set.blocks);
            assert!(keys.is_sorted_by(|a, b| a < b) && keys.len() <= 2 * set.sizes.block);
            last = keys.last().copied();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_set(
            turns in prop::collection::vec(0..60_u8, 0..300),
            sizes in ([1..4_usize, 2..8, 3..16], 1..6_usize),
            from in 0..60_u8,
            to in 0..60_u8,
            is_shared in any::<bool>(),
        ) {
            let mut set = Layered::default();
            set.set_sizes(LayerSizes { lists: sizes.0, block: sizes.1 });
            let mut there = BTreeSet::new();
            let mut seen = Vec::new();
            for (number, key) in turns.into_iter().enumerate() {
                if there.remove(&key) {
                    set.remove(key);
                } else {
                    there.insert(key);
                    set.insert(key);
                }
                check_blocks(&set);
                prop_assert!(set.range(0, 60).eq(there.iter().copied()));
                prop_assert!(set.range(from, to).eq(there.iter().copied().filter(|key| (from..=to).contains(key))));
                prop_assert_eq!(format!("{set:?}"), format!("{there:?}"));
                if is_shared && number % 7 == 0 {
                    seen.push((set.clone(), there.clone()));
                }
            }
            for (set, there) in seen {
                prop_assert!(set.range(0, 60).eq(there), "what a reader holds does not change");
            }
        }
    }
}
