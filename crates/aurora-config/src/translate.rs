//! A checked job to thrift, field by field as `spec/config.md` §5 has it.

mod task;
mod update;

use aurora_api::thrift::{CronCollisionPolicy, Identity, JobConfiguration, JobKey};

use crate::check::{Checked, view};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::load::ImageName;

pub(crate) use update::update_settings;

/// A job ready for the scheduler.
#[derive(Debug)]
pub struct TranslatedJob {
    /// Which cluster it is for.
    pub cluster: String,
    /// What is submitted.
    pub configuration: JobConfiguration,
    /// Whether it has a cron schedule, and so is scheduled instead of created.
    pub is_cron: bool,
    /// Images named by tag, which must be looked up and bound before the job is sent.
    pub images: Vec<ImageName>,
    /// The whole job as canonical JSON, references resolved as far as the client can.
    pub json: String,
    /// What is allowed but probably not meant.
    pub warnings: Diagnostics,
}

pub(crate) fn translate(
    checked: &Checked,
    user: &str,
    warnings: Diagnostics,
) -> Result<TranslatedJob, Vec<Diagnostic>> {
    let job = &checked.job;
    let key = JobKey {
        role: view::text(job, "role"),
        environment: view::text(job, "environment"),
        name: view::text(job, "name"),
    };
    let owner = Identity { user: Some(user.to_owned()) };
    let cron_schedule = view::text(job, "cron_schedule");
    let policy = view::text(job, "cron_collision_policy").unwrap_or_default().to_uppercase();
    let json = task::job_json(job)?;
    let configuration = JobConfiguration {
        cron_collision_policy: Some(match policy.as_str() {
            "CANCEL_NEW" => CronCollisionPolicy::CancelNew,
            "RUN_OVERLAP" => CronCollisionPolicy::RunOverlap,
            _ => CronCollisionPolicy::KillExisting,
        }),
        task_config: Some(task::task_config(checked, &key, &owner, &json)?),
        instance_count: Some(task::i32_field(job, "instances")?.unwrap_or(1)),
        cron_schedule: cron_schedule.clone(),
        owner: Some(owner),
        key: Some(key),
    };
    Ok(TranslatedJob {
        cluster: view::text(job, "cluster").unwrap_or_default(),
        configuration,
        is_cron: cron_schedule.is_some(),
        images: checked.images.iter().cloned().collect(),
        json: aurora_model::canonical_json(&json),
        warnings,
    })
}
