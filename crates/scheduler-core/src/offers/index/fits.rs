//! The offers of a kind that hold what a task needs, in the order in which they are tried.

use super::glance::Need;
use super::places::{Place, holds};
use super::tree::{Below, Branch};
use crate::offers::rank::Rank;

/// What is directly below a branch and may hold what is needed, as far as it was not taken yet; never nothing.
pub(crate) struct Fits<'a> {
    branch: &'a Branch<Place>,
    /// A bit for each that is left.
    left: u16,
    /// That which is first of them.
    first: usize,
}

/// What is first.
pub(crate) enum First<'a> {
    /// An offer that holds what is needed.
    Offer(&'a Place),
    /// What may hold it further down, if anything does.
    Below(Option<Fits<'a>>),
}

impl<'a> Fits<'a> {
    /// What may hold so much.
    pub(super) fn of(branch: &'a Branch<Place>, need: &Need) -> Option<Self> {
        Self::left_of(branch, branch.glance().that_may_hold(need))
    }

    fn left_of(branch: &'a Branch<Place>, left: u16) -> Option<Self> {
        let first = branch.first_of(left)?;
        Some(Self { branch, left, first })
    }

    /// What the first key of the rank of no offer here is less than.
    pub(crate) fn key(&self) -> u64 {
        self.branch.glance().key(self.first)
    }

    /// The rank that no offer here comes before.
    pub(crate) fn rank(&self) -> &'a Rank {
        self.branch.rank_at(self.first)
    }

    /// Takes the first; and what is left then, if anything is.
    pub(crate) fn take(self, need: &Need) -> (First<'a>, Option<Self>) {
        let first = match self.branch.below() {
            Below::Entries(places) if holds(places[self.first].has(), &need.bag) => {
                First::Offer(&places[self.first])
            }
            Below::Entries(_) => First::Below(None),
            Below::Branches(branches) => First::Below(Self::of(&branches[self.first], need)),
        };
        (first, Self::left_of(self.branch, self.left & !(1 << self.first)))
    }
}
