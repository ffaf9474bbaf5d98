//! A runner is the program itself, started again under a name that no person uses.
//!
//! A program that can run tasks calls [`dispatch`] first thing in `main`, before it starts any thread.

use std::process::ExitCode;

/// First argument that makes a program a runner.
pub const RUNNER: &str = "__runner";

/// The file of the running program, whatever it is called and even when it was replaced or removed meanwhile.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// Runs the hidden program if the arguments ask for it.
pub fn dispatch() -> Option<ExitCode> {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let rest = arguments.get(2..).unwrap_or_default();
    match arguments.get(1).map(String::as_str) {
        Some(RUNNER) => Some(crate::run::main(rest)),
        _ => None,
    }
}
