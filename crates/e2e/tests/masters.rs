//! The scheduler and its master: found through ZooKeeper, and come back to after too long.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aurora_api::thrift::ScheduleStatus::Running;
use e2e::{Backend, Testbed, TestbedOptions, task_id, wait_until};
use zookeeper::client::{Acls, CreateMode};
use zookeeper::test_server::TestServer;

const PATIENCE: Duration = Duration::from_secs(40);

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
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
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
    testbed.scheduler.start_again();
    let after = wait_until("the service to run again", PATIENCE, || {
        let running = testbed.wait_for_running("hello", 1);
        if task_id(&running[0]) == task_id(&before[0]) { Err("nothing new".to_owned()) } else { Ok(running) }
    });
    // From now on it is that framework.
    testbed.scheduler.crash();
    testbed.scheduler.set("-register_anew=false");
    testbed.scheduler.set("-framework_failover_timeout=1hrs");
    testbed.scheduler.start_again();
    assert_eq!(task_id(&testbed.wait_for_running("hello", 1)[0]), task_id(&after[0]));
}

e2e::on_both_clusters! {
    the_leader_is_found_through_zookeeper,
    a_scheduler_that_stayed_away_for_too_long_says_what_it_costs_and_begins_anew_when_told,
}
