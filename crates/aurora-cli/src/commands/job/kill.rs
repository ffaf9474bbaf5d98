//! `aurora job kill` (`spec/cli.md` §7.4).

use super::killing::{KillOptions, kill};
use crate::arguments::{InstanceSpec, instance_spec};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::tasks::{any_counts_instances, fetch_active, instance_id};

/// Kills some instances of a job.
#[derive(clap::Args, Debug)]
pub struct Kill {
    /// The instances, such as west/www/prod/web/0-2,5.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME/INSTANCES", value_parser = instance_spec)]
    spec: InstanceSpec,

    /// Refuse if any of the instances is not active.
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    options: KillOptions,
}

impl Kill {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let key = &self.spec.key;
        let Some(instances) = &self.spec.instances else {
            return Err(Failure::new(
                ExitCode::InvalidParameter,
                "The instances list cannot be omitted in a kill command!; use killall to kill all instances",
            ));
        };
        let client = context.client(&key.cluster)?;
        let active = fetch_active(&client, key).await?;
        if any_counts_instances(&active) {
            output::print("WARNING: Killing instances without updating SlaPolicy.");
        }
        if self.strict {
            let inactive: Vec<i32> = instances
                .iter()
                .copied()
                .filter(|id| !active.iter().any(|task| instance_id(task) == *id))
                .collect();
            if !inactive.is_empty() {
                return Err(Failure::new(
                    ExitCode::InvalidParameter,
                    format!("Invalid instance parameter: {inactive:?}"),
                ));
            }
        }
        kill(&client, key, Some(instances), &self.options).await?;
        output::print("Job kill succeeded");
        Ok(())
    }
}
