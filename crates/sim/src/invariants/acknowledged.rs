//! What a user was told is done stays done, whatever crashes.

use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus;

use super::Violation;
use crate::ledger::Ledger;
use crate::mirror::Mirror;

const NAME: &str = "acknowledged writes survive";

/// Checks all promises.
///
/// # Errors
/// An instance of a service that was acknowledged and not killed has no active task, or a killed task lives.
pub fn check(ledger: &Ledger, mirror: &Mirror) -> Result<(), Violation> {
    if let Some(key) = ledger.wanted().find(|key| mirror.active(key).is_none()) {
        return Err(Violation::new(NAME, format!("{key} is wanted and has no task")));
    }
    ledger.killed().iter().try_for_each(|id| stays_killed(ledger, mirror, id))
}

/// Checks one task.
///
/// # Errors
/// It was killed and lives.
pub fn stays_killed(ledger: &Ledger, mirror: &Mirror, id: &TaskId) -> Result<(), Violation> {
    if !ledger.killed().contains(id) {
        return Ok(());
    }
    match mirror.status(id) {
        None | Some(TaskStatus::Killing | TaskStatus::Partitioned) => Ok(()),
        Some(status) if status.is_terminal() => Ok(()),
        Some(status) => Err(Violation::new(NAME, format!("{id} was killed and is {status}"))),
    }
}
