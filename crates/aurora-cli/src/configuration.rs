//! Config files: loading them, choosing a job, and filling in its tier (`spec/cli.md` §5.1).

pub(crate) mod report;

use std::io::ErrorKind;
use std::path::Path;

use aurora_api::thrift::rpc::GetTierConfigs;
use aurora_api::thrift::{JobConfiguration, Response, Result as Payload, TaskConfig, TierConfig};
use aurora_client::{Client, Registry};
use aurora_config::{Diagnostics, JobSelector, LoadOptions, LoadedFile, TranslatedJob};
use tracing::info;

use crate::arguments::{ClusterJobKey, ConfigOptions};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, accepted};
use crate::output;

/// A loaded config file.
pub struct Configuration {
    file: LoadedFile,
}

impl Configuration {
    /// Loads a file; the error is text for a person.
    pub fn load(path: &Path, options: &ConfigOptions) -> Result<Self, String> {
        let file =
            aurora_config::load(path, &load_options(options)).map_err(|problems| match std::fs::metadata(
                path,
            ) {
                // Compat: scripts know the words of upstream's language.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    format!("[Errno 2] No such file or directory: '{}'", path.display())
                }
                _ => report::problems(&problems),
            })?;
        if !file.printed().is_empty() {
            output::print_error(file.printed().trim_end());
        }
        warn(&file.warnings());
        Ok(Self { file })
    }

    /// The keys of its jobs, in the file's order.
    pub fn job_keys(&self) -> Vec<String> {
        self.file.jobs().iter().map(ToString::to_string).collect()
    }

    /// The job with this key, checked and translated; the error is text for a person.
    pub fn translated(&self, key: &ClusterJobKey) -> Result<TranslatedJob, String> {
        let ClusterJobKey { cluster, role, environment, name } = key;
        let selector = JobSelector::new(cluster, role, environment, name);
        let job = self.file.translate(&selector).map_err(|problems| report::problems(&problems))?;
        warn(&job.warnings);
        if let Some(image) = job.images.first() {
            let text = "warning: images are looked up in the registry when the job is sent to the scheduler, such as";
            output::print_error(&format!("{text} {image}"));
        }
        Ok(job)
    }

    /// Asks the registry what it calls the images of a job, and binds that; the error is text for a person.
    pub async fn look_up_images(&mut self, client: &Client, key: &ClusterJobKey) -> Result<(), String> {
        let ClusterJobKey { cluster, role, environment, name } = key;
        let selector = JobSelector::new(cluster, role, environment, name);
        let images = self.file.images(&selector).map_err(|problems| report::problems(&problems))?;
        if images.is_empty() {
            return Ok(());
        }
        let registry = Registry::new(client.registry()).map_err(|error| error.to_string())?;
        for image in &images {
            let resolved =
                registry.resolve(&image.name, &image.tag).await.map_err(|error| error.to_string())?;
            info!("Resolved {image} => {resolved}");
            let bound = self.file.bind_image(&selector, image, &resolved);
            bound.map_err(|problems| report::problems(&problems))?;
        }
        Ok(())
    }

    /// All its jobs, checked and translated; the error is text for a person.
    pub fn all_jobs(&self) -> Result<Vec<TranslatedJob>, String> {
        let count = self.file.jobs().len();
        let jobs = (0..count).map(|index| {
            let job = self.file.translate_at(index).map_err(|problems| report::problems(&problems))?;
            warn(&job.warnings);
            Ok(job)
        });
        jobs.collect()
    }
}

/// What the options mean for loading.
pub(crate) fn load_options(options: &ConfigOptions) -> LoadOptions {
    let bindings = options.bind.iter();
    LoadOptions {
        bindings: bindings.map(|binding| (binding.name.clone(), binding.value.clone())).collect(),
        read_json: options.read_json,
        read_roots: options.read.clone(),
        user: None,
    }
}

fn warn(warnings: &Diagnostics) {
    if !warnings.items.is_empty() {
        output::print_error(&report::warnings(warnings));
    }
}

/// The failure of a command whose config is at fault.
pub fn invalid(text: String) -> Failure {
    Failure::new(ExitCode::InvalidConfiguration, format!("Error loading configuration: {text}"))
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
    let mut configuration = Configuration::load(path, options).map_err(invalid)?;
    configuration.look_up_images(client, key).await.map_err(invalid)?;
    let mut job = configuration.translated(key).map_err(invalid)?.configuration;
    backfill_tier(client, &mut job).await?;
    Ok(job)
}

/// Makes `tier` and `production` agree, as the scheduler's tiers have it.
///
/// # Errors
/// If the scheduler cannot be asked for them.
pub async fn backfill_tier(client: &Client, job: &mut JobConfiguration) -> Result<(), Failure> {
    let response = client.call(&GetTierConfigs::default()).await?;
    apply_tiers(response, job)
}

/// The same, without trying for long.
///
/// # Errors
/// If the scheduler does not answer at once, or refuses.
pub async fn try_backfill_tier(client: &Client, job: &mut JobConfiguration) -> Result<(), Failure> {
    let response = client.try_once(&GetTierConfigs::default()).await?;
    apply_tiers(response, job)
}

fn apply_tiers(response: Response, job: &mut JobConfiguration) -> Result<(), Failure> {
    let header = "Error getting tier configurations.";
    let response = accepted(response, ExitCode::InvalidConfiguration, header)?;
    let (Some(Payload::GetTierConfigResult(result)), Some(task)) = (response.result, &mut job.task_config)
    else {
        return Ok(());
    };
    fill_tier(&result.tiers.unwrap_or_default(), result.default_tier_name, task);
    Ok(())
}

/// Makes `tier` and `production` of a task agree with these tiers.
pub fn fill_tier(tiers: &[TierConfig], default: Option<String>, task: &mut TaskConfig) {
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
            task.tier = fitting.and_then(|tier| tier.name.clone()).or(default);
        }
    }
}
