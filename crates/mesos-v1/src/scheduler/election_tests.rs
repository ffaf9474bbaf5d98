//! The leader by way of a real ZooKeeper, with nodes as masters write them (spec/mesos.md §1.5).

use std::time::Duration;

use tokio::sync::mpsc;
use zookeeper::client::{Acls, Client, CreateMode};
use zookeeper::test_server::TestServer;
use zookeeper::{Credential as ZooKeeperCredential, Ensemble};

use super::tests::{Master, accept_subscription, config, kill, killed_task, next, next_but_connecting};
use super::*;
use crate::ElectionError;
use crate::fake::within;

const SECRET: &str = "hidden";

/// Short enough that a test sees it expire, and long enough that no other does.
const SESSION_TIMEOUT: Duration = Duration::from_secs(4);

/// What masters and tests do in ZooKeeper.
struct Registry {
    client: Client,
}

impl Registry {
    async fn open(server: &TestServer) -> Registry {
        let ensemble: Ensemble = server.address().parse().unwrap();
        let us = ZooKeeperCredential { user: "mesos".to_owned(), secret: SECRET.to_owned() };
        let ensemble = ensemble.with_credential(Some(us));
        Registry { client: zookeeper::connect(&ensemble, Duration::from_secs(20)).await.unwrap() }
    }

    async fn make_path(&self, acls: Acls<'_>) {
        self.client.create("/mesos", b"", &CreateMode::Persistent.with_acls(acls)).await.unwrap();
    }

    /// Registers a master and gives its node.
    async fn register(&self, address: &str, id: &str) -> String {
        let (host, port) = address.rsplit_once(':').unwrap();
        let node = format!(
            r#"{{"address":{{"hostname":"m","ip":"{host}","port":{port}}},"hostname":"m","id":"{id}","ip":16777343,
                "pid":"master@{address}","port":{port},"version":"1.11.0"}}"#
        );
        self.write(&node).await
    }

    async fn write(&self, node: &str) -> String {
        let options = CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());
        let (_, sequence) = self.client.create("/mesos/json.info_", node.as_bytes(), &options).await.unwrap();
        format!("/mesos/json.info_{sequence}")
    }

    async fn remove(&self, node: &str) {
        self.client.delete(node, None).await.unwrap();
    }
}

fn start(address: &str) -> (SchedulerHandle, mpsc::Receiver<SchedulerEvent>) {
    let mut config = config(address);
    config.timing.zookeeper_session_timeout = SESSION_TIMEOUT;
    SchedulerSession::start(config).unwrap()
}

fn place(server: &TestServer) -> String {
    format!("zk://{}/mesos", server.address())
}

async fn reason(events: &mut mpsc::Receiver<SchedulerEvent>) -> SessionError {
    match next_but_connecting(events).await {
        SchedulerEvent::Disconnected { reason } => reason,
        other => panic!("{other:?}"),
    }
}

async fn subscribed_at(events: &mut mpsc::Receiver<SchedulerEvent>) -> String {
    loop {
        match next(events).await {
            SchedulerEvent::Subscribed { master, .. } => return master,
            SchedulerEvent::Connecting { .. } | SchedulerEvent::Disconnected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_leader_is_the_master_with_the_lowest_sequence_and_then_its_successor() {
    let server = TestServer::start();
    let registry = Registry::open(&server).await;
    registry.make_path(Acls::anyone_all()).await;
    let (mut first, mut second) = (Master::start().await, Master::start().await);
    let leading = registry.register(&first.address, "m1").await;
    registry.register(&second.address, "m2").await;

    let (handle, mut events) = start(&place(&server));
    let _stream = accept_subscription(first.next().await, "stream-1").await;
    assert_eq!(subscribed_at(&mut events).await, first.address);

    // The first loses its office, and its connection stays open: nobody but ZooKeeper tells.
    registry.remove(&leading).await;
    let reason = reason(&mut events).await;
    assert!(
        matches!(&reason, SessionError::NewLeader { leader, .. } if *leader == second.address),
        "{reason}"
    );
    let request = second.next().await;
    assert_eq!(request.call.framework_id, Some("m1-0000".into()));
    let _stream = accept_subscription(request, "stream-2").await;
    assert_eq!(subscribed_at(&mut events).await, second.address);
    handle.send(kill("a")).unwrap();
    assert_eq!(second.next().await.headers["mesos-stream-id"], "stream-2");
}

#[tokio::test]
async fn a_path_that_is_not_there_yet_is_waited_for_and_said() {
    let server = TestServer::start();
    let registry = Registry::open(&server).await;
    let mut master = Master::start().await;
    let (_handle, mut events) = start(&place(&server));
    let missing = reason(&mut events).await;
    assert!(matches!(missing, SessionError::NoElection(ElectionError::NoPath { .. })), "{missing}");
    assert!(missing.remedy().contains("--zk"), "{}", missing.remedy());
    // Without news the waits double.
    let mut attempts = 0;
    let half_a_second = tokio::time::sleep(Duration::from_millis(500));
    tokio::pin!(half_a_second);
    loop {
        tokio::select! {
            _ = reason(&mut events) => attempts += 1,
            () = &mut half_a_second => break,
        }
    }
    assert!(attempts < 15, "{attempts} attempts in half a second");

    registry.make_path(Acls::anyone_all()).await;
    loop {
        let reason = reason(&mut events).await;
        if matches!(reason, SessionError::NoElection(ElectionError::NoMaster { .. })) {
            break;
        }
    }
    registry.register(&master.address, "m1").await;
    let request = within(async {
        tokio::select! {
            request = master.next() => request,
            () = drain(&mut events) => unreachable!("the session goes on"),
        }
    });
    let _stream = accept_subscription(request.await, "stream-1").await;
    assert_eq!(subscribed_at(&mut events).await, master.address);
}

async fn drain(events: &mut mpsc::Receiver<SchedulerEvent>) {
    while !matches!(events.recv().await, None | Some(SchedulerEvent::Connecting { .. })) {}
    std::future::pending().await
}

#[tokio::test]
async fn a_subscription_outlives_zookeeper_and_its_session() {
    let mut server = TestServer::start();
    let registry = Registry::open(&server).await;
    registry.make_path(Acls::anyone_all()).await;
    let (mut first, mut second) = (Master::start().await, Master::start().await);
    registry.register(&first.address, "m1").await;
    let (handle, mut events) = start(&place(&server));
    let stream = accept_subscription(first.next().await, "stream-1").await;
    assert_eq!(subscribed_at(&mut events).await, first.address);

    server.crash();
    drop(registry);
    tokio::time::sleep(SESSION_TIMEOUT * 2).await;
    handle.send(kill("a")).unwrap();
    let call = first.next().await;
    assert_eq!(
        (killed_task(&call.call), &call.headers["mesos-stream-id"]),
        ("a", &"stream-1".parse().unwrap())
    );
    call.answer(202, "");

    // A master that is lost while ZooKeeper is away is asked again, since nothing better is known.
    drop(stream);
    let lost = reason(&mut events).await;
    assert!(matches!(lost, SessionError::StreamLost { .. }), "{lost}");
    let _stream = accept_subscription(first.next().await, "stream-2").await;
    assert_eq!(subscribed_at(&mut events).await, first.address);

    server.start_again();
    let registry = Registry::open(&server).await;
    // The sessions of the old masters expire, and a new one is elected.
    registry.register(&second.address, "m2").await;
    let _stream = accept_subscription(second.next().await, "stream-3").await;
    assert_eq!(subscribed_at(&mut events).await, second.address);
}

#[tokio::test]
async fn an_access_list_that_keeps_us_out_is_named_and_a_credential_helps() {
    let server = TestServer::start();
    let registry = Registry::open(&server).await;
    registry.make_path(Acls::creator_all()).await;
    let mut master = Master::start().await;
    registry.register(&master.address, "m1").await;

    let (_handle, mut events) = start(&place(&server));
    let refused = reason(&mut events).await;
    assert!(
        matches!(&refused, SessionError::NoElection(ElectionError::NotAllowed { path, .. }) if path == "/mesos")
    );
    assert!(refused.remedy().contains("zk://user:secret@"), "{}", refused.remedy());

    let address = format!("zk://mesos:{SECRET}@{}/mesos", server.address());
    let (_handle, mut events) = start(&address);
    let _stream = accept_subscription(master.next().await, "stream-1").await;
    assert_eq!(subscribed_at(&mut events).await, master.address);
}

#[tokio::test]
async fn a_node_that_describes_no_master_is_shown() {
    let server = TestServer::start();
    let registry = Registry::open(&server).await;
    registry.make_path(Acls::anyone_all()).await;
    let node = registry.write("m1:5050").await;
    let (_handle, mut events) = start(&place(&server));
    let text = crate::chain(&reason(&mut events).await);
    assert!(text.contains(&node) && text.contains("does not describe a Mesos master"), "{text}");
}

#[tokio::test]
async fn without_zookeeper_the_servers_are_named_but_no_secret() {
    let (_handle, mut events) = start(&format!("zk://mesos:{SECRET}@127.0.0.1:1/mesos"));
    let away = reason(&mut events).await;
    let text = format!("{}: {}", crate::chain(&away), away.remedy());
    assert!(text.contains("127.0.0.1:1") && text.contains("ZooKeeper servers"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
