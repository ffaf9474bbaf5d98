//! What operators and their tools ask of a cluster, on both clusters: JSON in and out, the operator API, and maintenance
//! (`spec/mesos.md` §§0.3, 0.5, 4.6, 6).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use e2e::Backend;
use e2e::framework::{FrameworkBed, framework_info, task};
use mesos_v1::SchedulerEvent;
use mesos_v1::messages::scheduler::{Call, Event, call, event};
use mesos_v1::messages::task_status::Reason;
use mesos_v1::messages::{TaskState, master};
use mesos_v1::recordio::Decoder;
use prost::Message as _;
use serde_json::{Value, json};

/// The executor of these tests: see its source for what the data of a task makes it do.
const EXECUTOR: &str = env!("CARGO_BIN_EXE_e2e-executor");

const PATIENCE: Duration = Duration::from_secs(30);
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

fn client() -> reqwest::Client {
    mesos_v1::plain_http().timeout(PATIENCE).build().unwrap()
}

async fn first_record(response: &mut reqwest::Response) -> Vec<u8> {
    let mut decoder = Decoder::new(1 << 20);
    loop {
        if let Some(record) = decoder.next_record().unwrap() {
            return record.to_vec();
        }
        decoder.push(&response.chunk().await.unwrap().expect("a record before the end"));
    }
}

/// A call in JSON, answered with its status and text.
async fn post(bed: &FrameworkBed, path: &str, body: &Value) -> (u16, String) {
    let url = format!("http://{}{path}", bed.cluster.master());
    let request =
        client().post(url).header("Content-Type", JSON).header("Accept", JSON).body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn mesos_s2_calls_and_events_are_json_or_protobuf_as_the_framework_likes(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let url = format!("http://{}/api/v1/scheduler", bed.cluster.master());
    let subscribe = call::Subscribe { framework_info: framework_info(), ..call::Subscribe::default() };
    let protobuf =
        Call { r#type: Some(call::Type::Subscribe.into()), subscribe: Some(subscribe), ..Call::default() };
    let user = framework_info().user;
    let text = json!({ "type": "SUBSCRIBE", "from_the_future": 1, "subscribe": { "framework_info": {
        "user": user, "name": "json", "failover_timeout": "600", "checkpoint": true } } });
    let bodies = [(PROTOBUF, protobuf.encode_to_vec()), (JSON, text.to_string().into_bytes())];
    for (content_type, body) in bodies {
        for (accept, wanted) in [(JSON, JSON), (PROTOBUF, PROTOBUF), ("*/*", JSON)] {
            let request = client().post(&url).header("Content-Type", content_type).header("Accept", accept);
            let mut response = request.body(body.clone()).send().await.unwrap();
            assert_eq!(response.status(), 200, "{content_type} {accept}");
            assert_eq!(response.headers()["Content-Type"], wanted, "{content_type} {accept}");
            let record = first_record(&mut response).await;
            let id = if wanted == JSON {
                let event: Value = serde_json::from_slice(&record).unwrap();
                assert_eq!(event["type"], "SUBSCRIBED", "{event}");
                assert_eq!(event["subscribed"]["heartbeat_interval_seconds"].as_f64(), Some(15.0), "{event}");
                event["subscribed"]["framework_id"]["value"].as_str().unwrap().to_owned()
            } else {
                let event = Event::decode(record.as_slice()).unwrap();
                assert_eq!(event.r#type(), event::Type::Subscribed);
                event.subscribed.unwrap().framework_id.value
            };
            let stream = response.headers()["Mesos-Stream-Id"].clone();
            let teardown = json!({ "type": "TEARDOWN", "framework_id": { "value": id } }).to_string();
            let request = client().post(&url).header("Content-Type", JSON).header("Mesos-Stream-Id", stream);
            assert_eq!(request.body(teardown).send().await.unwrap().status(), 202);
        }
    }
    let missing = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": { "name": "x" } } });
    let (status, said) = post(&bed, "/api/v1/scheduler", &missing).await;
    assert_eq!(status, 400);
    assert!(said.contains("subscribe.framework_info.user"), "{said}");
}

async fn mesos_o1_state_agents_and_health_in_both_encodings(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut framework = bed.subscribe(None).await;
    framework.launch(EXECUTOR, "a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    let ask = async |kind: &str| {
        let (status, text) = post(&bed, "/api/v1", &json!({ "type": kind })).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let health = ask("GET_HEALTH").await;
    assert_eq!(health, json!({ "type": "GET_HEALTH", "get_health": { "healthy": true } }));
    let agents = ask("GET_AGENTS").await;
    let agent = &agents["get_agents"]["agents"][0];
    assert_eq!(
        agent["agent_info"]["id"]["value"].as_str(),
        running.agent_id.as_ref().map(|id| id.value.as_str())
    );
    assert_eq!(agent["active"], true);
    let state = ask("GET_STATE").await;
    let task = &state["get_state"]["get_tasks"]["tasks"][0];
    assert_eq!(
        (task["task_id"]["value"].as_str(), task["state"].as_str()),
        (Some("a"), Some("TASK_RUNNING"))
    );
    let executor = &state["get_state"]["get_executors"]["executors"][0];
    assert_eq!(executor["executor_info"]["executor_id"]["value"], "executor-a");
    let of = &state["get_state"]["get_frameworks"]["frameworks"][0];
    assert_eq!(of["framework_info"]["id"]["value"].as_str(), Some(framework.id.value.as_str()));
    assert_eq!((&of["connected"], &of["recovered"]), (&json!(true), &json!(false)));

    let call = master::Call { r#type: Some(master::call::Type::GetState.into()), ..master::Call::default() };
    let request = client().post(format!("http://{}/api/v1", bed.cluster.master()));
    let request = request.header("Content-Type", PROTOBUF).header("Accept", PROTOBUF);
    let response = request.body(call.encode_to_vec()).send().await.unwrap();
    assert_eq!(response.headers()["Content-Type"], PROTOBUF);
    let response = master::Response::decode(response.bytes().await.unwrap()).unwrap();
    let tasks = response.get_state.unwrap().get_tasks.unwrap().tasks;
    assert_eq!((tasks.len(), tasks[0].state()), (1, TaskState::TaskRunning));
}

async fn mesos_a9_a_machine_is_announced_taken_down_and_taken_back(backend: Backend) {
    let bed = FrameworkBed::start(backend);
    let mut framework = bed.subscribe(None).await;
    let offer = framework.offer().await;
    let launched = task(EXECUTOR, &offer, "a", b"run");
    framework.handle.send(Call::accept(vec![offer.id], vec![launched], 3600.0)).unwrap();
    let agent_id = framework.update("a", TaskState::TaskRunning).await.agent_id.unwrap();
    // The rest of the offer comes when it is asked for, and not while something else is waited for.
    framework.handle.send(Call { r#type: Some(call::Type::Revive.into()), ..Call::default() }).unwrap();
    let held = framework.offer().await;
    let machine = json!({ "hostname": held.hostname, "ip": "127.0.0.1" });
    let (status, said) = post(&bed, "/machine/down", &json!([machine])).await;
    assert_eq!(status, 400, "it is not in the schedule: {said}");

    let start: i64 = 4_000_000_000_000_000_000;
    let schedule = json!({ "windows": [{ "machine_ids": [machine],
        "unavailability": { "start": { "nanoseconds": start }, "duration": { "nanoseconds": 3_600_000_000_000_i64 } } }] });
    let (status, said) = post(&bed, "/maintenance/schedule", &schedule).await;
    assert_eq!(status, 200, "{said}");
    let (mut is_rescinded, mut announced, mut inverse) = (false, None, None);
    framework
        .next("a rescinded offer, one that says when, and an inverse offer", |event| {
            match event {
                SchedulerEvent::Rescind(id) => is_rescinded |= *id == held.id,
                SchedulerEvent::Offers(offers) => {
                    announced = offers.first().and_then(|offer| offer.unavailability)
                }
                SchedulerEvent::InverseOffers(offers) => inverse = offers.first().cloned(),
                _ => {}
            }
            (is_rescinded && announced.is_some() && inverse.is_some()).then_some(())
        })
        .await;
    assert_eq!(announced.unwrap().start.nanoseconds, start);
    let inverse = inverse.unwrap();
    assert_eq!((inverse.agent_id.as_ref(), inverse.resources.len()), (Some(&agent_id), 0));

    let mut accept = Call::accept_inverse_offers(vec![inverse.id.clone()]);
    let filters = mesos_v1::messages::Filters { refuse_seconds: Some(0.0) };
    accept.accept_inverse_offers.as_mut().unwrap().filters = Some(filters);
    framework.handle.send(accept).unwrap();
    let again = framework
        .next("the inverse offer again", |event| match event {
            SchedulerEvent::InverseOffers(offers) => offers.first().cloned(),
            _ => None,
        })
        .await;
    assert_ne!(again.id, inverse.id);
    let url = format!("http://{}/maintenance/status", bed.cluster.master());
    let view: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let said = &view["draining_machines"][0]["statuses"][0];
    assert_eq!(said["status"], "ACCEPT", "{view}");
    assert_eq!(said["framework_id"]["value"].as_str(), Some(framework.id.value.as_str()));

    let (status, said) = post(&bed, "/machine/down", &json!([machine])).await;
    assert_eq!(status, 200, "{said}");
    let mut lost = None;
    let mut is_withdrawn = false;
    framework
        .next("the loss of the agent", |event| {
            match event {
                SchedulerEvent::Update(status) => lost = Some((**status).clone()),
                SchedulerEvent::RescindInverseOffer(id) => is_withdrawn |= *id == again.id,
                SchedulerEvent::Failure { agent_id: Some(id), executor_id: None, .. } => {
                    return (*id == agent_id).then_some(());
                }
                _ => {}
            }
            None
        })
        .await;
    let lost = lost.unwrap();
    assert_eq!((lost.state(), lost.reason()), (TaskState::TaskLost, Reason::AgentRemoved));
    assert!(lost.message().ends_with("removed: Operator initiated 'Machine DOWN'"), "{}", lost.message());
    assert!(is_withdrawn);

    let (status, said) = post(&bed, "/machine/up", &json!([machine])).await;
    assert_eq!(status, 200, "{said}");
    // Mesos has ended its agent; the embedded one waits until it may register.
    if backend == Backend::RealMesos {
        bed.cluster.wait_for_end("1");
        bed.cluster.start_again("1");
    }
    let offer = framework.offer().await;
    assert_eq!((offer.agent_id, offer.unavailability), (agent_id, None));
}

/// Each scenario once on either cluster.
macro_rules! on_both_clusters {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(super::Backend::Embedded)).await;
            })+
        }
        mod real_mesos {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(super::Backend::RealMesos)).await;
            })+
        }
    };
}

on_both_clusters! {
    mesos_s2_calls_and_events_are_json_or_protobuf_as_the_framework_likes,
    mesos_o1_state_agents_and_health_in_both_encodings,
    mesos_a9_a_machine_is_announced_taken_down_and_taken_back,
}
