use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::{Killed, Killing, Pending, Running};

use super::*;
use crate::CoreConfig;
use crate::bench::*;

/// A cluster with update affinity.
fn cluster() -> Bench {
    Bench::subscribed(CoreConfig { enable_update_affinity: true, ..quiet_config() })
}

/// What an agent `name` offers: room for one task.
fn room(name: &str) -> crate::input::Offer {
    offer(name, resources(1.0, 1024, 1024), &[("host", &[name])])
}

fn limited(key: &str) -> TaskConfig {
    TaskConfig { constraints: [limit("host", 1)].into(), ..service(key) }
}

fn pending(bench: &Bench, key: &str, instance: u32) -> aurora_api::ids::TaskId {
    let task = bench.active(&job_key(key), instance).unwrap();
    assert_eq!(task.status, Pending);
    task.id.clone()
}

/// As a job update would: the instance of a job, which is pending, keeps an agent.
fn keep(bench: &mut Bench, key: &str, instance: u32, agent: &str) {
    let now = bench.now;
    let task = Task::clone(&bench.active(&job_key(key), instance).unwrap());
    let place = aurora_api::task::Assignment {
        agent: AgentId::new(agent),
        host: aurora_api::ids::HostName::new(agent),
        ports: BTreeMap::new(),
    };
    let left = Task { assignment: Some(place), ..task };
    assert!(bench.core.keep_place(&left, &left.config.clone(), now));
}

fn places(effects: &[crate::Effect]) -> Vec<(String, usize)> {
    let mut places: Vec<_> =
        launched(effects).into_iter().map(|(agent, tasks)| (agent, tasks.len())).collect();
    places.sort();
    places
}

#[test]
fn what_needs_no_more_and_asks_for_the_same_fits_in_place() {
    let actual = limited("r/prod/j");
    assert!(fits_in_place_of(&actual, &actual));
    let smaller = TaskConfig { resources: resources(0.5, 1, 1), ..actual.clone() };
    assert!(fits_in_place_of(&smaller, &actual) && !fits_in_place_of(&actual, &smaller));
    assert!(!fits_in_place_of(&service("r/prod/j"), &actual), "other constraints");
    let mut with_port = actual.clone();
    with_port.resources.ports = 1;
    assert!(!fits_in_place_of(&with_port, &actual));
}

#[test]
fn an_updated_instance_comes_back_to_its_agent() {
    let mut bench = cluster();
    bench.create(service("r/prod/j"), 1);
    bench.offer(room("a"));
    bench.tick(Millis(1));
    let old = bench.active(&job_key("r/prod/j"), 0).unwrap();
    bench.change(&old.id, Running);
    let now = bench.now;
    let running = bench.task(&old.id).unwrap();
    assert!(bench.core.keep_place(&running, &service("r/prod/j"), now));
    assert_eq!(bench.core.view().sizes().update_affinities, 1);
    bench.change(&old.id, Killing);
    bench.change(&old.id, Killed);
    // Another job waits already, and the agent offers what became free.
    bench.create(service("r/prod/other"), 1);
    bench.offer(again(room("a"), "freed"));
    assert!(launched(&bench.tick(Millis(1))).is_empty());
    assert_eq!(bench.create(service("r/prod/j"), 1), crate::Reply::Done(Vec::new()));
    assert_eq!(places(&bench.tick(Millis(5000))), [("a".to_owned(), 1)]);
    assert_eq!(bench.active(&job_key("r/prod/j"), 0).unwrap().status, aurora_api::task::TaskStatus::Assigned);
    assert_eq!(bench.core.view().sizes().update_affinities, 0);
    assert_eq!(bench.counter("update_affinity_cache_explicit_removals"), 1);
}

#[test]
fn nothing_is_kept_while_the_flag_is_off() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(room("a"));
    bench.tick(Millis(1));
    let task = bench.active(&job_key("r/prod/j"), 0).unwrap();
    let now = bench.now;
    assert!(!bench.core.keep_place(&task, &task.config, now));
}

#[test]
fn sched_78_the_kept_agent_is_asked_without_bans() {
    let mut bench = cluster();
    let huge = TaskConfig { resources: resources(9.0, 1024, 1024), ..service("r/prod/j") };
    bench.create(huge, 1);
    keep(&mut bench, "r/prod/j", 0, "a");
    bench.offer(room("a"));
    assert!(launched(&bench.tick(Millis(5000))).is_empty());
    assert_eq!(bench.counter("scheduling_veto_static"), bench.counter("veto_evaluated_offers"));
    assert!(bench.counter("scheduling_veto_static") > 0);
    assert_eq!(bench.core.view().sizes().statically_banned_offers, 0);

    // Neither an old ban nor missing processors stand against it.
    let mut bench = cluster();
    let group = {
        bench.create(service("r/prod/j"), 1);
        let id = pending(&bench, "r/prod/j", 0);
        bench.core.state.tables().config_id(&id).unwrap()
    };
    keep(&mut bench, "r/prod/j", 0, "a");
    bench.offer(room("a"));
    let class = bench.core.offers.class_of(&OfferId::new("o-a")).unwrap();
    let bans = BTreeMap::from([(class, Arc::from([crate::schedule::filter::Veto::Dedicated]))]);
    bench.core.groups.give_bans(group, bans, usize::MAX);
    assert_eq!(places(&bench.tick(Millis(5000))), [("a".to_owned(), 1)]);
}

#[test]
fn sched_85_an_instance_waits_for_the_agent_it_keeps() {
    let mut bench = cluster();
    bench.create(limited("r/prod/j"), 1);
    keep(&mut bench, "r/prod/j", 0, "1");
    bench.offer(room("2"));
    assert!(launched(&bench.tick(Millis(5000))).is_empty(), "its offer is absent");
    assert_eq!(bench.core.view().sizes().update_affinities, 1);
    let id = pending(&bench, "r/prod/j", 0);
    let told = bench.core.view().pending_lines(&id).join("\n");
    assert!(told.contains("1 instance waits for the agent it ran on before the update"), "{told}");

    bench.offer(offer("1", resources(1.0, 1024, 1024), &[]));
    assert!(launched(&bench.tick(Millis(5000))).is_empty(), "its offer is vetoed");
    assert_eq!(bench.core.view().sizes().update_affinities, 1);
    bench.mesos(crate::MesosEvent::Rescinded(OfferId::new("o-1")));

    bench.offer(again(room("1"), "better"));
    assert_eq!(places(&bench.tick(Millis(1))), [("1".to_owned(), 1)], "its offer passes");
    assert_eq!(bench.core.view().sizes().update_affinities, 0);
}

#[test]
fn sched_86_others_of_the_attempt_go_elsewhere() {
    let mut bench = cluster();
    bench.create(limited("r/prod/j"), 2);
    keep(&mut bench, "r/prod/j", 0, "1");
    let kept = pending(&bench, "r/prod/j", 0);
    bench.mesos(crate::MesosEvent::Offers(vec![room("1"), room("2")]));
    let effects = bench.tick(Millis(5000));
    assert_eq!(places(&effects), [("1".to_owned(), 1), ("2".to_owned(), 1)]);
    assert_eq!(bench.task(&kept).unwrap().assignment.as_ref().unwrap().agent, AgentId::new("1"));
    // Both count for the job's limit from now on.
    bench.request(crate::Change::AddInstances { job: job_key("r/prod/j"), instance: 0, count: 1 });
    bench.mesos(crate::MesosEvent::Offers(vec![again(room("1"), "x"), again(room("2"), "y")]));
    assert!(launched(&bench.tick(Millis(5000))).is_empty());
    assert!(bench.counter("scheduling_veto_limit_not_satisfied") >= 2);
}

#[test]
fn sched_87_a_kept_agent_is_passed_over_until_release_or_expiry() {
    let mut bench = cluster();
    bench.create(service("r/prod/keeper"), 1);
    bench.create(service("r/prod/other"), 1);
    keep(&mut bench, "r/prod/keeper", 0, "1");
    bench.kill_job(&job_key("r/prod/keeper"));
    assert_eq!(bench.core.view().sizes().update_affinities, 0, "nobody comes back any more");

    bench.create(service("r/prod/keeper"), 2);
    keep(&mut bench, "r/prod/keeper", 0, "1");
    let first = pending(&bench, "r/prod/keeper", 0);
    bench.change(&first, aurora_api::task::TaskStatus::Assigned);
    keep(&mut bench, "r/prod/keeper", 0, "1");
    bench.offer(room("1"));
    assert!(launched(&bench.tick(Millis(170_000))).is_empty(), "neither its group nor another");
    let id = pending(&bench, "r/prod/other", 0);
    let told = bench.core.view().pending_lines(&id).join("\n");
    assert!(told.contains("1 of 1 agents: kept for an instance that is being updated"), "{told}");
    assert_eq!(places(&bench.tick(Millis(70_000))), [("1".to_owned(), 1)], "the time is over");
    assert_eq!(bench.counter("update_affinity_cache_expiration_removals"), 1);
}

#[test]
fn two_instances_of_one_agent_do_not_lose_a_reservation() {
    let mut bench = cluster();
    bench.create(service("r/prod/j"), 2);
    keep(&mut bench, "r/prod/j", 0, "1");
    keep(&mut bench, "r/prod/j", 1, "1");
    bench.offer(room("1"));
    assert_eq!(places(&bench.tick(Millis(5000))), [("1".to_owned(), 1)], "there is room for one");
    assert_eq!(bench.core.view().sizes().update_affinities, 1, "the other one still waits for its place");
    bench.offer(again(room("1"), "more"));
    assert_eq!(places(&bench.tick(Millis(5000))), [("1".to_owned(), 1)]);
}
