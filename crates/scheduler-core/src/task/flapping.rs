//! Penalties for tasks that do not stay up (`spec/scheduler.md` §2.6).

use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::task::{Task, TaskEvent, TaskStatus};

use crate::backoff::backoff;
use crate::config::CoreConfig;
use crate::handle::Core;
use crate::rng::CoreRng;
use crate::state::State;

/// Whether a run ended by itself too soon after it began to be in its last good state.
///
/// Being preempted is nobody's fault and does not count, though it does upstream (T6). Nor does it count that somebody else
/// ended the run, or that it was lost with its agent: an agent that is shut down in time kills its tasks. An agent that goes out
/// of reach and comes back changes nothing: neither the one nor the other is a start, however short before the end it was.
fn flapped(task: &Task, threshold: Millis) -> bool {
    let has_run = || task.events.iter().any(|event| event.status == TaskStatus::Running);
    let ended_by_itself = match task.status {
        TaskStatus::Killed => false,
        // What is lost before it runs may be lost each time.
        TaskStatus::Lost => !has_run(),
        _ => true,
    };
    let was_stopped = task.events.iter().any(|event| {
        matches!(
            event.status,
            TaskStatus::Restarting | TaskStatus::Killing | TaskStatus::Draining | TaskStatus::Preempting
        )
    });
    let is_start = |at: usize| {
        let is_partitioned = |event: &TaskEvent| event.status == TaskStatus::Partitioned;
        let event = &task.events[at];
        event.status.is_active()
            && !is_partitioned(event)
            && !(at > 0 && task.events.get(at - 1).is_some_and(is_partitioned))
    };
    let start = (0..task.events.len()).rev().find(|at| is_start(*at)).map(|at| &task.events[at]);
    match (task.last_event(), start) {
        (Some(last), Some(start)) if ended_by_itself && !was_stopped => last.at.since(start.at) < threshold,
        _ => false,
    }
}

/// How long the replacement of a task that has just ended must wait: not at all, unless it ended too soon itself.
///
/// Upstream does not look at how the task ended: a drained one, or one that ran for a year, is penalized for what its
/// ancestor did.
pub(super) fn penalty_after(state: &State, ended: &Task, config: &CoreConfig, rng: &mut CoreRng) -> Millis {
    if flapped(ended, config.flapping_threshold) { penalty(state, ended, config, rng) } else { Millis::ZERO }
}

/// How long the replacement of this task must wait: the more of its ancestors flapped in a row, the longer.
///
/// Compat: it looks at the ancestors of `task`, not at `task` itself, so the first quick end costs nothing
/// (`spec/scheduler.md` §2.6, T7).
fn penalty(state: &State, task: &Task, config: &CoreConfig, rng: &mut CoreRng) -> Millis {
    let mut penalty = Millis::ZERO;
    let mut next = task.ancestor.as_ref();
    while let Some(ancestor) = next.and_then(|id| state.task(id)) {
        if !flapped(ancestor, config.flapping_threshold) {
            break;
        }
        let longer = backoff(penalty, config.flapping_delay_min, config.flapping_delay_max, rng);
        if longer == penalty {
            break;
        }
        penalty = longer;
        next = ancestor.ancestor.as_ref();
    }
    penalty
}

impl Core {
    /// How long a pending task of a restarted scheduler still waits for its ancestors' sake.
    pub(crate) fn flapping_penalty(&mut self, task: &Task) -> Millis {
        penalty(&self.state, task, &self.config, &mut self.rng)
    }
}

const PENALIZED: (&str, &str) = ("Rescheduled, penalized for ", " ms for flapping");

/// The message of a replacement's first event.
pub(super) fn rescheduled_message(penalty: Millis) -> Arc<str> {
    if penalty > Millis::ZERO {
        Arc::from(format!("{}{}{}", PENALIZED.0, penalty.0, PENALIZED.1))
    } else {
        Arc::from("Rescheduled")
    }
}

/// The penalty that [`rescheduled_message`] wrote: the event is its only durable record, and the delay served is the one
/// that was announced (T7).
pub(crate) fn penalty_of_message(message: &str) -> Option<Millis> {
    let number = message.strip_prefix(PENALIZED.0)?.strip_suffix(PENALIZED.1)?;
    number.parse().ok().map(Millis)
}

#[cfg(test)]
#[path = "flapping_tests.rs"]
mod tests;
