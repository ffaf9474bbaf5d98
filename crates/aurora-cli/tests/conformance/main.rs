//! The conformance list of `spec/cli.md` §15: the built program against a stub of the scheduler.
#![allow(clippy::unwrap_used, reason = "tests")]

mod admin;
mod config;
mod config_verbs;
mod create;
mod drain;
mod explain;
mod hooks;
mod hosts;
mod inspect;
mod kill;
mod list;
mod local;
mod parsing;
mod quota;
mod simulate;
mod status;
mod stub;
