//! The life of a task: which status may follow which, what that owes, and the doing of it.

mod apply;
mod flapping;
pub mod transition;

pub(crate) use apply::{ChangeResult, StatusChange};
pub(crate) use flapping::penalty_of_message;
