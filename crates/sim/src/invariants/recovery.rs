//! The journal gives back what memory holds, byte for byte.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::effect::Batch;
use scheduler_core::{Core, CoreConfig, View};

use super::Violation;
use crate::mirror::Mirror;
use crate::world::{Journal, identity};

const NAME: &str = "recovery equals memory";

/// Recovers another core from the journal and compares.
///
/// # Errors
/// The bytes differ, or the journal cannot be read.
pub fn same_bytes(core: &Core, journal: &Journal, config: &CoreConfig) -> Result<(), Violation> {
    let mut batch = Batch::default();
    let recovered = Core::recover(
        config.clone(),
        identity(),
        0,
        journal.snapshot.as_deref(),
        &journal.records,
        // Nothing is old enough then to be pruned on the way.
        Timestamp::ZERO,
        &mut batch,
    )
    .map_err(|error| Violation::new(NAME, format!("the journal cannot be read: {error:?}")))?;
    if recovered.snapshot() == core.snapshot() {
        Ok(())
    } else {
        Err(Violation::new(NAME, "the snapshot of the recovered core is another"))
    }
}

/// Compares memory with what was made durable, for one task.
///
/// # Errors
/// They differ.
pub fn same_task(view: &View, mirror: &Mirror, id: &TaskId) -> Result<(), Violation> {
    let (memory, durable) = (view.task(id), mirror.task(id));
    let is_same = match (memory, durable) {
        (Some(memory), Some(durable)) => Arc::ptr_eq(memory, durable) || memory == durable,
        (None, None) => true,
        _ => false,
    };
    if is_same {
        Ok(())
    } else {
        Err(Violation::new(NAME, format!("in memory {memory:?}, durable {durable:?}")))
    }
}

/// Compares what is known of hosts and roles.
///
/// # Errors
/// It differs.
pub fn same_hosts_and_quotas(view: &View, mirror: &Mirror) -> Result<(), Violation> {
    if let Some(host) = mirror.hosts().find(|host| view.host(&host.host) != Some(*host)) {
        let memory = view.host(&host.host);
        return Err(Violation::new(NAME, format!("in memory {memory:?}, durable {host:?}")));
    }
    if let Some((role, quota)) = mirror.quotas().find(|(role, quota)| view.quota(role) != *quota) {
        let memory = view.quota(role);
        return Err(Violation::new(NAME, format!("{role} has {memory} in memory, durable {quota}")));
    }
    let counts = (view.hosts().count(), view.quotas().count());
    if counts == (mirror.hosts().count(), mirror.quotas().count()) {
        Ok(())
    } else {
        Err(Violation::new(NAME, format!("{counts:?} hosts and quotas in memory are not durable")))
    }
}

/// Compares what the view's indexes of tasks by status and by host find with a look at all tasks.
///
/// # Errors
/// They differ.
pub fn same_indexes(view: &View, mirror: &Mirror) -> Result<(), Violation> {
    let set = |tasks: &mut dyn Iterator<Item = &Arc<Task>>| -> (usize, BTreeSet<TaskId>) {
        let ids: Vec<TaskId> = tasks.map(|task| task.id.clone()).collect();
        (ids.len(), ids.into_iter().collect())
    };
    for status in TaskStatus::ALL {
        let all = mirror.tasks().map(|(task, _)| task);
        let expected = set(&mut all.filter(|task| task.status == status));
        let found = set(&mut view.tasks_with_status(status));
        if found != expected {
            return Err(Violation::new(NAME, format!("{status}: found {found:?}, durable {expected:?}")));
        }
    }
    for host in mirror.hosts() {
        let expected: BTreeSet<TaskId> = mirror.on_host(&host.host).cloned().collect();
        let found = set(&mut view.tasks_on_host(&host.host));
        if found != (expected.len(), expected.clone()) {
            let what = format!("on {}: found {found:?}, durable {expected:?}", host.host);
            return Err(Violation::new(NAME, what));
        }
    }
    Ok(())
}

/// Compares all tasks, and the counts that the view's indexes give.
///
/// # Errors
/// They differ.
pub fn same_tasks(view: &View, mirror: &Mirror) -> Result<(), Violation> {
    for (task, _) in mirror.tasks() {
        same_task(view, mirror, &task.id)?;
    }
    let by_status: usize = TaskStatus::ALL.into_iter().map(|status| view.count(status)).sum();
    let by_job: usize = view.jobs().map(|(_, job)| job.active_count() + job.ended_count()).sum();
    if (view.task_count(), by_status, by_job) == (mirror.len(), mirror.len(), mirror.len()) {
        Ok(())
    } else {
        let what = format!(
            "{} tasks in memory, {by_status} by status, {by_job} by job, {} durable",
            view.task_count(),
            mirror.len()
        );
        Err(Violation::new(NAME, what))
    }
}
