//! Offers that no task can tell apart, put together: what suits one of a class suits all.
//!
//! A class is all that the filter looks at: mode, unavailability, resources and attributes. Attributes of many values, such as
//! `host`, would make a class of every agent; they are *individual*: a class knows that its members have them, and
//! [`Classes::with_value`] knows which members have a value. So a question about all offers is answered once for each class,
//! and for the members with the values that the question names.
//!
//! What is known of values is known of agents, not of offers: an offer that is taken changes nothing there, and the lists are
//! the same when the agent offers again. So who reads a list looks whether the agent has a usable offer now.
//!
//! Invariants: every usable offer is in exactly one class, that of its key; a class has members; `heads` has the first
//! member of each class; an individual attribute knows every known agent with each of its values; an attribute that is shared
//! has at most [`SHARED_VALUES_MAX`] values, and counts the agents of each.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::hash::BuildHasherDefault;
use std::ops::Bound;
use std::slice;
use std::sync::Arc;

use aurora_api::amounts::{Resources, Timestamp};
use indexmap::IndexMap;

use super::rank::Rank;
use crate::operation::MaintenanceMode;
use crate::state::TextHasher;

/// A map that is never iterated: its order depends on removals.
pub(crate) type Lookup<K, V> = IndexMap<K, V, BuildHasherDefault<TextHasher>>;

/// Most values of an attribute that tell classes apart. With one more, the attribute is individual for ever. Tests have few
/// agents and want both kinds.
const SHARED_VALUES_MAX: usize = if cfg!(test) { 3 } else { 32 };

/// An agent, for as long as it is known; and its offer, while it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u32);

/// Names a class; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u64);

/// Name to values.
pub(crate) type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// What decides the class of an offer, or of an agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits<'a> {
    pub(crate) mode: MaintenanceMode,
    pub(crate) unavailable_from: Option<Timestamp>,
    pub(crate) resources: Resources,
    pub(crate) revocable: Resources,
    pub(crate) attributes: &'a Attributes,
}

/// What the offers of a class have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Common {
    pub(crate) mode: MaintenanceMode,
    pub(crate) unavailable_from: Option<Timestamp>,
    pub(crate) resources: Resources,
    pub(crate) revocable: Resources,
    /// Values of the attributes that are shared.
    pub(crate) shared: Attributes,
    /// The individual attributes that they have.
    pub(crate) individual: BTreeSet<Arc<str>>,
}

/// A class of offers.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) common: Arc<Common>,
    members: BTreeMap<Rank, SlotId>,
}

impl Class {
    /// How many offers are in it; never none.
    pub(crate) fn len(&self) -> usize {
        self.members.len()
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

#[derive(Debug)]
enum Attribute {
    Shared(BTreeMap<Arc<str>, usize>),
    Individual(Lookup<Arc<str>, Slots>),
}

/// The agents with a value: mostly one, and then without a place of its own in memory.
#[derive(Debug)]
enum Slots {
    One(SlotId),
    Many(Vec<SlotId>),
}

impl Slots {
    fn as_slice(&self) -> &[SlotId] {
        match self {
            Self::One(slot) => slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }

    fn insert(&mut self, slot: SlotId) {
        match self {
            Self::One(first) if *first == slot => {}
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
            Self::Many(slots) => slots.push(slot),
        }
    }

    /// Takes one out; says whether none is left.
    fn remove(&mut self, slot: SlotId) -> bool {
        match self {
            Self::One(one) => *one == slot,
            Self::Many(slots) => {
                slots.retain(|other| *other != slot);
                slots.is_empty()
            }
        }
    }
}

/// All classes.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    ids: Lookup<Arc<Common>, ClassId>,
    by_id: BTreeMap<ClassId, Class>,
    heads: BTreeMap<Rank, ClassId>,
    attributes: BTreeMap<Arc<str>, Attribute>,
    last: u64,
}

/// An agent has one value too many of this attribute: it must become individual.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyValues(Arc<str>);

impl Classes {
    pub(crate) fn get(&self, id: ClassId) -> Option<&Class> {
        self.by_id.get(&id)
    }

    /// The first member of each class, in the order they are tried.
    pub(crate) fn heads(&self) -> btree_map::Iter<'_, Rank, ClassId> {
        self.heads.iter()
    }

    /// Whether an attribute is individual.
    pub(crate) fn is_individual(&self, name: &str) -> bool {
        matches!(self.attributes.get(name), Some(Attribute::Individual(_)))
    }

    /// The agents with a value of an individual attribute, whether they offer anything or not.
    pub(crate) fn with_value(&self, name: &str, value: &str) -> impl Iterator<Item = SlotId> {
        let slots = match self.attributes.get(name) {
            Some(Attribute::Individual(values)) => values.get(value),
            _ => None,
        };
        slots.map_or(&[][..], Slots::as_slice).iter().copied()
    }

    /// All classes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClassId, &Class)> {
        self.by_id.iter().map(|(id, class)| (*id, class))
    }

    /// The class of these traits, if it was `last` and still is.
    pub(crate) fn still(&self, last: ClassId, of: &Traits<'_>) -> Option<ClassId> {
        let common = &self.by_id.get(&last)?.common;
        let is_same = common.mode == of.mode
            && common.unavailable_from == of.unavailable_from
            && common.resources == of.resources
            && common.revocable == of.revocable;
        is_same.then_some(last)
    }

    /// The class of these traits, made if there is none: put an offer into it at once.
    pub(crate) fn class_of(&mut self, of: &Traits<'_>) -> ClassId {
        let common = self.common(of);
        if let Some(id) = self.ids.get(&common) {
            return *id;
        }
        self.last += 1;
        let id = ClassId(self.last);
        let common = Arc::new(common);
        self.ids.insert(Arc::clone(&common), id);
        self.by_id.insert(id, Class { common, members: BTreeMap::new() });
        id
    }

    /// Adds an offer to a class.
    pub(crate) fn enter(&mut self, id: ClassId, slot: SlotId, rank: &Rank) {
        let Some(class) = self.by_id.get_mut(&id) else { return };
        let head = class.members.first_key_value().map(|(head, _)| head.clone());
        class.members.insert(rank.clone(), slot);
        if head.as_ref().is_none_or(|head| rank < head) {
            if let Some(head) = head {
                self.heads.remove(&head);
            }
            self.heads.insert(rank.clone(), id);
        }
    }

    /// Takes an offer out of its class.
    pub(crate) fn leave(&mut self, id: ClassId, rank: &Rank) {
        let Some(class) = self.by_id.get_mut(&id) else { return };
        class.members.remove(rank);
        if self.heads.remove(rank).is_some()
            && let Some((head, _)) = class.members.first_key_value()
        {
            self.heads.insert(head.clone(), id);
        }
        if class.members.is_empty()
            && let Some(class) = self.by_id.remove(&id)
        {
            self.ids.swap_remove(&class.common);
        }
    }

    /// Makes an attribute individual. No offer is in a class then: all have to be put into theirs again. It happens once for
    /// each attribute of many values.
    pub(crate) fn make_individual<'a>(
        &mut self,
        mut too_many: TooManyValues,
        known: impl Iterator<Item = (SlotId, &'a Attributes)> + Clone,
    ) {
        loop {
            self.forget_all_but(too_many);
            match known.clone().try_for_each(|(slot, attributes)| self.know(slot, attributes)) {
                Ok(()) => return,
                Err(another) => too_many = another,
            }
        }
    }

    fn forget_all_but(&mut self, TooManyValues(name): TooManyValues) {
        let mut individual: Vec<Arc<str>> = vec![name];
        for (name, attribute) in &self.attributes {
            if matches!(attribute, Attribute::Individual(_)) {
                individual.push(Arc::clone(name));
            }
        }
        let attributes = individual.into_iter().map(|name| (name, Attribute::Individual(Lookup::default())));
        *self = Self { attributes: attributes.collect(), last: self.last, ..Self::default() };
    }

    /// An agent has these attributes. After [`TooManyValues`], call [`Classes::make_individual`] with all agents, this one too.
    pub(crate) fn know(&mut self, slot: SlotId, attributes: &Attributes) -> Result<(), TooManyValues> {
        for (name, values) in attributes {
            let attribute = match self.attributes.get_mut(name) {
                Some(attribute) => attribute,
                None => self
                    .attributes
                    .entry(Arc::clone(name))
                    .or_insert_with(|| Attribute::Shared(BTreeMap::new())),
            };
            match attribute {
                Attribute::Shared(counts) => {
                    for value in values {
                        *counts.entry(Arc::clone(value)).or_default() += 1;
                    }
                    if counts.len() > SHARED_VALUES_MAX {
                        return Err(TooManyValues(Arc::clone(name)));
                    }
                }
                Attribute::Individual(slots) => {
                    for value in values {
                        match slots.get_mut(value) {
                            Some(slots) => slots.insert(slot),
                            None => {
                                slots.insert(Arc::clone(value), Slots::One(slot));
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// An agent is gone, or has other attributes now.
    pub(crate) fn forget(&mut self, slot: SlotId, attributes: &Attributes) {
        for (name, values) in attributes {
            match self.attributes.get_mut(name) {
                Some(Attribute::Shared(counts)) => {
                    for value in values {
                        if let Some(count) = counts.get_mut(value) {
                            *count -= 1;
                            if *count == 0 {
                                counts.remove(value);
                            }
                        }
                    }
                }
                Some(Attribute::Individual(slots)) => {
                    for value in values {
                        if slots.get_mut(value).is_some_and(|of_value| of_value.remove(slot)) {
                            slots.swap_remove(value);
                        }
                    }
                }
                None => {}
            }
        }
    }

    fn common(&self, of: &Traits<'_>) -> Common {
        let mut common = Common {
            mode: of.mode,
            unavailable_from: of.unavailable_from,
            resources: of.resources,
            revocable: of.revocable,
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
}
