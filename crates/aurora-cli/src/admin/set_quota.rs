//! `aurora_admin set_quota`.

use aurora_api::thrift::rpc;

use super::{RoleAmounts, check};
use crate::context::Context;
use crate::failure::Failure;

/// Sets the quota of a role: what its production tasks may use together.
#[derive(clap::Args, Debug)]
pub struct SetQuota {
    #[command(flatten)]
    role: RoleAmounts,
}

impl SetQuota {
    /// Runs the command.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let client = context.client(&self.role.cluster)?;
        let quota = Some(self.role.amounts().to_thrift());
        check(&client.call(&rpc::SetQuota { owner_role: Some(self.role.role), quota }).await?)
    }
}
