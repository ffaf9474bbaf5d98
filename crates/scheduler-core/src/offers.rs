//! Offers: held until used, declined, rescinded or flushed (`spec/scheduler.md` §2.7).
//!
//! One offer per agent. An offer leaves this module exactly once: taken for a launch, declined, or dropped because it is
//! void.

pub(crate) mod classes;
pub(crate) mod domains;
mod held;
pub(crate) mod index;
pub(crate) mod kinds;
mod rank;
mod shown;
mod sizes;
pub(crate) mod values;

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::ids::{HostName, OfferId};

use crate::effect::{Effect, TimerKey};
use crate::handle::{Core, Step};
use crate::input::Offer;
use crate::operation::{Capacity, HostAttributes, MaintenanceMode, Operation};
use crate::schedule::filter::Space;
use classes::SlotId;
pub(crate) use held::{HeldOffer, Offers};
pub(crate) use rank::{Lead, Rank};
pub(crate) use shown::Shown;
pub use sizes::SearchSizes;

impl Core {
    pub(crate) fn on_offers(&mut self, offers: Vec<Offer>, step: &mut Step<'_>) {
        let mut added = BTreeSet::new();
        for offer in offers {
            if self.offers.is_seen(&offer.id) {
                continue;
            }
            let offer = Arc::new(self.offers.with_shared_names(without_empty_attributes(offer)));
            step.count("scheduler_resource_offers", 1);
            self.note_offer(&offer, step);
            self.save_host(&offer, step);
            if !self.collect(&offer, step) && self.hold_offer(&offer, step) {
                added.insert(offer.id.clone());
            }
        }
        self.wake_groups(&added, step);
    }

    pub(crate) fn on_rescinded(&mut self, offer: &OfferId, step: &mut Step<'_>) {
        step.count("offers_rescinded", 1);
        if !self.drop_offer(offer, step) {
            step.count("offer_cancel_failures", 1);
            // One that was used or declined meanwhile is not held again anyway.
            if !self.offers.is_seen(offer) {
                self.offers.ban(offer.clone());
            }
        }
    }

    pub(crate) fn on_offer_held_long_enough(&mut self, offer: &OfferId, step: &mut Step<'_>) {
        if self.offers.get(offer).is_some_and(|held| held.until.is_some_and(|until| until <= step.now)) {
            self.offers.remove(offer);
            self.offers.leave(offer.clone());
            self.decline(vec![offer.clone()], step);
        }
    }

    pub(crate) fn flush_offers(&mut self, step: &mut Step<'_>) {
        for held in self.offers.flush() {
            if held.until.is_some() {
                step.cancel_timer(TimerKey::OfferHold(held.offer.id.clone()));
            }
        }
        self.groups.clear_bans();
    }

    /// Takes an offer out of what is held; its timer is not needed any more.
    pub(crate) fn take_offer(&mut self, id: &OfferId, step: &mut Step<'_>) -> Option<HeldOffer> {
        let held = self.offers.remove(id)?;
        if held.until.is_some() {
            step.cancel_timer(TimerKey::OfferHold(id.clone()));
        }
        Some(held)
    }

    /// Takes the offer of a slot, to use it up.
    pub(crate) fn use_offer(&mut self, slot: SlotId, step: &mut Step<'_>) -> Option<HeldOffer> {
        let held = self.offers.take(slot)?;
        if held.until.is_some() {
            step.cancel_timer(TimerKey::OfferHold(held.offer.id.clone()));
        }
        self.offers.leave(held.offer.id.clone());
        Some(held)
    }

    /// An offer is void. Says whether it was held.
    pub(crate) fn drop_offer(&mut self, id: &OfferId, step: &mut Step<'_>) -> bool {
        self.take_offer(id, step).is_some()
    }

    /// Holds an offer, unless its agent has another: then both go back, for Mesos to make one of them.
    fn hold_offer(&mut self, offer: &Arc<Offer>, step: &mut Step<'_>) -> bool {
        if let Some(other) = self.offers.of_agent(&offer.agent).map(|held| held.offer.id.clone()) {
            self.take_offer(&other, step);
            self.offers.leave(other.clone());
            self.offers.leave(offer.id.clone());
            self.decline(vec![other, offer.id.clone()], step);
            return false;
        }
        let until = (!self.config.hold_offers_forever).then(|| {
            step.now + self.config.offer_hold_min + self.rng.time_below(self.config.offer_hold_jitter)
        });
        if let Some(at) = until {
            step.set_timer(TimerKey::OfferHold(offer.id.clone()), at);
        }
        let mode = self.state.tables().host(&offer.host).map_or(MaintenanceMode::None, |host| host.mode);
        let held = HeldOffer { offer: Arc::clone(offer), mode, until, chance: self.rng.number() };
        self.offers.add(held, &self.config.offer_order);
        true
    }

    /// Gives offers back. While tasks wait, Mesos may offer the same again at once.
    fn decline(&self, offers: Vec<OfferId>, step: &mut Step<'_>) {
        step.batch.effects.push(Effect::Decline { offers, refuse: self.refusal() });
    }

    /// How long Mesos keeps to itself what we do not use: not at all while tasks wait for it.
    pub(crate) fn refusal(&self) -> aurora_api::amounts::Millis {
        if self.groups.is_empty() { self.config.offer_filter } else { aurora_api::amounts::Millis::ZERO }
    }

    /// Remembers what an agent says of itself. The maintenance mode is ours and stays.
    fn save_host(&mut self, offer: &Offer, step: &mut Step<'_>) {
        let stored = self.state.tables().host(&offer.host);
        let mode = stored.map_or(MaintenanceMode::None, |host| host.mode);
        let is_known =
            stored.is_some_and(|host| host.agent == offer.agent && host.attributes == offer.attributes);
        let capacity = Some(self.capacity(offer));
        if is_known && stored.is_some_and(|host| host.capacity == capacity) {
            return;
        }
        let host = HostAttributes {
            host: offer.host.clone(),
            agent: offer.agent.clone(),
            attributes: offer.attributes.clone(),
            mode,
            capacity,
            gone: None,
        };
        self.commit(Operation::SaveHost(Arc::new(host)), step);
        if !is_known {
            self.on_host_changed(&offer.host);
        }
    }

    /// What the agent of an offer has for us: what it offers, and what our tasks there take.
    fn capacity(&self, offer: &Offer) -> Capacity {
        let mut space = Space { regular: offer.resources, revocable: offer.revocable };
        let here = self.state.tables().on_host(&offer.host);
        for task in here {
            if task.assignment.as_ref().is_some_and(|place| place.agent == offer.agent) {
                let is_revocable = self.config.tiers.is_revocable(&task.config.tier);
                space.give(&self.config.footprint(&task.config), is_revocable, &self.config);
            }
        }
        Capacity { regular: space.regular, revocable: space.revocable }
    }

    /// A host is another than it was: what was said of its offer before does not hold any more (T9).
    pub(crate) fn on_host_changed(&mut self, host: &HostName) {
        let Some(stored) = self.state.tables().host(host) else { return };
        let mode = stored.mode;
        let of_host: BTreeSet<OfferId> =
            self.offers.of_agent(&stored.agent).map(|held| held.offer.id.clone()).into_iter().collect();
        for id in &of_host {
            self.offers.reorder(id, mode, &self.config.offer_order);
        }
    }
}

/// An attribute without values says nothing; upstream loses the whole list of offers over it (T11).
fn without_empty_attributes(mut offer: Offer) -> Offer {
    offer.attributes.retain(|_, values| !values.is_empty());
    offer
}

#[cfg(test)]
#[path = "offers_tests.rs"]
mod tests;
