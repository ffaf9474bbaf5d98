//! The embedded cluster: a Mesos master and agents for one machine (`spec/mesos.md`).
//!
//! Schedulers and executors speak to it as to a real Mesos, in protobuf or JSON over HTTP. The master is one task that owns
//! its state and takes one input after the other (`master`), and so is each agent (`agent`); between them runs the
//! protocol of [`link`], also when both live in one process. What an agent starts goes through [`container`]. Absent on
//! purpose: isolation, quotas, several roles, many machines. Those are Mesos's job.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod checkpoint;
pub mod cli;
pub mod container;
pub mod deadlines;
pub mod duration;
pub mod http;
pub mod json;
pub mod link;
pub mod lock;
pub mod master;
pub mod resources;
mod shape;
