//! The scheduler daemon: everything around the pure core of `scheduler-core`.
//!
//! Where to start: `main.rs` wires the parts together, [`driver`] is the loop that decides the order of things,
//! [`journal`] makes operations durable, [`mesos`] speaks to the cluster, [`api`] to clients and [`web`] to people.
//! Decisions are not made here.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod app;
pub mod backups;
pub mod clock;
pub mod daemon;
pub mod driver;
pub mod flags;
pub mod http;
pub mod journal;
pub mod mesos;
pub mod outbox;
pub mod queue;
pub mod requests;
pub mod stats;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod timers;
pub mod web;
