//! A sorted list in a balanced tree, in which each branch knows a sum of all entries below it.

use std::fmt;
use std::mem;

/// What is in a [`Tree`].
pub(crate) trait Entry: fmt::Debug + Sized {
    /// What entries are sorted by; no two in a tree have the same.
    type Key: Copy + Ord + fmt::Debug;
    /// What a branch knows of the entries below it.
    type Sum: fmt::Debug;

    /// Its place in the list.
    fn key(&self) -> Self::Key;
    /// The sum of neighbours, of which there is at least one.
    fn sum_of(entries: &[Self]) -> Self::Sum;
    /// The sum of neighbouring branches, of which there is at least one.
    fn sum_of_branches(branches: &[Branch<Self>]) -> Self::Sum;
}

/// Most entries or branches of one branch. It has at least a quarter of them, unless it is the root. Tests have few entries.
pub(super) const MAX: usize = if cfg!(test) { 8 } else { 16 };
const MIN: usize = MAX / 4;

/// A sorted list.
#[derive(Debug)]
pub(crate) struct Tree<E: Entry> {
    root: Option<Branch<E>>,
}

/// A stretch of the list.
#[derive(Debug)]
pub(crate) struct Branch<E: Entry> {
    first: E::Key,
    sum: E::Sum,
    below: Below<E>,
}

/// What is below a branch; never nothing.
#[derive(Debug)]
pub(crate) enum Below<E: Entry> {
    Entries(Vec<E>),
    Branches(Vec<Branch<E>>),
}

impl<E: Entry> Below<E> {
    fn len(&self) -> usize {
        match self {
            Self::Entries(entries) => entries.len(),
            Self::Branches(branches) => branches.len(),
        }
    }

    fn split_off(&mut self, at: usize) -> Self {
        match self {
            Self::Entries(entries) => Self::Entries(entries.split_off(at)),
            Self::Branches(branches) => Self::Branches(branches.split_off(at)),
        }
    }

    /// Adds what is behind it; both are of one level.
    fn append(&mut self, next: Self) {
        match (self, next) {
            (Self::Entries(entries), Self::Entries(mut next)) => entries.append(&mut next),
            (Self::Branches(branches), Self::Branches(mut next)) => branches.append(&mut next),
            _ => unreachable!("all entries of a tree are on one level"),
        }
    }
}

impl<E: Entry> Branch<E> {
    fn of(below: Below<E>) -> Self {
        let (first, sum) = Self::look(&below);
        Self { first, sum, below }
    }

    fn look(below: &Below<E>) -> (E::Key, E::Sum) {
        match below {
            Below::Entries(entries) => (entries[0].key(), E::sum_of(entries)),
            Below::Branches(branches) => (branches[0].first, E::sum_of_branches(branches)),
        }
    }

    /// What is below has changed.
    fn refresh(&mut self) {
        (self.first, self.sum) = Self::look(&self.below);
    }

    /// The least key below it.
    pub(crate) fn first(&self) -> E::Key {
        self.first
    }

    /// The sum of all entries below it.
    pub(crate) fn sum(&self) -> &E::Sum {
        &self.sum
    }

    /// What is below it.
    pub(crate) fn below(&self) -> &Below<E> {
        &self.below
    }

    /// Makes two of one that has grown too large: the second.
    fn split(&mut self) -> Option<Self> {
        let len = self.below.len();
        let second = (len > MAX).then(|| Self::of(self.below.split_off(len / 2)));
        self.refresh();
        second
    }

    fn insert(&mut self, entry: E) -> Option<Self> {
        match &mut self.below {
            Below::Entries(entries) => {
                let at = entries.partition_point(|other| other.key() < entry.key());
                entries.insert(at, entry);
            }
            Below::Branches(branches) => {
                let at = child(branches, entry.key());
                if let Some(second) = branches[at].insert(entry) {
                    branches.insert(at + 1, second);
                }
            }
        }
        self.split()
    }

    /// Changes an entry, which keeps its key. Says whether there is one.
    fn change(&mut self, key: E::Key, change: &mut dyn FnMut(&mut E)) -> bool {
        let is_there = match &mut self.below {
            Below::Entries(entries) => match entries.binary_search_by_key(&key, E::key) {
                Ok(at) => {
                    change(&mut entries[at]);
                    true
                }
                Err(_) => false,
            },
            Below::Branches(branches) => {
                let at = child(branches, key);
                branches[at].change(key, change)
            }
        };
        if is_there {
            self.refresh();
        }
        is_there
    }

    /// Takes an entry out, which may leave the branch empty.
    fn remove(&mut self, key: E::Key) -> Option<E> {
        let removed = match &mut self.below {
            Below::Entries(entries) => {
                let at = entries.binary_search_by_key(&key, E::key).ok()?;
                entries.remove(at)
            }
            Below::Branches(branches) => {
                let at = child(branches, key);
                let removed = branches[at].remove(key)?;
                if branches[at].below.len() < MIN {
                    join(branches, at);
                }
                removed
            }
        };
        if self.below.len() > 0 {
            self.refresh();
        }
        Some(removed)
    }
}

/// Which of these has the key, if any has it.
fn child<E: Entry>(branches: &[Branch<E>], key: E::Key) -> usize {
    branches.partition_point(|branch| branch.first <= key).saturating_sub(1)
}

/// Puts a branch that has grown too small together with a neighbour.
fn join<E: Entry>(branches: &mut Vec<Branch<E>>, at: usize) {
    if branches.len() == 1 {
        return;
    }
    let at = at.min(branches.len() - 2);
    let next = branches.remove(at + 1);
    branches[at].below.append(next.below);
    if let Some(second) = branches[at].split() {
        branches.insert(at + 1, second);
    }
}

impl<E: Entry> Tree<E> {
    /// A tree of these.
    pub(crate) fn of(mut entries: Vec<E>) -> Self {
        entries.sort_unstable_by_key(E::key);
        let mut level = pack(entries, Below::Entries);
        while level.len() > 1 {
            level = pack(level, Below::Branches);
        }
        Self { root: level.pop() }
    }

    /// All entries in one branch; `None` if there are none.
    pub(crate) fn root(&self) -> Option<&Branch<E>> {
        self.root.as_ref()
    }

    /// Adds an entry whose key none has.
    pub(crate) fn insert(&mut self, entry: E) {
        let Some(root) = &mut self.root else {
            self.root = Some(Branch::of(Below::Entries(vec![entry])));
            return;
        };
        if let Some(second) = root.insert(entry) {
            let first = mem::replace(&mut root.below, Below::Branches(Vec::new()));
            root.below = Below::Branches(vec![Branch::of(first), second]);
            root.refresh();
        }
    }

    /// Changes the entry with a key, which it keeps. Says whether there is one.
    pub(crate) fn change(&mut self, key: E::Key, mut change: impl FnMut(&mut E)) -> bool {
        self.root.as_mut().is_some_and(|root| root.change(key, &mut change))
    }

    /// Takes the entry with a key out.
    pub(crate) fn remove(&mut self, key: E::Key) -> Option<E> {
        let root = self.root.as_mut()?;
        let removed = root.remove(key)?;
        while let Below::Branches(branches) = &mut root.below
            && branches.len() == 1
        {
            *root = branches.remove(0);
        }
        if root.below.len() == 0 {
            self.root = None;
        }
        Some(removed)
    }
}

/// Puts neighbours together, three quarters of what a branch may have in each, so that the next few find room.
fn pack<T, E: Entry>(items: Vec<T>, below: impl Fn(Vec<T>) -> Below<E>) -> Vec<Branch<E>> {
    let branches = items.len().div_ceil(MAX * 3 / 4);
    let mut left = items.len();
    let mut items = items.into_iter();
    let mut packed = Vec::with_capacity(branches);
    for to_come in (1..=branches).rev() {
        let size = left.div_ceil(to_come);
        left -= size;
        packed.push(Branch::of(below(items.by_ref().take(size).collect())));
    }
    packed
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
