//! Agents are pinged, lost, found again and removed (`spec/mesos.md` §4.4), and report on tasks and executors.

use std::time::SystemTime;

use axum::http::StatusCode;
use bytes::Bytes;
use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::actor::Answer;
use super::state::{AgentStatus, State, Timer, master_status, nanoseconds};
use crate::link::{self, ToMaster, to_agent, to_master};

use v1::task_status::Reason;

/// Why an agent and its tasks are gone for good.
pub enum Removal {
    /// It said so.
    Unregistered,
    /// Another one took its place.
    Superseded,
    /// Its machine goes down.
    MachineDown,
}

impl State {
    /// The agent whose stream this is.
    fn agent_of(&self, stream_id: &str) -> Option<v1::AgentId> {
        self.agents.iter().find_map(|(id, agent)| match &agent.status {
            AgentStatus::Connected { stream_id: own, .. } if own == stream_id => Some(id.clone()),
            _ => None,
        })
    }

    /// Takes a message of a registered agent.
    pub fn on_agent_message(&mut self, stream_id: &str, message: ToMaster) -> Answer {
        let Some(agent_id) = self.agent_of(stream_id) else {
            return (StatusCode::FORBIDDEN, "this stream is over: register again".to_owned());
        };
        match message.body {
            Some(to_master::Body::Pong(_)) => {
                if let Some(agent) = self.agents.get_mut(&agent_id) {
                    agent.missed_pings = 0;
                }
            }
            Some(to_master::Body::Update(update)) => self.on_update(&agent_id, *update),
            Some(to_master::Body::ExecutorExited(exited)) => self.on_executor_exited(&agent_id, exited),
            Some(to_master::Body::Message(data)) => {
                let event = scheduler::Event {
                    r#type: Some(scheduler::event::Type::Message.into()),
                    message: Some(scheduler::event::Message {
                        agent_id,
                        executor_id: data.executor_id,
                        data: data.data,
                    }),
                    ..scheduler::Event::default()
                };
                self.send_event(&data.framework_id, &event);
            }
            Some(to_master::Body::Unregister(_)) => {
                info!(agent = %agent_id, "unregistered");
                self.remove_agent(&agent_id, &Removal::Unregistered);
            }
            None => return (StatusCode::BAD_REQUEST, "an empty message".to_owned()),
        }
        (StatusCode::ACCEPTED, String::new())
    }

    fn on_update(&mut self, agent_id: &v1::AgentId, update: link::Update) {
        let id = &update.framework_id;
        if self.is_completed(id) {
            let order = link::FrameworkRef { framework_id: id.clone() };
            self.send_agent(agent_id, to_agent::Body::ShutdownFramework(order));
            return;
        }
        let state = update.status.state();
        self.count(counter_of(state));
        self.count("valid_status_updates");
        if let Some(framework) = self.frameworks.get_mut(id)
            && let Some(task) = framework.tasks.get_mut(&update.status.task_id)
        {
            task.state = state;
            task.latest_state = update.latest_state();
            task.status = Some(update.status.clone());
        }
        self.send_status(id, update.status);
    }

    fn on_executor_exited(&mut self, agent_id: &v1::AgentId, exited: link::ExecutorExited) {
        let executor = exited.executor;
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.executors.remove(&(executor.framework_id.clone(), executor.executor_id.clone()));
        }
        self.send_event(
            &executor.framework_id,
            &failure(agent_id, Some(executor.executor_id), Some(exited.status)),
        );
    }

    /// The stream of an agent ended: its offers are void, its tasks may be well.
    pub fn on_agent_gone(&mut self, stream_id: &str) {
        if let Some(agent_id) = self.agent_of(stream_id) {
            self.disconnect_agent(&agent_id);
        }
    }

    /// Ends a stream that an agent does not read.
    pub fn cut_off_agent(&mut self, records: &mpsc::Sender<Bytes>) {
        let found = self.agents.iter().find_map(|(id, agent)| match &agent.status {
            AgentStatus::Connected { records: own, .. } if own.same_channel(records) => Some(id.clone()),
            _ => None,
        });
        if let Some(agent_id) = found {
            self.disconnect_agent(&agent_id);
        }
    }

    fn disconnect_agent(&mut self, agent_id: &v1::AgentId) {
        warn!(agent = %agent_id, "disconnected");
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.status = AgentStatus::Disconnected;
        }
        self.rescind_offers(agent_id);
        self.rescind_inverse_offers(agent_id);
        // Nothing of a framework without checkpoints comes back (`spec/mesos.md` §1.6).
        for (framework_id, task_id) in self.tasks_of(agent_id) {
            let keeps =
                self.frameworks.get(&framework_id).is_none_or(|framework| framework.info.checkpoint());
            if !keeps {
                self.lose_task(
                    &framework_id,
                    &task_id,
                    v1::TaskState::TaskLost,
                    Reason::AgentDisconnected,
                    "Agent disconnected",
                );
            }
        }
        let frameworks = &self.frameworks;
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.executors.retain(|(of, _), _| frameworks.get(of).is_none_or(|one| one.info.checkpoint()));
        }
    }

    fn tasks_of(&self, agent_id: &v1::AgentId) -> Vec<(v1::FrameworkId, v1::TaskId)> {
        self.agents.get(agent_id).map(|agent| agent.tasks.iter().cloned().collect()).unwrap_or_default()
    }

    /// Ends a task on the master's own account; one that has ended already only stops waiting for its acknowledgement.
    fn lose_task(
        &mut self,
        framework_id: &v1::FrameworkId,
        task_id: &v1::TaskId,
        state: v1::TaskState,
        reason: Reason,
        message: &str,
    ) {
        let Some(task) = self.frameworks.get_mut(framework_id).and_then(|one| one.tasks.get_mut(task_id))
        else {
            return;
        };
        let had_ended = task.state.is_terminal();
        let status = v1::TaskStatus {
            agent_id: Some(task.agent_id.clone()),
            executor_id: task.executor_id.clone(),
            ..master_status(task_id, state, reason, message)
        };
        if !had_ended {
            task.state = state;
            task.latest_state = state;
            task.status = Some(status.clone());
            self.count(counter_of(state));
            self.send_status(framework_id, status);
        }
        self.complete_task(framework_id, task_id);
    }

    /// Pings an agent, counts the pings it did not answer, and gives it up after too many.
    pub fn on_ping(&mut self, agent_id: &v1::AgentId, epoch: u64) {
        let limit = self.config.max_agent_ping_timeouts;
        let Some(agent) = self.agents.get_mut(agent_id) else { return };
        let is_waiting = matches!(agent.status, AgentStatus::Connected { .. } | AgentStatus::Disconnected);
        if agent.epoch != epoch || !is_waiting {
            return;
        }
        if agent.missed_pings >= limit {
            return self.lose_agent(agent_id, "health check timed out");
        }
        agent.missed_pings += 1;
        self.send_agent(agent_id, to_agent::Body::Ping(link::Empty {}));
        self.timers.add(self.config.agent_ping_timeout, Timer::Ping { agent_id: agent_id.clone(), epoch });
    }

    /// Agents that did not come back after a restart of the master are lost.
    pub fn on_recovery_ended(&mut self) {
        let missing: Vec<v1::AgentId> = self
            .agents
            .iter()
            .filter(|(_, agent)| matches!(agent.status, AgentStatus::Recovered))
            .map(|(id, _)| id.clone())
            .collect();
        for agent_id in missing {
            self.lose_agent(&agent_id, "it did not register again after the master's restart");
        }
    }

    /// Marks an agent unreachable. Its tasks may still run, and come back with it.
    fn lose_agent(&mut self, agent_id: &v1::AgentId, message: &str) {
        warn!(agent = %agent_id, message, "unreachable");
        let since = SystemTime::now();
        let tasks = self.tasks_of(agent_id);
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.status = AgentStatus::Unreachable { since };
            agent.executors.clear();
        }
        self.is_registry_stale = true;
        for (framework_id, task_id) in tasks {
            let Some(mut task) = self.take_task(&framework_id, &task_id) else { continue };
            let Some(framework) = self.frameworks.get_mut(&framework_id) else { continue };
            if task.state.is_terminal() {
                framework.completed_tasks.push_back(task);
                continue;
            }
            let is_aware = framework.is_partition_aware();
            task.state = if is_aware { v1::TaskState::TaskUnreachable } else { v1::TaskState::TaskLost };
            let status = v1::TaskStatus {
                agent_id: Some(agent_id.clone()),
                executor_id: task.executor_id.clone(),
                unreachable_time: Some(v1::TimeInfo { nanoseconds: nanoseconds(since) }),
                ..master_status(&task_id, task.state, Reason::AgentRemoved, message)
            };
            let counter = counter_of(task.state);
            framework.add_unreachable(task);
            self.count(counter);
            self.send_status(&framework_id, status);
        }
        self.rescind_offers(agent_id);
        self.rescind_inverse_offers(agent_id);
        self.announce_loss(agent_id);
    }

    /// Removes an agent for good, with all it ran.
    pub fn remove_agent(&mut self, agent_id: &v1::AgentId, removal: &Removal) {
        let hostname = self.agents.get(agent_id).map(|agent| agent.info.hostname.clone()).unwrap_or_default();
        let why = match removal {
            Removal::Unregistered => "the agent unregistered",
            Removal::Superseded => "a new agent registered at the same address",
            Removal::MachineDown => "Operator initiated 'Machine DOWN'",
        };
        let message = format!("Agent {hostname} removed: {why}");
        for (framework_id, task_id) in self.tasks_of(agent_id) {
            self.lose_task(&framework_id, &task_id, v1::TaskState::TaskLost, Reason::AgentRemoved, &message);
        }
        self.rescind_offers(agent_id);
        self.rescind_inverse_offers(agent_id);
        self.announce_loss(agent_id);
        self.agents.remove(agent_id);
        self.is_registry_stale = true;
        self.count("slave_removals");
    }

    fn announce_loss(&mut self, agent_id: &v1::AgentId) {
        let frameworks: Vec<v1::FrameworkId> = self.frameworks.keys().cloned().collect();
        for framework_id in frameworks {
            self.send_event(&framework_id, &failure(agent_id, None, None));
        }
    }
}

fn failure(
    agent_id: &v1::AgentId,
    executor_id: Option<v1::ExecutorId>,
    status: Option<i32>,
) -> scheduler::Event {
    scheduler::Event {
        r#type: Some(scheduler::event::Type::Failure.into()),
        failure: Some(scheduler::event::Failure { agent_id: Some(agent_id.clone()), executor_id, status }),
        ..scheduler::Event::default()
    }
}

/// The metric that counts arrivals in this state.
fn counter_of(state: v1::TaskState) -> &'static str {
    use v1::TaskState as S;
    match state {
        S::TaskFinished => "tasks_finished",
        S::TaskFailed => "tasks_failed",
        S::TaskKilled => "tasks_killed",
        S::TaskError => "tasks_error",
        S::TaskLost => "tasks_lost",
        S::TaskDropped => "tasks_dropped",
        S::TaskGone => "tasks_gone",
        S::TaskGoneByOperator => "tasks_gone_by_operator",
        S::TaskStaging
        | S::TaskStarting
        | S::TaskRunning
        | S::TaskKilling
        | S::TaskUnreachable
        | S::TaskUnknown => "status_updates_of_live_tasks",
    }
}
