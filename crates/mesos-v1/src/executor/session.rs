//! The task of an executor session: subscribe, serve, and wait for an agent that went away.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::StatusCode;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::agent::{Agent, Answer, KeptConnection};
use super::{ExecutorEnvironment, ExecutorError, ExecutorEvent, Request, StatusUpdate};
use crate::chain;
use crate::messages::executor::{Call, Event, call, event};
use crate::messages::{TaskInfo, TaskStatus, task_status};
use crate::transport::{MessageStream, Refusal};

/// The part of the agent's maximum that is waited at most before the next attempt to subscribe. The maximum is also what
/// a restarted agent waits for its executors (spec/mesos.md §2.6): who used all of it would come too late.
const LONGEST_WAIT: f64 = 0.25;

/// How long an agent may take to answer a call or to begin its stream.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait before an update is sent again to an agent that is subscribed to but answers 503, as it does while
/// it waits for other executors (spec/mesos.md §2.8).
const RESEND_WAIT_MAX: Duration = Duration::from_millis(500);

pub(super) struct Session {
    environment: ExecutorEnvironment,
    agent: Agent,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<ExecutorEvent>,
    unacknowledged: watch::Sender<usize>,
    /// Updates that the agent has not acknowledged, oldest first.
    updates: Vec<PendingUpdate>,
    /// Tasks of which no update was acknowledged yet, in the order of their launch.
    tasks: Vec<TaskInfo>,
    /// Tasks of which an update was acknowledged; such a task stays out of `tasks` when its LAUNCH repeats.
    acknowledged_tasks: BTreeSet<String>,
    was_told_to_shut_down: bool,
}

struct PendingUpdate {
    status: TaskStatus,
    /// Whether this subscription has told the agent.
    is_sent: bool,
    /// Whether the agent has answered with an error that passes. Said once, since it is sent twice a second.
    is_refused: bool,
}

/// Why a step of the session did not come to its end.
enum Interruption {
    /// Nobody wants events or sends updates any more.
    Stopped,
    /// The agent is away; it may come back.
    Lost(ExecutorError),
    /// It will not, or not for us.
    Over(ExecutorError),
}

/// The call that waits for its answer.
enum InFlight {
    Nothing,
    /// An update, by its uuid.
    Update(Vec<u8>, Sending),
    Message(Sending),
    /// No call: the wait before the next attempt.
    Wait(Pin<Box<tokio::time::Sleep>>),
}

type Sending = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

enum Failure {
    Transport(ExecutorError),
    Refused(Refusal),
}

/// What the call in flight came to.
enum Outcome {
    Waited,
    MessageDone,
    Update(Vec<u8>, Result<(), Failure>),
}

impl Session {
    pub fn new(
        environment: ExecutorEnvironment,
        requests: mpsc::Receiver<Request>,
        events: mpsc::Sender<ExecutorEvent>,
        unacknowledged: watch::Sender<usize>,
        calls: KeptConnection,
    ) -> Session {
        let agent =
            Agent::new(environment.agent_endpoint.clone(), environment.authentication_token.clone(), calls);
        Session {
            agent,
            environment,
            requests,
            events,
            unacknowledged,
            updates: Vec::new(),
            tasks: Vec::new(),
            acknowledged_tasks: BTreeSet::new(),
            was_told_to_shut_down: false,
        }
    }

    pub async fn run(mut self) {
        let mut lost_at: Option<Instant> = None;
        loop {
            let error = match self.subscribe_and_serve(&mut lost_at).await {
                Interruption::Stopped => return,
                Interruption::Over(error) => break self.end(error).await,
                Interruption::Lost(error) => error,
            };
            let lost_at = *lost_at.get_or_insert_with(Instant::now);
            if let Err(error) = self.check_recovery(lost_at, error).await {
                break self.end(error).await;
            }
            let longest = self.environment.subscription_backoff_max.mul_f64(LONGEST_WAIT);
            let wait = longest.mul_f64(rand::random_range(0.0..=1.0));
            if self.while_taking_requests(sleep(wait)).await.is_err() {
                return;
            }
        }
    }

    /// Reports a loss, unless the agent has been away for too long.
    async fn check_recovery(&self, lost_at: Instant, error: ExecutorError) -> Result<(), ExecutorError> {
        let agent = self.agent();
        let is_starting = matches!(error, ExecutorError::NotReady { .. });
        if !self.environment.checkpoint && !is_starting {
            return Err(ExecutorError::AgentGone { agent, source: Box::new(error) });
        }
        let timeout = self.environment.recovery_timeout;
        if lost_at.elapsed() >= timeout {
            return Err(ExecutorError::RecoveryTimeout { agent, timeout, source: Box::new(error) });
        }
        tracing::warn!("{}; trying again", chain(&error));
        // A receiver that is gone is noticed by the wait that follows.
        let _ = self.events.send(ExecutorEvent::Disconnected { reason: error }).await;
        Ok(())
    }

    /// One subscription from beginning to end. `lost_at` is emptied when it begins.
    async fn subscribe_and_serve(&mut self, lost_at: &mut Option<Instant>) -> Interruption {
        let body = Bytes::from(self.subscribe_call().encode_to_vec());
        for update in &mut self.updates {
            update.is_sent = true;
        }
        let (connection, agent) = (self.agent.clone(), self.agent());
        let request = async move {
            let posted = timeout(ANSWER_TIMEOUT, connection.subscribe(body)).await;
            match posted {
                Ok(Ok(answer)) if answer.status == StatusCode::OK => Ok(MessageStream::new(answer)),
                Ok(Ok(answer)) => {
                    let Refusal { status, text } = Refusal::read(answer.status, answer).await;
                    let may_pass = is_passing(status);
                    let status = status.as_u16();
                    Err(match may_pass {
                        true => Interruption::Lost(ExecutorError::NotReady { agent, status, text }),
                        false => Interruption::Over(ExecutorError::Rejected { agent, status, text }),
                    })
                }
                Ok(Err(source)) => Err(Interruption::Lost(ExecutorError::Unreachable { agent, source })),
                Err(_) => Err(Interruption::Lost(ExecutorError::NoAnswer { agent, timeout: ANSWER_TIMEOUT })),
            }
        };
        let stream = match Box::pin(self.while_taking_requests(request)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(interruption)) | Err(interruption) => return interruption,
        };
        *lost_at = None;
        match Box::pin(self.serve(stream)).await {
            Ok(never) => match never {},
            Err(interruption) => interruption,
        }
    }

    /// Hands on what the agent says and sends updates, until the agent is lost.
    async fn serve(
        &mut self,
        mut stream: MessageStream<Answer>,
    ) -> Result<std::convert::Infallible, Interruption> {
        // Updates are refused before SUBSCRIBED (spec/mesos.md §2.3).
        let mut is_subscribed = false;
        let mut in_flight = InFlight::Nothing;
        loop {
            if is_subscribed && matches!(in_flight, InFlight::Nothing) {
                in_flight = self.next_call();
            }
            // The order: the answer to a call first, since it frees the way for the next; then the agent's words, so
            // that a KILL does not wait behind updates; then the owner's.
            tokio::select! {
                biased;
                outcome = outcome_of(&mut in_flight) => {
                    in_flight = InFlight::Nothing;
                    if let Outcome::Update(uuid, Err(error)) = outcome {
                        in_flight = self.on_update_failed(&uuid, error).await?;
                    }
                }
                event = stream.next::<Event>() => {
                    let event = event
                        .map_err(|source| Interruption::Lost(ExecutorError::StreamLost { agent: self.agent(), source }))?;
                    is_subscribed |= event.r#type() == event::Type::Subscribed;
                    self.on_event(event).await?;
                }
                request = self.requests.recv() => match request.ok_or(Interruption::Stopped)? {
                    Request::Update(update) => self.keep_update(update),
                    Request::Message(data) if is_subscribed && matches!(in_flight, InFlight::Nothing) => {
                        in_flight = InFlight::Message(self.message_call(data));
                    }
                    Request::Message(_) => tracing::warn!("dropped a message to the scheduler: the agent is busy"),
                }
            }
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<(), Interruption> {
        let owned = match event.r#type() {
            event::Type::Subscribed => event.subscribed.map(|it| ExecutorEvent::Subscribed(Box::new(it))),
            event::Type::Launch => event.launch.map(|launch| {
                self.keep_task(&launch.task);
                ExecutorEvent::Launch(Box::new(launch.task))
            }),
            event::Type::LaunchGroup => event.launch_group.map(|launch| {
                launch.task_group.tasks.iter().for_each(|task| self.keep_task(task));
                ExecutorEvent::LaunchGroup(Box::new(launch.task_group))
            }),
            event::Type::Kill => event
                .kill
                .map(|kill| ExecutorEvent::Kill { task_id: kill.task_id, kill_policy: kill.kill_policy }),
            event::Type::Acknowledged => event.acknowledged.map(|it| {
                self.forget_update(&it.uuid);
                self.tasks.retain(|task| task.task_id != it.task_id);
                self.acknowledged_tasks.insert(it.task_id.value.clone());
                ExecutorEvent::Acknowledged { task_id: it.task_id, uuid: it.uuid }
            }),
            event::Type::Message => event.message.map(|message| ExecutorEvent::Message(message.data)),
            event::Type::Shutdown if self.was_told_to_shut_down => None,
            event::Type::Shutdown => {
                self.was_told_to_shut_down = true;
                Some(ExecutorEvent::Shutdown)
            }
            event::Type::Error => {
                let message = event.error.map(|error| error.message).unwrap_or_default();
                return Err(Interruption::Over(ExecutorError::Reported { agent: self.agent(), message }));
            }
            // A type that this version does not know reads as UNKNOWN.
            event::Type::Unknown | event::Type::Heartbeat => None,
        };
        match owned {
            Some(owned) => self.emit(owned).await,
            None => Ok(()),
        }
    }

    /// Decides what becomes of an update that the agent did not take.
    async fn on_update_failed(&mut self, uuid: &[u8], error: Failure) -> Result<InFlight, Interruption> {
        let refusal = match error {
            // The stream tells whether the agent is gone; until it does the update is tried again.
            Failure::Transport(error) => {
                tracing::warn!("{}; sending the update again", chain(&error));
                return Ok(self.send_again(uuid));
            }
            Failure::Refused(refusal) => refusal,
        };
        let (status, text) = (refusal.status.as_u16(), refusal.text);
        let agent = self.agent();
        match refusal.status {
            passing if is_passing(passing) => {
                let mut refused = self.updates.iter_mut().filter(|update| update.status.uuid() == uuid);
                if let Some(update) = refused.next().filter(|update| !update.is_refused) {
                    update.is_refused = true;
                    let error = ExecutorError::NotReady { agent, status, text };
                    tracing::warn!(
                        "{error}; sending the update {} again until it is taken",
                        update.status.state().as_str_name()
                    );
                }
                Ok(self.send_again(uuid))
            }
            StatusCode::FORBIDDEN => Err(Interruption::Lost(ExecutorError::NotReady { agent, status, text })),
            _ => {
                let rejected = self.updates.iter().find(|update| update.status.uuid() == uuid);
                if let Some(update) = rejected {
                    let (task_id, state) = (update.status.task_id.clone(), update.status.state());
                    let error = ExecutorError::Rejected { agent, status, text };
                    self.emit(ExecutorEvent::UpdateRejected { task_id, state, error }).await?;
                }
                self.forget_update(uuid);
                Ok(InFlight::Nothing)
            }
        }
    }

    fn send_again(&mut self, uuid: &[u8]) -> InFlight {
        if let Some(update) = self.updates.iter_mut().find(|update| update.status.uuid() == uuid) {
            update.is_sent = false;
        }
        InFlight::Wait(Box::pin(sleep(RESEND_WAIT_MAX.mul_f64(rand::random_range(0.2..=1.0)))))
    }

    /// The oldest update that this subscription has not told the agent.
    fn next_call(&mut self) -> InFlight {
        let Some(update) = self.updates.iter_mut().find(|update| !update.is_sent) else {
            return InFlight::Nothing;
        };
        update.is_sent = true;
        let uuid = update.status.uuid().to_vec();
        let update = call::Update { status: update.status.clone() };
        let call = Call { update: Some(update), ..self.call_of(call::Type::Update) };
        InFlight::Update(uuid, self.send(&call))
    }

    fn message_call(&self, data: Vec<u8>) -> Sending {
        self.send(&Call { message: Some(call::Message { data }), ..self.call_of(call::Type::Message) })
    }

    fn subscribe_call(&self) -> Call {
        let subscribe = call::Subscribe {
            unacknowledged_tasks: self.tasks.clone(),
            unacknowledged_updates: self
                .updates
                .iter()
                .map(|update| call::Update { status: update.status.clone() })
                .collect(),
        };
        Call { subscribe: Some(subscribe), ..self.call_of(call::Type::Subscribe) }
    }

    fn call_of(&self, kind: call::Type) -> Call {
        Call {
            executor_id: self.environment.executor_id.clone(),
            framework_id: self.environment.framework_id.clone(),
            r#type: Some(kind.into()),
            ..Call::default()
        }
    }

    fn send(&self, call: &Call) -> Sending {
        let body = Bytes::from(call.encode_to_vec());
        let (connection, agent) = (self.agent.clone(), self.agent());
        Box::pin(async move {
            match timeout(ANSWER_TIMEOUT, connection.call(body)).await {
                Ok(Ok(answer)) if answer.status.is_success() => Ok(()),
                Ok(Ok(answer)) => Err(Failure::Refused(Refusal::read(answer.status, answer).await)),
                Ok(Err(source)) => Err(Failure::Transport(ExecutorError::Unreachable { agent, source })),
                Err(_) => Err(Failure::Transport(ExecutorError::NoAnswer { agent, timeout: ANSWER_TIMEOUT })),
            }
        })
    }

    fn keep_update(&mut self, update: StatusUpdate) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let status = TaskStatus {
            task_id: update.task_id,
            state: update.state.into(),
            message: update.message,
            reason: update.reason.map(i32::from),
            healthy: update.healthy,
            agent_id: Some(self.environment.agent_id.clone()),
            executor_id: Some(self.environment.executor_id.clone()),
            source: Some(task_status::Source::Executor.into()),
            timestamp: Some(now.as_secs_f64()),
            uuid: Some(random_uuid().to_vec()),
            ..TaskStatus::default()
        };
        self.updates.push(PendingUpdate { status, is_sent: false, is_refused: false });
    }

    fn forget_update(&mut self, uuid: &[u8]) {
        let count_before = self.updates.len();
        self.updates.retain(|update| update.status.uuid() != uuid);
        let forgotten = count_before - self.updates.len();
        self.unacknowledged.send_modify(|count| *count -= forgotten);
    }

    fn keep_task(&mut self, task: &TaskInfo) {
        let is_known = self.acknowledged_tasks.contains(&task.task_id.value)
            || self.tasks.iter().any(|known| known.task_id == task.task_id);
        if !is_known {
            self.tasks.push(task.clone());
        }
    }

    /// Waits for `work` while there is no subscription: updates are kept, messages are not.
    async fn while_taking_requests<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interruption> {
        tokio::pin!(work);
        loop {
            // The work first, so that a stream of updates cannot keep it from ending.
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                request = self.requests.recv() => match request.ok_or(Interruption::Stopped)? {
                    Request::Update(update) => self.keep_update(update),
                    Request::Message(_) => tracing::warn!("dropped a message to the scheduler: the agent is away"),
                },
                () = self.events.closed() => return Err(Interruption::Stopped),
            }
        }
    }

    async fn end(&mut self, error: ExecutorError) {
        tracing::error!("{}", chain(&error));
        // A receiver that is gone does not need to hear the end.
        let _ = self.events.send(ExecutorEvent::Ended { error }).await;
    }

    async fn emit(&self, event: ExecutorEvent) -> Result<(), Interruption> {
        self.events.send(event).await.map_err(|_| Interruption::Stopped)
    }

    fn agent(&self) -> String {
        self.environment.agent_endpoint.clone()
    }
}

async fn outcome_of(in_flight: &mut InFlight) -> Outcome {
    match in_flight {
        InFlight::Nothing => std::future::pending().await,
        InFlight::Wait(wait) => {
            wait.as_mut().await;
            Outcome::Waited
        }
        InFlight::Message(answer) => {
            // Best effort (spec/mesos.md §1.11).
            if answer.as_mut().await.is_err() {
                tracing::warn!("a message to the scheduler was not taken by the agent");
            }
            Outcome::MessageDone
        }
        InFlight::Update(uuid, answer) => {
            let answer = answer.as_mut().await;
            Outcome::Update(std::mem::take(uuid), answer)
        }
    }
}

/// Whether an agent that answers so may answer otherwise later: while it starts, or is in trouble of its own.
fn is_passing(status: StatusCode) -> bool {
    let passes = [StatusCode::NOT_FOUND, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || passes.contains(&status)
}

/// A random UUID as RFC 4122 wants it, version 4; the agent refuses others.
fn random_uuid() -> [u8; 16] {
    // Random keys of the process, mixed with a number that is another one each time. A generator would be made for a few numbers.
    let keys = RandomState::new();
    let halves = [keys.hash_one(0), keys.hash_one(1)];
    let mut uuid = u128::from(halves[0]).wrapping_shl(64).wrapping_add(u128::from(halves[1])).to_be_bytes();
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}
