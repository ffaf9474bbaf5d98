//! A new session begins with the kills that were asked for: those of the last may be lost.
//!
//! Only tasks that are KILLING are killed again by a timer; all others would stay up until somebody notices.

use std::collections::BTreeSet;

use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus;
use scheduler_core::{Effect, View};

use super::Violation;

/// Checks what was made of a subscription, and what memory holds then.
///
/// # Errors
/// A task that should go is not killed.
pub fn check(effects: &[Effect], view: &View) -> Result<(), Violation> {
    let killed: BTreeSet<&TaskId> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Kill { task, .. } => Some(task),
            _ => None,
        })
        .collect();
    let going = [TaskStatus::Killing, TaskStatus::Restarting, TaskStatus::Preempting, TaskStatus::Draining];
    let mut going = going.into_iter().flat_map(|status| view.tasks_with_status(status));
    match going.find(|task| !killed.contains(&task.id)) {
        Some(task) => {
            let what = format!("{} is {} and not killed again", task.id, task.status);
            Err(Violation::new("a new session repeats the kills", what))
        }
        None => Ok(()),
    }
}
