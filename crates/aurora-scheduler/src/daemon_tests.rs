//! The whole daemon in this process; the test is its Mesos.

use std::time::Duration;

use aurora_api::thrift::rpc::{CreateJob, GetTasksStatus, KillTasks};
use aurora_api::thrift::{self, ResponseCode, ScheduleStatus, TaskQuery};
use mesos_v1::messages::scheduler::Call;
use mesos_v1::messages::{self, Attribute, Offer, Resource, TaskState, TaskStatus};
use mesos_v1::scheduler::{SchedulerEvent, SessionError};
use tempfile::TempDir;

use super::*;
use crate::testing::{TestDaemon, config};

fn job(instances: i32) -> CreateJob {
    let task = thrift::TaskConfig::from(&config());
    CreateJob {
        description: Some(thrift::JobConfiguration {
            key: task.job.clone(),
            instance_count: Some(instances),
            task_config: Some(task),
            ..thrift::JobConfiguration::default()
        }),
    }
}

fn subscribed() -> SchedulerEvent {
    SchedulerEvent::Subscribed {
        framework_id: "framework-1".into(),
        heartbeat_interval: Duration::from_secs(15),
        master: "m:5050".to_owned(),
        master_info: None,
    }
}

fn offer(id: &str, agent: &str) -> Offer {
    Offer {
        id: id.into(),
        framework_id: "framework-1".into(),
        agent_id: agent.into(),
        hostname: format!("host-{agent}"),
        resources: vec![
            Resource::scalar("cpus", 4.0),
            Resource::scalar("mem", 4096.0),
            Resource::scalar("disk", 4096.0),
            Resource::ranges("ports", [(31000, 31100)]),
        ],
        attributes: vec![Attribute::text("rack", "a")],
        ..Offer::default()
    }
}

fn update(task: &str, agent: &str, state: TaskState) -> SchedulerEvent {
    SchedulerEvent::Update(Box::new(TaskStatus {
        task_id: task.into(),
        agent_id: Some(agent.into()),
        state: state.into(),
        uuid: Some(vec![state as u8; 16]),
        ..TaskStatus::default()
    }))
}

async fn statuses(daemon: &TestDaemon) -> Vec<ScheduleStatus> {
    let response = daemon.call(&GetTasksStatus { query: Some(TaskQuery::default()) }).await;
    let Some(thrift::Result::ScheduleStatusResult(result)) = response.result else { panic!("no result") };
    result.tasks.unwrap().into_iter().filter_map(|task| task.status).collect()
}

fn calls(daemon: &TestDaemon, wanted: fn(&Call) -> bool) -> Vec<Call> {
    daemon.calls.0.lock().unwrap().iter().filter(|call| wanted(call)).cloned().collect()
}

/// How many tasks were launched.
fn launch_count(daemon: &TestDaemon) -> usize {
    let accepts = calls(daemon, |call| call.accept.is_some());
    let operations = accepts.into_iter().flat_map(|call| call.accept.unwrap().operations);
    operations.filter_map(|operation| operation.launch).map(|launch| launch.task_infos.len()).sum()
}

async fn launched(daemon: &TestDaemon) -> messages::TaskInfo {
    daemon.wait_for("a launch", async |daemon| !calls(daemon, |call| call.accept.is_some()).is_empty()).await;
    let accept = calls(daemon, |call| call.accept.is_some()).remove(0).accept.unwrap();
    accept.operations[0].launch.clone().unwrap().task_infos.remove(0)
}

#[tokio::test]
async fn a_task_lives_from_its_creation_to_its_kill() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    assert_eq!(daemon.framework.id, None);
    daemon.events.send(subscribed()).await.unwrap();
    assert_eq!(daemon.call(&job(1)).await.response_code, Some(ResponseCode::Ok));
    daemon.events.send(SchedulerEvent::Offers(vec![offer("o1", "a1")])).await.unwrap();
    let info = launched(&daemon).await;
    assert_eq!((info.name.as_str(), info.agent_id.value.as_str()), ("www/prod/hello", "a1"));

    let task = info.task_id.value;
    for state in [TaskState::TaskStarting, TaskState::TaskRunning] {
        daemon.events.send(update(&task, "a1", state)).await.unwrap();
    }
    daemon.wait_for("RUNNING", async |daemon| statuses(daemon).await == [ScheduleStatus::Running]).await;
    daemon
        .wait_for("acknowledgements", async |daemon| {
            calls(daemon, |call| call.acknowledge.is_some()).len() == 2
        })
        .await;

    let (_, page) = daemon.get("/scheduler/www/prod/hello").await;
    assert!(page.contains("RUNNING") && page.contains("host-a1"), "{page}");
    let (status, _) = daemon.get("/mname/www/prod/hello/0").await;
    assert_eq!(status, 307);

    let key = job(1).description.unwrap().key;
    daemon.call(&KillTasks { job: key, instances: None, message: Some("bye".to_owned()) }).await;
    daemon.wait_for("a kill", async |daemon| !calls(daemon, |call| call.kill.is_some()).is_empty()).await;
    daemon.events.send(update(&task, "a1", TaskState::TaskKilled)).await.unwrap();
    daemon.wait_for("KILLED", async |daemon| statuses(daemon).await == [ScheduleStatus::Killed]).await;
    daemon.daemon.stop().await.unwrap();
}

#[tokio::test]
async fn an_offer_with_odd_attributes_is_used_all_the_same() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    daemon.events.send(subscribed()).await.unwrap();
    let mut odd = offer("o1", "a1");
    odd.attributes.push(Attribute {
        name: "zones".to_owned(),
        r#type: messages::value::Type::Set.into(),
        ..Attribute::default()
    });
    daemon.events.send(SchedulerEvent::Offers(vec![odd, offer("o2", "a2")])).await.unwrap();
    daemon.call(&job(2)).await;
    daemon.wait_for("both launches", async |daemon| launch_count(daemon) == 2).await;
}

#[tokio::test]
async fn a_restart_keeps_jobs_and_registration_and_asks_about_tasks() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    daemon.events.send(subscribed()).await.unwrap();
    daemon.call(&job(1)).await;
    daemon.events.send(SchedulerEvent::Offers(vec![offer("o1", "a1")])).await.unwrap();
    let info = launched(&daemon).await;
    daemon.daemon.stop().await.unwrap();

    let daemon = TestDaemon::start(folder.path(), &[]).await;
    assert_eq!(daemon.framework.id, Some("framework-1".into()));
    assert_eq!(statuses(&daemon).await, [ScheduleStatus::Assigned]);
    daemon.events.send(subscribed()).await.unwrap();
    daemon
        .wait_for("a reconciliation", async |daemon| {
            !calls(daemon, |call| call.reconcile.is_some()).is_empty()
        })
        .await;
    let asked = calls(&daemon, |call| call.reconcile.is_some()).remove(0).reconcile.unwrap();
    assert_eq!(asked.tasks[0].task_id, info.task_id);
    daemon.daemon.stop().await.unwrap();

    let anew = TestDaemon::start(folder.path(), &["-register_anew"]).await;
    assert_eq!(anew.framework.id, None);
}

#[tokio::test]
async fn the_pages_say_why_tasks_are_pending_and_that_mesos_is_away() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    let (_, page) = daemon.get("/scheduler").await;
    assert!(page.contains("Not connected to Mesos") && page.contains("No jobs yet"), "{page}");
    daemon.events.send(subscribed()).await.unwrap();
    let mut small = offer("o1", "a1");
    small.resources[0] = Resource::scalar("cpus", 0.1);
    daemon.events.send(SchedulerEvent::Offers(vec![small])).await.unwrap();
    daemon.call(&job(1)).await;
    daemon
        .wait_for("the reason", async |daemon| {
            daemon.get("/scheduler/www/prod/hello").await.1.contains("1 of 1 agents: not enough CPU")
        })
        .await;
    let (_, page) = daemon.get("/scheduler/www").await;
    assert!(page.contains("/scheduler/www/prod/hello") && page.contains("1 pending"), "{page}");
    assert!(!page.contains("Not connected"));
    let groups: serde_json::Value = serde_json::from_str(&daemon.get("/pendingtasks").await.1).unwrap();
    assert_eq!(groups[0]["reason"], "[Insufficient: CPU]");
    assert!(groups[0]["penaltyMs"].as_i64() >= Some(1000), "{groups}");
    assert!(daemon.get("/agents").await.1.contains("rack=[a]"));
    assert_eq!(daemon.get("/scheduler/www/prod/none").await.0, 404);
    assert_eq!(daemon.get("/scheduler/www/prod/hello/0").await.0, 303);
}

#[tokio::test]
async fn what_users_wrote_is_escaped() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    let mut create = job(1);
    let task = create.description.as_mut().unwrap().task_config.as_mut().unwrap();
    task.contact_email = Some("<script>alert(1)</script>".to_owned());
    assert_eq!(daemon.call(&create).await.response_code, Some(ResponseCode::Ok));
    let (_, page) = daemon.get("/scheduler/www/prod/hello").await;
    assert!(page.contains("alert(1)") && !page.contains("<script>"), "{page}");
    let (_, missing) = daemon.get("/scheduler/%3Cscript%3E/e/j").await;
    assert!(!missing.contains("<script"), "{missing}");
}

#[tokio::test]
async fn a_removed_framework_ends_the_daemon_with_its_remedy() {
    let folder = TempDir::new().unwrap();
    let mut daemon = TestDaemon::start(folder.path(), &[]).await;
    let error = SessionError::Refused {
        master: "m:5050".to_owned(),
        message: "Framework has been removed".to_owned(),
    };
    daemon.events.send(SchedulerEvent::Ended { error }).await.unwrap();
    let failure = daemon.daemon.failed().await;
    let text = format!("{:#}", failure.error);
    assert!(text.contains("-register_anew") && text.contains("Framework has been removed"), "{text}");
}

#[tokio::test]
async fn a_second_scheduler_on_the_same_journal_does_not_start() {
    let folder = TempDir::new().unwrap();
    let _first = TestDaemon::start(folder.path(), &[]).await;
    let flags = crate::testing::flags(folder.path(), &[]);
    let connect = |_| -> anyhow::Result<(crate::testing::RecordedCalls, _)> { panic!("must not get so far") };
    let Err(error) = super::Daemon::start(&flags, connect).await else { panic!("it started") };
    assert!(error.to_string().contains("another scheduler"), "{error}");
}

/// Breaks when anything leaves.
struct Broken;

impl crate::outbox::Outbox for Broken {
    fn release(&mut self, _: scheduler_core::Effect) {
        panic!("a broken invariant");
    }
}

#[tokio::test]
async fn sched_97_whatever_waits_is_handled_in_batches_until_it_is_done() {
    // Three requests at once: each is answered.
    let folder = TempDir::new().unwrap();
    let flags = ["-initial_schedule_penalty=1ms", "-max_schedule_penalty=2ms"];
    let daemon = TestDaemon::start(folder.path(), &flags).await;
    daemon.events.send(subscribed()).await.unwrap();
    let named = |name: &str| {
        let mut job = job(1);
        let description = job.description.as_mut().unwrap();
        for key in [&mut description.key, &mut description.task_config.as_mut().unwrap().job] {
            key.as_mut().unwrap().name = Some(name.to_owned());
        }
        job
    };
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let answers = tokio::join!(daemon.call(&a), daemon.call(&b), daemon.call(&c));
    for answer in [answers.0, answers.1, answers.2] {
        assert_eq!(answer.response_code, Some(ResponseCode::Ok));
    }
    // One that is done only after several attempts is done once.
    let tried = async |daemon: &TestDaemon| {
        let vars: serde_json::Value = serde_json::from_str(&daemon.get("/vars.json").await.1).unwrap();
        vars["schedule_attempts_fired"].as_u64() >= Some(9) && vars["driver_batch_events"].as_u64() >= Some(3)
    };
    daemon.wait_for("three attempts at each", tried).await;
    let offers = vec![offer("o1", "a1"), offer("o2", "a2"), offer("o3", "a3")];
    daemon.events.send(SchedulerEvent::Offers(offers)).await.unwrap();
    daemon
        .wait_for("all launches", async |daemon| {
            statuses(daemon).await.iter().all(|status| *status == ScheduleStatus::Assigned)
                && launch_count(daemon) >= 3
        })
        .await;
    assert_eq!(launch_count(&daemon), 3);

    // One that breaks ends the driver, and with it the daemon.
    let folder = TempDir::new().unwrap();
    let (journal, _) = crate::journal::LocalJournal::open(folder.path()).unwrap();
    let core = scheduler_core::Core::new(
        scheduler_core::CoreConfig::default(),
        scheduler_core::Identity { host: "here".into() },
        7,
    );
    let shell = Shell {
        journal,
        outbox: Broken,
        clock: SystemClock,
        views: std::sync::Arc::new(arc_swap::ArcSwap::from_pointee(core.view())),
        stats: Stats::default(),
        snapshots: SnapshotPolicy { records: 1000, interval: aurora_api::amounts::Millis::from_secs(3600) },
    };
    let driver = Driver::start(core, Batch::default(), shell).unwrap();
    let (supervisor, mut failures) = Supervisor::new();
    let (inputs, receiver) = input_queue();
    let _thread = spawn_driver(driver, receiver, Requests::new(inputs.clone()), supervisor).unwrap();
    inputs.send_now(scheduler_core::Input::Mesos(scheduler_core::MesosEvent::Offers(Vec::new())));
    inputs.send_now(scheduler_core::Input::Request(scheduler_core::Request {
        id: scheduler_core::RequestId(1),
        user: "u".into(),
        change: scheduler_core::Change::ReconcileImplicit,
    }));
    let failure = failures.recv().await.unwrap();
    assert_eq!(failure.part, "driver");
    assert!(failure.error.to_string().contains("invariant"), "{}", failure.error);
}

#[tokio::test]
async fn an_inverse_offer_is_accepted_and_its_agent_left() {
    let folder = TempDir::new().unwrap();
    let daemon = TestDaemon::start(folder.path(), &[]).await;
    daemon.events.send(subscribed()).await.unwrap();
    daemon.call(&job(1)).await;
    daemon.events.send(SchedulerEvent::Offers(vec![offer("o1", "a1")])).await.unwrap();
    let task = launched(&daemon).await.task_id.value;
    daemon.events.send(update(&task, "a1", TaskState::TaskRunning)).await.unwrap();
    let inverse = messages::InverseOffer {
        id: "i1".into(),
        agent_id: Some("a1".into()),
        ..messages::InverseOffer::default()
    };
    daemon.events.send(SchedulerEvent::InverseOffers(vec![inverse])).await.unwrap();
    daemon.wait_for("a kill", async |daemon| !calls(daemon, |call| call.kill.is_some()).is_empty()).await;
    let is_answer = |call: &Call| call.accept_inverse_offers.is_some();
    daemon.wait_for("an answer", async |daemon| !calls(daemon, is_answer).is_empty()).await;
    let accepted = calls(&daemon, |call| call.accept_inverse_offers.is_some()).remove(0);
    assert_eq!(accepted.accept_inverse_offers.unwrap().inverse_offer_ids, ["i1".into()]);
    assert_eq!(statuses(&daemon).await, [ScheduleStatus::Draining]);
}
