//! Tasks and hosts, found by id, job, status and host.

use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{FrameworkId, HostName, JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use imbl::{OrdMap, OrdSet};

use super::{Inconsistent, JobTasks};
use crate::operation::{ConfigId, HostAttributes};
use crate::quota::Quota;

/// A stored task with the id of its configuration.
#[derive(Clone, Debug)]
struct Row {
    task: Arc<Task>,
    config: ConfigId,
}

/// The tables. Cloning them is cheap: clones share what neither changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(super) framework: Option<FrameworkId>,
    tasks: OrdMap<TaskId, Row>,
    jobs: OrdMap<JobKey, JobTasks>,
    by_status: OrdMap<TaskStatus, OrdSet<TaskId>>,
    /// Tasks that are on an agent (`TaskStatus::is_assigned`).
    by_host: OrdMap<HostName, OrdSet<TaskId>>,
    hosts: OrdMap<HostName, Arc<HostAttributes>>,
    quotas: OrdMap<Arc<str>, Quota>,
}

/// When the task's last event happened.
pub(crate) fn last_event_at(task: &Task) -> Timestamp {
    task.last_event().map_or(Timestamp::ZERO, |event| event.at)
}

/// The host the task is on, if it is on one.
fn place(task: &Task) -> Option<&HostName> {
    task.assignment.as_ref().filter(|_| task.status.is_assigned()).map(|assignment| &assignment.host)
}

impl Tables {
    pub(crate) fn framework(&self) -> Option<&FrameworkId> {
        self.framework.as_ref()
    }

    pub(crate) fn task(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(id).map(|row| &row.task)
    }

    pub(crate) fn config_id(&self, id: &TaskId) -> Option<ConfigId> {
        self.tasks.get(id).map(|row| row.config)
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Arc<Task>, ConfigId)> {
        self.tasks.values().map(|row| (&row.task, row.config))
    }

    pub(crate) fn job(&self, key: &JobKey) -> Option<&JobTasks> {
        self.jobs.get(key)
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = (&JobKey, &JobTasks)> {
        self.jobs.iter()
    }

    pub(crate) fn count(&self, status: TaskStatus) -> usize {
        self.by_status.get(&status).map_or(0, OrdSet::len)
    }

    pub(crate) fn with_status(&self, status: TaskStatus) -> impl Iterator<Item = &TaskId> {
        self.by_status.get(&status).into_iter().flatten()
    }

    /// Every task that is on an agent.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = &Arc<Task>> {
        TaskStatus::ALL
            .into_iter()
            .filter(|status| status.is_assigned())
            .flat_map(|status| self.with_status(status))
            .filter_map(|id| self.task(id))
    }

    pub(crate) fn on_host(&self, host: &HostName) -> impl Iterator<Item = &TaskId> {
        self.by_host.get(host).into_iter().flatten()
    }

    pub(crate) fn host(&self, host: &HostName) -> Option<&Arc<HostAttributes>> {
        self.hosts.get(host)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Arc<HostAttributes>> {
        self.hosts.values()
    }

    pub(crate) fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// A role's quota: nothing if it has none.
    pub(crate) fn quota(&self, role: &str) -> Quota {
        self.quotas.get(role).copied().unwrap_or_default()
    }

    pub(crate) fn quotas(&self) -> impl Iterator<Item = (&Arc<str>, Quota)> {
        self.quotas.iter().map(|(role, quota)| (role, *quota))
    }

    pub(super) fn save_quota(&mut self, role: &Arc<str>, quota: Quota) {
        self.quotas.insert(Arc::clone(role), quota);
    }

    pub(super) fn save_host(&mut self, host: &Arc<HostAttributes>) {
        let old = self.hosts.insert(host.host.clone(), Arc::clone(host));
        if old.as_ref().is_some_and(|old| old.attributes == host.attributes) {
            return;
        }
        // The tasks on it count for its new attributes now.
        for id in self.by_host.get(&host.host).into_iter().flatten() {
            let Some(row) = self.tasks.get(id) else { continue };
            if let Some(job) = self.jobs.get_mut(&row.task.config.job) {
                job.places.remove(&host.host, old.as_deref());
                job.places.add(&host.host, Some(host));
            }
        }
    }

    /// Stores a task; says which configuration it had before, if it was there.
    pub(super) fn save(
        &mut self,
        task: Arc<Task>,
        config: ConfigId,
    ) -> Result<Option<ConfigId>, Inconsistent> {
        let active = self.jobs.get(&task.config.job).and_then(|job| job.active.get(&task.instance));
        if let Some(first) = active
            && task.status.is_active()
            && *first != task.id
        {
            return Err(Inconsistent::TwoActive { first: first.clone(), second: task.id.clone() });
        }
        let old = self.remove(&task.id);
        self.index(&task);
        self.tasks.insert(task.id.clone(), Row { task, config });
        Ok(old)
    }

    /// Forgets a task; says which configuration it had, if it was there.
    pub(super) fn remove(&mut self, id: &TaskId) -> Option<ConfigId> {
        let Row { task, config } = self.tasks.remove(id)?;
        self.unindex(&task);
        Some(config)
    }

    fn index(&mut self, task: &Task) {
        let job = self.jobs.entry(task.config.job.clone()).or_default();
        if task.status.is_active() {
            job.active.insert(task.instance, task.id.clone());
        } else if task.status.is_terminal() {
            job.ended.insert((last_event_at(task), task.id.clone()));
        }
        self.by_status.entry(task.status).or_default().insert(task.id.clone());
        if let Some(host) = place(task) {
            self.by_host.entry(host.clone()).or_default().insert(task.id.clone());
            job.places.add(host, self.hosts.get(host).map(|host| &**host));
        }
    }

    fn unindex(&mut self, task: &Task) {
        if let Some(job) = self.jobs.get_mut(&task.config.job) {
            if let Some(host) = place(task) {
                job.places.remove(host, self.hosts.get(host).map(|host| &**host));
            }
            if task.status.is_active() {
                job.active.remove(&task.instance);
            } else {
                job.ended.remove(&(last_event_at(task), task.id.clone()));
            }
            if job.is_empty() {
                self.jobs.remove(&task.config.job);
            }
        }
        if let Some(ids) = self.by_status.get_mut(&task.status) {
            ids.remove(&task.id);
        }
        if let Some(host) = place(task)
            && let Some(ids) = self.by_host.get_mut(host)
        {
            ids.remove(&task.id);
            if ids.is_empty() {
                self.by_host.remove(host);
            }
        }
    }
}
