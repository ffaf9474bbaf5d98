//! `aurora_admin scheduler_list_backups`.

use aurora_api::thrift::Result as Payload;
use aurora_api::thrift::rpc::ListBackups;

use super::check;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// Lists the backups that the scheduler keeps, the oldest first.
#[derive(clap::Args, Debug)]
pub struct SchedulerListBackups {
    /// The cluster.
    #[arg(value_name = "CLUSTER")]
    cluster: String,
}

impl SchedulerListBackups {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let client = context.client(&self.cluster)?;
        let response = client.call(&ListBackups::default()).await?;
        check(&response)?;
        let mut names = match response.result {
            Some(Payload::ListBackupsResult(result)) => result.backups.unwrap_or_default(),
            _ => Vec::new(),
        };
        names.sort();
        output::print(&format!("{} available backups:", names.len()));
        names.iter().for_each(|name| output::print(name));
        Ok(())
    }
}
