//! The offers we hold, in the order they are tried.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, OfferId};
use imbl::OrdMap;

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

/// What offers are sorted by: mode, unavailability (none, then latest first), the configured order, the id (T10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(MaintenanceMode, Option<Reverse<Timestamp>>, Vec<u64>, OfferId);

impl HeldOffer {
    fn rank(&self, order: &[OfferOrder]) -> Rank {
        let offer = &self.offer;
        let least = |amount: i64| amount.max(0).unsigned_abs();
        let keys = order.iter().map(|key| match key {
            OfferOrder::Cpu => least(offer.resources.cpus.0),
            OfferOrder::Memory => least(offer.resources.ram.0),
            OfferOrder::Disk => least(offer.resources.disk.0),
            OfferOrder::RevocableCpu => match least(offer.revocable.cpus.0) {
                0 => u64::MAX,
                cpus => cpus,
            },
            OfferOrder::Random => self.chance,
        });
        Rank(self.mode, offer.unavailable_from.map(Reverse), keys.collect(), offer.id.clone())
    }
}

/// All held offers.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    held: BTreeMap<OfferId, (Rank, HeldOffer)>,
    ordered: BTreeSet<Rank>,
    by_agent: BTreeMap<AgentId, OfferId>,
    /// Rescinded before they came: held if they come, but never used.
    banned: BTreeSet<OfferId>,
    banned_in_turn: VecDeque<OfferId>,
    /// Used or declined: what repeats them is not held again.
    gone: BTreeSet<OfferId>,
    gone_in_turn: VecDeque<OfferId>,
    /// For views.
    all: OrdMap<OfferId, Arc<Offer>>,
}

impl Offers {
    /// Adds an offer of an agent that has none.
    pub(super) fn add(&mut self, held: HeldOffer, order: &[OfferOrder]) {
        let (id, rank) = (held.offer.id.clone(), held.rank(order));
        self.ordered.insert(rank.clone());
        self.by_agent.insert(held.offer.agent.clone(), id.clone());
        if !self.banned.contains(&id) {
            self.all.insert(id.clone(), Arc::clone(&held.offer));
        }
        self.held.insert(id, (rank, held));
    }

    pub(super) fn remove(&mut self, id: &OfferId) -> Option<HeldOffer> {
        self.banned.remove(id);
        let (rank, held) = self.held.remove(id)?;
        self.ordered.remove(&rank);
        self.by_agent.remove(&held.offer.agent);
        self.all.remove(id);
        Some(held)
    }

    /// Whether the offer is held, or was.
    pub(super) fn is_seen(&self, id: &OfferId) -> bool {
        self.held.contains_key(id) || self.gone.contains(id)
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

    pub(super) fn ban(&mut self, id: OfferId) {
        self.all.remove(&id);
        if self.banned.insert(id.clone()) {
            self.banned_in_turn.push_back(id);
        }
        if self.banned_in_turn.len() > BANS_MAX
            && let Some(oldest) = self.banned_in_turn.pop_front()
        {
            self.banned.remove(&oldest);
        }
    }

    pub(super) fn flush(&mut self) -> Vec<HeldOffer> {
        let held = std::mem::take(self).held;
        held.into_values().map(|(_, held)| held).collect()
    }

    pub(crate) fn get(&self, id: &OfferId) -> Option<&HeldOffer> {
        self.held.get(id).map(|(_, held)| held)
    }

    /// The offer held for an agent, usable or not.
    pub(crate) fn of_agent(&self, agent: &AgentId) -> Option<&HeldOffer> {
        self.get(self.by_agent.get(agent)?)
    }

    /// The offers that may be used, best first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &HeldOffer> {
        self.ordered.iter().filter_map(|rank| self.usable(&rank.3))
    }

    /// An offer that may be used.
    pub(crate) fn usable(&self, id: &OfferId) -> Option<&HeldOffer> {
        self.get(id).filter(|_| !self.banned.contains(id))
    }

    /// The offers that may be used, by id.
    pub(crate) fn all(&self) -> &OrdMap<OfferId, Arc<Offer>> {
        &self.all
    }

    /// How many are held, usable or not: `outstanding_offers`.
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// How many must not be used, whether they have come or not: `globally_banned_offers_size`.
    pub(crate) fn banned_len(&self) -> usize {
        self.banned.len()
    }
}
