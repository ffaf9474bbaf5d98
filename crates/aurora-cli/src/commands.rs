//! The nouns and their verbs. `commands/<noun>/<verb>.rs` is one verb.

mod config;
mod job;
mod local;
mod quota;

use clap::Subcommand;

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
