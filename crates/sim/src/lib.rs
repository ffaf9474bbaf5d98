//! A whole cluster around the real [`scheduler_core::Core`], seeded: a Mesos master, agents, executors, users, a journal,
//! a network, and everything that can go wrong with them, in virtual time.
//!
//! One run has two phases. With faults on, things happen and break, and after every step all [`invariants`] are checked
//! over what the step touched; the whole state now and then. With faults off, the cluster must converge. The same seed
//! gives the same run, byte for byte.
//!
//! Start reading at `world.rs`, then `world/scheduler.rs`, which is the loop of the real scheduler with crashes in it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod chance;
mod event;
pub mod invariants;
mod ledger;
mod mirror;
mod plan;
pub mod room;
mod run;
mod tally;
mod timers;
mod trace;
pub mod what_if;
mod world;

pub use plan::{Faults, Plan};
pub use run::{Failure, Report, run};
pub use tally::Tally;
