//! A framework's session with the leading master (spec/mesos.md §1).
//!
//! [`SchedulerSession::start`] runs one task that owns both connections: it finds the leader, subscribes, resubscribes
//! under the same framework id after every loss, and sends calls in the order given. Its owner gets a
//! [`SchedulerHandle`] for calls and a channel of [`SchedulerEvent`]s, which also says how the session fares.
//!
//! A call is never dropped in silence: it was answered with success, or it comes back as
//! [`SchedulerEvent::CallFailed`]. Whether to send it again is the owner's decision, since offers do not outlive a
//! subscription, updates are sent again by the agents, and kills are repeated anyway.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::detect::Masters;
use crate::messages::scheduler::{Call, call};
use crate::messages::{
    AgentId, Credential, ExecutorId, FrameworkId, FrameworkInfo, InverseOffer, MasterInfo, Offer, OfferId,
    TaskStatus,
};
use crate::transport::ClientError;

#[cfg(test)]
mod election_tests;
mod error;
mod session;
#[cfg(test)]
mod tests;

pub use error::{CallError, SessionError};

/// How many events wait for an owner that is busy. When they are full the session stops reading, and so, through
/// the connection, the master waits.
const EVENTS_MAX: usize = 1024;

/// How many calls wait to be sent; a full queue refuses more.
const CALLS_MAX: usize = 65_536;

/// What a session needs to know.
#[derive(Debug, Clone)]
pub struct SchedulerConfig {
    /// Where to look for the leading master.
    pub masters: Masters,
    /// Who subscribes. With `id` the framework continues; without it the master gives one, and later subscriptions
    /// of this session carry it.
    pub framework_info: FrameworkInfo,
    /// For Basic authentication, with a secret.
    pub credential: Option<Credential>,
    /// Waits and limits.
    pub timing: SchedulerTiming,
}

/// The waits and limits of a session; the defaults are what spec/mesos.md §1.4 says.
#[derive(Debug, Clone)]
pub struct SchedulerTiming {
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long a master may take to answer a SUBSCRIBE with its first record.
    pub subscribe_timeout: Duration,
    /// After how many heartbeat intervals without any record the master counts as lost; calls are given as long.
    pub missed_heartbeats_max: u32,
    /// The wait after the first failure, of which a random part up to half is left out; it doubles with each further one.
    pub backoff_min: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
    /// How long a session with ZooKeeper lasts without contact.
    pub zookeeper_session_timeout: Duration,
}

impl Default for SchedulerTiming {
    fn default() -> SchedulerTiming {
        SchedulerTiming {
            connect_timeout: Duration::from_secs(10),
            subscribe_timeout: Duration::from_secs(75),
            missed_heartbeats_max: 5,
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(15),
            zookeeper_session_timeout: Duration::from_secs(10),
        }
    }
}

/// What happens to a framework and to its session.
#[derive(Debug)]
pub enum SchedulerEvent {
    /// The session asks this master for a subscription.
    Connecting {
        /// `host:port`
        master: String,
    },
    /// The framework is subscribed; offers of earlier subscriptions are void.
    Subscribed {
        /// Ours from now on; to be kept for ever.
        framework_id: FrameworkId,
        /// How often the master says that it is there.
        heartbeat_interval: Duration,
        /// `host:port` of the leader.
        master: String,
        /// How the leader describes itself.
        master_info: Option<Box<MasterInfo>>,
    },
    /// There is no subscription, for the reason given; the session tries again by itself. Held offers are void.
    Disconnected {
        /// Why; with its remedy.
        reason: SessionError,
    },
    /// Resources on offer.
    Offers(Vec<Offer>),
    /// Resources that the operator wants back.
    InverseOffers(Vec<InverseOffer>),
    /// An offer is void.
    Rescind(OfferId),
    /// An inverse offer is void.
    RescindInverseOffer(OfferId),
    /// The state of a task; to be acknowledged if it has a uuid, once it is durable.
    Update(Box<TaskStatus>),
    /// A message of an executor.
    Message {
        /// Where it runs.
        agent_id: AgentId,
        /// Which one.
        executor_id: ExecutorId,
        /// What it says.
        data: Vec<u8>,
    },
    /// An executor ended, or, without `executor_id`, an agent is gone.
    Failure {
        /// Where.
        agent_id: Option<AgentId>,
        /// Which executor ended.
        executor_id: Option<ExecutorId>,
        /// Its raw wait status; -1 if unknown.
        status: Option<i32>,
    },
    /// A call had no effect, or none that is known.
    CallFailed {
        /// The call as it was given.
        call: Box<Call>,
        /// Why.
        error: CallError,
    },
    /// The last event: the master refuses this framework, and trying again would not help.
    Ended {
        /// Why; with its remedy.
        error: SessionError,
    },
}

/// Why a session cannot even begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Mesos splits `principal:secret` at every colon, so such a secret never matches (spec/mesos.md §1.16).
    #[error(
        "the secret of principal {principal:?} contains a colon, which Mesos cannot authenticate: choose another secret"
    )]
    SecretWithColon {
        /// Whose secret.
        principal: String,
    },
    /// There is nothing to authenticate with.
    #[error("the credential of principal {principal:?} has no secret: add one")]
    NoSecret {
        /// Whose credential.
        principal: String,
    },
    /// No HTTP client.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// The call was not taken; it is given back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Far more calls wait than a master takes in a while.
    #[error("{CALLS_MAX} calls wait for the Mesos master already")]
    QueueFull(Box<Call>),
    /// The session ended; its last event said why.
    #[error("the session with the Mesos master has ended")]
    SessionEnded(Box<Call>),
    /// The call says not what it is. Such a one aborts the master of Mesos 1.11 (`spec/mesos.md` §1.3, row 18).
    #[error("a call without a type would abort the Mesos master: it is not sent")]
    NoType(Box<Call>),
}

/// Starts sessions.
pub struct SchedulerSession;

impl SchedulerSession {
    /// Starts the session's task. It ends when all handles or the receiver are dropped (the tasks of the framework
    /// go on: nothing is torn down), or after [`SchedulerEvent::Ended`].
    ///
    /// # Errors
    /// The configuration cannot work. That the master is not there is no error: it is retried.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(
        config: SchedulerConfig,
    ) -> Result<(SchedulerHandle, mpsc::Receiver<SchedulerEvent>), StartError> {
        let (call_sender, calls) = mpsc::channel(CALLS_MAX);
        let (events, event_receiver) = mpsc::channel(EVENTS_MAX);
        let session = session::Session::new(config, calls, events)?;
        tokio::spawn(session.run());
        Ok((SchedulerHandle { calls: call_sender }, event_receiver))
    }
}

/// Sends calls through a session. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SchedulerHandle {
    calls: mpsc::Sender<Call>,
}

impl SchedulerHandle {
    /// Queues a call behind those before it. `framework_id` is filled in. Never blocks.
    ///
    /// # Errors
    /// The call was not queued.
    pub fn send(&self, call: Call) -> Result<(), SendError> {
        if matches!(call.r#type(), call::Type::Unknown) {
            return Err(SendError::NoType(Box::new(call)));
        }
        self.calls.try_send(call).map_err(|error| match error {
            mpsc::error::TrySendError::Full(call) => SendError::QueueFull(Box::new(call)),
            mpsc::error::TrySendError::Closed(call) => SendError::SessionEnded(Box::new(call)),
        })
    }
}
