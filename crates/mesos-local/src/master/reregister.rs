//! Agents register, for the first time or again, and both sides agree on what runs (`spec/mesos.md` §4.4).

use std::collections::BTreeSet;

use bytes::Bytes;
use mesos_v1::messages as v1;
use tokio::sync::mpsc;
use tracing::info;

use super::agents::Removal;
use super::state::{Agent, AgentStatus, State, Task, Timer, master_status};
use crate::link::{self, Register, Registered, TaskRecord, UpdateFramework, to_agent};
use crate::resources::resources_from_messages;

impl State {
    /// Registers an agent and returns the id of its stream; one whose machine is down may not.
    pub fn on_register(
        &mut self,
        register: Register,
        records: mpsc::Sender<Bytes>,
    ) -> Result<String, String> {
        if self.maintenance.is_down(&register.agent.hostname, self.address.ip()) {
            return Err(format!(
                "the machine of {} is down for maintenance: it may register after /machine/up",
                register.agent.hostname
            ));
        }
        let stream_id = uuid::Uuid::new_v4().to_string();
        let mut agent_info = register.agent;
        let is_new = agent_info.id.is_none();
        let agent_id = agent_info.id.clone().unwrap_or_else(|| self.new_agent_id());
        agent_info.id = Some(agent_id.clone());
        self.remove_predecessors(&agent_id, &agent_info);
        info!(agent = %agent_id, host = agent_info.hostname, is_new, "registered");

        let status = AgentStatus::Connected { stream_id: stream_id.clone(), records };
        let mut agent = Agent::new(agent_info, status);
        let was_unreachable = match self.agents.remove(&agent_id) {
            Some(known) => {
                agent.epoch = known.epoch + 1;
                agent.registered = known.registered;
                agent.pending_kills = known.pending_kills;
                agent.tasks = known.tasks;
                matches!(known.status, AgentStatus::Unreachable { .. })
            }
            None => false,
        };
        for executor in &register.executors {
            if let Some(framework_id) = executor.framework_id.clone() {
                agent.executors.insert((framework_id, executor.executor_id.clone()), executor.clone());
            }
        }
        let epoch = agent.epoch;
        self.agents.insert(agent_id.clone(), agent);
        self.rescind_offers(&agent_id);
        self.is_registry_stale = true;
        self.count(if is_new { "slave_registrations" } else { "slave_reregistrations" });

        let interval = self.config.agent_ping_timeout;
        let ping_timeout = interval * self.config.max_agent_ping_timeouts;
        let registered = Registered {
            agent_id: agent_id.clone(),
            ping_timeout_ms: u64::try_from(ping_timeout.as_millis()).unwrap_or(u64::MAX),
        };
        self.send_agent(&agent_id, to_agent::Body::Registered(registered));
        self.timers.add(interval, Timer::Ping { agent_id: agent_id.clone(), epoch });
        self.agree_on_tasks(&agent_id, &register.frameworks, register.tasks, was_unreachable);
        self.allocate();
        Ok(stream_id)
    }

    fn new_agent_id(&mut self) -> v1::AgentId {
        let id = format!("{}-S{}", self.master_id, self.next_agent);
        self.next_agent += 1;
        id.into()
    }

    /// Whoever registers at the address of another agent has taken its place.
    fn remove_predecessors(&mut self, agent_id: &v1::AgentId, info: &v1::AgentInfo) {
        let predecessors: Vec<v1::AgentId> = self
            .agents
            .iter()
            .filter(|(id, agent)| *id != agent_id && agent.info.port() == info.port())
            .map(|(id, _)| id.clone())
            .collect();
        for predecessor in predecessors {
            self.remove_agent(&predecessor, &Removal::Superseded);
        }
    }

    fn agree_on_tasks(
        &mut self,
        agent_id: &v1::AgentId,
        frameworks: &[v1::FrameworkInfo],
        tasks: Vec<TaskRecord>,
        was_unreachable: bool,
    ) {
        for info in frameworks {
            let Some(id) = info.id.clone() else { continue };
            if self.is_completed(&id) {
                let order = link::FrameworkRef { framework_id: id };
                self.send_agent(agent_id, to_agent::Body::ShutdownFramework(order));
            } else if let Some(known) = self.frameworks.get(&id) {
                let framework = known.info.clone();
                if known.is_connected() {
                    self.send_agent(agent_id, to_agent::Body::UpdateFramework(UpdateFramework { framework }));
                }
            } else {
                self.add_recovered_framework(info.clone());
            }
        }
        let named: BTreeSet<(v1::FrameworkId, v1::TaskId)> =
            tasks.iter().map(|task| (task.framework_id.clone(), task.info.task_id.clone())).collect();
        for task in tasks {
            self.take_back(agent_id, task, was_unreachable);
        }
        self.report_missing(agent_id, &named);
        let kills = self.agents.get_mut(agent_id).map(|agent| std::mem::take(&mut agent.pending_kills));
        for kill in kills.unwrap_or_default() {
            self.send_agent(agent_id, to_agent::Body::KillTask(kill));
        }
    }

    /// Enters a task that the agent has.
    fn take_back(&mut self, agent_id: &v1::AgentId, record: TaskRecord, was_unreachable: bool) {
        let id = record.framework_id.clone();
        let latest_state = record.latest_state();
        let Some(framework) = self.frameworks.get_mut(&id) else { return };
        let was_lost = framework.unreachable_tasks.remove(&record.info.task_id).is_some();
        let told = record.status.as_ref().map(v1::TaskStatus::state);
        let executor_id = record.info.executor.as_ref().map(|executor| executor.executor_id.clone());
        let task = Task {
            resources: resources_from_messages(&record.info.resources).unwrap_or_default(),
            agent_id: agent_id.clone(),
            executor_id: executor_id.clone(),
            state: told.unwrap_or(v1::TaskState::TaskStaging),
            latest_state,
            status: record.status,
            info: record.info,
        };
        let (task_id, state) = (task.info.task_id.clone(), task.state);
        self.add_task(&id, task);
        if was_lost || was_unreachable {
            let status = v1::TaskStatus {
                agent_id: Some(agent_id.clone()),
                executor_id,
                ..master_status(
                    &task_id,
                    state,
                    v1::task_status::Reason::AgentReregistered,
                    "Unreachable agent re-reregistered",
                )
            };
            self.send_status(&id, status);
        }
    }

    /// Has the agent report the tasks that only the master knows, with an update that asks for an acknowledgement.
    fn report_missing(&mut self, agent_id: &v1::AgentId, named: &BTreeSet<(v1::FrameworkId, v1::TaskId)>) {
        let Some(agent) = self.agents.get(agent_id) else { return };
        let missing: Vec<_> = agent.tasks.difference(named).cloned().collect();
        for (framework_id, task_id) in missing {
            let Some(framework) = self.frameworks.get(&framework_id) else { continue };
            let Some(task) = framework.tasks.get(&task_id) else { continue };
            if task.state.is_terminal() {
                // Its end was acknowledged while the master did not hear of it.
                self.complete_task(&framework_id, &task_id);
                continue;
            }
            let report = link::ReportMissing {
                framework: framework.info.clone(),
                executor_id: task.executor_id.clone(),
                task_id,
            };
            self.send_agent(agent_id, to_agent::Body::ReportMissing(report));
        }
    }
}
