//! Every decision the scheduler makes, and nothing else.
//!
//! Inputs go in with a timestamp; durable operations and effects come out. There is no I/O here, no clock, no
//! thread and no randomness but that of the seed: the same state, inputs, times and seed give the same batches.
//!
//! Start reading at [`handle`], then `task/transition.rs`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

// The bench that tests put the core on is written for the tests outside, and used inside as well.
#[cfg(test)]
extern crate self as scheduler_core;

#[cfg(test)]
#[path = "../tests/bench/bench.rs"]
mod bench;

mod admin;
pub mod away;
mod backoff;
pub mod backup;
pub mod codec;
pub mod collect;
pub mod config;
pub mod effect;
pub mod explain;
pub mod handle;
pub mod input;
mod intake;
mod jobs;
mod maintenance;
mod offers;
pub mod operation;
mod prune;
pub mod quota;
mod reconcile;
mod recover;
mod rng;
pub mod schedule;
mod state;
pub mod task;
mod timeouts;
pub mod validate;
pub mod view;

pub use codec::{Frozen, encode_operation};
pub use config::{CoreConfig, Identity};
pub use effect::{Batch, Effect, Notice, Reply, TimerKey};
pub use handle::Core;
pub use input::{Change, Input, MaintenanceCall, MesosEvent, Request, RequestId};
pub use offers::SearchSizes;
pub use operation::Operation;
pub use recover::RecoverError;
pub use state::LayerSizes;
pub use view::{Sizes, View};
