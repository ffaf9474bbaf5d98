//! What is directly below a branch, in as little memory as decides mostly what to look at closer.
//!
//! A search looks at hundreds of branches, most of them far away in memory, and at few of the offers below them.

use super::tree::MAX;
use crate::schedule::bag::Bag;
use crate::schedule::filter::ResourceKind;

const KINDS: usize = ResourceKind::ALL.len();

/// Amounts in whole points of the score, in the order of [`ResourceKind::ALL`]: who has less points than needed has less.
pub(super) type Points = [u16; KINDS];

/// Amounts in points.
pub(super) fn points(bag: &Bag) -> Points {
    let mut points = Points::default();
    for ((points, amount), resource) in points.iter_mut().zip(bag).zip(ResourceKind::ALL) {
        let (range, factor) = resource.scale();
        let whole = amount.saturating_mul(factor) / range;
        *points = u16::try_from(whole.max(0)).unwrap_or(u16::MAX);
    }
    points
}

/// What a task needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    pub(super) bag: Bag,
    points: Points,
}

impl Need {
    pub(crate) fn new(bag: Bag) -> Self {
        Self { bag, points: points(&bag) }
    }
}

/// Offers or branches below one branch, by their number.
#[derive(Debug)]
pub(super) struct Glance {
    /// For each resource, the most that each has.
    points: [[u16; MAX]; KINDS],
    /// Of each, the first key of the rank of the offer that is tried first.
    keys: [u64; MAX],
    len: usize,
}

impl Glance {
    /// Of these points and keys.
    pub(super) fn of<'a>(all: impl Iterator<Item = (&'a Points, u64)>) -> Self {
        let mut glance = Self { points: [[0; MAX]; KINDS], keys: [0; MAX], len: 0 };
        for (points, key) in all.take(MAX) {
            for (row, points) in glance.points.iter_mut().zip(points) {
                row[glance.len] = *points;
            }
            glance.keys[glance.len] = key;
            glance.len += 1;
        }
        glance
    }

    /// The most that any has, of each resource by itself.
    pub(super) fn most(&self) -> Points {
        self.points.map(|row| row.into_iter().max().unwrap_or(0))
    }

    pub(super) fn key(&self, index: usize) -> u64 {
        self.keys[index]
    }

    /// A bit for each.
    pub(super) fn all(&self) -> u16 {
        u16::try_from((1_u32 << self.len) - 1).unwrap_or(u16::MAX)
    }

    /// A bit for each that may have enough.
    pub(super) fn that_may_hold(&self, need: &Need) -> u16 {
        let mut may_hold = [true; MAX];
        for (row, need) in self.points.iter().zip(need.points) {
            for (may_hold, has) in may_hold.iter_mut().zip(row) {
                *may_hold &= *has >= need;
            }
        }
        let bits = may_hold.iter().enumerate().fold(0, |bits, (index, may)| bits | u16::from(*may) << index);
        bits & self.all()
    }

    /// The first of those that have a bit, as far as keys decide; `tie` decides between equal ones whether the first of two
    /// comes first.
    pub(super) fn first(&self, mut bits: u16, tie: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let mut first: Option<usize> = None;
        while bits != 0 {
            let next = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let comes_first = first.is_none_or(|first| {
                let (key, least) = (self.keys[next], self.keys[first]);
                key < least || (key == least && tie(next, first))
            });
            if comes_first {
                first = Some(next);
            }
        }
        first
    }
}
