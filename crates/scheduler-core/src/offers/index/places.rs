//! Classes of one kind as places in the space of their resources: where something fits, and what comes nearest.
//!
//! The list is sorted so that classes with much the same of all resources are neighbours (the bits of their amounts, of every
//! resource in turn). So a branch has all that is in one corner of the space, and the most that is there of each resource
//! tells for most branches as a whole that nothing in them fits, or comes nearer than what was found.

use std::cmp::Ordering;

use super::tree::{Below, Branch, Entry, MAX, Tree};
use crate::offers::classes::ClassId;
use crate::offers::rank::{Lead, Rank};
use crate::schedule::bag::{Bag, Distance};
use crate::schedule::filter::ResourceKind;

/// Bits of each amount that decide the order.
const BITS: u32 = 25;

/// Parts of a point of the score that are told apart in the order.
const PARTS_OF_POINT: i64 = 512;

/// A class.
#[derive(Debug)]
pub(crate) struct Place {
    spot: u128,
    class: ClassId,
    has: Bag,
    /// Of its first member.
    rank: Rank,
}

/// What a branch knows.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The most that any class has, of each resource by itself.
    most: Bag,
    /// Which of what is directly below it has the class that is tried first.
    first: usize,
    lead: Lead,
}

impl Place {
    pub(super) fn new(class: ClassId, has: Bag, rank: Rank) -> Self {
        Self { spot: spot(&has), class, has, rank }
    }

    /// Where a class is in the list.
    pub(super) fn key_of(class: ClassId, has: &Bag) -> (u128, ClassId) {
        (spot(has), class)
    }

    pub(super) fn set_rank(&mut self, rank: Rank) {
        self.rank = rank;
    }

    /// The class.
    pub(crate) fn class(&self) -> ClassId {
        self.class
    }

    /// The rank of its first member.
    pub(crate) fn rank(&self) -> &Rank {
        &self.rank
    }

    /// Whether it has enough.
    pub(crate) fn holds(&self, need: &Bag) -> bool {
        holds(&self.has, need)
    }
}

fn holds(has: &Bag, need: &Bag) -> bool {
    has.iter().zip(need).all(|(has, need)| has >= need)
}

/// Where amounts are in the list.
fn spot(has: &Bag) -> u128 {
    const MAX: i64 = (1 << BITS) - 1;
    let mut scaled = Bag::default();
    for ((scaled, has), resource) in scaled.iter_mut().zip(has).zip(ResourceKind::ALL) {
        let (range, factor) = resource.scale();
        *scaled = (has.saturating_mul(factor * PARTS_OF_POINT) / range).clamp(0, MAX);
    }
    let mut spot = 0;
    for bit in (0..BITS).rev() {
        for amount in scaled {
            spot = (spot << 1) | u128::from((amount >> bit) & 1 == 1);
        }
    }
    spot
}

impl Entry for Place {
    type Key = (u128, ClassId);
    type Sum = Reach;

    fn key(&self) -> Self::Key {
        (self.spot, self.class)
    }

    fn sum_of(entries: &[Self]) -> Reach {
        let (mut most, mut first) = (entries[0].has, 0);
        for (index, place) in entries.iter().enumerate().skip(1) {
            raise(&mut most, &place.has);
            if place.rank < entries[first].rank {
                first = index;
            }
        }
        Reach { most, first, lead: entries[first].rank.lead() }
    }

    fn sum_of_branches(branches: &[Branch<Self>]) -> Reach {
        let (mut most, mut first) = (branches[0].sum().most, 0);
        for (index, branch) in branches.iter().enumerate().skip(1) {
            raise(&mut most, &branch.sum().most);
            if branch.order(&branches[first]).is_lt() {
                first = index;
            }
        }
        Reach { most, first, lead: branches[first].sum().lead }
    }
}

fn raise(most: &mut Bag, by: &Bag) {
    for (most, by) in most.iter_mut().zip(by) {
        *most = (*most).max(*by);
    }
}

impl Branch<Place> {
    /// Whether something below it may have enough, as far as each resource by itself tells.
    pub(crate) fn may_hold(&self, need: &Bag) -> bool {
        holds(&self.sum().most, need)
    }

    /// What the rank of everything below it does not come before.
    pub(crate) fn lead(&self) -> Lead {
        self.sum().lead
    }

    /// The rank of the class below it that is tried first.
    pub(crate) fn rank(&self) -> &Rank {
        let mut branch = self;
        loop {
            let first = branch.sum().first;
            match branch.below() {
                Below::Entries(places) => return &places[first].rank,
                Below::Branches(branches) => branch = &branches[first],
            }
        }
    }

    /// Which of two has the class that is tried first. Mostly the leads tell, and nothing below is looked at.
    fn order(&self, other: &Self) -> Ordering {
        self.lead().cmp(&other.lead()).then_with(|| self.rank().cmp(other.rank()))
    }

    /// The class that comes nearest to having enough, if one comes nearer than `best`; `counts` says which classes count.
    fn nearest<'a>(
        &'a self,
        need: &Bag,
        counts: &dyn Fn(ClassId) -> bool,
        best: &mut Option<(Distance, &'a Place)>,
    ) {
        let is_nearer = |distance: &Distance, best: &Option<(Distance, &Place)>| {
            best.as_ref().is_none_or(|(best, _)| distance < best)
        };
        match self.below() {
            Below::Entries(places) => {
                for place in places {
                    let distance = Distance::between(need, &place.has);
                    if is_nearer(&distance, best) && counts(place.class) {
                        *best = Some((distance, place));
                    }
                }
            }
            Below::Branches(branches) => {
                let mut ahead = [(Distance::default(), 0); MAX];
                let ahead = &mut ahead[..branches.len()];
                for (index, (ahead, branch)) in ahead.iter_mut().zip(branches).enumerate() {
                    *ahead = (Distance::between(need, &branch.sum().most), index);
                }
                ahead.sort_unstable();
                for (distance, index) in ahead {
                    if !is_nearer(distance, best) {
                        break;
                    }
                    branches[*index].nearest(need, counts, best);
                }
            }
        }
    }
}

/// What the class that comes nearest to having enough has, among those that count.
pub(super) fn nearest(places: &Tree<Place>, need: &Bag, counts: &dyn Fn(ClassId) -> bool) -> Option<Bag> {
    let mut best = None;
    places.root()?.nearest(need, counts, &mut best);
    best.map(|(_, place)| place.has)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
