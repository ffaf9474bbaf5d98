//! The rows of `spec/mesos.md` §9 that need the wire itself, each on the embedded cluster and on a real Mesos. What the
//! sessions of `mesos-v1` show is in `sessions.rs` and `calls.rs` beside this folder; what concerns the client alone
//! (S8, S12, S13, S40) is in that crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Each scenario once on either cluster.
macro_rules! on_both_clusters {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(e2e::Backend::Embedded)).await;
            })+
        }
        mod real_mesos {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(e2e::Backend::RealMesos)).await;
            })+
        }
    };
}

mod agents;
mod executors;
mod operator;
mod schedulers;
