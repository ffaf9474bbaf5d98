//! Sessions with a real ZooKeeper.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use zookeeper::client::{Acls, Client, CreateMode, Error};
use zookeeper::test_server::TestServer;
use zookeeper::{ConnectError, Credential, Ensemble, connect, diagnose};

const TIMEOUT: Duration = Duration::from_secs(60);

async fn open(ensemble: &Ensemble) -> Client {
    connect(ensemble, TIMEOUT).await.unwrap()
}

#[tokio::test]
async fn names_are_looked_up_and_servers_that_have_none_are_passed_over() {
    let server = TestServer::start();
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    let ensemble = Ensemble::new(&format!("no-such-host.invalid,localhost:{port}"), "/").unwrap();
    let client = open(&ensemble).await;
    assert!(client.list_children("/").await.unwrap().contains(&"zookeeper".to_owned()));
}

#[tokio::test]
async fn the_credential_of_the_address_is_used() {
    let server = TestServer::start();
    let open_to_all = Ensemble::new(&server.address(), "/").unwrap();
    let credential = Credential { user: "aurora".to_owned(), secret: "s:1".to_owned() };
    let ours = open_to_all.clone().with_credential(Some(credential));
    let client = open(&ours).await;
    client.create("/ours", b"", &CreateMode::Persistent.with_acls(Acls::creator_all())).await.unwrap();
    assert!(client.list_children("/ours").await.unwrap().is_empty());
    assert_eq!(open(&open_to_all).await.list_children("/ours").await, Err(Error::NoAuth));
}

#[tokio::test]
async fn an_ensemble_that_is_not_there_is_named_server_by_server() {
    // One that nobody listens at, one that never speaks, and one without an address.
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = bound.local_addr().unwrap();
    let mute = listener.local_addr().unwrap();
    let servers = format!("{silent},{mute},no-such-host.invalid:2181");
    let ensemble = Ensemble::new(&servers, "/").unwrap();
    for error in [connect(&ensemble, Duration::from_secs(2)).await.unwrap_err(), diagnose(&ensemble).await] {
        let ConnectError::Unreachable { tried, .. } = &error else { panic!("{error}") };
        assert_eq!(tried.len(), 3);
        let text = error.to_string();
        assert!(
            text.starts_with(&format!(
                "no ZooKeeper server of zk://{servers}/ answers: {silent}: Connection refused"
            )),
            "{text}"
        );
        assert!(text.contains(&format!("; {mute}: takes connections and opens no session: ")), "{text}");
        assert!(text.contains("; no-such-host.invalid:2181: the name has no address"), "{text}");
    }
    drop(listener);
    let server = TestServer::start();
    let ensemble = Ensemble::new(&format!("{silent},{}", server.address()), "/").unwrap();
    // A server that is not let run for some seconds answers at the next time.
    let begin = Instant::now();
    while !diagnose(&ensemble).await.to_string().ends_with(": answers now") {
        assert!(begin.elapsed() < TIMEOUT, "{}", diagnose(&ensemble).await);
    }
    assert!(connect(&ensemble, TIMEOUT).await.is_ok(), "one of them is enough");
}
