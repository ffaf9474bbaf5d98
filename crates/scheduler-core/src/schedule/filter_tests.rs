use std::collections::BTreeMap;

use aurora_api::amounts::MilliCpus;
use aurora_api::ids::HostName;

use super::*;
use crate::bench::*;
use crate::input::Offer;
use crate::operation::{ConfigId, HostAttributes, Operation};
use crate::state::State;

const NOW: Timestamp = Timestamp(8 * 60_000);

fn held(offer: Offer, mode: MaintenanceMode) -> HeldOffer {
    HeldOffer { offer: Arc::new(offer), mode, until: None, chance: 0 }
}

/// An offer of 4/1000/2000 and two ports on a host like this.
fn host(attributes: &[(&str, &[&str])]) -> HeldOffer {
    held(with_ports(offer("a", resources(4.0, 1000, 2000), attributes), &[(80, 81)]), MaintenanceMode::None)
}

fn task(resources: Resources, constraints: &[Constraint]) -> TaskConfig {
    TaskConfig { resources, constraints: constraints.iter().cloned().collect(), ..service("roleA/prod/j") }
}

fn default_task(constraints: &[Constraint]) -> TaskConfig {
    task(resources(4.0, 1000, 2000), constraints)
}

fn check(held: &HeldOffer, config: &TaskConfig, counts: &AttributeCounts) -> Vec<Veto> {
    let request = Request {
        config,
        footprint: config.resources,
        is_revocable: false,
        unavailability_threshold: Millis(2 * 60_000),
    };
    vetoes(held, &held.offer_space(), &request, counts, NOW)
}

fn texts(held: &HeldOffer, config: &TaskConfig) -> Vec<String> {
    check(held, config, &AttributeCounts::default()).iter().map(ToString::to_string).collect()
}

fn scored(config: &TaskConfig) -> Vec<(String, i64)> {
    let found = check(&host(&[]), config, &AttributeCounts::default());
    found.iter().map(|veto| (veto.to_string(), veto.score())).collect()
}

fn with_port_count(count: i64) -> TaskConfig {
    let mut config = default_task(&[]);
    config.resources.ports = count;
    config
}

#[test]
fn sched_47_what_fits_has_no_veto() {
    assert_eq!(scored(&default_task(&[])), []);
    assert_eq!(scored(&task(resources(3.0, 999, 1999), &[])), []);
}

#[test]
fn sched_48_every_shortage_is_a_veto() {
    let short = |resource: &str, score| (format!("Insufficient: {resource}"), score);
    let too_big = task(resources(5.0, 1001, 2001), &[]);
    assert_eq!(scored(&too_big), [short("CPU", 62), short("RAM", 0), short("disk", 0)]);
    assert_eq!(scored(&task(resources(5.0, 1000, 2000), &[])), [short("CPU", 62)]);
    assert_eq!(scored(&task(resources(4.0, 1001, 2000), &[])), [short("RAM", 0)]);
    assert_eq!(scored(&task(resources(4.0, 1000, 2001), &[])), [short("disk", 0)]);
    assert_eq!(scored(&with_port_count(1)), []);
    assert_eq!(scored(&with_port_count(2)), []);
    assert_eq!(scored(&with_port_count(3)), [short("ports", 1)]);
}

#[test]
fn sched_49_a_shortage_scores_by_its_size() {
    let score = |resource, short_by| Veto::Insufficient { resource, need: short_by, available: 0 }.score();
    assert_eq!([score(ResourceKind::Cpus, 500), score(ResourceKind::Cpus, 160_000)], [31, 1000]);
    assert_eq!([score(ResourceKind::Ram, 2), score(ResourceKind::Ram, 25)], [0, 1]);
    assert_eq!([score(ResourceKind::Disk, 200), score(ResourceKind::Disk, 461)], [0, 1]);
    assert_eq!([score(ResourceKind::Gpus, 1), score(ResourceKind::Ports, 2000)], [250, 1000]);
}

#[test]
fn sched_50_dedicated_agents_are_for_those_who_ask() {
    let held = host(&[("dedicated", &["roleA", "roleB/x"])]);
    let mismatch = ["Constraint not satisfied: dedicated"];
    assert!(texts(&held, &default_task(&[value("dedicated", false, &["roleA"])])).is_empty());
    assert_eq!(texts(&held, &default_task(&[value("dedicated", true, &["roleA"])])), mismatch);
    assert!(texts(&held, &default_task(&[value("dedicated", false, &["roleB/x"])])).is_empty());
    assert_eq!(texts(&held, &default_task(&[])), ["Host is dedicated"]);
    assert_eq!(check(&held, &default_task(&[]), &AttributeCounts::default())[0].score(), 1_000_000);
}

#[test]
fn sched_51_one_matching_value_is_enough() {
    let with = host(&[("jvm", &["1.0", "2.0", "3.0"])]);
    let without = host(&[]);
    let cases = [
        (&with, &["1.0"][..], true),
        (&with, &["4.0"], false),
        (&with, &["1.0", "9.0"], true),
        (&without, &["1.0"], false),
    ];
    for (held, values, passes) in cases {
        for negated in [false, true] {
            let found = texts(held, &default_task(&[value("jvm", negated, values)]));
            assert_eq!(found.is_empty(), passes != negated, "{values:?} {negated}");
        }
    }
}

#[test]
fn sched_52_constraints_are_all_needed_and_the_first_broken_one_is_told() {
    let held = host(&[("jvm", &["1.4", "1.6", "1.7"]), ("zone", &["a", "b", "c"])]);
    let both = [value("jvm", false, &["1.6"]), value("zone", false, &["c"])];
    assert!(texts(&held, &default_task(&both)).is_empty());
    let twice = [value("jvm", true, &["1.6"]), value("jvm", true, &["1.6", "1.8"])];
    assert_eq!(texts(&held, &default_task(&twice)), ["Constraint not satisfied: jvm"]);
}

#[test]
fn sched_53_agents_in_maintenance_take_nothing() {
    let of = |mode| texts(&held(offer("a", resources(4.0, 1000, 2000), &[]), mode), &default_task(&[]));
    assert!(of(MaintenanceMode::Scheduled).is_empty());
    assert_eq!(of(MaintenanceMode::Draining), ["Host draining for maintenance"]);
    assert_eq!(of(MaintenanceMode::Drained), ["Host drained for maintenance"]);
    assert_eq!((Veto::Draining.score(), Veto::Drained.score()), (100_000, 100_000));
}

#[test]
fn sched_54_agents_that_soon_go_down_take_nothing() {
    let at_minute = |minute: i64| {
        let mut offer = offer("a", resources(4.0, 1000, 2000), &[]);
        offer.unavailable_from = Some(Timestamp(minute * 60_000));
        texts(&held(offer, MaintenanceMode::None), &default_task(&[]))
    };
    assert_eq!(at_minute(9), ["Host draining for maintenance"]);
    assert!(at_minute(100).is_empty());
    assert!(at_minute(10).is_empty());
}

#[test]
fn sched_55_a_dedicated_constraint_is_a_value_constraint() {
    let config = default_task(&[value("host", false, &["hostA"]), value("dedicated", false, &["xxx"])]);
    let wrong = host(&[("dedicated", &["hostA"]), ("host", &["hostA"])]);
    assert_eq!(texts(&wrong, &config), ["Constraint not satisfied: dedicated"]);
    assert!(texts(&host(&[("dedicated", &["xxx"]), ("host", &["hostA"])]), &config).is_empty());
}

#[test]
fn sched_56_values_are_checked_before_limits() {
    // Names that sort before and behind it; both limits are reached.
    for name in ["a", "host"] {
        let config = default_task(&[limit(name, 1), value("dedicated", false, &["xxx"])]);
        let counts = counted(&[name], &[vec![(name, &["x"])], vec![(name, &["x"])]]);
        let held = host(&[(name, &["x"])]);
        let found = |config: &TaskConfig| {
            check(&held, config, &counts).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found(&config), ["Constraint not satisfied: dedicated"]);
        assert_eq!(found(&default_task(&[limit(name, 1)])), [format!("Limit not satisfied: {name}")]);
    }
}

#[test]
fn sched_57_each_stage_hides_the_later_ones() {
    let offer = offer("a", resources(4.0, 1000, 2000), &[("dedicated", &["x"])]);
    let held = held(offer, MaintenanceMode::Draining);
    assert_eq!(texts(&held, &task(resources(99.0, 1, 1), &[])), ["Host is dedicated"]);
}

#[test]
fn sched_58_a_limit_passes_where_no_task_is() {
    assert!(texts(&host(&[("host", &["a"])]), &default_task(&[limit("host", 2)])).is_empty());
}

/// Counts for a job with limits on these attributes, and tasks on hosts like these.
fn counted(names: &[&str], hosts: &[Vec<(&str, &[&str])>]) -> AttributeCounts {
    let limits: Vec<Constraint> = names.iter().map(|name| limit(name, 1)).collect();
    let mut counts = AttributeCounts::of_job(State::default().tables(), &default_task(&limits)).unwrap();
    for attributes in hosts {
        counts.add(&host(attributes).offer);
    }
    counts
}

#[test]
fn sched_59_a_limit_counts_the_tasks_of_the_job() {
    let on = |host, rack| vec![("host", host), ("rack", rack)];
    let (a, b, c): (&[&str], &[&str], &[&str]) = (&["A"], &["B"], &["C"]);
    let (rack_a, rack_b): (&[&str], &[&str]) = (&["rA"], &["rB"]);
    let counts = counted(&["host", "rack"], &[on(a, rack_a), on(a, rack_a), on(b, rack_a), on(c, rack_b)]);
    let of = |held: &HeldOffer, rule| {
        check(held, &default_task(&[rule]), &counts).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let on_b = host(&on(b, rack_a));
    let on_c = host(&on(c, rack_b));
    assert_eq!(of(&on_b, limit("host", 1)), ["Limit not satisfied: host"]);
    assert!(of(&on_b, limit("host", 2)).is_empty());
    assert_eq!(of(&on_b, limit("rack", 3)), ["Limit not satisfied: rack"]);
    assert!(of(&on_b, limit("rack", 4)).is_empty());
    assert_eq!(of(&on_c, limit("rack", 1)), ["Limit not satisfied: rack"]);
    assert!(of(&on_c, limit("rack", 2)).is_empty());
}

#[test]
fn sched_60_a_limit_needs_its_attribute_and_zero_never_passes() {
    assert_eq!(texts(&host(&[]), &default_task(&[limit("rack", 5)])), ["Constraint not satisfied: rack"]);
    let held = host(&[("rack", &["r"])]);
    assert_eq!(texts(&held, &default_task(&[limit("rack", 0)])), ["Limit not satisfied: rack"]);
}

#[test]
fn sched_61_vetoes_group_by_how_long_they_last() {
    let constraint = Veto::Constraint { name: Arc::from("x"), is_missing: false };
    let limit = Veto::Limit { name: Arc::from("x"), limit: 1 };
    let short = Veto::Insufficient { resource: ResourceKind::Ram, need: 2, available: 1 };
    assert_eq!(VetoGroup::of(&[]), VetoGroup::Empty);
    assert_eq!(VetoGroup::of(&[constraint, short.clone(), Veto::Draining]), VetoGroup::Static);
    assert_eq!(VetoGroup::of(std::slice::from_ref(&limit)), VetoGroup::Dynamic);
    assert_eq!(VetoGroup::of(&[short, limit]), VetoGroup::Mixed);
}

#[test]
fn sched_62_vetoes_are_counted_by_group_and_kind() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(offer("a", resources(0.5, 512, 4096), &[("rack", &["r"])]));
    bench.create(service("r/prod/short"), 1);
    bench.tick(Millis(10));
    assert_eq!(bench.counter("scheduling_veto_static"), 1);
    assert_eq!(bench.counter("scheduling_veto_insufficient_resources"), 2);

    let mut findings = crate::explain::Findings::default();
    let short = Veto::Insufficient { resource: ResourceKind::Ram, need: 2, available: 1 };
    findings.add(&[Veto::Limit { name: Arc::from("x"), limit: 1 }, short]);
    let mut batch = crate::Batch::default();
    findings.count(&mut crate::handle::Step { now: NOW, batch: &mut batch });
    let counts: BTreeMap<String, u64> = batch
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            crate::Effect::Count { name, by } => Some((name.into_owned(), by)),
            _ => None,
        })
        .collect();
    assert_eq!(counts["scheduling_veto_mixed"], 1);
    assert_eq!(counts["scheduling_veto_limit_not_satisfied"], 1);
    assert_eq!(counts["scheduling_veto_insufficient_resources"], 1);

    // What fits counts nothing.
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(offer("a", resources(4.0, 4096, 4096), &[]));
    bench.create(service("r/prod/fits"), 1);
    bench.tick(Millis(10));
    assert!(bench.counters.keys().all(|name| !name.starts_with("scheduling_veto")));
}

#[test]
fn sched_63_every_value_of_every_host_is_counted() {
    type Host<'a> = Vec<(&'a str, &'a [&'a str])>;
    let a1: Host<'_> = vec![("host", &["a1"]), ("rack", &["a"]), ("pdu", &["p1"])];
    let b1: Host<'_> = vec![("host", &["b1"]), ("rack", &["b"]), ("pdu", &["p1", "p2"])];
    let b2: Host<'_> = vec![("host", &["b2"]), ("rack", &["b"]), ("pdu", &["p1", "p2"])];
    let c1: Host<'_> = vec![("host", &["c1"]), ("rack", &["c"]), ("pdu", &["p2"]), ("ssd", &["true"])];
    let counts = counted(&["host", "rack", "pdu", "ssd"], &[a1, b1.clone(), b1, b2, c1]);
    let of = |name, values: &[&str]| values.iter().map(|value| counts.get(name, value)).collect::<Vec<_>>();
    assert_eq!(of("rack", &["a", "b", "c"]), [1, 3, 1]);
    assert_eq!(of("host", &["a1", "b1", "b2", "c1"]), [1, 2, 1, 1]);
    assert_eq!(of("pdu", &["p1", "p2"]), [4, 4]);
    assert_eq!((counts.get("ssd", "true"), counts.get("ssd", "false")), (1, 0));
}

fn save_host(state: &mut State, name: &str, attributes: &[(&str, &[&str])]) {
    let host = HostAttributes {
        capacity: None,
        host: HostName::new(name),
        agent: aurora_api::ids::AgentId::new(name),
        attributes: host(attributes).offer.attributes.clone(),
        mode: MaintenanceMode::None,
        gone: None,
    };
    state.apply(&Operation::SaveHost(Arc::new(host))).unwrap();
}

/// A task of the job with a status and, for those on agents, a host.
fn save_task(state: &mut State, instance: u32, status: aurora_api::task::TaskStatus, host: Option<&str>) {
    let config = Arc::new(default_task(&[limit("host", 1)]));
    if state.configs().id_of(&config).is_none() {
        state.apply(&Operation::SaveConfig { id: ConfigId(1), config: Arc::clone(&config) }).unwrap();
    }
    let assignment = host.map(|host| aurora_api::task::Assignment {
        agent: aurora_api::ids::AgentId::new(host),
        host: HostName::new(host),
        ports: BTreeMap::new(),
    });
    let task = aurora_api::task::Task {
        id: aurora_api::ids::TaskId::new(format!("task-{instance}-{status}")),
        instance,
        config,
        status,
        assignment,
        failure_count: 0,
        times_partitioned: 0,
        events: Vec::new(),
        ancestor: None,
    };
    state.apply(&Operation::SaveTask { task: Arc::new(task), config: ConfigId(1) }).unwrap();
}

#[test]
fn sched_64_only_tasks_on_agents_count() {
    use aurora_api::task::TaskStatus::{Finished, Killing, Partitioned, Pending, Throttled};
    let mut state = State::default();
    save_host(&mut state, "a", &[("host", &["a"])]);
    for (instance, status, host) in [
        (0, Throttled, None),
        (1, Pending, None),
        (2, Finished, Some("a")),
        (3, Killing, Some("a")),
        (4, Partitioned, Some("a")),
    ] {
        save_task(&mut state, instance, status, host);
    }
    let counts = AttributeCounts::of_job(state.tables(), &default_task(&[limit("host", 1)])).unwrap();
    assert_eq!(counts.get("host", "a"), 2);
}

#[test]
fn sched_65_counting_needs_the_attributes_of_every_host() {
    use aurora_api::task::TaskStatus::Running;
    let config = default_task(&[limit("host", 1), limit("rack", 1)]);
    let mut state = State::default();
    save_task(&mut state, 0, Running, Some("a"));
    let error = AttributeCounts::of_job(state.tables(), &config).unwrap_err();
    assert_eq!(error.0.as_str(), "a");

    save_host(&mut state, "a", &[]);
    let mut counts = AttributeCounts::of_job(state.tables(), &config).unwrap();
    assert_eq!(counts.get("host", "a"), 0);
    counts.add(&host(&[("host", &["a2"]), ("rack", &["b"])]).offer);
    assert_eq!((counts.get("host", "a2"), counts.get("rack", "b")), (1, 1));
}

#[test]
fn sched_66_an_attribute_without_values_is_skipped_and_the_offer_kept() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(offer(
        "a",
        resources(4.0, 4096, 4096),
        &[("rack", &["r1"]), ("disks", &["2.0"]), ("y", &[])],
    ));
    let view = bench.core.view();
    let stored = view.host(&HostName::new("a")).unwrap();
    let names: Vec<&str> = stored.attributes.keys().map(|name| &**name).collect();
    assert_eq!(names, ["disks", "rack"]);
    assert_eq!(view.offers().count(), 1);
}

#[test]
fn a_revocable_task_looks_at_revocable_resources() {
    let mut offer = offer("a", resources(0.0, 1000, 2000), &[]);
    offer.revocable.cpus = MilliCpus(10_000);
    let held = held(offer, MaintenanceMode::None);
    let config = default_task(&[]);
    let request = |is_revocable| Request {
        config: &config,
        footprint: config.resources,
        is_revocable,
        unavailability_threshold: Millis::ZERO,
    };
    let found = |is_revocable| {
        vetoes(&held, &held.offer_space(), &request(is_revocable), &AttributeCounts::default(), NOW).len()
    };
    assert_eq!((found(true), found(false)), (0, 1));
}

#[test]
fn counts_follow_tasks_and_hosts_as_they_change() {
    use aurora_api::task::TaskStatus::{Assigned, Killed, Running};
    let config = default_task(&[limit("rack", 9)]);
    let counts = |state: &State| {
        let counts = AttributeCounts::of_job(state.tables(), &config).unwrap();
        ["r1", "r2", "r3"].map(|rack| counts.get("rack", rack))
    };
    let mut state = State::default();
    save_host(&mut state, "a", &[("rack", &["r1"])]);
    save_host(&mut state, "b", &[("rack", &["r2"])]);
    save_task(&mut state, 0, Assigned, Some("a"));
    save_task(&mut state, 1, Running, Some("a"));
    save_task(&mut state, 2, Running, Some("b"));
    assert_eq!(counts(&state), [2, 1, 0]);
    save_host(&mut state, "a", &[("rack", &["r2", "r3"])]);
    assert_eq!(counts(&state), [0, 3, 2]);
    let first = state.task(&aurora_api::ids::TaskId::new("task-0-ASSIGNED")).unwrap();
    let ended = aurora_api::task::Task { status: Killed, ..aurora_api::task::Task::clone(first) };
    state.apply(&Operation::SaveTask { task: Arc::new(ended), config: ConfigId(1) }).unwrap();
    assert_eq!(counts(&state), [0, 2, 1]);
    for id in ["task-1-RUNNING", "task-2-RUNNING"] {
        state.apply(&Operation::RemoveTask(aurora_api::ids::TaskId::new(id))).unwrap();
    }
    assert_eq!(counts(&state), [0, 0, 0]);
}
