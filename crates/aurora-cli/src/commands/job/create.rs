//! `aurora job create` (`spec/cli.md` §7.2).

use std::path::PathBuf;

use aurora_api::thrift::rpc::CreateJob;
use aurora_config::HookCall;
use tracing::info;

use crate::arguments::{
    ClusterJobKey, ConfigOptions, Verbosity, WaitOptions, WaitUntil, job_key, wait_until,
};
use crate::configuration;
use crate::context::{Context, job_url, open_in_browser};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, accepted};
use crate::hooks::Hooks;
use crate::output;
use crate::tasks::{self, has_run, is_terminal};
use crate::wait::{Pace, wait_for};

/// Creates a service or a one-off job.
#[derive(clap::Args, Debug)]
pub struct Create {
    /// The job's key.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME", value_parser = job_key)]
    key: ClusterJobKey,

    /// The config file that defines it.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Wait until all instances are PENDING, RUNNING or FINISHED.
    #[arg(long, value_name = "STATUS", default_value = "PENDING", value_parser = wait_until)]
    wait_until: WaitUntil,

    /// Open the job's page.
    #[arg(long)]
    open_browser: bool,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    wait: WaitOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Create {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let key = &self.key;
        let client = context.client(&key.cluster)?;
        let job = configuration::load_job(&client, &self.file, key, &self.config).await?;
        if job.cron_schedule.is_some() {
            return Err(Failure::new(
                ExitCode::CommandFailure,
                "Cron jobs may only be scheduled with \"aurora cron schedule\" command",
            ));
        }
        info!("Creating job {}", key.name);
        let call = CreateJob { description: Some(job) };
        let hooks = Hooks::of(&self.file, &self.config, key, HookCall::CreateJob);
        let answer = hooks.around(client.call(&call)).await?;
        accepted(answer, ExitCode::CommandFailure, "Job creation failed due to error:")?;
        let url = job_url(&client, key);
        if self.open_browser {
            open_in_browser(&url);
        }
        let in_time = match self.wait_until {
            WaitUntil::Pending => true,
            WaitUntil::Running => wait_for(&client, key, None, Pace::patient(&self.wait), has_run).await?,
            WaitUntil::Finished => {
                wait_for(&client, key, None, Pace::patient(&self.wait), is_terminal).await?
            }
        };
        if !in_time {
            return Err(Failure::new(
                ExitCode::Timeout,
                format!(
                    "Job {key} was created, but not all of its instances got that far in time; see `aurora job status {key}`"
                ),
            ));
        }
        let exists = tasks::fetch(&client, key.query(), ExitCode::CommandFailure).await;
        if exists.is_ok_and(|tasks| tasks.is_empty()) {
            return Err(Failure::new(
                ExitCode::CommandFailure,
                format!("Error occurred while creating job {key}"),
            ));
        }
        output::print(&format!("Job create succeeded: job url={url}"));
        Ok(())
    }
}
