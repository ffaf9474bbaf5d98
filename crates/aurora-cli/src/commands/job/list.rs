//! `aurora job list` (`spec/cli.md` §7.7).

use super::matching::matching_jobs;
use crate::arguments::{JobPattern, Verbosity, job_pattern};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// Prints the keys of jobs.
#[derive(clap::Args, Debug)]
pub struct List {
    /// Which jobs; every part may have * ? and [..].
    #[arg(value_name = "CLUSTER[/ROLE[/ENV[/NAME]]]", value_parser = job_pattern)]
    pattern: JobPattern,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl List {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let code = ExitCode::CommandFailure;
        for key in matching_jobs(&mut context, &self.pattern, code).await? {
            output::print(&key.to_string());
        }
        Ok(())
    }
}
