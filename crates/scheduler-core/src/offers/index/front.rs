//! The first of the offers that hold what is asked for again and again.
//!
//! To find the first offer with room where no two agents are alike, a search looks at every place of the tree at whose edge there
//! may be room: hundreds among 200,000. When the same is asked for a second time, the first offers are found in one go and kept as
//! a *front*; an offer that comes or goes changes it only if it holds enough and comes early enough.
//!
//! Invariant: an offer that holds the need and comes no later than the front reaches is in it, and no other is.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, btree_map};

use super::fits::{First, Fits};
use super::glance::Need;
use super::places::{Place, holds};
use super::tree::Tree;
use crate::offers::classes::SlotId;
use crate::offers::rank::Rank;
use crate::schedule::bag::Bag;

/// Most needs that are remembered, that which was asked for last at the end.
const NEEDS_MAX: usize = 8;

/// The fronts of an index.
#[derive(Debug, Default)]
pub(super) struct Fronts(Vec<Front>);

#[derive(Debug)]
struct Front {
    need: Bag,
    offers: BTreeMap<Rank, SlotId>,
    reach: Reach,
    /// Most offers in it.
    max: usize,
}

/// How far a front reaches.
#[derive(Debug)]
enum Reach {
    /// It was asked for once only.
    Nowhere,
    /// To this offer.
    To(Rank),
    Everywhere,
}

/// A walk over a front.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    offers: btree_map::Iter<'a, Rank, SlotId>,
    end: Option<&'a Rank>,
}

impl<'a> Ahead<'a> {
    pub(crate) fn next(&mut self) -> Option<(&'a Rank, SlotId)> {
        self.offers.next().map(|(rank, slot)| (rank, *slot))
    }

    /// Behind this there may be more offers that hold enough.
    pub(crate) fn end(&self) -> Option<&'a Rank> {
        self.end
    }
}

impl Fronts {
    /// A task will ask for offers that hold so much.
    pub(super) fn prepare(&mut self, need: &Need, max: usize, places: &Tree<Place>) {
        let Some(known) = self.0.iter().position(|front| front.need == need.bag) else {
            if self.0.len() == NEEDS_MAX {
                self.0.remove(0);
            }
            self.0.push(Front { need: need.bag, offers: BTreeMap::new(), reach: Reach::Nowhere, max });
            return;
        };
        self.0[known..].rotate_left(1);
        if let Some(front) = self.0.last_mut()
            && front.is_used_up()
        {
            front.fill(need, places);
        }
    }

    /// The first offers that hold so much, if that was asked for before.
    pub(super) fn ahead(&self, need: &Need) -> Option<Ahead<'_>> {
        let front = self.0.iter().rfind(|front| front.need == need.bag)?;
        let end = match &front.reach {
            Reach::Nowhere => return None,
            Reach::To(end) => Some(end),
            Reach::Everywhere => None,
        };
        Some(Ahead { offers: front.offers.iter(), end })
    }

    /// An offer has come.
    pub(super) fn enter(&mut self, slot: SlotId, has: &Bag, rank: &Rank) {
        self.0.iter_mut().filter(|front| holds(has, &front.need)).for_each(|front| front.enter(slot, rank));
    }

    /// An offer has left.
    pub(super) fn leave(&mut self, has: &Bag, rank: &Rank) {
        for front in self.0.iter_mut().filter(|front| holds(has, &front.need)) {
            front.offers.remove(rank);
        }
    }
}

impl Front {
    /// Whether little is known of the offers that come next.
    fn is_used_up(&self) -> bool {
        match self.reach {
            Reach::Nowhere => true,
            Reach::To(_) => self.offers.len() * 8 < self.max,
            Reach::Everywhere => false,
        }
    }

    fn enter(&mut self, slot: SlotId, rank: &Rank) {
        let is_in_reach = match &self.reach {
            Reach::Nowhere => false,
            Reach::To(end) => rank <= end,
            Reach::Everywhere => true,
        };
        if !is_in_reach {
            return;
        }
        self.offers.insert(rank.clone(), slot);
        if self.offers.len() > self.max {
            self.offers.pop_last();
            if let Some((last, _)) = self.offers.last_key_value() {
                self.reach = Reach::To(last.clone());
            }
        }
    }

    /// Finds as many as may be in it.
    fn fill(&mut self, need: &Need, places: &Tree<Place>) {
        let first = places.root().and_then(|root| Fits::of(root, need));
        let mut waiting: BinaryHeap<Earliest<'_>> = first.map(Earliest).into_iter().collect();
        while self.offers.len() < self.max
            && let Some(Earliest(fits)) = waiting.pop()
        {
            let (first, left) = fits.take(need);
            waiting.extend(left.map(Earliest));
            match first {
                First::Offer(place) => {
                    self.offers.insert(place.rank().clone(), place.slot());
                }
                First::Below(below) => waiting.extend(below.map(Earliest)),
            }
        }
        self.reach = match self.offers.last_key_value() {
            Some((last, _)) if !waiting.is_empty() => Reach::To(last.clone()),
            _ => Reach::Everywhere,
        };
    }
}

/// What may hold enough; the greatest is that which comes first, as a heap has it.
struct Earliest<'a>(Fits<'a>);

impl Ord for Earliest<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.key().cmp(&self.0.key()).then_with(|| other.0.rank().cmp(self.0.rank()))
    }
}

impl PartialOrd for Earliest<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Earliest<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Earliest<'_> {}

#[cfg(test)]
#[path = "front_tests.rs"]
mod tests;
