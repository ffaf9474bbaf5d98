//! Updates, acknowledgements, kills, reconciliation and messages: S28 to S37.

use mesos_v1::messages as v1;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use mesos_v1::messages::scheduler::{self, call, event};

use crate::harness::*;

use v1::TaskState::*;
use v1::task_status::{Reason, Source};

#[tokio::test]
async fn mesos_s28_acknowledgements_that_fit_nothing() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    executor.update("t", TaskFinished).await;
    let status = scheduler.update().await;
    let ack = |uuid: Vec<u8>| scheduler::Call {
        acknowledge: Some(call::Acknowledge { agent_id: offer.agent_id.clone(), task_id: "t".into(), uuid }),
        ..call_of(call::Type::Acknowledge)
    };
    assert_eq!(scheduler.call(ack(uuid::Uuid::new_v4().into_bytes().to_vec())).await, 202);
    assert_eq!(scheduler.call(ack(vec![1; 15])).await, 400);
    assert_eq!(scheduler.call(ack(vec![0xff; 16])).await, 400);
    assert_eq!(cluster.view("/tasks").await["tasks"][0]["state"], "TASK_FINISHED");
    scheduler.acknowledge(&status).await;
    assert_eq!(cluster.view("/tasks").await["tasks"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn mesos_s27_the_next_update_waits_for_the_acknowledgement() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("t", TaskStarting).await;
    executor.update("t", TaskRunning).await;
    let first = scheduler.update().await;
    assert_eq!(first.state(), TaskStarting);
    scheduler.assert_silent().await;
    scheduler.acknowledge(&first).await;
    scheduler.taken(TaskRunning).await;
}

#[tokio::test]
async fn mesos_s29_an_id_is_free_after_the_last_acknowledgement() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    executor.update("t", TaskFinished).await;
    let status = scheduler.update().await;
    let offer = scheduler.offer().await;
    scheduler.call(scheduler::Call::accept(vec![offer.id.clone()], vec![task(&offer, "t")], 0.0)).await;
    let refused = scheduler.update().await;
    assert_eq!(refused.state(), TaskError);
    assert!(refused.message().starts_with("Task has duplicate ID"), "{}", refused.message());
    scheduler.acknowledge(&status).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    assert_eq!(executor.launched().await.task_id, "t".into());
}

#[tokio::test]
async fn mesos_s30_implicit_reconciliation() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, executor) = run_one(&cluster, &mut scheduler, "t").await;
    scheduler.call(scheduler::Call::reconcile([])).await;
    let status = scheduler.update().await;
    assert_eq!(
        (status.state(), status.reason(), status.source()),
        (TaskRunning, Reason::Reconciliation, Source::Master)
    );
    assert_eq!((status.uuid, status.agent_id), (None, Some(offer.agent_id)));
    assert_eq!(status.executor_id, Some(executor.executor_id));
    assert_eq!(status.message.as_deref(), Some("Reconciliation: Latest task state"));
}

#[tokio::test]
async fn mesos_s31_s32_explicit_reconciliation_and_kills_of_unknown_tasks() {
    let cluster = Cluster::start(1).await;
    for (info, unknown, gone) in [(framework(), TaskLost, TaskLost), (aware(), TaskUnknown, TaskGone)] {
        let mut scheduler = Scheduler::subscribe(&cluster, info).await;
        let agent = cluster.agent(1).registered().await;
        scheduler
            .call(scheduler::Call::reconcile([("x".into(), None), ("y".into(), Some(agent.clone()))]))
            .await;
        let status = scheduler.update().await;
        assert_eq!((status.task_id.value.as_str(), status.state()), ("x", unknown));
        let status = scheduler.update().await;
        assert_eq!((status.task_id.value.as_str(), status.state()), ("y", gone));
        scheduler.call(scheduler::Call::kill("x".into(), None)).await;
        assert_eq!(scheduler.update().await.state(), unknown);
        scheduler.call(scheduler::Call::kill("x".into(), Some(agent))).await;
        assert_eq!(scheduler.update().await.state(), gone);
    }
}

#[tokio::test]
async fn mesos_s33_e8_a_task_killed_before_its_executor_subscribed() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    wait_for("the executor", async || !processes_in(&folder).is_empty()).await;
    scheduler.call(scheduler::Call::kill("t".into(), None)).await;
    let status = scheduler.taken(TaskKilled).await;
    assert_eq!((status.source(), status.reason()), (Source::Agent, Reason::TaskKilledDuringLaunch));
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    executor.subscribe_only(vec![], vec![]).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    wait_for("the end of the container", async || processes_in(&folder).is_empty()).await;
}

#[tokio::test]
async fn mesos_s34_kills_reach_the_executor_with_their_policy() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let policy = |seconds: i64| v1::KillPolicy {
        grace_period: Some(v1::DurationInfo { nanoseconds: seconds * 1_000_000_000 }),
    };
    let kill = |seconds| scheduler::Call {
        kill: Some(call::Kill { task_id: "t".into(), agent_id: None, kill_policy: Some(policy(seconds)) }),
        ..call_of(call::Type::Kill)
    };
    scheduler.call(scheduler::Call::kill("t".into(), Some("elsewhere".into()))).await;
    for seconds in [30, 1] {
        scheduler.call(kill(seconds)).await;
        let kill = executor.next().await.kill.unwrap();
        assert_eq!((kill.task_id, kill.kill_policy), ("t".into(), Some(policy(seconds))));
    }
    // With the agent away the kill waits for it.
    cluster.crash_agent(1).await;
    wait_for("the disconnection", async || cluster.view("/slaves").await["slaves"][0]["active"] == false)
        .await;
    scheduler.call(kill(7)).await;
    cluster.start_agent_only(1).await;
    executor.agent = cluster.agent(1).address;
    executor.subscribe().await;
    assert_eq!(executor.next().await.kill.unwrap().kill_policy, Some(policy(7)));
    executor.update("t", TaskKilled).await;
    scheduler.taken(TaskKilled).await;
}

#[tokio::test]
async fn a_kill_while_the_executors_stream_is_down_is_not_lost() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    // The agent finds out at the latest when one of them cannot be written, which on a busy machine may take its time.
    let mut pause = std::time::Duration::from_millis(30);
    let kill = loop {
        executor.events = None;
        for _ in 0..3 {
            scheduler.call(scheduler::Call::kill("t".into(), None)).await;
            tokio::time::sleep(pause).await;
        }
        executor.subscribe().await;
        // What was kept comes before the answer to what is said now.
        assert_eq!(executor.post_status(executor.status("t", TaskRunning)).await, 202);
        match executor.next().await.kill {
            Some(kill) => break kill,
            None => assert!(pause < std::time::Duration::from_secs(10), "the kills are lost"),
        }
        pause *= 2;
    };
    assert_eq!(kill.task_id, "t".into());
}

#[tokio::test]
async fn mesos_s35_e9_shutdown_of_an_executor_and_one_that_ignores_it() {
    let cluster = Cluster::tuned(
        1,
        |_| {},
        |agent| {
            agent.executor_shutdown_grace_period = std::time::Duration::from_millis(100);
        },
    )
    .await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    let shutdown =
        call::Shutdown { executor_id: executor.executor_id.clone(), agent_id: offer.agent_id.clone() };
    scheduler.call(scheduler::Call { shutdown: Some(shutdown), ..call_of(call::Type::Shutdown) }).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
    assert_eq!((failure.executor_id, failure.status), (Some(executor.executor_id), Some(9)));
    let status = scheduler.taken(TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
    assert!(processes_in(&folder).is_empty());
}

#[tokio::test]
async fn mesos_s36_ends_of_executors_are_reported_with_their_cause() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let mut offer = scheduler.offer().await;
    for (id, command, raw, words) in [
        ("three", "echo oops >&2; sleep 60 & exit 3", 768, "exited with status 3"),
        ("nine", "kill -9 $$", 9, "was ended by signal 9 (SIGKILL)"),
        ("none", "exec /no/such/program", 127 << 8, "exited with status 127"),
    ] {
        // What is freed piece by piece is not offered piece by piece.
        assert_eq!(scheduler.call(call_of(call::Type::Suppress)).await, 202);
        scheduler
            .call(scheduler::Call::accept(vec![offer.id.clone()], vec![task_with(&offer, id, command)], 0.0))
            .await;
        let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
        assert_eq!((failure.status, failure.agent_id), (Some(raw), Some(offer.agent_id.clone())));
        let status = scheduler.taken(TaskFailed).await;
        assert_eq!((status.reason(), status.source()), (Reason::ExecutorTerminated, Source::Agent));
        let message = status.message();
        assert!(message.starts_with("Executor terminated: ") && message.contains(words), "{message}");
        assert!(message.contains("stderr"), "{message}");
        let folder = sandbox(&cluster, &offer, &scheduler, id);
        assert!(processes_in(&folder).is_empty(), "an executor leaves nothing behind");
        assert_eq!(scheduler.call(call_of(call::Type::Revive)).await, 202);
        offer = scheduler.offer().await;
    }
}

#[tokio::test]
async fn mesos_s37_messages_both_ways() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let message = call::Message {
        agent_id: offer.agent_id.clone(),
        executor_id: executor.executor_id.clone(),
        data: vec![0, 255, 7],
    };
    scheduler.call(scheduler::Call { message: Some(message), ..call_of(call::Type::Message) }).await;
    assert_eq!(executor.next().await.message.unwrap().data, [0, 255, 7]);
    let call = v1::executor::Call {
        message: Some(v1::executor::call::Message { data: vec![1, 2] }),
        ..executor.call_of(v1::executor::call::Type::Message)
    };
    assert_eq!(executor.post(&call).await.status(), 202);
    let message = scheduler.event(event::Type::Message).await.message.unwrap();
    assert_eq!((message.data, message.agent_id), (vec![1, 2], offer.agent_id));
}
