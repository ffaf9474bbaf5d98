//! Offers put together by their values of attributes that tasks limit, such as `rack`: where a value has reached a limit, all
//! offers with it are told of and passed over at once.
//!
//! A *domain* is what has the same values of some individual attributes; a *part* is the offers of one kind in one domain,
//! indexed by what they have. They are made when a task has reached limits on values that many agents share, kept up to date from
//! then on, and dropped when nobody asked for long.
//!
//! Invariants: every usable offer is in the part of its domain and kind, a part that is not free has offers, and a domain that is
//! not free has parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::classes::{Lookup, SlotId};
use super::index::{Index, Indexed};
use super::kinds::KindId;
use super::rank::Rank;
use super::values::Attributes;
use crate::schedule::filter::{Pool, Space};

/// Most splits into domains that are kept: one for each set of attributes that jobs limit, and for each pool.
const SPLITS_MAX: usize = 4;

/// Names a domain while it has offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DomainId(u32);

impl DomainId {
    /// Its place in a list of something for each domain.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names a part while it has offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartId(u32);

/// The offers of one kind in one domain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) domain: DomainId,
    pub(crate) kind: KindId,
    /// How many offers are in it.
    pub(crate) agents: usize,
}

#[derive(Debug)]
struct Domain {
    /// Of each attribute; none of one that its offers lack.
    values: Vec<BTreeSet<Arc<str>>>,
    parts: Vec<PartId>,
}

/// An offer and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) slot: SlotId,
    pub(super) kind: KindId,
    pub(super) attributes: &'a Attributes,
    pub(super) space: &'a Space,
    pub(super) rank: &'a Rank,
}

/// All offers, split into domains by some attributes.
#[derive(Debug)]
pub(crate) struct Domains {
    names: Vec<Arc<str>>,
    pool: Pool,
    domains: Vec<Domain>,
    free: Vec<DomainId>,
    ids: Lookup<Vec<BTreeSet<Arc<str>>>, DomainId>,
    /// Of each attribute, the domains that have a value.
    with_value: Vec<Lookup<Arc<str>, Vec<DomainId>>>,
    /// Where the offer of a slot is, or where the last was.
    of_slot: Vec<Option<DomainId>>,
    parts: Vec<Part>,
    free_parts: Vec<PartId>,
    /// Of each part.
    indexes: Vec<Index>,
    agents: usize,
    /// Changes since it was asked something.
    unused: usize,
}

impl Domains {
    fn new(names: Vec<Arc<str>>, pool: Pool) -> Self {
        Self {
            with_value: names.iter().map(|_| Lookup::default()).collect(),
            names,
            pool,
            domains: Vec::new(),
            free: Vec::new(),
            ids: Lookup::default(),
            of_slot: Vec::new(),
            parts: Vec::new(),
            free_parts: Vec::new(),
            indexes: Vec::new(),
            agents: 0,
            unused: 0,
        }
    }

    fn of<'a>(names: Vec<Arc<str>>, pool: Pool, offers: impl Iterator<Item = Placed<'a>>) -> Self {
        let mut domains = Self::new(names, pool);
        let mut indexed: Vec<Vec<Indexed<'a>>> = Vec::new();
        for offer in offers {
            let part = domains.part_for(&offer).0 as usize;
            indexed.resize_with(domains.parts.len(), Vec::new);
            indexed[part].push(Indexed::new(offer.slot, offer.space, offer.rank, pool));
            domains.parts[part].agents += 1;
            domains.agents += 1;
        }
        domains.indexes = indexed.into_iter().map(|offers| Index::of(offers, pool)).collect();
        domains
    }

    /// The attributes, and the pool in which the parts are indexed.
    pub(crate) fn is_by(&self, names: &[Arc<str>], pool: Pool) -> bool {
        self.names == names && self.pool == pool
    }

    /// Where an attribute is in the list of names.
    pub(crate) fn place_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| **other == *name)
    }

    /// A list of something for each domain has so many places.
    pub(crate) fn places(&self) -> usize {
        self.domains.len()
    }

    /// The domains that have a value of the attribute with this place in the list of names.
    pub(crate) fn with_value(&self, name: usize, value: &str) -> &[DomainId] {
        self.with_value[name].get(value).map_or(&[], Vec::as_slice)
    }

    /// All parts.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (PartId, Part)> {
        (0..).map(PartId).zip(self.parts.iter().copied()).filter(|(_, part)| part.agents > 0)
    }

    /// The offers of a part by what they have.
    pub(crate) fn index(&self, part: PartId) -> &Index {
        &self.indexes[part.0 as usize]
    }

    /// The domain of a usable offer.
    pub(crate) fn domain_of(&self, slot: SlotId) -> Option<DomainId> {
        self.of_slot.get(slot.0 as usize).copied().flatten()
    }

    /// The part of a usable offer of a kind.
    pub(crate) fn part_of(&self, slot: SlotId, kind: KindId) -> Option<PartId> {
        self.part_in(self.domain_of(slot)?, kind)
    }

    fn part_in(&self, domain: DomainId, kind: KindId) -> Option<PartId> {
        let parts = &self.domains[domain.index()].parts;
        parts.iter().copied().find(|part| self.parts[part.0 as usize].kind == kind)
    }

    /// The part that an offer belongs to, made if there is none: put the offer into it at once.
    fn part_for(&mut self, offer: &Placed<'_>) -> PartId {
        let domain = self.domain_for(offer.slot, offer.attributes);
        if let Some(part) = self.part_in(domain, offer.kind) {
            return part;
        }
        let part = Part { domain, kind: offer.kind, agents: 0 };
        let id = PartId(put(&mut self.parts, self.free_parts.pop().map(|free| free.0), part));
        self.domains[domain.index()].parts.push(id);
        id
    }

    fn domain_for(&mut self, slot: SlotId, attributes: &Attributes) -> DomainId {
        let place = slot.0 as usize;
        if let Some(last) = self.domain_of(slot).filter(|last| self.has_values(*last, attributes)) {
            return last;
        }
        let values: Vec<BTreeSet<Arc<str>>> =
            self.names.iter().map(|name| attributes.get(name).cloned().unwrap_or_default()).collect();
        let id = match self.ids.get(&values) {
            Some(id) => *id,
            None => self.add_domain(values),
        };
        if self.of_slot.len() <= place {
            self.of_slot.resize(place + 1, None);
        }
        self.of_slot[place] = Some(id);
        id
    }

    fn has_values(&self, domain: DomainId, attributes: &Attributes) -> bool {
        let domain = &self.domains[domain.index()];
        let is_same = |(name, values): (&Arc<str>, &BTreeSet<Arc<str>>)| {
            attributes.get(name).map_or(values.is_empty(), |of_agent| of_agent == values)
        };
        !domain.parts.is_empty() && self.names.iter().zip(&domain.values).all(is_same)
    }

    fn add_domain(&mut self, values: Vec<BTreeSet<Arc<str>>>) -> DomainId {
        let domain = Domain { values: values.clone(), parts: Vec::new() };
        let id = DomainId(put(&mut self.domains, self.free.pop().map(|free| free.0), domain));
        for (with_value, values) in self.with_value.iter_mut().zip(&values) {
            for value in values {
                with_value.entry(Arc::clone(value)).or_default().push(id);
            }
        }
        self.ids.insert(values, id);
        id
    }

    fn drop_domain(&mut self, id: DomainId) {
        let values = std::mem::take(&mut self.domains[id.index()].values);
        for (with_value, values) in self.with_value.iter_mut().zip(&values) {
            for value in values {
                let Some(domains) = with_value.get_mut(value) else { continue };
                domains.retain(|other| *other != id);
                if domains.is_empty() {
                    with_value.swap_remove(value);
                }
            }
        }
        self.ids.swap_remove(&values);
        self.free.push(id);
    }

    /// An offer has come.
    fn enter(&mut self, offer: &Placed<'_>) {
        let part = self.part_for(offer).0 as usize;
        if part == self.indexes.len() {
            self.indexes.push(Index::of(Vec::new(), self.pool));
        }
        self.indexes[part].enter(offer.slot, offer.space, offer.rank);
        self.parts[part].agents += 1;
        self.agents += 1;
        self.unused += 1;
    }

    /// An offer has left.
    fn leave(&mut self, slot: SlotId, kind: KindId, space: &Space, rank: &Rank) {
        let Some(domain) = self.domain_of(slot) else { return };
        let Some(id) = self.part_in(domain, kind) else { return };
        let part = id.0 as usize;
        self.indexes[part].leave(slot, space, rank);
        self.parts[part].agents -= 1;
        self.agents -= 1;
        self.unused += 1;
        if self.parts[part].agents == 0 {
            self.free_parts.push(id);
            let parts = &mut self.domains[domain.index()].parts;
            parts.retain(|other| *other != id);
            if parts.is_empty() {
                self.drop_domain(domain);
            }
        }
    }

    fn is_unused(&self) -> bool {
        Index::is_too_long(self.unused, self.agents)
    }
}

/// Puts one more into a free place of a list, or at its end; says where.
fn put<T>(list: &mut Vec<T>, free: Option<u32>, new: T) -> u32 {
    if let Some(free) = free {
        list[free as usize] = new;
        return free;
    }
    list.push(new);
    u32::try_from(list.len() - 1).expect("there are fewer agents than 2^32")
}

/// All splits, that which was asked last at the end.
#[derive(Debug, Default)]
pub(super) struct Splits(Vec<Domains>);

impl Splits {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A split by these attributes, if it was made.
    pub(super) fn get(&self, names: &[Arc<str>], pool: Pool) -> Option<&Domains> {
        self.0.iter().find(|split| split.is_by(names, pool))
    }

    /// A task asks for a split by these attributes.
    pub(super) fn prepare<'a>(
        &mut self,
        names: &[Arc<str>],
        pool: Pool,
        offers: impl Iterator<Item = Placed<'a>>,
    ) {
        let known = self.0.iter().position(|split| split.is_by(names, pool));
        let mut split = match known {
            Some(place) => self.0.remove(place),
            None => Domains::of(names.to_vec(), pool, offers),
        };
        split.unused = 0;
        if self.0.len() == SPLITS_MAX {
            self.0.remove(0);
        }
        self.0.push(split);
    }

    /// An offer has come.
    pub(super) fn enter(&mut self, offer: &Placed<'_>) {
        self.change(|split| split.enter(offer));
    }

    /// An offer of a kind has left.
    pub(super) fn leave(&mut self, slot: SlotId, kind: KindId, space: &Space, rank: &Rank) {
        self.change(|split| split.leave(slot, kind, space, rank));
    }

    fn change(&mut self, change: impl FnMut(&mut Domains)) {
        if !self.0.is_empty() {
            self.0.iter_mut().for_each(change);
            self.0.retain(|split| !split.is_unused());
        }
    }
}
