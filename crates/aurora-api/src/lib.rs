//! The vocabulary of the project: ids, amounts, jobs, tasks, and the Thrift types with their encodings.
//!
//! Everything may use this crate; it uses nothing of ours and does no I/O. The wire's legacy spelling
//! (`slaveId`, `namedPort`) stays inside [`thrift`]; everything else speaks the terms of `ARCHITECTURE.md`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod amounts;
pub mod attribute;
pub mod convert;
pub mod ids;
pub mod job;
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod thrift;
