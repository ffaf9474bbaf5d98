//! Agents crash, come back, change, get lost and leave: A2, A3, A7, A8; what is there to see: O2, O3.

use std::time::Duration;

use mesos_local::agent::{AgentError, Farewell, ReconfigurationPolicy};
use mesos_local::resources::{parse_attributes, parse_resources};
use mesos_v1::messages as v1;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use mesos_v1::messages::scheduler::{self, event};

use crate::harness::*;

use v1::TaskState::*;
use v1::task_status::Reason;

#[tokio::test]
async fn mesos_a2_executors_outlive_their_agent() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let unacknowledged = executor.update("t", TaskRunning).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    let before = processes_in(&folder);
    assert_eq!(scheduler.update().await.uuid, unacknowledged.uuid);

    cluster.crash_agent(1).await;
    cluster.start_agent_only(1).await;
    assert_eq!(executor.agent, cluster.agent(1).address, "executors look for the agent where it was");
    wait_for("the agent's refusal", async || {
        executor.post_status(executor.status("t", TaskRunning)).await == 503
    })
    .await;
    executor.subscribe().await;
    assert_eq!(cluster.agent(1).registered().await, offer.agent_id);
    assert_eq!(processes_in(&folder), before);
    let again = scheduler.taken(TaskRunning).await;
    assert_eq!(again.uuid, unacknowledged.uuid);
    executor.update("t", TaskFinished).await;
    loop {
        let status = scheduler.update().await;
        if status.uuid != again.uuid {
            assert_eq!(status.state(), TaskFinished);
            break scheduler.acknowledge(&status).await;
        }
    }
}

#[tokio::test]
async fn an_executor_that_ended_without_its_agent_is_reported_with_its_status() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let gate = cluster.dir.path().join("gate");
    let command = format!("while [ ! -e {} ]; do sleep 0.02; done; exit 7", gate.display());
    scheduler.launch(&offer, vec![task_with(&offer, "t", &command)]).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("t", TaskRunning).await;
    scheduler.taken(TaskRunning).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    cluster.crash_agent(1).await;
    std::fs::write(&gate, "").unwrap();
    wait_for("the executor's end", async || processes_in(&folder).is_empty()).await;
    cluster.start_agent_only(1).await;
    let status = scheduler.taken(TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
    assert!(status.message().contains("exited with status 7"), "{}", status.message());
}

#[tokio::test]
async fn an_executor_that_does_not_come_back_is_killed() {
    let mut cluster = Cluster::tuned(
        1,
        |_| {},
        |agent| {
            agent.executor_reregistration_timeout = Duration::from_millis(200);
        },
    )
    .await;
    let mut scheduler = Scheduler::subscribe(&cluster, aware()).await;
    let (offer, _executor) = run_one(&cluster, &mut scheduler, "t").await;
    cluster.crash_agent(1).await;
    cluster.start_agent(1).await;
    let status = scheduler.taken(TaskGone).await;
    assert_eq!(status.reason(), Reason::ExecutorReregistrationTimeout);
    assert!(processes_in(&sandbox(&cluster, &offer, &scheduler, "t")).is_empty());
}

#[tokio::test]
async fn a_task_whose_executor_had_not_subscribed_survives_an_agents_restart() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    wait_for("the executor", async || !processes_in(&folder).is_empty()).await;
    cluster.crash_agent(1).await;
    cluster.start_agent_only(1).await;
    let mut executor = Executor::new(&cluster, 1, &scheduler, "t");
    executor.subscribe().await;
    assert_eq!(executor.launched().await.task_id, "t".into());
}

#[tokio::test]
async fn mesos_a3_changed_attributes_are_refused_or_accepted_with_a_new_id() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, _executor) = run_one(&cluster, &mut scheduler, "t").await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t").canonicalize().unwrap();
    cluster.crash_agent(1).await;
    let mut config = cluster.agent_config(1);
    config.attributes = parse_attributes("host:agent-1;rack:z").unwrap();
    let error = cluster.start_agent_with(1, config.clone()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, AgentError::Changed { running: 1, .. }), "{text}");
    assert!(
        text.contains("attribute rack changed from a to z") && text.contains("--accept-agent-changes"),
        "{text}"
    );
    assert!(!processes_in(&folder).is_empty());

    config.accept_changes = true;
    let id = cluster.start_agent_with(1, config).await.unwrap();
    assert_ne!(id, offer.agent_id);
    let status = scheduler.update().await;
    assert_eq!((status.state(), status.reason()), (TaskLost, Reason::AgentRemoved));
    assert_eq!(status.message(), "Agent agent-1 removed: a new agent registered at the same address");
    assert!(processes_in(&folder).is_empty());
    assert_eq!(scheduler.offer().await.agent_id, id);
}

#[tokio::test]
async fn an_agent_is_compared_with_how_it_was_last() {
    let mut cluster = Cluster::tuned(
        1,
        |_| {},
        |agent| {
            agent.reconfiguration_policy = ReconfigurationPolicy::Additive;
        },
    )
    .await;
    let with = |cluster: &Cluster, resources: &str| {
        let mut config = cluster.agent_config(1);
        config.resources = parse_resources(resources, "*").unwrap();
        config
    };
    cluster.crash_agent(1).await;
    let more = with(&cluster, "cpus:6;mem:4096;disk:20000;ports:[31000-32000]");
    cluster.start_agent_with(1, more).await.unwrap();
    cluster.crash_agent(1).await;
    let as_at_first = cluster.agent_config(1);
    let text = cluster.start_agent_with(1, as_at_first).await.unwrap_err().to_string();
    assert!(text.contains("resource cpus changed from 6 to 4"), "{text}");
}

#[tokio::test]
async fn cleanup_ends_the_executors_of_before_and_then_the_agent() {
    let mut cluster = Cluster::tuned(
        1,
        |_| {},
        |agent| {
            agent.executor_shutdown_grace_period = Duration::from_millis(100);
        },
    )
    .await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t").canonicalize().unwrap();
    cluster.crash_agent(1).await;
    let mut config = cluster.agent_config(1);
    config.is_cleanup = true;
    let agent = start_when_released(config).await.unwrap();
    executor.subscribe_only(vec![], vec![]).await;
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    tokio::time::timeout(PATIENCE, agent.emptied()).await.expect("the executor's end");
    assert!(processes_in(&folder).is_empty());
    // It never registers: otherwise it would be active now, as it is there.
    wait_for("the end of the agent before", async || {
        cluster.view("/slaves").await["slaves"][0]["active"] == false
    })
    .await;
    agent.stop().await;
    // Its checkpoints are there for the next start, which has the old id and the task's end to report.
    cluster.start_agent(1).await;
    let ended = scheduler.update().await;
    assert_eq!((ended.state(), ended.reason()), (TaskFailed, Reason::ExecutorTerminated));
}

#[tokio::test]
async fn mesos_a7_a_lost_agent_and_its_return() {
    let mut cluster = Cluster::tuned(
        1,
        |master| {
            // Not so short that an agent gets lost which is only slow to answer.
            master.agent_ping_timeout = Duration::from_secs(1);
            master.max_agent_ping_timeouts = 5;
        },
        |agent| agent.executor_shutdown_grace_period = Duration::from_millis(100),
    )
    .await;
    for (id, info, state) in [("lost", framework(), TaskLost), ("unreachable", aware(), TaskUnreachable)] {
        let mut scheduler = Scheduler::subscribe(&cluster, info).await;
        let (offer, mut executor) = run_one(&cluster, &mut scheduler, id).await;
        cluster.crash_agent(1).await;
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (state, Reason::AgentRemoved));
        assert!(status.unreachable_time.is_some());
        assert_eq!(status.message(), "health check timed out");
        let failure = scheduler.event(event::Type::Failure).await.failure.unwrap();
        assert_eq!((failure.agent_id, failure.executor_id), (Some(offer.agent_id.clone()), None));
        scheduler.call(scheduler::Call::reconcile([(id.into(), Some(offer.agent_id.clone()))])).await;
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (state, Reason::Reconciliation));

        cluster.start_agent_only(1).await;
        executor.subscribe().await;
        let status = scheduler.update().await;
        assert_eq!(
            (status.state(), status.reason(), &status.uuid),
            (TaskRunning, Reason::AgentReregistered, &None)
        );
        executor.update(id, TaskFinished).await;
        scheduler.taken(TaskFinished).await;
        scheduler.call(scheduler::Call::teardown()).await;
        assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
        // Otherwise the agent would wait for it after the next crash.
        let url = format!("http://{}/slave(1)/state", cluster.agent(1).address);
        wait_for("the executor's end", async || {
            let state: serde_json::Value = client().get(&url).send().await.unwrap().json().await.unwrap();
            state["frameworks"]
                .as_array()
                .unwrap()
                .iter()
                .all(|one| one["executors"] == serde_json::json!([]))
        })
        .await;
    }
}

#[tokio::test]
async fn a_crashed_agents_offers_are_rescinded_at_once() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    cluster.crash_agent(1).await;
    assert_eq!(scheduler.event(event::Type::Rescind).await.rescind.unwrap().offer_id, offer.id);
    cluster.start_agent(1).await;
    assert_eq!(scheduler.offer().await.agent_id, offer.agent_id);
}

#[tokio::test]
async fn without_checkpoints_tasks_end_with_their_agent() {
    let mut cluster = Cluster::start(1).await;
    let info = v1::FrameworkInfo { checkpoint: Some(false), ..aware() };
    let mut scheduler = Scheduler::subscribe(&cluster, info).await;
    let (offer, _executor) = run_one(&cluster, &mut scheduler, "t").await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    cluster.crash_agent(1).await;
    let status = scheduler.update().await;
    assert_eq!((status.state(), status.reason()), (TaskLost, Reason::AgentDisconnected));
    cluster.start_agent(1).await;
    assert!(processes_in(&folder).is_empty());
}

#[tokio::test]
async fn mesos_a8_an_agent_that_leaves() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    let agent = cluster.agent(1);
    let (_, ()) = tokio::join!(agent.farewell(Farewell::Unregister), async {
        assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
        let status = scheduler.update().await;
        assert_eq!((status.state(), status.reason()), (TaskLost, Reason::AgentRemoved));
        assert_eq!(status.message(), "Agent agent-1 removed: the agent unregistered");
        assert_eq!(scheduler.event(event::Type::Failure).await.failure.unwrap().executor_id, None);
        // It does not wait for its grace period once its process is gone.
        for pid in processes_in(&folder) {
            // The grace period may be over by now.
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    });
}

#[tokio::test]
async fn a_task_that_never_reached_its_agent_is_reported() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, aware()).await;
    let (offer, _executor) = run_one(&cluster, &mut scheduler, "t").await;
    cluster.crash_agent(1).await;
    // What the agent had on disk is gone, as if it had never been given the task.
    let executors = format!("meta/slaves/{}/frameworks/{}/executors", offer.agent_id, scheduler.id);
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    std::fs::remove_dir_all(cluster.agent_dir(1).join(executors)).unwrap();
    mesos_local::container::process::kill_below(&folder);
    cluster.start_agent(1).await;
    let status = scheduler.taken(TaskDropped).await;
    assert_eq!((status.reason(), status.source()), (Reason::Reconciliation, v1::task_status::Source::Agent));
}

#[tokio::test]
async fn a_damaged_checkpoint_is_named() {
    let mut cluster = Cluster::start(1).await;
    let id = cluster.agent(1).registered().await;
    cluster.crash_agent(1).await;
    let path = cluster.agent_dir(1).join(format!("meta/slaves/{id}/slave.info"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let config = cluster.agent_config(1);
    let error = cluster.start_agent_with(1, config).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("slave.info is damaged at byte 0"), "{cause}");
}

#[tokio::test]
async fn mesos_o2_files_of_a_sandbox() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task_with(&offer, "t", "printf hello; exec sleep 3600")]).await;
    let folder = sandbox(&cluster, &offer, &scheduler, "t");
    let file = folder.join("stdout");
    wait_for("the output", async || std::fs::read_to_string(&file).is_ok_and(|text| text == "hello")).await;
    let client = client();
    let base = format!("http://{}/files", cluster.agent(1).address);
    let get = async |path: String| client.get(format!("{base}/{path}")).send().await.unwrap();
    let files: serde_json::Value =
        get(format!("browse?path={}", folder.display())).await.json().await.unwrap();
    let names: Vec<&str> =
        files.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert!(names.contains(&file.to_str().unwrap()), "{names:?}");
    let read = async |query: &str| -> serde_json::Value {
        get(format!("read?path={}{query}", file.display())).await.json().await.unwrap()
    };
    assert_eq!(read("").await, serde_json::json!({"data": "", "offset": 5}));
    assert_eq!(read("&offset=1&length=2").await, serde_json::json!({"data": "el", "offset": 1}));
    assert_eq!(read("&offset=99").await, serde_json::json!({"data": "", "offset": 99}));
    assert_eq!(get(format!("download?path={}", file.display())).await.text().await.unwrap(), "hello");
    assert_eq!(get("browse".into()).await.status(), 400);
    assert_eq!(get("read?path=/etc/passwd".into()).await.status(), 404);
    assert_eq!(get(format!("read?path={}&offset=-2", file.display())).await.status(), 400);
    assert_eq!(get(format!("read?path={}", folder.display())).await.status(), 400);
}

/// The keys that an object of `spec/mesos.md` §6.3 lacks.
fn missing<'a>(object: &serde_json::Value, keys: &'a str) -> Vec<&'a str> {
    keys.split_whitespace().filter(|key| object.get(key).is_none()).collect()
}

#[tokio::test]
async fn mesos_o3_state_and_metrics() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, _executor) = run_one(&cluster, &mut scheduler, "t").await;
    let state = cluster.view("/master/state").await;
    assert_eq!(state["slaves"][0]["attributes"]["rack"], "a");
    assert_eq!(state["slaves"][0]["resources"]["ports"], "[31000-32000]");
    assert_eq!(state["frameworks"][0]["tasks"][0]["state"], "TASK_RUNNING");
    let own = &state["frameworks"][0];
    assert_eq!(own["used_resources"]["cpus"], 0.6, "the task's and its executor's");
    assert_eq!(own["executors"][0]["executor_id"], "executor-t");
    assert_eq!(own["executors"][0]["slave_id"], offer.agent_id.value);
    assert_eq!(own["offers"], serde_json::json!([]), "the rest was refused");
    assert_eq!(state["slaves"][0]["unreserved_resources"]["cpus"], 4.0);
    assert_eq!(state["slaves"][0]["reserved_resources"], serde_json::json!({}));
    let keys = "version start_time elected_time id pid hostname capabilities activated_slaves deactivated_slaves \
                unreachable_slaves leader leader_info flags slaves recovered_slaves frameworks completed_frameworks \
                orphan_tasks unregistered_frameworks";
    assert_eq!(missing(&state, keys), [""; 0]);
    let keys = "id hostname port pid attributes registered_time resources used_resources offered_resources \
                reserved_resources unreserved_resources active deactivated version capabilities";
    assert_eq!(missing(&state["slaves"][0], keys), [""; 0]);
    let keys = "id name user hostname webui_url role checkpoint failover_timeout active connected recovered \
                registered_time unregistered_time capabilities used_resources offered_resources tasks \
                unreachable_tasks completed_tasks offers executors";
    assert_eq!(missing(own, keys), [""; 0]);
    let keys = "id name framework_id executor_id slave_id state resources role statuses";
    assert_eq!(missing(&own["tasks"][0], keys), [""; 0]);
    let metrics = cluster.view("/metrics/snapshot").await;
    assert!(metrics.as_object().unwrap().values().all(serde_json::Value::is_number));
    assert_eq!(metrics["master/tasks_running"], 1);
    assert_eq!(metrics["master/slaves_active"], 1);
    let url = format!("http://{}/slave(1)/state", cluster.agent(1).address);
    let state: serde_json::Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let executor = &state["frameworks"][0]["executors"][0];
    assert_eq!(state["id"], offer.agent_id.value);
    let directory = sandbox(&cluster, &offer, &scheduler, "t").canonicalize().unwrap();
    assert_eq!(executor["directory"], directory.to_str().unwrap());
    assert_eq!(executor["tasks"][0]["id"], "t");
}
