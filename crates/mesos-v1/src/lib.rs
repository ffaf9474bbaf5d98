//! Mesos v1 HTTP API: messages, RecordIO, scheduler and executor sessions.
//!
//! Sits between the programs that speak to Mesos and the wire; what it knows is protobuf over HTTP. Absent on purpose:
//! JSON (a real Mesos and the embedded cluster both take protobuf), and every decision about offers or tasks.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod causes;
pub mod detect;
pub mod executor;
#[cfg(test)]
mod fake;
pub mod messages;
pub mod recordio;
pub mod scheduler;
mod transport;

pub use causes::chain;
pub use detect::{ElectionError, Masters, MastersError};
pub use executor::{ExecutorEnvironment, ExecutorEvent, ExecutorHandle, ExecutorSession, StatusUpdate};
pub use scheduler::{SchedulerConfig, SchedulerEvent, SchedulerHandle, SchedulerSession};
pub use transport::plain_http;
