//! Which agents have which value of an attribute.
//!
//! An attribute of few values is *shared*: agents that differ in it are of different kinds. One of many values, such as `host`,
//! would make a kind of every agent; it is *individual*: what is known is which agents have a value.
//!
//! What is known of values is known of agents, not of offers: an offer that is taken changes nothing here, and the lists are
//! the same when the agent offers again. So who reads a list looks whether the agent has a usable offer now.
//!
//! Invariants: an individual attribute knows every known agent with each of its values; an attribute that is shared has at most
//! `shared_max` values, and counts the agents of each.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use super::classes::{Lookup, SlotId};

/// Name to values.
pub(crate) type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

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

/// All attributes by name.
#[derive(Debug)]
pub(super) struct Values {
    attributes: BTreeMap<Arc<str>, Attribute>,
    /// Most values of an attribute that is shared.
    shared_max: usize,
}

/// An agent has one value too many of this attribute: it must become individual.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyValues(Arc<str>);

impl Values {
    pub(super) fn new(shared_max: usize) -> Self {
        Self { attributes: BTreeMap::new(), shared_max }
    }

    /// Whether an attribute is individual.
    pub(super) fn is_individual(&self, name: &str) -> bool {
        matches!(self.attributes.get(name), Some(Attribute::Individual(_)))
    }

    /// The agents with a value of an individual attribute, whether they offer anything or not.
    pub(super) fn agents_with(&self, name: &str, value: &str) -> &[SlotId] {
        let slots = match self.attributes.get(name) {
            Some(Attribute::Individual(values)) => values.get(value),
            _ => None,
        };
        slots.map_or(&[], Slots::as_slice)
    }

    /// How many values an individual attribute has.
    pub(super) fn count(&self, name: &str) -> usize {
        match self.attributes.get(name) {
            Some(Attribute::Individual(values)) => values.len(),
            _ => 0,
        }
    }

    /// Makes an attribute individual, and knows these agents only.
    pub(super) fn make_individual<'a>(
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
        self.attributes = attributes.collect();
    }

    /// An agent has these attributes. After [`TooManyValues`], call [`Values::make_individual`] with all agents, this one too.
    pub(super) fn know(&mut self, slot: SlotId, attributes: &Attributes) -> Result<(), TooManyValues> {
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
                    if counts.len() > self.shared_max {
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
    pub(super) fn forget(&mut self, slot: SlotId, attributes: &Attributes) {
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
}
