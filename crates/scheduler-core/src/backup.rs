//! Backups: the durable state in a file that other programs read, in the layout of upstream's (`spec/scheduler.md` §8.6, §8.7).
//!
//! Beyond upstream's fields a backup holds what each agent has, and the settings that say what tasks take. Upstream passes
//! over what it does not know, and an upstream backup is read here.

mod records;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::convert::ConvertError;
use aurora_api::ids::{FrameworkId, HostName, JobKey, TaskId};
use aurora_api::task::{Task, TaskConfig};
use aurora_api::thrift::{DecodeError, decode_binary, encode_binary};

use crate::codec::{CodecError, encode_snapshot};
use crate::config::CoreConfig;
use crate::operation::{ConfigId, HostAttributes, Operation};
use crate::quota::Quota;
use crate::state::{Inconsistent, State};
use crate::view::View;
use records::Snapshot;
pub use settings::Settings;

/// A backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// When it was made.
    pub taken_at: Timestamp,
    /// The registration with Mesos.
    pub framework: Option<FrameworkId>,
    /// Hosts by name.
    pub hosts: BTreeMap<HostName, HostAttributes>,
    /// All tasks, those that ended included.
    pub tasks: Vec<Task>,
    /// Quotas by role.
    pub quotas: BTreeMap<Arc<str>, Quota>,
    /// The scheduler's settings; none in a backup of upstream's.
    pub settings: Option<Settings>,
}

/// Why a file is no backup, or cannot be used as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It is something else, or only a part.
    #[error("it is no backup of a scheduler, or it is cut short")]
    Malformed(#[source] DecodeError),
    /// A field that every backup has is not there.
    #[error("it is no backup of a scheduler: it lacks `{0}`")]
    Missing(&'static str),
    /// A task cannot be read.
    #[error("its task {id} cannot be read")]
    Task {
        /// Its id.
        id: String,
        /// Why.
        #[source]
        source: ConvertError,
    },
    /// What is stored of a host cannot be read.
    #[error("its host {host} cannot be read")]
    Host {
        /// Its name.
        host: String,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// A setting cannot be read.
    #[error("its setting `{name}` is `{value}`, which cannot be read")]
    Setting {
        /// Its name.
        name: String,
        /// What it is.
        value: String,
    },
    /// Its parts contradict each other.
    #[error("its parts contradict each other")]
    Contradiction(#[source] Inconsistent),
}

impl Backup {
    /// Of the state that a view shows.
    pub fn of(view: &View, config: &CoreConfig, now: Timestamp) -> Self {
        Self {
            taken_at: now,
            framework: view.framework().cloned(),
            hosts: view.hosts().map(|host| (host.host.clone(), HostAttributes::clone(host))).collect(),
            tasks: view.tasks().map(|task| Task::clone(task)).collect(),
            quotas: view.quotas().map(|(role, quota)| (Arc::clone(role), quota)).collect(),
            settings: Some(Settings::of(config)),
        }
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        encode_binary(&Snapshot::from(self))
    }

    /// Reads a backup of this scheduler or of upstream's.
    ///
    /// # Errors
    /// It is none, or is damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, BackupError> {
        let snapshot: Snapshot = decode_binary(bytes).map_err(BackupError::Malformed)?;
        snapshot.read()
    }

    /// The state as [`crate::Core::recover`] takes it.
    ///
    /// # Errors
    /// Two tasks are active for one instance.
    pub fn snapshot(&self) -> Result<Vec<u8>, BackupError> {
        let mut state = State::default();
        let mut apply = |operation| state.apply(&operation).map_err(BackupError::Contradiction);
        if let Some(framework) = &self.framework {
            apply(Operation::SaveFramework(framework.clone()))?;
        }
        for host in self.hosts.values() {
            apply(Operation::SaveHost(Arc::new(host.clone())))?;
        }
        for (role, quota) in &self.quotas {
            apply(Operation::SaveQuota { role: Arc::clone(role), quota: *quota })?;
        }
        let mut configs: BTreeMap<&JobKey, Vec<(ConfigId, &Arc<TaskConfig>)>> = BTreeMap::new();
        let mut last = 0;
        for task in &self.tasks {
            let of_job = configs.entry(&task.config.job).or_default();
            let known = of_job.iter().find(|(_, config)| **config == task.config);
            let id = if let Some((id, _)) = known {
                *id
            } else {
                last += 1;
                of_job.push((ConfigId(last), &task.config));
                apply(Operation::SaveConfig { id: ConfigId(last), config: Arc::clone(&task.config) })?;
                ConfigId(last)
            };
            apply(Operation::SaveTask { task: Arc::new(task.clone()), config: id })?;
        }
        Ok(encode_snapshot(&state))
    }

    /// The tasks that are on one of these hosts.
    pub fn tasks_on<'a>(&'a self, hosts: &'a BTreeSet<HostName>) -> impl Iterator<Item = &'a TaskId> {
        let is_there = |task: &&Task| {
            task.status.is_assigned()
                && task.assignment.as_ref().is_some_and(|place| hosts.contains(&place.host))
        };
        self.tasks.iter().filter(is_there).map(|task| &task.id)
    }
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
