//! Drives the built programs against the embedded cluster and a real Mesos.
//!
//! A [`Testbed`] is a cluster, a scheduler and a client in a temporary directory, on ports of their own. It runs on
//! either [`Backend`] with the same code, since both clusters are started, crashed and restarted with the same verbs.
//! Every process is ended by its pid; nothing is left behind but, after a failure, the directory with the logs.
//!
//! The harness panics where a test would: what goes wrong in it is a failure of the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod both;
mod cluster;
mod docker;
mod executors;
pub mod framework;
mod freezer;
mod ports;
pub mod processes;
mod programs;
mod scheduler;
mod testbed;
mod wait;
pub mod wire;

pub use cluster::{Backend, Cluster, FINDS_MASTER_SOON, Signal, WAITS_FOR_EXECUTORS, flags};
pub use docker::{Dockerd, root_file_system};
pub use executors::{executor_flag, executor_wrapper};
pub use freezer::freezer;
pub use ports::PortBlock;
pub use programs::program;
pub use scheduler::Scheduler;
pub use testbed::{Output, Testbed, TestbedOptions, current_user, events, task_id};
pub use wait::{PATIENCE, wait_for, wait_until};
