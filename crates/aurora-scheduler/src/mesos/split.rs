//! Takes a task's and its executor's shares out of an offer (`spec/mesos.md` §5.7).

use aurora_api::amounts::Resources;
use mesos_v1::messages::{Offer, Resource, TaskInfo, value};

use super::offer::{Revocable, is_divisible};

/// Mesos computes in thousandths; less than this is nothing.
const NOTHING: f64 = 1e-6;

/// The entries for a task and for its executor.
#[derive(Debug, Default, PartialEq)]
pub struct Shares {
    /// For `TaskInfo.resources`.
    pub task: Vec<Resource>,
    /// For `ExecutorInfo.resources`.
    pub executor: Vec<Resource>,
}

/// The offer has less than the core counted on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the offer of agent {agent} lacks {missing} {name}")]
pub struct TooLittle {
    agent: String,
    name: &'static str,
    missing: f64,
}

/// Takes what a task of a tier needs and what its executor needs, with the ports the core chose.
///
/// # Errors
/// The offer does not hold that much.
pub fn split(
    offer: &Offer,
    task: &Resources,
    overhead: &Resources,
    ports: &[u16],
    is_revocable_tier: bool,
    revocable: Revocable,
) -> Result<Shares, TooLittle> {
    let mut left: Vec<Resource> =
        offer.resources.iter().filter(|entry| is_divisible(entry)).cloned().collect();
    // Reserved entries first, each group in the offer's order.
    left.sort_by_key(|entry| entry.role.as_deref().is_none_or(|role| role == "*"));
    let mut shares = Shares::default();
    let scalars: [(&'static str, f64, f64); 4] = [
        ("cpus", task.cpus.cores(), overhead.cpus.cores()),
        ("mem", amount(task.ram.0), amount(overhead.ram.0)),
        ("disk", amount(task.disk.0), amount(overhead.disk.0)),
        ("gpus", amount(task.gpus), amount(overhead.gpus)),
    ];
    for (name, for_task, for_executor) in scalars {
        if for_task < NOTHING {
            continue;
        }
        let wants_revocable = revocable.applies(name, is_revocable_tier);
        let too_little = |missing| TooLittle { agent: offer.agent_id.value.clone(), name, missing };
        let taken = take(&mut left, name, wants_revocable, for_task);
        shares.task.extend(taken.map_err(too_little)?);
        let taken = take(&mut left, name, wants_revocable, for_executor);
        shares.executor.extend(taken.map_err(too_little)?);
    }
    let too_little = |missing| TooLittle { agent: offer.agent_id.value.clone(), name: "ports", missing };
    shares.task.extend(take_ports(&left, ports).map_err(too_little)?);
    Ok(shares)
}

/// Takes out of an offer what one of its tasks was given, so that the next one is not given the same. Ports need not go: the
/// core chose them all.
pub fn use_up(offer: &mut Offer, info: &TaskInfo) {
    let of_executor = info.executor.iter().flat_map(|executor| &executor.resources);
    for taken in info.resources.iter().chain(of_executor) {
        let mut used = taken.scalar.as_ref().map_or(0.0, |scalar| scalar.value);
        let is_of_kind = |entry: &&mut Resource| {
            entry.name == taken.name && Resource { scalar: taken.scalar, ..Resource::clone(entry) } == *taken
        };
        for scalar in offer.resources.iter_mut().filter(is_of_kind).filter_map(|entry| entry.scalar.as_mut())
        {
            let part = used.min(scalar.value);
            scalar.value = thousandths(scalar.value - part);
            used -= part;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no agent has 2^53 MB")]
fn amount(whole: i64) -> f64 {
    whole as f64
}

/// Takes this much of the entries of one name; the error is what is missing.
fn take(left: &mut [Resource], name: &str, is_revocable: bool, wanted: f64) -> Result<Vec<Resource>, f64> {
    let (mut missing, mut taken) = (wanted, Vec::new());
    let matching = |entry: &&mut Resource| entry.name == name && entry.revocable.is_some() == is_revocable;
    for entry in left.iter_mut().filter(matching) {
        if missing < NOTHING {
            break;
        }
        let Some(available) = entry.scalar.as_mut().filter(|scalar| scalar.value >= NOTHING) else {
            continue;
        };
        let part = missing.min(available.value);
        available.value = thousandths(available.value - part);
        missing -= part;
        taken.push(Resource { scalar: Some(value::Scalar { value: thousandths(part) }), ..entry.clone() });
    }
    if missing < NOTHING { Ok(taken) } else { Err(missing) }
}

/// As Mesos rounds (`spec/mesos.md` §3.7).
fn thousandths(amount: f64) -> f64 {
    (amount * 1000.0).round() / 1000.0
}

/// Takes exactly these ports, each from the first entry that has it.
fn take_ports(left: &[Resource], ports: &[u16]) -> Result<Vec<Resource>, f64> {
    let mut missing: Vec<u64> = ports.iter().copied().map(u64::from).collect();
    missing.sort_unstable();
    missing.dedup();
    let mut taken = Vec::new();
    for entry in left.iter().filter(|entry| entry.name == "ports" && entry.revocable.is_none()) {
        let has = |port: u64| {
            entry
                .ranges
                .iter()
                .flat_map(|ranges| &ranges.range)
                .any(|range| (range.begin..=range.end).contains(&port))
        };
        let (here, elsewhere): (Vec<u64>, Vec<u64>) = missing.into_iter().partition(|port| has(*port));
        missing = elsewhere;
        if !here.is_empty() {
            let range = joined(&here).into_iter().map(|(begin, end)| value::Range { begin, end }).collect();
            taken.push(Resource { ranges: Some(value::Ranges { range }), ..entry.clone() });
        }
    }
    if missing.is_empty() { Ok(taken) } else { Err(amount(i64::try_from(missing.len()).unwrap_or(i64::MAX))) }
}

/// Ascending numbers as closed ranges.
fn joined(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aurora_api::amounts::{Megabytes, MilliCpus};
    use mesos_v1::messages::resource::RevocableInfo;
    use proptest::prelude::*;

    use super::*;

    const RULES: Revocable = Revocable { cpus: true, ram: false };

    fn reserved(resource: Resource) -> Resource {
        Resource { role: Some("aurora".to_owned()), ..resource }
    }

    fn offer(resources: Vec<Resource>) -> Offer {
        Offer { agent_id: "a1".into(), resources, ..Offer::default() }
    }

    fn task() -> Resources {
        Resources { cpus: MilliCpus(1000), ram: Megabytes(128), disk: Megabytes(64), gpus: 0, ports: 2 }
    }

    fn overhead() -> Resources {
        Resources { cpus: MilliCpus(250), ram: Megabytes(128), ..Resources::default() }
    }

    fn text(resources: &[Resource]) -> Vec<String> {
        resources
            .iter()
            .map(|entry| {
                let role = entry.role.as_deref().unwrap_or("*");
                let revocable = if entry.revocable.is_some() { "{REV}" } else { "" };
                let value = match (&entry.scalar, &entry.ranges) {
                    (Some(scalar), _) => scalar.value.to_string(),
                    (_, Some(ranges)) => ranges
                        .range
                        .iter()
                        .map(|range| format!("{}-{}", range.begin, range.end))
                        .collect::<Vec<_>>()
                        .join(","),
                    _ => String::new(),
                };
                format!("{}({role}){revocable}:{value}", entry.name)
            })
            .collect()
    }

    #[test]
    fn sched_132_ports_and_amounts_come_from_the_entries_that_have_them() {
        let of = |ranges: &[&[(u64, u64)]]| -> Vec<Resource> {
            ranges.iter().map(|ranges| Resource::ranges("ports", ranges.iter().copied())).collect()
        };
        let taken =
            take_ports(&of(&[&[(79, 79)], &[(80, 80)], &[(80, 80), (90, 92), (100, 100)]]), &[80, 90, 100]);
        assert_eq!(text(&taken.unwrap()), ["ports(*):80-80", "ports(*):90-90,100-100"]);
        assert_eq!(take_ports(&of(&[&[(80, 81), (90, 92)]]), &[80, 90, 100]), Err(1.0));

        let amounts = |values: &[f64]| -> Vec<Resource> {
            values.iter().map(|value| Resource::scalar("mem", *value)).collect()
        };
        // Less than Mesos can tell from nothing is nothing, on both sides.
        let taken = take(&mut amounts(&[0.000_000_1, 31.999_999_9, 15.0]), "mem", false, 32.0).unwrap();
        assert_eq!(text(&taken), ["mem(*):32"]);
        assert_eq!(take(&mut amounts(&[32.0]), "mem", false, 128.0), Err(96.0));
    }

    #[test]
    fn sched_133_the_task_takes_the_reserved_share_first() {
        let offer = offer(vec![
            Resource::scalar("cpus", 1.0),
            reserved(Resource::scalar("cpus", 0.25)),
            reserved(Resource::scalar("mem", 128.0)),
            Resource { role: Some("*".to_owned()), ..Resource::scalar("disk", 64.0) },
            reserved(Resource::ranges("ports", [(80, 81)])),
        ]);
        let overhead = Resources { cpus: MilliCpus(250), ..Resources::default() };
        let shares = split(&offer, &task(), &overhead, &[80, 81], false, RULES).unwrap();
        assert_eq!(
            text(&shares.task),
            ["cpus(aurora):0.25", "cpus(*):0.75", "mem(aurora):128", "disk(*):64", "ports(aurora):80-81"]
        );
        assert_eq!(text(&shares.executor), ["cpus(*):0.25"]);
    }

    #[test]
    fn reserved_entries_go_first_and_the_executor_takes_from_the_rest() {
        let offer = offer(vec![
            Resource::scalar("cpus", 4.0),
            reserved(Resource::scalar("cpus", 0.7)),
            Resource::scalar("mem", 1000.0),
            reserved(Resource::scalar("disk", 500.0)),
            Resource::ranges("ports", [(31000, 31010)]),
            reserved(Resource::ranges("ports", [(32000, 32001)])),
        ]);
        let shares = split(&offer, &task(), &overhead(), &[31005, 31004, 32001], false, RULES).unwrap();
        assert_eq!(
            text(&shares.task),
            [
                "cpus(aurora):0.7",
                "cpus(*):0.3",
                "mem(*):128",
                "disk(aurora):64",
                "ports(aurora):32001-32001",
                "ports(*):31004-31005",
            ]
        );
        assert_eq!(text(&shares.executor), ["cpus(*):0.25", "mem(*):128"]);
    }

    #[test]
    fn sched_134_a_revocable_tier_takes_revocable_processors_and_ordinary_memory() {
        let revocable = |entry| Resource { revocable: Some(RevocableInfo::default()), ..entry };
        let offer = offer(vec![
            Resource::scalar("cpus", 4.0),
            revocable(Resource::scalar("cpus", 2.0)),
            Resource::scalar("mem", 1000.0),
            Resource::scalar("disk", 500.0),
        ]);
        let shares = split(&offer, &task(), &overhead(), &[], true, RULES).unwrap();
        assert_eq!(text(&shares.task), ["cpus(*){REV}:1", "mem(*):128", "disk(*):64"]);
        assert_eq!(text(&shares.executor), ["cpus(*){REV}:0.25", "mem(*):128"]);
        let shares = split(&offer, &task(), &overhead(), &[], false, RULES).unwrap();
        assert_eq!(text(&shares.task)[0], "cpus(*):1");
    }

    /// What was offered, or taken, of each kind of entry.
    fn sums<'a>(entries: impl IntoIterator<Item = &'a Resource>) -> BTreeMap<(String, bool, bool), i64> {
        let mut sums = BTreeMap::new();
        for entry in entries {
            let kind = (entry.name.clone(), entry.role.is_some(), entry.revocable.is_some());
            let amount = entry.scalar.as_ref().map_or(0.0, |scalar| scalar.value);
            *sums.entry(kind).or_insert(0) += MilliCpus::from_cores(amount).0;
        }
        sums
    }

    proptest! {
        /// However an offer is cut into entries: tasks that fit into it together get their shares, and no entry is given away
        /// twice.
        #[test]
        fn tasks_share_an_offer(
            cpus in prop::collection::vec((any::<bool>(), any::<bool>(), 0..30_i32), 0..5),
            mem in prop::collection::vec((any::<bool>(), 0..300_i32), 0..4),
            task in (1..12_i32, 1..150_i32), count in 1..6_usize, is_revocable in any::<bool>(),
        ) {
            let entry = |name, is_reserved: bool, is_revocable: bool, amount: f64| Resource {
                role: is_reserved.then(|| "aurora".to_owned()),
                revocable: is_revocable.then(RevocableInfo::default),
                ..Resource::scalar(name, amount)
            };
            let of_cpus = cpus.iter().map(|(reserved, rev, tenths)| entry("cpus", *reserved, *rev, f64::from(*tenths) / 10.0));
            let of_mem = mem.iter().map(|(reserved, amount)| entry("mem", *reserved, false, f64::from(*amount)));
            let mut left = offer(of_cpus.chain(of_mem).collect());
            let offered = sums(&left.resources);
            let wanted = Resources {
                cpus: MilliCpus(i64::from(task.0) * 100),
                ram: Megabytes(i64::from(task.1)),
                ..Resources::default()
            };
            let of_cpus = cpus.iter().filter(|(_, rev, _)| *rev == is_revocable).map(|(_, _, tenths)| tenths).sum::<i32>();
            let of_mem = mem.iter().map(|(_, amount)| amount).sum::<i32>();
            let fitting = usize::try_from((of_cpus / task.0).min(of_mem / task.1)).unwrap();
            let mut taken = Vec::new();
            for number in 0..count {
                let shares = split(&left, &wanted, &Resources::default(), &[], is_revocable, RULES);
                prop_assert_eq!(shares.is_ok(), number < fitting);
                let Ok(shares) = shares else { break };
                let info = TaskInfo { resources: shares.task, ..TaskInfo::default() };
                use_up(&mut left, &info);
                taken.extend(info.resources);
            }
            for (kind, amount) in sums(&taken) {
                prop_assert!(amount <= offered[&kind], "{kind:?}: {amount}");
            }
        }
    }

    #[test]
    fn too_little_is_an_error_that_names_it() {
        let offer = offer(vec![Resource::scalar("cpus", 1.1), Resource::scalar("mem", 1000.0)]);
        let error = split(&offer, &task(), &overhead(), &[], false, RULES).unwrap_err();
        assert_eq!(error.name, "cpus");
        let no_overhead = Resources::default();
        let error = split(&offer, &task(), &no_overhead, &[], false, RULES).unwrap_err();
        assert_eq!(error.to_string(), "the offer of agent a1 lacks 64 disk");
    }

    #[test]
    fn ports_that_are_not_offered_are_missing() {
        let offer = offer(vec![Resource::ranges("ports", [(31000, 31001)])]);
        let error =
            split(&offer, &Resources::default(), &Resources::default(), &[31001, 31002], false, RULES);
        assert_eq!(error.unwrap_err().name, "ports");
    }
}
