//! What the calls of a framework lead to, on both clusters: filters, suppression, repeated updates and kills, changes of
//! the framework, and authentication (`spec/mesos.md` §9).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use e2e::Backend;
use e2e::framework::{Framework, FrameworkBed, framework_info, task};
use mesos_v1::SchedulerEvent;
use mesos_v1::messages::scheduler::{Call, call};
use mesos_v1::messages::task_status::Reason;
use mesos_v1::messages::{Credential, FrameworkInfo, TaskInfo, TaskState, TaskStatus};

/// The executor of these tests: see its source for what the data of a task makes it do.
const EXECUTOR: &str = env!("CARGO_BIN_EXE_e2e-executor");

/// Masters allocate every 100 ms in these tests.
const ALLOCATION_CYCLES: Duration = Duration::from_secs(1);

/// An hour, in seconds.
const HOUR: f64 = 3600.0;

async fn start(backend: Backend) -> (FrameworkBed, Framework) {
    let bed = FrameworkBed::start(backend);
    let framework = bed.subscribe(None).await;
    (bed, framework)
}

fn of_type(kind: call::Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

/// Checks that no offers come for several of the master's allocation cycles.
async fn assert_no_offers(framework: &mut Framework) {
    let offers = async {
        while let Some(event) = framework.events.recv().await {
            if let SchedulerEvent::Offers(offers) = event {
                return offers;
            }
        }
        panic!("the session ended");
    };
    let came = tokio::time::timeout(ALLOCATION_CYCLES, offers).await;
    assert!(came.is_err(), "{came:?}");
}

/// The next update of a task, which stays unacknowledged.
async fn unacknowledged(framework: &mut Framework, task_id: &str) -> TaskStatus {
    framework
        .next("an update", |event| match event {
            SchedulerEvent::Update(status) if status.task_id.value == task_id => Some((**status).clone()),
            _ => None,
        })
        .await
}

async fn mesos_s17_how_long_a_declined_offer_stays_away(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    framework.handle.send(Call::decline(vec![offer.id], 0.0)).unwrap();
    let offer = framework.offer().await;
    // A negative filter counts as the default, 5 s.
    let declined = Instant::now();
    framework.handle.send(Call::decline(vec![offer.id], -1.0)).unwrap();
    let offer = framework.offer().await;
    let away = declined.elapsed();
    assert!(away >= Duration::from_millis(4500), "{away:?}");
    framework.handle.send(Call::decline(vec![offer.id], HOUR)).unwrap();
    assert_no_offers(&mut framework).await;
}

async fn mesos_s18_revive_ends_filters_and_suppression(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    framework.handle.send(Call::decline(vec![offer.id], HOUR)).unwrap();
    framework.handle.send(of_type(call::Type::Revive)).unwrap();
    let offer = framework.offer().await;
    framework.handle.send(of_type(call::Type::Suppress)).unwrap();
    // It is held still, and usable.
    let running = task(EXECUTOR, &offer, "a", b"run");
    framework.handle.send(Call::accept(vec![offer.id], vec![running], 0.0)).unwrap();
    framework.update("a", TaskState::TaskRunning).await;
    assert_no_offers(&mut framework).await;
    framework.handle.send(of_type(call::Type::Revive)).unwrap();
    framework.offer().await;
}

async fn mesos_s22_an_accept_without_operations_declines(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    let mut accept = Call::accept(vec![offer.id], Vec::new(), HOUR);
    accept.accept.as_mut().unwrap().operations.clear();
    framework.handle.send(accept).unwrap();
    assert_no_offers(&mut framework).await;
    framework.handle.send(of_type(call::Type::Revive)).unwrap();
    framework.offer().await;
}

async fn mesos_s24_a_bad_task_is_an_error_and_the_others_run(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let offer = framework.offer().await;
    let long = "x".repeat(256);
    let mut tasks: Vec<TaskInfo> =
        ["", "a/b", "..", &long].iter().map(|id| task(EXECUTOR, &offer, id, b"run")).collect();
    tasks.push(TaskInfo { agent_id: "elsewhere".into(), ..task(EXECUTOR, &offer, "elsewhere", b"run") });
    let command = tasks[0].executor.as_ref().unwrap().command.clone();
    tasks.push(TaskInfo { command, ..task(EXECUTOR, &offer, "both", b"run") });
    tasks.push(TaskInfo { executor: None, ..task(EXECUTOR, &offer, "neither", b"run") });
    tasks.insert(0, task(EXECUTOR, &offer, "good", b"run"));
    tasks.push(task(EXECUTOR, &offer, "good", b"run"));
    let bad: Vec<String> = tasks[1..].iter().map(|task| task.task_id.value.clone()).collect();
    framework.handle.send(Call::accept(vec![offer.id], tasks, 0.0)).unwrap();
    for id in bad {
        let error = framework.update(&id, TaskState::TaskError).await;
        assert_eq!(error.reason(), Reason::TaskInvalid, "{error:?}");
    }
    framework.update("good", TaskState::TaskRunning).await;
}

async fn mesos_s27_an_update_comes_again_until_it_is_acknowledged(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    // From before the first update: however late the test reads each of them, none can come too soon.
    let began = Instant::now();
    framework.launch(EXECUTOR, "a", b"run").await;
    let first = unacknowledged(&mut framework, "a").await;
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    // The executor has been killed meanwhile, which is not told before its first update is acknowledged.
    let again = unacknowledged(&mut framework, "a").await;
    let waited = began.elapsed();
    assert_eq!((again.state(), &again.uuid), (TaskState::TaskRunning, &first.uuid));
    // After 10 s.
    assert!(waited >= Duration::from_millis(9900), "{waited:?}");
    // The wait doubles each time: after 20 s more.
    let again = unacknowledged(&mut framework, "a").await;
    let waited = began.elapsed();
    assert_eq!((again.state(), &again.uuid), (TaskState::TaskRunning, &first.uuid));
    assert!(waited >= Duration::from_millis(29_800), "{waited:?}");
    framework.handle.send(Call::acknowledge(&again).unwrap()).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

async fn mesos_s34_a_kill_may_be_repeated_and_needs_the_right_agent(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    framework.update("a", TaskState::TaskRunning).await;
    framework.handle.send(Call::kill("a".into(), Some("no-such-agent".into()))).unwrap();
    assert_eq!(framework.reconciled("a").await.state(), TaskState::TaskRunning);
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

async fn mesos_s38_a_framework_may_change_its_name_but_not_its_user(backend: Backend) {
    let (_bed, mut framework) = start(backend).await;
    let renamed =
        FrameworkInfo { id: Some(framework.id.clone()), name: "another".to_owned(), ..framework_info() };
    let update = |framework_info: FrameworkInfo| Call {
        update_framework: Some(call::UpdateFramework { framework_info, ..call::UpdateFramework::default() }),
        ..of_type(call::Type::UpdateFramework)
    };
    let other_user = FrameworkInfo { user: "somebody-else".to_owned(), ..renamed.clone() };
    framework.handle.send(update(renamed)).unwrap();
    framework.handle.send(update(other_user)).unwrap();
    // Calls are answered in order, so the first was taken if the failure is that of the second.
    let (user, status) = framework
        .next("the refusal", |event| match event {
            SchedulerEvent::CallFailed { call, error } => {
                let user = call.update_framework.as_ref().map(|update| update.framework_info.user.clone());
                Some((user, error.status()))
            }
            _ => None,
        })
        .await;
    assert_eq!((user.as_deref(), status), (Some("somebody-else"), Some(400)));
}

async fn mesos_s39_only_who_proves_who_he_is_gets_in(backend: Backend) {
    let bed = FrameworkBed::start_guarded(backend, "aurora", "open");
    let credential =
        |secret: &str| Some(Credential { principal: "aurora".to_owned(), secret: Some(secret.to_owned()) });
    for (credential, who) in
        [(credential("wrong"), "principal \"aurora\""), (None, "a framework without credentials")]
    {
        let (_handle, mut events) = bed.session_with(credential);
        let error = loop {
            match events.recv().await.unwrap() {
                SchedulerEvent::Ended { error } => break error,
                SchedulerEvent::Connecting { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        assert!(error.to_string().contains(&format!("refuses {who}")), "{error}");
        assert!(error.to_string().contains(&bed.cluster.master()), "{error}");
    }
    let (handle, events) = bed.session_with(credential("open"));
    let mut framework = Framework { handle, events, id: "".into() };
    framework.subscribed().await;
    framework.launch(EXECUTOR, "a", b"finish").await;
    framework.update("a", TaskState::TaskFinished).await;
}

e2e::on_both_clusters_async! {
    mesos_s17_how_long_a_declined_offer_stays_away,
    mesos_s18_revive_ends_filters_and_suppression,
    mesos_s22_an_accept_without_operations_declines,
    mesos_s24_a_bad_task_is_an_error_and_the_others_run,
    mesos_s27_an_update_comes_again_until_it_is_acknowledged,
    mesos_s34_a_kill_may_be_repeated_and_needs_the_right_agent,
    mesos_s38_a_framework_may_change_its_name_but_not_its_user,
    mesos_s39_only_who_proves_who_he_is_gets_in,
}
