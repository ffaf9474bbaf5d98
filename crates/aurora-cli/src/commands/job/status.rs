//! `aurora job status` (`spec/cli.md` §7.6).

mod json;
mod text;

use aurora_api::thrift::{ScheduleStatus, ScheduledTask};
use aurora_client::Client;
use jiff::tz::TimeZone;
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

    /// How text is printed: plain, whose layout is upstream's, or wide, which says also why tasks wait.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "plain", conflicts_with = "write_json")]
    output: Layout,

    #[command(flatten)]
    _verbosity: Verbosity,
}

/// How text is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// As upstream prints it.
    Plain,
    /// With what makes tasks wait.
    Wide,
}

/// A job and its tasks, by instance.
struct JobTasks {
    key: ClusterJobKey,
    active: Vec<ScheduledTask>,
    inactive: Vec<ScheduledTask>,
    /// Why its pending tasks are pending, if the scheduler told.
    reasons: Option<PendingReasons>,
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
            let mut job = JobTasks { key, active, inactive, reasons: None };
            job.reasons = pending_reasons(&client, &job).await;
            if self.write_json || self.output == Layout::Plain {
                job.print_what_waits();
            }
            jobs.push(job);
        }
        match (jobs.is_empty(), self.write_json) {
            (true, true) => output::print(&json::not_found(&self.pattern)),
            (true, false) => {
                return Err(Failure::new(code, format!("Found no jobs matching {}", self.pattern)));
            }
            (false, true) => output::print(&json::render(&jobs)),
            (false, false) => output::print(&text::render(&jobs, self.output)),
        }
        Ok(())
    }
}

/// Asks why tasks of a job are pending, if any are.
async fn pending_reasons(client: &Client, job: &JobTasks) -> Option<PendingReasons> {
    if !job.active.iter().any(is_pending) {
        return None;
    }
    match PendingReasons::try_fetch(client, job.key.query()).await {
        Ok(reasons) => Some(reasons),
        Err(error) => {
            debug!("no pending reasons: {error}");
            None
        }
    }
}

fn is_pending(task: &ScheduledTask) -> bool {
    task.status == Some(ScheduleStatus::Pending)
}

impl JobTasks {
    /// Says on stderr what tasks wait for: plain stdout keeps upstream's layout.
    fn print_what_waits(&self) {
        let zone = TimeZone::system();
        let waiting =
            self.active.iter().filter_map(|task| Some((self.waits_for(task, &zone)?, instance_id(task))));
        for (what, instances) in tasks::together(waiting) {
            output::print_error(&format!("{}/{instances} {what}", self.key));
        }
    }

    /// The status of a task that waits, and what for.
    fn waits_for(&self, task: &ScheduledTask, zone: &TimeZone) -> Option<String> {
        match task.status? {
            ScheduleStatus::Pending => {
                Some(format!("PENDING: {}", self.reasons.as_ref()?.of_task(task).sentence()))
            }
            ScheduleStatus::Throttled => {
                let until = tasks::time_text(tasks::throttled_until(task)?, zone);
                Some(format!("THROTTLED until {until}: it ended too often in a short time"))
            }
            _ => None,
        }
    }
}
