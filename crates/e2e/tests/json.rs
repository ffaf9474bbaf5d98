//! Calls and events in JSON, on both clusters (`spec/mesos.md` §§0.3, 0.5).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::framework::{FrameworkBed, framework_info};
use e2e::{Backend, PATIENCE};
use mesos_v1::messages::scheduler::{Call, Event, call, event};
use mesos_v1::recordio::Decoder;
use prost::Message as _;
use serde_json::{Value, json};

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
        decoder.push(response.chunk().await.unwrap().expect("a record before the end"));
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

e2e::on_both_clusters_async! {
    mesos_s2_calls_and_events_are_json_or_protobuf_as_the_framework_likes,
}
