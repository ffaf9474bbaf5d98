//! Tasks and hosts, found by id, job, status, host and role.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{FrameworkId, HostName, JobKey, TaskId};
use aurora_api::task::{ConstraintRule, Task, TaskConfig, TaskStatus};
use imbl::OrdMap;

use super::key::{TaskKey, hash};
use super::layered::Layered;
use super::numbered::{Keyed, Numbered};
use super::{Inconsistent, JobTasks, Places};
use crate::operation::{ConfigId, HostAttributes};
use crate::quota::{Quota, Totals};

/// A stored task with the id of its configuration.
#[derive(Clone, Debug)]
struct Row {
    task: Arc<Task>,
    config: ConfigId,
}

/// The tables. Cloning them is cheap: clones share what neither changes.
///
/// Every index says the same as a look at all of `tasks` would; `reindex` is the one place that keeps them so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(super) framework: Option<FrameworkId>,
    tasks: Layered<TaskKey, Row>,
    /// Jobs that have tasks. An instance's active task is in it, and every ended one.
    jobs: Numbered<Arc<JobTasks>>,
    /// Numbers of the keys of the tasks in a status, and how many tasks have the number. Plain numbers, as in `by_host`:
    /// what is changed while readers hold the table is copied, and numbers are copied without a look at what they name.
    by_status: Layered<(TaskStatus, u64), u32>,
    /// How many tasks are in a status, by its number.
    counts: [usize; STATUS_NUMBERS],
    /// Numbers of the hosts with tasks on an agent (`TaskStatus::is_assigned`), and of the keys of these tasks.
    by_host: Layered<(u64, u64), u32>,
    /// What the active tasks of a role take.
    by_role: OrdMap<Arc<str>, Totals>,
    hosts: Numbered<Arc<HostAttributes>>,
    quotas: OrdMap<Arc<str>, Quota>,
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

/// Where a task is among those of its job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot<'a> {
    Active(&'a JobKey, u32),
    Ended(&'a JobKey, Timestamp),
}

fn slot(task: &Task) -> Option<Slot<'_>> {
    let job = &task.config.job;
    if task.status.is_active() {
        Some(Slot::Active(job, task.instance))
    } else {
        task.status.is_terminal().then(|| Slot::Ended(job, last_event_at(task)))
    }
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
        let row = self.tasks.get(&TaskKey::of(id)).filter(|row| row.task.id == *id)?;
        Some((&row.task, row.config))
    }

    /// Whether a task with this id could be stored as a new one.
    pub(crate) fn is_free(&self, id: &TaskId) -> bool {
        !self.tasks.contains_key(&TaskKey::of(id))
    }

    pub(crate) fn config_id(&self, id: &TaskId) -> Option<ConfigId> {
        self.row(id).map(|(_, config)| config)
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// All tasks, in an order that their ids alone decide.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Arc<Task>, ConfigId)> {
        self.tasks.values().map(|row| (&row.task, row.config))
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
        self.jobs.get_mut(key).map(Arc::make_mut)
    }

    /// The job's tasks; none if it is new.
    fn job_entry(&mut self, key: &JobKey) -> &mut JobTasks {
        if self.jobs.get(key).is_none() {
            self.jobs.insert(Arc::new(JobTasks::of(key)));
        }
        self.job_mut(key).expect("the job was stored just now")
    }

    pub(crate) fn count(&self, status: TaskStatus) -> usize {
        self.counts[status as usize]
    }

    /// The tasks whose keys have a number.
    fn numbered(&self, number: u64) -> impl Iterator<Item = &Arc<Task>> {
        let rows = self.tasks.range(TaskKey::first_of(number)..);
        rows.take_while(move |(key, _)| key.number() == number).map(|(_, row)| &row.task)
    }

    /// Ids of the tasks in a status, in an order that the ids alone decide.
    pub(crate) fn with_status(&self, status: TaskStatus) -> impl Iterator<Item = &TaskId> {
        let numbers = self.by_status.range((status, 0)..=(status, u64::MAX));
        let tasks = numbers.flat_map(|((_, number), _)| self.numbered(*number));
        tasks.filter(move |task| task.status == status).map(|task| &task.id)
    }

    /// Whether any task is on an agent.
    pub(crate) fn has_assigned(&self) -> bool {
        self.by_host.len() > 0
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
        let of_host = hash(host.as_str());
        let numbers = self.by_host.range((of_host, 0)..=(of_host, u64::MAX));
        let tasks = numbers.flat_map(|((_, number), _)| self.numbered(*number));
        tasks.filter(move |task| place(task) == Some(host)).map(|task| &task.id)
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

    pub(super) fn save_quota(&mut self, role: &Arc<str>, quota: Quota) {
        self.quotas.insert(Arc::clone(role), quota);
    }

    pub(super) fn save_host(&mut self, host: &Arc<HostAttributes>) {
        let old = self.hosts.insert(Arc::clone(host));
        if old.as_ref().is_some_and(|old| old.attributes == host.attributes) {
            return;
        }
        // The tasks on it count for its new attributes now.
        let tasks = self.on_host(&host.host).filter_map(|id| self.task(id));
        let jobs: BTreeSet<JobKey> = tasks.map(|task| task.config.job.clone()).collect();
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
        let key = TaskKey::of(&task.id);
        if let Some(first) = self.rival(&task) {
            return Err(Inconsistent::TwoActive { first, second: task.id.clone() });
        }
        let old = self.tasks.insert(key, Row { task: Arc::clone(&task), config });
        if let Some(other) = old.as_ref().filter(|old| old.task.id != task.id) {
            let (first, second) = (other.task.id.clone(), task.id.clone());
            self.tasks.insert(key, other.clone());
            return Err(Inconsistent::OneKey { first, second });
        }
        self.reindex(key, old.as_ref().map(|old| &*old.task), Some(&task));
        Ok(old.map(|old| old.config))
    }

    /// Another active task of the instance.
    fn rival(&self, new: &Task) -> Option<TaskId> {
        if !new.status.is_active() {
            return None;
        }
        let first = self.jobs.get(&new.config.job).and_then(|job| job.active.get(&new.instance));
        first.filter(|first| **first != new.id).cloned()
    }

    /// Forgets a task; says which configuration it had, if it was there.
    pub(super) fn remove(&mut self, id: &TaskId) -> Option<ConfigId> {
        let key = TaskKey::of(id);
        self.tasks.get(&key).filter(|row| row.task.id == *id)?;
        let Row { task, config } = self.tasks.remove(&key)?;
        self.reindex(key, Some(&task), None);
        Some(config)
    }

    /// Changes the indexes where `new` differs from `old`.
    fn reindex(&mut self, key: TaskKey, old: Option<&Task>, new: Option<&Task>) {
        let status = |task: Option<&Task>| task.map(|task| task.status);
        if status(old) != status(new) {
            if let Some(old) = status(old) {
                self.by_status.alter((old, key.number()), one_fewer);
                self.counts[old as usize] -= 1;
            }
            if let Some(new) = status(new) {
                self.by_status.alter((new, key.number()), one_more);
                self.counts[new as usize] += 1;
            }
        }
        let (old_slot, new_slot) = (old.and_then(slot), new.and_then(slot));
        if old_slot != new_slot
            && let Some(task) = new.or(old)
        {
            self.reslot(key, &task.id, old_slot, new_slot);
        }
        let (old_place, new_place) = (old.and_then(place), new.and_then(place));
        let is_same_job = old.map(|task| &task.config.job) == new.map(|task| &task.config.job);
        if old_place != new_place || !is_same_job {
            if let Some((host, task)) = old_place.zip(old) {
                self.leave(host, key, task);
            }
            if let Some((host, task)) = new_place.zip(new) {
                self.enter(host, key, task);
            }
        }
        if let Some(job) = old.filter(|_| old_slot != new_slot).map(|task| &task.config.job)
            && self.jobs.get(job).is_some_and(|job| job.is_empty())
        {
            self.jobs.remove(job);
        }
        let (old, new) = (old.and_then(consumer), new.and_then(consumer));
        if !is_same_config(old, new) {
            self.reconsume(old, new);
            self.relimit(old, new);
        }
    }

    fn reslot(&mut self, key: TaskKey, id: &TaskId, old: Option<Slot<'_>>, new: Option<Slot<'_>>) {
        match old {
            Some(Slot::Active(job, instance)) => {
                if let Some(job) = self.job_mut(job) {
                    job.active.remove(&instance);
                }
            }
            Some(Slot::Ended(job, at)) => {
                if let Some(job) = self.job_mut(job) {
                    job.ended.remove(&(at, key));
                }
            }
            None => {}
        }
        match new {
            Some(Slot::Active(job, instance)) => {
                self.job_entry(job).active.insert(instance, id.clone());
            }
            Some(Slot::Ended(job, at)) => {
                self.job_entry(job).ended.insert((at, key), id.clone());
            }
            None => {}
        }
    }

    fn enter(&mut self, host: &HostName, key: TaskKey, task: &Task) {
        self.by_host.alter((hash(host.as_str()), key.number()), one_more);
        // Nothing is copied for a job without limits.
        if self.jobs.get(&task.config.job).is_some_and(|job| job.limited > 0)
            && let Some(job) = self.jobs.get_mut(&task.config.job)
        {
            let places = &mut Arc::make_mut(job).places;
            if places.note(host) {
                places.settle(&self.hosts);
            }
        }
    }

    fn leave(&mut self, host: &HostName, key: TaskKey, task: &Task) {
        self.by_host.alter((hash(host.as_str()), key.number()), one_fewer);
        // Nothing is copied for a job without limits.
        if self.jobs.get(&task.config.job).is_some_and(|job| job.limited > 0)
            && let Some(job) = self.jobs.get_mut(&task.config.job)
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
        let active = self.jobs.get(job).into_iter().flat_map(|job| job.active.values());
        for host in active.filter_map(|id| self.task(id)).filter_map(|task| place(task)) {
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

fn one_more(count: Option<&u32>) -> Option<u32> {
    Some(count.map_or(1, |count| count + 1))
}

fn one_fewer(count: Option<&u32>) -> Option<u32> {
    count.filter(|count| **count > 1).map(|count| count - 1)
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
