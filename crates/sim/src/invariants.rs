//! What must always hold, one file each.
//!
//! Some are checked at each operation before it becomes durable, some at each effect before it is released, some over the
//! whole state now and then.

pub mod acknowledged;
pub mod agent_resources;
pub mod constraints;
pub mod convergence;
pub mod durability;
pub mod one_active_task;
pub mod pending_reasons;
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
    let Operation::SaveTask { task, .. } = operation else { return Ok(()) };
    one_active_task::check(before, task)?;
    terminal::check(before, task)?;
    constraints::check(before, task)
}
