//! A master that wants to know who speaks to it.

use mesos_local::master::{Credentials, Master, MasterConfig};
use mesos_v1::messages as v1;
use mesos_v1::scheduler::SchedulerTiming;
use mesos_v1::{SchedulerConfig, SchedulerEvent, SchedulerHandle, SchedulerSession};
use prost::Message as _;
use tokio::sync::mpsc::Receiver;

use crate::harness::*;

/// A master that knows `aurora`, whose secret is `open`, and `other`.
async fn start(dir: &std::path::Path) -> Master {
    let file = dir.join("credentials.json");
    let known =
        r#"{"credentials":[{"principal":"aurora","secret":"open"},{"principal":"other","secret":"x"}]}"#;
    std::fs::write(&file, known).unwrap();
    let mut config = MasterConfig::new(dir.join("master"));
    config.port = 0;
    config.credentials = Some(Credentials::read(&file).unwrap());
    Master::start(config).await.unwrap()
}

/// A session, which ends with its handle.
fn session(master: &Master, principal: &str, secret: &str) -> (SchedulerHandle, Receiver<SchedulerEvent>) {
    let config = SchedulerConfig {
        masters: master.address.to_string().parse().unwrap(),
        framework_info: v1::FrameworkInfo { principal: Some(principal.into()), ..framework() },
        credential: Some(v1::Credential { principal: principal.into(), secret: Some(secret.into()) }),
        timing: SchedulerTiming::default(),
    };
    SchedulerSession::start(config).unwrap()
}

async fn next(events: &mut Receiver<SchedulerEvent>) -> SchedulerEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.expect("an event").expect("the session is there")
}

#[tokio::test]
async fn mesos_s39_without_the_right_credentials_nobody_gets_in() {
    let client = client();
    let dir = tempfile::tempdir().unwrap();
    let master = start(dir.path()).await;
    let url = format!("http://{}/api/v1/scheduler", master.address);
    let send = |info: v1::FrameworkInfo, who: Option<(&'static str, &'static str)>| {
        let mut request = client
            .post(&url)
            .header("Content-Type", "application/x-protobuf")
            .timeout(PATIENCE)
            .body(subscribe_call(info).encode_to_vec());
        if let Some((principal, secret)) = who {
            request = request.basic_auth(principal, Some(secret));
        }
        async { request.send().await.unwrap() }
    };
    for who in [None, Some(("aurora", "wrong")), Some(("nobody", "open"))] {
        let answer = send(framework(), who).await;
        assert_eq!(answer.status(), 401, "{who:?}");
        assert_eq!(answer.headers()["www-authenticate"], "Basic realm=\"mesos-master-scheduler\"");
    }
    let named = v1::FrameworkInfo { principal: Some("other".into()), ..framework() };
    assert_eq!(
        send(named, Some(("aurora", "open"))).await.status(),
        400,
        "the framework of another principal"
    );
    assert_eq!(send(framework(), Some(("aurora", "open"))).await.status(), 200);
    // Looking needs no credentials.
    assert_eq!(client.get(format!("http://{}/state", master.address)).send().await.unwrap().status(), 200);
    master.stop().await;
}

#[tokio::test]
async fn mesos_s39_a_session_with_refused_credentials_ends_and_says_so() {
    client();
    let dir = tempfile::tempdir().unwrap();
    let master = start(dir.path()).await;
    let (_handle, mut right) = session(&master, "aurora", "open");
    while !matches!(next(&mut right).await, SchedulerEvent::Subscribed { .. }) {}
    let (_other, mut wrong) = session(&master, "aurora", "wrong");
    let error = loop {
        if let SchedulerEvent::Ended { error } = next(&mut wrong).await {
            break error.to_string();
        }
    };
    assert!(error.contains("aurora") && error.contains("401"), "{error}");
    master.stop().await;
}

#[test]
fn credentials_that_cannot_work_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.json");
    let problem = |content: &str| {
        std::fs::write(&file, content).unwrap();
        Credentials::read(&file).unwrap_err().to_string()
    };
    assert!(problem("aurora open").contains("credentials.json holds no credentials"));
    assert!(problem(r#"{"credentials":[{"principal":"a","secret":"x:y"}]}"#).contains("\"a\""));
    std::fs::remove_file(&file).unwrap();
    assert!(Credentials::read(&file).unwrap_err().to_string().contains("cannot read"));
}
