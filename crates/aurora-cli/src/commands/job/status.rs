//! `aurora job status` (`spec/cli.md` §7.6).

mod json;
mod text;

use aurora_api::thrift::{ScheduleStatus, ScheduledTask};
use aurora_client::Client;
use tracing::{debug, info};

use super::matching::matching_jobs;
use crate::arguments::{ClusterJobKey, JobPattern, Verbosity, job_pattern};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::pending::PendingReasons;
use crate::tasks::{self, instance_id, is_active};

/// Prints the tasks of jobs.
#[derive(clap::Args, Debug)]
pub struct Status {
    /// Which jobs; every part may have * ? and [..].
    #[arg(value_name = "CLUSTER[/ROLE[/ENV[/NAME]]]", value_parser = job_pattern)]
    pattern: JobPattern,

    /// Print JSON.
    #[arg(long)]
    write_json: bool,

    #[command(flatten)]
    _verbosity: Verbosity,
}

/// A job and its tasks, by instance.
struct JobTasks {
    key: ClusterJobKey,
    active: Vec<ScheduledTask>,
    inactive: Vec<ScheduledTask>,
}

impl Status {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let code = ExitCode::InvalidParameter;
        let mut jobs = Vec::new();
        for key in matching_jobs(&mut context, &self.pattern, code).await? {
            info!("Checking status of {key}");
            let client = context.client(&key.cluster)?;
            let tasks = tasks::fetch(&client, key.query(), code).await?;
            if tasks.is_empty() {
                continue;
            }
            let (active, inactive) = tasks.into_iter().partition(is_active);
            let job = JobTasks { key, active, inactive };
            print_pending_reasons(&client, &job).await;
            jobs.push(job);
        }
        match (jobs.is_empty(), self.write_json) {
            (true, true) => output::print(&json::not_found(&self.pattern)),
            (true, false) => {
                return Err(Failure::new(code, format!("Found no jobs matching {}", self.pattern)));
            }
            (false, true) => output::print(&json::render(&jobs)),
            (false, false) => output::print(&text::render(&jobs)),
        }
        Ok(())
    }
}

/// Says on stderr why tasks are pending: stdout keeps upstream's layout.
async fn print_pending_reasons(client: &Client, job: &JobTasks) {
    let is_pending = |task: &&ScheduledTask| task.status == Some(ScheduleStatus::Pending);
    if !job.active.iter().any(|task| is_pending(&task)) {
        return;
    }
    let reasons = match PendingReasons::try_fetch(client, job.key.query()).await {
        Ok(reasons) => reasons,
        Err(error) => return debug!("no pending reasons: {error}"),
    };
    for task in job.active.iter().filter(is_pending) {
        let reason = reasons.of_task(task).sentence();
        output::print_error(&format!("{}/{} is PENDING: {reason}", job.key, instance_id(task)));
    }
}
