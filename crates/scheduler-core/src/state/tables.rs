//! Tasks and hosts, found by id, job, status, host and role.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{FrameworkId, HostName, JobKey, TaskId};
use aurora_api::task::{ConstraintRule, Task, TaskConfig, TaskStatus};
use imbl::OrdMap;

use super::jobs::Row;
use super::key::{TaskKey, hash, job_number};
use super::layered::{LayerSizes, Layered};
use super::numbered::{Keyed, Numbered};
use super::{Inconsistent, JobTasks, Places};
use crate::operation::{ConfigId, HostAttributes};
use crate::quota::{Quota, Totals};

/// The tables. Cloning them is cheap: clones share what neither changes.
///
/// Every index says the same as a look at all of `tasks` would; `reindex` is the one place that keeps them so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(super) framework: Option<FrameworkId>,
    /// Jobs that have tasks, with all of them.
    jobs: Numbered<Arc<JobTasks>>,
    /// Tasks whose ids do not tell where they are, as upstream's old ones: from the key that the id tells to theirs.
    strangers: OrdMap<TaskKey, TaskKey>,
    /// The tasks in a status, and those on a host.
    index: Layered<Entry>,
    /// How many tasks there are.
    len: usize,
    /// How many tasks are in a status, by its number.
    counts: [usize; STATUS_NUMBERS],
    /// What the active tasks of a role take.
    by_role: OrdMap<Arc<str>, Totals>,
    hosts: Numbered<Arc<HostAttributes>>,
    quotas: OrdMap<Arc<str>, Quota>,
}

/// That a task has something in common with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// What: see [`in_status`] and [`at_host`].
    what: u64,
    task: TaskKey,
}

/// Being in a status. What is said of few tasks is near.
const fn in_status(status: TaskStatus) -> u64 {
    status as u64
}

/// Being on an agent of a host (`TaskStatus::is_assigned`). Hosts may share a number.
fn at_host(host: &HostName) -> u64 {
    hash(host.as_str()) | 1 << 63
}

/// The numbers that statuses have are below this one.
const STATUS_NUMBERS: usize = 19;

/// When the task's last event happened.
pub(crate) fn last_event_at(task: &Task) -> Timestamp {
    task.last_event().map_or(Timestamp::ZERO, |event| event.at)
}

/// The host the task is on, if it is on one.
fn place(task: &Task) -> Option<&HostName> {
    task.assignment.as_ref().filter(|_| task.status.is_assigned()).map(|assignment| &assignment.host)
}

/// What the task counts with against its role's quota.
fn consumer(task: &Task) -> Option<&TaskConfig> {
    task.status.is_active().then_some(&*task.config)
}

impl Keyed for Arc<HostAttributes> {
    type Key = HostName;

    fn key(&self) -> &HostName {
        &self.host
    }
}

impl Tables {
    pub(crate) fn framework(&self) -> Option<&FrameworkId> {
        self.framework.as_ref()
    }

    pub(crate) fn task(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.row(id).map(|(task, _)| task)
    }

    /// A task with the id of its configuration.
    pub(crate) fn row(&self, id: &TaskId) -> Option<(&Arc<Task>, ConfigId)> {
        self.stored(id).map(|row| (&row.task, row.config))
    }

    fn stored(&self, id: &TaskId) -> Option<&Row> {
        self.stored_at(TaskKey::of_id(id), id)
    }

    /// The task with an id that tells this key.
    fn stored_at(&self, key: TaskKey, id: &TaskId) -> Option<&Row> {
        let at = |key: TaskKey| {
            self.jobs.find_map(key.job(), |job| job.rows_of(key).find(|row| row.task.id == *id))
        };
        at(key).or_else(|| at(*self.strangers.get(&key)?))
    }

    /// The task with a key.
    fn keyed(&self, key: TaskKey) -> Option<&Row> {
        self.jobs.find_map(key.job(), |job| job.keyed(key))
    }

    /// Whether a task with this id could be stored as a new one.
    pub(crate) fn is_free(&self, id: &TaskId) -> bool {
        let key = TaskKey::of_id(id);
        self.keyed(key).is_none() && !self.strangers.contains_key(&key)
    }

    pub(crate) fn config_id(&self, id: &TaskId) -> Option<ConfigId> {
        self.row(id).map(|(_, config)| config)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All tasks, in an order that depends on nothing but themselves.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Arc<Task>, ConfigId)> {
        self.jobs.iter().flat_map(|job| job.rows()).map(|row| (&row.task, row.config))
    }

    pub(crate) fn job(&self, key: &JobKey) -> Option<&JobTasks> {
        self.jobs.get(key).map(|job| &**job)
    }

    /// In the order of their keys.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (&JobKey, &JobTasks)> {
        let mut jobs: Vec<_> = self.jobs.iter().map(|job| (&job.key, &**job)).collect();
        jobs.sort_unstable_by_key(|(key, _)| *key);
        jobs.into_iter()
    }

    fn job_mut(&mut self, key: &JobKey) -> Option<&mut JobTasks> {
        self.job_mut_at(job_number(key), key)
    }

    /// The job with this number.
    fn job_mut_at(&mut self, number: u64, key: &JobKey) -> Option<&mut JobTasks> {
        self.jobs.get_mut_at(number, key).map(Arc::make_mut)
    }

    pub(crate) fn count(&self, status: TaskStatus) -> usize {
        self.counts[status as usize]
    }

    /// The tasks of which something is said.
    fn indexed(&self, what: u64) -> impl Iterator<Item = &Arc<Task>> {
        let entry = |task| Entry { what, task };
        let entries = self.index.range(entry(TaskKey::MIN), entry(TaskKey::MAX));
        // Tasks of one job are neighbours.
        let mut latest: Option<&JobTasks> = None;
        entries.filter_map(move |Entry { task: key, .. }| {
            let row = latest.and_then(|job| job.keyed(key)).or_else(|| {
                self.jobs.find_map(key.job(), |job| {
                    let row = job.keyed(key)?;
                    latest = Some(job);
                    Some(row)
                })
            });
            Some(&row?.task)
        })
    }

    /// The tasks in a status, in an order that depends on nothing but themselves.
    pub(crate) fn with_status(&self, status: TaskStatus) -> impl Iterator<Item = &Arc<Task>> {
        self.indexed(in_status(status))
    }

    /// Whether any task is on an agent.
    pub(crate) fn has_assigned(&self) -> bool {
        TaskStatus::ALL.into_iter().any(|status| status.is_assigned() && self.count(status) > 0)
    }

    /// Every task that is on an agent.
    pub(crate) fn assigned(&self) -> impl Iterator<Item = &Arc<Task>> {
        let statuses = TaskStatus::ALL.into_iter().filter(|status| status.is_assigned());
        statuses.flat_map(|status| self.with_status(status))
    }

    pub(crate) fn on_host(&self, host: &HostName) -> impl Iterator<Item = &Arc<Task>> {
        self.indexed(at_host(host)).filter(move |task| place(task) == Some(host))
    }

    pub(crate) fn host(&self, host: &HostName) -> Option<&Arc<HostAttributes>> {
        self.hosts.get(host)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Arc<HostAttributes>> {
        self.hosts.iter()
    }

    pub(crate) fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// What a role's active tasks take.
    pub(crate) fn totals(&self, role: &str) -> Option<&Totals> {
        self.by_role.get(role)
    }

    /// The roles that have active tasks.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_role.keys()
    }

    /// A role's quota: nothing if it has none.
    pub(crate) fn quota(&self, role: &str) -> Quota {
        self.quotas.get(role).copied().unwrap_or_default()
    }

    pub(crate) fn quotas(&self) -> impl Iterator<Item = (&Arc<str>, Quota)> {
        self.quotas.iter().map(|(role, quota)| (role, *quota))
    }

    /// From now on the lists of changes to the indexes are as long as this.
    pub(super) fn set_layers(&mut self, sizes: LayerSizes) {
        self.index.set_sizes(sizes);
        self.jobs.set_sizes(sizes);
        self.hosts.set_sizes(sizes);
    }

    pub(super) fn save_quota(&mut self, role: &Arc<str>, quota: Quota) {
        self.quotas.insert(Arc::clone(role), quota);
    }

    pub(super) fn save_host(&mut self, host: &Arc<HostAttributes>) {
        let old = self.hosts.insert(Arc::clone(host));
        if old.as_ref().is_some_and(|old| old.attributes == host.attributes) {
            return;
        }
        // The tasks on it count for its new attributes now.
        let jobs: BTreeSet<JobKey> = self.on_host(&host.host).map(|task| task.config.job.clone()).collect();
        for key in jobs {
            if self.jobs.get(&key).is_some_and(|job| job.limited > 0) {
                let places = self.places_of(&key);
                if let Some(job) = self.job_mut(&key) {
                    job.places = places;
                }
            }
        }
    }

    /// Where a job's tasks are, for limits. Known as long as an active task has a limit.
    pub(crate) fn places(&self, job: &JobKey) -> Places {
        let mut places = self.jobs.get(job).map(|job| job.places.clone()).unwrap_or_default();
        places.settle(&self.hosts);
        places
    }

    /// Stores a task; says which configuration it had before, if it was there.
    pub(super) fn save(
        &mut self,
        task: Arc<Task>,
        config: ConfigId,
    ) -> Result<Option<ConfigId>, Inconsistent> {
        let (key, told) = (TaskKey::of(&task), TaskKey::of_id(&task.id));
        if let Some(first) = self.rival(&task, key) {
            return Err(Inconsistent::TwoActive { first, second: task.id.clone() });
        }
        let old = self.stored_at(told, &task.id).cloned();
        let old_key = old.as_ref().map(|Row { task: old, .. }| {
            let is_same = Arc::ptr_eq(&old.config, &task.config) && old.instance == task.instance;
            if is_same { key } else { TaskKey::of(old) }
        });
        if let Some(other) = self.of_equal_key(&task, key, told, old_key) {
            return Err(Inconsistent::OneKey { first: other.id.clone(), second: task.id.clone() });
        }
        let old_config = old.as_ref().map(|old| old.config);
        self.replace(old.map(|old| old.task).zip(old_key), Some((Row { task, config }, key)), told);
        Ok(old_config)
    }

    /// Another active task of the instance.
    fn rival(&self, new: &Task, key: TaskKey) -> Option<TaskId> {
        if !new.status.is_active() {
            return None;
        }
        let first = self.jobs.get_at(key.job(), &new.config.job)?.active_of(new.instance)?;
        (first.id != new.id).then(|| first.id.clone())
    }

    /// Another task that has the key of a task, or whose id tells the key that the task's id tells.
    fn of_equal_key(
        &self,
        new: &Task,
        key: TaskKey,
        told: TaskKey,
        old: Option<TaskKey>,
    ) -> Option<&Arc<Task>> {
        let stranger = || {
            let row = self.strangers.get(&told).and_then(|key| self.keyed(*key));
            row.filter(|row| row.task.id != new.id)
        };
        let other = if old == Some(key) { None } else { self.keyed(key) };
        other.or_else(|| if told == key { None } else { stranger() }).map(|row| &row.task)
    }

    /// Forgets a task; says which configuration it had, if it was there.
    pub(super) fn remove(&mut self, id: &TaskId) -> Option<ConfigId> {
        let told = TaskKey::of_id(id);
        let Row { task, config } = self.stored_at(told, id)?.clone();
        let key = TaskKey::of(&task);
        self.replace(Some((task, key)), None, told);
        Some(config)
    }

    /// Puts a task in the place of its older self, and changes the indexes where they differ. The id of both tells `told`.
    fn replace(&mut self, old: Option<(Arc<Task>, TaskKey)>, new: Option<(Row, TaskKey)>, told: TaskKey) {
        let new_task = new.as_ref().map(|(row, key)| (Arc::clone(&row.task), *key));
        let old = old.as_ref().map(|(task, key)| (&**task, *key));
        let now = new_task.as_ref().map(|(task, key)| (&**task, *key));
        self.move_row(old, new, told);
        let is_same_key = old.map(|(_, key)| key) == now.map(|(_, key)| key);
        let status = |(task, key): (&Task, TaskKey)| (task.status, key);
        let (old_status, new_status) = (old.map(status), now.map(status));
        if old_status != new_status {
            if let Some((old, task)) = old_status {
                self.index.remove(Entry { what: in_status(old), task });
                self.counts[old as usize] -= 1;
            }
            if let Some((new, task)) = new_status {
                self.index.insert(Entry { what: in_status(new), task });
                self.counts[new as usize] += 1;
            }
        }
        let (old_task, new_task) = (old.map(|(task, _)| task), now.map(|(task, _)| task));
        let (old_place, new_place) = (old_task.and_then(place), new_task.and_then(place));
        if old_place != new_place || !is_same_key {
            if let Some((host, (task, key))) = old_place.zip(old) {
                self.leave(host, key, task);
            }
            if let Some((host, (task, key))) = new_place.zip(now) {
                self.enter(host, key, task);
            }
        }
        let (old_config, new_config) = (old_task.and_then(consumer), new_task.and_then(consumer));
        if !is_same_config(old_config, new_config) {
            self.reconsume(old_config, new_config);
            self.relimit(old_config, new_config);
        }
        // A job that keeps the task is not empty.
        if let Some(job) = old_task.map(|task| &task.config.job)
            && new_task.is_none_or(|new| new.config.job != *job)
            && self.jobs.get(job).is_some_and(|job| job.is_empty())
        {
            self.jobs.remove(job);
        }
    }

    /// Keeps the tasks of jobs, and what ids do not tell.
    fn move_row(&mut self, old: Option<(&Task, TaskKey)>, new: Option<(Row, TaskKey)>, told: TaskKey) {
        self.len = self.len + usize::from(new.is_some()) - usize::from(old.is_some());
        let new_key = new.as_ref().map(|(_, key)| *key);
        let is_same_key = new_key == old.map(|(_, key)| key);
        if let Some((old, key)) = old {
            let is_overwritten = new.as_ref().is_some_and(|(new, _)| {
                let is_active = old.status.is_active() && new.task.status.is_active();
                is_active && is_same_key && new.task.config.job == old.config.job
            });
            if !is_overwritten && let Some(job) = self.job_mut_at(key.job(), &old.config.job) {
                job.take(key, old);
            }
            if told != key && !is_same_key {
                self.strangers.remove(&told);
            }
        }
        if let Some((new, key)) = new {
            if told != key && !is_same_key {
                self.strangers.insert(told, key);
            }
            match self.jobs.get_mut_at(key.job(), &new.task.config.job) {
                Some(job) => Arc::make_mut(job).put(key, new),
                None => {
                    let mut job = JobTasks::of(&new.task.config.job);
                    job.put(key, new);
                    self.jobs.add_at(key.job(), Arc::new(job));
                }
            }
        }
    }

    fn enter(&mut self, host: &HostName, key: TaskKey, task: &Task) {
        self.index.insert(Entry { what: at_host(host), task: key });
        // Nothing is copied for a job without limits.
        if self.jobs.get_at(key.job(), &task.config.job).is_some_and(|job| job.limited > 0)
            && let Some(job) = self.jobs.get_mut_at(key.job(), &task.config.job)
        {
            let places = &mut Arc::make_mut(job).places;
            if places.note(host) {
                places.settle(&self.hosts);
            }
        }
    }

    fn leave(&mut self, host: &HostName, key: TaskKey, task: &Task) {
        self.index.remove(Entry { what: at_host(host), task: key });
        // Nothing is copied for a job without limits.
        if self.jobs.get_at(key.job(), &task.config.job).is_some_and(|job| job.limited > 0)
            && let Some(job) = self.jobs.get_mut_at(key.job(), &task.config.job)
        {
            Arc::make_mut(job).places.leave(host, &self.hosts);
        }
    }

    /// One active task fewer, or one more, has a limit. With the first, the places of the job's tasks are put together; with
    /// the last they are forgotten.
    fn relimit(&mut self, old: Option<&TaskConfig>, new: Option<&TaskConfig>) {
        if let Some(config) = new.filter(|config| has_limit(config)) {
            let is_first = self.job_mut(&config.job).is_some_and(|job| {
                job.limited += 1;
                job.limited == 1
            });
            if is_first {
                let places = self.places_of(&config.job);
                if let Some(job) = self.job_mut(&config.job) {
                    job.places = places;
                }
            }
        }
        if let Some(config) = old.filter(|config| has_limit(config))
            && let Some(job) = self.job_mut(&config.job)
        {
            job.limited -= 1;
            if job.limited == 0 {
                job.places = Places::default();
            }
        }
    }

    fn places_of(&self, job: &JobKey) -> Places {
        let mut places = Places::default();
        let active = self.jobs.get(job).into_iter().flat_map(|job| job.active());
        for host in active.filter_map(|(_, task)| place(task)) {
            places.add(host, self.hosts.get(host).map(|host| &**host));
        }
        places
    }

    fn reconsume(&mut self, old: Option<&TaskConfig>, new: Option<&TaskConfig>) {
        if let Some(new) = new {
            let role = new.job.role();
            if let Some(totals) = self.by_role.get_mut(role) {
                totals.add(new);
            } else {
                let mut totals = Totals::default();
                totals.add(new);
                self.by_role.insert(Arc::from(role), totals);
            }
        }
        if let Some(old) = old
            && let Some(totals) = self.by_role.get_mut(old.job.role())
            && !totals.remove(old)
        {
            self.by_role.remove(old.job.role());
        }
    }
}

fn has_limit(config: &TaskConfig) -> bool {
    config.constraints.iter().any(|constraint| matches!(constraint.rule, ConstraintRule::Limit(_)))
}

fn is_same_config(old: Option<&TaskConfig>, new: Option<&TaskConfig>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => std::ptr::eq(old, new),
        _ => false,
    }
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
