//! Status updates: recorded, then sent one at a time per task until the scheduler acknowledges (`spec/mesos.md` §1.9).

use std::time::Duration;

use mesos_v1::messages as v1;
use prost::Message as _;
use tracing::{info, warn};

use super::state::{State, Task, TaskKey, Timer, now_secs};
use crate::link::{Acknowledge, ReportMissing, TaskRecord, Update, to_master};

use v1::task_status::{Reason, Source};

/// The first wait for an acknowledgement; each further one is twice as long.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// The longest wait.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// What a task's log holds.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LogRecord {
    /// An update.
    #[prost(message, optional, tag = "1")]
    pub update: Option<v1::TaskStatus>,
    /// Or the uuid of an acknowledged one.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub acknowledged: Option<Vec<u8>>,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is recorded, or needs not be.
    Yes,
    /// The task is not known here.
    Unknown,
}

impl State {
    /// Takes an update of a task and sends it when it is its turn.
    pub fn add_update(&mut self, key: &TaskKey, mut status: v1::TaskStatus) -> Taken {
        let agent_id = self.id();
        status.timestamp.get_or_insert_with(now_secs);
        status.agent_id.get_or_insert(agent_id);
        let uuid = status.uuid.get_or_insert_with(|| uuid::Uuid::new_v4().into_bytes().to_vec()).clone();
        let Some(task) = self.tasks.get_mut(key) else { return Taken::Unknown };
        if task.uuids.contains(&uuid) || task.latest_state.is_terminal() {
            return Taken::Yes;
        }
        if let Some(log) = &mut task.log {
            let record = LogRecord { update: Some(status.clone()), acknowledged: None };
            if let Err(error) = log.append(&record.encode_to_vec()) {
                self.fail(error);
                return Taken::Yes;
            }
        }
        info!(host = self.config.hostname, task = %key.1, state = status.state().as_str_name(), message = status.message(), "update");
        task.uuids.insert(uuid);
        task.latest_state = status.state();
        task.pending.push_back(status);
        if task.pending.len() == 1 {
            self.send_update(key, RETRY_MIN);
        }
        Taken::Yes
    }

    /// An update of the agent's own.
    pub fn add_own_update(
        &mut self,
        key: &TaskKey,
        state: v1::TaskState,
        reason: Reason,
        message: impl Into<String>,
    ) {
        let executor_id = self.tasks.get(key).and_then(|task| task.executor_id.clone());
        let status = v1::TaskStatus {
            task_id: key.1.clone(),
            state: state.into(),
            source: Some(Source::Agent.into()),
            reason: Some(reason.into()),
            message: Some(message.into()),
            executor_id,
            ..v1::TaskStatus::default()
        };
        self.add_update(key, status);
    }

    /// The one and only update of a task that never came to run here.
    pub fn add_stray_update(
        &mut self,
        framework_id: &v1::FrameworkId,
        task: v1::TaskInfo,
        state: v1::TaskState,
        reason: Reason,
        message: impl Into<String>,
    ) {
        let key = (framework_id.clone(), task.task_id.clone());
        self.tasks.entry(key.clone()).or_insert_with(|| Task::new(task, String::new()));
        self.add_own_update(&key, state, reason, message);
    }

    /// The master knows a task that is not here.
    pub fn on_report_missing(&mut self, report: ReportMissing) {
        let framework_id = report.framework.id.clone().unwrap_or_default();
        let key = (framework_id.clone(), report.task_id.clone());
        if self.tasks.contains_key(&key) {
            return;
        }
        self.frameworks.entry(framework_id.clone()).or_insert(report.framework);
        let executor = report
            .executor_id
            .map(|executor_id| v1::ExecutorInfo { executor_id, ..v1::ExecutorInfo::default() });
        let task = v1::TaskInfo {
            task_id: report.task_id,
            agent_id: self.id(),
            executor,
            ..v1::TaskInfo::default()
        };
        let state = self.state_for(&framework_id, v1::TaskState::TaskDropped);
        let message = "Reconciliation: task unknown to the agent";
        self.add_stray_update(&framework_id, task, state, Reason::Reconciliation, message);
    }

    /// Sends the first pending update of a task, and asks to be reminded of it.
    pub fn send_update(&mut self, key: &TaskKey, delay: Duration) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let Some(status) = task.pending.front().cloned() else { return };
        let latest_state = task.latest_state;
        task.sent = Some(status.clone());
        let uuid = status.uuid.clone().unwrap_or_default();
        self.timers.add(delay, Timer::Retry { key: key.clone(), uuid, delay });
        let update = Update { framework_id: key.0.clone(), status, latest_state: latest_state.into() };
        self.tell_master(to_master::Body::Update(Box::new(update)));
    }

    /// Sends an update again that is still the first pending one.
    pub fn on_retry(&mut self, key: &TaskKey, uuid: &[u8], delay: Duration) {
        let first = self.tasks.get(key).and_then(|task| task.pending.front());
        if first.is_some_and(|status| status.uuid.as_deref() == Some(uuid)) {
            self.send_update(key, (delay * 2).min(RETRY_MAX));
        }
    }

    /// Sends the first pending update of all tasks, or of those of one framework.
    pub fn send_pending(&mut self, of: Option<&v1::FrameworkId>) {
        let waiting: Vec<TaskKey> = self
            .tasks
            .iter()
            .filter(|((framework, _), task)| of.is_none_or(|of| of == framework) && !task.pending.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            self.send_update(&key, RETRY_MIN);
        }
    }

    /// The scheduler has taken an update: the next one may go, and an ended task may be forgotten.
    pub fn on_acknowledged(&mut self, acknowledge: Acknowledge) {
        let key = (acknowledge.framework_id, acknowledge.task_id);
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let is_first =
            task.pending.front().is_some_and(|status| status.uuid.as_ref() == Some(&acknowledge.uuid));
        if !is_first {
            return warn!(task = %key.1, "an acknowledgement of no update in flight is ignored");
        }
        task.pending.pop_front();
        if let Some(log) = &mut task.log {
            let record = LogRecord { update: None, acknowledged: Some(acknowledge.uuid) };
            if let Err(error) = log.append(&record.encode_to_vec()) {
                return self.fail(error);
            }
        }
        if !task.pending.is_empty() {
            self.send_update(&key, RETRY_MIN);
        } else if task.latest_state.is_terminal() {
            self.forget_task(&key);
        }
    }

    /// Drops a task that has ended and whose end is acknowledged, and the records of its run with the last of them.
    pub fn forget_task(&mut self, key: &TaskKey) {
        let Some(task) = self.tasks.remove(key) else { return };
        self.forget_run(&key.0, task.executor_id.as_ref(), &task.container);
    }

    /// Removes the records of a run that has ended, once no update of its tasks is waiting. The sandbox stays.
    pub fn forget_run(
        &mut self,
        framework_id: &v1::FrameworkId,
        executor_id: Option<&v1::ExecutorId>,
        container: &str,
    ) {
        let Some(executor_id) = executor_id else { return };
        let is_running = self.executors.values().any(|executor| executor.container == container);
        let is_waiting = self.tasks.values().any(|task| task.container == container);
        if container.is_empty() || is_running || is_waiting {
            return;
        }
        let run = self.paths.run(&self.id(), framework_id, executor_id, container);
        if let Err(error) = std::fs::remove_dir_all(&run.meta)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!(path = %run.meta.display(), %error, "cannot remove the records of an ended executor");
        }
    }

    /// What the master is told of every task when a stream opens.
    pub fn task_records(&self) -> Vec<TaskRecord> {
        self.tasks
            .iter()
            .map(|((framework_id, _), task)| TaskRecord {
                framework_id: framework_id.clone(),
                info: task.info.clone(),
                status: task.sent.clone(),
                latest_state: task.latest_state.into(),
            })
            .collect()
    }
}
