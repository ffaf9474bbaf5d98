use aurora_api::ids::TaskId;
use aurora_api::task::TaskConfig;
use aurora_api::task::TaskStatus::{Assigned, Killing, Lost, Pending, Running, Starting};

use super::*;
use crate::bench::*;
use crate::input::MesosEvent;

fn subscribe() -> MesosEvent {
    MesosEvent::Subscribed { framework: FrameworkId::new("framework") }
}

#[test]
fn sched_156_an_update_is_taken_and_acknowledged_behind_its_operations() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[Assigned]);
    let before = bench.operations.len();
    let effects = bench.mesos(MesosEvent::Status(StatusUpdate {
        message: Some(Arc::from("m")),
        reason: Some("REASON_RECONCILIATION"),
        ..update(&id, Running)
    }));
    assert_eq!(bench.task(&id).unwrap().last_event().unwrap().message.as_deref(), Some("m"));
    assert!(matches!(bench.operations[before..], [Operation::SaveTask { .. }]));
    assert!(matches!(&effects[..], [Effect::StatusChanged { .. }, Effect::Acknowledge { task, uuid, .. }]
        if *task == id && *uuid == [7; 16]));
    assert_eq!(bench.counter("status_update_REASON_RECONCILIATION_SUCCESS"), 1);

    // Repeated, it does nothing but be acknowledged.
    let effects = bench.status(&id, Running);
    assert!(matches!(&effects[..], [Effect::Acknowledge { .. }]));
    assert_eq!(bench.operations.len(), before + 1);

    // One that Mesos made up has nothing to acknowledge.
    let made_up = StatusUpdate { uuid: None, ..update(&id, Running) };
    assert!(bench.mesos(MesosEvent::Status(made_up)).is_empty());
}

#[test]
fn sched_160_the_session_is_counted_and_the_registration_kept() {
    let mut bench = Bench::new(quiet_config());
    bench.mesos(subscribe());
    assert_eq!(bench.operations, [Operation::SaveFramework(FrameworkId::new("framework"))]);
    assert_eq!(bench.core.view().framework().unwrap().as_str(), "framework");
    bench.mesos(MesosEvent::Disconnected);
    bench.mesos(subscribe());
    assert_eq!(bench.operations.len(), 1, "the id is not written again");
    assert_eq!(bench.counter("scheduler_framework_reregisters"), 1);
    assert_eq!(bench.counter("scheduler_framework_disconnects"), 1);
    bench.offer(offer("a", resources(1.0, 1024, 1024), &[]));
    bench.mesos(MesosEvent::AgentLost(AgentId::new("a")));
    assert_eq!((bench.counter("slaves_lost"), bench.core.view().offers().count()), (1, 0));
}

#[test]
fn a_new_session_asks_about_all_and_kills_again() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.task_in(service("r/prod/a"), &[Assigned, Running]);
    let killed = bench.task_in(service("r/prod/b"), &[Assigned, Running, Killing]);
    bench.task_in(service("r/prod/c"), &[]);
    bench.mesos(MesosEvent::Disconnected);
    let effects = bench.mesos(subscribe());
    assert_eq!(kills(&effects), std::slice::from_ref(&killed));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Reconcile(tasks) if tasks.len() == 2)));

    bench.restart();
    let effects = bench.mesos(subscribe());
    assert_eq!(kills(&effects), [killed]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Reconcile(tasks) if tasks.len() == 2)));
}

#[test]
fn an_update_of_a_task_that_was_never_launched_is_refused_without_a_kill() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[]);
    for status in [Starting, Running, Lost] {
        let effects = bench.status(&id, status);
        assert!(matches!(&effects[..], [Effect::Acknowledge { .. }]), "{status}");
    }
    assert_eq!(bench.task(&id).unwrap().status, Pending);
    let effects = bench.status(&TaskId::new("unknown"), Lost);
    assert!(matches!(&effects[..], [Effect::Acknowledge { .. }]));
}

#[test]
fn a_starting_task_keeps_the_newest_words_of_its_executor() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[Assigned, Starting]);
    let entered = bench.task(&id).unwrap().last_event().unwrap().at;
    let says = |text: &str, reason| {
        MesosEvent::Status(StatusUpdate { message: Some(Arc::from(text)), reason, ..update(&id, Starting) })
    };
    let words = |bench: &Bench| {
        bench.task(&id).unwrap().last_event().unwrap().message.clone().map(|text| text.to_string())
    };
    bench.tick(aurora_api::amounts::Millis(1000));
    let effects = bench.mesos(says("fetching the image", None));
    assert!(matches!(&effects[..], [Effect::Acknowledge { .. }]), "no transition, but acknowledged");
    bench.mesos(says("waiting for health checks", None));
    let before = bench.operations.len();
    bench.mesos(says("waiting for health checks", None));
    bench.mesos(says("Reconciliation: Latest task state", Some("REASON_RECONCILIATION")));
    bench.status(&id, Starting);
    assert_eq!(bench.operations.len(), before, "what says nothing new is not journaled");
    assert_eq!(words(&bench).as_deref(), Some("waiting for health checks"));
    let task = bench.task(&id).unwrap();
    assert_eq!(task.last_event().unwrap().at, entered);
    assert_eq!(history(&task), [Pending, Assigned, Starting]);
    bench.restart();
    assert_eq!(words(&bench).as_deref(), Some("waiting for health checks"));
    // Late words of an earlier status change nothing; a task that runs may say what it lacks.
    bench.status(&id, Running);
    bench.mesos(says("waiting for health checks", None));
    assert_eq!(words(&bench), None);
    let lacks = StatusUpdate { message: Some(Arc::from("not announced")), ..update(&id, Running) };
    bench.mesos(MesosEvent::Status(lacks));
    assert_eq!(words(&bench).as_deref(), Some("not announced"));
    assert_eq!(history(&bench.task(&id).unwrap()), [Pending, Assigned, Starting, Running]);
}

#[test]
fn lost_tasks_are_counted_by_rack_and_dedication() {
    let mut bench = Bench::subscribed(quiet_config());
    let dedicated =
        TaskConfig { constraints: [value("dedicated", false, &["*/x"])].into(), ..service("r/prod/j") };
    bench.create(dedicated, 1);
    bench.offer(offer("a", resources(1.0, 1024, 1024), &[("rack", &["r1"]), ("dedicated", &["*/x"])]));
    let id = launched(&bench.tick(aurora_api::amounts::Millis(1)))[0].1[0].clone();
    bench.change(&id, Lost);
    assert_eq!(bench.counter("tasks_lost_rack_r1"), 1);
    assert_eq!(bench.counter("tasks_lost_dedicated_*/x"), 1);
}

#[test]
fn a_task_that_an_operator_of_mesos_drained_away_says_so() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[Assigned, Running]);
    let message = Some(Arc::from("Instructed to kill task."));
    let drained =
        StatusUpdate { reason: Some("REASON_AGENT_DRAINING"), message, ..update(&id, TaskStatus::Killed) };
    bench.mesos(MesosEvent::Status(drained));
    let task = bench.task(&id).unwrap();
    let told = task.events.last().unwrap().message.as_deref();
    assert_eq!(told, Some("An operator drains this host's agent in Mesos. Instructed to kill task."));
}

#[test]
fn a_task_that_mesos_does_not_know_any_more_says_what_that_means() {
    let answered = |message: Option<&str>, id: &TaskId| StatusUpdate {
        reason: Some("REASON_RECONCILIATION"),
        message: message.map(Arc::from),
        ..update(id, TaskStatus::Lost)
    };
    for (message, begins) in [
        (
            Some("Reconciliation: Task is unknown"),
            "Reconciliation: Task is unknown. Mesos does not know the task any more",
        ),
        (None, "Mesos does not know the task any more"),
    ] {
        let mut bench = Bench::subscribed(quiet_config());
        let id = bench.task_in(service("r/prod/j"), &[Assigned, Running]);
        bench.mesos(MesosEvent::Status(answered(message, &id)));
        let task = bench.task(&id).unwrap();
        let told = task.events.last().unwrap().message.as_deref().unwrap();
        assert!(told.starts_with(begins), "{told}");
    }
}
