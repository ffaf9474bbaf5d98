//! What a search looks at next, in the order in which offers are tried.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::offers::classes::SlotId;
use crate::offers::index::{First, Fits, Need, Place};
use crate::offers::kinds::Common;
use crate::offers::{Lead, Rank};

/// Something that waits to be looked at. It comes before all that is found in it.
pub(super) struct Waiting<'a> {
    lead: Lead,
    pub(super) what: What<'a>,
}

/// What it is. Numbers are places in the lists of the search.
pub(super) enum What<'a> {
    /// Offers of a kind.
    Fits(Fits<'a>, usize),
    /// The next offer of the front of a kind.
    Ahead(&'a Rank, SlotId, usize),
    /// The next member of a class that suits.
    Member(&'a Rank, SlotId, usize),
}

impl<'a> Waiting<'a> {
    pub(super) fn member(rank: &'a Rank, slot: SlotId, class: usize) -> Self {
        Self { lead: rank.lead(), what: What::Member(rank, slot, class) }
    }

    pub(super) fn ahead(rank: &'a Rank, slot: SlotId, kind: usize) -> Self {
        Self { lead: rank.lead(), what: What::Ahead(rank, slot, kind) }
    }

    pub(super) fn fits(fits: Fits<'a>, common: &Common, kind: usize) -> Self {
        let lead = Lead::new(common.mode, common.unavailable_from, fits.key());
        Self { lead, what: What::Fits(fits, kind) }
    }

    /// Takes the first of some offers of a kind, or looks closer; what is left waits on.
    pub(super) fn take(
        waiting: &mut BinaryHeap<Self>,
        fits: Fits<'a>,
        need: &Need,
        common: &Common,
        kind: usize,
    ) -> Option<&'a Place> {
        let (first, left) = fits.take(need);
        let (place, below) = match first {
            First::Offer(place) => (Some(place), None),
            First::Below(below) => (None, below),
        };
        for fits in [left, below].into_iter().flatten() {
            waiting.push(Self::fits(fits, common, kind));
        }
        place
    }

    fn rank(&self) -> &'a Rank {
        match &self.what {
            What::Fits(fits, _) => fits.rank(),
            What::Member(rank, ..) | What::Ahead(rank, ..) => rank,
        }
    }

    /// Whether it comes behind an offer.
    pub(super) fn is_behind(&self, rank: &Rank) -> bool {
        self.lead.cmp(&rank.lead()).then_with(|| self.rank().cmp(rank)).is_gt()
    }
}

/// The first is the greatest, as a heap has it.
impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.lead.cmp(&self.lead).then_with(|| other.rank().cmp(self.rank()))
    }
}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting<'_> {}
