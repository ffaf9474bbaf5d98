//! The durable state and its indexes.
//!
//! There is one way to change it, [`State::apply`], for decisions and for recovery alike: so what memory holds is what the
//! journal gives back. Tables are persistent maps, so that a view for readers costs nothing to take.

mod by_age;
mod configs;
mod jobs;
mod key;
mod layered;
mod numbered;
mod tables;

use std::sync::Arc;

use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskConfig};

use crate::operation::{ConfigId, Operation};
pub(crate) use configs::Configs;
pub use jobs::JobTasks;
pub(crate) use jobs::Places;
pub(crate) use key::{TaskKey, TextHasher, hash};
pub use layered::LayerSizes;
pub(crate) use tables::Tables;

/// Everything that survives a restart.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    tables: Tables,
    configs: Configs,
}

/// A change that contradicts the state. Decisions never make one, a damaged journal can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// A task refers to a configuration that is not stored.
    #[error("task {task} refers to the configuration {}, which is not stored", config.0)]
    UnknownConfig {
        /// The task.
        task: TaskId,
        /// Its configuration.
        config: ConfigId,
    },
    /// A configuration is stored under two ids, or two under one.
    #[error("the configuration {} of job {job} is stored twice", id.0)]
    ConfigTwice {
        /// The id.
        id: ConfigId,
        /// Its job.
        job: aurora_api::ids::JobKey,
    },
    /// A configuration in use is removed.
    #[error("the configuration {} is removed while {tasks} tasks use it", id.0)]
    ConfigInUse {
        /// The id.
        id: ConfigId,
        /// How many.
        tasks: u64,
    },
    /// Two active tasks of one instance.
    #[error("tasks {first} and {second} are both active for one instance")]
    TwoActive {
        /// The one that is stored.
        first: TaskId,
        /// The one that comes.
        second: TaskId,
    },
    /// Two tasks whose ids have one key. Ids that we make never do.
    #[error("tasks {first} and {second} cannot be told apart: their ids have one key")]
    OneKey {
        /// The one that is stored.
        first: TaskId,
        /// The one that comes.
        second: TaskId,
    },
}

impl State {
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(crate) fn configs(&self) -> &Configs {
        &self.configs
    }

    pub(crate) fn task(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.tables.task(id)
    }

    /// How long the lists of changes to the indexes are from now on.
    pub(crate) fn set_layers(&mut self, sizes: LayerSizes) {
        self.tables.set_layers(sizes);
    }

    /// A task with the id of its configuration.
    pub(crate) fn row(&self, id: &TaskId) -> Option<(&Arc<Task>, ConfigId)> {
        self.tables.row(id)
    }

    /// Makes one durable change, or none if it contradicts the state.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<(), Inconsistent> {
        match operation {
            Operation::SaveFramework(id) => self.tables.framework = Some(id.clone()),
            Operation::SaveConfig { id, config } => self.configs.save(*id, config)?,
            Operation::RemoveConfig(id) => self.configs.remove(*id)?,
            Operation::SaveTask { task, config } => self.save_task(task, *config)?,
            Operation::RemoveTask(id) => {
                if let Some(config) = self.tables.remove(id) {
                    self.configs.release(config);
                }
            }
            Operation::SaveHost(host) => self.tables.save_host(host),
            Operation::SaveQuota { role, quota } => self.tables.save_quota(role, *quota),
        }
        Ok(())
    }

    fn save_task(&mut self, task: &Arc<Task>, config: ConfigId) -> Result<(), Inconsistent> {
        let Some(stored) = self.configs.get(config) else {
            return Err(Inconsistent::UnknownConfig { task: task.id.clone(), config });
        };
        let task = shared_config(task, stored);
        let old = self.tables.save(task, config)?;
        self.configs.acquire(config);
        if let Some(old) = old {
            self.configs.release(old);
        }
        Ok(())
    }
}

/// The task, with its configuration shared with all others of the same.
fn shared_config(task: &Arc<Task>, config: &Arc<TaskConfig>) -> Arc<Task> {
    if Arc::ptr_eq(&task.config, config) {
        Arc::clone(task)
    } else {
        Arc::new(Task { config: Arc::clone(config), ..Task::clone(task) })
    }
}
