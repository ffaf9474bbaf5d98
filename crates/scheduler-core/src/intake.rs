//! What Mesos tells: the session, statuses, lost agents, calls that failed. Offers are in [`crate::offers`].

use std::sync::Arc;

use aurora_api::ids::{AgentId, FrameworkId};
use aurora_api::task::TaskStatus;

use crate::collect::is_collection;
use crate::effect::Effect;
use crate::handle::{Core, Session, Step};
use crate::input::{FailedCall, StatusUpdate};
use crate::operation::Operation;
use crate::task::StatusChange;

/// Statuses in which a kill was asked for and may have been lost with a session.
const BEING_KILLED: [TaskStatus; 4] =
    [TaskStatus::Killing, TaskStatus::Restarting, TaskStatus::Draining, TaskStatus::Preempting];

/// The reason of updates that Mesos makes up as an answer; their words are not the executor's.
const RECONCILIATION: &str = "REASON_RECONCILIATION";

/// The reason of updates about tasks that an operator's order to Mesos ended; their words are only the executor's.
const AGENT_DRAINING: &str = "REASON_AGENT_DRAINING";

/// What it means that Mesos answers that a task is lost.
const UNKNOWN_TO_MESOS: &str = ". Mesos does not know the task any more: its agent was stopped or removed, or came back \
    under a new id, or never got it. See the host on the page of the agents";

/// What a status says, with what only its reason tells.
fn message_of(update: &StatusUpdate) -> Option<Arc<str>> {
    let own = update.message.as_deref().unwrap_or_default();
    match update.reason {
        Some(AGENT_DRAINING) => {
            Some(Arc::from(format!("An operator drains this host's agent in Mesos. {own}").trim_end()))
        }
        Some(RECONCILIATION) if update.status == TaskStatus::Lost => {
            Some(Arc::from(format!("{own}{UNKNOWN_TO_MESOS}").trim_start_matches(['.', ' '])))
        }
        _ => update.message.clone(),
    }
}

impl Core {
    pub(crate) fn on_subscribed(&mut self, framework: FrameworkId, step: &mut Step<'_>) {
        if self.state.tables().framework() != Some(&framework) {
            self.commit(Operation::SaveFramework(framework), step);
        }
        match std::mem::replace(&mut self.session, Session::Open) {
            Session::Never => {
                self.start_reconciliation(step);
                self.start_preemption(step);
            }
            Session::Open | Session::Broken => step.count("scheduler_framework_reregisters", 1),
        }
        // Updates and kills may have been lost while nobody listened.
        if self.state.tables().has_assigned() {
            self.reconcile_explicit(None, step);
        }
        for status in BEING_KILLED {
            for task in self.state.tables().with_status(status) {
                let agent = task.assignment.as_ref().map(|assignment| assignment.agent.clone());
                step.batch.effects.push(Effect::Kill { task: task.id.clone(), agent });
            }
        }
    }

    pub(crate) fn on_disconnected(&mut self, step: &mut Step<'_>) {
        if self.session == Session::Open {
            self.session = Session::Broken;
        }
        step.count("scheduler_framework_disconnects", 1);
        self.flush_offers(step);
    }

    /// Takes a status from Mesos (`spec/scheduler.md` §1.9). It is acknowledged whatever came of it: what was refused
    /// now would be refused again.
    pub(crate) fn on_status(&mut self, update: StatusUpdate, step: &mut Step<'_>) {
        if is_collection(&update.task) {
            self.on_collection_status(update, step);
            return;
        }
        self.note_agent_of(&update, step);
        let may_tell_more = matches!(update.status, TaskStatus::Starting | TaskStatus::Running);
        if may_tell_more && update.reason != Some(RECONCILIATION) {
            self.keep_progress(&update.task, update.status, update.message.as_ref(), step);
        }
        let result = self.change_status(
            &StatusChange {
                message: message_of(&update),
                agent: update.agent.clone(),
                ..StatusChange::to(&update.task, update.status)
            },
            step,
        );
        if let Some(reason) = update.reason {
            step.count(format!("status_update_{reason}_{}", result.as_str()), 1);
        }
        if let (Some(uuid), Some(agent)) = (update.uuid, update.agent) {
            step.batch.effects.push(Effect::Acknowledge { task: update.task, agent, uuid });
        }
    }

    /// The statuses of its tasks come as updates.
    pub(crate) fn on_agent_lost(&mut self, agent: &AgentId, step: &mut Step<'_>) {
        step.count("slaves_lost", 1);
        self.note_lost(agent, step);
        if let Some(offer) = self.offers.of_agent(agent).map(|held| held.offer.id.clone()) {
            self.drop_offer(&offer, step);
        }
        self.offers.forget_agent(agent);
    }

    pub(crate) fn on_call_failed(&mut self, call: FailedCall, reason: &Arc<str>, step: &mut Step<'_>) {
        match call {
            FailedCall::Launch(tasks) => {
                step.count("assigner_launch_failures", 1);
                let mut message = "Unknown exception attempting to schedule task.".to_owned();
                if !reason.is_empty() {
                    message = format!("{message} {reason}");
                }
                for task in tasks.into_iter().filter(|task| !is_collection(task)) {
                    let lost = StatusChange::to(&task, TaskStatus::Lost)
                        .expecting(TaskStatus::Assigned)
                        .because(message.as_str());
                    self.change_status(&lost, step);
                }
            }
            FailedCall::Kill(_) => step.count("scheduler_driver_kill_failures", 1),
        }
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
