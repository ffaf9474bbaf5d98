//! `cargo xtask test` and `cargo xtask ci`.

use anyhow::Result;

use crate::{run, setup, tidy};

/// Installs what the tests need, builds the programs they drive, and runs them all.
///
/// Arguments go to the test programs of every package but `e2e`, whose tests start whole clusters and so run
/// two at a time.
pub fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    run::checked(run::cargo(&[
        "build",
        "--workspace",
        "--bins",
        "--exclude",
        "xtask",
        "--exclude",
        "codegen",
    ]))?;
    let mut unit = run::cargo(&["test", "--workspace", "--exclude", "e2e"]);
    if !arguments.is_empty() {
        unit.arg("--").args(arguments);
    }
    run::checked(unit)?;
    run::checked(run::cargo(&["test", "--package", "e2e", "--", "--test-threads=2"]))
}

/// Runs the generator of the Mesos messages, which is a program of its own.
pub fn codegen(arguments: &[String]) -> Result<()> {
    let mut command = run::cargo(&["run", "--quiet", "--package", "codegen", "--"]);
    command.args(arguments);
    run::checked(command)
}

/// All that a change must pass, the cheap checks first.
pub fn ci() -> Result<()> {
    run::checked(run::cargo(&["fmt", "--all", "--check"]))?;
    tidy::run()?;
    codegen(&["--check".to_owned()])?;
    run::checked(run::cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    let mut doc = run::cargo(&["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    run::checked(doc)?;
    run(&[])
}
