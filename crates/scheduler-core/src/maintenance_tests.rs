use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::*;

use super::*;
use crate::bench::*;
use crate::effect::Effect;
use crate::input::Change;

fn call(bench: &mut Bench, hosts: &[&str], call: MaintenanceCall) -> Vec<Effect> {
    let hosts = hosts.iter().map(|host| HostName::new(*host)).collect();
    let (reply, effects) = bench.request(Change::Maintain { hosts, call });
    assert_eq!(reply, Reply::Done(Vec::new()));
    effects
}

fn mode(bench: &Bench, host: &str) -> Option<MaintenanceMode> {
    bench.core.view().host(&HostName::new(host)).map(|host| host.mode)
}

/// A bench with two running tasks on host a.
fn busy() -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 2);
    bench.offer(offer("a", resources(9.0, 9000, 9000), &[]));
    bench.tick(Millis(1));
    for task in bench.tasks(Assigned) {
        bench.status(&task.id, Running);
    }
    bench
}

#[test]
fn sched_308_a_host_is_scheduled_drained_and_back() {
    let mut bench = busy();
    call(&mut bench, &["a", "unknown"], MaintenanceCall::Start);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Scheduled));
    assert_eq!(mode(&bench, "unknown"), None);
    let effects = call(&mut bench, &["a"], MaintenanceCall::Drain);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Draining));
    let tasks = bench.tasks(Draining);
    assert_eq!((tasks.len(), kills(&effects).len()), (2, 2));
    let message = tasks[0].last_event().unwrap().message.clone();
    assert_eq!(message.as_deref(), Some("Draining machine for maintenance."));

    bench.status(&tasks[0].id, Killed);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Draining));
    bench.restart();
    bench.status(&tasks[1].id, Killed);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Drained));
    assert_eq!(bench.tasks(Pending).len(), 2);
    call(&mut bench, &["a"], MaintenanceCall::End);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::None));
}

#[test]
fn an_idle_host_is_drained_at_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(offer("a", resources(9.0, 9000, 9000), &[]));
    call(&mut bench, &["a"], MaintenanceCall::Drain);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Drained));
}

// What slaDrainHosts does comes with it.
#[test]
fn sched_310_a_host_back_in_service_stays_so() {
    let mut bench = busy();
    call(&mut bench, &["a"], MaintenanceCall::Start);
    call(&mut bench, &["a"], MaintenanceCall::End);
    let id = bench.tasks(Running)[0].id.clone();
    bench.status(&id, Killed);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::None));
}

#[test]
fn a_partitioned_task_is_given_up_when_its_host_is_drained() {
    let mut bench = busy();
    for task in bench.tasks(Running) {
        bench.status(&task.id, Partitioned);
    }
    call(&mut bench, &["a"], MaintenanceCall::Drain);
    assert_eq!(bench.tasks(Lost).len(), 2);
    assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::Drained));
}

#[test]
fn sched_315_a_host_is_used_again_at_once_after_its_maintenance() {
    let mut bench = Bench::subscribed(quiet_config());
    assert_eq!(mode(&bench, "unknown"), None);
    bench.offer(offer("a", resources(9.0, 9000, 9000), &[]));
    call(&mut bench, &["a"], MaintenanceCall::Drain);
    bench.create(service("r/prod/j"), 1);
    assert!(launched(&bench.tick(Millis(60_000))).is_empty());
    call(&mut bench, &["a"], MaintenanceCall::End);
    assert_eq!(launched(&bench.tick(Millis(2))).len(), 1);
}

fn inverse(
    host: Option<&str>,
    agent: Option<&str>,
    from: aurora_api::amounts::Timestamp,
) -> crate::MesosEvent {
    crate::MesosEvent::InverseOffers(vec![crate::input::InverseOffer {
        agent: agent.map(aurora_api::ids::AgentId::new),
        host: host.map(HostName::new),
        unavailable_from: from,
    }])
}

#[test]
fn sched_164_an_agent_that_mesos_takes_away_soon_is_left() {
    let minutes = |count: i64| Millis::from_secs(60 * count);
    for (host, agent) in [(Some("a"), None), (None, Some("a"))] {
        let mut bench = busy();
        bench.core.config.unavailability_threshold = minutes(2);
        let from = bench.now + minutes(5);
        assert!(kills(&bench.mesos(inverse(host, agent, from))).is_empty(), "there is time");
        assert_eq!(bench.counter("scheduler_inverse_offers"), 1);
        bench.tick(minutes(3));
        assert!(kills(&bench.mesos(inverse(host, agent, from))).is_empty(), "it must be past the threshold");
        bench.tick(minutes(1));
        let effects = bench.mesos(inverse(host, agent, from));
        assert_eq!(kills(&effects).len(), 2);
        let drained = bench.tasks(Draining);
        assert_eq!(drained.len(), 2);
        assert_eq!(
            drained[0].last_event().unwrap().message.as_deref(),
            Some("Draining machine for maintenance.")
        );
        assert_eq!(mode(&bench, "a"), Some(MaintenanceMode::None));
        // Mesos asks again and again; what is being killed stays as it is.
        assert!(kills(&bench.mesos(inverse(host, agent, from))).is_empty());
        assert_eq!(bench.counter("scheduler_inverse_offers"), 4);
        assert!(kills(&bench.mesos(inverse(None, Some("unknown"), from))).is_empty());
    }
}
