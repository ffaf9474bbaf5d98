//! Offers that no task can tell apart, put together: what suits one of a class suits all.
//!
//! A class is all that the filter looks at: mode, unavailability, resources and shared attributes. Classes that differ in
//! resources alone are of one [kind](super::kinds). Individual attributes (see [`super::values`]) would make a class of every
//! agent: a class knows that its members have them, and [`Classes::with_value`] knows which agents have a value. So a question
//! about all offers is answered once for each class or each large kind, and for the members with the values that the question
//! names.
//!
//! Invariants: every usable offer is in exactly one class, that of its key; a class has members, and is in its kind; a kind has
//! classes; `heads` has the first member of each class of the kinds that are not large.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::hash::BuildHasherDefault;
use std::ops::Bound;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use indexmap::IndexMap;

use super::domains::{Domains, Placed, Splits};
use super::index::Need;
use super::kinds::{Common, Kind, KindId};
use super::rank::Rank;
use super::sizes::SearchSizes;
use super::values::{Attributes, TooManyValues, Values};
use crate::operation::MaintenanceMode;
use crate::schedule::filter::{Pool, Space};
use crate::state::TextHasher;

/// A map that is never iterated: its order depends on removals.
pub(crate) type Lookup<K, V> = IndexMap<K, V, BuildHasherDefault<TextHasher>>;

/// An agent, for as long as it is known; and its offer, while it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u32);

/// Names a class; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u64);

/// What decides the class of an offer, or of an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits<'a> {
    pub(crate) mode: MaintenanceMode,
    pub(crate) unavailable_from: Option<Timestamp>,
    pub(crate) space: Space,
    pub(crate) attributes: &'a Attributes,
}

/// Where an offer belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) class: ClassId,
    kind: KindId,
}

/// A class of offers.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) kind: KindId,
    /// What it has in common with the rest of its kind.
    pub(crate) common: Arc<Common>,
    /// What each of its offers has.
    pub(crate) space: Space,
    members: BTreeMap<Rank, SlotId>,
}

impl Class {
    /// How many offers are in it; never none.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The rank of the first member.
    pub(crate) fn head(&self) -> Option<&Rank> {
        self.members.first_key_value().map(|(rank, _)| rank)
    }

    /// The first member behind a rank.
    pub(crate) fn member_after(&self, rank: Option<&Rank>) -> Option<(&Rank, SlotId)> {
        let from = rank.map_or(Bound::Unbounded, Bound::Excluded);
        self.members.range((from, Bound::Unbounded)).next().map(|(rank, slot)| (rank, *slot))
    }

    /// Its members, in the order they are tried.
    pub(crate) fn members(&self) -> btree_map::Iter<'_, Rank, SlotId> {
        self.members.iter()
    }
}

/// All classes.
#[derive(Debug)]
pub(crate) struct Classes {
    sizes: SearchSizes,
    kind_ids: Lookup<Arc<Common>, KindId>,
    kinds: BTreeMap<KindId, Kind>,
    /// Those of many classes.
    large: BTreeSet<KindId>,
    ids: Lookup<(KindId, Space), ClassId>,
    by_id: BTreeMap<ClassId, Class>,
    heads: BTreeMap<Rank, ClassId>,
    /// All usable offers, split by attributes that tasks limit.
    splits: Splits,
    values: Values,
    last: u64,
}

impl Classes {
    pub(crate) fn new(sizes: SearchSizes) -> Self {
        Self {
            sizes,
            kind_ids: Lookup::default(),
            kinds: BTreeMap::new(),
            large: BTreeSet::new(),
            ids: Lookup::default(),
            by_id: BTreeMap::new(),
            heads: BTreeMap::new(),
            splits: Splits::default(),
            values: Values::new(sizes.shared_values_max),
            last: 0,
        }
    }

    /// From how many offers on they are put together.
    pub(crate) fn sizes(&self) -> SearchSizes {
        self.sizes
    }

    pub(crate) fn get(&self, id: ClassId) -> Option<&Class> {
        self.by_id.get(&id)
    }

    /// The first member of each class whose kind is not large, in the order they are tried.
    pub(crate) fn heads(&self) -> btree_map::Iter<'_, Rank, ClassId> {
        self.heads.iter()
    }

    /// The kinds of many classes.
    pub(crate) fn large_kinds(&self) -> impl Iterator<Item = (KindId, &Kind)> {
        self.large.iter().filter_map(|id| Some((*id, self.kinds.get(id)?)))
    }

    /// Whether an attribute is individual.
    pub(crate) fn is_individual(&self, name: &str) -> bool {
        self.values.is_individual(name)
    }

    /// The agents with a value of an individual attribute, whether they offer anything or not.
    pub(crate) fn with_value(&self, name: &str, value: &str) -> impl Iterator<Item = SlotId> {
        self.agents_with(name, value).iter().copied()
    }

    /// The same as a list.
    pub(crate) fn agents_with(&self, name: &str, value: &str) -> &[SlotId] {
        self.values.agents_with(name, value)
    }

    /// How many values an individual attribute has.
    pub(crate) fn values_of(&self, name: &str) -> usize {
        self.values.count(name)
    }

    /// A kind that has offers.
    pub(crate) fn kind(&self, id: KindId) -> Option<&Kind> {
        self.kinds.get(&id)
    }

    /// How many splits are kept.
    pub(super) fn split_count(&self) -> usize {
        self.splits.len()
    }

    /// The offers split by these attributes, if [`super::Offers::split`] was told so.
    pub(crate) fn domains(&self, names: &[Arc<str>], pool: Pool) -> Option<&Domains> {
        self.splits.get(names, pool)
    }

    /// A task will ask for the offers split by these attributes. All usable offers have to be given, with their classes.
    pub(super) fn split<'a>(
        &mut self,
        names: &[Arc<str>],
        pool: Pool,
        offers: impl Iterator<Item = (SlotId, ClassId, &'a Rank, &'a Attributes)>,
    ) {
        let by_id = &self.by_id;
        let placed = offers.filter_map(|(slot, class, rank, attributes)| {
            let class = by_id.get(&class)?;
            Some(Placed { slot, kind: class.kind, attributes, space: &class.space, rank })
        });
        self.splits.prepare(names, pool, placed);
    }

    /// All classes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClassId, &Class)> {
        self.by_id.iter().map(|(id, class)| (*id, class))
    }

    /// A task will ask for what is in a pool.
    pub(super) fn prepare(&mut self, pool: Pool, need: &Need) {
        let by_id = &self.by_id;
        for id in &self.large {
            if let Some(kind) = self.kinds.get_mut(id) {
                kind.prepare(pool, need, self.sizes.front, |id| by_id.get(&id));
            }
        }
    }

    /// The class of these traits, made if there is none: put an offer into it at once. `last` is where it belonged when it had
    /// the same attributes.
    pub(crate) fn class_of(&mut self, of: &Traits<'_>, last: Option<Home>) -> Home {
        let is_of_kind =
            |kind: &Kind| kind.common.mode == of.mode && kind.common.unavailable_from == of.unavailable_from;
        let last = last.filter(|home| self.kinds.get(&home.kind).is_some_and(is_of_kind));
        if let Some(home) = last
            && self.by_id.get(&home.class).is_some_and(|class| class.space == of.space)
        {
            return home;
        }
        let kind = last.map_or_else(|| self.kind_of(of), |home| home.kind);
        if let Some(class) = self.ids.get(&(kind, of.space)) {
            return Home { class: *class, kind };
        }
        let class = ClassId(self.next());
        let common = Arc::clone(&self.kinds[&kind].common);
        self.ids.insert((kind, of.space), class);
        self.by_id.insert(class, Class { kind, common, space: of.space, members: BTreeMap::new() });
        Home { class, kind }
    }

    fn kind_of(&mut self, of: &Traits<'_>) -> KindId {
        let common = self.common(of);
        if let Some(id) = self.kind_ids.get(&common) {
            return *id;
        }
        let id = KindId(self.next());
        let common = Arc::new(common);
        self.kind_ids.insert(Arc::clone(&common), id);
        self.kinds.insert(id, Kind::new(common));
        id
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn common(&self, of: &Traits<'_>) -> Common {
        let mut common = Common {
            mode: of.mode,
            unavailable_from: of.unavailable_from,
            shared: Attributes::new(),
            individual: BTreeSet::new(),
        };
        for (name, values) in of.attributes {
            if self.is_individual(name) {
                common.individual.insert(Arc::clone(name));
            } else {
                common.shared.insert(Arc::clone(name), values.clone());
            }
        }
        common
    }

    /// Adds an offer to a class.
    pub(crate) fn enter(&mut self, id: ClassId, slot: SlotId, rank: &Rank, attributes: &Attributes) {
        let Some(class) = self.by_id.get_mut(&id) else { return };
        let Some(kind) = self.kinds.get_mut(&class.kind) else { return };
        let is_first = class.head().is_none_or(|head| rank < head);
        if is_first && !self.large.contains(&class.kind) {
            if let Some(head) = class.head() {
                self.heads.remove(head);
            }
            self.heads.insert(rank.clone(), id);
        }
        class.members.insert(rank.clone(), slot);
        kind.enter(id, class, slot, rank);
        self.splits.enter(&Placed { slot, kind: class.kind, attributes, space: &class.space, rank });
        if kind.classes.len() > self.sizes.small_kind_max && self.large.insert(class.kind) {
            let heads = kind.classes.iter().filter_map(|id| self.by_id.get(id)?.head());
            heads.for_each(|head| {
                self.heads.remove(head);
            });
        }
    }

    /// Takes an offer out of its class.
    pub(crate) fn leave(&mut self, id: ClassId, rank: &Rank) {
        let Some(class) = self.by_id.get_mut(&id) else { return };
        let Some(kind) = self.kinds.get_mut(&class.kind) else { return };
        let Some(slot) = class.members.remove(rank) else { return };
        kind.leave(id, class, slot, rank);
        self.splits.leave(slot, class.kind, &class.space, rank);
        let kind_id = class.kind;
        if self.heads.remove(rank).is_some()
            && let Some(head) = class.head()
        {
            self.heads.insert(head.clone(), id);
        }
        if class.members.is_empty()
            && let Some(class) = self.by_id.remove(&id)
        {
            self.ids.swap_remove(&(kind_id, class.space));
        }
        if kind.classes.len() <= self.sizes.small_kind_max / 2 && self.large.remove(&kind_id) {
            kind.drop_indexes();
            let heads = kind.classes.iter().filter_map(|id| Some((self.by_id.get(id)?.head()?.clone(), *id)));
            self.heads.extend(heads);
        }
        if kind.classes.is_empty()
            && let Some(kind) = self.kinds.remove(&kind_id)
        {
            self.kind_ids.swap_remove(&kind.common);
        }
    }

    /// Makes an attribute individual. No offer is in a class then: all have to be put into theirs again. It happens once for
    /// each attribute of many values.
    pub(crate) fn make_individual<'a>(
        &mut self,
        too_many: TooManyValues,
        known: impl Iterator<Item = (SlotId, &'a Attributes)> + Clone,
    ) {
        let mut anew = Self { last: self.last, ..Self::new(self.sizes) };
        std::mem::swap(&mut anew.values, &mut self.values);
        anew.values.make_individual(too_many, known);
        *self = anew;
    }

    /// An agent has these attributes. After [`TooManyValues`], call [`Classes::make_individual`] with all agents, this one too.
    pub(crate) fn know(&mut self, slot: SlotId, attributes: &Attributes) -> Result<(), TooManyValues> {
        self.values.know(slot, attributes)
    }

    /// An agent is gone, or has other attributes now.
    pub(crate) fn forget(&mut self, slot: SlotId, attributes: &Attributes) {
        self.values.forget(slot, attributes);
    }
}
