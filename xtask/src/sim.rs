//! `cargo xtask sim`: seeds of the simulated cluster.

use anyhow::Result;

use crate::run;

/// Builds the simulator with optimisations and gives it the arguments.
pub fn run(arguments: &[String]) -> Result<()> {
    let mut command = run::cargo(&["run", "--quiet", "--release", "--package", "sim", "--"]);
    command.args(arguments);
    run::checked(command)
}
