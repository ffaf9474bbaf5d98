//! `aurora_admin host_activate`.

use aurora_api::thrift::MaintenanceMode;
use tracing::{info, warn};

use super::hosts::HostOptions;
use super::maintenance;
use crate::context::Context;
use crate::failure::Failure;

/// Puts hosts back into service.
///
/// It ends what `host_deactivate` and `host_drain` began: tasks may start there again.
#[derive(clap::Args, Debug)]
pub struct HostActivate {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,

    #[command(flatten)]
    hosts: HostOptions,
}

impl HostActivate {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let hosts = self.hosts.names()?;
        let client = context.client(&self.cluster)?;
        maintenance::end(&client, &hosts).await?;
        for (host, mode) in maintenance::status_of_known(&client, &hosts, "Skipping maintenance for").await? {
            if mode == MaintenanceMode::None {
                info!("{host} is in state: {mode}");
            } else {
                warn!("{host} is DRAINING or in DRAINED");
            }
        }
        Ok(())
    }
}
