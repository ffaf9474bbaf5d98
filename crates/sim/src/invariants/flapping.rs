//! Only what flaps is delayed, and for as long as was said.

use aurora_api::amounts::Millis;
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::CoreConfig;

use super::Violation;
use crate::mirror::Mirror;

const NAME: &str = "only what flaps is delayed, as long as was said";

/// Checks a task that is about to be stored.
///
/// # Errors
/// It is throttled though the run before it did not end too soon by itself, or its penalty is not over.
pub fn check(before: &Mirror, task: &Task) -> Result<(), Violation> {
    match (before.status(&task.id), task.status) {
        (None, TaskStatus::Throttled) => {
            let ended = task.ancestor.as_ref().and_then(|id| before.task(id));
            let threshold = CoreConfig::default().flapping_threshold;
            if ended.is_some_and(|ended| has_flapped(ended, threshold)) {
                return Ok(());
            }
            Err(Violation::new(
                NAME,
                format!("{} is throttled after {:?}", task.id, ended.map(|task| &task.events)),
            ))
        }
        (Some(TaskStatus::Throttled), TaskStatus::Pending) => {
            let [.., throttled, pending] = task.events.as_slice() else { return Ok(()) };
            let served = pending.at.since(throttled.at);
            if told(throttled.message.as_deref()).is_some_and(|told| served >= told) {
                return Ok(());
            }
            Err(Violation::new(NAME, format!("{} served {served:?}: {:?}", task.id, throttled.message)))
        }
        _ => Ok(()),
    }
}

/// Whether it ended by itself, soon after it was started, or got on in starting.
fn has_flapped(task: &Task, threshold: Millis) -> bool {
    let has_run = task.events.iter().any(|event| event.status == TaskStatus::Running);
    if task.status == TaskStatus::Killed || task.status == TaskStatus::Lost && has_run {
        return false;
    }
    let mut start = None;
    let mut is_away = false;
    for event in &task.events {
        match event.status {
            TaskStatus::Restarting | TaskStatus::Killing | TaskStatus::Draining | TaskStatus::Preempting => {
                return false;
            }
            TaskStatus::Partitioned => is_away = true,
            status if status.is_active() && !std::mem::take(&mut is_away) => start = Some(event.at),
            _ => {}
        }
    }
    let end = task.events.last().map(|event| event.at);
    end.zip(start).is_some_and(|(end, start)| end.since(start) < threshold)
}

/// The penalty that a message names.
fn told(message: Option<&str>) -> Option<Millis> {
    message?.split(' ').find_map(|word| word.parse().ok()).map(Millis)
}
