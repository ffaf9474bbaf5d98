//! `aurora quota get` (`spec/cli.md` §7.20).

use aurora_api::thrift::{GetQuotaResult, to_named_json};
use tracing::info;

use crate::arguments::{ClusterRole, Verbosity, cluster_role};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::quota::{self, Amounts};

/// Prints a role's quota and what it uses.
#[derive(clap::Args, Debug)]
pub struct Get {
    /// The role.
    #[arg(value_name = "CLUSTER/ROLE", value_parser = cluster_role)]
    role: ClusterRole,

    /// Print JSON.
    #[arg(long)]
    write_json: bool,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Get {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let ClusterRole { cluster, role } = &self.role;
        let client = context.client(cluster)?;
        info!("Getting quota for: {role}");
        let result = quota::fetch(&client, role).await?;
        if self.write_json {
            output::print(&to_named_json(&result).to_string());
        } else {
            output::print(&render(&result));
        }
        Ok(())
    }
}

fn render(result: &GetQuotaResult) -> String {
    let quota = result.quota.as_ref().map(Amounts::of).unwrap_or_default();
    let consumed = [
        ("Production shared pool", &result.prod_shared_consumption),
        ("Production dedicated pool", &result.prod_dedicated_consumption),
        ("Non-production shared pool", &result.non_prod_shared_consumption),
        ("Non-production dedicated pool", &result.non_prod_dedicated_consumption),
    ];
    let mut text = format!("Allocated:\n{quota}");
    for (pool, amounts) in consumed {
        if let Some(amounts) = amounts {
            text.push_str(&format!("\n{pool} resources consumed:\n{}", Amounts::of(amounts)));
        }
    }
    text
}
