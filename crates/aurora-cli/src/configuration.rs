//! Config files: loading them, choosing a job, and filling in its tier (`spec/cli.md` §5.1).

use std::path::Path;

use aurora_api::thrift::rpc::GetTierConfigs;
use aurora_api::thrift::{JobConfiguration, Result as Payload, TierConfig};
use aurora_client::Client;

use crate::arguments::{ClusterJobKey, ConfigOptions};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, accepted};

/// A loaded config file.
pub struct Configuration {}

impl Configuration {
    /// Loads a file; the error is text for a person.
    pub fn load(_path: &Path, _options: &ConfigOptions) -> Result<Self, String> {
        Err("config files cannot be read by this build yet".to_owned())
    }

    /// The keys of its jobs, in the file's order.
    pub fn job_keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// The keys of its jobs, in the file's order.
    pub fn cluster_job_keys(&self) -> Vec<ClusterJobKey> {
        Vec::new()
    }

    /// A job, checked and translated; the error is text for a person.
    pub fn job(&self, _key: &ClusterJobKey) -> Result<JobConfiguration, String> {
        Err("config files cannot be read by this build yet".to_owned())
    }
}

/// Loads the job with this key from a file, ready to be sent.
///
/// # Errors
/// If the file or the job is at fault, or the scheduler cannot be asked for its tiers.
pub async fn load_job(
    client: &Client,
    path: &Path,
    key: &ClusterJobKey,
    options: &ConfigOptions,
) -> Result<JobConfiguration, Failure> {
    let loaded = Configuration::load(path, options).and_then(|configuration| configuration.job(key));
    let mut job = loaded.map_err(|text| {
        let text = format!("Error loading configuration: {text}");
        Failure::new(ExitCode::InvalidConfiguration, text)
    })?;
    backfill_tier(client, &mut job).await?;
    Ok(job)
}

/// Makes `tier` and `production` agree, as the scheduler's tiers have it.
///
/// # Errors
/// If the scheduler cannot be asked for them.
pub async fn backfill_tier(client: &Client, job: &mut JobConfiguration) -> Result<(), Failure> {
    let response = client.call(&GetTierConfigs::default()).await?;
    let response = accepted(response, ExitCode::InvalidConfiguration, "Error getting tier configurations.")?;
    let Some(Payload::GetTierConfigResult(result)) = response.result else {
        return Ok(());
    };
    let tiers = result.tiers.unwrap_or_default();
    let Some(task) = &mut job.task_config else {
        return Ok(());
    };
    let setting = |tier: &TierConfig, name: &str| {
        let settings = tier.settings.as_ref();
        settings.and_then(|settings| settings.get(name)).is_some_and(|value| value == "true")
    };
    match &task.tier {
        Some(name) => {
            if let Some(tier) = tiers.iter().find(|tier| tier.name.as_ref() == Some(name)) {
                task.production = Some(!setting(tier, "preemptible"));
            }
        }
        None => {
            let production = task.production.unwrap_or_default();
            let fitting = tiers
                .iter()
                .find(|tier| !setting(tier, "revocable") && setting(tier, "preemptible") != production);
            task.tier = fitting.and_then(|tier| tier.name.clone()).or(result.default_tier_name);
        }
    }
    Ok(())
}
