//! `aurora_admin sla_probe_hosts`.

use std::time::Duration;

use super::hosts::{GroupingOptions, HostOptions};
use super::safety;
use crate::arguments::time_span;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Says what would become of production jobs if hosts went down.
///
/// It prints a line for each host and job, with tabs between host, job, percentage of instances that would be left and have been
/// up for DURATION, whether it is at least PERCENTAGE (True or False), and in how many seconds it will be (n/a: not as things
/// are). Hosts without such jobs are left out.
#[derive(clap::Args, Debug)]
pub struct SlaProbeHosts {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    /// How many of a job's instances must be up, in percent.
    #[arg(value_name = "PERCENTAGE", value_parser = percentage)]
    percentage: f64,

    /// For how long they must have been, such as 30m.
    #[arg(value_name = "DURATION", value_parser = time_span)]
    duration: Duration,

    #[command(flatten)]
    hosts: HostOptions,

    #[command(flatten)]
    grouping: GroupingOptions,

    /// Leave jobs with fewer instances out.
    #[arg(long = "min_job_instance_count", value_name = "NUMBER", default_value_t = 10)]
    min_instances: usize,
}

fn percentage(text: &str) -> Result<f64, String> {
    safety::percentage(text).map_err(|failure| failure.text)
}

impl SlaProbeHosts {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let grouping = self.grouping.grouping()?;
        let client = context.client(&self.cluster)?;
        let goal = safety::goal(self.percentage, self.duration);
        for group in grouping.groups(&hosts) {
            for probe in safety::probe(&client, &group, goal, self.min_instances).await? {
                output::print(&safety::row(&self.cluster, &probe));
            }
        }
        Ok(())
    }
}
