//! The jobs of the files that `aurora local up` is given.

use std::path::PathBuf;

use aurora_api::thrift::rpc::{CreateJob, ScheduleCronJob, SetQuota};
use aurora_api::thrift::{JobConfiguration, Response, ResponseCode};
use aurora_client::Client;
use aurora_config::TranslatedJob;

use super::supervise::Screen;
use super::watch::JobName;
use crate::arguments::{ClusterJobKey, ConfigOptions};
use crate::configuration::{self, Configuration, invalid};
use crate::exit_code::ExitCode;
use crate::failure::{Failure, accepted, messages};
use crate::local_state::CLUSTER;
use crate::quota::{self, Amounts};

/// More than any machine has. Production jobs need a quota, and here there is nobody to share with.
const QUOTA: Amounts = Amounts { cpus: 10_000.0, ram_mb: 10 << 20, disk_mb: 10 << 20 };

/// A job that is to run, from its file.
#[derive(Debug)]
pub struct LocalJob {
    /// Its key.
    pub key: ClusterJobKey,
    job: JobConfiguration,
}

/// Reads the files, before anything is started: an error in one of them starts nothing.
///
/// # Errors
/// If a file cannot be loaded.
pub fn load(files: &[PathBuf], options: &ConfigOptions, screen: &Screen) -> Result<Vec<LocalJob>, Failure> {
    let mut jobs: Vec<LocalJob> = Vec::new();
    for file in files {
        let configuration = Configuration::load(file, options).map_err(invalid)?;
        let translated = configuration.all_jobs().map_err(invalid)?;
        for TranslatedJob { cluster, configuration: job, images, .. } in translated {
            let key = ClusterJobKey::reported(&cluster, &job.key.clone().unwrap_or_default());
            if let Some(image) = images.first() {
                return Err(invalid(format!(
                    "{key} refers to {{{{docker.image[{}][{}]}}}}, and no registry is asked for a cluster on this machine; write the image's name",
                    image.name, image.tag
                )));
            }
            if cluster != CLUSTER {
                screen.step(&format!("{key} of {} is not for cluster {CLUSTER}: left out", file.display()));
                continue;
            }
            jobs.push(LocalJob { key, job });
        }
    }
    Ok(jobs)
}

/// Creates the jobs that do not exist yet; answers with the names of all that run tasks.
///
/// # Errors
/// If the scheduler cannot be asked, or refuses a job.
pub async fn create(client: &Client, jobs: Vec<LocalJob>, screen: &Screen) -> Result<Vec<JobName>, Failure> {
    let mut names = Vec::new();
    for LocalJob { key, mut job } in jobs {
        configuration::backfill_tier(client, &mut job).await?;
        if job.task_config.as_ref().is_some_and(|task| task.production == Some(true)) {
            ensure_quota(client, &key.role, screen).await?;
        }
        let name = format!("{}/{}/{}", key.role, key.environment, key.name);
        let count = job.instance_count.unwrap_or_default();
        let is_cron = job.cron_schedule.is_some();
        let description = Some(job);
        let response = if is_cron {
            client.call(&ScheduleCronJob { description }).await?
        } else {
            client.call(&CreateJob { description }).await?
        };
        match response.response_code {
            Some(ResponseCode::Ok) if is_cron => screen.step(&format!("{key} is scheduled with cron")),
            Some(ResponseCode::Ok) => {
                screen.step(&format!("{key} created, instances: {count}"));
                names.push(name);
            }
            _ if exists_already(&response) => {
                screen.step(&format!("{key} exists already: left as it is"));
                names.push(name);
            }
            _ if is_cron && messages(&response).contains("not implemented") => {
                screen.step(&format!(
                    "{key} is a cron job, which this version of the scheduler cannot run yet: left out"
                ));
            }
            _ => {
                return Err(Failure::refused(
                    ExitCode::CommandFailure,
                    &format!("Job creation failed due to error ({key}):"),
                    &response,
                ));
            }
        }
    }
    Ok(names)
}

/// Gives a role a quota, unless it has one.
async fn ensure_quota(client: &Client, role: &str, screen: &Screen) -> Result<(), Failure> {
    let present = quota::fetch(client, role).await?.quota;
    if present.as_ref().map(Amounts::of).unwrap_or_default() != Amounts::default() {
        return Ok(());
    }
    let call = SetQuota { owner_role: Some(role.to_owned()), quota: Some(QUOTA.to_thrift()) };
    let header = format!("Error setting a quota for role {role}:");
    accepted(client.call(&call).await?, ExitCode::CommandFailure, &header)?;
    screen.step(&format!(
        "role {role} given a quota for its production jobs: 10000 cores, 10 TB RAM, 10 TB disk"
    ));
    Ok(())
}

fn exists_already(response: &Response) -> bool {
    response.response_code == Some(ResponseCode::InvalidRequest)
        && messages(response).ends_with("already exists")
}
