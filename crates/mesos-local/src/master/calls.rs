//! Calls of a subscribed framework (`spec/mesos.md` §§1.3, 1.9–1.11).

use axum::http::StatusCode;
use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::{Call, call};
use tracing::warn;

use super::actor::Answer;
use super::maintenance::InverseAnswer;
use super::state::{AgentStatus, State, master_status, nanoseconds};
use crate::link::{Acknowledge, Data, ExecutorRef, KillTask, to_agent};

use v1::task_status::Reason;

impl State {
    /// Takes a call that is not a subscription: framework, stream and content have been checked for presence.
    pub fn on_call(&mut self, call: Call, principal: Option<&str>, stream_id: Option<&str>) -> Answer {
        let refuse = |status, text: &str| (status, text.to_owned());
        let kind = call.r#type();
        let Some(id) = call.framework_id.clone() else {
            return refuse(StatusCode::BAD_REQUEST, "Expecting 'framework_id' to be present");
        };
        if !self.frameworks.contains_key(&id) {
            return refuse(StatusCode::BAD_REQUEST, "Framework cannot be found");
        }
        let owner = self.frameworks.get(&id).and_then(|framework| framework.info.principal.as_deref());
        if principal.is_some_and(|principal| owner.is_some_and(|owner| owner != principal)) {
            return refuse(StatusCode::BAD_REQUEST, "The framework belongs to another principal");
        }
        let Some(current) = self.stream_of(&id) else {
            return refuse(StatusCode::FORBIDDEN, "Framework is not subscribed");
        };
        match stream_id {
            None => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
                );
            }
            Some(given) if given != current => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    "The stream ID included in this request didn't match the stream ID currently associated with the framework",
                );
            }
            Some(_) => {}
        }
        match kind {
            call::Type::UpdateFramework => return self.on_update_framework(&id, call.update_framework),
            call::Type::Unknown | call::Type::ReconcileOperations => {
                return refuse(StatusCode::NOT_IMPLEMENTED, "The embedded cluster does not know this call");
            }
            call::Type::Subscribe => {
                return refuse(StatusCode::BAD_REQUEST, "'SUBSCRIBE' must not come here");
            }
            call::Type::Teardown => self.remove_framework(&id),
            call::Type::Accept => self.on_accept(&id, call.accept.unwrap_or_default()),
            call::Type::Decline => self.on_decline(&id, call.decline.unwrap_or_default()),
            call::Type::Revive => self.on_revive(&id, call.revive.unwrap_or_default().roles),
            call::Type::Suppress => self.on_suppress(&id, call.suppress.unwrap_or_default().roles),
            call::Type::Kill => self.on_kill(&id, call.kill.unwrap_or_default()),
            call::Type::Shutdown => self.on_shutdown(&id, call.shutdown.unwrap_or_default()),
            call::Type::Acknowledge => self.on_acknowledge(&id, call.acknowledge.unwrap_or_default()),
            call::Type::Reconcile => self.on_reconcile(&id, call.reconcile.unwrap_or_default()),
            call::Type::Message => self.on_message(&id, call.message.unwrap_or_default()),
            call::Type::AcceptInverseOffers => {
                let accepted = call.accept_inverse_offers.unwrap_or_default();
                let answer = InverseAnswer::Accept;
                self.on_inverse_answer(&id, &accepted.inverse_offer_ids, answer, accepted.filters.as_ref());
            }
            call::Type::DeclineInverseOffers => {
                let declined = call.decline_inverse_offers.unwrap_or_default();
                let answer = InverseAnswer::Decline;
                self.on_inverse_answer(&id, &declined.inverse_offer_ids, answer, declined.filters.as_ref());
            }
            // There are no operations, and the allocator ignores requests, as Mesos's own does.
            call::Type::AcknowledgeOperationStatus | call::Type::Request => {}
        }
        (StatusCode::ACCEPTED, String::new())
    }

    fn on_update_framework(&mut self, id: &v1::FrameworkId, update: Option<call::UpdateFramework>) -> Answer {
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let (Some(update), Some(framework)) = (update, self.frameworks.get(id)) else {
            return bad("Expecting 'update_framework' to be present".to_owned());
        };
        let (old, new) = (&framework.info, update.framework_info);
        for (name, is_same) in [
            ("user", old.user == new.user),
            ("checkpoint", old.checkpoint() == new.checkpoint()),
            ("principal", old.principal == new.principal),
            ("role", old.role == new.role && old.roles == new.roles),
        ] {
            if !is_same {
                return bad(format!("Updating 'FrameworkInfo.{name}' is unsupported"));
            }
        }
        let framework_info = v1::FrameworkInfo { id: Some(id.clone()), ..new };
        if let Err(problem) = self.check_subscription(&framework_info, &update.suppressed_roles) {
            return bad(problem);
        }
        let Some(framework) = self.frameworks.get_mut(id) else { return bad("Framework removed".to_owned()) };
        framework.info = framework_info;
        // Every suppressed role is one of the framework's, and it has one: none or all.
        let was_suppressed =
            std::mem::replace(&mut framework.is_suppressed, !update.suppressed_roles.is_empty());
        if was_suppressed && !framework.is_suppressed {
            framework.filters.clear();
            self.allocate();
        }
        self.is_registry_stale = true;
        (StatusCode::OK, String::new())
    }

    fn on_kill(&mut self, id: &v1::FrameworkId, kill: call::Kill) {
        let Some(task) = self.frameworks.get(id).and_then(|framework| framework.tasks.get(&kill.task_id))
        else {
            let asked = call::reconcile::Task { task_id: kill.task_id, agent_id: kill.agent_id };
            return self.reconcile_one(id, &asked);
        };
        let agent_id = task.agent_id.clone();
        if kill.agent_id.as_ref().is_some_and(|given| *given != agent_id) {
            return warn!(task = %kill.task_id, "a kill names another agent than the task's: ignored");
        }
        let order =
            KillTask { framework_id: id.clone(), task_id: kill.task_id, kill_policy: kill.kill_policy };
        if !self.send_agent(&agent_id, to_agent::Body::KillTask(order.clone()))
            && let Some(agent) = self.agents.get_mut(&agent_id)
        {
            agent
                .pending_kills
                .retain(|pending| pending.task_id != order.task_id || pending.framework_id != *id);
            agent.pending_kills.push(order);
        }
    }

    fn on_shutdown(&mut self, id: &v1::FrameworkId, shutdown: call::Shutdown) {
        let executor = ExecutorRef { framework_id: id.clone(), executor_id: shutdown.executor_id };
        self.send_agent(&shutdown.agent_id, to_agent::Body::ShutdownExecutor(executor));
    }

    fn on_message(&mut self, id: &v1::FrameworkId, message: call::Message) {
        let data = Data { framework_id: id.clone(), executor_id: message.executor_id, data: message.data };
        self.send_agent(&message.agent_id, to_agent::Body::Message(data));
    }

    fn on_acknowledge(&mut self, id: &v1::FrameworkId, ack: call::Acknowledge) {
        let order =
            Acknowledge { framework_id: id.clone(), task_id: ack.task_id.clone(), uuid: ack.uuid.clone() };
        if !self.send_agent(&ack.agent_id, to_agent::Body::Acknowledge(order)) {
            return;
        }
        let is_ended =
            self.frameworks.get(id).and_then(|framework| framework.tasks.get(&ack.task_id)).is_some_and(
                |task| {
                    let is_this =
                        task.status.as_ref().is_some_and(|status| status.uuid.as_ref() == Some(&ack.uuid));
                    is_this && task.state.is_terminal()
                },
            );
        if is_ended {
            self.complete_task(id, &ack.task_id);
        }
    }

    fn on_reconcile(&mut self, id: &v1::FrameworkId, reconcile: call::Reconcile) {
        if !reconcile.tasks.is_empty() {
            for task in &reconcile.tasks {
                self.reconcile_one(id, task);
            }
            return;
        }
        let known: Vec<v1::TaskId> = self
            .frameworks
            .get(id)
            .map(|framework| framework.tasks.keys().cloned().collect())
            .unwrap_or_default();
        for task_id in known {
            self.reconcile_one(id, &call::reconcile::Task { task_id, agent_id: None });
        }
    }

    /// Answers for one task as the table of `spec/mesos.md` §1.10 says.
    pub fn reconcile_one(&mut self, id: &v1::FrameworkId, asked: &call::reconcile::Task) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let is_aware = framework.is_partition_aware();
        let state_or_lost = |state| if is_aware { state } else { v1::TaskState::TaskLost };
        let answer = |state, text: &str| v1::TaskStatus {
            agent_id: asked.agent_id.clone(),
            ..master_status(&asked.task_id, state, Reason::Reconciliation, format!("Reconciliation: {text}"))
        };
        let status = if let Some(task) = framework.tasks.get(&asked.task_id) {
            let last = task.status.clone().unwrap_or_default();
            v1::TaskStatus {
                agent_id: Some(task.agent_id.clone()),
                executor_id: task.executor_id.clone(),
                healthy: last.healthy,
                check_status: last.check_status,
                container_status: last.container_status,
                ..answer(task.state, "Latest task state")
            }
        } else {
            let agent = asked.agent_id.as_ref().and_then(|agent| self.agents.get(agent));
            match (agent.map(|agent| &agent.status), &asked.agent_id) {
                // It may still come back with the task.
                (Some(AgentStatus::Recovered), _) => return,
                (None, None)
                    if self.agents.values().any(|agent| matches!(agent.status, AgentStatus::Recovered)) =>
                {
                    return;
                }
                (Some(AgentStatus::Connected { .. } | AgentStatus::Disconnected), _) => {
                    answer(state_or_lost(v1::TaskState::TaskGone), "Task is unknown to the agent")
                }
                (Some(AgentStatus::Unreachable { since }), _) => v1::TaskStatus {
                    unreachable_time: Some(v1::TimeInfo { nanoseconds: nanoseconds(*since) }),
                    ..answer(state_or_lost(v1::TaskState::TaskUnreachable), "Task is unreachable")
                },
                (None, _) => answer(state_or_lost(v1::TaskState::TaskUnknown), "Task is unknown"),
            }
        };
        self.send_status(id, status);
    }
}
