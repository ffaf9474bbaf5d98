//! Forgetting old ended tasks (`spec/scheduler.md` §8.2).

use std::collections::BTreeMap;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{JobKey, TaskId};
use aurora_api::task::Task;

use crate::effect::TimerKey;
use crate::handle::{Core, Step};
use crate::offers::classes::Lookup;
use crate::state::TaskKey;

/// Ended tasks by the time they are forgotten at.
#[derive(Debug, Default)]
pub(crate) struct PruneQueue {
    due: BTreeMap<(Timestamp, TaskKey), TaskId>,
    when: Lookup<TaskId, Timestamp>,
}

impl PruneQueue {
    fn add(&mut self, task: &TaskId, due: Timestamp) {
        if let Some(old) = self.when.insert(task.clone(), due) {
            self.due.remove(&(old, TaskKey::of_id(task)));
        }
        self.due.insert((due, TaskKey::of_id(task)), task.clone());
    }

    pub(crate) fn forget(&mut self, task: &Task) {
        if let Some(due) = self.when.swap_remove(&task.id) {
            self.due.remove(&(due, TaskKey::of_id(&task.id)));
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// When a task is forgotten.
    #[cfg(test)]
    pub(crate) fn due(&self, task: &TaskId) -> Option<Timestamp> {
        self.when.get(task).copied()
    }
}

impl Core {
    /// A task has ended: it will be forgotten at `due`, and its job's history must not grow too long.
    pub(crate) fn on_ended(&mut self, task: &Task, due: Timestamp, step: &mut Step<'_>) {
        let earliest = step.now + self.config.history_min_retention;
        let before = self.prune.next();
        self.prune.add(&task.id, due.max(earliest));
        let next = self.prune.next();
        if let Some(at) = next.filter(|_| next != before) {
            step.set_timer(TimerKey::Prune, at);
        }
        self.shorten_history(&task.config.job, step);
    }

    pub(crate) fn on_prune(&mut self, step: &mut Step<'_>) {
        let due: Vec<TaskId> = self
            .prune
            .due
            .iter()
            .take_while(|((at, _), _)| *at <= step.now)
            .map(|(_, id)| id.clone())
            .collect();
        self.prune_tasks(&due, step);
        if let Some(at) = self.prune.next() {
            step.set_timer(TimerKey::Prune, at);
        }
    }

    /// Forgets the oldest ended tasks beyond the number a job may keep, but none that ended just now.
    fn shorten_history(&mut self, job: &JobKey, step: &mut Step<'_>) {
        let Some(job) = self.state.tables().job(job) else { return };
        let surplus = job.ended_count().saturating_sub(self.config.history_max_per_job);
        let min_retention = self.config.history_min_retention;
        let old: Vec<TaskId> = job
            .ended()
            .take(surplus)
            .take_while(|(ended, _)| step.now.since(*ended) >= min_retention)
            .map(|(_, task)| task.id.clone())
            .collect();
        self.prune_tasks(&old, step);
    }

    pub(crate) fn prune_tasks(&mut self, tasks: &[TaskId], step: &mut Step<'_>) {
        let before = self.state.tables().len();
        self.delete_tasks(tasks, step);
        let pruned = before - self.state.tables().len();
        step.count("tasks_pruned", u64::try_from(pruned).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
#[path = "prune_tests.rs"]
mod tests;
