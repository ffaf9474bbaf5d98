//! Where an executor runs: its files are fetched into a sandbox, and a helper process starts and watches it.
//!
//! Absent on purpose: isolation between executors. They share the machine and its network.

pub mod fetcher;
pub mod launcher;
pub mod process;
pub mod users;
