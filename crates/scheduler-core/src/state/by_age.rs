//! Rows that readers share, in the order in which they came.
//!
//! A change copies the nodes above it and raises the count of all these point to, each a look at a place in memory. Here they
//! are rows of about the same age, and what is about as old is mostly changed at about the same time: they are near.

use std::sync::Arc;

/// How many bits of its birth tell where a row is in a node. Tests want many nodes.
const BITS: u32 = if cfg!(test) { 1 } else { 3 };

/// Most that a node has below it.
const WIDTH: usize = 1 << BITS;

/// Rows, each by its *birth*: how many came before it, those that are gone included.
#[derive(Clone, Debug)]
pub(super) struct ByAge<R> {
    root: Arc<Node<R>>,
    /// How many levels of branches are above the leaves.
    height: u32,
    /// The birth of the row that comes next. The tree has places for all before it.
    next: u64,
    len: usize,
}

/// None but the root is without rows.
#[derive(Clone, Debug)]
enum Node<R> {
    Branch([Option<Arc<Self>>; WIDTH]),
    Leaf([Option<R>; WIDTH]),
}

impl<R> Default for ByAge<R> {
    fn default() -> Self {
        Self { root: Arc::new(Node::at(0)), height: 0, next: 0, len: 0 }
    }
}

impl<R> ByAge<R> {
    pub(super) fn get(&self, birth: u64) -> Option<&R> {
        if birth >= self.next {
            return None;
        }
        let (mut node, mut level) = (&*self.root, self.height);
        loop {
            match node {
                Node::Branch(nodes) => node = nodes[place(birth, level)].as_deref()?,
                Node::Leaf(rows) => return rows[place(birth, 0)].as_ref(),
            }
            level -= 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl<R: Clone> ByAge<R> {
    pub(super) fn get_mut(&mut self, birth: u64) -> Option<&mut R> {
        if birth >= self.next {
            return None;
        }
        let (mut node, mut level) = (Arc::make_mut(&mut self.root), self.height);
        loop {
            match node {
                Node::Branch(nodes) => node = Arc::make_mut(nodes[place(birth, level)].as_mut()?),
                Node::Leaf(rows) => return rows[place(birth, 0)].as_mut(),
            }
            level -= 1;
        }
    }

    /// Stores a row; says its birth.
    pub(super) fn push(&mut self, row: R) -> u64 {
        let birth = self.next;
        self.next += 1;
        self.len += 1;
        if birth >> (BITS * (self.height + 1)) > 0 {
            self.height += 1;
            let mut nodes = std::array::from_fn(|_| None);
            nodes[0] = Some(Arc::clone(&self.root)).filter(|root| !root.is_empty());
            self.root = Arc::new(Node::Branch(nodes));
        }
        Arc::make_mut(&mut self.root).put(birth, self.height, row);
        birth
    }

    pub(super) fn remove(&mut self, birth: u64) -> Option<R> {
        self.get(birth)?;
        self.len -= 1;
        Arc::make_mut(&mut self.root).take(birth, self.height)
    }
}

impl<R> Node<R> {
    /// An empty one with so many levels of nodes below it.
    fn at(level: u32) -> Self {
        match level {
            0 => Self::Leaf(std::array::from_fn(|_| None)),
            _ => Self::Branch(std::array::from_fn(|_| None)),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Branch(nodes) => nodes.iter().all(Option::is_none),
            Self::Leaf(rows) => rows.iter().all(Option::is_none),
        }
    }
}

impl<R: Clone> Node<R> {
    fn put(&mut self, birth: u64, level: u32, row: R) {
        match self {
            Self::Branch(nodes) => {
                let below = level - 1;
                let node = nodes[place(birth, level)].get_or_insert_with(|| Arc::new(Self::at(below)));
                Arc::make_mut(node).put(birth, below, row);
            }
            Self::Leaf(rows) => rows[place(birth, 0)] = Some(row),
        }
    }

    fn take(&mut self, birth: u64, level: u32) -> Option<R> {
        match self {
            Self::Branch(nodes) => {
                let node = &mut nodes[place(birth, level)];
                let taken = Arc::make_mut(node.as_mut()?).take(birth, level - 1);
                if node.as_ref().is_some_and(|node| node.is_empty()) {
                    *node = None;
                }
                taken
            }
            Self::Leaf(rows) => rows[place(birth, 0)].take(),
        }
    }
}

/// Where in a node of this level a row is.
#[expect(clippy::cast_possible_truncation, reason = "a few bits are asked for")]
const fn place(birth: u64, level: u32) -> usize {
    (birth >> (BITS * level)) as usize & (WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check_nodes(node: &Node<u32>) {
        if let Node::Branch(nodes) = node {
            for node in nodes.iter().flatten() {
                assert!(!node.is_empty(), "a node without rows is kept");
                check_nodes(node);
            }
        }
    }

    proptest! {
        #[test]
        fn rows_are_found_by_their_births(steps in prop::collection::vec((0..4_u8, 0..40_u64), 0..120)) {
            let mut rows = ByAge::default();
            let mut there = BTreeMap::new();
            let mut seen = Vec::new();
            for (value, (kind, birth)) in (0_u32..).zip(steps) {
                match kind {
                    0 => prop_assert_eq!(rows.remove(birth), there.remove(&birth)),
                    1 => {
                        if let Some(row) = there.get_mut(&birth) {
                            *row = value;
                        }
                        prop_assert_eq!(rows.get_mut(birth).map(|row| *row = value), there.get(&birth).map(|_| ()));
                    }
                    _ => {
                        let birth = rows.push(value);
                        prop_assert_eq!(there.insert(birth, value), None, "no birth is used twice");
                    }
                }
                check_nodes(&rows.root);
                prop_assert_eq!(rows.len(), there.len());
                for birth in 0..130 {
                    prop_assert_eq!(rows.get(birth), there.get(&birth));
                }
                if value % 5 == 0 {
                    seen.push((rows.clone(), there.clone()));
                }
            }
            for (rows, there) in seen {
                prop_assert!((0..130).all(|birth| rows.get(birth) == there.get(&birth)), "readers see no change");
            }
        }
    }
}
