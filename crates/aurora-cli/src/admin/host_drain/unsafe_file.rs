//! The file for the hosts that were not drained.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::{error, info};

use crate::admin::failure;
use crate::failure::Failure;

/// The file, open for writing. What it holds is replaced at the end.
pub struct UnsafeFile {
    path: PathBuf,
    file: File,
    is_new: bool,
}

impl UnsafeFile {
    /// Opens it, so that one that cannot be written is told before any host is touched.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let new = OpenOptions::new().write(true).create_new(true).open(path);
        let (file, is_new) = match new {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                (OpenOptions::new().write(true).open(path), false)
            }
            opened => (opened, true),
        };
        let file = file.map_err(|error| {
            failure(format!(
                "cannot write --unsafe_hosts_file {}: {error}; nothing was drained",
                path.display()
            ))
        })?;
        Ok(Self { path: path.to_owned(), file, is_new })
    }

    /// Writes the hosts. If there are none, no new file is left, and an old one does not tell of hosts of another time.
    pub fn finish(self, hosts: &[&String]) {
        let path = self.path.display();
        let is_nothing_to_tell = hosts.is_empty();
        match self.write(hosts) {
            Ok(()) if is_nothing_to_tell => {}
            Ok(()) => info!("Written unsafe host names into: {path}"),
            Err(error) => error!("Failed to write into the output file: {path}: {error}"),
        }
    }

    fn write(&self, hosts: &[&String]) -> io::Result<()> {
        if hosts.is_empty() && self.is_new {
            return std::fs::remove_file(&self.path);
        }
        // What is no file, such as /dev/stdout, has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        let lines: String = hosts.iter().map(|host| format!("{host}\n")).collect();
        (&self.file).write_all(lines.as_bytes())
    }
}
