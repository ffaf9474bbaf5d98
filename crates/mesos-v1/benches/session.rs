//! How much of one core the session with a master takes: 10,000 offers and 5,000 status updates, as a large cluster sends
//! them in one second. The baseline is the same workload as a JSON session would read it: the same HTTP client and
//! framing, and each record parsed by `serde_json` into a tree of values, without the step from there to messages.
//!
//! A stand-in for the master on another thread sends one record per chunk, as Mesos does. Measured is the CPU time of the
//! thread that runs the session and its owner.
//!
//! Run with `cargo bench -p mesos-v1 --bench session`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::{Call, Event, event};
use mesos_v1::recordio::{Decoder, encode};
use mesos_v1::scheduler::SchedulerTiming;
use mesos_v1::{SchedulerConfig, SchedulerEvent, SchedulerSession, plain_http};
use nix::sys::resource::{UsageWho, getrusage};
use prost::Message as _;
use serde_json::{Value, json};

const OFFERS: usize = 10_000;
const OFFERS_PER_EVENT: usize = 500;
const UPDATES: usize = 5_000;
const ROUNDS: usize = 7;

/// The workload's records, SUBSCRIBED first, each with its length before it.
type Stream = Arc<Vec<bytes::Bytes>>;

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (protobuf, json) = (Arc::new(protobuf_records()), Arc::new(json_records()));
    let bytes = |stream: &Stream| stream.iter().map(bytes::Bytes::len).sum::<usize>() as f64 / 1e6;
    println!(
        "{OFFERS} offers in events of {OFFERS_PER_EVENT}, and {UPDATES} status updates, read from a socket:"
    );
    let ours = best(|| read_with_session(&protobuf, false));
    print("session, protobuf", ours, ours, bytes(&protobuf));
    print("baseline: JSON into values", best(|| read_json(&json)), ours, bytes(&json));
    print(
        "session, acknowledging each update",
        best(|| read_with_session(&protobuf, true)),
        ours,
        bytes(&protobuf),
    );
    println!("the same without a connection:");
    let ours = best(|| decode_protobuf(&protobuf));
    print("RecordIO and protobuf", ours, ours, bytes(&protobuf));
    print("baseline: RecordIO and JSON", best(|| decode_json(&json)), ours, bytes(&json));
}

fn print(what: &str, cpu: Duration, ours: Duration, megabytes: f64) {
    println!(
        "  {what:36} {:7.1} ms of CPU ({:4.1} % of a core at one a second), {:4.1} MB, {:4.1} x",
        cpu.as_secs_f64() * 1e3,
        cpu.as_secs_f64() * 100.0,
        megabytes,
        cpu.as_secs_f64() / ours.as_secs_f64(),
    );
}

fn best(mut round: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| round()).min().unwrap()
}

/// The CPU time of this thread so far.
fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let of = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), u32::try_from(time.tv_usec()).unwrap() * 1000)
    };
    of(usage.user_time()) + of(usage.system_time())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn read_with_session(stream: &Stream, acknowledges: bool) -> Duration {
    let address = serve(stream.clone());
    let config = SchedulerConfig {
        masters: address.parse().unwrap(),
        framework_info: v1::FrameworkInfo::default(),
        credential: None,
        timing: SchedulerTiming::default(),
    };
    runtime().block_on(async {
        let (handle, mut events) = SchedulerSession::start(config).unwrap();
        let mut begin = Duration::ZERO;
        let (mut offers, mut updates) = (0, 0);
        while offers < OFFERS || updates < UPDATES {
            match events.recv().await.unwrap() {
                SchedulerEvent::Subscribed { .. } => begin = cpu(),
                SchedulerEvent::Offers(more) => offers += more.len(),
                SchedulerEvent::Update(status) => {
                    updates += 1;
                    if acknowledges {
                        handle.send(Call::acknowledge(&status).unwrap()).unwrap();
                    }
                }
                _ => {}
            }
        }
        if acknowledges {
            // Calls are sent one by one, so this one is answered after all of them: with a refusal, as the master here
            // does with nothing else.
            handle.send(Call::teardown()).unwrap();
            while !matches!(events.recv().await.unwrap(), SchedulerEvent::CallFailed { .. }) {}
        }
        cpu() - begin
    })
}

fn read_json(stream: &Stream) -> Duration {
    let address = serve(stream.clone());
    runtime().block_on(async {
        let client = plain_http().build().unwrap();
        let url = format!("http://{address}/api/v1/scheduler");
        let mut response = client.post(url).body("subscribe").send().await.unwrap();
        let begin = cpu();
        let mut decoder = Decoder::default();
        let mut count = Count::default();
        while !count.is_whole() {
            decoder.push(response.chunk().await.unwrap().unwrap());
            while let Some(record) = decoder.next_record().unwrap() {
                count.add(&serde_json::from_slice(&record).unwrap());
            }
        }
        cpu() - begin
    })
}

fn decode_protobuf(stream: &Stream) -> Duration {
    let begin = cpu();
    let mut decoder = Decoder::default();
    let (mut offers, mut updates) = (0, 0);
    for chunk in stream.iter() {
        decoder.push(chunk.clone());
        while let Some(record) = decoder.next_record().unwrap() {
            let event = Event::decode(record).unwrap();
            offers += event.offers.map_or(0, |it| it.offers.len());
            updates += usize::from(event.update.is_some());
        }
    }
    assert_eq!((offers, updates), (OFFERS, UPDATES));
    cpu() - begin
}

fn decode_json(stream: &Stream) -> Duration {
    let begin = cpu();
    let mut decoder = Decoder::default();
    let mut count = Count::default();
    for chunk in stream.iter() {
        decoder.push(chunk.clone());
        while let Some(record) = decoder.next_record().unwrap() {
            count.add(&serde_json::from_slice(&record).unwrap());
        }
    }
    assert!(count.is_whole());
    cpu() - begin
}

#[derive(Default)]
struct Count {
    offers: usize,
    updates: usize,
}

impl Count {
    fn add(&mut self, event: &Value) {
        self.offers += event["offers"]["offers"].as_array().map_or(0, Vec::len);
        self.updates += usize::from(event.get("update").is_some());
    }

    fn is_whole(&self) -> bool {
        self.offers >= OFFERS && self.updates >= UPDATES
    }
}

/// A master that streams these records to whoever subscribes, takes every acknowledgement and refuses all else.
fn serve(stream: Stream) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        // One connection for the stream, one for the calls, if there are any.
        for connection in listener.incoming().take(2) {
            let stream = stream.clone();
            thread::spawn(move || answer(connection.unwrap(), &stream));
        }
    });
    address
}

/// Ends when the client goes, which shows as an error of the connection.
fn answer(connection: TcpStream, stream: &Stream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    loop {
        let (mut length, mut is_call, mut line) = (0_usize, false, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.to_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            is_call |= lower.starts_with("mesos-stream-id:");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if is_call {
            let is_acknowledgement = Call::decode(&body[..]).unwrap().acknowledge.is_some();
            let status = if is_acknowledgement { "202 Accepted" } else { "409 Conflict" };
            write!(writer, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        }
        write!(writer, "HTTP/1.1 200 OK\r\nMesos-Stream-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for record in stream.iter() {
            let mut chunk = format!("{:x}\r\n", record.len()).into_bytes();
            chunk.extend_from_slice(record);
            chunk.extend_from_slice(b"\r\n");
            writer.write_all(&chunk)?;
        }
        // The stream stays open, as a master's does, until the client hangs up.
        let give_up = Instant::now() + Duration::from_secs(60);
        while Instant::now() < give_up && reader.read(&mut [0; 1])? != 0 {}
        return Ok(());
    }
}

fn protobuf_records() -> Vec<bytes::Bytes> {
    let subscribed = event::Subscribed { framework_id: framework(), ..event::Subscribed::default() };
    let mut events = vec![Event {
        r#type: Some(event::Type::Subscribed.into()),
        subscribed: Some(subscribed),
        ..Event::default()
    }];
    let offers: Vec<v1::Offer> = (0..OFFERS).map(offer).collect();
    events.extend(offers.chunks(OFFERS_PER_EVENT).map(|offers| Event {
        r#type: Some(event::Type::Offers.into()),
        offers: Some(event::Offers { offers: offers.to_vec() }),
        ..Event::default()
    }));
    events.extend((0..UPDATES).map(|number| Event {
        r#type: Some(event::Type::Update.into()),
        update: Some(event::Update { status: status(number) }),
        ..Event::default()
    }));
    events.iter().map(|event| encode(&event.encode_to_vec())).collect()
}

fn framework() -> v1::FrameworkId {
    "4d1e6a6e-5f0b-4a57-9d0e-1f0a3a1c7c11-0000".into()
}

fn agent(number: usize) -> String {
    format!("4d1e6a6e-5f0b-4a57-9d0e-1f0a3a1c7c11-S{number}")
}

fn offer(number: usize) -> v1::Offer {
    let scalar =
        |name, value| v1::Resource { role: Some("*".to_owned()), ..v1::Resource::scalar(name, value) };
    let ports = v1::Resource::ranges("ports", [(31000, 31244), (31246, 31300), (31305, 32000)]);
    let hostname = format!("node-{number}.example.com");
    v1::Offer {
        id: format!("4d1e6a6e-5f0b-4a57-9d0e-1f0a3a1c7c11-O{number}").into(),
        framework_id: framework(),
        agent_id: agent(number).into(),
        resources: vec![
            v1::Resource { role: Some("*".to_owned()), ..ports },
            scalar("cpus", 13.5),
            scalar("mem", 63_488.0),
            scalar("disk", 405_000.0),
        ],
        attributes: vec![
            v1::Attribute::text("host", &hostname),
            v1::Attribute::text("rack", &format!("r{}", number / 40)),
        ],
        url: Some(v1::Url {
            scheme: "http".to_owned(),
            address: v1::Address {
                hostname: Some(hostname.clone()),
                ip: Some("10.1.2.3".to_owned()),
                port: 5051,
            },
            path: Some("/slave(1)".to_owned()),
            ..v1::Url::default()
        }),
        hostname,
        ..v1::Offer::default()
    }
}

fn task_id(number: usize) -> String {
    format!("www-prod-hello-{number}-7d0f6c2e-33a1-4a55-8a36-0f1fb8d9c9a1")
}

const CONTAINER: &str = "5d5a3c0e-7a57-4c3b-9f9e-2f6f0b6f0d11";

fn status(number: usize) -> v1::TaskStatus {
    let address =
        v1::network_info::IpAddress { ip_address: Some("10.1.2.3".to_owned()), ..Default::default() };
    v1::TaskStatus {
        task_id: task_id(number).into(),
        state: v1::TaskState::TaskRunning.into(),
        source: Some(v1::task_status::Source::Executor.into()),
        agent_id: Some(agent(number).into()),
        executor_id: Some(format!("thermos-{}", task_id(number)).into()),
        timestamp: Some(1_700_000_000.25),
        uuid: Some(vec![0x4f; 16]),
        container_status: Some(v1::ContainerStatus {
            container_id: Some(v1::ContainerId { value: CONTAINER.to_owned(), parent: None }),
            executor_pid: Some(4711),
            network_infos: vec![v1::NetworkInfo { ip_addresses: vec![address], ..Default::default() }],
            ..v1::ContainerStatus::default()
        }),
        ..v1::TaskStatus::default()
    }
}

/// The same as Mesos writes it (spec/mesos.md §0.5).
fn json_records() -> Vec<bytes::Bytes> {
    let subscribed =
        json!({ "framework_id": { "value": framework().value }, "heartbeat_interval_seconds": 15.0 });
    let mut events = vec![json!({ "type": "SUBSCRIBED", "subscribed": subscribed })];
    let offers: Vec<Value> = (0..OFFERS).map(|number| offer_json(&offer(number))).collect();
    events.extend(
        offers
            .chunks(OFFERS_PER_EVENT)
            .map(|offers| json!({ "type": "OFFERS", "offers": { "offers": offers } })),
    );
    events.extend(
        (0..UPDATES).map(|number| json!({ "type": "UPDATE", "update": { "status": status_json(number) } })),
    );
    events.iter().map(|event| encode(event.to_string().as_bytes())).collect()
}

fn offer_json(offer: &v1::Offer) -> Value {
    let scalar = |name: &str, value: f64| json!({ "name": name, "type": "SCALAR", "scalar": { "value": value }, "role": "*" });
    let range = [(31000, 31244), (31246, 31300), (31305, 32000)]
        .map(|(begin, end)| json!({ "begin": begin, "end": end }));
    let text = |attribute: &v1::Attribute| {
        let value = attribute.text.as_ref().map(|text| text.value.as_str());
        json!({ "name": attribute.name, "type": "TEXT", "text": { "value": value } })
    };
    json!({
        "id": { "value": offer.id.value },
        "framework_id": { "value": offer.framework_id.value },
        "agent_id": { "value": offer.agent_id.value },
        "hostname": offer.hostname,
        "resources": [
            { "name": "ports", "type": "RANGES", "ranges": { "range": range }, "role": "*" },
            scalar("cpus", 13.5), scalar("mem", 63_488.0), scalar("disk", 405_000.0),
        ],
        "attributes": offer.attributes.iter().map(text).collect::<Vec<_>>(),
        "url": {
            "scheme": "http",
            "address": { "hostname": offer.hostname, "ip": "10.1.2.3", "port": 5051 },
            "path": "/slave(1)",
        },
    })
}

fn status_json(number: usize) -> Value {
    json!({
        "task_id": { "value": task_id(number) },
        "state": "TASK_RUNNING",
        "source": "SOURCE_EXECUTOR",
        "agent_id": { "value": agent(number) },
        "executor_id": { "value": format!("thermos-{}", task_id(number)) },
        "timestamp": 1_700_000_000.25,
        "uuid": "T09PT09PT09PT09PT09PTw==",
        "container_status": {
            "container_id": { "value": CONTAINER },
            "executor_pid": 4711,
            "network_infos": [{ "ip_addresses": [{ "protocol": "IPv4", "ip_address": "10.1.2.3" }] }],
        },
    })
}
