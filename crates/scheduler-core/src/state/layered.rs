//! A sorted set of plain keys that readers share, for many keys of which few change.
//!
//! A persistent tree copies the nodes above each change, and raises the count of every node these point to: in a tree of a
//! million keys most of these lie far away in memory. Here a change goes into a short list, which is copied whole. A list that is
//! full is merged into the next, which is longer, and so on; the keys of the last go into large blocks of memory, one block at
//! each change, so that no change is dear. There are few *young* blocks, so each takes many keys at a time; when they are too
//! many, they go the same way into the *old* ones.
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
    /// Most keys of the young blocks, before they go into the old ones.
    pub young: usize,
    /// How many keys a block has, about.
    pub block: usize,
}

const LISTS: usize = 3;

impl LayerSizes {
    /// Lists and blocks that a few keys fill.
    pub const SMALL: Self = Self { lists: [1, 3, 6], young: 12, block: 3 };
}

impl Default for LayerSizes {
    /// Those with which placements beside a million tasks are quickest: each stage is 8 to 16 times as long as the one before.
    fn default() -> Self {
        if cfg!(test) { Self::SMALL } else { Self { lists: [64, 1024, 16_384], young: 131_072, block: 512 } }
    }
}

/// The set.
#[derive(Clone)]
pub(super) struct Layered<K> {
    sizes: LayerSizes,
    /// Turned keys, sorted; the newest list first.
    lists: [Arc<Vec<K>>; LISTS],
    /// The last list when it was full. Its keys go into the young blocks in their order.
    settling: Arc<Vec<K>>,
    /// How many of them are there already.
    settled: usize,
    /// Turned keys, more than a list could hold.
    young: Blocks<K>,
    /// The young blocks when they were too many. Their keys go into the old ones in their order.
    aging: Blocks<K>,
    /// How many keys of their first block are there already.
    aged: usize,
    old: Blocks<K>,
}

impl<K: Ord + Copy> Default for Layered<K> {
    fn default() -> Self {
        Self {
            sizes: LayerSizes::default(),
            lists: Default::default(),
            settling: Arc::default(),
            settled: 0,
            young: Blocks::default(),
            aging: Blocks::default(),
            aged: 0,
            old: Blocks::default(),
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
        let in_lists = self.all_lists().iter().filter(|keys| keys.binary_search(key).is_ok()).count();
        let is_aged = self.first_aging().is_none_or(|first| *key < first);
        let in_blocks =
            [self.young.contains(key), !is_aged && self.aging.contains(key), self.old.contains(key)];
        (in_lists + in_blocks.into_iter().filter(|is_in| *is_in).count()) % 2 == 1
    }

    /// The first of the aging keys that is not in the old blocks yet.
    fn first_aging(&self) -> Option<K> {
        self.aging.first().map(|keys| keys[self.aged])
    }

    /// The keys between two, these included, in their order.
    pub(super) fn range(&self, from: K, to: K) -> impl Iterator<Item = K> {
        let lists = self.all_lists().map(|list| &list[list.partition_point(|key| *key < from)..]);
        let aging_from = self.first_aging().map_or(from, |first| first.max(from));
        let blocks =
            [self.young.from(from), self.aging.from(aging_from), self.old.from(from)].map(Iterator::peekable);
        Odd { lists, blocks }.take_while(move |key| *key <= to)
    }

    /// The same, quicker where there are few or none.
    pub(super) fn few(&self, from: K, to: K) -> impl Iterator<Item = K> {
        let (mut first, mut others) = (None, Vec::new());
        let mut note = |key: K| {
            if first.is_none() { first = Some(key) } else { others.push(key) }
        };
        for list in self.all_lists() {
            let keys = &list[list.partition_point(|key| *key < from)..];
            keys.iter().copied().take_while(|key| *key <= to).for_each(&mut note);
        }
        let aging_from = self.first_aging().map_or(from, |first| first.max(from));
        for (blocks, from) in [(&self.young, from), (&self.aging, aging_from), (&self.old, from)] {
            blocks.each_between(from, to, &mut note);
        }
        if !others.is_empty() {
            others.extend(first.take());
            others.sort_unstable();
            let odd = others.chunk_by(|a, b| a == b).filter(|same| same.len() % 2 == 1);
            others = odd.map(|same| same[0]).collect();
        }
        first.into_iter().chain(others)
    }

    /// The turned keys that are not in blocks.
    fn all_lists(&self) -> [&[K]; LISTS + 1] {
        let [first, second, third] = &self.lists;
        [first, second, third, &self.settling[self.settled..]]
    }

    fn turn(&mut self, key: K) {
        self.settle_block();
        self.age_block();
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

    /// Puts the next settling keys into their young block.
    fn settle_block(&mut self) {
        if self.settling.is_empty() {
            return;
        }
        self.settled += self.young.turn_first(&self.settling[self.settled..], self.sizes.block);
        if self.settled < self.settling.len() {
            return;
        }
        (self.settling, self.settled) = (Arc::default(), 0);
        if self.young.len > self.sizes.young {
            while self.aging.len > 0 {
                self.age_block();
            }
            self.aging = std::mem::take(&mut self.young);
        }
    }

    /// Puts the next aging keys into their old block.
    fn age_block(&mut self) {
        let Some(keys) = self.aging.first() else { return };
        self.aged += self.old.turn_first(&keys[self.aged..], self.sizes.block);
        if self.aged == keys.len() {
            self.aging.remove_first();
            self.aged = 0;
        }
    }
}

/// Sorted keys in blocks.
#[derive(Clone)]
struct Blocks<K> {
    /// Each by a key that is not behind its first, and behind the last of the block before. None is empty.
    blocks: OrdMap<K, Arc<Vec<K>>>,
    /// How many keys there are.
    len: usize,
}

impl<K: Ord + Copy> Default for Blocks<K> {
    fn default() -> Self {
        Self { blocks: OrdMap::new(), len: 0 }
    }
}

impl<K: Ord + Copy> Blocks<K> {
    fn contains(&self, key: &K) -> bool {
        self.blocks.get_prev(key).is_some_and(|(_, keys)| keys.binary_search(key).is_ok())
    }

    fn first(&self) -> Option<&Arc<Vec<K>>> {
        self.blocks.get_min().map(|(_, keys)| keys)
    }

    fn remove_first(&mut self) {
        if let Some((lower, keys)) = self.blocks.get_min() {
            let lower = *lower;
            self.len -= keys.len();
            self.blocks.remove(&lower);
        }
    }

    /// The keys that are not before one.
    fn from(&self, from: K) -> impl Iterator<Item = K> {
        let block = self.blocks.get_prev(&from).map_or(from, |(first, _)| *first);
        let keys = self.blocks.range(block..).flat_map(|(_, keys)| keys.iter().copied());
        keys.skip_while(move |key| *key < from)
    }

    /// Calls for each key between two, these included.
    fn each_between(&self, from: K, to: K, each: &mut impl FnMut(K)) {
        if self.len == 0 {
            return;
        }
        let mut after = Bound::Included(from);
        if let Some((lower, keys)) = self.blocks.get_prev(&from) {
            for key in &keys[keys.partition_point(|key| *key < from)..] {
                if *key > to {
                    return;
                }
                each(*key);
            }
            after = Bound::Excluded(*lower);
        }
        let keys = self.blocks.range((after, Bound::Unbounded)).flat_map(|(_, keys)| keys.iter());
        keys.copied().take_while(|key| *key <= to).for_each(each);
    }

    /// Turns as many of these keys, which are sorted, as belong into the block of the first; says how many.
    fn turn_first(&mut self, keys: &[K], size: usize) -> usize {
        let Some(first) = keys.first() else { return 0 };
        let block = self.blocks.get_prev(first).or_else(|| self.blocks.iter().next());
        let lower = block.map(|(lower, _)| *lower);
        let next = lower.and_then(|lower| {
            self.blocks.range((Bound::Excluded(lower), Bound::Unbounded)).next().map(|(next, _)| *next)
        });
        let count = keys.partition_point(|key| next.is_none_or(|next| *key < next)).min(size);
        let before = block.map_or(&[][..], |(_, keys)| &keys[..]);
        let mut after = turned(before, &keys[..count]);
        self.len = self.len + after.len() - before.len();
        if let Some(lower) = lower.filter(|lower| after.first() != Some(lower)) {
            self.blocks.remove(&lower);
        }
        // A block that has become small joins the next.
        if after.len() < size / 4
            && let Some(others) = next.and_then(|next| self.blocks.remove(&next))
        {
            after.extend_from_slice(&others);
        }
        while after.len() > 2 * size {
            let piece = after.split_off(after.len() - size);
            self.blocks.insert(piece[0], Arc::new(piece));
        }
        if let Some(first) = after.first() {
            self.blocks.insert(*first, Arc::new(after));
        }
        count
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
    blocks: [Peekable<S>; 3],
}

impl<K: Ord + Copy, S: Iterator<Item = K>> Iterator for Odd<'_, K, S> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        loop {
            let heads = self.lists.iter().filter_map(|list| list.first());
            let least = heads.chain(self.blocks.iter_mut().filter_map(Peekable::peek)).min().copied()?;
            let mut is_there = false;
            for blocks in &mut self.blocks {
                is_there ^= blocks.next_if_eq(&least).is_some();
            }
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
        let lists = || self.lists.iter().chain([&self.settling]);
        let blocks = || [&self.young, &self.aging, &self.old].into_iter();
        let heads = lists().filter_map(|list| list.first());
        let lasts = lists().filter_map(|list| list.last());
        let least = heads.chain(blocks().filter_map(|blocks| blocks.first()?.first())).min();
        let last = lasts.chain(blocks().filter_map(|blocks| blocks.blocks.get_max()?.1.last())).max();
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
        for blocks in [&set.young, &set.aging, &set.old] {
            let mut last = None;
            for (lower, keys) in &blocks.blocks {
                assert!(!keys.is_empty() && *lower <= keys[0] && last < Some(*lower), "{:?}", blocks.blocks);
                assert!(keys.is_sorted_by(|a, b| a < b) && keys.len() <= 2 * set.sizes.block);
                last = keys.last().copied();
            }
            assert_eq!(blocks.len, blocks.blocks.values().map(|keys| keys.len()).sum::<usize>());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_set(
            turns in prop::collection::vec(0..60_u8, 0..300),
            sizes in ([1..4_usize, 2..8, 3..16], 0..20_usize, 1..6_usize),
            from in 0..60_u8,
            to in 0..60_u8,
            is_shared in any::<bool>(),
        ) {
            let mut set = Layered::default();
            set.set_sizes(LayerSizes { lists: sizes.0, young: sizes.1, block: sizes.2 });
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
                prop_assert!(set.few(from, to).eq(set.range(from, to)));
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
