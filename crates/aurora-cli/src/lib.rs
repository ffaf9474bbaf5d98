//! `aurora`, the client people use: it reads `.aurora` files, talks to a scheduler, and runs a whole cluster on this
//! machine (`aurora local`).
//!
//! [`run`] is the program. One verb is one file below `commands`; texts and exit codes are those of `spec/cli.md`.
//! [`run_admin`] is `aurora_admin`, for those who run a cluster: one command is one file below `admin`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin;
mod arguments;
mod cli;
mod commands;
mod configuration;
mod context;
mod exit_code;
mod failure;
mod hooks;
mod local_state;
mod output;
mod pending;
mod quota;
mod sla;
mod tasks;
mod wait;

pub use admin::run as run_admin;
pub use cli::run;
pub use exit_code::ExitCode;
