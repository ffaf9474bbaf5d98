//! Where an executor runs: a helper process fetches its files into a sandbox, and another starts and watches it.
//!
//! Absent on purpose: isolation between executors. They share the machine and its network.

pub mod docker;
pub mod fetch_process;
pub mod fetcher;
pub mod launcher;
pub mod process;
pub mod users;
