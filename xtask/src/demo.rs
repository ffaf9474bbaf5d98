//! `cargo xtask demo`: from a fresh clone to a running job.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// Builds the programs and becomes `aurora local up` with the files, or with the first example.
pub fn run(files: &[String]) -> Result<()> {
    run::checked(run::cargo(&[
        "build",
        "--release",
        "--workspace",
        "--bins",
        "--exclude",
        "xtask",
        "--exclude",
        "codegen",
    ]))?;
    let aurora = run::programs("release")?.join("aurora");
    let mut command = Command::new(&aurora);
    command.args(["local", "up"]);
    if files.is_empty() {
        command.arg(run::root().join("examples/hello_world.aurora"));
    } else {
        command.args(files);
    }
    Err(command.exec()).with_context(|| format!("cannot start {}", aurora.display()))
}
