//! Offers as Mesos sent them, from their arrival until they are used, declined or void.
//!
//! The core decides on amounts. Which entries of an offer a task takes, with their roles and reservations, is settled
//! at the launch, from here. An offer that is gone by then makes the launch fail, which the core is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aurora_api::ids::OfferId;
use mesos_v1::messages::Offer;

/// The offers we hold. Cheap to clone; all clones share them.
#[derive(Clone, Debug, Default)]
pub struct HeldOffers {
    offers: Arc<Mutex<HashMap<OfferId, Arc<Offer>>>>,
}

impl HeldOffers {
    // Each change is one call on the map, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<OfferId, Arc<Offer>>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an offer.
    pub fn keep(&self, offer: Offer) {
        self.lock().insert(OfferId::new(offer.id.value.as_str()), Arc::new(offer));
    }

    /// Takes an offer, to use or decline it.
    pub fn take(&self, id: &OfferId) -> Option<Arc<Offer>> {
        self.lock().remove(id)
    }

    /// Forgets all: the session broke.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// All of them, by id.
    pub fn all(&self) -> Vec<Arc<Offer>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_by(|a, b| a.id.value.cmp(&b.id.value));
        all
    }
}
