//! One machine's task runner: plan, processes, checkpoints, logs.
//!
//! A *runner* carries out one task; each running process has a *coordinator* between itself and the runner. Both are
//! copies of the program that they are part of: see [`os::fork`] and, for a runner that is started by itself, [`hidden`]. Everything
//! that happens is recorded in checkpoint streams, from which a new runner goes on, and which the observer reads.
//!
//! Start reading at `run.rs` (the runner's loop), then `plan.rs` (what it decides).

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod binding;
pub mod checkpoint;
pub mod command_line;
pub mod coordinator;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod detect;
pub mod garbage;
pub mod hidden;
pub mod logs;
pub mod os;
pub mod plan;
pub mod run;
pub mod sandbox;
pub mod task;
pub mod usage;
