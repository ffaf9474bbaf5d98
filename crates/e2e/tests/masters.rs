//! The scheduler and its master: found through ZooKeeper, and come back to after too long.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use aurora_api::thrift::ScheduleStatus::Running;
use e2e::framework::{Framework, framework_info};
use e2e::wire::{PROTOBUF, subscribe_call};
use e2e::{
    Backend, Cluster, PATIENCE, PortBlock, Signal, Testbed, TestbedOptions, events, task_id, wait_until,
};
use mesos_v1::scheduler::SchedulerTiming;
use mesos_v1::{SchedulerConfig, SchedulerSession};
use prost::Message as _;
use zookeeper::client::{Acls, CreateMode};
use zookeeper::test_server::TestServer;

/// A command that runs until it is killed and is found by its name in a list of processes.
const SERVICE: &str = "exec sleep 86397";

/// Registers the testbed's master as its own `--zk` would, and keeps the registration for as long as the runtime lives.
async fn register(server: &TestServer, testbed: &Testbed) -> zookeeper::client::Client {
    let ensemble = zookeeper::Ensemble::new(&server.address(), "/").unwrap();
    let client = zookeeper::connect(&ensemble, Duration::from_secs(20)).await.unwrap();
    let address = testbed.cluster.master();
    let (ip, port) = address.rsplit_once(':').unwrap();
    let node = serde_json::json!({
        "id": "of-the-test",
        "hostname": "localhost",
        "address": { "hostname": "localhost", "ip": ip, "port": port.parse::<u16>().unwrap() },
    });
    let path = &CreateMode::Persistent.with_acls(Acls::anyone_all());
    let leader = &CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
    client.create("/mesos", b"", path).await.unwrap();
    client.create("/mesos/json.info_", node.to_string().as_bytes(), leader).await.unwrap();
    client
}

fn the_leader_is_found_through_zookeeper(backend: Backend) {
    let mut server = TestServer::start();
    let mut testbed = Testbed::start(backend);
    testbed.create("Service", "first", 1, SERVICE);
    let first = testbed.wait_for_statuses("first", &[(Running, 1)]);
    testbed.scheduler.crash();
    testbed
        .scheduler
        .set(&format!("-mesos_master_address=zk://no-such-host.invalid,{}/mesos", server.address()));
    testbed.scheduler.spawn();
    wait_until("the scheduler to say what it lacks", PATIENCE, || {
        let log = testbed.scheduler.log();
        if log.contains("no Mesos master has ever registered there") { Ok(()) } else { Err(log) }
    });
    let runtime = runtime();
    let client = runtime.block_on(register(&server, &testbed));
    testbed.scheduler.wait_until_ready();
    testbed.create("Service", "before", 1, SERVICE);
    testbed.wait_for_statuses("before", &[(Running, 1)]);
    // ZooKeeper may be away while everything runs.
    server.crash();
    testbed.create("Service", "after", 1, SERVICE);
    testbed.wait_for_statuses("after", &[(Running, 1)]);
    assert_eq!(task_id(&testbed.wait_for_running("first", 1)[0]), task_id(&first[0]));
    drop(client);
}

fn a_scheduler_that_stayed_away_for_too_long_says_what_it_costs_and_begins_anew_when_told(backend: Backend) {
    let scheduler_flags = vec![
        "-framework_failover_timeout=1secs".to_owned(),
        "-reconciliation_initial_delay=1secs".to_owned(),
    ];
    let mut testbed = Testbed::start_with(backend, TestbedOptions { scheduler_flags, ..Default::default() });
    testbed.create("Service", "hello", 1, SERVICE);
    let before = testbed.wait_for_statuses("hello", &[(Running, 1)]);
    testbed.scheduler.crash();
    // Mesos removes the framework, and with it what it runs.
    testbed.wait_for_empty_sandboxes();

    // Never a new framework in silence, however often it is tried.
    for _ in 0..2 {
        testbed.scheduler.spawn();
        let status = testbed.scheduler.wait_for_end();
        assert!(!status.success(), "{status}");
    }
    let log = testbed.scheduler.log();
    for part in
        ["Framework has been removed", "ended all its tasks", "-framework_failover_timeout", "-register_anew"]
    {
        assert!(log.contains(part), "{part:?} is not in\n{log}");
    }

    testbed.scheduler.set("-register_anew=true");
    // It has to come back from its next crash.
    testbed.scheduler.set("-framework_failover_timeout=1hrs");
    testbed.scheduler.start_again();
    let after = wait_until("the service to run again", PATIENCE, || {
        let running = testbed.wait_for_running("hello", 1);
        if task_id(&running[0]) == task_id(&before[0]) { Err("nothing new".to_owned()) } else { Ok(running) }
    });
    // From now on it is that framework.
    testbed.scheduler.crash();
    testbed.scheduler.set("-register_anew=false");
    testbed.scheduler.start_again();
    assert_eq!(task_id(&testbed.wait_for_running("hello", 1)[0]), task_id(&after[0]));
}

/// The three masters of a cluster whose leader is elected.
const MASTERS: [&str; 3] = ["master", "master-2", "master-3"];

/// What a master answers to a subscription: the status, and where it points to.
async fn answer(cluster: &Cluster, master: &str) -> Option<(u16, String)> {
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address(master));
    let client = mesos_v1::plain_http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let body = subscribe_call(framework_info()).encode_to_vec();
    let request =
        client.post(url).timeout(Duration::from_secs(20)).header("Content-Type", PROTOBUF).body(body);
    let response = request.send().await.ok()?;
    let location = response.headers().get("Location").map(|it| it.to_str().unwrap().to_owned());
    Some((response.status().as_u16(), location.unwrap_or_default()))
}

/// The master that leads, once one of these says so; the others send to it.
fn leader<'a>(runtime: &tokio::runtime::Runtime, cluster: &Cluster, masters: &[&'a str]) -> &'a str {
    wait_until("a leader", PATIENCE, || {
        let answers: Vec<_> =
            masters.iter().map(|master| runtime.block_on(answer(cluster, master))).collect();
        let leads = |it: &Option<(u16, String)>| it.as_ref().is_some_and(|(status, _)| *status == 200);
        match answers.iter().position(leads) {
            Some(place) => Ok(masters[place]),
            None => Err(format!("{answers:?}")),
        }
    })
}

/// Only a real Mesos has masters of which one is elected; the embedded one has one, which leads.
#[test]
fn mesos_s8_a_master_that_does_not_lead_points_to_the_one_that_does_or_says_that_there_is_none() {
    let runtime = runtime();
    let mut server = TestServer::start();
    let ports = PortBlock::take();
    let directory = tempfile::tempdir().unwrap();
    let ensemble = format!("zk://{}/mesos", server.address());
    let cluster = Cluster::start_elected(directory.path(), &ports, 1, "cpus:1;mem:512", &ensemble);
    let first = leader(&runtime, &cluster, &MASTERS);
    let others: Vec<&str> = MASTERS.into_iter().filter(|it| *it != first).collect();
    let address = cluster.master_address(first);
    let port = address.rsplit(':').next().unwrap();
    for master in &others {
        // It may not have heard yet who leads.
        let location = wait_until(&format!("{master} to know its leader"), PATIENCE, || {
            match runtime.block_on(answer(&cluster, master)) {
                Some((307, location)) => Ok(location),
                other => Err(format!("{other:?}")),
            }
        });
        assert!(
            location.starts_with("//") && location.ends_with(&format!(":{port}/master/api/v1/scheduler")),
            "{location}"
        );
    }

    // Who knows one of the others only is led to the leader.
    let config = SchedulerConfig {
        masters: cluster.master_address(others[0]).parse().unwrap(),
        framework_info: framework_info(),
        credential: None,
        timing: SchedulerTiming::default(),
    };
    let (handle, events) = runtime.block_on(async { SchedulerSession::start(config).unwrap() });
    let mut framework = Framework { handle, events, id: "".into() };
    let id = runtime.block_on(framework.subscribed());
    runtime.block_on(framework.offer());

    // Without ZooKeeper nobody can be elected; the session waits until somebody is.
    server.crash();
    cluster.stop(first, Signal::Kill);
    wait_until("a master to say that nobody leads", PATIENCE, || {
        let answers: Vec<_> =
            others.iter().map(|master| runtime.block_on(answer(&cluster, master))).collect();
        if answers.iter().flatten().any(|(status, _)| *status == 503) {
            Ok(())
        } else {
            Err(format!("{answers:?}"))
        }
    });
    server.start_again();
    assert_eq!(runtime.block_on(framework.subscribed()), id);
    runtime.block_on(framework.offer());
}

/// A crash of the leader, and a hang from which it wakes deposed: each time another master leads, the agents and the
/// scheduler go to it, and no task notices.
#[test]
fn tasks_scheduler_and_agents_follow_the_elected_master() {
    let runtime = runtime();
    let server = TestServer::start();
    let ensemble = format!("zk://{}/mesos", server.address());
    let options = TestbedOptions {
        agents: 2,
        ensemble: Some(ensemble),
        // A new master forgets the kills of tasks whose agents have not come to it yet.
        scheduler_flags: vec!["-initial_task_kill_retry_interval=1secs".to_owned()],
        ..TestbedOptions::default()
    };
    let testbed = Testbed::start_with(Backend::RealMesos, options);
    testbed.create("Service", "resident", 4, SERVICE);
    let ids = |tasks: &[_]| tasks.iter().map(|task| task_id(task).to_owned()).collect::<BTreeSet<_>>();
    let residents = ids(&testbed.wait_for_running("resident", 4));
    let mut leading = leader(&runtime, &testbed.cluster, &MASTERS);
    for (round, fault) in [Signal::Kill, Signal::Hang].into_iter().enumerate() {
        testbed.create("Service", &format!("guest-{round}"), 1, SERVICE);
        testbed.wait_for_running(&format!("guest-{round}"), 1);
        testbed.cluster.stop(leading, fault);
        let others: Vec<&str> = MASTERS.into_iter().filter(|it| *it != leading).collect();
        let next = leader(&runtime, &testbed.cluster, &others);
        // The guest ends by order of the new master, and another comes.
        testbed.aurora(&["job", "killall", &testbed.key(&format!("guest-{round}"))]).expect_code(0);
        testbed.create("Service", "more", 1, SERVICE);
        testbed.wait_for_running("more", 1);
        testbed.aurora(&["job", "killall", &testbed.key("more")]).expect_code(0);
        let now = testbed.wait_for_running("resident", 4);
        assert_eq!(
            ids(&now),
            residents,
            "after {fault:?} of {leading}: {:#?}",
            now.iter().map(events).collect::<Vec<_>>()
        );
        if fault == Signal::Hang {
            // It finds that it leads no more, and ends: a service manager starts it again.
            testbed.cluster.stop(leading, Signal::Continue);
            testbed.cluster.wait_for_end(leading);
        }
        testbed.cluster.start_again(leading);
        leading = next;
    }
    wait_until("one process for each task", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86397").len();
        if found == 4 { Ok(()) } else { Err(format!("{found} processes")) }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

e2e::on_both_clusters! {
    the_leader_is_found_through_zookeeper,
    a_scheduler_that_stayed_away_for_too_long_says_what_it_costs_and_begins_anew_when_told,
}
