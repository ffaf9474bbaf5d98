//! What is durable, as an independent reader of the operations understands it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::{HostName, InstanceKey, JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::Operation;
use scheduler_core::operation::{ConfigId, HostAttributes};

/// The durable state, kept apart from the core's memory.
#[derive(Debug, Default)]
pub struct Mirror {
    tasks: BTreeMap<TaskId, (Arc<Task>, ConfigId)>,
    active: BTreeMap<InstanceKey, TaskId>,
    jobs: BTreeMap<JobKey, BTreeSet<TaskId>>,
    hosts: BTreeMap<HostName, Arc<HostAttributes>>,
    forgotten: BTreeSet<TaskId>,
}

impl Mirror {
    /// Takes an operation that is durable now.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::SaveTask { task, config } => {
                let key = task.instance_key();
                if task.status.is_active() {
                    self.active.insert(key, task.id.clone());
                } else if self.active.get(&key) == Some(&task.id) {
                    self.active.remove(&key);
                }
                self.jobs.entry(task.config.job.clone()).or_default().insert(task.id.clone());
                self.tasks.insert(task.id.clone(), (Arc::clone(task), *config));
            }
            Operation::RemoveTask(id) => {
                let Some((task, _)) = self.tasks.remove(id) else { return };
                let key = task.instance_key();
                if self.active.get(&key) == Some(id) {
                    self.active.remove(&key);
                }
                if let Some(job) = self.jobs.get_mut(&task.config.job) {
                    job.remove(id);
                }
                self.forgotten.insert(id.clone());
            }
            Operation::SaveHost(host) => {
                self.hosts.insert(host.host.clone(), Arc::clone(host));
            }
            _ => {}
        }
    }

    /// A task by its id.
    pub fn task(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(id).map(|(task, _)| task)
    }

    /// All tasks with the ids of their configurations.
    pub fn tasks(&self) -> impl Iterator<Item = (&Arc<Task>, ConfigId)> {
        self.tasks.values().map(|(task, config)| (task, *config))
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// The active task of an instance.
    pub fn active(&self, key: &InstanceKey) -> Option<&TaskId> {
        self.active.get(key)
    }

    /// The tasks of a job.
    pub fn job(&self, key: &JobKey) -> impl Iterator<Item = &Arc<Task>> {
        self.jobs.get(key).into_iter().flatten().filter_map(|id| self.task(id))
    }

    /// What is known of a host.
    pub fn host(&self, host: &HostName) -> Option<&Arc<HostAttributes>> {
        self.hosts.get(host)
    }

    /// Whether the task was stored once, and is not any more.
    pub fn is_forgotten(&self, id: &TaskId) -> bool {
        self.forgotten.contains(id)
    }

    /// The task's status.
    pub fn status(&self, id: &TaskId) -> Option<TaskStatus> {
        self.task(id).map(|task| task.status)
    }
}
