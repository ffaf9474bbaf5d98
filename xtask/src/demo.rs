//! `cargo xtask demo`: from a fresh clone to a running job.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// The crates of the programs that `aurora local` starts, and of `aurora` itself.
const PROGRAMS: [&str; 5] =
    ["aurora-cli", "aurora-scheduler", "mesos-local", "thermos-executor", "thermos-observer"];

/// Builds the programs and becomes `aurora local up` with the files, or with the first example.
pub fn run(files: &[String]) -> Result<()> {
    let mut build = run::cargo(&["build", "--release", "--bins"]);
    build.args(PROGRAMS.iter().flat_map(|name| ["--package", name]));
    run::checked(build)?;
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
