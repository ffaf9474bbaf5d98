//! The executor API: E1 to E13.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use e2e::framework::{FrameworkBed, framework_info, task};
use e2e::wire::*;
use e2e::{Backend, Signal, WAITS_FOR_EXECUTORS, processes};
use mesos_v1::messages as v1;
use mesos_v1::messages::executor::call;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use mesos_v1::messages::scheduler::{self, Call, event};

use v1::TaskState::*;
use v1::task_status::{Reason, Source};

/// An executor on the session of `mesos-v1`.
const EXECUTOR: &str = env!("CARGO_BIN_EXE_e2e-executor");

/// One task on an executor that the test speaks for, which has not subscribed yet.
async fn launch(backend: Backend, info: v1::FrameworkInfo) -> (FrameworkBed, WireScheduler, v1::Offer) {
    launch_with(backend, info, Vec::new()).await
}

async fn launch_with(
    backend: Backend,
    info: v1::FrameworkInfo,
    flags: Vec<(&'static str, String)>,
) -> (FrameworkBed, WireScheduler, v1::Offer) {
    let bed = FrameworkBed::start_with_flags(backend, flags);
    let mut scheduler = WireScheduler::subscribe(&bed, info).await;
    let offer = scheduler.offer().await;
    scheduler.accept(&[&offer], vec![task(QUIET, &offer, "t", b"")], 3600.0).await;
    (bed, scheduler, offer)
}

async fn mesos_e1_subscribed_comes_first_and_then_the_task(backend: Backend) {
    let (bed, scheduler, offer) = launch(backend, framework_info()).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    let subscribed = executor.subscribe().await;
    assert_eq!(subscribed.framework_info.id, Some(scheduler.id.clone()));
    assert_eq!(subscribed.executor_info.executor_id, executor.id);
    assert_eq!(subscribed.agent_info.id, Some(offer.agent_id));
    assert!(subscribed.container_id.is_some());
    let task = executor.launched().await;
    assert!(task.resources.iter().all(|one| one.allocation_info.is_some() && one.role.is_none()), "{task:?}");
    assert_eq!(task.executor.unwrap().framework_id, Some(scheduler.id));
}

async fn mesos_e2_an_update_is_checked(backend: Backend) {
    let (bed, scheduler, _) = launch(backend, framework_info()).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    let running = || executor.status("t", TaskRunning);
    let bad = [
        v1::TaskStatus { source: None, ..running() },
        v1::TaskStatus { source: Some(Source::Master.into()), ..running() },
        v1::TaskStatus { uuid: None, ..running() },
        v1::TaskStatus { uuid: Some(vec![0; 16]), ..running() },
        v1::TaskStatus { executor_id: Some("other".into()), ..running() },
        executor.status("t", TaskStaging),
    ];
    for status in bad {
        assert_eq!(executor.post_status(status.clone()).await, 400, "{status:?}");
    }
}

async fn mesos_e3_the_agent_acknowledges_whatever_the_scheduler_does(backend: Backend) {
    let (bed, mut scheduler, _) = launch(backend, framework_info()).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("t", TaskStarting).await;
    executor.update("t", TaskRunning).await;
    assert_eq!(executor.post(&executor.call_of(call::Type::Heartbeat)).await.status(), 202);
    let status = scheduler.update().await;
    assert_eq!((status.state(), status.source()), (TaskStarting, Source::Executor));
    let container = status.container_status.unwrap();
    assert!(container.executor_pid.is_some() && container.container_id.is_some());
    assert_eq!(container.network_infos[0].ip_addresses[0].ip_address.as_deref(), Some("127.0.0.1"));
}

async fn mesos_e4_updates_out_of_turn(backend: Backend) {
    let (bed, scheduler, _) = launch(backend, framework_info()).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    let running = |executor: &WireExecutor| executor.status("t", TaskRunning);
    wait_for("the executor to be known", async || executor.post_status(running(&executor)).await == 403)
        .await;
    let stranger = WireExecutor::of(&bed, &scheduler, "stranger");
    assert_eq!(stranger.post_status(running(&stranger)).await, 400);
    executor.subscribe().await;
    executor.launched().await;
    executor.update("t", TaskRunning).await;
    bed.cluster.stop("1", Signal::Kill);
    let mut start = bed.cluster.begin_start("1", &[WAITS_FOR_EXECUTORS]);
    wait_for("the agent's recovery", async || executor.try_status(running(&executor)).await == Some(503))
        .await;
    executor.subscribe().await;
    assert!(start.wait().unwrap().success());
}

async fn mesos_e5_an_update_sent_twice_is_acknowledged_twice_and_forwarded_once(backend: Backend) {
    let (bed, mut scheduler, _) = launch(backend, framework_info()).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    let status = executor.update("t", TaskRunning).await;
    assert_eq!(scheduler.taken("t", TaskRunning).await.uuid, status.uuid);
    executor.subscribe_with(Vec::new(), vec![status.clone()]).await;
    let mut acknowledged = None;
    while acknowledged.is_none() {
        acknowledged = executor.next().await.acknowledged;
    }
    assert_eq!(Some(acknowledged.unwrap().uuid), status.uuid);
    scheduler.assert_none(event::Type::Update).await;
}

async fn mesos_e6_a_task_that_a_returning_executor_does_not_know_is_dropped(backend: Backend) {
    for (info, state) in [(framework_info(), TaskLost), (aware(), TaskDropped)] {
        let (bed, mut scheduler, _) = launch(backend, info).await;
        let mut executor = WireExecutor::of(&bed, &scheduler, "t");
        executor.subscribe().await;
        executor.launched().await;
        executor.subscribe_with(Vec::new(), Vec::new()).await;
        assert_eq!(scheduler.taken("t", state).await.reason(), Reason::AgentRestarted);
        assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    }
}

async fn mesos_e7_an_executor_that_never_subscribes(backend: Backend) {
    let flags = vec![("MESOS_EXECUTOR_REGISTRATION_TIMEOUT", "2secs".to_owned())];
    let (bed, mut scheduler, offer) = launch_with(backend, framework_info(), flags).await;
    let failed = scheduler.taken("t", TaskFailed).await;
    assert_eq!(failed.reason(), Reason::ExecutorRegistrationTimeout);
    let folder = sandbox(&bed, &offer, &scheduler, "t");
    wait_for("the end of the container", async || processes::below(&folder).is_empty()).await;
}

async fn mesos_e8_an_executor_whose_task_was_killed_is_only_told_to_end(backend: Backend) {
    let (bed, mut scheduler, offer) = launch(backend, framework_info()).await;
    let folder = sandbox(&bed, &offer, &scheduler, "t");
    wait_for("the executor", async || !processes::below(&folder).is_empty()).await;
    scheduler.call(Call::kill("t".into(), None)).await;
    assert_eq!(scheduler.taken("t", TaskKilled).await.reason(), Reason::TaskKilledDuringLaunch);
    let mut executor = WireExecutor::of(&bed, &scheduler, "t");
    executor.subscribe_with(Vec::new(), Vec::new()).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    wait_for("the end of the container", async || processes::below(&folder).is_empty()).await;
}

async fn mesos_e9_an_executor_that_ignores_its_shutdown_is_killed(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let (offer, mut executor) = run_one(&bed, &mut scheduler, "t").await;
    let folder = sandbox(&bed, &offer, &scheduler, "t");
    let shutdown =
        scheduler::call::Shutdown { executor_id: executor.id.clone(), agent_id: offer.agent_id.clone() };
    let told = Instant::now();
    scheduler.call(Call { shutdown: Some(shutdown), ..call_of(scheduler::call::Type::Shutdown) }).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
    let grace = told.elapsed();
    assert_eq!((failure.executor_id, failure.status), (Some(executor.id.clone()), Some(9)));
    // The clusters of these tests give 3 s.
    assert!(grace >= Duration::from_millis(2800), "{grace:?}");
    assert_eq!(scheduler.taken("t", TaskFailed).await.reason(), Reason::ExecutorTerminated);
    assert!(processes::below(&folder).is_empty());
}

async fn mesos_e10_the_environment_of_an_executor(backend: Backend) {
    for checkpoint in [true, false] {
        let bed = FrameworkBed::start(backend);
        let info = v1::FrameworkInfo { checkpoint: Some(checkpoint), ..framework_info() };
        let mut scheduler = WireScheduler::subscribe(&bed, info).await;
        let offer = scheduler.offer().await;
        let mut launched = task("env > env.txt; pwd -P > pwd.txt; exec sleep 3600", &offer, "t", b"");
        let own =
            v1::environment::Variable { name: "OWN".into(), value: Some("x".into()), ..Default::default() };
        launched.executor.as_mut().unwrap().command.as_mut().unwrap().environment =
            Some(v1::Environment { variables: vec![own] });
        scheduler.accept(&[&offer], vec![launched], 3600.0).await;
        let folder = sandbox(&bed, &offer, &scheduler, "t");
        wait_for("what the executor writes", async || {
            std::fs::read_to_string(folder.join("pwd.txt")).is_ok_and(|text| text.ends_with('\n'))
        })
        .await;
        let real = folder.canonicalize().unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("pwd.txt")).unwrap().trim(), real.to_str().unwrap());
        let environment = std::fs::read_to_string(folder.join("env.txt")).unwrap();
        let agent = bed.cluster.agent(1);
        let mut wanted = vec![
            format!("MESOS_FRAMEWORK_ID={}", scheduler.id),
            "MESOS_EXECUTOR_ID=executor-t".to_owned(),
            format!("MESOS_SLAVE_ID={}", offer.agent_id),
            format!("MESOS_SLAVE_PID=slave(1)@{agent}"),
            format!("MESOS_AGENT_ENDPOINT={agent}"),
            format!("MESOS_DIRECTORY={}", real.display()),
            format!("MESOS_SANDBOX={}", real.display()),
            format!("MESOS_CHECKPOINT={}", u8::from(checkpoint)),
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=3secs".to_owned(),
            "OWN=x".to_owned(),
        ];
        let recovery =
            ["MESOS_RECOVERY_TIMEOUT=15mins".to_owned(), "MESOS_SUBSCRIPTION_BACKOFF_MAX=8secs".to_owned()];
        if checkpoint {
            wanted.extend(recovery);
        } else {
            assert!(!environment.contains("MESOS_RECOVERY_TIMEOUT"), "{environment}");
            assert!(!environment.contains("MESOS_SUBSCRIPTION_BACKOFF_MAX"), "{environment}");
        }
        for line in wanted {
            assert!(environment.lines().any(|one| one == line), "{line} is not in\n{environment}");
        }
        assert!(environment.lines().any(|line| line.starts_with("PATH=/")), "{environment}");
    }
}

/// The real Mesos of these tests has a stand-in for its fetcher. That a failed fetch fails the task is in `sessions.rs`.
async fn mesos_e11_a_command_and_its_files(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let folder = bed.cluster.directory();
    // Only root can run a command as somebody else, who must reach the sandbox then.
    let own = e2e::current_user();
    let user = if own == "root" { "nobody".to_owned() } else { own };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    let program = folder.join("program.sh");
    let text = "#!/bin/sh\necho \"$*: $(cat packed.txt) $(id -un)\" > ran.txt.new\nmv ran.txt.new ran.txt\n\
                exec sleep 3600\n";
    std::fs::write(&program, text).unwrap();
    std::fs::write(folder.join("packed.txt"), "unpacked").unwrap();
    let packed = std::process::Command::new("tar")
        .args(["-czf", "packed.tar.gz", "packed.txt"])
        .current_dir(folder)
        .status()
        .unwrap();
    assert!(packed.success());
    let uri = |value: String| v1::command_info::Uri { value, ..Default::default() };
    let mut launched = task(QUIET, &offer, "t", b"");
    launched.executor.as_mut().unwrap().command = Some(v1::CommandInfo {
        uris: vec![
            v1::command_info::Uri {
                executable: Some(true),
                output_file: Some("go".to_owned()),
                ..uri(format!("file://{}", program.display()))
            },
            uri(folder.join("packed.tar.gz").display().to_string()),
        ],
        user: Some(user.clone()),
        shell: Some(false),
        value: Some("./go".to_owned()),
        arguments: vec!["./go".to_owned(), "one two".to_owned()],
        ..v1::CommandInfo::default()
    });
    scheduler.accept(&[&offer], vec![launched], 3600.0).await;
    let ran = sandbox(&bed, &offer, &scheduler, "t").join("ran.txt");
    wait_for("the program", async || ran.exists()).await;
    assert_eq!(std::fs::read_to_string(ran).unwrap(), format!("one two: unpacked {user}\n"));
}

async fn mesos_e12_two_tasks_on_one_executor(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut scheduler = WireScheduler::subscribe(&bed, framework_info()).await;
    let offer = scheduler.offer().await;
    let first = task(QUIET, &offer, "a", b"");
    let second = v1::TaskInfo { task_id: "b".into(), ..first.clone() };
    scheduler.accept(&[&offer], vec![first, second], 3600.0).await;
    let mut executor = WireExecutor::of(&bed, &scheduler, "a");
    executor.subscribe().await;
    assert_eq!(executor.launched().await.task_id, "a".into());
    assert_eq!(executor.launched().await.task_id, "b".into());
    let url = format!("http://{}/slaves", bed.cluster.master());
    let text = client().get(url).send().await.unwrap().text().await.unwrap();
    let slaves: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(slaves["slaves"][0]["used_resources"]["cpus"], 1.1);
    // One run, and the link to it.
    let runs = sandbox(&bed, &offer, &scheduler, "a").parent().unwrap().to_owned();
    assert_eq!(std::fs::read_dir(runs).unwrap().count(), 2);
}

async fn mesos_e13_executors_outlive_their_agent_if_they_are_checkpointed(backend: Backend) {
    for checkpoint in [true, false] {
        let bed = FrameworkBed::start(backend);
        let info = v1::FrameworkInfo { checkpoint: Some(checkpoint), ..framework_info() };
        let mut scheduler = WireScheduler::subscribe(&bed, info).await;
        let offer = scheduler.offer().await;
        let own = task(EXECUTOR, &offer, "t", b"run");
        scheduler.accept(&[&offer], vec![own], 3600.0).await;
        scheduler.taken("t", TaskRunning).await;
        let folder = sandbox(&bed, &offer, &scheduler, "t");
        let before = processes::below(&folder).len();
        bed.cluster.stop("1", Signal::Kill);
        if checkpoint {
            tokio::time::sleep(SILENCE * 3).await;
            assert_eq!(processes::below(&folder).len(), before);
            bed.cluster.start_again("1");
            scheduler.call(Call::kill("t".into(), None)).await;
            scheduler.taken("t", TaskKilled).await;
        } else {
            let lost = scheduler.taken("t", TaskLost).await;
            assert_eq!(lost.reason(), Reason::AgentDisconnected);
            wait_for("the executor's end", async || processes::below(&folder).is_empty()).await;
        }
    }
}

e2e::on_both_clusters_async! {
    mesos_e1_subscribed_comes_first_and_then_the_task,
    mesos_e2_an_update_is_checked,
    mesos_e3_the_agent_acknowledges_whatever_the_scheduler_does,
    mesos_e4_updates_out_of_turn,
    mesos_e5_an_update_sent_twice_is_acknowledged_twice_and_forwarded_once,
    mesos_e6_a_task_that_a_returning_executor_does_not_know_is_dropped,
    mesos_e7_an_executor_that_never_subscribes,
    mesos_e8_an_executor_whose_task_was_killed_is_only_told_to_end,
    mesos_e9_an_executor_that_ignores_its_shutdown_is_killed,
    mesos_e10_the_environment_of_an_executor,
    mesos_e11_a_command_and_its_files,
    mesos_e12_two_tasks_on_one_executor,
    mesos_e13_executors_outlive_their_agent_if_they_are_checkpointed,
}
