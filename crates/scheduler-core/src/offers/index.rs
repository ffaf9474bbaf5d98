//! The classes of one kind, found and counted by what they have, without a look at each.
//!
//! Made for kinds of many classes only, when a task is first tried, and kept up to date from then on. Tasks of revocable and
//! of other tiers look at different resources of an offer (see [`Pool`]), so there is one index for each.

mod amounts;
mod places;
mod tree;

use super::classes::{Class, ClassId};
use super::rank::Rank;
use crate::schedule::bag::Bag;
use crate::schedule::filter::{Pool, ResourceKind};
use amounts::Amounts;
pub(crate) use places::Place;
use tree::Tree;
pub(crate) use tree::{Below, Branch};

/// Changes for each offer, and beyond those, that an index is kept for without being asked anything: to make it anew costs
/// about as much.
const UNUSED_CHANGES: usize = 2;
const UNUSED_CHANGES_MORE: usize = 1000;

/// All classes of a kind, by what they have in one pool.
#[derive(Debug)]
pub(crate) struct Index {
    pool: Pool,
    amounts: [Amounts; ResourceKind::ALL.len()],
    places: Tree<Place>,
    agents: usize,
    /// Changes since it was asked something.
    unused: usize,
}

impl Index {
    /// Of these classes.
    pub(super) fn of<'a>(classes: impl Iterator<Item = (ClassId, &'a Class)> + Clone, pool: Pool) -> Self {
        let with_bags = classes.map(|(id, class)| (id, class, ResourceKind::all_of(class.space.of(pool))));
        let amounts = |resource: ResourceKind| {
            let amounts = with_bags.clone().map(|(_, class, has)| (has[resource as usize], class.len()));
            Amounts::of(amounts.collect())
        };
        let place =
            |(id, class, has): (ClassId, &Class, Bag)| Some(Place::new(id, has, class.head()?.clone()));
        Self {
            pool,
            amounts: ResourceKind::ALL.map(amounts),
            places: Tree::of(with_bags.clone().filter_map(place).collect()),
            agents: with_bags.map(|(_, class, _)| class.len()).sum(),
            unused: 0,
        }
    }

    fn bag(&self, class: &Class) -> Bag {
        ResourceKind::all_of(class.space.of(self.pool))
    }

    /// An offer has come into a class of which it is the first member now, or not.
    pub(super) fn enter(&mut self, id: ClassId, class: &Class, rank: &Rank, is_first: bool) {
        let has = self.bag(class);
        self.amounts.iter_mut().zip(has).for_each(|(amounts, has)| amounts.add(has));
        self.agents += 1;
        self.unused += 1;
        if class.len() == 1 {
            self.places.insert(Place::new(id, has, rank.clone()));
        } else if is_first {
            self.set_rank(id, has, rank);
        }
    }

    /// An offer has left a class, of which another is the first member now, or none.
    pub(super) fn leave(&mut self, id: ClassId, class: &Class, was_first: bool) {
        let has = self.bag(class);
        self.amounts.iter_mut().zip(has).for_each(|(amounts, has)| amounts.take(has));
        self.agents -= 1;
        self.unused += 1;
        match class.head() {
            None => {
                self.places.remove(Place::key_of(id, &has));
            }
            Some(rank) if was_first => self.set_rank(id, has, rank),
            Some(_) => {}
        }
    }

    fn set_rank(&mut self, id: ClassId, has: Bag, rank: &Rank) {
        self.places.change(Place::key_of(id, &has), |place| place.set_rank(rank.clone()));
    }

    /// It is asked something.
    pub(super) fn use_again(&mut self) {
        self.unused = 0;
    }

    /// Whether it costs more than it is worth.
    pub(super) fn is_unused(&self) -> bool {
        self.unused > UNUSED_CHANGES * self.agents + UNUSED_CHANGES_MORE
    }

    /// All classes in one branch.
    pub(crate) fn root(&self) -> Option<&Branch<Place>> {
        self.places.root()
    }

    /// How many offers have less than `need` of a resource.
    pub(crate) fn below(&self, resource: ResourceKind, need: i64) -> usize {
        self.amounts[resource as usize].below(need)
    }

    /// The most of a resource that any offer has which has less than `need`, and how many have that.
    pub(crate) fn best_below(&self, resource: ResourceKind, need: i64) -> Option<(i64, usize)> {
        self.amounts[resource as usize].best_below(need)
    }

    /// What the class has that comes nearest to having enough, among those that count.
    pub(crate) fn nearest(&self, need: &Bag, counts: &dyn Fn(ClassId) -> bool) -> Option<Bag> {
        places::nearest(&self.places, need, counts)
    }
}
