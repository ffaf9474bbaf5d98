//! The rows of `spec/mesos.md` §9 that need the wire itself, each on the embedded cluster and on a real Mesos. What the
//! sessions of `mesos-v1` show is in `sessions.rs` and `calls.rs` beside this folder; what concerns the client alone
//! (S12, S13, S40) is in that crate. S8 takes several masters, which only the real one has: `masters.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod executors;
mod operator;
mod schedulers;
