//! Checks J1 to J7 (`spec/api.md` §2.2).

use std::sync::Arc;

use aurora_api::ids::{JobKey, is_good_identifier};
use aurora_api::job::JobConfiguration;
use aurora_api::thrift;

use super::task::{check_task, key_dump};
use super::{Invalid, JobPolicy};
use crate::config::Tiers;

/// Checks a job and fills in its defaults. All messages are given, in the order of the checks.
///
/// # Errors
/// [`Invalid`] if the job must not be created as it is.
pub fn validate_job(
    wire: &thrift::JobConfiguration,
    policy: &JobPolicy,
    tiers: &Tiers,
) -> Result<JobConfiguration, Invalid> {
    let mut faults = Vec::new();
    let Some(task) = &wire.task_config else {
        return Err(Invalid(vec!["Job configuration must have taskConfig set.".to_owned()]));
    };
    let instances = wire.instance_count.unwrap_or(0);
    if instances <= 0 {
        faults.push("Instance count must be positive.".to_owned());
    }
    let key = wire.key.as_ref().and_then(|key| JobKey::try_from(key).ok());
    match &key {
        None => faults.push(format!("Job key {} is invalid.", key_dump(wire.key.as_ref()))),
        Some(key) => {
            let rule = &policy.environments;
            if !(rule.allows)(key.environment()) {
                faults.push(format!("Job environment {} doesn't match: {}", key.environment(), rule.pattern));
            }
        }
    }
    if let Some(owner) = &wire.owner {
        let user = owner.user.as_deref();
        if !user.is_some_and(is_good_identifier) {
            faults.push(format!("Job user contains illegal characters: {}", user.unwrap_or("null")));
        }
    }
    let task_key = task.job.as_ref().and_then(|key| JobKey::try_from(key).ok());
    if let (Some(key), Some(task_key)) = (&key, &task_key)
        && key != task_key
    {
        // Upstream checks one key and creates tasks under the other.
        faults.push(format!("The task's job key {task_key} must be that of the job, {key}."));
    }
    let config = check_task(task, i64::from(instances), policy, tiers, &mut faults);
    let is_cron = wire.cron_schedule.as_ref().is_some_and(|schedule| !schedule.is_empty());
    if is_cron && task.is_service.unwrap_or(false) {
        let key = key.as_ref().map_or_else(|| key_dump(wire.key.as_ref()), ToString::to_string);
        faults.push(format!("A service task may not be run on a cron schedule: {key}"));
    }
    match (config, JobConfiguration::try_from(wire)) {
        (Some(config), Ok(job)) if faults.is_empty() => {
            Ok(JobConfiguration { task: Arc::new(config), ..job })
        }
        (_, Err(error)) if faults.is_empty() => Err(Invalid(vec![error.to_string()])),
        _ => Err(Invalid(faults)),
    }
}
