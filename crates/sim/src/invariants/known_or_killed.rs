//! Every task Mesos knows is known, or is killed.

use std::collections::BTreeSet;

use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus;
use scheduler_core::input::StatusUpdate;
use scheduler_core::{Effect, Input, MesosEvent};

use super::Violation;
use crate::mirror::Mirror;

/// The tasks among these inputs that Mesos says live, and that should not.
pub(crate) fn rogues(inputs: &[Input], before: &Mirror) -> BTreeSet<TaskId> {
    let heard = inputs.iter().filter_map(|input| match input {
        Input::Mesos(MesosEvent::Status(update)) => Some(update),
        _ => None,
    });
    heard
        .filter(|update| is_up(update) && !is_wanted(before.status(&update.task)))
        .map(|update| update.task.clone())
        .collect()
}

fn is_up(update: &StatusUpdate) -> bool {
    matches!(update.status, TaskStatus::Starting | TaskStatus::Running)
}

/// Whether a task of this status may be up.
fn is_wanted(status: Option<TaskStatus>) -> bool {
    use TaskStatus::{Draining, Killing, Preempting, Restarting};
    status.is_some_and(|status| {
        !status.is_terminal() && !matches!(status, Killing | Restarting | Preempting | Draining)
    })
}

/// Checks what was made of the inputs that told of them.
///
/// # Errors
/// One is not killed.
pub(crate) fn check(rogues: &BTreeSet<TaskId>, effects: &[Effect]) -> Result<(), Violation> {
    let is_killed =
        |id: &TaskId| effects.iter().any(|effect| matches!(effect, Effect::Kill { task, .. } if task == id));
    match rogues.iter().find(|id| !is_killed(id)) {
        Some(id) => {
            let what = format!("{id} is up, should not be, and is not killed");
            Err(Violation::new("every task Mesos knows is known or killed", what))
        }
        None => Ok(()),
    }
}
