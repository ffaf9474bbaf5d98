//! How many tasks of common sizes the held offers have room for (`spec/scheduler.md` §10.3).
//!
//! Upstream counts once a minute; here they are counted when somebody asks.

use std::collections::BTreeMap;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use scheduler_core::input::Offer;

/// The sizes of slots: name, processors in thousandths, MB of memory, MB of disk.
const SIZES: [(&str, i64, i64, i64); 4] = [
    ("small", 1000, 1024, 4096),
    ("medium", 4000, 8192, 16_384),
    ("large", 8000, 16_384, 32_768),
    ("xlarge", 16_000, 32_768, 65_536),
];

/// The gauges `empty_slots_[dedicated_][revocable_]<size>`, all of them, also those that are 0.
pub fn empty_slots<'a>(offers: impl Iterator<Item = &'a Offer>) -> BTreeMap<String, usize> {
    let mut slots: BTreeMap<String, usize> = BTreeMap::new();
    let name = |is_dedicated: bool, is_revocable: bool, size: &str| {
        let dedicated = if is_dedicated { "dedicated_" } else { "" };
        let revocable = if is_revocable { "revocable_" } else { "" };
        format!("empty_slots_{dedicated}{revocable}{size}")
    };
    for (size, ..) in SIZES {
        for (is_dedicated, is_revocable) in [(false, false), (false, true), (true, false), (true, true)] {
            slots.insert(name(is_dedicated, is_revocable, size), 0);
        }
    }
    let mut counts = [[[0_usize; 4]; 2]; 2];
    for offer in offers {
        let is_dedicated = offer.attributes.contains_key("dedicated");
        for (is_revocable, resources) in [(false, &offer.resources), (true, &offer.revocable)] {
            for (index, (_, cpus, ram, disk)) in SIZES.into_iter().enumerate() {
                let size = Resources {
                    cpus: MilliCpus(cpus),
                    ram: Megabytes(ram),
                    disk: Megabytes(disk),
                    ..Resources::default()
                };
                counts[usize::from(is_dedicated)][usize::from(is_revocable)][index] +=
                    usize::try_from(resources.slots(&size)).unwrap_or(0);
            }
        }
    }
    for (is_dedicated, counts) in [false, true].into_iter().zip(counts) {
        for (is_revocable, counts) in [false, true].into_iter().zip(counts) {
            for ((size, ..), count) in SIZES.into_iter().zip(counts) {
                slots.insert(name(is_dedicated, is_revocable, size), count);
            }
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use aurora_api::ids::{AgentId, HostName, OfferId};

    use super::*;

    fn offer(cpus: i64, revocable_cpus: i64, ram: i64, is_dedicated: bool) -> Offer {
        let resources = Resources {
            cpus: MilliCpus(cpus * 1000),
            ram: Megabytes(ram),
            disk: Megabytes(1 << 20),
            ..Resources::default()
        };
        let attributes = if is_dedicated {
            BTreeMap::from([("dedicated".into(), ["r/x".into()].into())])
        } else {
            BTreeMap::new()
        };
        Offer {
            id: OfferId::new("o"),
            agent: AgentId::new("a"),
            host: HostName::new("h"),
            attributes,
            resources,
            revocable: Resources { cpus: MilliCpus(revocable_cpus * 1000), ..resources },
            ports: Vec::new(),
            unavailable_from: None,
        }
    }

    #[test]
    fn slots_are_counted_by_size_kind_and_dedication() {
        let offers = [offer(9, 4, 20_000, false), offer(16, 0, 32_768, true), offer(-1, 0, 1024, false)];
        let slots = empty_slots(offers.iter());
        assert_eq!(slots.len(), 16);
        assert_eq!(
            [
                "empty_slots_small",
                "empty_slots_medium",
                "empty_slots_large",
                "empty_slots_xlarge",
                "empty_slots_revocable_medium",
                "empty_slots_dedicated_xlarge",
                "empty_slots_dedicated_revocable_small",
            ]
            .map(|name| slots[name]),
            [9, 2, 1, 0, 1, 1, 0]
        );
    }
}
