//! `aurora_admin scheduler_backup_now`.

use aurora_api::thrift::rpc::PerformBackup;

use super::check;
use crate::context::Context;
use crate::failure::Failure;

/// Makes a backup of the scheduler's state now, in its folder of backups.
#[derive(clap::Args, Debug)]
pub struct SchedulerBackupNow {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

impl SchedulerBackupNow {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let client = context.client(&self.cluster)?;
        check(&client.call(&PerformBackup::default()).await?)
    }
}
