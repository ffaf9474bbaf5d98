//! Sessions with a real ZooKeeper.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use zookeeper::client::{Acls, Client, CreateMode, Error};
use zookeeper::test_server::TestServer;
use zookeeper::{ConnectError, Credential, Ensemble, connect};

const TIMEOUT: Duration = Duration::from_secs(20);

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
async fn an_ensemble_that_is_not_there_is_named() {
    let ensemble = Ensemble::new("127.0.0.1:1", "/").unwrap();
    let error = connect(&ensemble, Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }));
    assert_eq!(error.to_string(), "no ZooKeeper server of zk://127.0.0.1:1/ answers");
    let ensemble = Ensemble::new("no-such-host.invalid", "/").unwrap();
    let error = connect(&ensemble, TIMEOUT).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoAddress { source: Some(_), .. }), "{error}");
}
