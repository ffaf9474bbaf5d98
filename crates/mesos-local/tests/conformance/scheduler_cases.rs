//! Subscription, requests and their refusals: S1 to S11, S38.

use std::time::Duration;

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::{self, call, event};
use prost::Message as _;

use crate::harness::*;

#[tokio::test]
async fn mesos_s1_subscribe_without_an_id() {
    let cluster =
        Cluster::tuned(0, |master| master.heartbeat_interval = Duration::from_millis(50), |_| {}).await;
    let client = client();
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
    let response = post(&client, &url, None, subscribe_call(framework()).encode_to_vec()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["Content-Type"], "application/x-protobuf");
    assert_eq!(response.headers()["Transfer-Encoding"], "chunked");
    assert!(response.headers()["Mesos-Stream-Id"].len() <= 128);
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    assert!(scheduler.id.value.ends_with("-0001"), "{}", scheduler.id);
    for _ in 0..3 {
        assert_eq!(scheduler.events.next().await.unwrap().r#type(), event::Type::Heartbeat);
    }
}

#[tokio::test]
async fn mesos_s3_content_types_and_methods() {
    let cluster = Cluster::start(0).await;
    let client = client();
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
    let body = subscribe_call(framework()).encode_to_vec();
    let with = |kind: &str| client.post(&url).header("Content-Type", kind).body(body.clone()).send();
    assert_eq!(with("application/x-protobuf; charset=utf-8").await.unwrap().status(), 415);
    assert_eq!(with("text/plain").await.unwrap().status(), 415);
    assert_eq!(client.post(&url).body(body.clone()).send().await.unwrap().status(), 400);
    let got = client.get(&url).send().await.unwrap();
    assert_eq!(got.status(), 405);
    assert_eq!(got.headers()["Allow"], "POST");
}

#[tokio::test]
async fn mesos_s4_garbage_and_missing_members() {
    let cluster = Cluster::start(0).await;
    let client = client();
    let url = format!("http://{}/master/api/v1/scheduler", cluster.master_address);
    for body in [
        vec![],
        vec![0xff; 9],
        call_of(call::Type::Subscribe).encode_to_vec(),
        scheduler::Call::default().encode_to_vec(),
    ] {
        assert_eq!(post(&client, &url, None, body).await.status(), 400);
    }
}

#[tokio::test]
async fn mesos_s5_accept_and_stream_id_of_a_subscription() {
    let cluster = Cluster::start(0).await;
    let client = client();
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
    let body = subscribe_call(framework()).encode_to_vec();
    let request = client.post(&url).header("Content-Type", "application/x-protobuf").body(body.clone());
    assert_eq!(request.header("Accept", "text/html").send().await.unwrap().status(), 406);
    assert_eq!(post(&client, &url, Some("x"), body).await.status(), 400);
}

#[tokio::test]
async fn mesos_s6_both_framework_ids_must_agree() {
    let cluster = Cluster::start(0).await;
    let client = client();
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
    let named = v1::FrameworkInfo { id: Some("other".into()), ..framework() };
    let outer_only = scheduler::Call { framework_id: Some("x".into()), ..subscribe_call(framework()) };
    let inner_only = scheduler::Call { framework_id: None, ..subscribe_call(named.clone()) };
    let different = scheduler::Call { framework_id: Some("x".into()), ..subscribe_call(named) };
    for call in [outer_only, inner_only, different] {
        assert_eq!(post(&client, &url, None, call.encode_to_vec()).await.status(), 400);
    }
}

#[tokio::test]
async fn mesos_s7_calls_without_a_subscription() {
    let cluster = Cluster::start(0).await;
    let scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let revive =
        |id: Option<v1::FrameworkId>| scheduler::Call { framework_id: id, ..call_of(call::Type::Revive) };
    let own = Some(scheduler.id.clone());
    let stream = Some(scheduler.stream_id.as_str());
    assert_eq!(scheduler.raw(revive(None), stream).await.0, 400);
    assert_eq!(scheduler.raw(revive(Some("unknown".into())), stream).await.0, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), None).await.0, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), Some("wrong")).await.0, 400);
    assert_eq!(scheduler.raw(revive(own.clone()), stream).await.0, 202);
    let Scheduler { events, client, id, stream_id, master } = scheduler;
    drop(events);
    let other = Scheduler {
        events: Scheduler::subscribe(&cluster, framework()).await.events,
        client,
        id,
        stream_id,
        master,
    };
    wait_for("the disconnection", async || {
        other.raw(revive(own.clone()), Some(&other.stream_id)).await.0 == 403
    })
    .await;
}

#[tokio::test]
async fn mesos_s9_a_take_over_ends_the_old_stream_and_its_offers() {
    let cluster = Cluster::start(1).await;
    let mut old = Scheduler::subscribe(&cluster, framework()).await;
    let offer = old.offer().await;
    let info = v1::FrameworkInfo { id: Some(old.id.clone()), ..framework() };
    let mut new = Scheduler::subscribe(&cluster, info).await;
    assert_eq!(new.id, old.id);
    assert_ne!(new.stream_id, old.stream_id);
    let error = old.event(event::Type::Error).await.error.unwrap();
    assert_eq!(error.message, "Framework failed over");
    assert!(old.events.next().await.is_none());
    assert_eq!(old.call(call_of(call::Type::Revive)).await, 400);
    let again = new.offer().await;
    assert_ne!(again.id, offer.id);
    assert_eq!(again.resources, offer.resources);
    new.launch(&offer, vec![task(&offer, "t")]).await;
    assert_eq!(new.update().await.reason(), v1::task_status::Reason::InvalidOffers);
}

#[tokio::test]
async fn mesos_s10_reconnecting_in_time_keeps_tasks_and_resends_updates() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let info = v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..framework() };
    drop(scheduler);
    let sent = executor.update("t", v1::TaskState::TaskFinished).await;
    let mut scheduler = Scheduler::subscribe(&cluster, info).await;
    let status = scheduler.taken(v1::TaskState::TaskFinished).await;
    assert_eq!(status.uuid, sent.uuid);
    assert_eq!(status.agent_id, Some(offer.agent_id));
    assert!(status.timestamp.is_some());
}

#[tokio::test]
async fn mesos_s11_a_framework_ends_by_its_timeout_or_by_teardown() {
    let cluster = Cluster::start(1).await;
    for is_teardown in [false, true] {
        let timeout = if is_teardown { 3600.0 } else { 0.0 };
        let info = v1::FrameworkInfo { failover_timeout: Some(timeout), ..framework() };
        let mut scheduler = Scheduler::subscribe(&cluster, info.clone()).await;
        let (_, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
        let id = scheduler.id.clone();
        if is_teardown {
            assert_eq!(scheduler.call(scheduler::Call::teardown()).await, 202);
            while scheduler.events.next().await.is_some() {}
        }
        drop(scheduler);
        assert_eq!(executor.next().await.r#type(), v1::executor::event::Type::Shutdown);
        let again = subscribe_call(v1::FrameworkInfo { id: Some(id.clone()), ..info });
        let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
        let client = client();
        let response = post(&client, &url, None, again.encode_to_vec()).await;
        assert_eq!(response.status(), 200);
        let text = text_of(response).await;
        assert!(text.contains("Framework has been removed"), "{text}");
    }
}

#[tokio::test]
async fn a_restarted_master_knows_its_frameworks_and_agents_and_their_tasks() {
    let mut cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let (offer, mut executor) = run_one(&cluster, &mut scheduler, "t").await;
    let info = v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..framework() };
    let ended = v1::FrameworkInfo { failover_timeout: Some(0.0), ..framework() };
    let gone = Scheduler::subscribe(&cluster, ended.clone()).await;
    gone.call(scheduler::Call::teardown()).await;

    cluster.stop_master().await;
    assert!(scheduler.event_or_end().await.is_none());
    let sent = executor.update("t", v1::TaskState::TaskFinished).await;
    cluster.start_master().await;
    let mut scheduler = Scheduler::subscribe(&cluster, info).await;
    let again = scheduler.offer().await;
    assert_eq!(again.agent_id, offer.agent_id);
    let status = scheduler.taken(v1::TaskState::TaskFinished).await;
    assert_eq!(status.uuid, sent.uuid);
    // What ended stays ended, restart or not.
    let call = subscribe_call(v1::FrameworkInfo { id: Some(gone.id.clone()), ..ended });
    let url = format!("http://{}/api/v1/scheduler", cluster.master_address);
    let text = text_of(post(&scheduler.client, &url, None, call.encode_to_vec()).await).await;
    assert!(text.contains("Framework has been removed"), "{text}");
}

#[tokio::test]
async fn tools_find_what_they_ask_a_master_for() {
    let cluster = Cluster::start(1).await;
    let scheduler = Scheduler::subscribe(&cluster, framework()).await;
    assert_eq!(cluster.view("/version").await["version"], "1.11.0");
    assert_eq!(
        cluster.view("/master/flags").await["flags"]["port"],
        cluster.master_address.port().to_string()
    );
    let roles = cluster.view("/roles").await;
    let role = &roles["roles"][0];
    assert_eq!((&role["name"], &role["frameworks"][0]), (&"*".into(), &scheduler.id.value.clone().into()));
    let _ = client();
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = format!("http://{}/master/redirect", cluster.master_address);
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["Location"], format!("//{}", cluster.master_address));
}

#[tokio::test]
async fn an_update_suppresses_its_role_or_no_role() {
    let cluster = Cluster::start(1).await;
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let id = scheduler.id.clone();
    let update = |roles: &[&str]| scheduler::Call {
        update_framework: Some(call::UpdateFramework {
            framework_info: v1::FrameworkInfo { id: Some(id.clone()), ..framework() },
            suppressed_roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Default::default()
        }),
        ..call_of(call::Type::UpdateFramework)
    };
    let offer = scheduler.offer().await;
    // What is no role of the framework is refused, and changes nothing.
    assert_eq!(scheduler.call(update(&["other"])).await, 400);
    assert_eq!(scheduler.call(update(&["*", "other"])).await, 400);
    let decline = scheduler::Call::decline(vec![offer.id], 0.0);
    assert_eq!(scheduler.call(decline).await, 202);
    let offer = scheduler.offer().await;
    assert_eq!(scheduler.call(update(&["*"])).await, 200);
    assert_eq!(scheduler.call(scheduler::Call::decline(vec![offer.id], 3600.0)).await, 202);
    scheduler.assert_silent().await;
    // A role that is suppressed no more hears of everything again.
    assert_eq!(scheduler.call(update(&[])).await, 200);
    scheduler.offer().await;
}

#[tokio::test]
async fn mesos_s38_a_framework_may_change_its_name_but_not_its_user() {
    let cluster = Cluster::start(0).await;
    let scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let update = |info: v1::FrameworkInfo| scheduler::Call {
        update_framework: Some(call::UpdateFramework {
            framework_info: v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..info },
            ..Default::default()
        }),
        ..call_of(call::Type::UpdateFramework)
    };
    assert_eq!(scheduler.call(update(v1::FrameworkInfo { name: "new".into(), ..framework() })).await, 200);
    assert_eq!(scheduler.call(update(v1::FrameworkInfo { user: "new".into(), ..framework() })).await, 400);
    assert_eq!(cluster.view("/state").await["frameworks"][0]["name"], "new");
}

#[tokio::test]
async fn a_framework_that_hangs_up_while_it_subscribes_is_disconnected() {
    use std::io::Write as _;
    let cluster = Cluster::start(0).await;
    let body = subscribe_call(framework()).encode_to_vec();
    let head = format!(
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: m\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..40 {
        let mut connection = std::net::TcpStream::connect(cluster.master_address).unwrap();
        connection.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        drop(connection);
        tokio::task::yield_now().await;
    }
    wait_for("all of them to be disconnected", async || {
        let state = cluster.view("/state").await;
        let frameworks = state["frameworks"].as_array().unwrap();
        !frameworks.is_empty() && frameworks.iter().all(|framework| framework["connected"] == false)
    })
    .await;
}
