//! The client of the scheduler's API: which clusters there are, where their scheduler is, and calls to it.
//!
//! [`Clusters`] reads `clusters.json`; a [`Client`] makes typed calls to the scheduler of one [`Cluster`], with the
//! retries of `spec/cli.md` §4.5. A scheduler's refusal is a value (a `Response`), not an error.
//!
//! Absent on purpose: discovery through ZooKeeper, which [`ClientError::ZooKeeper`] says, and what the answers mean.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod client;
mod clusters;
mod error;
mod registry;
mod retry;

pub use client::Client;
pub use clusters::{Cluster, Clusters, ClustersError};
pub use error::{ClientError, chain};
pub use registry::{DEFAULT_REGISTRY, Registry, RegistryError};
pub use retry::{RetryPolicy, is_idempotent};
