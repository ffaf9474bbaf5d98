//! ACCEPT: offers become tasks (`spec/mesos.md` §1.8).

use std::collections::BTreeSet;

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::call;
use tracing::warn;

use super::state::{State, Task, master_status};
use crate::link::{RunTask, to_agent};
use crate::resources::{Resources, resources_from_messages, resources_to_internal};

use v1::offer::operation::Type as OperationType;
use v1::task_status::Reason;

impl State {
    /// Launches tasks on offers; each task that cannot be launched gets its own status.
    pub fn on_accept(&mut self, id: &v1::FrameworkId, accept: call::Accept) {
        let checked = self.check_offers(id, &accept.offer_ids);
        let mut remaining = Resources::default();
        for offer_id in &accept.offer_ids {
            if self.offers.get(offer_id).is_some_and(|offer| offer.framework_id == *id)
                && let Some(offer) = self.offers.remove(offer_id)
            {
                remaining.add(&offer.resources);
            }
        }
        let agent_id = match checked {
            Ok(agent_id) => agent_id,
            Err(problem) => {
                let message = format!("Task launched with invalid offers: {problem}");
                return self.drop_all(id, &accept.operations, Reason::InvalidOffers, &message);
            }
        };
        match self.agents.get(&agent_id) {
            None => {
                return self.drop_all(id, &accept.operations, Reason::AgentRemoved, "Agent removed");
            }
            Some(agent) if !agent.is_connected() => {
                return self.drop_all(
                    id,
                    &accept.operations,
                    Reason::AgentDisconnected,
                    "Agent disconnected",
                );
            }
            Some(_) => {}
        }
        for operation in accept.operations {
            match operation.r#type() {
                OperationType::Launch => {
                    let tasks = operation.launch.unwrap_or_default().task_infos;
                    self.launch(id, &agent_id, tasks, operation.id.is_some(), &mut remaining);
                }
                OperationType::LaunchGroup => {
                    let tasks = operation.launch_group.unwrap_or_default().task_group.tasks;
                    for task in &tasks {
                        let text = "The embedded cluster does not run task groups: use LAUNCH";
                        self.refuse_task(id, &agent_id, &task.task_id, Reason::TaskGroupInvalid, text);
                    }
                }
                other => {
                    warn!(operation = other.as_str_name(), "the embedded cluster ignores this operation")
                }
            }
        }
        self.refuse(id, &agent_id, remaining, accept.filters.as_ref());
    }

    /// The agent of the offers, if they can be used together.
    fn check_offers(&self, id: &v1::FrameworkId, offer_ids: &[v1::OfferId]) -> Result<v1::AgentId, String> {
        let mut seen = BTreeSet::new();
        let mut agent: Option<&v1::AgentId> = None;
        for offer_id in offer_ids {
            if !seen.insert(offer_id) {
                return Err(format!("Duplicate offer {offer_id} in offer list"));
            }
            let offer = match self.offers.get(offer_id) {
                Some(offer) if offer.framework_id == *id => offer,
                Some(_) => return Err(format!("Offer {offer_id} has invalid framework")),
                None => return Err(format!("Offer {offer_id} is no longer valid")),
            };
            if agent.is_some_and(|agent| *agent != offer.agent_id) {
                return Err("Aggregated offers must belong to one single agent".to_owned());
            }
            agent = Some(&offer.agent_id);
        }
        agent.cloned().ok_or_else(|| "No offers specified".to_owned())
    }

    /// Reports every task of the operations as never launched.
    fn drop_all(
        &mut self,
        id: &v1::FrameworkId,
        operations: &[v1::offer::Operation],
        reason: Reason,
        message: &str,
    ) {
        let is_aware = self.frameworks.get(id).is_some_and(super::state::Framework::is_partition_aware);
        let state = if is_aware { v1::TaskState::TaskDropped } else { v1::TaskState::TaskLost };
        for operation in operations {
            let launched = operation.launch.iter().flat_map(|launch| &launch.task_infos);
            let grouped = operation.launch_group.iter().flat_map(|launch| &launch.task_group.tasks);
            for task in launched.chain(grouped) {
                let status = v1::TaskStatus {
                    agent_id: Some(task.agent_id.clone()),
                    ..master_status(&task.task_id, state, reason, message)
                };
                self.send_status(id, status);
            }
        }
    }

    fn refuse_task(
        &mut self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        task_id: &v1::TaskId,
        reason: Reason,
        message: &str,
    ) {
        let status = v1::TaskStatus {
            agent_id: Some(agent_id.clone()),
            ..master_status(task_id, v1::TaskState::TaskError, reason, message)
        };
        self.count("tasks_error");
        self.send_status(id, status);
    }

    fn launch(
        &mut self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        tasks: Vec<v1::TaskInfo>,
        has_id: bool,
        remaining: &mut Resources,
    ) {
        let invalid = if has_id {
            Some("An operation id cannot be used with LAUNCH".to_owned())
        } else {
            // Compat: one malformed resource fails the whole operation (`spec/mesos.md` §1.8, 4).
            let all = tasks.iter().flat_map(|task| {
                task.resources.iter().chain(task.executor.iter().flat_map(|executor| &executor.resources))
            });
            all.cloned()
                .map(|one| resources_from_messages(&[one]))
                .find_map(Result::err)
                .map(|error| error.to_string())
        };
        for task in tasks {
            let task_id = task.task_id.clone();
            let outcome = match &invalid {
                Some(message) => Err(message.clone()),
                None => self.launch_one(id, agent_id, task, remaining),
            };
            if let Err(message) = outcome {
                self.refuse_task(id, agent_id, &task_id, Reason::TaskInvalid, &message);
            }
        }
    }

    fn launch_one(
        &mut self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        mut task: v1::TaskInfo,
        remaining: &mut Resources,
    ) -> Result<(), String> {
        let framework = self.frameworks.get(id).ok_or_else(|| "Framework removed".to_owned())?;
        let role = framework.role().to_owned();
        let framework_info = framework.info.clone();
        let resources = resources_from_messages(&task.resources).map_err(|error| error.to_string())?;
        task.resources = resources_to_internal(&resources, &role);
        if let Some(executor) = &mut task.executor {
            executor.framework_id.get_or_insert_with(|| id.clone());
            let own = resources_from_messages(&executor.resources).map_err(|error| error.to_string())?;
            executor.resources = resources_to_internal(&own, &role);
        }
        let needed = self.validate_task(id, agent_id, &task, &resources, remaining)?;
        remaining.subtract(&needed);
        let executor_id = task.executor.as_ref().map(|executor| executor.executor_id.clone());
        if let (Some(executor), Some(agent)) = (&task.executor, self.agents.get_mut(agent_id)) {
            agent
                .executors
                .entry((id.clone(), executor.executor_id.clone()))
                .or_insert_with(|| executor.clone());
        }
        let record = Task {
            info: task.clone(),
            agent_id: agent_id.clone(),
            executor_id,
            resources,
            state: v1::TaskState::TaskStaging,
            latest_state: v1::TaskState::TaskStaging,
            status: None,
        };
        self.add_task(id, record);
        self.send_agent(
            agent_id,
            to_agent::Body::RunTask(Box::new(RunTask { framework: framework_info, task })),
        );
        Ok(())
    }
}
