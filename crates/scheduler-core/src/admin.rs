//! What administrators ask for beyond jobs (`spec/api.md` §2.5). Quotas are in [`crate::quota`], hosts in
//! [`crate::maintenance`].

use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus;

use crate::effect::Reply;
use crate::handle::{Core, Step};
use crate::task::StatusChange;

impl Core {
    /// Tells the state machine that a task has a status, and takes whatever it makes of that.
    pub(crate) fn force_status(
        &mut self,
        task: &TaskId,
        to: TaskStatus,
        user: &str,
        step: &mut Step<'_>,
    ) -> Reply {
        let change = StatusChange::to(task, to).because(format!("Transition forced by {user}"));
        // Compat: a refused transition and an unknown task are no errors.
        self.change_status(&change, step);
        Reply::Done(Vec::new())
    }

    /// Forgets those of the tasks that have ended.
    pub(crate) fn prune_on_request(&mut self, tasks: &[TaskId], step: &mut Step<'_>) -> Reply {
        let before = self.state.tables().len();
        let ended: Vec<TaskId> = tasks
            .iter()
            .filter(|id| self.state.task(id).is_some_and(|task| task.status.is_terminal()))
            .cloned()
            .collect();
        self.prune_tasks(&ended, step);
        let pruned = before - self.state.tables().len();
        step.count("thrift_workload_pruneTasks", u64::try_from(pruned).unwrap_or(u64::MAX));
        Reply::Done(Vec::new())
    }
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
