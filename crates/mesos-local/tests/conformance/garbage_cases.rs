//! Sandboxes of executors that ended.

use std::time::Duration;

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::event::Type as Event;

use crate::harness::*;

use v1::TaskState::*;

async fn ended_and_live_sandboxes(cluster: &Cluster) {
    let mut scheduler = Scheduler::subscribe(cluster, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "live"), task_with(&offer, "ended", "exit 0")]).await;
    scheduler.event(Event::Failure).await;
    scheduler.taken(TaskFailed).await;
    let (live, ended) =
        (sandbox(cluster, &offer, &scheduler, "live"), sandbox(cluster, &offer, &scheduler, "ended"));
    let executor = ended.parent().unwrap().parent().unwrap().to_owned();
    wait_for("the old sandbox to go, with its executor's folder", || async { !executor.exists() }).await;
    assert!(live.exists(), "the sandbox of an executor that runs stays");
}

#[tokio::test]
async fn mesos_a10_a_sandbox_goes_when_it_is_old() {
    let tune = |config: &mut mesos_local::agent::AgentConfig| {
        config.gc_delay = Duration::from_millis(500);
        config.disk_watch_interval = Duration::from_millis(100);
    };
    let cluster = Cluster::tuned(1, |_| {}, tune).await;
    ended_and_live_sandboxes(&cluster).await;
}

#[tokio::test]
async fn mesos_a10_a_sandbox_goes_sooner_when_the_disk_fills() {
    let tune = |config: &mut mesos_local::agent::AgentConfig| {
        // All of the disk must stay free: it is too full already.
        config.gc_disk_headroom = 1.0;
        config.disk_watch_interval = Duration::from_millis(100);
    };
    let cluster = Cluster::tuned(1, |_| {}, tune).await;
    ended_and_live_sandboxes(&cluster).await;
    let metrics: serde_json::Value = client()
        .get(format!("http://{}/metrics/snapshot", cluster.agent(1).address))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metrics["slave/executor_directory_max_allowed_age_secs"], 0.0);
}
