//! `aurora quota`.

mod get;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What to do with a quota.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print a role's quota and what it uses.
    Get(get::Get),
}

impl Verb {
    /// Runs the verb.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Get(get) => get.run(context).await,
        }
    }
}
