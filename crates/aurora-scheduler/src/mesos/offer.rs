//! An offer of Mesos in the core's terms (`spec/scheduler.md` §2.8, §2.10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::attribute;
use aurora_api::ids::{AgentId, HostName, OfferId};
use mesos_v1::messages::value::Type as ValueType;
use mesos_v1::messages::{self, Attribute, Resource};
use scheduler_core::input::{InverseOffer, Offer};

/// Which kinds of revocable resources tasks of revocable tiers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocable {
    /// `-enable_revocable_cpus`.
    pub cpus: bool,
    /// `-enable_revocable_ram`.
    pub ram: bool,
}

impl Revocable {
    /// Whether a task takes revocable resources of this name; otherwise it takes ordinary ones.
    pub fn applies(self, name: &str, is_revocable_tier: bool) -> bool {
        let is_enabled = match name {
            "cpus" => self.cpus,
            "mem" => self.ram,
            _ => false,
        };
        is_revocable_tier && is_enabled
    }
}

/// Whether tasks can have a share of this entry. Persistent volumes and whole disks cannot be shared out.
pub fn is_divisible(resource: &Resource) -> bool {
    let whole_disk =
        |disk: &messages::resource::DiskInfo| disk.persistence.is_some() || disk.source.is_some();
    resource.shared.is_none() && !resource.disk.as_ref().is_some_and(whole_disk)
}

/// The core's picture of an offer.
pub fn core_offer(offer: &messages::Offer, revocable: Revocable) -> Offer {
    let amounts = |is_revocable_tier| Resources {
        cpus: MilliCpus::from_cores(total(offer, "cpus", revocable.applies("cpus", is_revocable_tier))),
        ram: megabytes(total(offer, "mem", revocable.applies("mem", is_revocable_tier))),
        disk: megabytes(total(offer, "disk", false)),
        gpus: megabytes(total(offer, "gpus", false)).0,
        ports: 0,
    };
    let ports = offered_ports(offer);
    let port_count = ports.iter().map(|(first, last)| i64::from(*last) - i64::from(*first) + 1).sum();
    Offer {
        id: OfferId::new(offer.id.value.as_str()),
        agent: AgentId::new(offer.agent_id.value.as_str()),
        host: HostName::new(offer.hostname.as_str()),
        attributes: attributes(&offer.attributes),
        resources: Resources { ports: port_count, ..amounts(false) },
        revocable: Resources { ports: port_count, ..amounts(true) },
        ports,
        unavailable_from: offer
            .unavailability
            .as_ref()
            .map(|unavailability| Timestamp(unavailability.start.nanoseconds / 1_000_000)),
    }
}

/// The core's picture of an inverse offer.
pub fn core_inverse_offer(offer: &messages::InverseOffer) -> InverseOffer {
    let hostname = offer.url.as_ref().and_then(|url| url.address.hostname.as_deref());
    InverseOffer {
        agent: offer.agent_id.as_ref().map(|agent| AgentId::new(agent.value.as_str())),
        host: hostname.filter(|name| !name.is_empty()).map(HostName::new),
        unavailable_from: Timestamp(offer.unavailability.start.nanoseconds / 1_000_000),
    }
}

fn total(offer: &messages::Offer, name: &str, is_revocable: bool) -> f64 {
    let matching = offer.resources.iter().filter(|resource| {
        resource.name == name && resource.revocable.is_some() == is_revocable && is_divisible(resource)
    });
    matching.filter_map(|resource| resource.scalar.as_ref()).map(|scalar| scalar.value).sum()
}

/// Whole megabytes (or whatever the amount counts), rounded down to what is certainly there.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, and turns NaN into 0: both are wanted here"
)]
fn megabytes(amount: f64) -> Megabytes {
    // Mesos computes in thousandths; the sum may lie a hair below a whole number.
    Megabytes((amount + 0.000_5).floor() as i64)
}

/// Offered ports as ascending, disjoint ranges.
fn offered_ports(offer: &messages::Offer) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = offer
        .resources
        .iter()
        .filter(|resource| resource.name == "ports" && resource.revocable.is_none())
        .filter_map(|resource| resource.ranges.as_ref())
        .flat_map(|ranges| &ranges.range)
        .filter_map(|range| {
            let first = u16::try_from(range.begin).ok()?;
            let last = u16::try_from(range.end.min(u64::from(u16::MAX))).ok()?;
            (first <= last).then_some((first, last))
        })
        .collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// Names to values: texts as they are, scalars as upstream prints them, everything else left out.
///
/// An attribute that has other values only is left out whole: upstream failed on it, and lost the offer (T11 of
/// `spec/scheduler.md` §13).
fn attributes(attributes: &[Attribute]) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
    let mut values: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
    for attribute in attributes {
        let value = match ValueType::try_from(attribute.r#type) {
            Ok(ValueType::Text) => attribute.text.as_ref().map(|text| text.value.clone()),
            Ok(ValueType::Scalar) => attribute.scalar.as_ref().map(|scalar| attribute::number(scalar.value)),
            Ok(ValueType::Ranges | ValueType::Set) | Err(_) => None,
        };
        if let Some(value) = value {
            values.entry(Arc::from(attribute.name.as_str())).or_default().insert(Arc::from(value));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use mesos_v1::messages::resource::{DiskInfo, RevocableInfo};
    use mesos_v1::messages::value;

    use super::*;

    const CPUS_ONLY: Revocable = Revocable { cpus: true, ram: false };

    fn revocable(resource: Resource) -> Resource {
        Resource { revocable: Some(RevocableInfo::default()), ..resource }
    }

    #[test]
    fn sched_129_an_offer_has_a_view_for_each_kind_of_tier() {
        let offer = messages::Offer {
            resources: vec![
                Resource::scalar("cpus", 2.0),
                revocable(Resource::scalar("cpus", 1.0)),
                Resource::scalar("mem", 64.0),
                Resource::ranges("ports", [(1, 3)]),
                Resource::scalar("unknown", 9.0),
            ],
            ..messages::Offer::default()
        };
        let core = core_offer(&offer, CPUS_ONLY);
        let expected = |cores: i64| Resources {
            cpus: MilliCpus(cores * 1000),
            ram: Megabytes(64),
            ports: 3,
            ..Resources::default()
        };
        assert_eq!((core.resources, core.revocable), (expected(2), expected(1)));
    }

    #[test]
    fn an_inverse_offer_names_its_host_or_its_agent() {
        let mut offer = messages::InverseOffer {
            agent_id: Some("a1".into()),
            url: Some(messages::Url {
                address: messages::Address {
                    hostname: Some("h1".to_owned()),
                    ..messages::Address::default()
                },
                ..messages::Url::default()
            }),
            ..messages::InverseOffer::default()
        };
        offer.unavailability.start.nanoseconds = 5_000_000_000;
        let core = core_inverse_offer(&offer);
        assert_eq!((core.host, core.agent), (Some(HostName::new("h1")), Some(AgentId::new("a1"))));
        assert_eq!(core.unavailable_from, Timestamp(5000));
        offer.url = None;
        assert_eq!(core_inverse_offer(&offer).host, None);
    }

    #[test]
    fn amounts_are_summed_by_kind() {
        let reserved = Resource { role: Some("aurora".to_owned()), ..Resource::scalar("cpus", 0.1) };
        let volume = Resource {
            disk: Some(DiskInfo {
                persistence: Some(messages::resource::disk_info::Persistence::default()),
                ..DiskInfo::default()
            }),
            ..Resource::scalar("disk", 500.0)
        };
        let offer = messages::Offer {
            resources: vec![
                Resource::scalar("cpus", 0.2),
                reserved,
                revocable(Resource::scalar("cpus", 4.0)),
                Resource::scalar("mem", 1024.9),
                Resource::scalar("disk", 100.0),
                volume,
                Resource::ranges("ports", [(31005, 31006), (31000, 31002), (31003, 31003), (70000, 70001)]),
                Resource::scalar("bandwidth", 9.0),
            ],
            ..messages::Offer::default()
        };
        let core = core_offer(&offer, CPUS_ONLY);
        assert_eq!(
            core.resources,
            Resources { cpus: MilliCpus(300), ram: Megabytes(1024), disk: Megabytes(100), gpus: 0, ports: 6 }
        );
        assert_eq!(core.revocable, Resources { cpus: MilliCpus(4000), ..core.resources });
        assert_eq!(core.ports, [(31000, 31003), (31005, 31006)]);
    }

    #[test]
    fn attributes_of_one_name_are_joined_and_empty_ones_left_out() {
        let scalar = Attribute {
            name: "size".to_owned(),
            r#type: ValueType::Scalar.into(),
            scalar: Some(value::Scalar { value: 2.0 }),
            ..Attribute::default()
        };
        let ranges =
            Attribute { name: "odd".to_owned(), r#type: ValueType::Ranges.into(), ..Attribute::default() };
        let offer = messages::Offer {
            attributes: vec![Attribute::text("rack", "a"), Attribute::text("rack", "b"), scalar, ranges],
            ..messages::Offer::default()
        };
        let core = core_offer(&offer, CPUS_ONLY);
        let texts: Vec<String> =
            core.attributes.iter().map(|(name, values)| format!("{name}={values:?}")).collect();
        assert_eq!(texts, [r#"rack={"a", "b"}"#, r#"size={"2.0"}"#]);
    }
}
