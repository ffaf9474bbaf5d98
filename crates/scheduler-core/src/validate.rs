//! Whether a job may be created: the structural checks of `spec/api.md` §2.2, and the defaults they fill in.
//!
//! A pure function from the wire's types to the domain's, for the shell to call before it asks the core, and for
//! `populateJobConfig`. Checks against other jobs and limits are the core's.

mod job;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::task::{Constraint, ConstraintRule, TaskConfig};

pub use job::validate_job;
pub use task::validate_task;

/// What the operator allows: the flags of `spec/scheduler.md` §9, with their defaults.
#[derive(Clone, Debug)]
pub struct JobPolicy {
    /// `-allowed_job_environments`.
    pub environments: EnvironmentRule,
    /// `-max_tasks_per_job`.
    pub tasks_per_job_max: u32,
    /// Names of the executors that tasks may have: `AuroraExecutor` and those of `-custom_executor_config`.
    pub executors: BTreeSet<Arc<str>>,
    /// `-allow_docker_parameters`.
    pub docker_parameters: bool,
    /// `-default_docker_parameters`.
    pub default_docker_parameters: Vec<(Arc<str>, Arc<str>)>,
    /// `-require_docker_use_executor`.
    pub docker_needs_executor: bool,
    /// `MESOS` in `-allowed_container_types`.
    pub mesos_containers: bool,
    /// `DOCKER` in `-allowed_container_types`.
    pub docker_containers: bool,
    /// `-allow_container_volumes`.
    pub container_volumes: bool,
    /// `-allow_gpu_resource`.
    pub gpus: bool,
    /// `-enable_mesos_fetcher`.
    pub fetcher: bool,
    /// `-min_required_instances_for_sla_check`.
    pub sla_instances_min: i64,
    /// `-max_sla_duration_secs`.
    pub sla_duration_max: Millis,
    /// `-sla_aware_kill_non_prod`.
    pub sla_for_non_production: bool,
    /// `-enable_legacy_constraints`: at most one instance per host, and production services one per rack, unless the job
    /// says otherwise (`spec/scheduler.md` §12.1). On by default.
    pub legacy_constraints: bool,
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            environments: EnvironmentRule::default(),
            tasks_per_job_max: 4000,
            executors: BTreeSet::from([Arc::from("AuroraExecutor")]),
            docker_parameters: false,
            default_docker_parameters: Vec::new(),
            docker_needs_executor: true,
            mesos_containers: true,
            docker_containers: false,
            container_volumes: false,
            gpus: false,
            fetcher: false,
            sla_instances_min: 20,
            sla_duration_max: Millis::from_secs(2 * 60 * 60),
            sla_for_non_production: false,
            legacy_constraints: true,
        }
    }
}

/// Which environments jobs may have. The core knows no regular expressions: who reads the flag brings the matcher.
#[derive(Clone)]
pub struct EnvironmentRule {
    /// The expression, for messages.
    pub pattern: Arc<str>,
    /// Whether a whole name matches it.
    pub allows: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Default for EnvironmentRule {
    /// `prod`, `devel`, `test`, and `staging` with a number or none.
    fn default() -> Self {
        let is_staging = |name: &str| {
            name.strip_prefix("staging").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        Self {
            pattern: Arc::from(r"^(prod|devel|test|staging\d*)$"),
            allows: Arc::new(move |name| matches!(name, "prod" | "devel" | "test") || is_staging(name)),
        }
    }
}

impl fmt::Debug for EnvironmentRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EnvironmentRule").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

/// What is wrong with a job, in the order of the checks, at least one message. Clients compare the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Invalid(pub Vec<String>);

/// The configuration with the default constraints of `spec/scheduler.md` §12.1, if it lacks any of them.
pub fn with_default_diversity(config: &TaskConfig) -> Option<TaskConfig> {
    let has = |name: &str| config.constraints.iter().any(|constraint| &*constraint.name == name);
    let missing: Vec<Constraint> =
        default_limits(config).filter(|name| !has(name)).map(default_limit).collect();
    if missing.is_empty() {
        return None;
    }
    let mut config = config.clone();
    config.constraints.extend(missing);
    Some(config)
}

/// Whether the configuration has on this attribute what it would get if it said nothing of it.
pub(crate) fn is_default_limit(name: &str, config: &TaskConfig) -> bool {
    default_limits(config)
        .any(|default| default == name && config.constraints.contains(&default_limit(default)))
}

/// The attributes by which tasks of this configuration are spread if it says nothing of them.
fn default_limits(config: &TaskConfig) -> impl Iterator<Item = &'static str> {
    let is_dedicated = config.constraints.iter().any(|constraint| &*constraint.name == "dedicated");
    let is_spread_over_racks = !is_dedicated && config.production && config.is_service;
    std::iter::once("host").chain(is_spread_over_racks.then_some("rack"))
}

fn default_limit(name: &str) -> Constraint {
    Constraint { name: Arc::from(name), rule: ConstraintRule::Limit(1) }
}

/// Links to well-known ports, for a task that has none (T20).
fn default_links(ports: &BTreeSet<Arc<str>>) -> BTreeMap<Arc<str>, Arc<str>> {
    let link = |name: &str| {
        ports.contains(name).then(|| (Arc::from(name), Arc::from(format!("http://%host%:%port:{name}%"))))
    };
    ["health", "http"].into_iter().filter_map(link).collect()
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
