//! The offers of a kind that hold what a task needs, in the order in which they are tried.

use super::places::{Place, holds};
use super::tree::{Below, Branch};
use crate::offers::rank::Rank;
use crate::schedule::bag::Bag;

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
    pub(super) fn of(branch: &'a Branch<Place>, need: &Bag) -> Option<Self> {
        let mut left = 0;
        match branch.below() {
            Below::Entries(places) => {
                for (index, place) in places.iter().enumerate() {
                    left |= u16::from(holds(place.has(), need)) << index;
                }
            }
            Below::Branches(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    left |= u16::from(holds(branch.most(), need)) << index;
                }
            }
        }
        Self::left_of(branch, left)
    }

    fn left_of(branch: &'a Branch<Place>, left: u16) -> Option<Self> {
        let indexes = (0..16).filter(|index| left >> index & 1 == 1);
        let order = |a: &usize, b: &usize| match branch.below() {
            Below::Entries(places) => places[*a].rank().cmp(places[*b].rank()),
            Below::Branches(branches) => branches[*a].order(&branches[*b]),
        };
        let first = indexes.min_by(order)?;
        Some(Self { branch, left, first })
    }

    /// What the first key of the rank of no offer here is less than.
    pub(crate) fn key(&self) -> u64 {
        match self.branch.below() {
            Below::Entries(places) => places[self.first].rank().first_key(),
            Below::Branches(branches) => branches[self.first].key(),
        }
    }

    /// The rank that no offer here comes before.
    pub(crate) fn rank(&self) -> &'a Rank {
        match self.branch.below() {
            Below::Entries(places) => places[self.first].rank(),
            Below::Branches(branches) => branches[self.first].rank(),
        }
    }

    /// Takes the first; and what is left then, if anything is.
    pub(crate) fn take(self, need: &Bag) -> (First<'a>, Option<Self>) {
        let first = match self.branch.below() {
            Below::Entries(places) => First::Offer(&places[self.first]),
            Below::Branches(branches) => First::Below(Self::of(&branches[self.first], need)),
        };
        (first, Self::left_of(self.branch, self.left & !(1 << self.first)))
    }
}
