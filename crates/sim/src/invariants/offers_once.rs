//! An offer is accepted or declined at most once, and only in the session that it came in.

use std::collections::BTreeSet;

use aurora_api::ids::OfferId;
use scheduler_core::Effect;

use super::Violation;

/// Checks an effect, and remembers the offers it uses.
///
/// # Errors
/// One was used before.
pub(crate) fn check(effect: &Effect, used: &mut BTreeSet<OfferId>) -> Result<(), Violation> {
    let offers = offers_of(effect);
    match offers.iter().find(|offer| !used.insert(OfferId::clone(offer))) {
        Some(offer) => {
            Err(Violation::new("an offer is accepted at most once", format!("{offer} is answered again")))
        }
        None => Ok(()),
    }
}

/// Checks an effect against the offers that came since the session began.
///
/// # Errors
/// It answers one of another session, which is void.
pub(crate) fn of_session(effect: &Effect, offers: &BTreeSet<OfferId>) -> Result<(), Violation> {
    match offers_of(effect).iter().find(|offer| !offers.contains(*offer)) {
        Some(offer) => Err(Violation::new(
            "an offer is answered in its session",
            format!("{offer} is answered, and did not come in this session"),
        )),
        None => Ok(()),
    }
}

fn offers_of(effect: &Effect) -> &[OfferId] {
    match effect {
        Effect::Launch { offer, .. } | Effect::Collect { offer, .. } => std::slice::from_ref(offer),
        Effect::Decline { offers, .. } => offers,
        _ => &[],
    }
}
