//! What is durable, as an independent reader of the operations understands it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::{HostName, InstanceKey, JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::Operation;
use scheduler_core::operation::{ConfigId, HostAttributes};
use scheduler_core::quota::Quota;

use crate::invariants::quota;

/// The durable state, kept apart from the core's memory.
#[derive(Debug, Default)]
pub struct Mirror {
    tasks: BTreeMap<TaskId, (Arc<Task>, ConfigId)>,
    active: BTreeMap<InstanceKey, TaskId>,
    jobs: BTreeMap<JobKey, BTreeSet<TaskId>>,
    hosts: BTreeMap<HostName, Arc<HostAttributes>>,
    on_host: BTreeMap<HostName, BTreeSet<TaskId>>,
    pending: BTreeMap<ConfigId, BTreeSet<TaskId>>,
    quotas: BTreeMap<Arc<str>, Quota>,
    /// What roles take of their quotas.
    consumption: BTreeMap<String, Quota>,
    forgotten: BTreeSet<TaskId>,
}

impl Mirror {
    /// Takes an operation that is durable now.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::SaveTask { task, config } => {
                self.take_out(&task.id);
                self.put_in(task, *config);
            }
            Operation::RemoveTask(id) => {
                self.take_out(id);
                self.forgotten.insert(id.clone());
            }
            Operation::SaveHost(host) => {
                self.hosts.insert(host.host.clone(), Arc::clone(host));
            }
            Operation::SaveQuota { role, quota } => {
                self.quotas.insert(Arc::clone(role), *quota);
            }
            _ => {}
        }
    }

    fn put_in(&mut self, task: &Arc<Task>, config: ConfigId) {
        let id = || task.id.clone();
        self.jobs.entry(task.config.job.clone()).or_default().insert(id());
        if task.status.is_active() {
            self.active.insert(task.instance_key(), id());
            self.count(task, 1);
        }
        if task.status == TaskStatus::Pending {
            self.pending.entry(config).or_default().insert(id());
        }
        if let Some(place) = task.assignment.as_ref().filter(|_| task.status.is_assigned()) {
            self.on_host.entry(place.host.clone()).or_default().insert(id());
        }
        self.tasks.insert(id(), (Arc::clone(task), config));
    }

    fn take_out(&mut self, id: &TaskId) {
        let Some((task, config)) = self.tasks.remove(id) else { return };
        let key = task.instance_key();
        if self.active.get(&key) == Some(id) {
            self.active.remove(&key);
        }
        if task.status.is_active() {
            self.count(&task, -1);
        }
        if let Some(job) = self.jobs.get_mut(&task.config.job) {
            job.remove(id);
        }
        if let Some(pending) = self.pending.get_mut(&config) {
            pending.remove(id);
            if pending.is_empty() {
                self.pending.remove(&config);
            }
        }
        if let Some(place) = &task.assignment
            && let Some(ids) = self.on_host.get_mut(&place.host)
        {
            ids.remove(id);
        }
    }

    fn count(&mut self, task: &Task, times: i64) {
        if quota::counts(&task.config) {
            let used = self.consumption.entry(task.config.job.role().to_owned()).or_default();
            *used = quota::sum(*used, Quota::of(&task.config.resources), times);
        }
    }

    /// A task and the id of its configuration.
    pub fn row(&self, id: &TaskId) -> Option<(&Arc<Task>, ConfigId)> {
        self.tasks.get(id).map(|(task, config)| (task, *config))
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<HostAttributes>> {
        self.hosts.values()
    }

    /// The tasks that are on a host.
    pub fn on_host(&self, host: &HostName) -> impl Iterator<Item = &TaskId> {
        self.on_host.get(host).into_iter().flatten()
    }

    /// Whether any task of a configuration is pending.
    pub fn is_pending(&self, config: ConfigId) -> bool {
        self.pending.contains_key(&config)
    }

    /// What a role's production tasks may take.
    pub fn quota(&self, role: &str) -> Quota {
        self.quotas.get(role).copied().unwrap_or_default()
    }

    /// All quotas that were set.
    pub fn quotas(&self) -> impl Iterator<Item = (&Arc<str>, Quota)> {
        self.quotas.iter().map(|(role, quota)| (role, *quota))
    }

    /// What they take.
    pub fn consumption(&self, role: &str) -> Quota {
        self.consumption.get(role).copied().unwrap_or_default()
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

    /// How many hosts are known.
    pub fn host_count(&self) -> usize {
        self.hosts.len()
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
