//! The order in which offers are tried.

use std::cmp::Reverse;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::OfferId;

use super::HeldOffer;
use crate::config::OfferOrder;
use crate::operation::{HostAttributes, MaintenanceMode};

/// Most keys an order can have that mean anything.
const KEYS: usize = 5;

/// What offers are sorted by: mode, unavailability (none, then latest first), the configured order, the id (T10).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    mode: MaintenanceMode,
    unavailable: Option<Reverse<Timestamp>>,
    keys: [u64; KEYS],
    id: OfferId,
}

/// The part of a rank that decides first, and mostly alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lead {
    mode: MaintenanceMode,
    unavailable: Option<Reverse<Timestamp>>,
    key: u64,
}

impl Lead {
    /// Of an offer of a mode and unavailability with this first key.
    pub(crate) fn new(mode: MaintenanceMode, unavailable_from: Option<Timestamp>, key: u64) -> Self {
        Self { mode, unavailable: unavailable_from.map(Reverse), key }
    }
}

impl Rank {
    /// What is compared before all else.
    pub(crate) fn lead(&self) -> Lead {
        Lead { mode: self.mode, unavailable: self.unavailable, key: self.keys[0] }
    }

    /// What is compared first among offers of one mode and unavailability.
    pub(crate) fn first_key(&self) -> u64 {
        self.keys[0]
    }

    /// Of an agent, whatever it offers: by its mode and name.
    pub(crate) fn of_host(host: &HostAttributes) -> Self {
        let id = OfferId::new(host.host.as_str());
        Self { mode: host.mode, unavailable: None, keys: [0; KEYS], id }
    }

    pub(super) fn of(held: &HeldOffer, order: &[OfferOrder]) -> Self {
        let offer = &held.offer;
        let least = |amount: i64| amount.max(0).unsigned_abs();
        let mut keys = [0; KEYS];
        let mut meaningful: Vec<OfferOrder> = Vec::new();
        for key in order {
            // A key that comes a second time decides nothing.
            if !meaningful.contains(key) {
                meaningful.push(*key);
            }
        }
        for (place, key) in keys.iter_mut().zip(meaningful) {
            *place = match key {
                OfferOrder::Cpu => least(offer.resources.cpus.0),
                OfferOrder::Memory => least(offer.resources.ram.0),
                OfferOrder::Disk => least(offer.resources.disk.0),
                OfferOrder::RevocableCpu => match least(offer.revocable.cpus.0) {
                    0 => u64::MAX,
                    cpus => cpus,
                },
                OfferOrder::Random => held.chance,
            };
        }
        let unavailable = offer.unavailable_from.map(Reverse);
        Self { mode: held.mode, unavailable, keys, id: offer.id.clone() }
    }
}
