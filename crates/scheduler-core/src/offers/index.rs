//! The offers of one kind, found and counted by what they have, without a look at each.
//!
//! Made for kinds of many classes, when a task is first tried, and for [domains](super::domains); kept up to date from then on.
//! Tasks of revocable and of other tiers look at different resources of an offer (see [`Pool`]), so there is one index for each.

mod amounts;
mod fits;
mod front;
mod glance;
mod places;
mod tree;

use super::classes::{Class, SlotId};
use super::rank::Rank;
use crate::schedule::bag::{Bag, Distance};
use crate::schedule::filter::{Pool, ResourceKind, Space};
use amounts::Amounts;
pub(crate) use fits::{First, Fits};
pub(crate) use front::Ahead;
use front::Fronts;
pub(crate) use glance::Need;
pub(crate) use places::Place;
use tree::Tree;

/// Changes for each offer, and beyond those, that an index is kept for without being asked anything: to make it anew costs
/// about as much.
const UNUSED_CHANGES: usize = 2;
const UNUSED_CHANGES_MORE: usize = 1000;

/// With fewer offers, for each that a front may have, the tree is as quick, and fronts would take more memory than it.
const AGENTS_PER_FRONT_OFFER: usize = 4;

/// Offers of a kind, by what they have in one pool.
#[derive(Debug)]
pub(crate) struct Index {
    pool: Pool,
    amounts: [Amounts; ResourceKind::ALL.len()],
    places: Tree<Place>,
    fronts: Fronts,
    agents: usize,
    /// Changes since it was asked something.
    unused: usize,
}

impl Index {
    /// Of the offers of these classes.
    pub(super) fn of_classes<'a>(classes: impl Iterator<Item = &'a Class>, pool: Pool) -> Self {
        let of_class = |class: &'a Class| {
            class.members().map(move |(rank, slot)| Indexed::new(*slot, &class.space, rank, pool))
        };
        Self::of(classes.flat_map(of_class).collect(), pool)
    }

    /// Of these offers.
    pub(super) fn of(mut offers: Vec<Indexed<'_>>, pool: Pool) -> Self {
        offers.sort_unstable_by_key(|offer| offer.key);
        let amounts = |resource: ResourceKind| {
            Amounts::of(offers.iter().map(|offer| offer.has[resource as usize]).collect())
        };
        let place = |offer: &Indexed<'_>| Place::at(offer.key, offer.has, offer.rank.clone());
        Self {
            pool,
            amounts: ResourceKind::ALL.map(amounts),
            places: Tree::of(offers.iter().map(place).collect()),
            fronts: Fronts::default(),
            agents: offers.len(),
            unused: 0,
        }
    }

    /// An offer has come.
    pub(super) fn enter(&mut self, slot: SlotId, space: &Space, rank: &Rank) {
        let has = ResourceKind::all_of(space.of(self.pool));
        self.amounts.iter_mut().zip(has).for_each(|(amounts, has)| amounts.add(has));
        self.places.insert(Place::new(slot, has, rank.clone()));
        self.fronts.enter(slot, &has, rank);
        self.agents += 1;
        self.unused += 1;
    }

    /// An offer has left.
    pub(super) fn leave(&mut self, slot: SlotId, space: &Space, rank: &Rank) {
        let has = ResourceKind::all_of(space.of(self.pool));
        self.amounts.iter_mut().zip(has).for_each(|(amounts, has)| amounts.take(has));
        self.places.remove(Place::key_of(slot, &has));
        self.fronts.leave(&has, rank);
        self.agents -= 1;
        self.unused += 1;
    }

    /// It will be asked for offers that hold so much. The first `front` are kept in order if it is not for the first time.
    pub(super) fn prepare(&mut self, need: &Need, front: usize) {
        self.unused = 0;
        if self.agents >= front * AGENTS_PER_FRONT_OFFER {
            self.fronts.prepare(need, front, &self.places);
        }
    }

    /// Whether it costs more than it is worth.
    pub(super) fn is_unused(&self) -> bool {
        Self::is_too_long(self.unused, self.agents)
    }

    /// Whether so many changes are too many for an index of so many offers that nobody asks.
    pub(super) fn is_too_long(unused: usize, agents: usize) -> bool {
        unused > UNUSED_CHANGES * agents + UNUSED_CHANGES_MORE
    }

    /// The offers that hold so much, in the order in which they are tried.
    pub(crate) fn fits(&self, need: &Need) -> Option<Fits<'_>> {
        self.places.root().and_then(|root| Fits::of(root, need))
    }

    /// The first of them, if they were asked for before.
    pub(crate) fn ahead(&self, need: &Need) -> Option<Ahead<'_>> {
        self.fronts.ahead(need)
    }

    /// How many offers have less than `need` of a resource.
    pub(crate) fn below(&self, resource: ResourceKind, need: i64) -> usize {
        self.amounts[resource as usize].below(need)
    }

    /// The most of a resource that any offer has which has less than `need`.
    pub(crate) fn most_below(&self, resource: ResourceKind, need: i64) -> Option<i64> {
        self.amounts[resource as usize].most_below(need)
    }

    /// The most of a resource that any offer has which has less than `need`, and how many have that.
    pub(crate) fn best_below(&self, resource: ResourceKind, need: i64) -> Option<(i64, usize)> {
        self.amounts[resource as usize].best_below(need)
    }

    /// What the offer has that comes nearest to having enough, among those that count, if it comes nearer than `best`.
    pub(crate) fn nearest(
        &self,
        need: &Bag,
        counts: &dyn Fn(SlotId) -> bool,
        best: &mut Option<(Distance, Bag)>,
    ) {
        places::nearest(&self.places, need, counts, best);
    }

    /// No offer comes nearer to having enough than this; `None` if there is no offer.
    pub(crate) fn least_distance(&self, need: &Bag) -> Option<Distance> {
        places::least_distance(&self.places, need)
    }
}

/// An offer for an index.
#[derive(Debug)]
pub(super) struct Indexed<'a> {
    key: (u128, SlotId),
    has: Bag,
    rank: &'a Rank,
}

impl<'a> Indexed<'a> {
    pub(super) fn new(slot: SlotId, space: &Space, rank: &'a Rank, pool: Pool) -> Self {
        let has = ResourceKind::all_of(space.of(pool));
        Self { key: Place::key_of(slot, &has), has, rank }
    }
}
