//! Offers of one kind as places in the space of their resources: where something fits, and what comes nearest.
//!
//! The list is sorted so that offers with much the same of all resources are neighbours (the bits of their amounts, of every
//! resource in turn). So a branch has all that is in one corner of the space, and the most that is there of each resource
//! tells for most branches as a whole that nothing in them fits, or comes nearer than what was found.

use super::glance::{Glance, Points, points};
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
    points: Points,
    rank: Rank,
}

/// What a branch knows.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The most that any offer has, of each resource by itself; the same in points.
    most: Bag,
    most_points: Points,
    /// Which of what is directly below it has the offer that is tried first.
    first: usize,
    below: Glance,
}

impl Place {
    pub(super) fn new(slot: SlotId, has: Bag, rank: Rank) -> Self {
        Self::at(Self::key_of(slot, &has), has, rank)
    }

    /// The same, with what [`Place::key_of`] says.
    pub(super) fn at((spot, slot): (u128, SlotId), has: Bag, rank: Rank) -> Self {
        Self { spot, slot, has, points: points(&has), rank }
    }

    /// Where an offer is in the list.
    pub(super) fn key_of(slot: SlotId, has: &Bag) -> (u128, SlotId) {
        (spot(has), slot)
    }

    pub(super) fn has(&self) -> &Bag {
        &self.has
    }

    /// Its place in the order in which offers are tried.
    pub(crate) fn rank(&self) -> &Rank {
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
        let mut most = entries[0].has;
        entries.iter().skip(1).for_each(|place| raise(&mut most, &place.has));
        let below = Glance::of(entries.iter().map(|place| (&place.points, place.rank.first_key())));
        let tie = |a: usize, b: usize| entries[a].rank < entries[b].rank;
        let first = below.first(below.all(), tie).unwrap_or(0);
        Reach { most, most_points: below.most(), first, below }
    }

    fn sum_of_branches(branches: &[Branch<Self>]) -> Reach {
        let mut most = branches[0].sum().most;
        branches.iter().skip(1).for_each(|branch| raise(&mut most, &branch.sum().most));
        let below = Glance::of(branches.iter().map(|branch| (&branch.sum().most_points, branch.key())));
        let tie = |a: usize, b: usize| branches[a].rank() < branches[b].rank();
        let first = below.first(below.all(), tie).unwrap_or(0);
        Reach { most, most_points: below.most(), first, below }
    }
}

fn raise(most: &mut Bag, by: &Bag) {
    for (most, by) in most.iter_mut().zip(by) {
        *most = (*most).max(*by);
    }
}

impl Branch<Place> {
    /// What is directly below it.
    pub(super) fn glance(&self) -> &Glance {
        &self.sum().below
    }

    /// The first key of the rank of the offer below it that is tried first.
    fn key(&self) -> u64 {
        self.sum().below.key(self.sum().first)
    }

    /// The rank of the offer below it that is tried first.
    pub(super) fn rank(&self) -> &Rank {
        self.rank_at(self.sum().first)
    }

    /// The rank of an offer directly below it, or of the one that is tried first in a branch.
    pub(super) fn rank_at(&self, index: usize) -> &Rank {
        match self.below() {
            Below::Entries(places) => &places[index].rank,
            Below::Branches(branches) => branches[index].rank(),
        }
    }

    /// Which of those directly below it that have a bit has the offer that is tried first. Mostly the keys tell, and nothing
    /// below is looked at.
    pub(super) fn first_of(&self, bits: u16) -> Option<usize> {
        self.glance().first(bits, |a, b| self.rank_at(a) < self.rank_at(b))
    }

    /// The offer that comes nearest to having enough, if one comes nearer than `best`; `counts` says which offers count.
    fn nearest(&self, need: &Bag, counts: &dyn Fn(SlotId) -> bool, best: &mut Option<(Distance, Bag)>) {
        let is_nearer = |distance: &Distance, best: &Option<(Distance, Bag)>| {
            best.as_ref().is_none_or(|(best, _)| distance < best)
        };
        match self.below() {
            Below::Entries(places) => {
                for place in places {
                    let distance = Distance::between(need, &place.has);
                    if is_nearer(&distance, best) && counts(place.slot) {
                        *best = Some((distance, place.has));
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

/// What the offer has that comes nearest to having enough, among those that count, if it comes nearer than `best`.
pub(super) fn nearest(
    places: &Tree<Place>,
    need: &Bag,
    counts: &dyn Fn(SlotId) -> bool,
    best: &mut Option<(Distance, Bag)>,
) {
    if let Some(root) = places.root() {
        root.nearest(need, counts, best);
    }
}

/// No offer comes nearer to having enough than this; `None` if there is no offer.
pub(super) fn least_distance(places: &Tree<Place>, need: &Bag) -> Option<Distance> {
    places.root().map(|root| Distance::between(need, &root.sum().most))
}

#[cfg(test)]
#[path = "places_tests.rs"]
pub(super) mod tests;
