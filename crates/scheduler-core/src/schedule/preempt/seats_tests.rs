use std::collections::{BTreeMap, BTreeSet};

use aurora_api::ids::AgentId;
use aurora_api::task::{Constraint, TaskConfig};
use proptest::prelude::*;

use super::*;
use crate::bench::*;
use crate::operation::MaintenanceMode;
use crate::schedule::counts::AttributeCounts;
use crate::schedule::filter::Request;
use crate::schedule::preempt::victims::{Applicant, Seat};

fn host() -> impl Strategy<Value = Arc<HostAttributes>> {
    (0..12_usize, prop::option::of(0..6_usize), 0..3_usize, 0..5_usize).prop_map(
        |(number, rack, zone, mode)| {
            let attribute = |name: &str, value: String| {
                (Arc::<str>::from(name), BTreeSet::from([Arc::<str>::from(value.as_str())]))
            };
            let name = format!("host{number}");
            Arc::new(HostAttributes {
                host: HostName::new(name.as_str()),
                agent: AgentId::new(name.as_str()),
                attributes: [attribute("host", name), attribute("zone", format!("zone{zone}"))]
                    .into_iter()
                    .chain(rack.map(|rack| attribute("rack", format!("rack{rack}"))))
                    .collect(),
                mode: [MaintenanceMode::Scheduled, MaintenanceMode::Drained]
                    .get(mode)
                    .copied()
                    .unwrap_or_default(),
                capacity: None,
                gone: None,
            })
        },
    )
}

fn rule() -> impl Strategy<Value = Constraint> {
    let names = ["host", "rack", "zone"];
    prop_oneof![
        (0..3_usize, 0..2_i32).prop_map(move |(name, max)| limit(names[name], max)),
        (0..3_usize, any::<bool>(), prop::collection::vec(0..6_usize, 1..3)).prop_map(
            move |(name, is_negated, values)| {
                let values: Vec<String> =
                    values.iter().map(|value| format!("{}{value}", names[name])).collect();
                value(names[name], is_negated, &values.iter().map(String::as_str).collect::<Vec<_>>())
            }
        ),
    ]
}

proptest! {
    /// Every host that a look at all would find is a candidate, once, those without maintenance first.
    #[test]
    fn no_host_that_suits_is_missed(
        saved in prop::collection::vec(host(), 0..30),
        rules in prop::collection::btree_set(rule(), 0..3),
    ) {
        let mut seats = Seats::new(SearchSizes::default());
        let mut stored = BTreeMap::new();
        for host in &saved {
            seats.save(host);
            stored.insert(host.host.clone(), Arc::clone(host));
        }
        let settings = quiet_config();
        let config = TaskConfig { constraints: rules, ..service("r/prod/j") };
        let request = Request {
            config: &config,
            footprint: config.resources,
            is_revocable: false,
            unavailability_threshold: settings.unavailability_threshold,
        };
        let wish = (request, AttributeCounts::default());
        let mut candidates = seats.candidates(&wish, START);
        let mut found = Vec::new();
        while let Some(slot) = seats.next(&mut candidates) {
            let host = seats.host(slot).unwrap();
            prop_assert_eq!(Some(host), stored.get(&host.host), "as it was stored last");
            found.push(host.host.clone());
        }
        let in_order = found.iter().map(|name| (stored[name].mode, name.as_str()));
        prop_assert!(in_order.is_sorted(), "{found:?}");
        let once: BTreeSet<HostName> = found.iter().cloned().collect();
        prop_assert_eq!(found.len(), once.len());
        let applicant = Applicant { config: &settings, request: &wish.0, counts: &wish.1 };
        for host in stored.values() {
            let seat = Seat { host, offer: None, tasks: Vec::new() };
            if applicant.vetoes(&seat, plenty(), START).is_empty() {
                prop_assert!(once.contains(&host.host), "{} is missed", host.host);
            }
        }
    }
}
