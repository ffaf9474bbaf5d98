//! Whatever waits has its timer, and no timer outlives what it waits for.

use std::collections::BTreeSet;

use aurora_api::task::{Task, TaskStatus};
use scheduler_core::{CoreConfig, TimerKey, View};

use super::Violation;
use crate::mirror::Mirror;
use crate::timers::Timers;

const NAME: &str = "timers fit what waits";

/// Checks all timers of a scheduler that has nothing to do at once.
///
/// # Errors
/// One is missing, or one is left over.
pub(crate) fn check(
    view: &View,
    mirror: &Mirror,
    timers: &Timers,
    config: &CoreConfig,
    has_subscribed: bool,
) -> Result<(), Violation> {
    let mut pending = BTreeSet::new();
    for (task, config) in mirror.tasks() {
        for key in expected(task) {
            is_set(timers, &key)?;
        }
        if task.status == TaskStatus::Pending {
            pending.insert(config.0);
            is_set(timers, &TimerKey::ScheduleGroup(config.0))?;
        }
    }
    if has_subscribed {
        is_set(timers, &TimerKey::ReconcileExplicit)?;
        is_set(timers, &TimerKey::ReconcileImplicit)?;
        if config.enable_preemptor {
            is_set(timers, &TimerKey::PreemptionSearch)?;
        }
    }
    if !config.hold_offers_forever {
        for offer in view.offers() {
            is_set(timers, &TimerKey::OfferHold(offer.id.clone()))?;
        }
    }
    for key in timers.keys() {
        let status = |task| mirror.status(task);
        let is_needed = match key {
            TimerKey::ScheduleGroup(group) => pending.contains(group),
            TimerKey::TransientTimeout(task, wanted) => status(task) == Some(*wanted),
            TimerKey::KillRetry(task) => status(task) == Some(TaskStatus::Killing),
            TimerKey::Throttle(task) => status(task) == Some(TaskStatus::Throttled),
            TimerKey::Partition(task) => status(task) == Some(TaskStatus::Partitioned),
            _ => true,
        };
        if !is_needed {
            return Err(Violation::new(NAME, format!("{key:?} is left over")));
        }
    }
    Ok(())
}

fn is_set(timers: &Timers, key: &TimerKey) -> Result<(), Violation> {
    if timers.is_set(key) { Ok(()) } else { Err(Violation::new(NAME, format!("{key:?} is missing"))) }
}

/// The timers that the task's status needs.
fn expected(task: &Task) -> Vec<TimerKey> {
    let id = || task.id.clone();
    let timeout = TimerKey::TransientTimeout(id(), task.status);
    match task.status {
        TaskStatus::Killing => vec![timeout, TimerKey::KillRetry(id())],
        TaskStatus::Assigned | TaskStatus::Restarting | TaskStatus::Preempting | TaskStatus::Draining => {
            vec![timeout]
        }
        TaskStatus::Throttled => vec![TimerKey::Throttle(id())],
        TaskStatus::Partitioned if task.config.partition_policy.is_none_or(|policy| policy.reschedule) => {
            vec![TimerKey::Partition(id())]
        }
        _ if task.status.is_terminal() => vec![TimerKey::Prune],
        _ => Vec::new(),
    }
}
