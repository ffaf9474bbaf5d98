//! ZooKeeper, as far as several of our programs need it: the address of an ensemble, and sessions with it.
//!
//! The protocol is the library's ([`zookeeper_client`]); here are what it lacks: addresses as Mesos and Aurora write
//! them, and names that are looked up without the C library, which a static program must not ask.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod connect;
mod ensemble;
#[cfg(feature = "test-server")]
pub mod test_server;

pub use connect::{ConnectError, Tried, connect, diagnose};
pub use ensemble::{Credential, Ensemble, EnsembleError};
pub use zookeeper_client as client;
