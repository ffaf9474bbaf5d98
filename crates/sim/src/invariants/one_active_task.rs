//! At most one task of an instance is active.

use aurora_api::task::Task;

use super::Violation;
use crate::mirror::Mirror;

/// Checks a task that is about to be stored.
///
/// # Errors
/// Another task of the instance is active.
pub fn check(before: &Mirror, task: &Task) -> Result<(), Violation> {
    let key = task.instance_key();
    match before.active(&key) {
        Some(other) if task.status.is_active() && *other != task.id => {
            let what = format!("{} and {other} are both active for {key}", task.id);
            Err(Violation::new("one active task per instance", what))
        }
        _ => Ok(()),
    }
}
