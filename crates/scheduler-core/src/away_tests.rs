use aurora_api::ids::FrameworkId;
use aurora_api::task::TaskStatus::{Assigned, Lost, Pending, Running};

use super::*;
use crate::bench::*;
use crate::effect::Batch;
use crate::input::MesosEvent;

fn notices(effects: &[Effect]) -> Vec<String> {
    let text = |effect: &Effect| match effect {
        Effect::Notice(notice) => Some(notice.to_string()),
        _ => None,
    };
    effects.iter().filter_map(text).collect()
}

/// A task that runs on agent and host `a`.
fn running() -> (Bench, TaskId) {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(service("r/prod/j"), 1);
    bench.offer(offer("a", resources(4.0, 4096, 4096), &[]));
    bench.tick(Millis(1));
    let id = bench.tasks(Assigned)[0].id.clone();
    bench.mesos(MesosEvent::Status(from_agent(&id, Running)));
    (bench, id)
}

fn from_agent(id: &TaskId, status: aurora_api::task::TaskStatus) -> StatusUpdate {
    StatusUpdate { agent: Some(AgentId::new("a")), ..update(id, status) }
}

fn removed(id: &TaskId) -> MesosEvent {
    let reason = Some(AGENT_REMOVED);
    MesosEvent::Status(StatusUpdate { reason, uuid: None, ..from_agent(id, Lost) })
}

#[test]
fn a_pending_task_says_which_host_is_gone_since_when_and_what_ran_there() {
    let (mut bench, id) = running();
    let at = bench.now;
    let effects = bench.mesos(removed(&id));
    assert_eq!(notices(&effects).len(), 1);
    assert!(notices(&bench.mesos(MesosEvent::AgentLost(AgentId::new("a")))).is_empty(), "told once");
    assert_eq!((bench.counter("agents_gone"), bench.counter("slaves_lost")), (1, 1));

    bench.tick(Millis(60_000));
    let next = bench.tasks(Pending)[0].id.clone();
    let lines = bench.core.view().pending_lines(&next);
    assert_eq!(
        lines,
        [format!(
            "host a is gone since {} (r/prod/j/0 ran there); if its agent refuses to start, see \"An agent does not come \
             back\" in docs/troubleshooting.md",
            at.utc()
        )]
    );

    let effects = bench.offer(again(offer("a", resources(4.0, 4096, 4096), &[]), "o-2"));
    assert_eq!(notices(&effects), ["host a is back after 60 s, as agent a"]);
    assert_eq!(bench.core.view().missing_hosts().count(), 0);
}

#[test]
fn a_restart_of_the_scheduler_does_not_forget_which_host_is_gone() {
    let (mut bench, id) = running();
    bench.mesos(removed(&id));
    bench.tick(Millis(60_000));
    let told = |core: &Core| core.view().missing_hosts().map(ToString::to_string).collect::<Vec<_>>();
    let before = told(&bench.core);
    assert!(before[0].contains("(r/prod/j/0 ran there)"), "{before:?}");
    let snapshot = bench.core.snapshot();
    let none: [Vec<u8>; 0] = [];
    let (mut batch, config) = (Batch::default(), bench.config.clone());
    let from_snapshot =
        Core::recover(config, identity(), 9, Some(&snapshot), none, bench.now, &mut batch).unwrap();
    assert_eq!(told(&from_snapshot), before);
    bench.restart();
    assert_eq!(told(&bench.core), before);

    // It is back, and stays so.
    bench.mesos(MesosEvent::Subscribed { framework: FrameworkId::new("framework") });
    let effects = bench.offer(again(offer("a", resources(4.0, 4096, 4096), &[]), "o-2"));
    assert_eq!(notices(&effects), ["host a is back after 60 s, as agent a"]);
    bench.restart();
    assert!(told(&bench.core).is_empty());
}

#[test]
fn a_lost_agent_whose_task_speaks_is_back() {
    let (mut bench, id) = running();
    bench.mesos(MesosEvent::AgentLost(AgentId::new("a")));
    assert_eq!(bench.core.view().missing_hosts().count(), 1);
    let reason = Some(AGENT_REREGISTERED);
    bench.mesos(MesosEvent::Status(StatusUpdate { reason, uuid: None, ..from_agent(&id, Running) }));
    assert_eq!(bench.core.view().missing_hosts().count(), 0);
    assert_eq!(bench.counter("agents_returned"), 1);
}

#[test]
fn an_agent_under_a_new_id_is_told_and_the_tasks_of_the_old_one_are_asked_after() {
    let (mut bench, id) = running();
    let renewed =
        Offer { agent: AgentId::new("b"), ..again(offer("a", resources(4.0, 4096, 4096), &[]), "o-2") };
    let effects = bench.offer(renewed.clone());
    let said = notices(&effects);
    assert!(said[0].contains("host a came back under a new id, b after a"), "{said:?}");
    assert!(said[0].ends_with("asked about 1 task of the old id"), "{said:?}");
    let asked = vec![(id.clone(), Some(AgentId::new("a")))];
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Reconcile(tasks) if *tasks == asked)));
    assert_eq!(bench.counter("agents_returned_under_new_id"), 1);
    let host = HostName::new("a");
    assert_eq!(bench.core.view().renewed_host(&host).unwrap().old, AgentId::new("a"));

    // A late word about the old id says nothing about the new one.
    bench.mesos(removed(&id));
    bench.mesos(MesosEvent::AgentLost(AgentId::new("a")));
    assert_eq!(bench.core.view().missing_hosts().count(), 0);
    assert!(notices(&bench.offer(again(renewed, "o-3"))).is_empty(), "told once");
}

#[test]
fn hosts_are_told_the_latest_first_and_not_for_ever() {
    let mut bench = Bench::subscribed(quiet_config());
    for name in ["a", "b", "c", "d", "e"] {
        bench.offer(offer(name, resources(1.0, 1024, 1024), &[]));
        bench.tick(Millis(1000));
        bench.mesos(MesosEvent::AgentLost(AgentId::new(name)));
    }
    let told = lines(&bench.core.away.news(bench.now));
    assert!(told[0].starts_with("host e is gone") && told[0].contains("nothing of ours"), "{told:?}");
    assert_eq!((told.len(), told[3].as_str()), (4, "2 more hosts are gone: the page /agents names them"));
    assert!(bench.core.away.news(bench.now + NEWS + Millis(1)).is_empty());
    assert_eq!(bench.core.view().missing_hosts().count(), 5);
}
