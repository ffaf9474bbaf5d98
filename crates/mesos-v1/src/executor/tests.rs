use std::path::PathBuf;

use tokio::sync::mpsc;

use super::*;
use crate::fake::{EventStream, Fake, ReceivedCall, pass, within};
use crate::messages::executor::{Call, Event, call, event};

type Agent = Fake<Call>;

fn environment(agent: &Agent) -> ExecutorEnvironment {
    ExecutorEnvironment {
        framework_id: "m1-0000".into(),
        executor_id: "thermos-a".into(),
        agent_id: "m1-S0".into(),
        agent_endpoint: agent.address.clone(),
        directory: PathBuf::from("/sandbox"),
        sandbox: PathBuf::from("/sandbox"),
        checkpoint: true,
        shutdown_grace_period: Duration::from_secs(5),
        recovery_timeout: Duration::from_secs(60),
        subscription_backoff_max: Duration::from_millis(5),
        authentication_token: None,
    }
}

async fn next(events: &mut mpsc::Receiver<ExecutorEvent>) -> ExecutorEvent {
    within(events.recv()).await.unwrap()
}

async fn next_but_disconnected(events: &mut mpsc::Receiver<ExecutorEvent>) -> ExecutorEvent {
    loop {
        let event = next(events).await;
        if !matches!(event, ExecutorEvent::Disconnected { .. }) {
            return event;
        }
    }
}

fn of_type(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

fn launch(task_id: &str) -> Event {
    let task = TaskInfo { task_id: task_id.into(), ..TaskInfo::default() };
    Event { launch: Some(event::Launch { task }), ..of_type(event::Type::Launch) }
}

fn acknowledged(update: &call::Update) -> Event {
    let acknowledged =
        event::Acknowledged { task_id: update.status.task_id.clone(), uuid: update.status.uuid().to_vec() };
    Event { acknowledged: Some(acknowledged), ..of_type(event::Type::Acknowledged) }
}

async fn accept_subscription(request: ReceivedCall<Call>) -> EventStream {
    assert_eq!(request.call.r#type(), call::Type::Subscribe);
    let stream = request.stream("none");
    let subscribed = event::Subscribed::default();
    stream.send(&Event { subscribed: Some(subscribed), ..of_type(event::Type::Subscribed) }).await;
    stream
}

async fn start_subscribed(agent: &mut Agent) -> (ExecutorHandle, mpsc::Receiver<ExecutorEvent>, EventStream) {
    let (handle, mut events) = ExecutorSession::start(environment(agent));
    let stream = accept_subscription(agent.next().await).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
    (handle, events, stream)
}

/// The next call, which must be an update.
async fn next_update(agent: &mut Agent) -> (call::Update, ReceivedCall<Call>) {
    let request = agent.next().await;
    (request.call.update.clone().unwrap(), request)
}

fn state_of(update: &call::Update) -> TaskState {
    update.status.state()
}

#[tokio::test]
async fn mesos_e1_an_executor_subscribes_and_is_given_its_task() {
    let mut agent = Agent::start().await;
    let (_handle, mut events) = ExecutorSession::start(environment(&agent));
    let request = agent.next().await;
    assert_eq!(request.call.executor_id.value, "thermos-a");
    assert_eq!(request.call.framework_id.value, "m1-0000");
    assert_eq!(request.call.subscribe, Some(call::Subscribe::default()));
    let stream = accept_subscription(request).await;
    stream.send(&launch("a")).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
    let event = next(&mut events).await;
    assert!(matches!(&event, ExecutorEvent::Launch(task) if task.task_id.value == "a"), "{event:?}");
}

#[tokio::test]
async fn mesos_e2_an_update_has_all_that_the_agent_checks() {
    let mut agent = Agent::start().await;
    let (handle, _events, _stream) = start_subscribed(&mut agent).await;
    let update = StatusUpdate::new("a", TaskState::TaskFailed)
        .with_message("exit 1")
        .with_reason(task_status::Reason::ContainerLimitationMemory)
        .with_health(false);
    handle.update(update).unwrap();
    let (update, _request) = next_update(&mut agent).await;
    let status = update.status;
    assert_eq!(status.source, Some(task_status::Source::Executor.into()));
    assert_eq!((status.task_id.value.as_str(), status.state()), ("a", TaskState::TaskFailed));
    assert_eq!((status.message(), status.healthy), ("exit 1", Some(false)));
    assert_eq!(status.reason(), task_status::Reason::ContainerLimitationMemory);
    assert_eq!(status.executor_id, Some("thermos-a".into()));
    assert_eq!(status.agent_id, Some("m1-S0".into()));
    let uuid = status.uuid();
    assert_eq!((uuid.len(), uuid[6] >> 4, uuid[8] >> 6), (16, 4, 2));
}

#[tokio::test]
async fn mesos_e3_the_wait_for_acknowledgements_ends_with_the_last_one() {
    let mut agent = Agent::start().await;
    let (handle, mut events, stream) = start_subscribed(&mut agent).await;
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    handle.update(StatusUpdate::new("a", TaskState::TaskFinished)).unwrap();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.acknowledged().await }
    });
    for state in [TaskState::TaskRunning, TaskState::TaskFinished] {
        let (update, request) = next_update(&mut agent).await;
        assert_eq!(state_of(&update), state);
        assert!(!agent.has_call(), "two updates at once");
        request.answer(202, "");
        assert!(!waiting.is_finished());
        stream.send(&acknowledged(&update)).await;
        let event = next(&mut events).await;
        assert!(matches!(&event, ExecutorEvent::Acknowledged { uuid, .. } if uuid == update.status.uuid()));
    }
    within(waiting).await.unwrap();
}

#[tokio::test]
async fn mesos_e4_an_agent_that_waits_for_other_executors_gets_the_update_again() {
    let mut agent = Agent::start().await;
    let (handle, _events, _stream) = start_subscribed(&mut agent).await;
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    let (first, request) = next_update(&mut agent).await;
    request.answer(503, "Agent has not finished recovery");
    let (again, request) = next_update(&mut agent).await;
    assert_eq!(again, first);
    request.answer(202, "");
}

#[tokio::test]
async fn mesos_e5_a_returning_agent_is_told_what_it_has_not_acknowledged() {
    let mut agent = Agent::start().await;
    let (handle, mut events, stream) = start_subscribed(&mut agent).await;
    stream.send(&launch("a")).await;
    stream.send(&launch("b")).await;
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    let (running, request) = next_update(&mut agent).await;
    request.answer(202, "");
    stream.send(&acknowledged(&running)).await;
    handle.update(StatusUpdate::new("a", TaskState::TaskFinished)).unwrap();
    let (finished, request) = next_update(&mut agent).await;
    request.answer(202, "");
    while !matches!(next(&mut events).await, ExecutorEvent::Acknowledged { .. }) {}
    drop(stream);
    let event = next(&mut events).await;
    assert!(
        matches!(&event, ExecutorEvent::Disconnected { reason } if reason.to_string().contains(&agent.address))
    );

    agent.next().await.answer(503, "Agent has not finished recovery");
    handle.update(StatusUpdate::new("b", TaskState::TaskRunning)).unwrap();
    let mut request = agent.next().await;
    // The update of b is in the list as soon as the session has taken it.
    while request.call.subscribe.as_ref().unwrap().unacknowledged_updates.len() < 2 {
        request.answer(503, "Agent has not finished recovery");
        request = agent.next().await;
    }
    let subscribe = request.call.subscribe.clone().unwrap();
    assert_eq!(subscribe.unacknowledged_updates[0], finished);
    assert_eq!(subscribe.unacknowledged_updates[1].status.task_id.value, "b");
    let tasks: Vec<&str> =
        subscribe.unacknowledged_tasks.iter().map(|task| task.task_id.value.as_str()).collect();
    assert_eq!(tasks, ["b"]);
    let stream = accept_subscription(request).await;
    for update in &subscribe.unacknowledged_updates {
        stream.send(&acknowledged(update)).await;
    }
    within(handle.acknowledged()).await;
    assert!(!agent.has_call(), "an update was sent that SUBSCRIBE had told");
}

#[tokio::test]
async fn mesos_e13_without_checkpointing_a_lost_agent_is_the_end() {
    let mut agent = Agent::start().await;
    let environment = ExecutorEnvironment { checkpoint: false, ..environment(&agent) };
    let (handle, mut events) = ExecutorSession::start(environment);
    let stream = accept_subscription(agent.next().await).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
    drop(stream);
    let event = next(&mut events).await;
    assert!(matches!(&event, ExecutorEvent::Ended { error: ExecutorError::AgentGone { .. } }), "{event:?}");
    assert!(within(events.recv()).await.is_none());
    assert_eq!(handle.message(vec![]), Err(UpdateError::SessionEnded));
}

#[tokio::test]
async fn an_agent_that_stays_away_is_given_up_after_its_recovery_timeout() {
    let agent = Agent::start().await;
    let recovery_timeout = Duration::from_millis(40);
    let environment = ExecutorEnvironment { recovery_timeout, ..environment(&agent) };
    agent.stop().await;
    let (_handle, mut events) = ExecutorSession::start(environment);
    let event = next_but_disconnected(&mut events).await;
    let ExecutorEvent::Ended { error } = event else { panic!("{event:?}") };
    assert!(matches!(&error, ExecutorError::RecoveryTimeout { timeout, .. } if *timeout == recovery_timeout));
}

#[tokio::test]
async fn an_executor_that_the_agent_does_not_know_ends() {
    let mut agent = Agent::start().await;
    let (_handle, mut events) = ExecutorSession::start(environment(&agent));
    agent.next().await.answer(400, "Executor cannot be found");
    let event = next(&mut events).await;
    let ExecutorEvent::Ended { error } = event else { panic!("{event:?}") };
    assert!(error.to_string().contains("Executor cannot be found"), "{error}");
}

#[tokio::test]
async fn a_rejected_update_is_reported_and_does_not_block_the_next() {
    let mut agent = Agent::start().await;
    let (handle, mut events, stream) = start_subscribed(&mut agent).await;
    handle.update(StatusUpdate::new("a", TaskState::TaskStaging)).unwrap();
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    next_update(&mut agent).await.1.answer(400, "TASK_STAGING is not allowed");
    let event = next(&mut events).await;
    assert!(
        matches!(&event, ExecutorEvent::UpdateRejected { state: TaskState::TaskStaging, .. }),
        "{event:?}"
    );
    let (update, request) = next_update(&mut agent).await;
    assert_eq!(state_of(&update), TaskState::TaskRunning);
    request.answer(202, "");
    stream.send(&acknowledged(&update)).await;
    within(handle.acknowledged()).await;
}

#[tokio::test]
async fn kill_message_and_shutdown_are_handed_on_and_shutdown_comes_once() {
    let mut agent = Agent::start().await;
    let (_handle, mut events, stream) = start_subscribed(&mut agent).await;
    let kill = event::Kill { task_id: "a".into(), kill_policy: None };
    stream.send(&Event { kill: Some(kill), ..of_type(event::Type::Kill) }).await;
    stream.send(&of_type(event::Type::Heartbeat)).await;
    let message = event::Message { data: vec![1, 2] };
    stream.send(&Event { message: Some(message), ..of_type(event::Type::Message) }).await;
    stream.send(&of_type(event::Type::Shutdown)).await;
    stream.send(&of_type(event::Type::Shutdown)).await;
    drop(stream);
    assert!(matches!(next(&mut events).await, ExecutorEvent::Kill { task_id, .. } if task_id.value == "a"));
    assert!(matches!(next(&mut events).await, ExecutorEvent::Message(data) if data == [1, 2]));
    assert!(matches!(next(&mut events).await, ExecutorEvent::Shutdown));
    assert!(matches!(next(&mut events).await, ExecutorEvent::Disconnected { .. }));
    let _stream = accept_subscription(agent.next().await).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
}

#[tokio::test]
async fn a_message_reaches_the_agent_and_the_token_proves_the_sender() {
    let mut agent = Agent::start().await;
    let environment =
        ExecutorEnvironment { authentication_token: Some("a.b.c".to_owned()), ..environment(&agent) };
    let (handle, mut events) = ExecutorSession::start(environment);
    let request = agent.next().await;
    assert_eq!(request.headers["authorization"], "Bearer a.b.c");
    let _stream = accept_subscription(request).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
    handle.message(vec![7]).unwrap();
    let request = agent.next().await;
    assert_eq!(request.headers["authorization"], "Bearer a.b.c");
    assert_eq!(request.call.message.as_ref().unwrap().data, [7]);
    request.answer(202, "");
}

#[tokio::test]
async fn an_agent_that_answers_late_is_asked_and_told_again() {
    let mut agent = Agent::start().await;
    let (handle, mut events) = ExecutorSession::start(environment(&agent));
    let _silent = agent.next().await;
    pass(session::ANSWER_TIMEOUT).await;
    let event = next(&mut events).await;
    assert!(
        matches!(&event, ExecutorEvent::Disconnected { reason: ExecutorError::NoAnswer { .. } }),
        "{event:?}"
    );
    let stream = accept_subscription(agent.next().await).await;
    assert!(matches!(next_but_disconnected(&mut events).await, ExecutorEvent::Subscribed(_)));
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    handle.update(StatusUpdate::new("a", TaskState::TaskFinished)).unwrap();
    let (first, _silent) = next_update(&mut agent).await;
    pass(session::ANSWER_TIMEOUT).await;
    let (again, request) = next_update(&mut agent).await;
    assert_eq!((state_of(&again), &again.status.uuid), (TaskState::TaskRunning, &first.status.uuid));
    request.answer(202, "");
    let (last, request) = next_update(&mut agent).await;
    assert_eq!(state_of(&last), TaskState::TaskFinished);
    request.answer(202, "");
    // It had taken the first one after all, and says so more than once.
    for update in [&first, &again, &last] {
        stream.send(&acknowledged(update)).await;
    }
    within(handle.acknowledged()).await;
}

#[tokio::test]
async fn an_agent_in_trouble_is_asked_and_told_again() {
    let mut agent = Agent::start().await;
    let (handle, mut events) = ExecutorSession::start(environment(&agent));
    for status in [500, 502, 404] {
        agent.next().await.answer(status, "out of file descriptors");
        let event = next(&mut events).await;
        let ExecutorEvent::Disconnected { reason } = event else { panic!("{event:?}") };
        assert!(reason.to_string().contains(&format!("{status} out of file descriptors")), "{reason}");
    }
    let stream = accept_subscription(agent.next().await).await;
    assert!(matches!(next(&mut events).await, ExecutorEvent::Subscribed(_)));
    handle.update(StatusUpdate::new("a", TaskState::TaskRunning)).unwrap();
    next_update(&mut agent).await.1.answer(500, "disk full");
    let (again, request) = next_update(&mut agent).await;
    request.answer(202, "");
    stream.send(&acknowledged(&again)).await;
    within(handle.acknowledged()).await;
}
