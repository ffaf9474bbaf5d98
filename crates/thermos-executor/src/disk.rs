//! How much disk a task uses, and the end of one that uses too much (`spec/thermos.md` §3.11).

use std::path::PathBuf;
use std::time::Duration;

use thermos::usage::{DISK_INTERVAL_SECS, disk_bytes};
use tokio::time::sleep;

/// Between two measurements.
const INTERVAL: Duration = Duration::from_secs(DISK_INTERVAL_SECS);

/// Measures the sandbox for ever, and ends with the reason when it is too large. Without a limit nothing is measured.
pub async fn watch(sandbox: PathBuf, limit_bytes: Option<u64>) -> String {
    let Some(limit) = limit_bytes else { return std::future::pending().await };
    loop {
        let measured = sandbox.clone();
        match tokio::task::spawn_blocking(move || disk_bytes(&measured)).await {
            Ok(used) if used > limit => {
                return format!("Disk limit exceeded.  Reserved {limit} bytes vs used {used} bytes.");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot measure the sandbox"),
        }
        sleep(INTERVAL).await;
    }
}
