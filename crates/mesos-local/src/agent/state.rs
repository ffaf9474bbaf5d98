//! What an agent knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mesos_v1::messages as v1;
use mesos_v1::messages::executor;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::actor::Input;
use super::paths::{AgentPaths, RunPaths};
use super::uplink::Uplink;
use super::{AgentConfig, AgentError};
use crate::checkpoint::{CheckpointError, Log};
use crate::container::process::ProcessId;
use crate::deadlines::Deadlines;
use crate::http::record;
use crate::link::to_master;

/// A framework's executor on this agent.
pub type ExecutorKey = (v1::FrameworkId, v1::ExecutorId);
/// A framework's task on this agent.
pub type TaskKey = (v1::FrameworkId, v1::TaskId);

/// All state of an agent. Other files of this folder add what happens to it.
#[derive(Debug)]
pub struct State {
    pub config: AgentConfig,
    pub address: SocketAddr,
    pub paths: AgentPaths,
    pub inputs: mpsc::Sender<Input>,
    /// Without an id until the first registration.
    pub info: v1::AgentInfo,
    pub registered: watch::Sender<Option<v1::AgentId>>,
    pub phase: Phase,
    pub frameworks: BTreeMap<v1::FrameworkId, v1::FrameworkInfo>,
    pub executors: BTreeMap<ExecutorKey, Executor>,
    pub tasks: BTreeMap<TaskKey, Task>,
    pub timers: Deadlines<Timer>,
    /// Where messages to the master go, while there is a stream.
    pub to_master: Option<mpsc::Sender<to_master::Body>>,
    /// The uplink that waits for the end of recovery.
    pub waiting_uplink: Option<oneshot::Sender<Uplink>>,
    /// Who waits for the last executor to end.
    pub farewells: Vec<oneshot::Sender<()>>,
    /// The error that ends the agent.
    pub failure: Option<AgentError>,
    /// How old sandboxes of ended executors may become.
    pub max_allowed_age: Duration,
    pub started: SystemTime,
}

/// Where an agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for executors of before its start to subscribe again.
    Recovering,
    /// It works.
    Running,
    /// It ends its executors and takes no more tasks.
    Leaving,
}

/// What may come due.
#[derive(Debug)]
pub enum Timer {
    /// An executor has not subscribed since its launch.
    RegistrationEnded { key: ExecutorKey, container: String },
    /// Executors have not subscribed again since the agent's start.
    RecoveryEnded,
    /// A shutdown was ignored.
    GraceEnded { key: ExecutorKey, container: String },
    /// Old sandboxes are looked for.
    DiskWatch,
    /// An update is not acknowledged.
    Retry { key: TaskKey, uuid: Vec<u8>, delay: Duration },
}

/// An executor that has not ended.
#[derive(Debug)]
pub struct Executor {
    pub info: v1::ExecutorInfo,
    pub container: String,
    pub run: RunPaths,
    pub status: ExecutorStatus,
    pub helper: Option<ProcessId>,
    /// The stream to it. Absent while it is disconnected.
    pub records: Option<mpsc::Sender<Bytes>>,
    /// Whether it ever subscribed to this run of the agent, or to an earlier one.
    pub has_subscribed: bool,
    /// Whether it ever sent an update of a task.
    pub has_reported: bool,
    /// Cancelled to kill the container.
    pub kill: CancellationToken,
}

/// Where an executor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutorStatus {
    /// Not subscribed yet, or not yet again.
    Registering,
    /// Subscribed.
    Running,
    /// On its way out.
    Terminating(EndCause),
}

/// Why an executor ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// It was told to.
    Shutdown,
    /// Its framework is gone: nobody wants to hear of its tasks.
    FrameworkRemoved,
    /// It did not subscribe in time.
    RegistrationTimeout,
    /// It did not subscribe again in time.
    ReregistrationTimeout,
}

/// A task that has not ended, or whose updates are not all acknowledged.
#[derive(Debug)]
pub struct Task {
    pub info: v1::TaskInfo,
    pub executor_id: Option<v1::ExecutorId>,
    pub container: String,
    pub latest_state: v1::TaskState,
    /// Whether the executor was given it, as far as the agent knows.
    pub is_delivered: bool,
    /// A kill that could not be delivered.
    pub undelivered_kill: Option<Option<v1::KillPolicy>>,
    /// Updates without acknowledgement, the first of them in flight.
    pub pending: VecDeque<v1::TaskStatus>,
    /// The last update that was sent to the master.
    pub sent: Option<v1::TaskStatus>,
    /// Uuids of all updates, to tell repeated ones.
    pub uuids: BTreeSet<Vec<u8>>,
    /// Where updates and acknowledgements are recorded; absent without checkpoints.
    pub log: Option<Log>,
}

impl State {
    pub fn new(
        config: AgentConfig,
        address: SocketAddr,
        inputs: mpsc::Sender<Input>,
        registered: watch::Sender<Option<v1::AgentId>>,
    ) -> Self {
        Self {
            info: config.info(address.port()),
            paths: AgentPaths::new(&config.work_dir),
            max_allowed_age: config.gc_delay,
            config,
            address,
            inputs,
            registered,
            phase: Phase::Recovering,
            frameworks: BTreeMap::new(),
            executors: BTreeMap::new(),
            tasks: BTreeMap::new(),
            timers: Deadlines::default(),
            to_master: None,
            waiting_uplink: None,
            farewells: Vec::new(),
            failure: None,
            started: SystemTime::now(),
        }
    }

    /// The agent's id; empty before the first registration, when nothing needs it.
    pub fn id(&self) -> v1::AgentId {
        self.info.id.clone().unwrap_or_default()
    }

    /// Says something to the master, if there is a stream; a full one is given up, and the next one starts from everything.
    pub fn tell_master(&mut self, body: to_master::Body) {
        if let Some(sender) = &self.to_master
            && sender.try_send(body).is_err()
        {
            warn!(host = self.config.hostname, "the stream to the master is stuck: opening another one");
            self.to_master = None;
        }
    }

    /// Sends an event to an executor and says whether it has a stream.
    pub fn tell_executor(&mut self, key: &ExecutorKey, event: &executor::Event) -> bool {
        let Some(executor) = self.executors.get_mut(key) else { return false };
        let is_sent =
            executor.records.as_ref().is_some_and(|records| records.try_send(record(event)).is_ok());
        if !is_sent {
            executor.records = None;
        }
        is_sent
    }

    /// Keeps an error that ends the agent: what cannot be recorded must not happen.
    pub fn fail(&mut self, source: CheckpointError) {
        if self.failure.is_none() {
            self.failure = Some(AgentError::Checkpoint { host: self.config.hostname.clone(), source });
        }
    }

    pub fn has_checkpoints(&self, framework_id: &v1::FrameworkId) -> bool {
        self.frameworks.get(framework_id).is_some_and(v1::FrameworkInfo::checkpoint)
    }

    /// `aware` to frameworks that know of partitions, TASK_LOST to others.
    pub fn state_for(&self, framework_id: &v1::FrameworkId, aware: v1::TaskState) -> v1::TaskState {
        use v1::framework_info::capability::Type::PartitionAware;
        let is_aware = self
            .frameworks
            .get(framework_id)
            .is_some_and(|info| info.capabilities.iter().any(|one| one.r#type() == PartitionAware));
        if is_aware { aware } else { v1::TaskState::TaskLost }
    }

    /// The tasks of an executor that have not ended.
    pub fn live_tasks_of(&self, key: &ExecutorKey) -> Vec<v1::TaskId> {
        let Some(executor) = self.executors.get(key) else { return Vec::new() };
        self.tasks
            .iter()
            .filter(|((framework, _), task)| *framework == key.0 && task.container == executor.container)
            .filter(|(_, task)| !task.latest_state.is_terminal())
            .map(|((_, id), _)| id.clone())
            .collect()
    }
}

impl Task {
    pub fn new(info: v1::TaskInfo, container: String) -> Self {
        Self {
            executor_id: info.executor.as_ref().map(|executor| executor.executor_id.clone()),
            info,
            container,
            latest_state: v1::TaskState::TaskStaging,
            is_delivered: false,
            undelivered_kill: None,
            pending: VecDeque::new(),
            sent: None,
            uuids: BTreeSet::new(),
            log: None,
        }
    }
}

/// Now, in seconds since the epoch.
pub fn now_secs() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
