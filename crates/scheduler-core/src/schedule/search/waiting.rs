//! What a search looks at next, in the order in which offers are tried.

use std::cmp::Ordering;

use crate::offers::classes::SlotId;
use crate::offers::index::{Branch, Place};
use crate::offers::{Lead, Rank};

/// Something that waits to be looked at. It comes before all that is found in it.
pub(super) struct Waiting<'a> {
    lead: Lead,
    pub(super) what: What<'a>,
}

/// What it is. Numbers are places in the lists of the search.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Some classes of a large kind.
    Branch(&'a Branch<Place>, usize),
    /// A class of a large kind.
    Class(&'a Place, usize),
    /// The next member of a class that suits.
    Member(&'a Rank, SlotId, usize),
}

impl<'a> Waiting<'a> {
    pub(super) fn new(what: What<'a>) -> Self {
        let lead = match what {
            What::Branch(branch, _) => branch.lead(),
            What::Class(place, _) => place.rank().lead(),
            What::Member(rank, _, _) => rank.lead(),
        };
        Self { lead, what }
    }

    fn rank(&self) -> &'a Rank {
        match self.what {
            What::Branch(branch, _) => branch.rank(),
            What::Class(place, _) => place.rank(),
            What::Member(rank, _, _) => rank,
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
