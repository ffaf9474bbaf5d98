//! The scheduler and executor sessions of `mesos-v1` against both clusters: the rows of `spec/mesos.md` §9 that need no
//! Aurora. What the embedded cluster does here, a real Mesos does too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::framework::{Framework, FrameworkBed, framework_info, task};
use e2e::{Backend, FINDS_MASTER_SOON, Signal, flags};
use mesos_v1::SchedulerEvent;
use mesos_v1::messages::scheduler::{Call, call};
use mesos_v1::messages::task_status::{Reason, Source};
use mesos_v1::messages::{AgentId, FrameworkInfo, TaskState, framework_info as info};

/// The executor of these tests: see its source for what the data of a task makes it do.
const EXECUTOR: &str = env!("CARGO_BIN_EXE_e2e-executor");

async fn start(backend: Backend) -> (FrameworkBed, Framework) {
    let bed = FrameworkBed::start(backend);
    let framework = bed.subscribe(None).await;
    (bed, framework)
}

async fn failure_status(framework: &mut Framework, executor_id: &str) -> Option<i32> {
    framework
        .next("the end of the executor", |event| match event {
            SchedulerEvent::Failure { executor_id: Some(id), status, .. } if id.value == executor_id => {
                Some(*status)
            }
            _ => None,
        })
        .await
}

async fn end_of(events: &mut tokio::sync::mpsc::Receiver<SchedulerEvent>) -> String {
    while let Some(event) = events.recv().await {
        if let SchedulerEvent::Ended { error } = event {
            return error.to_string();
        }
    }
    panic!("the session ended without a word");
}

async fn a_task_runs_is_reconciled_and_killed(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    assert_eq!((running.uuid().len(), running.source()), (16, Source::Executor));
    let known = framework.reconciled("a").await;
    assert_eq!((known.state(), known.uuid), (TaskState::TaskRunning, None));
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    assert_eq!(framework.update("a", TaskState::TaskKilled).await.message(), "asked to");
    assert_eq!(failure_status(&mut framework, "executor-a").await, Some(0));
}

async fn a_task_finishes(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"finish").await;
    framework.update("a", TaskState::TaskFinished).await;
}

async fn mesos_s9_a_second_subscription_takes_over(backend: Backend) {
    let (bed, mut first) = start(backend).await;
    let mut second = bed.subscribe(Some(first.id.clone())).await;
    assert_eq!(second.id, first.id);
    assert!(end_of(&mut first.events).await.contains("Framework failed over"));
    second.offer().await;
}

async fn mesos_s11_a_framework_that_was_torn_down_is_refused(backend: Backend) {
    let (bed, mut framework) = start(backend).await;
    framework.handle.send(Call::teardown()).unwrap();
    framework
        .next("the end of the stream", |event| match event {
            SchedulerEvent::Disconnected { .. } => Some(()),
            _ => None,
        })
        .await;
    let again = FrameworkInfo { id: Some(framework.id.clone()), ..framework_info() };
    let (_handle, mut events) = bed.session(again);
    assert!(end_of(&mut events).await.contains("Framework has been removed"));
}

async fn mesos_s14_an_offer_says_whose_resources_it_has(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    assert_eq!(offer.allocation_info, None);
    for resource in &offer.resources {
        assert_eq!((resource.role.as_deref(), &resource.allocation_info), (Some("*"), &None), "{resource:?}");
    }
    assert_eq!(offer.hostname, "agent-1");
    assert_eq!(offer.framework_id, framework.id);
    let attributes: Vec<&str> = offer.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(attributes, ["host", "rack"]);
    assert!(offer.url.is_some());
}

async fn mesos_s21_a_void_offer_loses_its_tasks(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let mut offer = framework.offer().await;
    offer.id = "no-such-offer".into();
    let task = task(EXECUTOR, &offer, "a", b"run");
    framework.handle.send(Call::accept(vec![offer.id], vec![task], 0.0)).unwrap();
    let lost = framework.update("a", TaskState::TaskLost).await;
    assert_eq!((lost.reason(), lost.source(), lost.uuid), (Reason::InvalidOffers, Source::Master, None));
}

async fn mesos_s23_a_task_that_asks_for_more_than_offered_is_an_error(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    let mut task = task(EXECUTOR, &offer, "a", b"run");
    task.resources[0].scalar.as_mut().unwrap().value = 4000.0;
    framework.handle.send(Call::accept(vec![offer.id], vec![task], 0.0)).unwrap();
    let error = framework.update("a", TaskState::TaskError).await;
    assert_eq!((error.reason(), error.uuid), (Reason::TaskInvalid, None));
}

async fn mesos_s28_an_acknowledgement_without_a_proper_uuid_is_refused(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let acknowledge =
        call::Acknowledge { agent_id: AgentId::from("x"), task_id: "a".into(), uuid: vec![0; 15] };
    let call = Call {
        r#type: Some(call::Type::Acknowledge.into()),
        acknowledge: Some(acknowledge),
        ..Call::default()
    };
    framework.handle.send(call).unwrap();
    let status = framework
        .next("the refusal", |event| match event {
            SchedulerEvent::CallFailed { error, .. } => Some(error.status()),
            _ => None,
        })
        .await;
    assert_eq!(status, Some(400));
}

async fn mesos_s30_implicit_reconciliation_tells_of_every_task(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    framework.update("a", TaskState::TaskRunning).await;
    framework.handle.send(Call::reconcile([])).unwrap();
    let known = framework.update_where("an answer", |it| it.reason() == Reason::Reconciliation).await;
    assert_eq!(
        (known.task_id.value.as_str(), known.state(), known.uuid),
        ("a", TaskState::TaskRunning, None)
    );
}

async fn mesos_s31_an_unknown_task_is_lost_or_unknown(backend: Backend) {
    let (bed, mut framework) = start(backend).await;
    framework.offer().await;
    assert_eq!(framework.reconciled("never").await.state(), TaskState::TaskLost);
    let aware = info::Capability { r#type: Some(info::capability::Type::PartitionAware.into()) };
    let mut aware = bed.subscribe_as(FrameworkInfo { capabilities: vec![aware], ..framework_info() }).await;
    assert_eq!(aware.reconciled("never").await.state(), TaskState::TaskUnknown);
}

async fn mesos_s32_the_kill_of_an_unknown_task_is_answered(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.offer().await;
    framework.handle.send(Call::kill("never".into(), None)).unwrap();
    let lost = framework.update("never", TaskState::TaskLost).await;
    assert_eq!(lost.reason(), Reason::Reconciliation);
}

async fn mesos_s33_a_task_is_killed_before_its_executor_subscribes(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch("exec sleep 3600", "a", b"run").await;
    // A real master answers an ACCEPT before it has carried it out, and a kill that overtakes it is of an unknown task.
    while framework.reconciled("a").await.state() == TaskState::TaskLost {}
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    let killed = framework.update("a", TaskState::TaskKilled).await;
    assert_eq!((killed.reason(), killed.source()), (Reason::TaskKilledDuringLaunch, Source::Agent));
}

async fn mesos_s35_an_executor_is_shut_down(backend: Backend) {
    // Time enough for it to say its last word.
    let bed =
        FrameworkBed::start_with_flags(backend, flags([("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "2mins")]));
    let mut framework = bed.subscribe(None).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    let shutdown =
        call::Shutdown { executor_id: "executor-a".into(), agent_id: running.agent_id.clone().unwrap() };
    let call =
        Call { r#type: Some(call::Type::Shutdown.into()), shutdown: Some(shutdown), ..Call::default() };
    framework.handle.send(call).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

async fn mesos_s36_an_executor_that_ends_takes_its_task_with_it(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"crash").await;
    // The two come in either order, so the one that comes first must not be passed over.
    let mut status = None;
    let mut failed = None;
    while status.is_none() || failed.is_none() {
        let (ended, update) = framework
            .next("the end of the executor", |event| match event {
                SchedulerEvent::Failure { status, .. } => Some((*status, None)),
                SchedulerEvent::Update(update) => Some((None, Some(update.clone()))),
                _ => None,
            })
            .await;
        status = status.or(ended);
        failed = failed.or(update);
    }
    // A raw wait status: exit code 3.
    assert_eq!(status, Some(3 << 8));
    let failed = failed.unwrap();
    assert_eq!((failed.state(), failed.reason()), (TaskState::TaskFailed, Reason::ExecutorTerminated));
    // The embedded cluster adds how it ended and where its output is.
    assert!(failed.message().starts_with("Executor terminated"), "{failed:?}");
    assert_eq!(failed.source(), Source::Agent);
}

async fn mesos_s37_messages_go_both_ways(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    let message = call::Message {
        agent_id: running.agent_id.clone().unwrap(),
        executor_id: "executor-a".into(),
        data: vec![0, 1, 255],
    };
    let call = Call { r#type: Some(call::Type::Message.into()), message: Some(message), ..Call::default() };
    framework.handle.send(call).unwrap();
    let data = framework
        .next("the executor's answer", |event| match event {
            SchedulerEvent::Message { data, .. } => Some(data.clone()),
            _ => None,
        })
        .await;
    assert_eq!(data, [0, 1, 255]);
}

async fn mesos_e11_a_fetch_that_fails_fails_the_task(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    let mut task = task(EXECUTOR, &offer, "a", b"run");
    let command = task.executor.as_mut().unwrap().command.as_mut().unwrap();
    let missing = "/no/such/file".to_owned();
    command.uris = vec![mesos_v1::messages::command_info::Uri { value: missing, ..Default::default() }];
    framework.handle.send(Call::accept(vec![offer.id], vec![task], 0.0)).unwrap();
    let failed = framework.update("a", TaskState::TaskFailed).await;
    assert_eq!(failed.reason(), Reason::ContainerLaunchFailed);
}

async fn a_task_survives_a_crash_of_the_master(backend: Backend) {
    let bed = FrameworkBed::start_with_flags(backend, flags([FINDS_MASTER_SOON]));
    let mut framework = bed.subscribe(None).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    framework.update("a", TaskState::TaskRunning).await;
    bed.cluster.stop("master", Signal::Kill);
    let reason = framework
        .next("the loss of the master", |event| match event {
            SchedulerEvent::Disconnected { reason } => Some(reason.to_string()),
            _ => None,
        })
        .await;
    assert!(reason.contains(&bed.cluster.master()), "{reason}");
    bed.cluster.start_again("master");
    assert_eq!(framework.subscribed().await, framework.id);
    // A new master answers only once the agent has come back to it.
    framework.offer().await;
    assert_eq!(framework.reconciled("a").await.state(), TaskState::TaskRunning);
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

async fn mesos_a2_a_task_survives_a_crash_of_its_agent(backend: Backend) {
    let (bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    bed.cluster.stop("1", Signal::Kill);
    bed.cluster.start_again("1");
    let known = framework.reconciled("a").await;
    assert_eq!((known.state(), known.agent_id), (TaskState::TaskRunning, running.agent_id));
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

e2e::on_both_clusters_async! {
    a_task_runs_is_reconciled_and_killed,
    a_task_finishes,
    mesos_s9_a_second_subscription_takes_over,
    mesos_s11_a_framework_that_was_torn_down_is_refused,
    mesos_s14_an_offer_says_whose_resources_it_has,
    mesos_s21_a_void_offer_loses_its_tasks,
    mesos_s23_a_task_that_asks_for_more_than_offered_is_an_error,
    mesos_s28_an_acknowledgement_without_a_proper_uuid_is_refused,
    mesos_s30_implicit_reconciliation_tells_of_every_task,
    mesos_s31_an_unknown_task_is_lost_or_unknown,
    mesos_s32_the_kill_of_an_unknown_task_is_answered,
    mesos_s33_a_task_is_killed_before_its_executor_subscribes,
    mesos_s35_an_executor_is_shut_down,
    mesos_s36_an_executor_that_ends_takes_its_task_with_it,
    mesos_s37_messages_go_both_ways,
    mesos_e11_a_fetch_that_fails_fails_the_task,
    a_task_survives_a_crash_of_the_master,
    mesos_a2_a_task_survives_a_crash_of_its_agent,
}

/// A bare container image has no CA certificates, and an executor in it needs none.
#[test]
fn an_executor_starts_where_there_are_no_certificates() {
    let output = std::process::Command::new(EXECUTOR)
        .env_clear()
        .envs([
            ("SSL_CERT_FILE", "/nonexistent/cert.pem"),
            ("SSL_CERT_DIR", "/nonexistent"),
            ("MESOS_FRAMEWORK_ID", "f"),
            ("MESOS_EXECUTOR_ID", "e"),
            ("MESOS_SLAVE_ID", "s"),
            // Nobody listens on the port that means nothing.
            ("MESOS_AGENT_ENDPOINT", "127.0.0.1:0"),
            ("MESOS_DIRECTORY", "/"),
            ("MESOS_CHECKPOINT", "0"),
        ])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("cannot reach the Mesos agent at 127.0.0.1:0"), "{complaint}");
}
