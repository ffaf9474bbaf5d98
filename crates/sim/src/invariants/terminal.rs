//! A task that ended never runs again, and one that is forgotten never comes back.

use aurora_api::task::Task;

use super::Violation;
use crate::mirror::Mirror;

/// Checks a task that is about to be stored.
///
/// # Errors
/// It had ended.
pub fn check(before: &Mirror, task: &Task) -> Result<(), Violation> {
    let violation = |what| Err(Violation::new("what ended stays ended", what));
    if before.is_forgotten(&task.id) {
        return violation(format!("{} was forgotten and is {} again", task.id, task.status));
    }
    match before.status(&task.id) {
        Some(was) if was.is_terminal() && was != task.status => {
            violation(format!("{} was {was} and becomes {}", task.id, task.status))
        }
        _ => Ok(()),
    }
}
