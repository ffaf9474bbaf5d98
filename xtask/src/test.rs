//! `cargo xtask test` and `cargo xtask ci`.

use anyhow::Result;

use crate::{run, setup, tidy};

/// Installs what the tests need, builds the programs they drive, and runs them all.
///
/// Arguments go to the test programs, so a part of a name runs the tests that have it.
pub fn run(arguments: &[String]) -> Result<()> {
    setup::run()?;
    // With tests and programs together, every library is built once, with one set of features.
    run::checked(run::cargo(&["build", "--workspace", "--all-targets"]))?;
    let mut tests = run::cargo(&["test", "--workspace", "--no-fail-fast"]);
    if !arguments.is_empty() {
        tests.args(["--all-targets", "--"]).args(arguments);
    }
    run::checked(tests)
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
