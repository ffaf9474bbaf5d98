//! Effects that are owed, released after their batch is durable. Timers stay with the driver.

use std::sync::Arc;

use aurora_api::task::{Task, TaskStatus};
use scheduler_core::effect::Effect;
use tracing::{debug, info, warn};

use crate::mesos::calls::{CallSender, MesosCalls};
use crate::requests::Requests;
use crate::stats::Stats;

/// Takes effects that are owed.
pub trait Outbox: Send {
    /// Does what the effect says. Must not wait.
    fn release(&mut self, effect: Effect);
}

/// Effects go to users, to Mesos, to the log and into the counters.
pub struct World<S> {
    /// Who waits for replies.
    pub requests: Requests,
    /// The way to Mesos.
    pub mesos: MesosCalls<S>,
    /// The counters.
    pub stats: Stats,
}

impl<S: CallSender> Outbox for World<S> {
    fn release(&mut self, effect: Effect) {
        match effect {
            Effect::Reply(id, reply) => self.requests.answer(id, reply),
            Effect::Launch { offer, tasks, refuse, .. } => self.mesos.launch(&offer, &tasks, refuse),
            Effect::Collect { offer, host, task, retained } => {
                self.mesos.collect(&offer, &host, &task, retained);
            }
            Effect::Decline { offers, refuse } => self.mesos.decline(&offers, refuse),
            Effect::Kill { task, agent } => self.mesos.kill(&task, agent.as_ref()),
            Effect::Acknowledge { task, agent, uuid } => self.mesos.acknowledge(&task, &agent, uuid),
            Effect::Reconcile(tasks) => self.mesos.reconcile(&tasks),
            Effect::StatusChanged { task, from } => self.status_changed(&task, from),
            Effect::TasksRemoved(tasks) => {
                for task in tasks {
                    debug!(task = %task.id, "task forgotten");
                }
            }
            Effect::Notice(notice) => warn!("{notice}"),
            Effect::Count { name, by } => self.stats.count(name, by),
            // The driver keeps timers and makes snapshots itself.
            Effect::SetTimer { .. } | Effect::CancelTimer(_) | Effect::Snapshot(_) => {}
        }
    }
}

impl<S> World<S> {
    fn status_changed(&self, task: &Arc<Task>, from: TaskStatus) {
        let reason = task.last_event().and_then(|event| event.message.as_deref()).unwrap_or_default();
        let host = task.assignment.as_ref().map(|place| place.host.as_str()).unwrap_or_default();
        info!(task = %task.id, %from, to = %task.status, host, reason, "task status");
        if matches!(task.status, TaskStatus::Lost | TaskStatus::Failed) && from != TaskStatus::Init {
            self.stats.count(format!("tasks_{}_{}", task.status, task.config.job), 1);
        }
    }
}
