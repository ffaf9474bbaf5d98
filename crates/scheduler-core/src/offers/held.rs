//! The offers we hold.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, OfferId};
use hashbrown::HashTable;

use super::classes::{ClassId, Classes, Home, Lookup, SlotId, Traits};
use super::index::Need;
use super::rank::Rank;
use super::shown::Shown;
use super::sizes::SearchSizes;
use super::values::TooManyValues;
use crate::config::OfferOrder;
use crate::input::Offer;
use crate::operation::MaintenanceMode;
use crate::schedule::filter::Pool;
use crate::state::hash;

/// Most rescinded offers remembered in case they still arrive. Beyond it the oldest is forgotten: an offer used though it
/// is void costs one failed launch.
const BANS_MAX: usize = 1000;

/// Most offers remembered after they left, for the same cost.
const GONE_MAX: usize = 1000;

/// Most names of attributes that are put in one place.
const NAMES_MAX: usize = 1000;

/// An offer with what we know of it.
#[derive(Clone, Debug)]
pub(crate) struct HeldOffer {
    pub(crate) offer: Arc<Offer>,
    /// Of its host.
    pub(crate) mode: MaintenanceMode,
    /// When it is declined; `None` is never.
    pub(crate) until: Option<Timestamp>,
    /// Its place in a random order.
    pub(crate) chance: u64,
}

impl HeldOffer {
    fn traits(&self) -> Traits<'_> {
        let offer = &*self.offer;
        Traits {
            mode: self.mode,
            unavailable_from: offer.unavailable_from,
            space: self.offer_space(),
            attributes: &offer.attributes,
        }
    }
}

/// What is known of an agent: its offer, or the last that it had.
#[derive(Debug)]
struct Slot {
    held: HeldOffer,
    is_held: bool,
    /// Of the offer's id.
    id_hash: u64,
    rank: Rank,
    /// `None` if it must not be used, or is not held.
    class: Option<ClassId>,
    /// Where it belonged when it last was in a class, as long as the agent's attributes are the same.
    last_home: Option<Home>,
}

/// All held offers.
///
/// Those that may be used are in a class each, and shown; those that are banned are in neither. An agent keeps its slot until
/// it is lost, so an offer that is taken touches little memory.
#[derive(Debug)]
pub(crate) struct Offers {
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    /// The offers in the slots by the hash of their ids, those that are gone too: who takes an offer need not look here. The hash
    /// is kept beside, as slots are far away when the table puts itself in order.
    by_id: HashTable<(u64, SlotId)>,
    /// How many are held.
    len: usize,
    by_agent: Lookup<AgentId, SlotId>,
    classes: Classes,
    /// Rescinded before they came: held if they come, but never used.
    banned: BTreeSet<OfferId>,
    banned_in_turn: VecDeque<OfferId>,
    /// Used or declined: what repeats them is not held again.
    gone: HashTable<(u64, OfferId)>,
    gone_in_turn: VecDeque<(u64, OfferId)>,
    /// For views.
    shown: Shown,
    /// Names of attributes, each in one place of memory for all agents, so that it is near when it is looked at.
    names: BTreeSet<Arc<str>>,
}

impl Default for Offers {
    fn default() -> Self {
        Self::new(SearchSizes::default())
    }
}

impl Offers {
    pub(crate) fn new(sizes: SearchSizes) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            len: 0,
            by_agent: Lookup::default(),
            classes: Classes::new(sizes),
            banned: BTreeSet::new(),
            banned_in_turn: VecDeque::new(),
            gone: HashTable::new(),
            gone_in_turn: VecDeque::new(),
            shown: Shown::default(),
            names: BTreeSet::new(),
        }
    }

    /// Adds an offer of an agent that has none.
    pub(super) fn add(&mut self, held: HeldOffer, order: &[OfferOrder]) {
        let offer = Arc::clone(&held.offer);
        let is_banned = self.banned.contains(&offer.id);
        let (id_hash, rank) = (hash(offer.id.as_str()), Rank::of(&held, order));
        let mut new = Slot { held, is_held: true, id_hash, rank, class: None, last_home: None };
        let known = self.by_agent.get(&offer.agent).copied();
        let id = known.unwrap_or_else(|| self.free_slot(&offer.agent));
        let old = self.slots[id.0 as usize].take();
        let is_same = old.as_ref().is_some_and(|old| old.held.offer.attributes == offer.attributes);
        if is_same {
            new.last_home = old.as_ref().and_then(|old| old.last_home);
        } else if let Some(old) = &old {
            self.classes.forget(id, &old.held.offer.attributes);
        }
        if let Some(old) = &old {
            self.forget_id(id, old.id_hash);
        }
        self.slots[id.0 as usize] = Some(new);
        self.len += 1;
        self.by_id.insert_unique(id_hash, (id_hash, id), |(hash, _)| *hash);
        if !is_same && let Err(too_many) = self.classes.know(id, &offer.attributes) {
            self.classify_anew(too_many);
        }
        if !is_banned {
            self.put_to_use(id);
        }
    }

    /// The same offer; its attributes' names are those that other offers have.
    pub(super) fn with_shared_names(&mut self, mut offer: Offer) -> Offer {
        let names = &mut self.names;
        let mut shared = |name: Arc<str>| match names.get(&name) {
            Some(known) => Arc::clone(known),
            None if names.len() < NAMES_MAX => {
                names.insert(Arc::clone(&name));
                name
            }
            None => name,
        };
        let attributes = std::mem::take(&mut offer.attributes);
        offer.attributes = attributes.into_iter().map(|(name, values)| (shared(name), values)).collect();
        offer
    }

    fn free_slot(&mut self, agent: &AgentId) -> SlotId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            SlotId(u32::try_from(self.slots.len() - 1).expect("there are fewer agents than 2^32"))
        });
        self.by_agent.insert(agent.clone(), id);
        id
    }

    /// Puts an offer into its class.
    fn put_to_use(&mut self, id: SlotId) {
        let Some(slot) = self.slots[id.0 as usize].as_mut() else { return };
        self.shown.insert(id, &slot.held.offer);
        let home = self.classes.class_of(&slot.held.traits(), slot.last_home);
        self.classes.enter(home.class, id, &slot.rank, &slot.held.offer.attributes);
        (slot.class, slot.last_home) = (Some(home.class), Some(home));
    }

    fn classify_anew(&mut self, too_many: TooManyValues) {
        let known = (0..).map(SlotId).zip(&self.slots);
        let known = known.filter_map(|(id, slot)| Some((id, &slot.as_ref()?.held.offer.attributes)));
        self.classes.make_individual(too_many, known);
        for id in (0..self.slots.len()).filter_map(|number| u32::try_from(number).ok()).map(SlotId) {
            if self.slot(id).is_some_and(|slot| slot.class.is_some()) {
                self.put_to_use(id);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &OfferId) -> Option<HeldOffer> {
        self.banned.remove(id);
        self.take(self.slot_of(id)?)
    }

    /// Takes the offer of a slot.
    pub(super) fn take(&mut self, id: SlotId) -> Option<HeldOffer> {
        let slot = self.slots.get_mut(id.0 as usize)?.as_mut().filter(|slot| slot.is_held)?;
        slot.is_held = false;
        self.len -= 1;
        if let Some(class) = slot.class.take() {
            self.classes.leave(class, &slot.rank);
            self.shown.remove(id);
        }
        Some(slot.held.clone())
    }

    /// An agent is lost: nothing is known of it any more. Its offer was dropped.
    pub(crate) fn forget_agent(&mut self, agent: &AgentId) {
        let Some(id) = self.by_agent.swap_remove(agent) else { return };
        if let Some(slot) = self.slots[id.0 as usize].take() {
            self.classes.forget(id, &slot.held.offer.attributes);
            self.forget_id(id, slot.id_hash);
        }
        self.free.push(id);
    }

    /// The offer that was in a slot is not found by its id any more.
    fn forget_id(&mut self, id: SlotId, hash: u64) {
        if let Ok(entry) = self.by_id.find_entry(hash, |(_, other)| *other == id) {
            entry.remove();
        }
    }

    /// Whether the offer is held, or was.
    pub(super) fn is_seen(&self, id: &OfferId) -> bool {
        let hash = hash(id.as_str());
        self.slot_of(id).is_some() || self.gone.find(hash, |(_, gone)| gone == id).is_some()
    }

    /// Remembers that an offer is used or declined.
    pub(crate) fn leave(&mut self, id: OfferId) {
        let hash = hash(id.as_str());
        if self.gone.find(hash, |(_, gone)| *gone == id).is_none() {
            self.gone.insert_unique(hash, (hash, id.clone()), |(hash, _)| *hash);
            self.gone_in_turn.push_back((hash, id));
        }
        if self.gone_in_turn.len() > GONE_MAX
            && let Some((hash, oldest)) = self.gone_in_turn.pop_front()
            && let Ok(entry) = self.gone.find_entry(hash, |(_, gone)| *gone == oldest)
        {
            entry.remove();
        }
    }

    pub(super) fn reorder(&mut self, id: &OfferId, mode: MaintenanceMode, order: &[OfferOrder]) {
        if let Some(held) = self.remove(id) {
            self.add(HeldOffer { mode, ..held }, order);
        }
    }

    /// An offer that is not held must not be used if it comes.
    pub(super) fn ban(&mut self, id: OfferId) {
        if self.banned.insert(id.clone()) {
            self.banned_in_turn.push_back(id);
        }
        if self.banned_in_turn.len() > BANS_MAX
            && let Some(oldest) = self.banned_in_turn.pop_front()
            && self.banned.remove(&oldest)
            && let Some(slot) = self.slot_of(&oldest)
        {
            self.put_to_use(slot);
        }
    }

    pub(super) fn flush(&mut self) -> Vec<HeldOffer> {
        let slots = std::mem::replace(self, Self::new(self.classes.sizes())).slots;
        slots.into_iter().flatten().filter(|slot| slot.is_held).map(|slot| slot.held).collect()
    }

    fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)?.as_ref().filter(|slot| slot.is_held)
    }

    /// Where an offer is held.
    fn slot_of(&self, id: &OfferId) -> Option<SlotId> {
        let hash = hash(id.as_str());
        let is_it = |slot: &SlotId| self.slot(*slot).is_some_and(|slot| slot.held.offer.id == *id);
        self.by_id.find(hash, |(other, slot)| *other == hash && is_it(slot)).map(|(_, slot)| *slot)
    }

    pub(crate) fn get(&self, id: &OfferId) -> Option<&HeldOffer> {
        Some(&self.slot(self.slot_of(id)?)?.held)
    }

    /// The offer held for an agent, usable or not.
    pub(crate) fn of_agent(&self, agent: &AgentId) -> Option<&HeldOffer> {
        Some(&self.slot(*self.by_agent.get(agent)?)?.held)
    }

    /// An offer that may be used.
    pub(crate) fn usable(&self, id: &OfferId) -> Option<&HeldOffer> {
        Some(&self.slot(self.usable_slot(id)?)?.held)
    }

    /// The slot of an offer that may be used.
    pub(crate) fn usable_slot(&self, id: &OfferId) -> Option<SlotId> {
        let id = self.slot_of(id)?;
        self.slot(id)?.class.map(|_| id)
    }

    /// The offer of an agent that may be used, with its slot.
    pub(crate) fn usable_of_agent(&self, agent: &AgentId) -> Option<SlotId> {
        let id = *self.by_agent.get(agent)?;
        self.slot(id)?.class.map(|_| id)
    }

    /// A usable offer by its slot: its class, its rank, and itself.
    pub(crate) fn member(&self, id: SlotId) -> Option<(ClassId, &Rank, &HeldOffer)> {
        let slot = self.slot(id)?;
        slot.class.map(|class| (class, &slot.rank, &slot.held))
    }

    /// A task will ask for so much of what is in a pool: call it before, or what is of a large kind cannot be searched.
    pub(crate) fn prepare(&mut self, pool: Pool, need: &Need) {
        self.classes.prepare(pool, need);
    }

    /// A task will ask for the offers split by the values of these individual attributes: call it before.
    pub(crate) fn split(&mut self, names: &[Arc<str>], pool: Pool) {
        let slots = (0..).map(SlotId).zip(self.slots.iter());
        let usable = slots.filter_map(|(id, slot)| {
            let slot = slot.as_ref()?;
            Some((id, slot.class?, &slot.rank, &slot.held.offer.attributes))
        });
        self.classes.split(names, pool, usable);
    }

    /// How many splits are kept: `offer_splits`.
    pub(crate) fn split_count(&self) -> usize {
        self.classes.split_count()
    }

    /// How many agents are known, whether they offer anything or not.
    pub(crate) fn known_agents(&self) -> usize {
        self.by_agent.len()
    }

    /// From how many offers on they are put together.
    pub(crate) fn sizes(&self) -> SearchSizes {
        self.classes.sizes()
    }

    /// The classes of the offers that may be used.
    pub(crate) fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The offers that may be used, for readers.
    pub(crate) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// How many are held, usable or not: `outstanding_offers`.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of the held ones must not be used: `globally_banned_offers_size`.
    pub(crate) fn banned_len(&self) -> usize {
        self.banned.len()
    }

    /// Holds an offer for ever.
    #[cfg(test)]
    pub(crate) fn hold_for_test(&mut self, offer: Offer, mode: MaintenanceMode, order: &[OfferOrder]) {
        let chance =
            offer.id.as_str().bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(byte));
        self.add(HeldOffer { offer: Arc::new(offer), mode, until: None, chance: chance % 5 }, order);
    }

    /// Drops an offer, if it is held.
    #[cfg(test)]
    pub(crate) fn drop_for_test(&mut self, id: &OfferId) {
        self.remove(id);
    }

    /// The class of a usable offer.
    #[cfg(test)]
    pub(crate) fn class_of(&self, id: &OfferId) -> Option<ClassId> {
        self.slot(self.slot_of(id)?)?.class
    }

    /// The offers that may be used, best first.
    #[cfg(test)]
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &HeldOffer> {
        let mut usable: Vec<&Slot> =
            self.slots.iter().flatten().filter(|slot| slot.class.is_some()).collect();
        usable.sort_by_key(|slot| &slot.rank);
        usable.into_iter().map(|slot| &slot.held)
    }
}
