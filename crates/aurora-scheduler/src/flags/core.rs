//! Flags that steer decisions, as the core's plain configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use aurora_api::ids::is_good_identifier;
use clap::ArgAction;
use regex::Regex;
use scheduler_core::config::{ConfigError, CoreConfig, OfferOrder, Tier, Tiers};
use scheduler_core::validate::{EnvironmentRule, JobPolicy};
use scheduler_core::{LayerSizes, SearchSizes};
use serde::Deserialize;

use super::amounts::TimeAmount;
use crate::mesos::custom_executor::CustomExecutorError;
use crate::mesos::{CollectorFlags, ExecutorFlags};

/// How decisions are made.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Scheduling")]
pub struct CoreFlags {
    /// Scheduling attempts per second, with bursts of one second.
    #[arg(long = "max_schedule_attempts_per_sec", default_value_t = 40.0)]
    pub max_schedule_attempts_per_sec: f64,
    /// Tasks of one group tried at once.
    #[arg(long = "max_tasks_per_schedule_attempt", default_value_t = 5)]
    pub max_tasks_per_schedule_attempt: usize,
    /// Wait before the first attempt at a task.
    #[arg(long = "first_schedule_delay", default_value = "1ms")]
    pub first_schedule_delay: TimeAmount,
    /// First wait after an attempt without success.
    #[arg(long = "initial_schedule_penalty", default_value = "1secs")]
    pub initial_schedule_penalty: TimeAmount,
    /// Longest wait between attempts.
    #[arg(long = "max_schedule_penalty", default_value = "1mins")]
    pub max_schedule_penalty: TimeAmount,
    /// Attempts after a restart are spread over this time.
    #[arg(long = "max_reschedule_task_delay_on_startup", default_value = "30secs")]
    pub max_reschedule_task_delay_on_startup: TimeAmount,
    /// A service that ends sooner than this is flapping.
    #[arg(long = "flapping_task_threshold", default_value = "5mins")]
    pub flapping_task_threshold: TimeAmount,
    /// First penalty for flapping.
    #[arg(long = "initial_flapping_task_delay", default_value = "30secs")]
    pub initial_flapping_task_delay: TimeAmount,
    /// Longest penalty for flapping.
    #[arg(long = "max_flapping_task_delay", default_value = "5mins")]
    pub max_flapping_task_delay: TimeAmount,

    /// Never decline an offer because of its age.
    #[arg(long = "hold_offers_forever", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub hold_offers_forever: bool,
    /// Least time an offer is held before it is declined.
    #[arg(long = "min_offer_hold_time", default_value = "5mins")]
    pub min_offer_hold_time: TimeAmount,
    /// A random part of this is added to it.
    #[arg(long = "offer_hold_jitter_window", default_value = "1mins")]
    pub offer_hold_jitter_window: TimeAmount,
    /// How long Mesos keeps what we declined from us; not at all while tasks wait.
    #[arg(long = "offer_filter_duration", default_value = "5secs")]
    pub offer_filter_duration: TimeAmount,
    /// How many offers that can never suit a group are remembered as such, over all groups; those beyond are looked at again.
    #[arg(long = "offer_static_ban_cache_max_size", value_name = "COUNT", default_value_t = i64::MAX.unsigned_abs())]
    pub offer_static_ban_cache_max_size: u64,
    /// In which order offers are tried: CPU, MEMORY, DISK, REVOCABLE_CPU, RANDOM, separated by commas.
    #[arg(long = "offer_order", value_delimiter = ',', default_value = "RANDOM")]
    pub offer_order: Vec<OrderName>,
    /// How long an agent on which tasks made room is kept for those they made room for.
    #[arg(long = "offer_reservation_duration", default_value = "3mins")]
    pub offer_reservation_duration: TimeAmount,
    /// Let tasks of preemptible tiers and of lower priority make room for others.
    #[arg(long = "enable_preemptor", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_preemptor: bool,
    /// How long a task must be pending before others make room for it.
    #[arg(long = "preemption_delay", default_value = "3mins")]
    pub preemption_delay: TimeAmount,
    /// How long it is remembered where room could be made.
    #[arg(long = "preemption_slot_hold_time", default_value = "5mins")]
    pub preemption_slot_hold_time: TimeAmount,
    /// When it is first searched where room could be made.
    #[arg(long = "preemption_slot_search_initial_delay", default_value = "3mins")]
    pub preemption_slot_search_initial_delay: TimeAmount,
    /// How often it is searched where room could be made.
    #[arg(long = "preemption_slot_search_interval", default_value = "1mins")]
    pub preemption_slot_search_interval: TimeAmount,
    /// How many tasks of one group are searched room for before it is another group's turn.
    #[arg(long = "preemption_reservation_max_batch_size", default_value_t = 5)]
    pub preemption_reservation_max_batch_size: usize,
    /// Let instances of job updates keep their agent if they still fit there. Job updates come in a later version.
    #[arg(long = "enable_update_affinity", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_update_affinity: bool,
    /// How long an updated instance keeps its agent.
    #[arg(long = "update_affinity_reservation_hold_time", default_value = "3mins")]
    pub update_affinity_reservation_hold_time: TimeAmount,
    /// How long before its maintenance an agent gets no more tasks.
    #[arg(long = "unavailability_threshold", default_value = "6mins")]
    pub unavailability_threshold: TimeAmount,
    /// Tasks of revocable tiers take revocable processors.
    #[arg(long = "enable_revocable_cpus", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_revocable_cpus: bool,
    /// Tasks of revocable tiers take revocable memory.
    #[arg(long = "enable_revocable_ram", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_revocable_ram: bool,

    /// How long a task may be on its way between statuses before it counts as lost.
    #[arg(long = "transient_task_state_timeout", default_value = "5mins")]
    pub transient_task_state_timeout: TimeAmount,
    /// First wait before a kill is sent again.
    #[arg(long = "initial_task_kill_retry_interval", default_value = "15secs")]
    pub initial_task_kill_retry_interval: TimeAmount,

    /// First reconciliation with Mesos after the start.
    #[arg(long = "reconciliation_initial_delay", default_value = "1mins")]
    pub reconciliation_initial_delay: TimeAmount,
    /// How often Mesos is asked about the tasks we know.
    #[arg(long = "reconciliation_explicit_interval", default_value = "60mins")]
    pub reconciliation_explicit_interval: TimeAmount,
    /// How often Mesos is asked about the tasks it knows.
    #[arg(long = "reconciliation_implicit_interval", default_value = "60mins")]
    pub reconciliation_implicit_interval: TimeAmount,
    /// How long after the first of the one the other follows.
    #[arg(long = "reconciliation_schedule_spread", default_value = "30mins")]
    pub reconciliation_schedule_spread: TimeAmount,
    /// How many tasks are asked about at once.
    #[arg(long = "reconciliation_explicit_batch_size", default_value_t = 1000)]
    pub reconciliation_explicit_batch_size: usize,
    /// How long to wait between such questions.
    #[arg(long = "reconciliation_explicit_batch_interval", default_value = "5secs")]
    pub reconciliation_explicit_batch_interval: TimeAmount,

    /// Ended tasks older than this are forgotten.
    #[arg(long = "history_prune_threshold", default_value = "2days")]
    pub history_prune_threshold: TimeAmount,
    /// How many ended tasks of a job are kept.
    #[arg(long = "history_max_per_job_threshold", default_value_t = 100)]
    pub history_max_per_job_threshold: usize,
    /// Ended tasks younger than this are kept in any case.
    #[arg(long = "history_min_retention_threshold", default_value = "1hrs")]
    pub history_min_retention_threshold: TimeAmount,

    /// Rules for jobs.
    #[command(flatten)]
    pub jobs: JobFlags,
}

/// What jobs are allowed.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Jobs")]
pub struct JobFlags {
    /// A JSON file of tiers, in the shape of /tiers.
    #[arg(long = "tier_config", value_name = "FILE")]
    pub tier_config: Option<PathBuf>,
    /// Most instances of a job.
    #[arg(long = "max_tasks_per_job", default_value_t = 4000)]
    pub max_tasks_per_job: u32,
    /// A regular expression that whole environments must match.
    #[arg(long = "allowed_job_environments")]
    pub allowed_job_environments: Option<String>,
    /// Containers that jobs may use: MESOS, DOCKER, separated by commas.
    #[arg(long = "allowed_container_types", value_delimiter = ',', default_value = "MESOS")]
    pub allowed_container_types: Vec<ContainerType>,
    /// Let jobs pass parameters to docker.
    #[arg(long = "allow_docker_parameters", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub allow_docker_parameters: bool,
    /// Parameters for docker if a job gives none: name=value, separated by commas.
    #[arg(long = "default_docker_parameters", value_delimiter = ',')]
    pub default_docker_parameters: Vec<DockerParameter>,
    /// Docker containers must have an executor.
    #[arg(long = "require_docker_use_executor", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub require_docker_use_executor: bool,
    /// Let jobs mount directories of agents.
    #[arg(long = "allow_container_volumes", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub allow_container_volumes: bool,
    /// Let jobs use graphics processors.
    #[arg(long = "allow_gpu_resource", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub allow_gpu_resource: bool,
    /// Let jobs have files fetched.
    #[arg(long = "enable_mesos_fetcher", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_mesos_fetcher: bool,
    /// Fewest instances of a job with an SLA policy.
    #[arg(long = "min_required_instances_for_sla_check", default_value_t = 20)]
    pub min_required_instances_for_sla_check: i64,
    /// Longest time that an SLA policy may ask for.
    #[arg(long = "max_sla_duration_secs", default_value = "2hrs")]
    pub max_sla_duration_secs: TimeAmount,
    /// Allow SLA policies in all tiers.
    #[arg(long = "sla_aware_kill_non_prod", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub sla_aware_kill_non_prod: bool,
    /// Add the constraint host:limit:1 to jobs that say nothing about hosts, and rack:limit:1 to production services.
    #[arg(long = "enable_legacy_constraints", num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_legacy_constraints: bool,
}

/// One of `-offer_order`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderName(OfferOrder);

impl FromStr for OrderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text.trim() {
            "CPU" => OfferOrder::Cpu,
            "MEMORY" => OfferOrder::Memory,
            "DISK" => OfferOrder::Disk,
            "REVOCABLE_CPU" => OfferOrder::RevocableCpu,
            "RANDOM" => OfferOrder::Random,
            other => return Err(format!("`{other}` is none of CPU, MEMORY, DISK, REVOCABLE_CPU, RANDOM")),
        }))
    }
}

/// One of `-allowed_container_types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerType {
    /// The agent's own.
    Mesos,
    /// Docker's engine.
    Docker,
}

impl FromStr for ContainerType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "MESOS" => Ok(Self::Mesos),
            "DOCKER" => Ok(Self::Docker),
            other => Err(format!("`{other}` is none of MESOS, DOCKER")),
        }
    }
}

/// One of `-default_docker_parameters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerParameter {
    name: Arc<str>,
    value: Arc<str>,
}

impl FromStr for DockerParameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not name=value"))?;
        Ok(Self { name: Arc::from(name), value: Arc::from(value) })
    }
}

/// Why flags cannot work together, or with the files they name.
#[derive(Debug, thiserror::Error)]
pub enum CoreFlagsError {
    /// A setting the core refuses.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// No regular expression.
    #[error("-allowed_job_environments is not a regular expression")]
    Environments(#[source] regex::Error),
    /// The tiers' file is not there.
    #[error("cannot read -tier_config {}", file.display())]
    UnreadableTiers {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file of executors cannot be used.
    #[error(transparent)]
    Executors(#[from] CustomExecutorError),
    /// The tiers' file is no such file.
    #[error(
        "-tier_config {} is not like {{\"default\":\"d\",\"tiers\":{{\"d\":{{\"preemptible\":true,\"revocable\":false}}}}}}",
        file.display()
    )]
    MalformedTiers {
        /// The file.
        file: PathBuf,
        /// Where it differs.
        #[source]
        source: serde_json::Error,
    },
    /// The file lacks what it must have.
    #[error("-tier_config {}: {missing}", file.display())]
    IncompleteTiers {
        /// The file.
        file: PathBuf,
        /// In upstream's words (`spec/scheduler.md` §4.1).
        missing: &'static str,
    },
    /// No job could name it.
    #[error("-tier_config {}: the name of tier `{name}` may have letters, digits, `_`, `-` and `.` only", file.display())]
    BadTierName {
        /// The file.
        file: PathBuf,
        /// The name.
        name: String,
    },
    /// The default tier is none of the tiers.
    #[error(
        "-tier_config {}: Default tier name should match supplied tiers. There is no tier `{default}`",
        file.display()
    )]
    NoDefaultTier {
        /// The file.
        file: PathBuf,
        /// The default's name.
        default: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierFile {
    #[serde(default)]
    default: String,
    #[serde(default)]
    tiers: BTreeMap<String, TierEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    #[serde(default)]
    preemptible: bool,
    #[serde(default)]
    revocable: bool,
}

fn read_tiers(file: &Path) -> Result<Tiers, CoreFlagsError> {
    let text = fs::read_to_string(file)
        .map_err(|source| CoreFlagsError::UnreadableTiers { file: file.to_owned(), source })?;
    let incomplete = |missing| Err(CoreFlagsError::IncompleteTiers { file: file.to_owned(), missing });
    if text.trim().is_empty() {
        return incomplete("configuration cannot be empty");
    }
    let read: TierFile = serde_json::from_str(&text)
        .map_err(|source| CoreFlagsError::MalformedTiers { file: file.to_owned(), source })?;
    if let Some(name) = read.tiers.keys().find(|name| !is_good_identifier(name)) {
        return Err(CoreFlagsError::BadTierName { file: file.to_owned(), name: name.clone() });
    }
    if read.default.is_empty() {
        return incomplete("Default tier name cannot be empty.");
    }
    if read.tiers.is_empty() {
        return incomplete("Tiers cannot be empty.");
    }
    if !read.tiers.contains_key(&read.default) {
        return Err(CoreFlagsError::NoDefaultTier { file: file.to_owned(), default: read.default });
    }
    let tier = |entry: TierEntry| Tier { preemptible: entry.preemptible, revocable: entry.revocable };
    Ok(Tiers {
        default: Arc::from(read.default),
        tiers: read.tiers.into_iter().map(|(name, entry)| (Arc::from(name), tier(entry))).collect(),
    })
}

fn environment_rule(pattern: &str) -> Result<EnvironmentRule, regex::Error> {
    let whole = Regex::new(&format!("^(?:{pattern})$"))?;
    Ok(EnvironmentRule { pattern: Arc::from(pattern), allows: Arc::new(move |name| whole.is_match(name)) })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and NaN becomes 0: refused"
)]
fn per_1000_s(per_second: f64) -> u64 {
    (per_second * 1000.0).round() as u64
}

impl JobFlags {
    fn policy(&self) -> Result<JobPolicy, CoreFlagsError> {
        let environments = self
            .allowed_job_environments
            .as_deref()
            .map(environment_rule)
            .transpose()
            .map_err(CoreFlagsError::Environments)?;
        Ok(JobPolicy {
            environments: environments.unwrap_or_default(),
            tasks_per_job_max: self.max_tasks_per_job,
            docker_parameters: self.allow_docker_parameters,
            default_docker_parameters: self
                .default_docker_parameters
                .iter()
                .map(|parameter| (Arc::clone(&parameter.name), Arc::clone(&parameter.value)))
                .collect(),
            docker_needs_executor: self.require_docker_use_executor,
            mesos_containers: self.allowed_container_types.contains(&ContainerType::Mesos),
            docker_containers: self.allowed_container_types.contains(&ContainerType::Docker),
            container_volumes: self.allow_container_volumes,
            gpus: self.allow_gpu_resource,
            fetcher: self.enable_mesos_fetcher,
            sla_instances_min: self.min_required_instances_for_sla_check,
            sla_duration_max: self.max_sla_duration_secs.millis(),
            sla_for_non_production: self.sla_aware_kill_non_prod,
            legacy_constraints: self.enable_legacy_constraints,
            ..JobPolicy::default()
        })
    }
}

impl CoreFlags {
    /// What to tell about values that work, but hardly as meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let held = self.min_offer_hold_time.millis() + self.offer_hold_jitter_window.millis();
        if self.unavailability_threshold.millis() < held {
            warnings.push(
                "-unavailability_threshold is less than -min_offer_hold_time and -offer_hold_jitter_window together: an \
                 offer held that long may get tasks that its agent's maintenance ends soon after"
                    .to_owned(),
            );
        }
        if self.enable_update_affinity {
            warnings.push(
                "-enable_update_affinity has no effect yet: this version does not have job updates"
                    .to_owned(),
            );
        }
        warnings
    }

    /// As the core wants it, checked.
    ///
    /// # Errors
    /// A value cannot work, or the file of tiers is not one.
    pub fn config(
        &self,
        executor: &ExecutorFlags,
        collector: &CollectorFlags,
    ) -> Result<CoreConfig, CoreFlagsError> {
        let executors = executor.settings()?;
        let mut policy = self.jobs.policy()?;
        policy.executors.extend(executors.custom.keys().cloned());
        let config = CoreConfig {
            policy,
            tiers: self.jobs.tier_config.as_deref().map(read_tiers).transpose()?.unwrap_or_default(),
            executor_overhead: executors.overheads(),
            collection_interval: collector.interval(),
            layers: LayerSizes::default(),
            search: SearchSizes::default(),
            revocable_cpus: self.enable_revocable_cpus,
            revocable_ram: self.enable_revocable_ram,
            schedule_attempts_per_1000_s: per_1000_s(self.max_schedule_attempts_per_sec),
            tasks_per_attempt: self.max_tasks_per_schedule_attempt,
            first_schedule_delay: self.first_schedule_delay.millis(),
            schedule_penalty_min: self.initial_schedule_penalty.millis(),
            schedule_penalty_max: self.max_schedule_penalty.millis(),
            startup_delay_max: self.max_reschedule_task_delay_on_startup.millis(),
            flapping_threshold: self.flapping_task_threshold.millis(),
            flapping_delay_min: self.initial_flapping_task_delay.millis(),
            flapping_delay_max: self.max_flapping_task_delay.millis(),
            hold_offers_forever: self.hold_offers_forever,
            offer_hold_min: self.min_offer_hold_time.millis(),
            offer_hold_jitter: self.offer_hold_jitter_window.millis(),
            offer_filter: self.offer_filter_duration.millis(),
            static_bans_max: usize::try_from(self.offer_static_ban_cache_max_size).unwrap_or(usize::MAX),
            offer_order: self.offer_order.iter().map(|order| order.0).collect(),
            unavailability_threshold: self.unavailability_threshold.millis(),
            offer_reservation: self.offer_reservation_duration.millis(),
            enable_preemptor: self.enable_preemptor,
            preemption_delay: self.preemption_delay.millis(),
            preemption_slot_hold: self.preemption_slot_hold_time.millis(),
            preemption_search_initial_delay: self.preemption_slot_search_initial_delay.millis(),
            preemption_search_interval: self.preemption_slot_search_interval.millis(),
            preemption_batch_size: self.preemption_reservation_max_batch_size,
            enable_update_affinity: self.enable_update_affinity,
            update_affinity_hold: self.update_affinity_reservation_hold_time.millis(),
            transient_timeout: self.transient_task_state_timeout.millis(),
            kill_retry_min: self.initial_task_kill_retry_interval.millis(),
            reconciliation_initial_delay: self.reconciliation_initial_delay.millis(),
            reconciliation_explicit_interval: self.reconciliation_explicit_interval.millis(),
            reconciliation_implicit_interval: self.reconciliation_implicit_interval.millis(),
            reconciliation_spread: self.reconciliation_schedule_spread.millis(),
            reconciliation_batch_size: self.reconciliation_explicit_batch_size,
            reconciliation_batch_interval: self.reconciliation_explicit_batch_interval.millis(),
            history_max_age: self.history_prune_threshold.millis(),
            history_max_per_job: self.history_max_per_job_threshold,
            history_min_retention: self.history_min_retention_threshold.millis(),
        };
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::thrift;
    use scheduler_core::validate::validate_task;

    use super::*;

    #[test]
    fn environments_are_matched_whole() {
        let rule = environment_rule(r"prod|staging\d*").unwrap();
        assert!((rule.allows)("staging12") && (rule.allows)("prod"));
        assert!(!(rule.allows)("production") && !(rule.allows)("a-prod"));
        assert!(environment_rule("(").is_err());
    }

    #[test]
    fn tiers_are_read_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiers.json");
        fs::write(&file, r#"{"default":"a","tiers":{"a":{"preemptible":false,"revocable":true}}}"#).unwrap();
        let tiers = read_tiers(&file).unwrap();
        assert!(tiers.is_revocable("a"));
        fs::write(&file, r#"{"default":"b","tiers":{}}"#).unwrap();
        assert!(read_tiers(&file).unwrap_err().to_string().contains("Tiers cannot be empty."));
        fs::write(&file, "{").unwrap();
        assert!(matches!(read_tiers(&file), Err(CoreFlagsError::MalformedTiers { .. })));
    }

    #[test]
    fn sched_112_tiers_decide_what_is_production_and_what_their_file_lacks_is_said() {
        let in_tier = |tier: Option<&str>, production: bool| {
            let wire = thrift::TaskConfig {
                tier: tier.map(str::to_owned),
                production: Some(production),
                ..thrift::TaskConfig::from(&crate::testing::config())
            };
            validate_task(&wire, 1, &JobPolicy::default(), &Tiers::default())
                .map(|config| (config.tier.to_string(), config.production))
                .map_err(|invalid| invalid.0[0].clone())
        };
        assert_eq!(in_tier(None, false), Ok(("preemptible".to_owned(), false)));
        assert_eq!(in_tier(None, true), Ok(("preemptible".to_owned(), false)));
        assert_eq!(in_tier(Some("revocable"), true), Ok(("revocable".to_owned(), false)));
        assert_eq!(in_tier(Some("preferred"), false), Ok(("preferred".to_owned(), true)));
        assert_eq!(
            in_tier(Some("Revocable"), true),
            Err("Invalid tier 'Revocable' in TaskConfig.".to_owned())
        );

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiers.json");
        let error = |text: &str| {
            fs::write(&file, text).unwrap();
            read_tiers(&file).unwrap_err().to_string()
        };
        for (text, message) in [
            ("", "configuration cannot be empty"),
            (r#"{"tiers":{"a":{}}}"#, "Default tier name cannot be empty."),
            (r#"{"default":"a"}"#, "Tiers cannot be empty."),
            (r#"{"default":"b","tiers":{"a":{}}}"#, "Default tier name should match supplied tiers."),
        ] {
            let told = error(text);
            assert!(told.contains(message), "{told}");
            assert!(told.contains(&file.display().to_string()), "{told}");
        }
        let told = error(r#"{"default":"a b","tiers":{"a b":{}}}"#);
        assert!(told.contains("the name of tier `a b` may have letters"), "{told}");
        fs::write(&file, r#"{"default":"a","tiers":{"a":{"production":true}}}"#).unwrap();
        assert!(matches!(read_tiers(&file), Err(CoreFlagsError::MalformedTiers { .. })));
        fs::write(&file, r#"{"default":"a","tiers":{"a":{}}}"#).unwrap();
        assert!(read_tiers(&file).unwrap().tiers["a"].is_production());
    }
}
