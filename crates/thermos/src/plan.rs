//! The decisions of the runner: pure functions of records, time and the task's shape.
//!
//! Nothing here reads a file, a clock or a process table. The driver (`crate::run`) feeds records and the time in and
//! carries out what comes back; a replay of old checkpoints goes through the same code as live records do.

pub mod birth;
pub mod escalation;
pub mod machine;
pub mod moment;
pub mod planner;
pub mod record;
pub mod replay;

pub use birth::{Birth, BootId, Place, ProcessId};
pub use escalation::{SignalOrder, Strength, Target};
pub use machine::{Machine, Step};
pub use moment::Moment;
pub use planner::{PlanError, Planner, Schedule};
pub use record::{ProcessState, Record, RunnerHeader, TaskState};
pub use replay::{ProcessRun, ReplayError, RunnerState};
