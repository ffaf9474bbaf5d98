//! Old task state on agents: collected by an executor of its own, on each host at an interval (`spec/scheduler.md` §12.3).
//!
//! A collection takes a whole offer before any task gets it, and tells the agent which tasks we know there. Its own statuses
//! never reach the tasks. When each host is due is not durable: after a restart the intervals begin anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{HostName, TaskId};
use aurora_api::task::{Task, TaskStatus};

use crate::effect::Effect;
use crate::handle::{Core, Step};
use crate::input::{Offer, StatusUpdate};
use crate::operation::MaintenanceMode;

/// What stands before the id of each collection.
pub const COLLECTION_PREFIX: &str = "system-gc-";

/// Resources an offer must have: of the collection and its executor together.
pub const COLLECTION_FOOTPRINT: Resources =
    Resources { cpus: MilliCpus(200), ram: Megabytes(128), disk: Megabytes(16), gpus: 0, ports: 0 };

/// When hosts are due.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    due: BTreeMap<HostName, Timestamp>,
}

/// Whether this is a collection, and no task of a job.
pub(crate) fn is_collection(task: &TaskId) -> bool {
    task.as_str().starts_with(COLLECTION_PREFIX)
}

impl Core {
    /// Uses an offer for a collection if its host is due. The first offer of a host only sets the time.
    pub(crate) fn collect(&mut self, offer: &Offer, step: &mut Step<'_>) -> bool {
        let Some(interval) = self.config.collection_interval else { return false };
        let Some(due) = self.collections.due.get(&offer.host).copied() else {
            let first = step.now + self.rng.time_below(interval);
            self.collections.due.insert(offer.host.clone(), first);
            return false;
        };
        // A host that is being emptied gets nothing new, and an offer beside another goes back with it.
        let mode = self.state.tables().host(&offer.host).map_or(MaintenanceMode::None, |host| host.mode);
        if due > step.now || mode != MaintenanceMode::None || self.offers.of_agent(&offer.agent).is_some() {
            return false;
        }
        if !offer.resources.holds(&COLLECTION_FOOTPRINT) {
            step.count("scheduler_gc_insufficient_offers", 1);
            return false;
        }
        let next = step.now + self.rng.time_below(interval);
        self.collections.due.insert(offer.host.clone(), next);
        self.offers.leave(offer.id.clone());
        // Ended tasks are in no index by host; a look at all of them once an interval is cheap enough.
        let all = self.state.tables().tasks().map(|(task, _)| task);
        let is_here =
            |task: &&Arc<Task>| task.assignment.as_ref().is_some_and(|place| place.host == offer.host);
        let retained: Vec<(TaskId, TaskStatus)> =
            all.filter(is_here).map(|task| (task.id.clone(), task.status)).collect();
        step.count("scheduler_gc_offers_consumed", 1);
        step.count("scheduler_gc_tasks_created", 1);
        step.batch.effects.push(Effect::Collect {
            offer: offer.id.clone(),
            host: offer.host.clone(),
            task: TaskId::new(format!("{COLLECTION_PREFIX}{}", self.rng.uuid())),
            retained,
        });
        true
    }

    /// Takes the status of a collection, which is nobody's task.
    pub(crate) fn on_collection_status(&self, update: StatusUpdate, step: &mut Step<'_>) {
        if update.status == TaskStatus::Lost {
            step.count("gc_executor_tasks_lost", 1);
        }
        if let (Some(uuid), Some(agent)) = (update.uuid, update.agent) {
            step.batch.effects.push(Effect::Acknowledge { task: update.task, agent, uuid });
        }
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
