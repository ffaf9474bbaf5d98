//! An offer is accepted or declined at most once.

use std::collections::BTreeSet;

use aurora_api::ids::OfferId;
use scheduler_core::Effect;

use super::Violation;

/// Checks an effect, and remembers the offers it uses.
///
/// # Errors
/// One was used before.
pub(crate) fn check(effect: &Effect, used: &mut BTreeSet<OfferId>) -> Result<(), Violation> {
    let offers: &[OfferId] = match effect {
        Effect::Launch { offer, .. } | Effect::Collect { offer, .. } => std::slice::from_ref(offer),
        Effect::Decline { offers, .. } => offers,
        _ => return Ok(()),
    };
    match offers.iter().find(|offer| !used.insert(OfferId::clone(offer))) {
        Some(offer) => {
            Err(Violation::new("an offer is accepted at most once", format!("{offer} is answered again")))
        }
        None => Ok(()),
    }
}
