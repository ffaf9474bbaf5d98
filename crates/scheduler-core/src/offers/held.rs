//! The offers we hold.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, OfferId};

use super::classes::{ClassId, Classes, Lookup, SlotId, TooManyValues, Traits};
use super::rank::Rank;
use super::shown::Shown;
use crate::config::OfferOrder;
use crate::input::Offer;
use crate::operation::MaintenanceMode;

/// Most rescinded offers remembered in case they still arrive. Beyond it the oldest is forgotten: an offer used though it
/// is void costs one failed launch.
const BANS_MAX: usize = 1000;

/// Most offers remembered after they left, for the same cost.
const GONE_MAX: usize = 1000;

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
            resources: offer.resources,
            revocable: offer.revocable,
            attributes: &offer.attributes,
        }
    }
}

#[derive(Debug)]
struct Slot {
    held: HeldOffer,
    rank: Rank,
    /// `None` if it must not be used.
    class: Option<ClassId>,
}

/// All held offers.
///
/// Those that may be used are in a class each, and shown; those that are banned are in neither.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    by_id: Lookup<OfferId, SlotId>,
    by_agent: Lookup<AgentId, SlotId>,
    classes: Classes,
    /// Rescinded before they came: held if they come, but never used.
    banned: BTreeSet<OfferId>,
    banned_in_turn: VecDeque<OfferId>,
    /// Used or declined: what repeats them is not held again.
    gone: BTreeSet<OfferId>,
    gone_in_turn: VecDeque<OfferId>,
    /// For views.
    shown: Shown,
}

impl Offers {
    /// Adds an offer of an agent that has none.
    pub(super) fn add(&mut self, held: HeldOffer, order: &[OfferOrder]) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            SlotId(u32::try_from(self.slots.len() - 1).expect("there are fewer agents than 2^32"))
        });
        self.by_id.insert(held.offer.id.clone(), slot);
        self.by_agent.insert(held.offer.agent.clone(), slot);
        let is_banned = self.banned.contains(&held.offer.id);
        let rank = Rank::of(&held, order);
        self.slots[slot.0 as usize] = Some(Slot { held, rank, class: None });
        if !is_banned {
            self.put_to_use(slot);
        }
    }

    /// Puts an offer into its class.
    fn put_to_use(&mut self, id: SlotId) {
        let Some(slot) = self.slots[id.0 as usize].as_mut() else { return };
        self.shown.insert(id, &slot.held.offer);
        match self.classes.add(id, &slot.held.traits(), &slot.rank) {
            Ok(class) => slot.class = Some(class),
            Err(too_many) => self.classify_anew(too_many),
        }
    }

    fn classify_anew(&mut self, too_many: TooManyValues) {
        let usable: Vec<SlotId> = self.shown.iter().map(|(slot, _)| slot).collect();
        let slots = usable.iter().filter_map(|id| Some((*id, self.slots.get(id.0 as usize)?.as_ref()?)));
        let all: Vec<_> = slots.map(|(id, slot)| (id, slot.held.traits(), &slot.rank)).collect();
        let classes = self.classes.add_all_anew(too_many, &all);
        for (id, class) in usable.iter().zip(classes) {
            if let Some(slot) = self.slots[id.0 as usize].as_mut() {
                slot.class = Some(class);
            }
        }
    }

    pub(super) fn remove(&mut self, id: &OfferId) -> Option<HeldOffer> {
        self.banned.remove(id);
        let id = self.by_id.swap_remove(id)?;
        let Slot { held, rank, class } = self.slots[id.0 as usize].take()?;
        self.free.push(id);
        self.by_agent.swap_remove(&held.offer.agent);
        if let Some(class) = class {
            self.classes.remove(id, &held.offer.attributes, &rank, class);
            self.shown.remove(id);
        }
        Some(held)
    }

    /// Whether the offer is held, or was.
    pub(super) fn is_seen(&self, id: &OfferId) -> bool {
        self.by_id.contains_key(id) || self.gone.contains(id)
    }

    /// Remembers that an offer is used or declined.
    pub(crate) fn leave(&mut self, id: OfferId) {
        if self.gone.insert(id.clone()) {
            self.gone_in_turn.push_back(id);
        }
        if self.gone_in_turn.len() > GONE_MAX
            && let Some(oldest) = self.gone_in_turn.pop_front()
        {
            self.gone.remove(&oldest);
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
            && let Some(slot) = self.by_id.get(&oldest)
        {
            self.put_to_use(*slot);
        }
    }

    pub(super) fn flush(&mut self) -> Vec<HeldOffer> {
        let slots = std::mem::take(self).slots;
        slots.into_iter().flatten().map(|slot| slot.held).collect()
    }

    fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn get(&self, id: &OfferId) -> Option<&HeldOffer> {
        Some(&self.slot(*self.by_id.get(id)?)?.held)
    }

    /// The offer held for an agent, usable or not.
    pub(crate) fn of_agent(&self, agent: &AgentId) -> Option<&HeldOffer> {
        Some(&self.slot(*self.by_agent.get(agent)?)?.held)
    }

    /// An offer that may be used.
    pub(crate) fn usable(&self, id: &OfferId) -> Option<&HeldOffer> {
        let slot = self.slot(*self.by_id.get(id)?)?;
        slot.class.map(|_| &slot.held)
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
        self.by_id.len()
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
        self.slot(*self.by_id.get(id)?)?.class
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
