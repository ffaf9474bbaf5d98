//! Offers of one kind as places in the space of their resources: where something fits, and what comes nearest.
//!
//! The list is sorted so that offers with much the same of all resources are neighbours (the bits of their amounts, of every
//! resource in turn). So a branch has all that is in one corner of the space, and the most that is there of each resource
//! tells for most branches as a whole that nothing in them fits, or comes nearer than what was found.

use std::cmp::Ordering;

use super::tree::{Below, Branch, Entry, MAX, Tree};
use crate::offers::classes::SlotId;
use crate::offers::rank::Rank;
use crate::schedule::bag::{Bag, Distance};
use crate::schedule::filter::ResourceKind;

/// Bits of each amount that decide the order.
const BITS: u32 = 25;

/// Parts of a point of the score that are told apart in the order.
const PARTS_OF_POINT: i64 = 512;

/// An offer.
#[derive(Debug)]
pub(crate) struct Place {
    spot: u128,
    slot: SlotId,
    has: Bag,
    rank: Rank,
}

/// What a branch knows.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The most that any offer has, of each resource by itself.
    most: Bag,
    /// The first key of the rank of the offer below it that is tried first.
    key: u64,
    /// Which of what is directly below it has that offer.
    first: usize,
}

impl Place {
    pub(super) fn new(slot: SlotId, has: Bag, rank: Rank) -> Self {
        Self { spot: spot(&has), slot, has, rank }
    }

    /// Where an offer is in the list.
    pub(super) fn key_of(slot: SlotId, has: &Bag) -> (u128, SlotId) {
        (spot(has), slot)
    }

    pub(super) fn has(&self) -> &Bag {
        &self.has
    }

    pub(super) fn rank(&self) -> &Rank {
        &self.rank
    }

    /// The agent.
    pub(crate) fn slot(&self) -> SlotId {
        self.slot
    }
}

/// Whether there is enough of everything.
pub(super) fn holds(has: &Bag, need: &Bag) -> bool {
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
    type Key = (u128, SlotId);
    type Sum = Reach;

    fn key(&self) -> Self::Key {
        (self.spot, self.slot)
    }

    fn sum_of(entries: &[Self]) -> Reach {
        let (mut most, mut first) = (entries[0].has, 0);
        for (index, place) in entries.iter().enumerate().skip(1) {
            raise(&mut most, &place.has);
            if place.rank < entries[first].rank {
                first = index;
            }
        }
        Reach { most, first, key: entries[first].rank.first_key() }
    }

    fn sum_of_branches(branches: &[Branch<Self>]) -> Reach {
        let (mut most, mut first) = (branches[0].sum().most, 0);
        for (index, branch) in branches.iter().enumerate().skip(1) {
            raise(&mut most, &branch.sum().most);
            if branch.order(&branches[first]).is_lt() {
                first = index;
            }
        }
        Reach { most, first, key: branches[first].sum().key }
    }
}

fn raise(most: &mut Bag, by: &Bag) {
    for (most, by) in most.iter_mut().zip(by) {
        *most = (*most).max(*by);
    }
}

impl Branch<Place> {
    /// The most that any offer below it has, of each resource by itself.
    pub(super) fn most(&self) -> &Bag {
        &self.sum().most
    }

    /// The first key of [`Branch::rank`].
    pub(super) fn key(&self) -> u64 {
        self.sum().key
    }

    /// The rank of the offer below it that is tried first.
    pub(super) fn rank(&self) -> &Rank {
        let mut branch = self;
        loop {
            let first = branch.sum().first;
            match branch.below() {
                Below::Entries(places) => return &places[first].rank,
                Below::Branches(branches) => branch = &branches[first],
            }
        }
    }

    /// Which of two has the offer that is tried first. Mostly the keys tell, and nothing below is looked at.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.sum().key.cmp(&other.sum().key).then_with(|| self.rank().cmp(other.rank()))
    }

    /// The offer that comes nearest to having enough, if one comes nearer than `best`; `counts` says which offers count.
    fn nearest<'a>(
        &'a self,
        need: &Bag,
        counts: &dyn Fn(SlotId) -> bool,
        best: &mut Option<(Distance, &'a Place)>,
    ) {
        let is_nearer = |distance: &Distance, best: &Option<(Distance, &Place)>| {
            best.as_ref().is_none_or(|(best, _)| distance < best)
        };
        match self.below() {
            Below::Entries(places) => {
                for place in places {
                    let distance = Distance::between(need, &place.has);
                    if is_nearer(&distance, best) && counts(place.slot) {
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

/// What the offer that comes nearest to having enough has, among those that count.
pub(super) fn nearest(places: &Tree<Place>, need: &Bag, counts: &dyn Fn(SlotId) -> bool) -> Option<Bag> {
    let mut best = None;
    places.root()?.nearest(need, counts, &mut best);
    best.map(|(_, place)| place.has)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
