//! Classes that differ in nothing but what they have: what a task asks of agents apart from resources is answered once for
//! each kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;

use super::classes::{Class, ClassId, SlotId};
use super::index::{Index, Need};
use super::rank::Rank;
use super::values::Attributes;
use crate::operation::MaintenanceMode;
use crate::schedule::filter::Pool;

/// Names a kind; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KindId(pub(super) u64);

/// What the offers of a kind have in common: all that the filter looks at, apart from resources.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Common {
    pub(crate) mode: MaintenanceMode,
    pub(crate) unavailable_from: Option<Timestamp>,
    /// Values of the attributes that are shared.
    pub(crate) shared: Attributes,
    /// The individual attributes that they have.
    pub(crate) individual: BTreeSet<Arc<str>>,
}

/// A kind of offers.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) common: Arc<Common>,
    pub(super) classes: BTreeSet<ClassId>,
    agents: usize,
    /// For each pool.
    indexes: [Option<Box<Index>>; 2],
}

impl Kind {
    pub(super) fn new(common: Arc<Common>) -> Self {
        Self { common, classes: BTreeSet::new(), agents: 0, indexes: [None, None] }
    }

    /// How many offers are of it.
    pub(crate) fn len(&self) -> usize {
        self.agents
    }

    /// Its offers by what is in a pool, if it is large and [`super::Offers::prepare`] was told so.
    pub(crate) fn index(&self, pool: Pool) -> Option<&Index> {
        self.indexes[pool as usize].as_deref()
    }

    /// An offer has come into a class of it.
    pub(super) fn enter(&mut self, id: ClassId, class: &Class, slot: SlotId, rank: &Rank) {
        if class.len() == 1 {
            self.classes.insert(id);
        }
        self.agents += 1;
        self.change_indexes(|index| index.enter(slot, &class.space, rank));
    }

    /// An offer has left a class of it.
    pub(super) fn leave(&mut self, id: ClassId, class: &Class, slot: SlotId, rank: &Rank) {
        if class.len() == 0 {
            self.classes.remove(&id);
        }
        self.agents -= 1;
        self.change_indexes(|index| index.leave(slot, &class.space, rank));
    }

    fn change_indexes(&mut self, change: impl Fn(&mut Index)) {
        for place in &mut self.indexes {
            if let Some(index) = place {
                change(index);
                if index.is_unused() {
                    *place = None;
                }
            }
        }
    }

    /// A task will ask for what is in a pool, with a front of so many offers.
    pub(super) fn prepare<'a>(
        &mut self,
        pool: Pool,
        need: &Need,
        front: usize,
        class: impl Fn(ClassId) -> Option<&'a Class>,
    ) {
        let classes = self.classes.iter().filter_map(|id| class(*id));
        let place = &mut self.indexes[pool as usize];
        place.get_or_insert_with(|| Box::new(Index::of_classes(classes, pool))).prepare(need, front);
    }

    /// It has become small.
    pub(super) fn drop_indexes(&mut self) {
        self.indexes = [None, None];
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::amounts::Resources;

    use super::*;
    use crate::bench::{offer, resources};
    use crate::offers::Offers;
    use crate::schedule::filter::ResourceKind;

    #[test]
    fn an_index_that_nobody_asks_ends_and_is_made_anew() {
        let drop = |offers: &mut Offers, name: &str| {
            offers.drop_for_test(&offer(name, Resources::default(), &[]).id);
        };
        let hold = |offers: &mut Offers, name: &str, ram: i64| {
            drop(offers, name);
            offers.hold_for_test(offer(name, resources(1.0, ram, 1), &[]), MaintenanceMode::None, &[]);
        };
        let lacking = |offers: &Offers| {
            let index = offers.classes().large_kinds().find_map(|(_, kind)| kind.index(Pool::Regular));
            index.map(|index| index.below(ResourceKind::Ram, 3))
        };
        let need = Need::new([0, 3, 0, 0, 0]);
        let mut offers = Offers::default();
        for (name, ram) in ["a", "b", "c", "d", "e", "f"].into_iter().zip(0..) {
            hold(&mut offers, name, ram);
        }
        assert_eq!(lacking(&offers), None, "nobody has asked yet");
        offers.prepare(Pool::Regular, &need);
        assert_eq!(lacking(&offers), Some(3));
        hold(&mut offers, "f", 1);
        assert_eq!(lacking(&offers), Some(4));

        (0..600).for_each(|round| hold(&mut offers, "a", 10 + round % 2));
        assert_eq!(lacking(&offers), None, "it costs more than it is worth");
        offers.prepare(Pool::Regular, &need);
        assert_eq!(lacking(&offers), Some(3));

        ["a", "b", "c", "d", "e"].iter().for_each(|name| drop(&mut offers, name));
        assert_eq!(offers.classes().large_kinds().count(), 0, "few classes are looked at one by one");
        assert_eq!(offers.classes().heads().count(), 1);
    }
}
