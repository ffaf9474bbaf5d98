use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::fake::{EventStream, Fake, ReceivedCall, pass, within};
use crate::messages::scheduler::{Event, call, event};
use crate::messages::{TaskId, TaskState};

pub(super) type Master = Fake<Call>;

pub(super) fn config(masters: &str) -> SchedulerConfig {
    SchedulerConfig {
        masters: masters.parse().unwrap(),
        framework_info: FrameworkInfo {
            user: "root".to_owned(),
            name: "Aurora".to_owned(),
            ..FrameworkInfo::default()
        },
        credential: None,
        timing: SchedulerTiming { backoff_min: Duration::from_millis(2), ..SchedulerTiming::default() },
    }
}

pub(super) async fn next(events: &mut mpsc::Receiver<SchedulerEvent>) -> SchedulerEvent {
    within(events.recv()).await.unwrap()
}

/// The next event but those that tell of a new attempt.
pub(super) async fn next_but_connecting(events: &mut mpsc::Receiver<SchedulerEvent>) -> SchedulerEvent {
    loop {
        let event = next(events).await;
        if !matches!(event, SchedulerEvent::Connecting { .. }) {
            return event;
        }
    }
}

fn subscribed(heartbeat_interval_seconds: f64) -> Event {
    Event {
        r#type: Some(event::Type::Subscribed.into()),
        subscribed: Some(event::Subscribed {
            framework_id: "m1-0000".into(),
            heartbeat_interval_seconds: Some(heartbeat_interval_seconds),
            master_info: None,
        }),
        ..Event::default()
    }
}

fn of_type(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

fn error_event(message: &str) -> Event {
    Event { error: Some(event::Error { message: message.to_owned() }), ..of_type(event::Type::Error) }
}

pub(super) fn kill(task_id: &str) -> Call {
    Call::kill(task_id.into(), None)
}

pub(super) fn killed_task(call: &Call) -> &str {
    &call.kill.as_ref().unwrap().task_id.value
}

pub(super) async fn accept_subscription(request: ReceivedCall<Call>, stream_id: &str) -> EventStream {
    assert_eq!(request.call.r#type(), call::Type::Subscribe);
    assert!(!request.headers.contains_key("mesos-stream-id"));
    let stream = request.stream(stream_id);
    stream.send(&subscribed(15.0)).await;
    stream
}

/// A session that is subscribed, and the stream of its events.
async fn start_subscribed(
    master: &mut Master,
) -> (SchedulerHandle, mpsc::Receiver<SchedulerEvent>, EventStream) {
    let (handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let stream = accept_subscription(master.next().await, "stream-1").await;
    let subscribed = next_but_connecting(&mut events).await;
    assert!(matches!(subscribed, SchedulerEvent::Subscribed { .. }), "{subscribed:?}");
    (handle, events, stream)
}

#[tokio::test]
async fn mesos_s1_a_new_framework_subscribes_and_calls_with_its_id_and_stream_id() {
    let mut master = Master::start().await;
    let (handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let request = master.next().await;
    assert_eq!(request.call.framework_id, None);
    let subscribe = request.call.subscribe.clone().unwrap();
    assert_eq!((subscribe.framework_info.name.as_str(), subscribe.framework_info.id), ("Aurora", None));
    let stream = accept_subscription(request, "stream-1").await;

    let connecting = next(&mut events).await;
    assert!(matches!(&connecting, SchedulerEvent::Connecting { master: it } if *it == master.address));
    let SchedulerEvent::Subscribed { framework_id, heartbeat_interval, .. } = next(&mut events).await else {
        panic!("not subscribed");
    };
    assert_eq!((framework_id.value.as_str(), heartbeat_interval), ("m1-0000", Duration::from_secs(15)));

    handle.send(kill("a")).unwrap();
    let request = master.next().await;
    assert_eq!(request.headers["mesos-stream-id"], "stream-1");
    assert_eq!(request.call.framework_id.as_ref().unwrap().value, "m1-0000");
    request.answer(202, "");

    stream.send(&of_type(event::Type::Heartbeat)).await;
    let status =
        TaskStatus { task_id: "a".into(), state: TaskState::TaskKilled.into(), ..TaskStatus::default() };
    let update = Event { update: Some(event::Update { status }), ..of_type(event::Type::Update) };
    stream.send(&update).await;
    let event = next(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Update(status) if status.task_id == TaskId::from("a")),
        "{event:?}"
    );
}

#[tokio::test]
async fn mesos_s7_a_call_under_a_stale_stream_id_fails_and_the_session_subscribes_again() {
    let mut master = Master::start().await;
    let (handle, mut events, _stream) = start_subscribed(&mut master).await;
    handle.send(kill("a")).unwrap();
    master.next().await.answer(400, "The stream ID 'stream-1' included in this request didn't match");
    let SchedulerEvent::CallFailed { call, error } = next(&mut events).await else { panic!("no failure") };
    assert_eq!((killed_task(&call), error.status()), ("a", Some(400)));
    let SchedulerEvent::Disconnected { reason } = next(&mut events).await else { panic!("still connected") };
    assert!(matches!(reason, SessionError::SubscriptionVoid { status: 400, .. }), "{reason}");

    let _stream = accept_subscription(master.next().await, "stream-2").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
    handle.send(kill("a")).unwrap();
    assert_eq!(master.next().await.headers["mesos-stream-id"], "stream-2");
}

/// Masters by hand; those that a real ZooKeeper elects are in the end-to-end tests.
#[tokio::test]
async fn mesos_s8_the_leader_is_followed_and_a_master_without_a_leader_is_asked_again() {
    let (mut first, mut leader) = (Master::start().await, Master::start().await);
    let (_handle, mut events) = SchedulerSession::start(config(&first.address)).unwrap();
    first.next().await.answer(503, "No leader elected");
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(reason.to_string().contains(&first.address) && reason.to_string().contains("No leader elected"));

    let location = format!("//{}/api/v1/scheduler", leader.address);
    first.next().await.answer_with(307, "location", &location, "");
    let _stream = accept_subscription(leader.next().await, "stream-1").await;
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Subscribed { master, .. } if *master == leader.address),
        "{event:?}"
    );
}

#[tokio::test]
async fn masters_that_redirect_in_a_circle_are_reported() {
    let mut master = Master::start().await;
    let (_handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let location = format!("//{}/api/v1/scheduler", master.address);
    for _ in 0..5 {
        master.next().await.answer_with(307, "location", &location, "");
    }
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Disconnected { reason: SessionError::RedirectLoop { .. } }),
        "{event:?}"
    );
}

#[tokio::test]
async fn mesos_s10_after_a_loss_the_same_framework_id_subscribes_again() {
    let mut master = Master::start().await;
    let (_handle, mut events, stream) = start_subscribed(&mut master).await;
    drop(stream);
    let event = next(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Disconnected { reason: SessionError::StreamLost { .. } }),
        "{event:?}"
    );
    let request = master.next().await;
    let outer = request.call.framework_id.clone();
    let inner = request.call.subscribe.clone().unwrap().framework_info.id;
    assert_eq!((outer, inner), (Some("m1-0000".into()), Some("m1-0000".into())));
    let _stream = accept_subscription(request, "stream-2").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
}

/// Of the client alone: no cluster leaves out its heartbeats when asked to.
#[tokio::test]
async fn mesos_s12_a_master_without_heartbeats_is_given_up() {
    let mut master = Master::start().await;
    let (_handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let stream = master.next().await.stream("stream-1");
    stream.send(&subscribed(0.01)).await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
    let event = next(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(matches!(&reason, SessionError::Silent { silence, .. } if *silence == Duration::from_millis(50)));
    assert_eq!(master.next().await.call.framework_id, Some("m1-0000".into()));
}

#[tokio::test]
async fn a_master_that_takes_a_subscription_and_says_nothing_is_given_up() {
    let mut master = Master::start().await;
    let config = config(&master.address);
    let subscribe_timeout = config.timing.subscribe_timeout;
    let (_handle, mut events) = SchedulerSession::start(config).unwrap();
    // The first answers with nothing at all, the second with headers alone.
    let _silent = master.next().await;
    pass(subscribe_timeout).await;
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Disconnected { reason: SessionError::NoAnswer { .. } }),
        "{event:?}"
    );
    let _stream = master.next().await.stream("stream-1");
    pass(subscribe_timeout).await;
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(matches!(reason, SessionError::NoAnswer { .. }), "{reason}");
    assert!(reason.remedy().contains("drops its packets"));
}

#[tokio::test]
async fn a_call_that_is_never_answered_comes_back_and_the_next_one_goes_out() {
    let mut master = Master::start().await;
    let (handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let stream = accept_subscription(master.next().await, "stream-1").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
    handle.send(kill("a")).unwrap();
    handle.send(kill("b")).unwrap();
    let _unanswered = master.next().await;
    // The stream is alive; only the connection of the calls is half open.
    for _ in 0..2 {
        let rescind = event::Rescind { offer_id: "o1".into() };
        stream.send(&Event { rescind: Some(rescind), ..of_type(event::Type::Rescind) }).await;
        assert!(matches!(next(&mut events).await, SchedulerEvent::Rescind(_)));
        pass(Duration::from_secs(40)).await;
    }
    let SchedulerEvent::CallFailed { call, error } = next(&mut events).await else { panic!("no failure") };
    assert_eq!(killed_task(&call), "a");
    assert!(matches!(error, CallError::Unanswered { .. }), "{error}");
    assert_eq!(killed_task(&master.next().await.call), "b");
}

#[tokio::test]
async fn a_proxy_in_trouble_is_asked_again() {
    let mut master = Master::start().await;
    let (_handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    for status in [502, 504, 500, 429] {
        master.next().await.answer(status, "Bad Gateway");
        let event = next_but_connecting(&mut events).await;
        let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
        assert!(reason.to_string().contains(&status.to_string()), "{reason}");
    }
    let _stream = accept_subscription(master.next().await, "stream-1").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
}

/// Whoever answers stops in the middle of it, and keeps the connection.
#[tokio::test]
async fn a_refusal_that_breaks_off_is_one_all_the_same() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (_handle, mut events) = SchedulerSession::start(config(&address)).unwrap();
    let (mut connection, _) = listener.accept().await.unwrap();
    connection.read_u8().await.unwrap();
    let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 99\r\n\r\nnobody leads";
    connection.write_all(answer).await.unwrap();
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(reason.to_string().contains("503 nobody leads"), "{reason}");
}

#[test]
fn waits_double_up_to_their_limit_and_half_of_each_is_left_to_chance() {
    let timing = SchedulerTiming::default();
    for (failures, full) in [(0, 200), (1, 400), (2, 800), (6, 12_800), (7, 15_000), (60, 15_000)] {
        let full = Duration::from_millis(full);
        let waits: Vec<Duration> = (0..50).map(|_| session::backoff(&timing, failures)).collect();
        assert!(waits.iter().all(|wait| (full / 2..=full).contains(wait)), "{failures}: {waits:?}");
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]), "{failures}");
    }
}

#[tokio::test]
async fn mesos_s39_wrong_credentials_end_the_session() {
    let mut master = Master::start().await;
    let credential = Credential { principal: "aurora".to_owned(), secret: Some("secret".to_owned()) };
    let config = SchedulerConfig { credential: Some(credential), ..config(&master.address) };
    let (handle, mut events) = SchedulerSession::start(config).unwrap();
    let request = master.next().await;
    // base64 of aurora:secret
    assert_eq!(request.headers["authorization"], "Basic YXVyb3JhOnNlY3JldA==");
    request.answer(401, "");
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Ended { error } = event else { panic!("{event:?}") };
    assert!(error.to_string().contains("refuses principal \"aurora\""), "{error}");
    assert!(error.remedy().contains("-framework_authentication_file"));
    assert!(within(events.recv()).await.is_none());
    assert!(matches!(handle.send(kill("a")), Err(SendError::SessionEnded(_))));
}

/// Of the client alone: no master of today sends such an event.
#[tokio::test]
async fn mesos_s40_an_unknown_event_is_ignored() {
    let mut master = Master::start().await;
    let (_handle, mut events, stream) = start_subscribed(&mut master).await;
    stream.send(&Event { r#type: Some(4711), ..Event::default() }).await;
    let rescind = event::Rescind { offer_id: "o1".into() };
    stream.send(&Event { rescind: Some(rescind), ..of_type(event::Type::Rescind) }).await;
    let event = next(&mut events).await;
    assert!(matches!(&event, SchedulerEvent::Rescind(id) if id.value == "o1"), "{event:?}");
}

#[tokio::test]
async fn an_error_event_ends_the_session_and_every_open_call_fails() {
    let mut master = Master::start().await;
    let (handle, mut events, stream) = start_subscribed(&mut master).await;
    handle.send(kill("a")).unwrap();
    handle.send(kill("b")).unwrap();
    let _unanswered = master.next().await;
    stream.send(&error_event("Framework failed over")).await;
    for (task_id, is_unanswered) in [("a", true), ("b", false)] {
        let SchedulerEvent::CallFailed { call, error } = next(&mut events).await else {
            panic!("no failure")
        };
        assert_eq!(killed_task(&call), task_id);
        assert_eq!(matches!(error, CallError::Unanswered { .. }), is_unanswered, "{error}");
    }
    let event = next(&mut events).await;
    let SchedulerEvent::Ended { error } = event else { panic!("{event:?}") };
    assert!(error.remedy().contains("another scheduler has taken over"), "{}", error.remedy());
}

#[tokio::test]
async fn a_framework_that_was_removed_is_told_what_to_do() {
    let mut master = Master::start().await;
    let (_handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let stream = master.next().await.stream("stream-1");
    stream.send(&error_event("Framework has been removed")).await;
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Ended { error } = event else { panic!("{event:?}") };
    assert!(error.remedy().contains("empty framework id"), "{}", error.remedy());
}

#[tokio::test]
async fn a_call_without_a_subscription_fails_at_once() {
    let mut master = Master::start().await;
    let (handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let request = master.next().await;
    handle.send(kill("a")).unwrap();
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::CallFailed { error: CallError::NotSubscribed, .. }),
        "{event:?}"
    );
    let _stream = accept_subscription(request, "stream-1").await;
}

#[tokio::test]
async fn calls_go_out_one_by_one_in_order() {
    let mut master = Master::start().await;
    let (handle, mut events, _stream) = start_subscribed(&mut master).await;
    for task_id in ["a", "b", "c"] {
        handle.send(kill(task_id)).unwrap();
    }
    let first = master.next().await;
    assert!(!master.has_call());
    assert_eq!(killed_task(&first.call), "a");
    first.answer(202, "");
    let second = master.next().await;
    assert_eq!(killed_task(&second.call), "b");
    second.answer(400, "Malformed");
    // A refusal that says nothing of the subscription leaves it alone.
    let third = master.next().await;
    assert_eq!(killed_task(&third.call), "c");
    third.answer(202, "");
    let SchedulerEvent::CallFailed { call, error } = next(&mut events).await else { panic!("no failure") };
    assert_eq!((killed_task(&call), error.status()), ("b", Some(400)));
}

#[tokio::test]
async fn the_next_master_is_tried_when_one_is_unreachable() {
    let gone = Master::start().await;
    let gone_address = gone.address.clone();
    gone.stop().await;
    let mut master = Master::start().await;
    let masters = format!("{gone_address},{}", master.address);
    let (_handle, mut events) = SchedulerSession::start(config(&masters)).unwrap();
    let event = next_but_connecting(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(reason.to_string().contains(&gone_address) && reason.remedy().contains("-mesos_master_address"));
    let _stream = accept_subscription(master.next().await, "stream-1").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
}

#[tokio::test]
async fn what_is_not_recordio_is_a_loss() {
    let mut master = Master::start().await;
    let (_handle, mut events, stream) = start_subscribed(&mut master).await;
    stream.send_bytes("<html>hello</html>".into()).await;
    let event = next(&mut events).await;
    let SchedulerEvent::Disconnected { reason } = event else { panic!("{event:?}") };
    assert!(matches!(reason, SessionError::StreamLost { .. }), "{reason}");
}

#[tokio::test]
async fn a_secret_that_mesos_cannot_match_is_refused_at_once() {
    let credential = Credential { principal: "aurora".to_owned(), secret: Some("a:b".to_owned()) };
    let config = SchedulerConfig { credential: Some(credential), ..config("127.0.0.1:1") };
    assert!(matches!(SchedulerSession::start(config), Err(StartError::SecretWithColon { .. })));
}

#[tokio::test]
async fn dropping_the_handle_ends_the_session_after_the_last_call() {
    let mut master = Master::start().await;
    let (handle, mut events, _stream) = start_subscribed(&mut master).await;
    handle.send(kill("a")).unwrap();
    drop(handle);
    master.next().await.answer(202, "");
    assert!(within(events.recv()).await.is_none());
}

#[tokio::test]
async fn sched_166_subscribe_carries_the_stored_id_and_is_repeated_until_it_is_answered() {
    let mut master = Master::start().await;
    let mut known = config(&master.address);
    known.framework_info.id = Some("m1-0000".into());
    let (_handle, mut events) = SchedulerSession::start(known).unwrap();
    let offers = || Event {
        offers: Some(event::Offers { offers: vec![Offer::default()] }),
        ..of_type(event::Type::Offers)
    };
    // Not ready at first; then offers before any subscription, which are never taken for offers.
    let request = master.next().await;
    assert_eq!(request.call.framework_id, Some("m1-0000".into()));
    request.answer(503, "recovering");
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Disconnected { reason: SessionError::NotReady { .. } }),
        "{event:?}"
    );
    let stream = master.next().await.stream("too-early");
    stream.send(&offers()).await;
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::Disconnected { reason: SessionError::NotMesos { .. } }),
        "{event:?}"
    );

    let request = master.next().await;
    assert_eq!(request.call.framework_id, Some("m1-0000".into()));
    let stream = accept_subscription(request, "stream-1").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
    // Subscribed: nobody asks any more, and offers are offers.
    stream.send(&offers()).await;
    assert!(matches!(next(&mut events).await, SchedulerEvent::Offers(offers) if offers.len() == 1));
    assert!(!master.has_call());

    drop(stream);
    assert!(matches!(next(&mut events).await, SchedulerEvent::Disconnected { .. }));
    let _stream = accept_subscription(master.next().await, "stream-2").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
}

// Upstream blocks a kill until it is registered; here it comes back at once, and is sent again after the subscription
// by who owns the task.
#[tokio::test]
async fn sched_167_kills_go_out_under_our_id_and_the_end_of_a_session_spares_the_tasks() {
    let mut master = Master::start().await;
    let (handle, mut events) = SchedulerSession::start(config(&master.address)).unwrap();
    let request = master.next().await;
    handle.send(kill("early")).unwrap();
    let event = next_but_connecting(&mut events).await;
    assert!(
        matches!(&event, SchedulerEvent::CallFailed { call, error: CallError::NotSubscribed }
            if killed_task(call) == "early"),
        "{event:?}"
    );
    let stream = accept_subscription(request, "stream-1").await;
    assert!(matches!(next_but_connecting(&mut events).await, SchedulerEvent::Subscribed { .. }));
    handle.send(kill("a")).unwrap();
    let request = master.next().await;
    assert_eq!((request.call.r#type(), killed_task(&request.call)), (call::Type::Kill, "a"));
    assert_eq!(request.call.framework_id, Some("m1-0000".into()));
    request.answer(202, "");

    // Stopping, twice: there is no TEARDOWN, so the master keeps the tasks for -framework_failover_timeout.
    let again = handle.clone();
    drop(handle);
    drop(again);
    assert!(within(events.recv()).await.is_none());
    assert!(!master.has_call());
    drop(stream);
}
