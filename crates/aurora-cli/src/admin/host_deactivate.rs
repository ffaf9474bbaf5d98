//! `aurora_admin host_deactivate`.

use tracing::info;

use super::hosts::HostOptions;
use super::maintenance;
use crate::context::Context;
use crate::failure::Failure;

/// Gives hosts new tasks only where nothing else fits.
///
/// What runs there runs on. It is the first step of taking hosts out of service: `host_drain` empties them, `host_activate` puts
/// them back.
#[derive(clap::Args, Debug)]
pub struct HostDeactivate {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    #[command(flatten)]
    hosts: HostOptions,
}

impl HostDeactivate {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let client = context.client(&self.cluster)?;
        let modes = maintenance::start(&client, &hosts).await?;
        modes.iter().for_each(|(host, mode)| info!("{host} is in state: {mode}"));
        Ok(())
    }
}
