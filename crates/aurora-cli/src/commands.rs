//! The nouns and their verbs. `commands/<noun>/<verb>.rs` is one verb.

mod config;
mod job;
mod local;
mod quota;

use clap::{Command, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

/// What a command is about.
#[derive(Debug, Subcommand)]
pub enum Noun {
    /// Create, see and kill jobs.
    #[command(subcommand)]
    Job(job::Verb),
    /// Look at configs without any scheduler.
    #[command(subcommand)]
    Config(config::Verb),
    /// A whole cluster on this machine.
    #[command(subcommand)]
    Local(local::Verb),
    /// See what a role may use.
    #[command(subcommand)]
    Quota(quota::Verb),
}

impl Noun {
    /// Whether the verb deals with Ctrl-C by itself.
    pub fn handles_interrupts(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The command of that noun alone: making those of all nouns takes longer than what many verbs do.
    pub fn alone(name: &str) -> Option<Command> {
        let command = Command::new(name.to_owned());
        let command = match name {
            "job" => job::Verb::augment_subcommands(command),
            "config" => config::Verb::augment_subcommands(command),
            "local" => local::Verb::augment_subcommands(command),
            "quota" => quota::Verb::augment_subcommands(command),
            _ => return None,
        };
        Some(command.subcommand_required(true).arg_required_else_help(true))
    }

    /// Runs the verb.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Job(verb) => verb.run(context).await,
            Self::Config(verb) => verb.run(),
            Self::Local(verb) => verb.run(context).await,
            Self::Quota(verb) => verb.run(context).await,
        }
    }
}
