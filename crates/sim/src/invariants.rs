//! What must always hold, one file each.
//!
//! Some are checked at each operation before it becomes durable, some at each effect before it is released, some over the
//! whole state now and then.

pub mod acknowledged;
pub(crate) mod affinity;
pub mod agent_resources;
pub mod constraints;
pub mod convergence;
pub mod durability;
pub mod flapping;
pub mod history;
pub mod kills_repeated;
pub(crate) mod known_or_killed;
pub mod maintenance;
pub(crate) mod offers_once;
pub mod one_active_task;
pub mod pending_reasons;
pub(crate) mod preemption;
pub mod quota;
pub mod recovery;
pub mod terminal;
pub mod timers;

use scheduler_core::Operation;

use crate::mirror::Mirror;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Violation {
    invariant: &'static str,
    what: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// Whether an operation may become durable, given what is.
pub(crate) fn on_operation(before: &Mirror, operation: &Operation) -> Result<(), Violation> {
    match operation {
        Operation::SaveTask { task, .. } => {
            one_active_task::check(before, task)?;
            terminal::check(before, task)?;
            flapping::check(before, task)?;
            constraints::check(before, task)?;
            maintenance::check(before, task)
        }
        Operation::SaveHost(host) => maintenance::check_host(before, host),
        _ => Ok(()),
    }
}

/// Whether what is durable may be so, given the operation that made it so.
pub(crate) fn after_operation(mirror: &Mirror, operation: &Operation) -> Result<(), Violation> {
    match operation {
        Operation::SaveTask { task, .. } if task.status.is_active() => {
            quota::check(mirror, task.config.job.role())
        }
        Operation::SaveQuota { role, .. } => quota::check(mirror, role),
        _ => Ok(()),
    }
}
