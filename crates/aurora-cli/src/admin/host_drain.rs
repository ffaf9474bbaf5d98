//! `aurora_admin host_drain` (`spec/cli.md` §10.6): what is asked for, checked before anything is touched.

mod report;
mod rounds;
mod script;
mod unsafe_file;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use aurora_client::Client;
use tracing::{error, warn};

use self::report::Report;
use self::rounds::Rounds;
use self::script::Script;
use self::unsafe_file::UnsafeFile;
use super::hosts::{GroupingOptions, HostOptions, listed};
use super::{failure, maintenance, safety};
use crate::arguments::{time_span, time_span_text};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::sla::Goal;
use crate::wait::Pace;

/// What every production job keeps up, unless it is overridden: so many of its instances, in percent, for so long.
const DEFAULT_PERCENTAGE: f64 = 95.0;
const DEFAULT_DURATION: Duration = Duration::from_secs(30 * 60);
/// Jobs with fewer instances are not looked at: one of them is more than they could be without.
const MIN_INSTANCES: usize = 20;

/// Moves all tasks off hosts, as far as the jobs on them can bear it.
///
/// It takes one group of hosts after the other. Their tasks end there and start elsewhere, and the hosts stay out of service until
/// `host_activate`. A host is left alone if that would leave a production job of 20 instances or more with less than 95 % of them up
/// for 30 minutes. Smaller jobs, and the SLA policies of jobs, are not looked at; `sla_probe_hosts` tells beforehand. Hosts that
/// were not drained are printed; the exit code is 0 all the same, unless --strict-exit is given.
#[derive(clap::Args, Debug)]
pub struct HostDrain {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    #[command(flatten)]
    hosts: HostOptions,

    /// A program to run once for each drained host, with the host as its only argument.
    #[arg(long = "post_drain_script", value_name = "PATH")]
    post_drain_script: Option<PathBuf>,

    #[command(flatten)]
    grouping: GroupingOptions,

    /// How many instances of a job must stay up, in percent, in place of 95.
    #[arg(long = "override_percentage", value_name = "PERCENTAGE")]
    override_percentage: Option<String>,

    /// For how long they must have been up, in place of 30m.
    #[arg(long = "override_duration", value_name = "DURATION")]
    override_duration: Option<String>,

    /// Why that is in order; it is logged.
    #[arg(long = "override_reason", value_name = "TEXT")]
    override_reason: Option<String>,

    /// A file for the hosts that were not drained.
    #[arg(long = "unsafe_hosts_file", value_name = "PATH")]
    unsafe_hosts_file: Option<PathBuf>,

    /// Give up waiting for a group after this long, such as 5m or 1h30m, and go on with the next.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time_span)]
    timeout: Duration,

    /// Look this often.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = time_span)]
    interval: Duration,

    /// End with exit code 4 if some host was not drained; AURORA_STRICT_EXIT=1 does the same.
    #[arg(long)]
    strict_exit: bool,
}

impl HostDrain {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let grouping = self.grouping.grouping()?;
        let goal = self.goal(&hosts)?;
        let script = self.post_drain_script.as_deref().map(Script::find).transpose()?;
        let client = context.client(&self.cluster)?;
        let file = self.unsafe_hosts_file.as_deref().map(UnsafeFile::open).transpose()?;
        let rounds = Rounds {
            client: &client,
            cluster: &self.cluster,
            goal,
            min_instances: MIN_INSTANCES,
            pace: Pace::steady(self.interval, self.timeout),
            timeout: self.timeout,
            script: script.as_ref(),
        };
        let mut report = Report::new(&hosts);
        let result = tokio::select! {
            biased;
            result = drain(&client, &hosts, |known| grouping.groups(known), &rounds, &mut report) => result,
            _ = tokio::signal::ctrl_c() => {
                error!("Command interrupted by user");
                Err(Failure::new(ExitCode::Interrupted, ""))
            }
        };
        // What went wrong is read before what it means for the hosts.
        if let Err(failure) = &result
            && !failure.text.is_empty()
        {
            output::print_error(&failure.text);
        }
        let activate = format!("aurora_admin host_activate {} {}", self.cluster, self.hosts.as_given());
        let is_complete = report.tell(&activate, file);
        if let Err(failure) = result {
            return Err(Failure::new(failure.code, ""));
        }
        if !is_complete && self.is_strict() {
            return Err(Failure::new(ExitCode::CommandFailure, ""));
        }
        Ok(())
    }

    /// What jobs must keep up.
    fn goal(&self, hosts: &BTreeSet<String>) -> Result<Goal, Failure> {
        let given = |option: &Option<String>| option.clone().filter(|text| !text.is_empty());
        let overrides =
            (given(&self.override_percentage), given(&self.override_duration), given(&self.override_reason));
        match overrides {
            (None, None, None) => Ok(safety::goal(DEFAULT_PERCENTAGE, DEFAULT_DURATION)),
            (Some(percentage), Some(duration), Some(reason)) => {
                let number = safety::percentage(&percentage)?;
                let span = time_span(&duration).map_err(failure)?;
                warn!(
                    "Default SLA values (percentage: {DEFAULT_PERCENTAGE}, duration: {}) are overridden for the following \
                     hosts: {}. New percentage: {percentage}, duration: {duration}, override reason: {reason}",
                    time_span_text(DEFAULT_DURATION),
                    listed(hosts),
                );
                Ok(safety::goal(number, span))
            }
            _ => Err(failure(
                "All --override_* options are required when attempting to override default SLA values.",
            )),
        }
    }

    fn is_strict(&self) -> bool {
        let wanted = std::env::var("AURORA_STRICT_EXIT");
        self.strict_exit || wanted.is_ok_and(|value| !matches!(value.as_str(), "" | "0"))
    }
}

/// Takes the hosts out of service, then drains them group by group.
async fn drain(
    client: &Client,
    hosts: &BTreeSet<String>,
    groups: impl Fn(&BTreeSet<String>) -> Vec<BTreeSet<String>>,
    rounds: &Rounds<'_>,
    report: &mut Report,
) -> Result<(), Failure> {
    let known: BTreeSet<String> = maintenance::start(client, hosts).await?.into_keys().collect();
    report.begin(&known);
    for group in groups(&known) {
        rounds.run(&group, report).await?;
    }
    Ok(())
}
