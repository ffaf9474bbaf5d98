//! One group of hosts: the check, the drain, the wait, the script.

use std::collections::BTreeSet;
use std::time::Duration;

use aurora_api::thrift::MaintenanceMode;
use aurora_client::Client;
use tracing::{info, warn};

use super::report::{Fate, Report};
use super::script::Script;
use crate::admin::hosts::listed;
use crate::admin::maintenance::{self, Modes};
use crate::admin::safety;
use crate::arguments::time_span_text;
use crate::failure::Failure;
use crate::output;
use crate::sla::{Goal, Probe};
use crate::wait::Pace;

/// How groups are drained.
pub struct Rounds<'a> {
    /// The scheduler.
    pub client: &'a Client,
    /// Its cluster.
    pub cluster: &'a str,
    /// What jobs must keep up.
    pub goal: Goal,
    /// Jobs with fewer instances are not looked at.
    pub min_instances: usize,
    /// How often, and how long, a group is looked at.
    pub pace: Pace,
    /// The same time, to be told.
    pub timeout: Duration,
    /// What is run for drained hosts.
    pub script: Option<&'a Script>,
}

impl Rounds<'_> {
    /// Drains a group as far as jobs can bear it.
    ///
    /// # Errors
    /// If the scheduler cannot be asked or refuses.
    pub async fn run(&self, group: &BTreeSet<String>, report: &mut Report) -> Result<(), Failure> {
        let needed = self.needed(group).await?;
        report.note(&needed, Fate::Needed);
        let group: BTreeSet<String> = group.difference(&needed).cloned().collect();
        if group.is_empty() {
            return Ok(());
        }
        report.note(&group, Fate::Begun);
        let left = self.empty(&group).await?;
        let drained: BTreeSet<String> = group.into_iter().filter(|host| !left.contains_key(host)).collect();
        report.note(&drained, Fate::Drained);
        if let Some(script) = self.script {
            report.script_due(&drained);
            for host in &drained {
                script.run(host).await;
                report.script_ended(host);
            }
        }
        Ok(())
    }

    /// The hosts of a group that jobs cannot do without.
    async fn needed(&self, group: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
        info!("Beginning SLA check for {}", listed(group));
        let mut probes = safety::probe(self.client, group, self.goal, self.min_instances).await?;
        probes.retain(|probe| !probe.is_safe);
        if probes.is_empty() {
            info!("All hosts passed SLA check.");
            return Ok(BTreeSet::new());
        }
        for probe in &probes {
            output::print(&safety::row(self.cluster, probe));
        }
        let needed: BTreeSet<String> = probes.iter().map(|probe| probe.host.clone()).collect();
        warn!("{}", self.complaint(group.len(), &needed, &probes));
        Ok(needed)
    }

    fn complaint(&self, group_size: usize, needed: &BTreeSet<String>, probes: &[Probe]) -> String {
        let Goal { percentage, duration } = self.goal;
        let duration = time_span_text(Duration::from_secs(duration.unsigned_abs()));
        let soonest = probes.iter().map(|probe| probe.wait).collect::<Option<Vec<i64>>>();
        let remedy = match soonest.and_then(|waits| waits.into_iter().max()) {
            Some(wait) => format!(
                "in {} they could be drained, if nothing changes until then",
                time_span_text(Duration::from_secs(wait.unsigned_abs()))
            ),
            None => {
                let fewer = if group_size > 1 { ", drain fewer hosts at once" } else { "" };
                format!(
                    "add hosts or instances, so that less of a job is on a host{fewer}, or override the SLA with \
                     --override_percentage, --override_duration and --override_reason"
                )
            }
        };
        format!(
            "Some hosts did not pass SLA check and will not be drained! Skipping hosts: {}\n  \
             without them, less than {percentage} % of these jobs' instances would have been up for {duration} \
             (each line: host, job, percentage, whether it is enough, seconds until it is)\n  {remedy}",
            listed(needed)
        )
    }

    /// Drains hosts; those that are not drained in time, with what they are instead.
    async fn empty(&self, group: &BTreeSet<String>) -> Result<Modes, Failure> {
        let modes = maintenance::drain(self.client, group).await?;
        // One that the answer leaves out has not been drained.
        let mode = |host: &String| modes.get(host).copied().unwrap_or(MaintenanceMode::None);
        let begun = group.iter().map(|host| (host.clone(), mode(host))).collect();
        let left = maintenance::wait_for(self.client, MaintenanceMode::Drained, begun, self.pace).await;
        if !left.is_empty() {
            let within = within(self.timeout);
            warn!("Failed to move all hosts into DRAINED within {within}:\n{}", maintenance::lines(&left));
            maintenance::tell_what_is_left(self.client, &left.keys().cloned().collect()).await?;
        }
        Ok(left)
    }
}

/// Minutes as upstream has them, anything else as it is given.
fn within(timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    if seconds > 0 && seconds.is_multiple_of(60) {
        format!("{} mins", seconds / 60)
    } else {
        time_span_text(timeout)
    }
}
