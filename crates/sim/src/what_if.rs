//! What would happen: the real core, from a backup, on agents that do at once what they are told.
//!
//! Hosts go, jobs come, virtual time passes until nothing moves any more; then it is told what runs where, and why the rest
//! waits. Nothing fails here and nothing is late: the question is what fits.

mod answer;
mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::ids::{AgentId, HostName, JobKey};
use aurora_api::job::JobConfiguration;
use aurora_api::thrift;
use scheduler_core::RecoverError;
use scheduler_core::validate::{EnvironmentRule, validate_job};

// What a question is made of.
pub use scheduler_core::CoreConfig;
pub use scheduler_core::backup::{Backup, BackupError, Settings};
pub use scheduler_core::operation::{Capacity, HostAttributes, MaintenanceMode};

pub use answer::{Answer, JobAnswer, Pending, Placed, Why};
use cluster::Cluster;

/// Attributes of an agent: name to values.
pub type Attributes = BTreeMap<Arc<str>, BTreeSet<Arc<str>>>;

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// The state to start from.
    pub backup: Backup,
    /// What agents have: instead of what the backup says of these hosts, or in addition to its hosts.
    pub agents: Vec<Agent>,
    /// Jobs to create.
    pub jobs: Vec<thrift::JobConfiguration>,
    /// Hosts that go away, with all that runs on them.
    pub removed_hosts: BTreeSet<HostName>,
    /// The scheduler's settings.
    pub config: CoreConfig,
}

/// An agent as an operator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its host.
    pub host: HostName,
    /// Its id.
    pub id: AgentId,
    /// Its attributes.
    pub attributes: Attributes,
    /// What it has in all.
    pub capacity: Capacity,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhatIfError {
    /// The state contradicts itself.
    #[error("the snapshot cannot be used")]
    Backup(#[source] BackupError),
    /// The state cannot be loaded.
    #[error("the snapshot cannot be loaded")]
    Recover(#[source] RecoverError),
    /// It is not known what the agents have.
    #[error(
        "the snapshot does not say what its {hosts} hosts have, as snapshots of upstream's schedulers never do: name them \
         with --agents FILE, where FILE is the answer of http://MASTER:5050/slaves"
    )]
    NoCapacity {
        /// How many there are.
        hosts: usize,
    },
    /// Hosts to remove are not there.
    #[error("there is no host {names} to remove; the snapshot has {known}")]
    UnknownHosts {
        /// Which.
        names: String,
        /// What there is.
        known: String,
    },
}

/// The most host names an error tells.
const NAMES_MAX: usize = 10;

impl Question {
    /// Simulates it.
    ///
    /// # Errors
    /// The snapshot cannot be used, or nothing is known of its agents.
    pub fn answer(mut self) -> Result<Answer, WhatIfError> {
        self.take_agents();
        self.check_hosts()?;
        let before = self.backup.clone();
        let displaced: BTreeSet<_> = before.tasks_on(&self.removed_hosts).cloned().collect();
        for host in &self.removed_hosts {
            self.backup.hosts.remove(host);
        }
        let unmeasured: Vec<HostName> = self
            .backup
            .hosts
            .values()
            .filter(|host| host.capacity.is_none())
            .map(|host| host.host.clone())
            .collect();
        let mut cluster = Cluster::start(&self.backup, quick(self.config.clone()), &displaced)?;
        cluster.settle();
        let mut refused: Vec<(String, Vec<String>)> = Vec::new();
        let mut added: BTreeSet<JobKey> = BTreeSet::new();
        for job in &self.jobs {
            match self.checked(job) {
                Err((key, reasons)) => refused.push((key, reasons)),
                Ok(job) => {
                    let key = job.key().clone();
                    match cluster.create(job) {
                        Ok(()) => {
                            added.insert(key);
                        }
                        Err(reasons) => refused.push((key.to_string(), reasons)),
                    }
                }
            }
        }
        cluster.settle();
        Ok(Answer::new(&before, &self.removed_hosts, &displaced, &added, refused, unmeasured, &cluster))
    }

    /// What is said of agents is believed more than the snapshot.
    fn take_agents(&mut self) {
        for agent in std::mem::take(&mut self.agents) {
            let known = self.backup.hosts.get(&agent.host);
            let host = HostAttributes {
                host: agent.host.clone(),
                // Tasks are known by the agent that the snapshot has.
                agent: known.map_or(agent.id, |known| known.agent.clone()),
                attributes: agent.attributes,
                mode: known.map_or(MaintenanceMode::None, |known| known.mode),
                capacity: Some(agent.capacity),
                gone: None,
            };
            self.backup.hosts.insert(agent.host, host);
        }
    }

    fn check_hosts(&self) -> Result<(), WhatIfError> {
        let hosts = &self.backup.hosts;
        let unknown: Vec<&str> = self
            .removed_hosts
            .iter()
            .filter(|host| !hosts.contains_key(*host))
            .map(HostName::as_str)
            .collect();
        if !unknown.is_empty() {
            let mut known: Vec<&str> = hosts.keys().take(NAMES_MAX).map(HostName::as_str).collect();
            let more = format!("and {} more", hosts.len().saturating_sub(NAMES_MAX));
            match known.len() {
                0 => known.push("none"),
                NAMES_MAX if hosts.len() > NAMES_MAX => known.push(&more),
                _ => {}
            }
            return Err(WhatIfError::UnknownHosts { names: unknown.join(", "), known: known.join(", ") });
        }
        if !hosts.is_empty() && hosts.values().all(|host| host.capacity.is_none()) {
            return Err(WhatIfError::NoCapacity { hosts: hosts.len() });
        }
        Ok(())
    }

    fn checked(&self, wire: &thrift::JobConfiguration) -> Result<JobConfiguration, (String, Vec<String>)> {
        let key = || {
            let key = wire.key.as_ref().and_then(|key| JobKey::try_from(key).ok());
            key.map_or_else(|| "a job without a good key".to_owned(), |key| key.to_string())
        };
        validate_job(wire, &self.config.policy, &self.config.tiers).map_err(|invalid| (key(), invalid.0))
    }
}

/// Rules that refuse no job for what it is: the scheduler it will be given to has its own.
pub fn lenient(config: &mut CoreConfig) {
    let policy = &mut config.policy;
    policy.environments = EnvironmentRule { pattern: Arc::from(".*"), allows: Arc::new(|_: &str| true) };
    policy.docker_containers = true;
    policy.docker_parameters = true;
    policy.docker_needs_executor = false;
    policy.container_volumes = true;
    policy.gpus = true;
    policy.fetcher = true;
    policy.sla_for_non_production = true;
    policy.sla_instances_min = 0;
}

/// The same decisions without the waiting that only spreads load.
fn quick(config: CoreConfig) -> CoreConfig {
    CoreConfig {
        startup_delay_max: Millis::ZERO,
        hold_offers_forever: true,
        schedule_attempts_per_1000_s: 1_000_000_000,
        history_max_age: Millis(i64::MAX / 4),
        history_min_retention: Millis(i64::MAX / 4),
        ..config
    }
}
