//! The tasks of one job.

use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{HostName, JobKey};
use aurora_api::task::Task;
use imbl::{OrdMap, OrdSet};

use super::key::{TaskKey, job_number};
use super::numbered::{Keyed, Numbered};
use super::tables::last_event_at;
use crate::operation::{ConfigId, HostAttributes};

/// A stored task with the id of its configuration.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) task: Arc<Task>,
    pub(super) config: ConfigId,
}

/// One job's tasks: the active one of each instance, and the history.
#[derive(Clone, Debug)]
pub struct JobTasks {
    pub(super) key: JobKey,
    active: OrdMap<u32, Row>,
    /// All others by instance and the number of their run.
    others: OrdMap<(u32, u64), Row>,
    /// Those of them that have ended, by the time of their last event.
    ended: OrdSet<(Timestamp, u32, u64)>,
    /// Empty while no active task has a limit: nobody asks then.
    pub(super) places: Places,
    /// Active tasks whose configuration has a limit.
    pub(super) limited: usize,
}

impl JobTasks {
    pub(super) fn of(key: &JobKey) -> Self {
        Self {
            key: key.clone(),
            active: OrdMap::new(),
            others: OrdMap::new(),
            ended: OrdSet::new(),
            places: Places::default(),
            limited: 0,
        }
    }

    /// The active task of each instance, by instance.
    pub fn active(&self) -> impl Iterator<Item = (u32, &Arc<Task>)> {
        self.active.iter().map(|(instance, row)| (*instance, &row.task))
    }

    /// The active task of an instance.
    pub fn active_of(&self, instance: u32) -> Option<&Arc<Task>> {
        self.active.get(&instance).map(|row| &row.task)
    }

    /// The highest active instance.
    pub(crate) fn last_instance(&self) -> Option<u32> {
        self.active.get_max().map(|(instance, _)| *instance)
    }

    /// How many instances are active.
    pub fn active_count(&self) -> usize {
        self.active.len()
    }

    /// Ended tasks with the time of their last event, oldest first.
    pub fn ended(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &Arc<Task>)> {
        let row = |instance: u32, run: u64| self.others.get(&(instance, run));
        self.ended.iter().filter_map(move |(at, instance, run)| Some((*at, &row(*instance, *run)?.task)))
    }

    /// How many tasks of the job have ended and are not forgotten yet.
    pub fn ended_count(&self) -> usize {
        self.ended.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.others.is_empty()
    }

    /// All tasks, in an order that depends on nothing but themselves.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.active.values().chain(self.others.values())
    }

    /// The tasks that can have this key: of its instance, and its run if they are not active.
    pub(super) fn rows_of(&self, key: TaskKey) -> impl Iterator<Item = &Row> {
        self.active.get(&key.instance()).into_iter().chain(self.others.get(&(key.instance(), key.run())))
    }

    /// The task with this key.
    pub(super) fn keyed(&self, key: TaskKey) -> Option<&Row> {
        self.rows_of(key).find(|row| TaskKey::of(&row.task) == key)
    }

    /// Stores a task with this key, which is of the job.
    pub(super) fn put(&mut self, key: TaskKey, row: Row) {
        let task = &row.task;
        if task.status.is_active() {
            self.active.insert(task.instance, row);
            return;
        }
        if task.status.is_terminal() {
            self.ended.insert((last_event_at(task), key.instance(), key.run()));
        }
        self.others.insert((key.instance(), key.run()), row);
    }

    /// Takes out the task with this key, which is `task`.
    pub(super) fn take(&mut self, key: TaskKey, task: &Task) {
        if task.status.is_active() {
            self.active.remove(&task.instance);
            return;
        }
        self.ended.remove(&(last_event_at(task), key.instance(), key.run()));
        self.others.remove(&(key.instance(), key.run()));
    }
}

impl Keyed for Arc<JobTasks> {
    type Key = JobKey;

    fn number(key: &JobKey) -> u64 {
        job_number(key)
    }

    fn key(&self) -> &JobKey {
        &self.key
    }
}

/// How many hosts that got a task are looked up together. Tests want them looked up often.
const LATE_MAX: usize = if cfg!(test) { 2 } else { 8 };

/// How many tasks of a job are on agents, by attribute and value (`spec/scheduler.md` §2.10). Kept up to date with every
/// change, so that a limit costs the same however many instances the job has.
///
/// The hosts of the last few tasks are only noted: their attributes are looked up by who asks next, or when there are many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    counts: OrdMap<Arc<str>, OrdMap<Arc<str>, u32>>,
    /// Tasks on hosts whose attributes are not stored.
    unknown: OrdMap<HostName, u32>,
    /// Hosts of tasks that are not counted yet.
    late: Vec<HostName>,
}

impl Places {
    /// Tasks on hosts with this value.
    pub(crate) fn count(&self, name: &str, value: &str) -> u32 {
        self.counts.get(name).and_then(|values| values.get(value)).copied().unwrap_or(0)
    }

    /// The values of an attribute that have tasks, with how many.
    pub(crate) fn counts(&self, name: &str) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.counts.get(name).into_iter().flatten().map(|(value, tasks)| (value, *tasks))
    }

    /// How many values of an attribute have tasks.
    pub(crate) fn value_count(&self, name: &str) -> usize {
        self.counts.get(name).map_or(0, OrdMap::len)
    }

    /// A host that has a task, but no attributes stored.
    pub(crate) fn unknown(&self) -> Option<&HostName> {
        self.unknown.get_min().map(|(host, _)| host)
    }

    /// A task is on a host; says whether it is time to look up the noted ones.
    pub(super) fn note(&mut self, host: &HostName) -> bool {
        self.late.push(host.clone());
        self.late.len() > LATE_MAX
    }

    /// A task is not on a host any more.
    pub(super) fn leave(&mut self, host: &HostName, hosts: &Numbered<Arc<HostAttributes>>) {
        match self.late.iter().position(|late| late == host) {
            Some(place) => {
                self.late.swap_remove(place);
            }
            None => self.remove(host, hosts.get(host).map(|host| &**host)),
        }
    }

    /// Counts what is only noted.
    pub(super) fn settle(&mut self, hosts: &Numbered<Arc<HostAttributes>>) {
        for host in std::mem::take(&mut self.late) {
            self.add(&host, hosts.get(&host).map(|host| &**host));
        }
    }

    pub(super) fn add(&mut self, host: &HostName, attributes: Option<&HostAttributes>) {
        let Some(host) = attributes else {
            *self.unknown.entry(host.clone()).or_insert(0) += 1;
            return;
        };
        for (name, values) in &host.attributes {
            let counts = self.counts.entry(Arc::clone(name)).or_default();
            for value in values {
                *counts.entry(Arc::clone(value)).or_insert(0) += 1;
            }
        }
    }

    pub(super) fn remove(&mut self, host: &HostName, attributes: Option<&HostAttributes>) {
        let Some(host) = attributes else {
            decrease(&mut self.unknown, host);
            return;
        };
        for (name, values) in &host.attributes {
            let Some(counts) = self.counts.get_mut(name) else { continue };
            for value in values {
                decrease(counts, value);
            }
            if counts.is_empty() {
                self.counts.remove(name);
            }
        }
    }
}

/// One fewer of something that is counted.
fn decrease<K: Ord + Clone>(counts: &mut OrdMap<K, u32>, key: &K) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => {
            counts.remove(key);
        }
    }
}
