//! `aurora job`.

mod create;
mod explain;
mod inspect;
mod kill;
mod killall;
mod killing;
mod list;
mod matching;
mod status;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What to do with a job.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a service or a one-off job.
    Create(create::Create),
    /// Say why instances do not run.
    #[command(visible_alias = "why")]
    Explain(explain::Explain),
    /// Print what a config file makes of a job.
    Inspect(inspect::Inspect),
    /// Kill some instances of a job.
    Kill(kill::Kill),
    /// Kill all instances of a job.
    Killall(killall::Killall),
    /// Print the keys of jobs.
    List(list::List),
    /// Print the tasks of jobs.
    Status(status::Status),
}

impl Verb {
    /// Runs the verb.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::Explain(explain) => explain.run(context).await,
            Self::Inspect(inspect) => inspect.run(context).await,
            Self::Kill(kill) => kill.run(context).await,
            Self::Killall(killall) => killall.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Status(status) => status.run(context).await,
        }
    }
}
