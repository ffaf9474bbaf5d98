//! What the master knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler;
use tokio::sync::mpsc;

use super::MasterConfig;
use super::maintenance::Maintenance;
use super::registry::{self, AgentRecord, Registry, RegistryError};
use crate::deadlines::Deadlines;
use crate::http::record;
use crate::link::{ToAgent, to_agent};
use crate::resources::{Resources, UNRESERVED, resources_from_messages};

/// Frameworks that ended, kept for their ids (`spec/mesos.md` §1.6).
const MAX_COMPLETED_FRAMEWORKS: usize = 50;
/// Ended tasks kept per framework, for `/state`.
const MAX_COMPLETED_TASKS: usize = 1000;
/// Unreachable tasks kept per framework.
const MAX_UNREACHABLE_TASKS: usize = 1000;

/// All state of a master. Other files of this folder add what happens to it.
#[derive(Debug)]
pub struct State {
    pub config: MasterConfig,
    pub address: SocketAddr,
    pub master_id: String,
    pub started: SystemTime,
    pub frameworks: BTreeMap<v1::FrameworkId, Framework>,
    pub completed_frameworks: VecDeque<v1::FrameworkInfo>,
    pub agents: BTreeMap<v1::AgentId, Agent>,
    pub offers: BTreeMap<v1::OfferId, Offer>,
    pub maintenance: Maintenance,
    pub timers: Deadlines<Timer>,
    pub counters: BTreeMap<&'static str, u64>,
    pub next_offer: u64,
    pub next_framework: u64,
    pub next_agent: u64,
    /// Set by whatever changes the registry; the actor writes it before anything is sent.
    pub is_registry_stale: bool,
    /// What waits for the registry to be written.
    pub outbox: Vec<(mpsc::Sender<Bytes>, Bytes)>,
}

/// What may come due.
#[derive(Debug)]
pub enum Timer {
    Allocate,
    Heartbeat { framework_id: v1::FrameworkId, stream_id: String },
    FailoverEnded { framework_id: v1::FrameworkId, epoch: u64 },
    Ping { agent_id: v1::AgentId, epoch: u64 },
    RecoveryEnded,
}

/// A framework that is subscribed, or may come back.
#[derive(Debug)]
pub struct Framework {
    pub info: v1::FrameworkInfo,
    pub connection: Connection,
    pub is_suppressed: bool,
    pub tasks: BTreeMap<v1::TaskId, Task>,
    pub unreachable_tasks: BTreeMap<v1::TaskId, Task>,
    pub completed_tasks: VecDeque<Task>,
    pub filters: BTreeMap<v1::AgentId, Vec<Filter>>,
    /// Counts disconnections, so that an old timer does not end a new subscription.
    pub epoch: u64,
    pub registered: SystemTime,
}

/// Whether the other side is there.
#[derive(Debug)]
pub enum Connection {
    Connected { stream_id: String, records: mpsc::Sender<Bytes> },
    Disconnected,
}

/// Hides resources of an agent from a framework for a while.
#[derive(Debug)]
pub struct Filter {
    pub refused: Resources,
    pub until: Instant,
}

/// A task.
#[derive(Clone, Debug)]
pub struct Task {
    pub info: v1::TaskInfo,
    pub agent_id: v1::AgentId,
    pub executor_id: Option<v1::ExecutorId>,
    pub resources: Resources,
    /// What the scheduler was told.
    pub state: v1::TaskState,
    /// What the agent knows.
    pub latest_state: v1::TaskState,
    /// The last update, with the uuid that an acknowledgement would name.
    pub status: Option<v1::TaskStatus>,
}

/// An agent that was admitted.
#[derive(Debug)]
pub struct Agent {
    pub info: v1::AgentInfo,
    pub total: Resources,
    pub status: AgentStatus,
    pub executors: BTreeMap<(v1::FrameworkId, v1::ExecutorId), v1::ExecutorInfo>,
    pub tasks: BTreeSet<(v1::FrameworkId, v1::TaskId)>,
    /// Kills for when it comes back.
    pub pending_kills: Vec<crate::link::KillTask>,
    pub missed_pings: u32,
    /// Counts registrations, so that an old timer does not touch a new one.
    pub epoch: u64,
    pub registered: SystemTime,
}

/// Where an agent is.
#[derive(Debug)]
pub enum AgentStatus {
    /// In the registry, and not yet back since this master started.
    Recovered,
    /// Its stream is open.
    Connected { stream_id: String, records: mpsc::Sender<Bytes> },
    /// Its stream broke a moment ago.
    Disconnected,
    /// It did not answer for too long.
    Unreachable { since: SystemTime },
}

/// An offer that is out.
#[derive(Debug)]
pub struct Offer {
    pub framework_id: v1::FrameworkId,
    pub agent_id: v1::AgentId,
    pub resources: Resources,
}

impl State {
    /// Starts from the registry.
    pub fn load(config: MasterConfig, address: SocketAddr) -> Result<Self, RegistryError> {
        let registry = registry::load(&config.work_dir)?;
        let mut state = Self {
            address,
            master_id: uuid::Uuid::new_v4().to_string(),
            started: SystemTime::now(),
            frameworks: BTreeMap::new(),
            completed_frameworks: registry.completed.into(),
            agents: BTreeMap::new(),
            offers: BTreeMap::new(),
            maintenance: Maintenance::recover(registry.schedule.unwrap_or_default(), registry.down),
            timers: Deadlines::default(),
            counters: BTreeMap::new(),
            next_offer: 0,
            next_framework: 0,
            next_agent: 0,
            is_registry_stale: false,
            outbox: Vec::new(),
            config,
        };
        for info in registry.frameworks {
            state.add_recovered_framework(info);
        }
        for record in registry.agents {
            let Some(id) = record.info.id.clone() else { continue };
            let status = match record.unreachable_since_ns {
                Some(ns) => {
                    AgentStatus::Unreachable { since: UNIX_EPOCH + Duration::from_nanos(ns.unsigned_abs()) }
                }
                None => AgentStatus::Recovered,
            };
            state.agents.insert(id, Agent::new(record.info, status));
        }
        state.timers.add(state.config.allocation_interval, Timer::Allocate);
        state.timers.add(state.config.agent_reregister_timeout, Timer::RecoveryEnded);
        Ok(state)
    }

    /// Knows a framework that may subscribe again until its failover timeout ends.
    pub fn add_recovered_framework(&mut self, info: v1::FrameworkInfo) {
        let Some(id) = info.id.clone() else { return };
        let timeout = failover_timeout(&info).unwrap_or_default();
        self.frameworks.insert(id.clone(), Framework::new(info));
        self.timers.add(timeout, Timer::FailoverEnded { framework_id: id, epoch: 0 });
        self.is_registry_stale = true;
    }

    /// Writes the registry if it changed.
    pub fn save_registry(&mut self) -> Result<(), RegistryError> {
        if !std::mem::take(&mut self.is_registry_stale) {
            return Ok(());
        }
        let agents = self.agents.values().map(|agent| AgentRecord {
            info: agent.info.clone(),
            unreachable_since_ns: match agent.status {
                AgentStatus::Unreachable { since } => Some(nanoseconds(since)),
                AgentStatus::Recovered | AgentStatus::Connected { .. } | AgentStatus::Disconnected => None,
            },
        });
        let registry = Registry {
            agents: agents.collect(),
            frameworks: self.frameworks.values().map(|framework| framework.info.clone()).collect(),
            completed: self.completed_frameworks.iter().cloned().collect(),
            schedule: Some(self.maintenance.schedule.clone()),
            down: self.maintenance.down.clone(),
        };
        registry::save(&self.config.work_dir, &registry)
    }

    /// Sends an event to a scheduler, if it is connected.
    pub fn send_event(&mut self, framework_id: &v1::FrameworkId, event: &scheduler::Event) {
        if let Some(Framework { connection: Connection::Connected { records, .. }, .. }) =
            self.frameworks.get(framework_id)
        {
            self.outbox.push((records.clone(), record(event)));
        }
    }

    /// Sends to an agent, if it is connected, and says whether it is.
    pub fn send_agent(&mut self, agent_id: &v1::AgentId, body: to_agent::Body) -> bool {
        let Some(Agent { status: AgentStatus::Connected { records, .. }, .. }) = self.agents.get(agent_id)
        else {
            return false;
        };
        self.outbox.push((records.clone(), record(&ToAgent::from(body))));
        true
    }

    /// Sends a status of the master's own, which nobody acknowledges, and counts it.
    pub fn send_status(&mut self, framework_id: &v1::FrameworkId, status: v1::TaskStatus) {
        let event = scheduler::Event {
            r#type: Some(scheduler::event::Type::Update.into()),
            update: Some(scheduler::event::Update { status }),
            ..scheduler::Event::default()
        };
        self.send_event(framework_id, &event);
    }

    pub fn count(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }

    /// What tasks and executors use of an agent.
    pub fn used(&self, agent: &Agent) -> Resources {
        let mut used = Resources::default();
        for executor in agent.executors.values() {
            used.add(&resources_from_messages(&executor.resources).unwrap_or_default());
        }
        for (framework_id, task_id) in &agent.tasks {
            if let Some(task) =
                self.frameworks.get(framework_id).and_then(|framework| framework.tasks.get(task_id))
                && !task.latest_state.is_terminal()
            {
                used.add(&task.resources);
            }
        }
        used
    }

    /// What is offered of an agent.
    pub fn offered(&self, agent_id: &v1::AgentId) -> Resources {
        let mut offered = Resources::default();
        for offer in self.offers.values().filter(|offer| offer.agent_id == *agent_id) {
            offered.add(&offer.resources);
        }
        offered
    }

    /// Puts a task into the active ones.
    pub fn add_task(&mut self, framework_id: &v1::FrameworkId, task: Task) {
        if let Some(agent) = self.agents.get_mut(&task.agent_id) {
            agent.tasks.insert((framework_id.clone(), task.info.task_id.clone()));
        }
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            framework.tasks.insert(task.info.task_id.clone(), task);
        }
    }

    /// Takes a task out of the active ones.
    pub fn take_task(&mut self, framework_id: &v1::FrameworkId, task_id: &v1::TaskId) -> Option<Task> {
        let task = self.frameworks.get_mut(framework_id)?.tasks.remove(task_id)?;
        if let Some(agent) = self.agents.get_mut(&task.agent_id) {
            agent.tasks.remove(&(framework_id.clone(), task_id.clone()));
        }
        Some(task)
    }

    /// Moves a task to the ended ones.
    pub fn complete_task(&mut self, framework_id: &v1::FrameworkId, task_id: &v1::TaskId) {
        if let Some(task) = self.take_task(framework_id, task_id)
            && let Some(framework) = self.frameworks.get_mut(framework_id)
        {
            framework.completed_tasks.push_back(task);
            if framework.completed_tasks.len() > MAX_COMPLETED_TASKS {
                framework.completed_tasks.pop_front();
            }
        }
    }

    /// Remembers a framework that ended.
    pub fn complete_framework(&mut self, info: v1::FrameworkInfo) {
        self.completed_frameworks.push_back(info);
        if self.completed_frameworks.len() > MAX_COMPLETED_FRAMEWORKS {
            self.completed_frameworks.pop_front();
        }
        self.is_registry_stale = true;
    }

    pub fn is_completed(&self, framework_id: &v1::FrameworkId) -> bool {
        self.completed_frameworks.iter().any(|info| info.id.as_ref() == Some(framework_id))
    }
}

impl Framework {
    pub fn new(info: v1::FrameworkInfo) -> Self {
        Self {
            info,
            connection: Connection::Disconnected,
            is_suppressed: false,
            tasks: BTreeMap::new(),
            unreachable_tasks: BTreeMap::new(),
            completed_tasks: VecDeque::new(),
            filters: BTreeMap::new(),
            epoch: 0,
            registered: SystemTime::now(),
        }
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.connection, Connection::Connected { .. })
    }

    pub fn has(&self, capability: v1::framework_info::capability::Type) -> bool {
        self.info.capabilities.iter().any(|one| one.r#type() == capability)
    }

    pub fn is_partition_aware(&self) -> bool {
        self.has(v1::framework_info::capability::Type::PartitionAware)
    }

    /// The one role it gets offers for.
    pub fn role(&self) -> &str {
        self.info
            .roles
            .first()
            .map_or_else(|| self.info.role.as_deref().unwrap_or(UNRESERVED), String::as_str)
    }

    pub fn add_unreachable(&mut self, task: Task) {
        if self.unreachable_tasks.len() >= MAX_UNREACHABLE_TASKS {
            self.unreachable_tasks.pop_first();
        }
        self.unreachable_tasks.insert(task.info.task_id.clone(), task);
    }
}

impl Agent {
    pub fn new(info: v1::AgentInfo, status: AgentStatus) -> Self {
        let total = resources_from_messages(&info.resources).unwrap_or_default();
        Self {
            info,
            total,
            status,
            executors: BTreeMap::new(),
            tasks: BTreeSet::new(),
            pending_kills: Vec::new(),
            missed_pings: 0,
            epoch: 0,
            registered: SystemTime::now(),
        }
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.status, AgentStatus::Connected { .. })
    }
}

/// The longest time a framework may stay away; `None` if it is no time that can be measured.
pub fn failover_timeout(info: &v1::FrameworkInfo) -> Option<Duration> {
    let seconds = info.failover_timeout();
    // Mesos counts nanoseconds in 63 bits.
    if seconds.is_nan() || seconds > 9.2e9 {
        return None;
    }
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// Nanoseconds since the epoch.
pub fn nanoseconds(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// Seconds since the epoch.
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The beginning of every status the master makes.
pub fn master_status(
    task_id: &v1::TaskId,
    state: v1::TaskState,
    reason: v1::task_status::Reason,
    message: impl Into<String>,
) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: task_id.clone(),
        state: state.into(),
        source: Some(v1::task_status::Source::Master.into()),
        reason: Some(reason.into()),
        message: Some(message.into()),
        timestamp: Some(seconds(SystemTime::now())),
        ..v1::TaskStatus::default()
    }
}
