//! `aurora job killall` (`spec/cli.md` §7.4).

use super::killing::{KillOptions, kill};
use crate::arguments::{ClusterJobKey, job_key};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Kills all instances of a job.
#[derive(clap::Args, Debug)]
pub struct Killall {
    /// The job's key.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME", value_parser = job_key)]
    key: ClusterJobKey,

    #[command(flatten)]
    options: KillOptions,
}

impl Killall {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let client = context.client(&self.key.cluster)?;
        kill(&client, &self.key, None, &self.options).await?;
        output::print("Job killall succeeded");
        Ok(())
    }
}
