//! What came of it.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{HostName, InstanceKey, JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::View;
use scheduler_core::backup::Backup;

use super::cluster::Cluster;

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When the snapshot was taken.
    pub taken_at: Timestamp,
    /// How many hosts it has.
    pub hosts: usize,
    /// How many of its tasks were active.
    pub active: usize,
    /// How many of them were pending.
    pub pending_before: usize,
    /// Hosts that were taken away.
    pub removed_hosts: BTreeSet<HostName>,
    /// Hosts of which it is not known what they have; nothing is placed there.
    pub unmeasured_hosts: Vec<HostName>,
    /// The jobs of which something moved, or waits.
    pub jobs: Vec<JobAnswer>,
    /// Jobs that would be refused, with the reasons.
    pub refused: Vec<(String, Vec<String>)>,
    /// How many tasks are pending in the end.
    pub pending: usize,
}

/// Why a job's tasks needed a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The job is new.
    Added,
    /// Their hosts were taken away.
    Displaced,
    /// They had to go for others.
    Preempted,
    /// They were pending in the snapshot already.
    Waiting,
    /// They were moved for another reason: their hosts are drained, or they were lost.
    Moved,
}

/// What became of a job's tasks that needed a place for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobAnswer {
    /// The job.
    pub key: JobKey,
    /// Why they needed one.
    pub why: Why,
    /// Those that have one.
    pub placed: Vec<Placed>,
    /// Those that have none.
    pub pending: Vec<Pending>,
}

/// Instances on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The host.
    pub host: HostName,
    /// The instances.
    pub instances: BTreeSet<u32>,
}

/// Instances that wait, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The instances.
    pub instances: BTreeSet<u32>,
    /// Every reason, as a sentence.
    pub reasons: Vec<String>,
}

impl Answer {
    pub(super) fn new(
        before: &Backup,
        removed_hosts: &BTreeSet<HostName>,
        displaced: &BTreeSet<TaskId>,
        added: &BTreeSet<JobKey>,
        refused: Vec<(String, Vec<String>)>,
        unmeasured_hosts: Vec<HostName>,
        cluster: &Cluster,
    ) -> Self {
        let view = cluster.view();
        let was_active: BTreeMap<InstanceKey, &Task> = before
            .tasks
            .iter()
            .filter(|task| task.status.is_active())
            .map(|task| (task.instance_key(), task))
            .collect();
        let why = |task: &Task| {
            let key = task.instance_key();
            let was = was_active.get(&key);
            if added.contains(&key.job) {
                Some(Why::Added)
            } else if was.is_some_and(|was| displaced.contains(&was.id)) {
                Some(Why::Displaced)
            } else if cluster.preempted.contains(&key) {
                Some(Why::Preempted)
            } else if was.is_none_or(|was| !was.status.is_assigned()) {
                Some(Why::Waiting)
            } else if was.is_some_and(|was| was.id != task.id) {
                Some(Why::Moved)
            } else {
                None
            }
        };
        let mut jobs: BTreeMap<(JobKey, Why), Vec<&Task>> = BTreeMap::new();
        let is_waiting = |task: &&Task| matches!(task.status, TaskStatus::Pending | TaskStatus::Throttled);
        for task in view.tasks().map(|task| &**task).filter(|task| task.status.is_active()) {
            let why = why(task).or_else(|| is_waiting(&task).then_some(Why::Waiting));
            if let Some(why) = why {
                jobs.entry((task.config.job.clone(), why)).or_default().push(task);
            }
        }
        let count = |status| view.count(status);
        Self {
            taken_at: before.taken_at,
            hosts: before.hosts.len(),
            active: was_active.len(),
            pending_before: was_active.values().filter(|task| is_waiting(&&***task)).count(),
            removed_hosts: removed_hosts.clone(),
            unmeasured_hosts,
            pending: count(TaskStatus::Pending) + count(TaskStatus::Throttled),
            jobs: jobs
                .into_iter()
                .map(|((key, why), tasks)| JobAnswer {
                    key,
                    why,
                    placed: placed(&tasks),
                    pending: pending(&view, &tasks),
                })
                .collect(),
            refused,
        }
    }
}

fn placed(tasks: &[&Task]) -> Vec<Placed> {
    let mut hosts: BTreeMap<&HostName, BTreeSet<u32>> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.status.is_assigned()) {
        if let Some(place) = &task.assignment {
            hosts.entry(&place.host).or_default().insert(task.instance);
        }
    }
    hosts.into_iter().map(|(host, instances)| Placed { host: host.clone(), instances }).collect()
}

/// Instances that wait for the same reasons are told together.
fn pending(view: &View, tasks: &[&Task]) -> Vec<Pending> {
    let mut reasons: BTreeMap<Vec<String>, BTreeSet<u32>> = BTreeMap::new();
    for task in tasks {
        let lines = match task.status {
            TaskStatus::Pending if view.host_count() == 0 => {
                vec!["no host is left: name others with --agents".to_owned()]
            }
            TaskStatus::Pending => view.pending_lines(&task.id),
            TaskStatus::Throttled => vec!["it ended too often in a short time, and is held back".to_owned()],
            _ => continue,
        };
        reasons.entry(lines).or_default().insert(task.instance);
    }
    reasons.into_iter().map(|(reasons, instances)| Pending { instances, reasons }).collect()
}
