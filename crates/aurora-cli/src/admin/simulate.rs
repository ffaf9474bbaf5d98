//! `aurora_admin simulate`: what would happen, from a backup of the scheduler's state.

mod agents;
mod answer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use aurora_api::ids::HostName;
use aurora_api::thrift::{JobConfiguration, TierConfig};
use aurora_client::chain;
use sim::what_if::{Agent, Backup, CoreConfig, Question, lenient};

use super::failure;
use crate::arguments::{ConfigOptions, cores, megabytes};
use crate::configuration::{Configuration, fill_tier};
use crate::failure::Failure;
use crate::output;

/// The executor that `.aurora` files name, and what the scheduler's flags say it takes.
const EXECUTOR: &str = "AuroraExecutor";
const EXECUTOR_CPUS: f64 = 0.01;
const EXECUTOR_RAM_MB: i64 = 16;

/// What helps who has no backup.
const WHERE_BACKUPS_ARE: &str = "backups are in the scheduler's -backup_dir: `aurora_admin scheduler_list_backups CLUSTER` \
    names them, `aurora_admin scheduler_backup_now CLUSTER` makes one";

/// Says what would fit, and what would wait and why, if jobs came or hosts went.
///
/// It starts from a backup of a scheduler's state (-backup_dir, `aurora_admin scheduler_backup_now`) and runs the
/// scheduler's own decisions on it. Nothing is changed anywhere, and no cluster is asked.
#[derive(clap::Args, Debug)]
pub struct Simulate {
    /// The backup, of this scheduler or of upstream's.
    #[arg(long, value_name = "FILE")]
    snapshot: PathBuf,

    /// What agents have: the answer of http://MASTER:5050/slaves. Upstream's backups do not say; in others it replaces what
    /// they say of these agents. Agents that the backup does not know are added.
    #[arg(long, value_name = "FILE")]
    agents: Option<PathBuf>,

    /// Create the jobs of this file. May be repeated.
    #[arg(long, value_name = "FILE.aurora")]
    add_job: Vec<PathBuf>,

    /// Only the jobs of this cluster in those files.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    /// Hosts that go away with all that runs on them, separated by commas. May be repeated.
    #[arg(long, value_name = "HOST,HOST…", value_delimiter = ',', value_parser = host)]
    remove_hosts: Vec<HostName>,

    /// Processors that an executor takes; if not given, what the backup says, or the scheduler's default.
    #[arg(long, value_name = "CORES", value_parser = overhead_cores)]
    executor_cpus: Option<f64>,

    /// Memory that an executor takes; if not given, what the backup says, or the scheduler's default.
    #[arg(long, value_name = "SIZE", value_parser = megabytes)]
    executor_ram: Option<i64>,

    /// Whether -enable_legacy_constraints spreads the added jobs; if not given, what the backup says, or the scheduler's
    /// default.
    #[arg(long, value_name = "BOOL")]
    legacy_constraints: Option<bool>,

    /// How the answer is printed.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    output: String,

    #[command(flatten)]
    config: ConfigOptions,
}

/// A host to remove. An empty name, as of an empty variable, would leave a question that was not meant.
fn host(text: &str) -> Result<HostName, String> {
    match text.trim() {
        "" => Err("a host has a name, such as node-7".to_owned()),
        name => Ok(HostName::new(name)),
    }
}

/// Cores that something takes.
fn overhead_cores(text: &str) -> Result<f64, String> {
    let cores = cores(text)?;
    if cores < 0.0 { Err(format!("an executor cannot take {text} cores")) } else { Ok(cores) }
}

impl Simulate {
    /// Runs the command.
    pub fn run(self) -> Result<(), Failure> {
        let path = self.snapshot.display();
        let bytes = fs::read(&self.snapshot)
            .map_err(|error| failure(format!("cannot read {path}: {error}\n  {WHERE_BACKUPS_ARE}")))?;
        let backup = Backup::decode(&bytes).map_err(|error| {
            failure(format!("cannot use {path}: {}\n  {WHERE_BACKUPS_ARE}", chain(&error)))
        })?;
        let agents = self.agents.as_deref().map(read_agents).transpose()?.unwrap_or_default();
        let config = self.core_config(&backup);
        let question = Question {
            jobs: self.jobs(&config)?,
            removed_hosts: self.remove_hosts.iter().cloned().collect(),
            backup,
            agents,
            config,
        };
        let answer = question.answer().map_err(|error| failure(chain(&error)))?;
        if self.output == "json" {
            output::print(&format!("{:#}", answer::json(&answer)));
        } else {
            output::print(answer::text(&answer).trim_end());
        }
        Ok(())
    }

    /// The settings of the backup, then those of the command line.
    fn core_config(&self, backup: &Backup) -> CoreConfig {
        let mut config = CoreConfig::default();
        let overhead = Resources {
            cpus: MilliCpus::from_cores(EXECUTOR_CPUS),
            ram: Megabytes(EXECUTOR_RAM_MB),
            ..Resources::default()
        };
        config.executor_overhead.insert(Arc::from(EXECUTOR), overhead);
        if let Some(settings) = &backup.settings {
            settings.apply(&mut config);
        }
        lenient(&mut config);
        let executor = config.executor_overhead.entry(Arc::from(EXECUTOR)).or_default();
        if let Some(cpus) = self.executor_cpus {
            executor.cpus = MilliCpus::from_cores(cpus);
        }
        if let Some(ram) = self.executor_ram {
            executor.ram = Megabytes(ram);
        }
        if let Some(is_on) = self.legacy_constraints {
            config.policy.legacy_constraints = is_on;
        }
        config
    }

    /// The jobs of all files.
    fn jobs(&self, config: &CoreConfig) -> Result<Vec<JobConfiguration>, Failure> {
        let setting = |name: &str, value: bool| (name.to_owned(), value.to_string());
        let tiers: Vec<TierConfig> = config
            .tiers
            .tiers
            .iter()
            .map(|(name, tier)| TierConfig {
                name: Some(name.to_string()),
                settings: Some(
                    [setting("preemptible", tier.preemptible), setting("revocable", tier.revocable)].into(),
                ),
            })
            .collect();
        let mut jobs = Vec::new();
        for path in &self.add_job {
            let wrong = |text: String| failure(format!("{}: {text}", path.display()));
            let file = Configuration::load(path, &self.config).map_err(wrong)?;
            let of_file = file.all_jobs().map_err(wrong)?;
            let before = jobs.len();
            for job in of_file {
                if self.cluster.as_ref().is_some_and(|cluster| *cluster != job.cluster) {
                    continue;
                }
                let mut configuration = job.configuration;
                if let Some(task) = &mut configuration.task_config {
                    fill_tier(&tiers, Some(config.tiers.default.to_string()), task);
                }
                jobs.push(configuration);
            }
            if jobs.len() == before {
                let of_cluster =
                    self.cluster.as_ref().map(|name| format!(" of cluster {name}")).unwrap_or_default();
                return Err(failure(format!("{} has no job{of_cluster}", path.display())));
            }
        }
        Ok(jobs)
    }
}

fn read_agents(path: &Path) -> Result<Vec<Agent>, Failure> {
    let bytes = fs::read(path).map_err(|error| {
        let path = path.display();
        failure(format!(
            "cannot read {path}: {error}\n  get it with: curl http://MASTER:5050/slaves > {path}"
        ))
    })?;
    agents::parse(&bytes).map_err(|error| failure(format!("cannot use {}: {error}", path.display())))
}
