//! What is said and counted of status updates as they arrive (`spec/scheduler.md` §8.1, §10.3).

use std::time::Duration;

use aurora_api::amounts::Timestamp;
use mesos_v1::messages::task_status::{Reason, Source};
use mesos_v1::messages::{TaskState, TaskStatus};
use tracing::{debug, info};

use crate::stats::Stats;

/// Words of an executor that do not belong on one line of a log.
const TRUNCATED: &str = " (truncated)";

/// Counts an update that was taken: how long it was on its way, who lost a task, why tasks end.
pub fn count(stats: &Stats, status: &TaskStatus, now: Timestamp) {
    stats.count("scheduler_status_update", 1);
    let source = status.source.and_then(|source| Source::try_from(source).ok());
    if let (Some(source), Some(sent)) = (source, status.timestamp) {
        let delay = micros(now) - sent * 1e6;
        if delay > 0.0 {
            let took = Duration::try_from_secs_f64(delay / 1e6).unwrap_or(Duration::MAX);
            let name = format!("task_delivery_delay_{}_requests", source.as_str_name());
            stats.time_micros(name, took);
        }
    }
    if let Some(source) = source.filter(|_| status.state == i32::from(TaskState::TaskLost)) {
        stats.count(format!("task_lost_{}", source.as_str_name()), 1);
    }
    if let Some(reason) = reason(status) {
        stats.count(format!("task_exit_{}", reason.as_str_name()), 1);
    }
}

/// Tells the log; answers to reconciliation, of which there are thousands, only if it listens closely.
pub fn log(status: &TaskStatus) {
    let line = line(status);
    if is_answer(status) {
        debug!("{line}");
    } else {
        info!("{line}");
    }
}

/// Whether Mesos made the update up, to answer a question of ours.
fn is_answer(status: &TaskStatus) -> bool {
    reason(status) == Some(Reason::Reconciliation)
}

fn reason(status: &TaskStatus) -> Option<Reason> {
    status.reason.and_then(|reason| Reason::try_from(reason).ok())
}

fn line(status: &TaskStatus) -> String {
    let mut line = format!("status of task {}: {}", status.task_id, status.state().as_str_name());
    if status.source.is_some() {
        line.push_str(" from ");
        line.push_str(status.source().as_str_name());
    }
    if let Some(reason) = reason(status) {
        line.push_str(" with ");
        line.push_str(reason.as_str_name());
    }
    if let Some(message) = status.message.as_deref().filter(|message| !message.is_empty()) {
        let mut lines = message.lines();
        line.push_str(": ");
        line.push_str(lines.next().unwrap_or_default());
        if lines.next().is_some() {
            line.push_str(TRUNCATED);
        }
    }
    line
}

#[expect(clippy::cast_precision_loss, reason = "a time of day fits for hundreds of years")]
fn micros(at: Timestamp) -> f64 {
    at.0 as f64 * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::StatValue;

    fn update(state: TaskState, source: Option<Source>, reason: Option<Reason>, at: f64) -> TaskStatus {
        TaskStatus {
            task_id: "t".into(),
            state: state.into(),
            source: source.map(Into::into),
            reason: reason.map(Into::into),
            timestamp: Some(at),
            ..TaskStatus::default()
        }
    }

    #[test]
    fn sched_163_only_the_first_line_of_a_message_is_logged() {
        let mut status = update(TaskState::TaskFailed, Some(Source::Agent), None, 0.0);
        status.message = Some("A\nstring\nwith".to_owned());
        let text = line(&status);
        assert_eq!(text, "status of task t: TASK_FAILED from SOURCE_AGENT: A (truncated)");
        assert!(!is_answer(&status), "told to everybody");
        status.reason = Some(Reason::Reconciliation.into());
        assert!(line(&status).contains(" with REASON_RECONCILIATION"));
        assert!(is_answer(&status), "told only to who listens closely");
        status.message = Some("one line".to_owned());
        assert!(line(&status).ends_with(": one line"));
    }

    #[test]
    fn sched_165_updates_are_counted_by_source_and_reason() {
        let stats = Stats::default();
        let now = Timestamp(1_000_000_000);
        let (master, disconnected) = (Some(Source::Master), Some(Reason::AgentDisconnected));
        for status in [
            update(TaskState::TaskRunning, master, None, 999_999.0),
            update(TaskState::TaskLost, master, disconnected, 999_999.0),
            update(TaskState::TaskLost, None, disconnected, 999_999.0),
            update(TaskState::TaskLost, master, None, 1_000_000.0),
        ] {
            count(&stats, &status, now);
        }
        let all = stats.all();
        let value = |name: &str| match &all[name] {
            StatValue::Integer(number) => *number,
            other => panic!("{name} is {other:?}"),
        };
        assert_eq!(value("task_delivery_delay_SOURCE_MASTER_requests_micros_total"), 2_000_000);
        assert_eq!(value("task_delivery_delay_SOURCE_MASTER_requests_events"), 2);
        assert_eq!(value("task_delivery_delay_SOURCE_MASTER_requests_micros_per_event"), 1_000_000);
        assert_eq!(value("task_lost_SOURCE_MASTER"), 2);
        assert_eq!(value("task_exit_REASON_AGENT_DISCONNECTED"), 2);
        assert_eq!(value("scheduler_status_update"), 4);
    }
}
