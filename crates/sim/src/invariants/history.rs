//! Only what ended long enough ago is forgotten, and nothing is kept longer than it should.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{JobKey, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::CoreConfig;

use super::Violation;
use crate::mirror::Mirror;

const NAME: &str = "history is kept as configured";

/// Checks that a task may be forgotten; `is_asked` is whether an administrator wants it.
///
/// # Errors
/// It lives, or ended too short a time ago.
pub fn check(
    before: &Mirror,
    id: &TaskId,
    is_asked: bool,
    config: &CoreConfig,
    now: Timestamp,
) -> Result<(), Violation> {
    let Some(task) = before.task(id) else { return Ok(()) };
    match task.status {
        // Killed before they were anywhere.
        TaskStatus::Pending | TaskStatus::Throttled => Ok(()),
        status if !status.is_terminal() => {
            Err(Violation::new(NAME, format!("{id} is {status} and is forgotten")))
        }
        _ if !is_asked && now.since(ended_at(task)) < config.history_min_retention => {
            let age = now.since(ended_at(task)).0;
            Err(Violation::new(NAME, format!("{id} is forgotten {age} ms after it ended")))
        }
        _ => Ok(()),
    }
}

/// Checks all that ended, in a scheduler that has been up since `started_at`.
///
/// # Errors
/// Something should have been forgotten.
pub fn check_all(
    mirror: &Mirror,
    config: &CoreConfig,
    now: Timestamp,
    started_at: Timestamp,
) -> Result<(), Violation> {
    let mut jobs: BTreeMap<&JobKey, Vec<(Timestamp, &Arc<Task>)>> = BTreeMap::new();
    for (task, _) in mirror.tasks().filter(|(task, _)| task.status.is_terminal()) {
        let ended = ended_at(task);
        let until = (ended + config.history_max_age)
            .max(ended + config.history_min_retention)
            .max(started_at + config.history_min_retention);
        if until < now {
            return Err(Violation::new(NAME, format!("{} should be forgotten since {}", task.id, until.0)));
        }
        jobs.entry(&task.config.job).or_default().push((ended, task));
    }
    for (job, mut ended) in jobs {
        let Some(surplus) = ended.len().checked_sub(config.history_max_per_job).filter(|more| *more > 0)
        else {
            continue;
        };
        ended.sort_by_key(|(at, _)| *at);
        // The history was looked at when the last one ended.
        let looked_at = ended.last().map_or(started_at, |(at, _)| (*at).max(started_at));
        let (oldest, task) = ended[0];
        if looked_at.since(oldest) > config.history_min_retention {
            let id = &task.id;
            return Err(Violation::new(NAME, format!("{job} keeps {surplus} too many, the first is {id}")));
        }
    }
    Ok(())
}

fn ended_at(task: &Task) -> Timestamp {
    task.last_event().map_or(Timestamp::ZERO, |event| event.at)
}
