//! Executors that find their surroundings changed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::program;

/// The flag that names an executor to the scheduler.
pub fn executor_flag(path: &Path) -> String {
    format!("-thermos_executor_path={}", path.display())
}

/// A program that runs `script` before it becomes the executor, which the script has to do itself: it is `$EXECUTOR`.
///
/// # Panics
/// If it cannot be written.
pub fn executor_wrapper(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("wrapper");
    let real = program("thermos_executor");
    std::fs::write(&path, format!("#!/bin/sh\nEXECUTOR={}\n{script}\n", real.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
