//! What hangs on a status for as long as it lasts: timeouts, kills sent again, penalties, partitions, groups
//! (`spec/scheduler.md` §1.7).

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskStatus};

use crate::backoff::backoff;
use crate::effect::{Effect, TimerKey};
use crate::handle::{Core, Session, Step};
use crate::operation::ConfigId;
use crate::task::{ChangeResult, StatusChange, penalty_of_message};

/// How long to wait before looking again at a task that timed out while there was no Mesos to ask.
const UNHEARD_RETRY: Millis = Millis::from_secs(5);

/// A kill that is sent again until it worked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KillRetry {
    /// How long it waits this time.
    delay: Millis,
    /// Until when.
    due: Timestamp,
}

/// Statuses that must not last. STARTING may: health checks can take long (T2).
const fn is_transient(status: TaskStatus) -> bool {
    matches!(
        status,
        TaskStatus::Assigned
            | TaskStatus::Preempting
            | TaskStatus::Restarting
            | TaskStatus::Killing
            | TaskStatus::Draining
    )
}

impl Core {
    /// A task has left a status, or is gone.
    pub(crate) fn on_left(&mut self, task: &Task, from: TaskStatus, step: &mut Step<'_>) {
        if is_transient(from) {
            step.cancel_timer(TimerKey::TransientTimeout(task.id.clone(), from));
        }
        match from {
            TaskStatus::Pending => self.leave_group(task, step),
            TaskStatus::Throttled => step.cancel_timer(TimerKey::Throttle(task.id.clone())),
            TaskStatus::Partitioned => step.cancel_timer(TimerKey::Partition(task.id.clone())),
            TaskStatus::Killing if self.kill_retries.remove(&task.id).is_some() => {
                step.cancel_timer(TimerKey::KillRetry(task.id.clone()));
            }
            _ if from.is_terminal() => self.prune.forget(task),
            _ => {}
        }
    }

    /// A task has entered the status it has.
    pub(crate) fn on_entered(&mut self, task: &Task, config: ConfigId, step: &mut Step<'_>) {
        self.start_waiting(task, Millis::ZERO, step);
        if task.status == TaskStatus::Pending {
            self.join_group(task, config, self.config.first_schedule_delay, step);
        } else if task.status.is_terminal() {
            self.on_ended(task, step.now + self.config.history_max_age, step);
        }
    }

    /// Starts the timers of a status, of which `elapsed` is over already. Transient ones start anew after a failover.
    pub(crate) fn start_waiting(&mut self, task: &Task, elapsed: Millis, step: &mut Step<'_>) {
        let id = || task.id.clone();
        let rest = |delay: Millis| (delay - elapsed).max(Millis::ZERO);
        if is_transient(task.status) {
            step.set_timer_in(TimerKey::TransientTimeout(id(), task.status), self.config.transient_timeout);
        }
        match task.status {
            TaskStatus::Killing => self.schedule_kill_retry(&task.id, step),
            TaskStatus::Throttled => {
                let wait = rest(announced_penalty(task));
                step.count("task_throttle_ms_total", wait.0.unsigned_abs());
                step.count("task_throttle_events", 1);
                step.set_timer_in(TimerKey::Throttle(id()), wait);
            }
            TaskStatus::Partitioned => {
                if let Some(delay) = partition_delay(task) {
                    step.set_timer_in(TimerKey::Partition(id()), rest(delay));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn on_transient_timeout(&mut self, id: &TaskId, status: TaskStatus, step: &mut Step<'_>) {
        let Some(task) = self.state.task(id).filter(|task| task.status == status && is_transient(status))
        else {
            return;
        };
        let due = entered_at(task) + self.config.transient_timeout;
        let key = TimerKey::TransientTimeout(id.clone(), status);
        if self.session == Session::Never {
            // It may long have moved on; Mesos has not been heard yet.
            step.set_timer_in(key, UNHEARD_RETRY);
        } else if due > step.now {
            step.set_timer(key, due);
        } else {
            let lost = StatusChange::to(id, TaskStatus::Lost).expecting(status).because("Task timed out");
            if self.change_status(&lost, step) == ChangeResult::Success {
                step.count("timed_out_tasks", 1);
            }
        }
    }

    fn schedule_kill_retry(&mut self, id: &TaskId, step: &mut Step<'_>) {
        let last = self.kill_retries.get(id).map_or(Millis::ZERO, |retry| retry.delay);
        let (min, max) = (self.config.kill_retry_min, self.config.transient_timeout);
        let delay = backoff(last, min, max, &mut self.rng);
        let due = step.now + delay;
        self.kill_retries.insert(id.clone(), KillRetry { delay, due });
        step.set_timer(TimerKey::KillRetry(id.clone()), due);
    }

    pub(crate) fn on_kill_retry(&mut self, id: &TaskId, step: &mut Step<'_>) {
        if self.kill_retries.get(id).is_none_or(|retry| retry.due > step.now) {
            return;
        }
        let Some(task) = self.state.task(id).filter(|task| task.status == TaskStatus::Killing) else {
            return;
        };
        let agent = task.assignment.as_ref().map(|assignment| assignment.agent.clone());
        step.batch.effects.push(Effect::Kill { task: id.clone(), agent });
        step.count("task_kill_retries", 1);
        self.schedule_kill_retry(id, step);
    }

    pub(crate) fn on_throttle_served(&mut self, id: &TaskId, step: &mut Step<'_>) {
        let Some(task) = self.state.task(id).filter(|task| task.status == TaskStatus::Throttled) else {
            return;
        };
        let due = throttled_until(task);
        if due > step.now {
            step.set_timer(TimerKey::Throttle(id.clone()), due);
            return;
        }
        let pending = StatusChange::to(id, TaskStatus::Pending).expecting(TaskStatus::Throttled);
        self.change_status(&pending, step);
    }

    pub(crate) fn on_partitioned_too_long(&mut self, id: &TaskId, step: &mut Step<'_>) {
        let Some(task) = self.state.task(id).filter(|task| task.status == TaskStatus::Partitioned) else {
            return;
        };
        let Some(due) = partitioned_until(task) else { return };
        if due > step.now {
            // The timer was set for an earlier partition of the same task.
            step.set_timer(TimerKey::Partition(id.clone()), due);
            return;
        }
        let lost = StatusChange::to(id, TaskStatus::Lost)
            .expecting(TaskStatus::Partitioned)
            .because("Task partitioned for too long.");
        self.change_status(&lost, step);
    }
}

/// When the task entered the status it has.
pub(crate) fn entered_at(task: &Task) -> Timestamp {
    task.last_event().map_or(Timestamp::ZERO, |event| event.at)
}

/// When a throttled task has served its penalty.
pub(crate) fn throttled_until(task: &Task) -> Timestamp {
    entered_at(task) + announced_penalty(task)
}

/// The penalty that the task's last event announced.
fn announced_penalty(task: &Task) -> Millis {
    let message = task.last_event().and_then(|event| event.message.as_deref());
    message.and_then(penalty_of_message).unwrap_or_default()
}

/// When a partitioned task counts as lost; `None` is never.
pub(crate) fn partitioned_until(task: &Task) -> Option<Timestamp> {
    partition_delay(task).map(|delay| entered_at(task) + delay)
}

/// How long a partition is waited out, or for ever.
fn partition_delay(task: &Task) -> Option<Millis> {
    match task.config.partition_policy {
        None => Some(Millis::ZERO),
        Some(policy) => policy.reschedule.then(|| Millis::from_secs(policy.delay_secs.max(0))),
    }
}

#[cfg(test)]
#[path = "timeouts_tests.rs"]
mod tests;
