//! An executor's session with its agent (spec/mesos.md §2).
//!
//! [`ExecutorSession::start`] runs one task that owns both connections: it subscribes, hands on what the agent says, and
//! sends status updates one by one in the order given. Each update is kept until the agent acknowledges it, and told
//! again when the agent comes back. The owner sees a loss of the agent only as [`ExecutorEvent::Disconnected`]; if
//! the agent stays away for too long the session ends.
//!
//! LAUNCH and KILL may repeat around a reconnection, so their handling must be idempotent for each task.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::messages::executor::event::Subscribed;
use crate::messages::{KillPolicy, TaskGroupInfo, TaskId, TaskInfo, TaskState, task_status};
use crate::transport::StreamError;

mod agent;
mod environment;
mod session;
#[cfg(test)]
mod tests;

pub use agent::CallError;
pub use environment::{EnvironmentError, ExecutorEnvironment, parse_duration};

/// How many events wait for an owner that is busy; then the session stops reading.
const EVENTS_MAX: usize = 64;

/// How many updates and messages wait to be taken by the session's task, which takes them at once.
const REQUESTS_MAX: usize = 1024;

/// What the agent says, and how the session fares.
#[derive(Debug)]
pub enum ExecutorEvent {
    /// The agent has accepted this executor, for the first time or again.
    Subscribed(Box<Subscribed>),
    /// Run this task.
    Launch(Box<TaskInfo>),
    /// Run these tasks, all or none.
    LaunchGroup(Box<TaskGroupInfo>),
    /// End this task.
    Kill {
        /// Which.
        task_id: TaskId,
        /// How; goes before the task's own policy.
        kill_policy: Option<KillPolicy>,
    },
    /// The agent has taken an update and will deliver it.
    Acknowledged {
        /// Of which task.
        task_id: TaskId,
        /// Which of its updates.
        uuid: Vec<u8>,
    },
    /// A message of the scheduler.
    Message(Vec<u8>),
    /// End all tasks and then yourself, within the grace period of the environment. Comes once.
    Shutdown,
    /// The agent is away; tasks run on, updates are kept.
    Disconnected {
        /// Why.
        reason: ExecutorError,
    },
    /// The agent will never take this update, which is forgotten.
    UpdateRejected {
        /// Of which task.
        task_id: TaskId,
        /// The state it told.
        state: TaskState,
        /// Why.
        error: ExecutorError,
    },
    /// The last event: end all tasks and then yourself.
    Ended {
        /// Why.
        error: ExecutorError,
    },
}

/// What can go wrong between an executor and its agent.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// Nobody answers there.
    #[error("cannot reach the Mesos agent at {agent}")]
    Unreachable {
        /// `host:port`
        agent: String,
        /// What the connection said.
        #[source]
        source: CallError,
    },
    /// The agent took the connection but did not answer.
    #[error("the Mesos agent at {agent} did not answer within {} s", timeout.as_secs_f64())]
    NoAnswer {
        /// `host:port`
        agent: String,
        /// How long it was given.
        timeout: Duration,
    },
    /// The agent is starting, or in trouble.
    #[error("the Mesos agent at {agent} is not ready: status {status} {text}")]
    NotReady {
        /// `host:port`
        agent: String,
        /// 404, 408, 429 or any of 5xx.
        status: u16,
        /// The agent's words.
        text: String,
    },
    /// The agent refuses for good.
    #[error("the Mesos agent at {agent} refuses: status {status} {text}")]
    Rejected {
        /// `host:port`
        agent: String,
        /// The HTTP status.
        status: u16,
        /// The agent's words.
        text: String,
    },
    /// The agent sent an ERROR event.
    #[error("the Mesos agent at {agent} reports an error: {message}")]
    Reported {
        /// `host:port`
        agent: String,
        /// The agent's words.
        message: String,
    },
    /// The subscription's connection is lost.
    #[error("lost the connection to the Mesos agent at {agent}")]
    StreamLost {
        /// `host:port`
        agent: String,
        /// How.
        #[source]
        source: StreamError,
    },
    /// The agent is away and the framework does not checkpoint, so nobody will ever ask for the tasks again.
    #[error(
        "the Mesos agent at {agent} is gone, and the framework does not checkpoint: its tasks cannot be recovered"
    )]
    AgentGone {
        /// `host:port`
        agent: String,
        /// How it went.
        #[source]
        source: Box<ExecutorError>,
    },
    /// The agent stayed away for longer than its own recovery timeout.
    #[error("the Mesos agent at {agent} did not come back within its recovery timeout of {} s", timeout.as_secs_f64())]
    RecoveryTimeout {
        /// `host:port`
        agent: String,
        /// `MESOS_RECOVERY_TIMEOUT`
        timeout: Duration,
        /// What the last attempt met.
        #[source]
        source: Box<ExecutorError>,
    },
}

/// What an update says; the session adds ids, time, source and uuid.
#[derive(Debug, Clone)]
pub struct StatusUpdate {
    /// Which task.
    pub task_id: TaskId,
    /// Its state; never `TaskStaging`, which the agent refuses.
    pub state: TaskState,
    /// For a person.
    pub message: Option<String>,
    /// For a program.
    pub reason: Option<task_status::Reason>,
    /// The result of health checks.
    pub healthy: Option<bool>,
}

impl StatusUpdate {
    /// An update that tells the state alone.
    pub fn new(task_id: impl Into<TaskId>, state: TaskState) -> StatusUpdate {
        StatusUpdate { task_id: task_id.into(), state, message: None, reason: None, healthy: None }
    }

    /// Adds words for a person.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> StatusUpdate {
        StatusUpdate { message: Some(message.into()), ..self }
    }

    /// Adds a reason for a program.
    #[must_use]
    pub fn with_reason(self, reason: task_status::Reason) -> StatusUpdate {
        StatusUpdate { reason: Some(reason), ..self }
    }

    /// Adds the result of health checks.
    #[must_use]
    pub fn with_health(self, healthy: bool) -> StatusUpdate {
        StatusUpdate { healthy: Some(healthy), ..self }
    }
}

/// The session takes no more; its last event said why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// It has ended.
    #[error("the session with the Mesos agent has ended")]
    SessionEnded,
    /// More wait than one executor has reason to send.
    #[error("{REQUESTS_MAX} updates wait for the session already")]
    QueueFull,
}

#[derive(Debug)]
enum Request {
    Update(StatusUpdate),
    Message(Vec<u8>),
}

/// Starts sessions.
pub struct ExecutorSession;

impl ExecutorSession {
    /// Starts the session's task. It ends when all handles or the receiver are dropped, or after
    /// [`ExecutorEvent::Ended`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(environment: ExecutorEnvironment) -> (ExecutorHandle, mpsc::Receiver<ExecutorEvent>) {
        let (request_sender, requests) = mpsc::channel(REQUESTS_MAX);
        let (events, event_receiver) = mpsc::channel(EVENTS_MAX);
        let unacknowledged = watch::Sender::new(0);
        let calls = agent::KeptConnection::default();
        let session =
            session::Session::new(environment, requests, events, unacknowledged.clone(), calls.clone());
        tokio::spawn(session.run());
        (ExecutorHandle { requests: request_sender, unacknowledged, calls }, event_receiver)
    }
}

/// Sends updates and messages through a session. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ExecutorHandle {
    requests: mpsc::Sender<Request>,
    /// How many updates are queued or sent, but not acknowledged.
    unacknowledged: watch::Sender<usize>,
    calls: agent::KeptConnection,
}

impl ExecutorHandle {
    /// Queues a status update behind those before it. Never blocks.
    ///
    /// # Errors
    /// The update was not queued.
    pub fn update(&self, update: StatusUpdate) -> Result<(), UpdateError> {
        self.unacknowledged.send_modify(|count| *count += 1);
        let queued = self.request(Request::Update(update));
        if queued.is_err() {
            self.unacknowledged.send_modify(|count| *count -= 1);
        }
        queued
    }

    /// Sends a message to the scheduler, once, if the agent is there.
    ///
    /// # Errors
    /// The message was not queued.
    pub fn message(&self, data: Vec<u8>) -> Result<(), UpdateError> {
        self.request(Request::Message(data))
    }

    /// Waits until every update queued so far is acknowledged, or the session has ended. An executor waits for this
    /// before it exits, or its last update may be lost (spec/mesos.md §2.5).
    pub async fn acknowledged(&self) {
        let mut unacknowledged = self.unacknowledged.subscribe();
        // No order matters here: either is the end of the wait.
        tokio::select! {
            _ = unacknowledged.wait_for(|count| *count == 0) => {}
            () = self.requests.closed() => {}
        }
    }

    /// Closes the connection for calls; the next call makes another. For owners who expect none soon: an agent has many executors.
    pub fn rest(&self) {
        self.calls.close();
    }

    fn request(&self, request: Request) -> Result<(), UpdateError> {
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => UpdateError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => UpdateError::SessionEnded,
        })
    }
}
