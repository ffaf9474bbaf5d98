//! `thermos`: runs, inspects and removes tasks of this machine, without a cluster (`spec/thermos.md` §5).
//!
//! Runner and coordinators are this program started again: see `thermos::hidden`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod commands;
mod config;
mod failure;
mod literal;
mod output;
mod places;
mod records;
mod times;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = thermos::hidden::dispatch() {
        return code;
    }
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    cli::run(&arguments)
}
