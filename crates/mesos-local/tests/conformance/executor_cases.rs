//! The executor API: E1 to E12, A1.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mesos_v1::messages as v1;
use mesos_v1::messages::executor::{call, event};
use mesos_v1::messages::scheduler;
use prost::Message as _;

use crate::harness::*;

use v1::TaskState::*;
use v1::task_status::Reason;

#[tokio::test]
async fn mesos_e1_subscribed_comes_first_and_then_the_task() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    let subscribed = executor.subscribe().await;
    assert_eq!(subscribed.framework_info.id, Some(scheduler.id.clone()));
    assert_eq!(subscribed.executor_info.executor_id, executor.executor_id);
    assert_eq!(subscribed.agent_info.id, Some(offer.agent_id));
    assert!(subscribed.container_id.is_some());
    let task = executor.launched().await;
    assert!(task.resources.iter().all(|one| one.allocation_info.is_some() && one.role.is_none()));
    assert_eq!(task.executor.unwrap().framework_id, Some(scheduler.id));
}

#[tokio::test]
async fn mesos_e2_e3_e4_updates_and_their_refusals() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    let running = |executor: &Executor| executor.status("t", TaskRunning);
    wait_for("the executor to be known", async || executor.post_status(running(&executor)).await == 403)
        .await;
    let stranger = Executor::new(&cluster, 1, &scheduler, "stranger");
    assert_eq!(stranger.post_status(running(&stranger)).await, 400);
    executor.subscribe().await;
    executor.launched().await;
    let bad = [
        v1::TaskStatus { source: None, ..running(&executor) },
        v1::TaskStatus { source: Some(0), ..running(&executor) },
        v1::TaskStatus { uuid: None, ..running(&executor) },
        v1::TaskStatus { uuid: Some(vec![0; 16]), ..running(&executor) },
        v1::TaskStatus { executor_id: Some("other".into()), ..running(&executor) },
        executor.status("t", TaskStaging),
    ];
    for status in bad {
        assert_eq!(executor.post_status(status).await, 400);
    }
    // Acknowledged by the agent, whatever the scheduler does.
    executor.update("t", TaskRunning).await;
    let heartbeat = executor.call_of(call::Type::Heartbeat);
    assert_eq!(executor.post(&heartbeat).await.status(), 202);
    let status = scheduler.update().await;
    assert_eq!(status.state(), TaskRunning);
    let container = status.container_status.unwrap();
    assert!(container.executor_pid.is_some() && container.container_id.is_some());
    assert_eq!(container.network_infos[0].ip_addresses[0].ip_address.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn mesos_e5_an_update_sent_twice_is_acknowledged_twice_and_forwarded_once() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let status = executor.update("t", TaskFinished).await;
    scheduler.taken(TaskFinished).await;
    executor.subscribe_only(vec![], vec![status.clone()]).await;
    let event = executor.next().await;
    // The task is forgotten by now, or not: never is the update forwarded again as news.
    if let Some(acknowledged) = event.acknowledged {
        assert_eq!(Some(acknowledged.uuid), status.uuid);
    }
}

#[tokio::test]
async fn mesos_e6_a_delivered_task_that_the_executor_does_not_know_is_dropped() {
    let cluster = Cluster::start(1).await;
    for (id, info, state) in [("lost", framework(), TaskLost), ("dropped", aware(), TaskDropped)] {
        let mut scheduler = Scheduler::subscribe(&cluster, info).await;
        let offer = scheduler.offer().await;
        scheduler.launch(&offer, vec![task(&offer, id)]).await;
        let mut executor = Executor::new(&cluster, 1, &scheduler, id);
        executor.subscribe().await;
        executor.launched().await;
        executor.subscribe_only(vec![], vec![]).await;
        let status = scheduler.taken(state).await;
        assert_eq!(status.reason(), Reason::AgentRestarted);
        assert_eq!(executor.next().await.r#type(), event::Type::Shutdown);
        scheduler.call(scheduler::Call::teardown()).await;
    }
}

#[tokio::test]
async fn mesos_e7_an_executor_that_never_subscribes() {
    let cluster =
        Cluster::tuned(1, |_| {}, |agent| agent.executor_registration_timeout = Duration::from_millis(300))
            .await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let status = scheduler.taken(TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorRegistrationTimeout);
    assert!(status.message().starts_with("Executor did not register within 300ms"), "{}", status.message());
    assert!(processes_in(&sandbox(&cluster, &offer, &scheduler, "t")).is_empty());
}

#[tokio::test]
async fn mesos_e10_a1_environment_and_sandbox() {
    let as_usual = |agent: &mut mesos_local::agent::AgentConfig| {
        agent.executor_reregistration_timeout = Duration::from_secs(2);
    };
    let cluster = Cluster::tuned(1, |_| {}, as_usual).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let mut launched =
        task_with(&offer, "t", "echo out; echo err >&2; env > env.txt; pwd -P > pwd.txt; exec sleep 3600");
    let variable =
        v1::environment::Variable { name: "OWN".into(), value: Some("x".into()), ..Default::default() };
    launched.executor.as_mut().unwrap().command.as_mut().unwrap().environment =
        Some(v1::Environment { variables: vec![variable] });
    scheduler.launch(&offer, vec![launched]).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    wait_for("the executor's output", async || {
        std::fs::read_to_string(folder.join("pwd.txt")).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    let real = folder.canonicalize().unwrap();
    let environment = std::fs::read_to_string(folder.join("env.txt")).unwrap();
    let agent = cluster.agent(1).address;
    for line in [
        format!("MESOS_FRAMEWORK_ID={}", scheduler.id),
        "MESOS_EXECUTOR_ID=executor-t".to_owned(),
        format!("MESOS_SLAVE_ID={}", offer.agent_id),
        format!("MESOS_SLAVE_PID=slave(1)@{agent}"),
        format!("MESOS_AGENT_ENDPOINT={agent}"),
        format!("MESOS_DIRECTORY={}", real.display()),
        format!("MESOS_SANDBOX={}", real.display()),
        "MESOS_CHECKPOINT=1".to_owned(),
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs".to_owned(),
        "MESOS_RECOVERY_TIMEOUT=15mins".to_owned(),
        "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs".to_owned(),
        "OWN=x".to_owned(),
    ] {
        assert!(environment.lines().any(|one| one == line), "{line} is not in\n{environment}");
    }
    assert!(environment.lines().any(|line| line.starts_with("PATH=/")));
    assert!(!environment.contains("CARGO"), "the agent's own environment stays with it");
    assert_eq!(std::fs::read_to_string(folder.join("pwd.txt")).unwrap().trim(), real.display().to_string());
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(std::fs::read_to_string(folder.join("stdout")).unwrap(), "out\n");
    assert_eq!(std::fs::read_to_string(folder.join("stderr")).unwrap(), "err\n");
    assert!(std::fs::symlink_metadata(&folder).unwrap().is_symlink());
}

#[tokio::test]
async fn mesos_e11_commands_and_uris() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let program = cluster.dir.path().join("program.sh");
    std::fs::write(&program, "#!/bin/sh\necho \"$0 $*\" > ran.txt\nexec sleep 3600\n").unwrap();
    let mut own = task(&offer, "own");
    own.executor.as_mut().unwrap().command = Some(v1::CommandInfo {
        uris: vec![v1::command_info::Uri {
            value: format!("file://{}", program.display()),
            executable: Some(true),
            output_file: Some("go".into()),
            ..Default::default()
        }],
        shell: Some(false),
        value: Some("./go".into()),
        arguments: vec!["./go".into(), "one two".into()],
        ..Default::default()
    });
    let mut bad = task(&offer, "bad");
    bad.executor.as_mut().unwrap().command.as_mut().unwrap().uris =
        vec![v1::command_info::Uri { value: "/no/such/file".into(), ..Default::default() }];
    scheduler.launch(&offer, vec![own, bad]).await;
    let status = scheduler.taken(TaskFailed).await;
    assert_eq!(status.reason(), Reason::ContainerLaunchFailed);
    assert!(
        status.message().contains("/no/such/file") && status.message().contains("executor-bad"),
        "{status:?}"
    );
    let folder = sandbox(&cluster, &offer, &scheduler, "own");
    wait_for("the program", async || {
        std::fs::read_to_string(folder.join("ran.txt")).is_ok_and(|text| text == "./go one two\n")
    })
    .await;
}

#[tokio::test]
async fn mesos_e12_two_tasks_on_one_executor() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let first = task(&offer, "a");
    let second = v1::TaskInfo { task_id: "b".into(), ..first.clone() };
    scheduler.launch(&offer, vec![first, second]).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "a");
    executor.subscribe().await;
    assert_eq!(executor.launched().await.task_id, "a".into());
    assert_eq!(executor.launched().await.task_id, "b".into());
    let used = &cluster.view("/slaves").await["slaves"][0]["used_resources"];
    assert_eq!(used["cpus"], 1.1);
    assert_eq!(
        std::fs::read_dir(sandbox(&cluster, &offer, &scheduler, "a").parent().unwrap()).unwrap().count(),
        2
    );
}

#[tokio::test]
async fn refusals_of_the_executor_api() {
    let cluster = Cluster::start(1).await;
    let url = format!("http://{}/slave(1)/api/v1/executor", cluster.agent(1).address);
    let client = client();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 405);
    assert_eq!(client.post(&url).body("x").send().await.unwrap().status(), 400);
    let json = client.post(&url).header("Content-Type", "text/plain").body("{}").send().await.unwrap();
    assert_eq!(json.status(), 415);
    let empty = v1::executor::Call { r#type: Some(call::Type::Subscribe.into()), ..Default::default() };
    assert_eq!(post(&client, &url, None, empty.encode_to_vec()).await.status(), 400);
}
