//! `getTierConfigs`: the tiers of the cluster.

use std::collections::BTreeMap;

use aurora_api::thrift::{self, GetTierConfigResult, Response, TierConfig};

use super::envelope;
use crate::app::App;

pub fn answer(app: &App) -> Response {
    let tiers = app.core.tiers.tiers.iter().map(|(name, tier)| TierConfig {
        name: Some(name.to_string()),
        settings: Some(BTreeMap::from([
            ("preemptible".to_owned(), tier.preemptible.to_string()),
            ("revocable".to_owned(), tier.revocable.to_string()),
        ])),
    });
    envelope::ok(thrift::Result::GetTierConfigResult(GetTierConfigResult {
        default_tier_name: Some(app.core.tiers.default.to_string()),
        tiers: Some(tiers.collect()),
    }))
}
