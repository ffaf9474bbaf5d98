//! `aurora config`.

mod list;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do with a config.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the keys of the jobs of a config file.
    List(list::List),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
        }
    }
}
