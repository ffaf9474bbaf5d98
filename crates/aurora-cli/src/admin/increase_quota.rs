//! `aurora_admin increase_quota`.

use aurora_api::thrift::rpc::SetQuota;
use tracing::info;

use super::{RoleAmounts, check};
use crate::context::Context;
use crate::failure::Failure;
use crate::quota::{self, Amounts};

/// Adds to the quota of a role.
#[derive(clap::Args, Debug)]
pub struct IncreaseQuota {
    #[command(flatten)]
    role: RoleAmounts,
}

impl IncreaseQuota {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let client = context.client(&self.role.cluster)?;
        let role = &self.role.role;
        let present = quota::fetch(&client, role).await?.quota;
        let present = present.as_ref().map(Amounts::of).unwrap_or_default();
        info!("Current quota for {role}:\n{present}");
        let wanted = present.plus(self.role.amounts());
        info!("Attempting to update quota for {role} to\n{wanted}");
        let call = SetQuota { owner_role: Some(role.clone()), quota: Some(wanted.to_thrift()) };
        check(&client.call(&call).await?)
    }
}
