//! The protocol between master and agents: our own, over HTTP, so that each part can be a process of its own.
//!
//! An agent opens a stream by `POST /api/local/agent` on the master with a [`Register`] record of everything it has; the
//! answer is a RecordIO stream of [`ToAgent`] messages, the first of them [`Registered`], with a `Mesos-Stream-Id`
//! header. What the agent has to say goes, in order and one at a time, to `POST /api/local/agent/message` as [`ToMaster`]
//! with that stream id. The end of the stream, or a refused message, is a disconnection: the agent opens a new stream,
//! and its new [`Register`] says what the other side may have missed. Nothing else needs to be repeated, save status
//! updates, which the agent sends again until the scheduler acknowledged them. The master pings on the stream; an agent
//! that hears nothing for `ping_timeout_ms` opens a new one, and one that does not answer is taken for lost.

use mesos_v1::messages as v1;

/// Where an agent registers.
pub const REGISTER_PATH: &str = "/api/local/agent";
/// Where a registered agent sends its messages.
pub const MESSAGE_PATH: &str = "/api/local/agent/message";
/// The header that names a stream.
pub const STREAM_ID: &str = "Mesos-Stream-Id";

/// Everything an agent has, sent when it opens a stream.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Register {
    /// With an id if it was registered before.
    #[prost(message, required, tag = "1")]
    pub agent: v1::AgentInfo,
    /// The frameworks it runs something for.
    #[prost(message, repeated, tag = "2")]
    pub frameworks: Vec<v1::FrameworkInfo>,
    /// Executors that have not ended.
    #[prost(message, repeated, tag = "3")]
    pub executors: Vec<v1::ExecutorInfo>,
    /// Tasks that have not ended, or whose end is not acknowledged.
    #[prost(message, repeated, tag = "4")]
    pub tasks: Vec<TaskRecord>,
}

/// One task of an agent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskRecord {
    /// Whose it is.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// What it is.
    #[prost(message, required, tag = "2")]
    pub info: v1::TaskInfo,
    /// The update that is waiting for its acknowledgement, or the last one.
    #[prost(message, optional, tag = "3")]
    pub status: Option<v1::TaskStatus>,
    /// The last state the agent knows, which the scheduler may not have been told.
    #[prost(enumeration = "v1::TaskState", required, tag = "4")]
    pub latest_state: i32,
}

/// From the master to an agent.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ToAgent {
    /// What it says.
    #[prost(oneof = "to_agent::Body", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    pub body: Option<to_agent::Body>,
}

/// What the master may say.
pub mod to_agent {
    /// One of these.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Body {
        /// The registration was accepted.
        #[prost(message, tag = "1")]
        Registered(super::Registered),
        /// The registration was refused for good: the agent ends with this reason.
        #[prost(string, tag = "2")]
        Refused(String),
        /// Are you there?
        #[prost(message, tag = "3")]
        Ping(super::Empty),
        /// Run a task.
        #[prost(message, tag = "4")]
        RunTask(Box<super::RunTask>),
        /// End a task.
        #[prost(message, tag = "5")]
        KillTask(super::KillTask),
        /// The scheduler acknowledged an update.
        #[prost(message, tag = "6")]
        Acknowledge(super::Acknowledge),
        /// End an executor.
        #[prost(message, tag = "7")]
        ShutdownExecutor(super::ExecutorRef),
        /// A framework is gone: end all it runs, and forget its updates.
        #[prost(message, tag = "8")]
        ShutdownFramework(super::FrameworkRef),
        /// A framework subscribed (again): send the first pending update of each of its tasks at once.
        #[prost(message, tag = "9")]
        UpdateFramework(super::UpdateFramework),
        /// Data for an executor.
        #[prost(message, tag = "10")]
        Message(super::Data),
        /// The master knows a task that the agent did not name: report what became of it.
        #[prost(message, tag = "11")]
        ReportMissing(super::ReportMissing),
        /// The agent's machine goes down: end all executors.
        #[prost(message, tag = "12")]
        ShutdownAll(super::Empty),
    }
}

/// Nothing.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Empty {}

/// The registration was accepted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Registered {
    /// The agent's id, now and for ever.
    #[prost(message, required, tag = "1")]
    pub agent_id: v1::AgentId,
    /// How long a master may be silent, in milliseconds, before the agent takes it for lost.
    #[prost(uint64, required, tag = "2")]
    pub ping_timeout_ms: u64,
}

/// Run a task.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RunTask {
    /// For whom.
    #[prost(message, required, tag = "1")]
    pub framework: v1::FrameworkInfo,
    /// What.
    #[prost(message, required, tag = "2")]
    pub task: v1::TaskInfo,
}

/// End a task.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KillTask {
    /// Whose it is.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// Which.
    #[prost(message, required, tag = "2")]
    pub task_id: v1::TaskId,
    /// How.
    #[prost(message, optional, tag = "3")]
    pub kill_policy: Option<v1::KillPolicy>,
}

/// The scheduler acknowledged an update.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Acknowledge {
    /// Whose task.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// Which task.
    #[prost(message, required, tag = "2")]
    pub task_id: v1::TaskId,
    /// Which update.
    #[prost(bytes = "vec", required, tag = "3")]
    pub uuid: Vec<u8>,
}

/// An executor of a framework.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutorRef {
    /// Whose it is.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// Which.
    #[prost(message, required, tag = "2")]
    pub executor_id: v1::ExecutorId,
}

/// A framework.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FrameworkRef {
    /// Which.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
}

/// A framework subscribed, perhaps with changed information.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpdateFramework {
    /// What it is now.
    #[prost(message, required, tag = "1")]
    pub framework: v1::FrameworkInfo,
}

/// Data between a scheduler and an executor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Data {
    /// Whose executor.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// Which executor.
    #[prost(message, required, tag = "2")]
    pub executor_id: v1::ExecutorId,
    /// What.
    #[prost(bytes = "vec", required, tag = "3")]
    pub data: Vec<u8>,
}

/// A task that only the master knows.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReportMissing {
    /// Whose it is.
    #[prost(message, required, tag = "1")]
    pub framework: v1::FrameworkInfo,
    /// Which.
    #[prost(message, required, tag = "2")]
    pub task_id: v1::TaskId,
    /// Its executor.
    #[prost(message, optional, tag = "3")]
    pub executor_id: Option<v1::ExecutorId>,
}

/// From an agent to the master.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ToMaster {
    /// What it says.
    #[prost(oneof = "to_master::Body", tags = "1, 2, 3, 4, 5")]
    pub body: Option<to_master::Body>,
}

/// What an agent may say.
pub mod to_master {
    /// One of these.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Body {
        /// The answer to a ping.
        #[prost(message, tag = "1")]
        Pong(super::Empty),
        /// A task changed.
        #[prost(message, tag = "2")]
        Update(Box<super::Update>),
        /// An executor ended.
        #[prost(message, tag = "3")]
        ExecutorExited(super::ExecutorExited),
        /// Data for a scheduler.
        #[prost(message, tag = "4")]
        Message(super::Data),
        /// The agent leaves for good.
        #[prost(message, tag = "5")]
        Unregister(super::Empty),
    }
}

/// A task changed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Update {
    /// Whose it is.
    #[prost(message, required, tag = "1")]
    pub framework_id: v1::FrameworkId,
    /// How, with a uuid to acknowledge.
    #[prost(message, required, tag = "2")]
    pub status: v1::TaskStatus,
    /// The last state the agent knows: the task's resources are free as soon as it is terminal.
    #[prost(enumeration = "v1::TaskState", required, tag = "3")]
    pub latest_state: i32,
}

/// An executor ended.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutorExited {
    /// Which.
    #[prost(message, required, tag = "1")]
    pub executor: ExecutorRef,
    /// Its raw wait status, or -1.
    #[prost(sint32, required, tag = "2")]
    pub status: i32,
}

impl From<to_agent::Body> for ToAgent {
    fn from(body: to_agent::Body) -> Self {
        Self { body: Some(body) }
    }
}

impl From<to_master::Body> for ToMaster {
    fn from(body: to_master::Body) -> Self {
        Self { body: Some(body) }
    }
}
