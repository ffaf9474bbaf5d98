//! `aurora_admin host_status`.

use std::io::{IsTerminal, stderr};

use aurora_api::thrift::MaintenanceMode;
use tracing::info;

use super::hosts::HostOptions;
use super::maintenance;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Says in which state of maintenance hosts are.
///
/// NONE: in service. SCHEDULED: new tasks start there only where nothing else fits. DRAINING: what is there is being ended and
/// starts elsewhere; what is left of it is told on stderr. DRAINED: empty, and kept so.
#[derive(clap::Args, Debug)]
pub struct HostStatus {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    #[command(flatten)]
    hosts: HostOptions,
}

impl HostStatus {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let client = context.client(&self.cluster)?;
        let modes = maintenance::status_of_known(&client, &hosts, "Skipping").await?;
        let is_draining = |(host, mode): (&String, &MaintenanceMode)| {
            (*mode == MaintenanceMode::Draining).then(|| host.clone())
        };
        let draining = modes.iter().filter_map(is_draining).collect();
        maintenance::tell_what_is_left(&client, &draining).await?;
        for (host, mode) in &modes {
            output::print(&format!("{host} is in state: {mode}"));
        }
        // Scripts of upstream's days take the last line of the log. A person reads it once.
        if !stderr().is_terminal() {
            modes.iter().for_each(|(host, mode)| info!("{host} is in state: {mode}"));
        }
        Ok(())
    }
}
