//! `aurora_admin host_wait` (`spec/cli.md` §14.2).

use std::time::Duration;

use aurora_api::thrift::MaintenanceMode;
use tracing::info;

use super::hosts::HostOptions;
use super::{failure, maintenance};
use crate::arguments::{time_span, time_span_text};
use crate::context::Context;
use crate::failure::Failure;
use crate::wait::Pace;

/// Waits until hosts are in a state of maintenance.
///
/// If not all of them are in time, the exit code is 1.
#[derive(clap::Args, Debug)]
pub struct HostWait {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    #[command(flatten)]
    hosts: HostOptions,

    /// The state: NONE, SCHEDULED, DRAINING or DRAINED.
    #[arg(long, value_name = "MODE", default_value = "DRAINED", value_parser = mode)]
    mode: MaintenanceMode,

    /// Give up waiting after this long, such as 5m or 1h30m.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = time_span)]
    timeout: Duration,

    /// Look this often.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = time_span)]
    interval: Duration,
}

impl HostWait {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let client = context.client(&self.cluster)?;
        let mut modes = maintenance::status_of_known(&client, &hosts, "Skipping").await?;
        if modes.len() < hosts.len() {
            return Err(failure("Not waiting, as some of the hosts are unknown"));
        }
        modes =
            maintenance::wait_for(&client, self.mode, modes, Pace::steady(self.interval, self.timeout)).await;
        if modes.is_empty() {
            hosts.iter().for_each(|host| info!("{host} is in state: {}", self.mode));
            return Ok(());
        }
        let within = time_span_text(self.timeout);
        Err(failure(format!(
            "Not all hosts were {} within {within}:\n{}",
            self.mode,
            maintenance::lines(&modes)
        )))
    }
}

fn mode(text: &str) -> Result<MaintenanceMode, String> {
    let modes = [
        MaintenanceMode::None,
        MaintenanceMode::Scheduled,
        MaintenanceMode::Draining,
        MaintenanceMode::Drained,
    ];
    modes
        .into_iter()
        .find(|mode| mode.as_str() == text.to_ascii_uppercase())
        .ok_or_else(|| format!("invalid choice: '{text}' (choose from NONE, SCHEDULED, DRAINING, DRAINED)"))
}
