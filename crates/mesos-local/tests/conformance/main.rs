//! The conformance cases of `spec/mesos.md` §9 that the embedded cluster can show, each in a cluster of its own.
//!
//! The executors are shell commands that never speak; the tests speak in their place.

#![allow(clippy::unwrap_used)]

mod agent_cases;
mod command_cases;
mod credential_cases;
mod executor_cases;
mod garbage_cases;
mod harness;
mod offer_cases;
mod scheduler_cases;
mod start_cases;
mod task_cases;
