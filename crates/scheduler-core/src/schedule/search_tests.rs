//! The search finds and tells what a look at every offer in turn finds.

use std::collections::{BTreeMap, VecDeque};

use aurora_api::amounts::{MilliCpus, Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName, OfferId, TaskId};
use aurora_api::task::{Assignment, Task, TaskConfig, TaskStatus};
use proptest::prelude::*;

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::config::OfferOrder;
use crate::explain::KeptFor;
use crate::input::Offer;
use crate::operation::{ConfigId, HostAttributes, MaintenanceMode, Operation};
use crate::rng::CoreRng;
use crate::schedule::assign::first_fit;
use crate::schedule::counts::AttributeCounts;
use crate::schedule::filter::Request;
use crate::state::State;

/// Most agents of a test: enough for a kind of many classes, and some of few.
const MACHINES: usize = 32;

const NOW: Timestamp = Timestamp(1_000_000);

/// An agent: what it has, where it is, whether it is dedicated, its mode, when it goes away, whether it is kept, how many siblings run there.
#[derive(Clone, Debug)]
struct Machine {
    cpus: i64,
    ram: i64,
    disk: i64,
    revocable_cpus: i64,
    racks: Vec<usize>,
    rows: Vec<usize>,
    zones: Vec<usize>,
    is_dedicated: bool,
    mode: MaintenanceMode,
    leaves_in: Option<i64>,
    is_kept: bool,
    siblings: usize,
}

impl Machine {
    /// As most are.
    fn become_alike(&mut self) {
        (self.cpus, self.ram, self.disk, self.revocable_cpus) = (self.cpus.min(1) * 5, 4096, 4096, 5);
        (self.mode, self.leaves_in, self.is_dedicated) = (MaintenanceMode::None, None, false);
        self.zones = vec![0];
    }
}

fn machine() -> impl Strategy<Value = Machine> {
    let mode = prop_oneof![
        8 => Just(MaintenanceMode::None),
        1 => Just(MaintenanceMode::Scheduled),
        1 => Just(MaintenanceMode::Drained),
    ];
    let leaves_in = prop_oneof![8 => Just(None), 1 => Just(Some(1000)), 1 => Just(Some(1_000_000))];
    let amounts =
        (0..6_i64, prop_oneof![Just(4096), 0..4096_i64], prop_oneof![Just(4096), 0..4096_i64], 0..6_i64);
    let places = || {
        prop_oneof![
            8 => (0..6_usize).prop_map(|place| vec![place]),
            1 => prop::collection::vec(0..6_usize, 0..4),
        ]
    };
    (
        amounts,
        (places(), places()),
        prop_oneof![3 => Just(vec![0]), 1 => prop::collection::vec(0..3_usize, 0..3)],
        prop::bool::weighted(0.1),
        mode,
        leaves_in,
        prop::bool::weighted(0.1),
        prop_oneof![4 => Just(0), 1 => 1..3_usize],
    )
        .prop_map(|(amounts, (racks, rows), zones, is_dedicated, mode, leaves_in, is_kept, siblings)| {
            Machine {
                cpus: amounts.0,
                ram: amounts.1,
                disk: amounts.2,
                revocable_cpus: amounts.3,
                racks,
                rows,
                zones,
                is_dedicated,
                mode,
                leaves_in,
                is_kept,
                siblings,
            }
        })
}

fn rule() -> impl Strategy<Value = Constraint> {
    let names = ["host", "rack", "row", "zone", "dedicated"];
    let values = prop::collection::vec(0..6_usize, 1..4);
    prop_oneof![
        3 => (1..4_usize, 1..4_i32).prop_map(move |(name, max)| limit(names[name], max)),
        1 => (4..16_i32).prop_map(|max| limit("zone", max)),
        2 => (0..4_usize, 0..7_i32).prop_map(move |(name, max)| limit(names[name], max)),
        2 => (0..5_usize, any::<bool>(), values).prop_map(move |(name, is_negated, values)| {
            let values: Vec<String> = values.iter().map(|value| format!("{}{value}", names[name])).collect();
            value(names[name], is_negated, &values.iter().map(String::as_str).collect::<Vec<_>>())
        }),
    ]
}

fn name(number: usize) -> String {
    format!("host{number}")
}

fn offer_of(number: usize, machine: &Machine) -> Offer {
    let text = |name: &str, value: usize| format!("{name}{value}");
    let mut attributes = vec![("host", vec![name(number)])];
    for (name, values) in [("rack", &machine.racks), ("row", &machine.rows), ("zone", &machine.zones)] {
        if !values.is_empty() {
            attributes.push((name, values.iter().map(|value| text(name, *value)).collect()));
        }
    }
    if machine.is_dedicated {
        attributes.push(("dedicated", vec![text("dedicated", number % 2)]));
    }
    let attributes = attributes.into_iter().map(|(name, values)| {
        (Arc::from(name), values.iter().map(|value| Arc::from(value.as_str())).collect())
    });
    let with =
        |cpus: i64| Resources { cpus: MilliCpus(cpus * 1000), ..resources(0.0, machine.ram, machine.disk) };
    Offer {
        revocable: with(machine.revocable_cpus),
        attributes: attributes.collect(),
        unavailable_from: machine.leaves_in.map(|time| NOW + Millis(time)),
        ..offer(&name(number), with(machine.cpus), &[])
    }
}

/// Siblings that run already, on the agents that have some.
fn state_with(machines: &[Machine], config: &Arc<TaskConfig>) -> State {
    let mut state = State::default();
    let id = ConfigId(1);
    state.apply(&Operation::SaveConfig { id, config: Arc::clone(config) }).unwrap();
    let mut instance = 0;
    for (number, machine) in machines.iter().enumerate() {
        let offer = offer_of(number, machine);
        let host = HostAttributes {
            host: offer.host.clone(),
            agent: offer.agent.clone(),
            attributes: offer.attributes.clone(),
            mode: machine.mode,
            capacity: None,
            gone: None,
        };
        state.apply(&Operation::SaveHost(Arc::new(host))).unwrap();
        for _ in 0..machine.siblings {
            instance += 1;
            let assignment = Assignment {
                agent: offer.agent.clone(),
                host: HostName::new(name(number)),
                ports: std::collections::BTreeMap::new(),
            };
            let task = Task {
                id: TaskId::new(format!("sibling-{instance}")),
                instance,
                config: Arc::clone(config),
                status: TaskStatus::Running,
                assignment: Some(assignment),
                failure_count: 0,
                times_partitioned: 0,
                events: Vec::new(),
                ancestor: None,
            };
            state.apply(&Operation::SaveTask { task: Arc::new(task), config: id }).unwrap();
        }
    }
    state
}

/// Where tasks went, and what is told of the others.
type Outcome = (Vec<(OfferId, usize)>, Option<String>);

/// A look at every offer in turn, as the search is meant to be understood.
fn scan(offers: &Offers, attempt: &mut Attempt<'_>, config: &CoreConfig, tasks: &[TaskId]) -> Outcome {
    let mut findings = Findings::default();
    let mut waiting: VecDeque<&TaskId> = tasks.iter().collect();
    let mut placements = Vec::new();
    let mut others = Vec::new();
    for held in offers.in_order() {
        if let Some(kept_for) = (attempt.kept_for)(&held.offer.agent) {
            findings.pass_over(kept_for);
            continue;
        }
        let mut space = held.offer_space();
        let mut placed = 0;
        while space.is_worth_trying() || placed > 0 {
            let found = vetoes(held, &space, attempt.request, &attempt.counts, NOW);
            if waiting.is_empty() || !found.is_empty() {
                if placed > 0 && !found.is_empty() {
                    findings.add(&found);
                }
                break;
            }
            waiting.pop_front();
            placed += 1;
            attempt.counts.add(&held.offer);
            space.take(attempt.request, config);
        }
        if placed > 0 {
            placements.push((held.offer.id.clone(), placed));
        } else {
            others.push(held);
        }
    }
    for held in others {
        findings.remember(&vetoes(held, &held.offer_space(), attempt.request, &attempt.counts, NOW), 1);
    }
    (placements, (!waiting.is_empty()).then(|| findings.told()))
}

fn hold(offers: &mut Offers, number: usize, machine: &Machine, order: &[OfferOrder]) {
    offers.drop_for_test(&offer(&name(number), Resources::default(), &[]).id);
    offers.hold_for_test(offer_of(number, machine), machine.mode, order);
}

/// What happens to the offer of an agent between two attempts.
#[derive(Clone, Debug)]
enum Happening {
    Goes,
    ComesAgain,
    Changes(Machine),
}

fn happenings() -> impl Strategy<Value = Vec<(usize, Happening)>> {
    let happening = prop_oneof![
        Just(Happening::Goes),
        Just(Happening::ComesAgain),
        machine().prop_map(Happening::Changes),
    ];
    prop::collection::vec((0..MACHINES, happening), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_what_a_scan_finds(
        machines in prop::collection::vec(machine(), 0..MACHINES),
        rules in prop::collection::btree_set(rule(), 0..4),
        (cpus, ram, disk) in (0..7_i64, 0..5000_i64, 0..5000_i64),
        is_revocable in prop::bool::weighted(0.2),
        tasks in 1..9_usize,
        (is_random, are_alike) in any::<(bool, bool)>(),
        happenings in prop::collection::vec(happenings(), 0..5),
    ) {
        let order: &[OfferOrder] = if is_random { &[OfferOrder::Random] } else { &[OfferOrder::Cpu] };
        let mut machines = machines;
        if are_alike {
            machines.iter_mut().for_each(Machine::become_alike);
        }
        let mut offers = Offers::default();
        for (number, machine) in machines.iter().enumerate() {
            hold(&mut offers, number, machine, order);
        }
        let settings = quiet_config();
        let config = Arc::new(TaskConfig {
            constraints: rules,
            resources: Resources { cpus: MilliCpus(cpus * 1000), ..resources(0.0, ram, disk) },
            ..service("r/prod/j")
        });
        let state = state_with(&machines, &config);
        let request = Request {
            config: &config,
            footprint: config.resources,
            is_revocable,
            unavailability_threshold: settings.unavailability_threshold,
        };
        let kept: BTreeSet<AgentId> = machines.iter().enumerate()
            .filter(|(_, machine)| machine.is_kept).map(|(number, _)| AgentId::new(name(number))).collect();
        let kept_for = |agent: &AgentId| kept.contains(agent).then_some(KeptFor::Preemption);
        let kept_agents = || kept.iter().cloned().collect::<Vec<_>>();
        let tasks: Vec<TaskId> = (0..tasks).map(|number| TaskId::new(format!("task-{number}"))).collect();
        let mut counts = AttributeCounts::of_job(state.tables(), &config).unwrap();
        let mut bans = BTreeMap::new();
        // The second time, what is banned is not judged again; then offers change, and more siblings may run.
        for happenings in [Vec::new(), Vec::new()].into_iter().chain(happenings) {
            for (number, happening) in happenings {
                let Some(machine) = machines.get_mut(number) else { continue };
                match happening {
                    Happening::Goes => {
                        offers.drop_for_test(&offer(&name(number), Resources::default(), &[]).id);
                        continue;
                    }
                    Happening::ComesAgain => {}
                    Happening::Changes(mut other) => {
                        if are_alike {
                            other.become_alike();
                        }
                        *machine = other;
                    }
                }
                hold(&mut offers, number, machine, order);
            }
            let mut none = BTreeMap::new();
            let attempt = |bans| Attempt {
                request: &request,
                counts: counts.clone(),
                bans,
                kept_for: &kept_for,
                kept_agents: &kept_agents,
                places: BTreeMap::new(),
                now: NOW,
            };
            let expected = scan(&offers, &mut attempt(&mut none), &settings, &tasks);
            let (placements, findings) =
                first_fit(&mut offers, &settings, &mut attempt(&mut bans), &tasks, &mut CoreRng::new(1));
            let found: Vec<(Arc<Offer>, usize)> =
                placements
                .iter()
                .filter_map(|placement| Some((offers.member(placement.offer)?, placement.tasks.len())))
                .map(|((_, _, held), tasks)| (Arc::clone(&held.offer), tasks))
                .collect();
            let placements: Vec<(OfferId, usize)> =
                found.iter().map(|(offer, tasks)| (offer.id.clone(), *tasks)).collect();
            let placed: usize = placements.iter().map(|(_, tasks)| tasks).sum();
            let told = (placed < tasks.len()).then(|| findings.told());
            prop_assert_eq!((placements, told), expected);
            for (offer, _) in found {
                counts.add(&offer);
            }
        }
    }
}
