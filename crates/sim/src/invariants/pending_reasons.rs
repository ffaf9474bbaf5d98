//! Every pending task can say why.

use std::collections::BTreeMap;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus;
use scheduler_core::View;

use super::Violation;

/// How long a task may be pending without having been tried: the longest penalty of a group, the spread of a start, and
/// the wait for a permit, doubled.
const GRACE: Millis = Millis::from_secs(240);

/// Checks all pending tasks; `mute` remembers since when those without a reason have none.
///
/// # Errors
/// One has had none for too long.
pub fn check(
    view: &View,
    now: Timestamp,
    started_at: Timestamp,
    mute: &mut BTreeMap<TaskId, Timestamp>,
) -> Result<(), Violation> {
    let mut still = BTreeMap::new();
    for task in view.tasks_with_status(TaskStatus::Pending) {
        if reasons(view, &task.id) {
            continue;
        }
        let since = mute.get(&task.id).copied().unwrap_or(now).max(started_at);
        if now.since(since) > GRACE {
            let what = format!("{} has been pending without a reason since {}", task.id, since.0);
            return Err(Violation::new("every pending task can say why", what));
        }
        still.insert(task.id.clone(), since);
    }
    *mute = still;
    Ok(())
}

/// Whether the task has something to say.
pub(super) fn reasons(view: &View, id: &TaskId) -> bool {
    !view.pending_lines(id).is_empty()
}
