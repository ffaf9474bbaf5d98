use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::ids::AgentId;
use aurora_api::task::{Assignment, TaskStatus};
use proptest::prelude::*;

use super::*;
use crate::bench::*;
use crate::input::Offer;
use crate::operation::MaintenanceMode;

fn task(name: &str, config: TaskConfig) -> Task {
    Task {
        id: TaskId::new(name),
        instance: 0,
        config: Arc::new(config),
        status: TaskStatus::Running,
        assignment: Some(Assignment {
            agent: AgentId::new("h"),
            host: aurora_api::ids::HostName::new("h"),
            ports: std::collections::BTreeMap::new(),
        }),
        failure_count: 0,
        times_partitioned: 0,
        events: Vec::new(),
        ancestor: None,
    }
}

fn config(key: &str, tier: &str, priority: i32, cpus: f64, ram: i64) -> TaskConfig {
    TaskConfig {
        tier: Arc::from(tier),
        priority,
        resources: resources(cpus, ram, 0),
        executor: None,
        ..service(key)
    }
}

fn host() -> HostAttributes {
    HostAttributes {
        capacity: None,
        host: aurora_api::ids::HostName::new("h"),
        agent: AgentId::new("h"),
        attributes: std::collections::BTreeMap::new(),
        mode: MaintenanceMode::None,
        gone: None,
    }
}

fn held(regular: Resources, revocable: Resources) -> HeldOffer {
    let offer = Offer { resources: regular, revocable, ..offer("h", regular, &[]) };
    HeldOffer { offer: Arc::new(offer), mode: MaintenanceMode::None, until: None, chance: 0 }
}

fn ordinary(cpus: f64, ram: i64) -> HeldOffer {
    held(resources(cpus, ram, 0), resources(0.0, ram, 0))
}

fn found(
    pending: &TaskConfig,
    tasks: &[Task],
    offer: Option<&HeldOffer>,
    host: &HostAttributes,
) -> Option<Vec<String>> {
    let settings = CoreConfig::default();
    let request = Request {
        config: pending,
        footprint: settings.footprint(pending),
        is_revocable: settings.tiers.is_revocable(&pending.tier),
        unavailability_threshold: Millis::ZERO,
    };
    let counts = AttributeCounts::default();
    let applicant = Applicant { config: &settings, request: &request, counts: &counts };
    let seat = Seat { host, offer, tasks: tasks.iter().collect() };
    let victims = applicant.victims(&seat, START).ok()?;
    Some(victims.iter().map(ToString::to_string).collect())
}

fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn preferred(cpus: f64, ram: i64) -> TaskConfig {
    config("r/prod/p", "preferred", 0, cpus, ram)
}

fn victim(name: &str, cpus: f64, ram: i64) -> Task {
    task(name, config("r/prod/v", "preemptible", 0, cpus, ram))
}

#[test]
fn sched_98_among_preemptible_tasks_of_a_role_priority_decides() {
    let of = |name: &str, priority| task(name, config("r/prod/v", "preemptible", priority, 1.0, 512));
    let pending = |priority| config("r/prod/p", "preemptible", priority, 1.0, 512);
    assert_eq!(found(&pending(100), &[of("v", 0)], None, &host()), names(&["v"]));
    assert_eq!(found(&pending(0), &[of("v", 100)], None, &host()), None);
    assert_eq!(found(&pending(5), &[of("v", 5)], None, &host()), None);
    let many = [of("a", 100), of("b", 99), of("c", 1)];
    assert_eq!(found(&pending(98), &many, None, &host()), names(&["c"]));
}

#[test]
fn sched_99_preferred_tasks_may_preempt_any_preemptible_one() {
    let of = |tier: &str, priority| task("v", config("other/prod/v", tier, priority, 1.0, 512));
    let pending = |tier: &str, priority| config("r/prod/p", tier, priority, 1.0, 512);
    assert_eq!(found(&pending("preferred", -1000), &[of("preemptible", 100)], None, &host()), names(&["v"]));
    assert_eq!(found(&pending("preferred", 1000), &[of("preferred", 0)], None, &host()), None);
    assert_eq!(found(&pending("preemptible", 1000), &[of("preferred", 0)], None, &host()), None);
}

#[test]
fn sched_100_the_largest_go_first_and_no_more_than_needed() {
    let (a, b, big) = (victim("a", 1.0, 512), victim("b", 1.0, 512), victim("big", 4.0, 4096));
    assert_eq!(found(&preferred(2.0, 1024), &[a.clone(), b.clone()], None, &host()), names(&["a", "b"]));
    assert_eq!(found(&preferred(2.0, 1024), &[a, b, big], None, &host()), names(&["big"]));
    // More processors count first, but it is the memory of the other that is needed.
    let (fast, wide) = (victim("fast", 4.0, 16), victim("wide", 1.0, 4096));
    assert_eq!(found(&preferred(1.0, 4096), &[fast, wide], None, &host()), names(&["wide"]));
}

#[test]
fn sched_101_what_is_offered_already_counts() {
    let (a, b) = (victim("a", 1.0, 512), victim("b", 1.0, 512));
    let one = std::slice::from_ref(&a);
    assert_eq!(found(&preferred(2.0, 1024), one, Some(&ordinary(1.0, 512)), &host()), names(&["a"]));
    let revocable = held(resources(0.0, 512, 0), resources(1.0, 512, 0));
    assert_eq!(found(&preferred(2.0, 1024), one, Some(&revocable), &host()), None);
    let offer = ordinary(2.0, 1024);
    assert_eq!(found(&preferred(4.0, 2048), &[a, b], Some(&offer), &host()), names(&["a", "b"]));
}

#[test]
fn sched_102_a_revocable_victim_leaves_no_processors() {
    let revocable = [task("v", config("r/prod/v", "revocable", 0, 1.0, 512))];
    assert_eq!(found(&preferred(2.0, 1024), &revocable, Some(&ordinary(1.0, 512)), &host()), None);
    assert_eq!(found(&preferred(2.0, 1024), &revocable, Some(&ordinary(2.0, 512)), &host()), names(&["v"]));
}

#[test]
fn sched_103_slack_alone_kills_nobody_and_vetoes_hold() {
    let offer = ordinary(8.0, 8192);
    assert_eq!(found(&preferred(2.0, 1024), &[], Some(&offer), &host()), None);
    // Room was there: nobody has to go.
    assert_eq!(found(&preferred(2.0, 1024), &[victim("a", 1.0, 512)], Some(&offer), &host()), None);
    let draining = HostAttributes { mode: MaintenanceMode::Draining, ..host() };
    assert_eq!(found(&preferred(1.0, 512), &[victim("a", 1.0, 512)], None, &draining), None);
    let picky = TaskConfig { constraints: [value("rack", false, &["x"])].into(), ..preferred(1.0, 512) };
    assert_eq!(found(&picky, &[victim("a", 1.0, 512)], None, &host()), None);
    // Every prefix of the victims is too little.
    let small = [victim("a", 1.0, 512), victim("b", 1.0, 512)];
    assert_eq!(found(&preferred(3.0, 512), &small, None, &host()), None);

    // A slot on a host of which nothing is known.
    let mut bench = Bench::subscribed(quiet_config());
    bench.grant_quota("r");
    bench.create(TaskConfig { production: true, ..preferred(1.0, 512) }, 1);
    let waiting = bench.active(&job_key("r/prod/p"), 0).unwrap().id.clone();
    let group = bench.core.state.tables().config_id(&waiting).unwrap();
    let unknown = aurora_api::ids::HostName::new("unknown");
    let slot = crate::schedule::preempt::slots::Slot { host: unknown, victims: vec![TaskId::new("v")] };
    bench.core.preemption.add_slot(group, slot, bench.now + Millis(60_000));
    assert!(kills(&bench.tick(Millis(10))).is_empty());
    assert_eq!(bench.counter("preemptor_missing_attributes"), 1);
    assert_eq!(bench.counter("preemptor_slot_validation_failed"), 1);
}

#[test]
fn sched_104_sizes_compare_by_processors_memory_disk_ports_and_gpus() {
    let of = |cpus, ram, disk| size(&resources(cpus, ram, disk));
    assert!(of(1.0, 1, 1) < of(2.0, 2, 2) && of(2.0, 2, 2) < of(2.0, 2, 3) && of(2.0, 2, 3) < of(3.0, 3, 3));
    assert!(of(2.0, 2, 1) > of(2.0, 0, 2) && of(2.0, 0, 2) > of(1.0, 2, 1));
    let with_gpu = size(&Resources { gpus: 1, ..resources(1.0, 0, 0) });
    assert!(of(1.0, 1, 0) > with_gpu && with_gpu > of(1.0, 0, 0));
}

fn any_task() -> impl Strategy<Value = (usize, i32, i64, i64)> {
    (0..3_usize, 0..3_i32, 0..5_i64, 0..5_i64)
}

proptest! {
    /// Those who go make room, were allowed to, and are all needed; nobody goes if that makes no room.
    #[test]
    fn no_victim_is_killed_for_a_task_that_does_not_fit(
        pending in any_task(), tasks in prop::collection::vec(any_task(), 0..6), slack in (0..4_i64, 0..4_i64),
    ) {
        let of = |key: &str, (tier, priority, cpus, ram): (usize, i32, i64, i64)| TaskConfig {
            resources: Resources { cpus: MilliCpus(cpus), ram: Megabytes(ram), ..Resources::default() },
            ..config(key, ["preferred", "preemptible", "revocable"][tier], priority, 0.0, 0)
        };
        let settings = CoreConfig::default();
        let pending = of("r/prod/p", pending);
        let tasks: Vec<Task> =
            tasks.into_iter().enumerate().map(|(index, one)| task(&format!("t{index}"), of("r/prod/v", one))).collect();
        let slack = Resources { cpus: MilliCpus(slack.0), ram: Megabytes(slack.1), ..Resources::default() };
        let offer = held(slack, slack);
        let is_revocable = |config: &TaskConfig| &*config.tier == "revocable";
        let left = |task: &Task| {
            let own = is_revocable(&task.config) == is_revocable(&pending);
            Resources { cpus: if own { task.config.resources.cpus } else { MilliCpus(0) }, ..task.config.resources }
        };
        let room = |names: &[&str]| -> Resources {
            slack + tasks.iter().filter(|task| names.contains(&&*task.id.to_string())).map(left).sum()
        };
        let allowed: Vec<String> = tasks
            .iter()
            .filter(|task| may_preempt(&settings, &pending, &task.config))
            .map(|task| task.id.to_string())
            .collect();
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        match found(&pending, &tasks, Some(&offer), &host()) {
            Some(victims) => {
                let victims: Vec<&str> = victims.iter().map(String::as_str).collect();
                prop_assert!(victims.iter().all(|victim| allowed.contains(victim)));
                prop_assert!(room(&victims).holds(&pending.resources));
                for spared in &victims {
                    let others: Vec<&str> = victims.iter().filter(|name| *name != spared).copied().collect();
                    prop_assert!(!room(&others).holds(&pending.resources));
                }
            }
            None => prop_assert!(
                !room(&allowed).holds(&pending.resources) || slack.holds(&pending.resources)
            ),
        }
    }
}
