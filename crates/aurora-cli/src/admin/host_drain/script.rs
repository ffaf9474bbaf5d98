//! The program that is run for each drained host.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use tracing::{info, warn};

use crate::admin::failure;
use crate::failure::Failure;

/// A program that was found.
pub struct Script(PathBuf);

impl Script {
    /// Finds it, so that what is wrong with it is told before any host is touched.
    ///
    /// # Errors
    /// If it is not there, or cannot be run.
    pub fn find(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        // A path without a folder is not looked for among the programs of the system.
        let found = path.canonicalize().map_err(|_| failure(format!("No such file: {shown}")))?;
        let metadata = found.metadata().map_err(|error| failure(format!("cannot read {shown}: {error}")))?;
        if !metadata.is_file() {
            return Err(failure(format!("cannot run {shown}: it is not a file")));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(failure(format!("cannot run {shown}: it is not executable; chmod +x {shown}")));
        }
        Ok(Self(found))
    }

    /// Runs it for a host, to its end. How it ends changes nothing, but is told.
    pub async fn run(&self, host: &str) {
        let shown = self.0.display();
        info!("Running {shown} {host}");
        match Command::new(&self.0).arg(host).status().await {
            Ok(status) if status.success() => {}
            Ok(status) => warn!("{shown} {host} failed: {status}; the host is drained all the same"),
            Err(error) => warn!("cannot run {shown} {host}: {error}; the host is drained all the same"),
        }
    }
}
