//! Checks T1 to T20 (`spec/api.md` §2.2).

use std::collections::BTreeSet;

use aurora_api::ids::{JobKey, is_good_identifier};
use aurora_api::task::{Container, TaskConfig};
use aurora_api::thrift;

use super::{Invalid, JobPolicy, default_links, with_default_diversity};
use crate::config::{Tier, Tiers};
use crate::schedule::filter::DEDICATED;

/// Checks a task configuration for a job of `instances` and fills in its defaults: tier, production, links, docker
/// parameters, default constraints.
///
/// # Errors
/// [`Invalid`] with all messages, in the order of the checks.
pub fn validate_task(
    wire: &thrift::TaskConfig,
    instances: i64,
    policy: &JobPolicy,
    tiers: &Tiers,
) -> Result<TaskConfig, Invalid> {
    let mut faults = Vec::new();
    match check_task(wire, instances, policy, tiers, &mut faults) {
        Some(config) => Ok(config),
        None => Err(Invalid(faults)),
    }
}

/// Adds what is wrong to `faults`; gives the accepted configuration if nothing is, now or before.
pub(super) fn check_task(
    wire: &thrift::TaskConfig,
    instances: i64,
    policy: &JobPolicy,
    tiers: &Tiers,
    faults: &mut Vec<String>,
) -> Option<TaskConfig> {
    let before = faults.len();
    let tier = check_tier(wire, tiers, faults);
    let key = wire.job.as_ref().and_then(|key| JobKey::try_from(key).ok());
    if key.is_none() {
        faults.push(format!("Job key {} is invalid.", key_dump(wire.job.as_ref())));
    }
    check_executor(wire, policy, faults);
    if let Some(key) = &key {
        check_dedicated(wire, key.role(), faults);
    }
    check_container(wire, policy, faults);
    check_resources(wire, policy, faults);
    check_features(wire, policy, faults);
    if let Some((name, tier)) = &tier {
        check_sla(wire, name, *tier, instances, policy, faults);
    }
    let (name, tier) = tier?;
    if faults.len() > before {
        return None;
    }
    match TaskConfig::try_from(wire) {
        Ok(mut config) => {
            // Compat: a default of the old days, as the constraints are (`spec/scheduler.md` §12.1).
            if policy.legacy_constraints && wire.max_task_failures.is_none() {
                config.max_task_failures = 1;
            }
            Some(with_defaults(config, name, tier, policy))
        }
        Err(error) => {
            faults.push(error.to_string());
            None
        }
    }
}

/// The key as upstream prints it; clients know only the words around it.
pub(super) fn key_dump(key: Option<&thrift::JobKey>) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
    key.map_or_else(
        || "null".to_owned(),
        |key| {
            let (role, environment, name) = (part(&key.role), part(&key.environment), part(&key.name));
            format!("IJobKey{{role={role}, environment={environment}, name={name}}}")
        },
    )
}

fn with_defaults(mut config: TaskConfig, tier_name: &str, tier: Tier, policy: &JobPolicy) -> TaskConfig {
    config.tier = tier_name.into();
    config.production = tier.is_production();
    if let Container::Docker { parameters, .. } = &mut config.container
        && parameters.is_empty()
    {
        parameters.clone_from(&policy.default_docker_parameters);
    }
    if config.task_links.is_empty() {
        config.task_links = default_links(&config.ports);
    }
    if policy.legacy_constraints { with_default_diversity(&config).unwrap_or(config) } else { config }
}

/// T1, T2. Gives the task's tier, the default one if it names none.
fn check_tier<'a>(
    wire: &'a thrift::TaskConfig,
    tiers: &'a Tiers,
    faults: &mut Vec<String>,
) -> Option<(&'a str, Tier)> {
    if let Some(name) = wire.tier.as_deref().filter(|name| !is_good_identifier(name)) {
        faults.push(format!("Tier contains illegal characters: {name}"));
        return None;
    }
    let name = wire.tier.as_deref().unwrap_or(&tiers.default);
    let tier = tiers.tiers.get(name).copied();
    if tier.is_none() {
        faults.push(format!("Invalid tier '{name}' in TaskConfig."));
        let known: Vec<&str> = tiers.tiers.keys().map(|name| &**name).collect();
        faults.push(format!("The tiers of this cluster are: {}.", known.join(", ")));
    }
    tier.map(|tier| (name, tier))
}

/// T4 to T6.
fn check_executor(wire: &thrift::TaskConfig, policy: &JobPolicy, faults: &mut Vec<String>) {
    let is_docker = matches!(wire.container, Some(thrift::Container::Docker(_)));
    match &wire.executor_config {
        None if is_docker => {}
        None => faults.push("Configuration may not be null.".to_owned()),
        Some(executor) => match executor.name.as_deref() {
            None => faults.push("Executor name may not be left unset.".to_owned()),
            Some(name) if !policy.executors.contains(name) => {
                faults.push(format!("Configuration for executor '{name}' doesn't exist."));
            }
            Some(_) => {}
        },
    }
}

/// T7 to T9.
fn check_dedicated(wire: &thrift::TaskConfig, role: &str, faults: &mut Vec<String>) {
    let rules = wire.constraints.iter().flatten();
    for rule in rules.filter(|rule| rule.name.as_deref() == Some(DEDICATED)) {
        let Some(thrift::TaskConstraint::Value(rule)) = &rule.constraint else {
            faults.push("A dedicated constraint must be of value type.".to_owned());
            continue;
        };
        let [value] = rule.values.as_deref().unwrap_or_default() else {
            faults.push("A dedicated constraint must have exactly one value".to_owned());
            continue;
        };
        let owner = value.split('/').next().unwrap_or_default();
        if owner != "*" && owner != role {
            faults.push(format!("Only {owner} may use hosts dedicated for that role."));
        }
    }
}

/// T10 to T13.
fn check_container(wire: &thrift::TaskConfig, policy: &JobPolicy, faults: &mut Vec<String>) {
    let not_allowed =
        |kind: &str| format!("This scheduler is not configured to allow the container type {kind}");
    let mut fault = |text: String| faults.push(text);
    match &wire.container {
        Some(thrift::Container::Docker(docker)) => {
            if docker.image.as_ref().is_none_or(String::is_empty) {
                fault("A container must specify an image.".to_owned());
            }
            let has_parameters = docker.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
            if has_parameters && !policy.docker_parameters {
                fault("This scheduler is configured to disallow Docker parameters.".to_owned());
            }
            if wire.executor_config.is_none() && policy.docker_needs_executor {
                fault(
                    "This scheduler is configured to require an executor for Docker-based tasks.".to_owned(),
                );
            }
            if !policy.docker_containers {
                fault(not_allowed("DOCKER"));
            }
        }
        Some(thrift::Container::Mesos(_)) | None => {
            if !policy.mesos_containers {
                fault(not_allowed("MESOS"));
            }
        }
    }
}

/// T14, T15.
fn check_resources(wire: &thrift::TaskConfig, policy: &JobPolicy, faults: &mut Vec<String>) {
    let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    let (mut cpus, mut ram, mut disk) = (0.0, 0, 0);
    let (mut has_gpus, mut has_negative_gpus) = (false, false);
    for resource in wire.resources.iter().flatten() {
        let name = match resource {
            thrift::Resource::NumCpus(cores) => {
                cpus += cores;
                "CPU"
            }
            thrift::Resource::RamMb(amount) => {
                ram = i64::saturating_add(ram, *amount);
                "RAM"
            }
            thrift::Resource::DiskMb(amount) => {
                disk = i64::saturating_add(disk, *amount);
                "disk"
            }
            thrift::Resource::NumGpus(count) => {
                (has_gpus, has_negative_gpus) = (true, has_negative_gpus || *count < 0);
                "GPU"
            }
            thrift::Resource::NamedPort(_) => continue,
        };
        if !seen.insert(name) {
            repeated.insert(name);
        }
    }
    if !repeated.is_empty() {
        let names: Vec<&str> = repeated.into_iter().collect();
        faults.push(format!("Multiple resource values are not supported for {}", names.join(", ")));
    }
    let is_positive = [("num_cpus", cpus > 0.0), ("ram_mb", ram > 0), ("disk_mb", disk > 0)];
    for (name, _) in is_positive.into_iter().filter(|(_, is_positive)| !is_positive) {
        faults.push(format!("{name} must be greater than 0.0"));
    }
    // Ours: it would leave an agent with more than it has.
    if has_negative_gpus {
        faults.push("num_gpus must not be negative".to_owned());
    }
    if has_gpus && !policy.gpus {
        faults.push("GPU resource support is disabled in this cluster.".to_owned());
    }
}

/// T17, T18.
fn check_features(wire: &thrift::TaskConfig, policy: &JobPolicy, faults: &mut Vec<String>) {
    if wire.mesos_fetcher_uris.as_ref().is_some_and(|uris| !uris.is_empty()) && !policy.fetcher {
        faults.push("Mesos Fetcher for individual jobs is disabled in this cluster.".to_owned());
    }
    let has_volumes = match &wire.container {
        Some(thrift::Container::Mesos(mesos)) => {
            mesos.volumes.as_ref().is_some_and(|volumes| !volumes.is_empty())
        }
        _ => false,
    };
    if has_volumes && !policy.container_volumes {
        faults.push("This scheduler is configured to disallow container volumes.".to_owned());
    }
}

/// T19.
fn check_sla(
    wire: &thrift::TaskConfig,
    tier_name: &str,
    tier: Tier,
    instances: i64,
    policy: &JobPolicy,
    faults: &mut Vec<String>,
) {
    let Some(sla) = &wire.sla_policy else { return };
    if !tier.is_production() && !policy.sla_for_non_production {
        faults.push(format!("Tier '{tier_name}' does not support SlaPolicy."));
    }
    let is_too_small = instances < policy.sla_instances_min;
    if is_too_small && !matches!(sla, thrift::SlaPolicy::CoordinatorSlaPolicy(_)) {
        let min = policy.sla_instances_min;
        faults.push(format!("Job with fewer than {min} instances cannot have Percentage/Count SlaPolicy."));
    }
    let max = policy.sla_duration_max.0 / 1000;
    let too_long = |name: &str, duration: Option<i64>| {
        let secs = duration.unwrap_or(0);
        (secs > max).then(|| {
            format!("{name}: durationSecs={secs} must be less than cluster-wide maximum of {max} secs.")
        })
    };
    match sla {
        thrift::SlaPolicy::CountSlaPolicy(policy) => {
            let count = policy.count.unwrap_or(0);
            if instances.saturating_sub(count) < 1 {
                faults.push(format!(
                    "Current CountSlaPolicy: count={count} will not allow any instances to be killed. \
                     Must be less than instanceCount={instances}."
                ));
            }
            faults.extend(too_long("CountSlaPolicy", policy.duration_secs));
        }
        thrift::SlaPolicy::PercentageSlaPolicy(policy) => {
            let percentage = policy.percentage.unwrap_or(0.0);
            #[expect(clippy::cast_precision_loss, reason = "an instance count comes from 32 bits")]
            let all = instances as f64;
            if all - all * percentage / 100.0 < 1.0 {
                let most = (all - 1.0) / all * 100.0;
                faults.push(format!(
                    "Current PercentageSlaPolicy: percentage={percentage:.6} will not allow any instances to be \
                     killed. Must be less than {most:.6}."
                ));
            }
            faults.extend(too_long("PercentageSlaPolicy", policy.duration_secs));
        }
        thrift::SlaPolicy::CoordinatorSlaPolicy(_) => {}
    }
}
