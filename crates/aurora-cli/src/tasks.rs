//! Questions about the tasks of a job.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aurora_api::thrift::rpc::GetTasksWithoutConfigs;
use aurora_api::thrift::{Response, Result as Payload, ScheduleStatus, ScheduledTask, SlaPolicy, TaskQuery};
use aurora_client::Client;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::arguments::{ClusterJobKey, instance_ranges};
use crate::exit_code::ExitCode;
use crate::failure::{COMMAND_FAILURE, Failure, accepted};

/// The statuses of tasks that are alive or may become so (`spec/api.md` §1.2).
pub const ACTIVE: [ScheduleStatus; 10] = [
    ScheduleStatus::Assigned,
    ScheduleStatus::Draining,
    ScheduleStatus::Killing,
    ScheduleStatus::Pending,
    ScheduleStatus::Preempting,
    ScheduleStatus::Restarting,
    ScheduleStatus::Running,
    ScheduleStatus::Starting,
    ScheduleStatus::Partitioned,
    ScheduleStatus::Throttled,
];

const LIVE: [ScheduleStatus; 6] = [
    ScheduleStatus::Killing,
    ScheduleStatus::Preempting,
    ScheduleStatus::Restarting,
    ScheduleStatus::Draining,
    ScheduleStatus::Partitioned,
    ScheduleStatus::Running,
];

/// Whether a task has ended.
#[must_use]
pub fn is_terminal(status: ScheduleStatus) -> bool {
    matches!(
        status,
        ScheduleStatus::Failed | ScheduleStatus::Finished | ScheduleStatus::Killed | ScheduleStatus::Lost
    )
}

/// Whether a task has been running.
#[must_use]
pub fn has_run(status: ScheduleStatus) -> bool {
    LIVE.contains(&status) || is_terminal(status)
}

/// Whether a task is active.
#[must_use]
pub fn is_active(task: &ScheduledTask) -> bool {
    task.status.is_some_and(|status| ACTIVE.contains(&status))
}

/// The instance a task is a run of.
#[must_use]
pub fn instance_id(task: &ScheduledTask) -> i32 {
    task.assigned_task.as_ref().and_then(|assigned| assigned.instance_id).unwrap_or_default()
}

/// When a throttled task has served its penalty, in milliseconds: the scheduler writes the delay it keeps to into the event
/// (`spec/scheduler.md` §1.6).
#[must_use]
pub fn throttled_until(task: &ScheduledTask) -> Option<i64> {
    let event = task.task_events.iter().flatten().max_by_key(|event| event.timestamp)?;
    let message = event.message.as_deref().filter(|_| event.status == Some(ScheduleStatus::Throttled))?;
    let penalty = message.strip_prefix("Rescheduled, penalized for ")?.strip_suffix(" ms for flapping")?;
    event.timestamp?.checked_add(penalty.parse().ok()?)
}

/// Tells instances of which the same is to be said together, as there may be thousands: `0-2,5 are`.
pub fn together<T: PartialEq>(told: impl IntoIterator<Item = (T, i32)>) -> Vec<(T, String)> {
    let mut groups: Vec<(T, Vec<i64>)> = Vec::new();
    for (what, instance) in told {
        match groups.iter_mut().find(|(other, _)| *other == what) {
            Some((_, instances)) => instances.push(instance.into()),
            None => groups.push((what, vec![instance.into()])),
        }
    }
    let subject = |(what, instances): (T, Vec<i64>)| {
        let verb = if instances.len() == 1 { "is" } else { "are" };
        (what, format!("{} {verb}", instance_ranges(instances).join(",")))
    };
    groups.into_iter().map(subject).collect()
}

/// What becomes of a task whose agent is out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// It is replaced then, in milliseconds, unless the agent comes back.
    ReplacedAt(i64),
    /// It waits for the agent, however long.
    Waits,
}

/// What becomes of a partitioned task by its policy; without one it is replaced at once.
#[must_use]
pub fn partition(task: &ScheduledTask) -> Option<Partition> {
    let event = task.task_events.iter().flatten().max_by_key(|event| event.timestamp)?;
    let since = event.timestamp.filter(|_| task.status == Some(ScheduleStatus::Partitioned))?;
    let policy = task.assigned_task.as_ref()?.task.as_ref()?.partition_policy.as_ref();
    Some(match policy {
        Some(policy) if policy.reschedule == Some(false) => Partition::Waits,
        policy => {
            let delay = policy.and_then(|policy| policy.delay_secs).unwrap_or(0).max(0);
            Partition::ReplacedAt(since.saturating_add(delay.saturating_mul(1000)))
        }
    })
}

/// A time in milliseconds, in whole seconds of a zone.
#[must_use]
pub fn time_text(millis: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The tasks in a response.
#[must_use]
pub fn tasks_in(response: Response) -> Vec<ScheduledTask> {
    match response.result {
        Some(Payload::ScheduleStatusResult(result)) => result.tasks.unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// Fetches the tasks that match a query, by instance.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn fetch(client: &Client, query: TaskQuery, code: ExitCode) -> Result<Vec<ScheduledTask>, Failure> {
    let call = GetTasksWithoutConfigs { query: Some(query) };
    let response = client.call(&call).await?;
    let mut tasks = tasks_in(accepted(response, code, COMMAND_FAILURE)?);
    tasks.sort_by_key(instance_id);
    Ok(tasks)
}

/// Fetches the active tasks of a job, by instance.
///
/// # Errors
/// If the scheduler cannot be asked or refuses.
pub async fn fetch_active(client: &Client, key: &ClusterJobKey) -> Result<Vec<ScheduledTask>, Failure> {
    let query = TaskQuery { statuses: Some(ACTIVE.to_vec()), ..key.query() };
    let mut tasks = fetch(client, query, ExitCode::ApiError).await?;
    tasks.retain(is_active);
    Ok(tasks)
}

/// Each instance's latest task: the one whose first event is the latest (`spec/cli.md` §8.1).
#[must_use]
pub fn latest_tasks(tasks: &[ScheduledTask]) -> BTreeMap<i32, &ScheduledTask> {
    let first_event = |task: &ScheduledTask| {
        let events = task.task_events.as_deref().unwrap_or_default();
        events.first().and_then(|event| event.timestamp)
    };
    let mut latest: Vec<&ScheduledTask> = tasks.iter().collect();
    latest.sort_by_key(|task| Reverse(first_event(task)));
    let mut by_instance = BTreeMap::new();
    for task in latest {
        by_instance.entry(instance_id(task)).or_insert(task);
    }
    by_instance
}

/// The status of each instance's latest task.
#[must_use]
pub fn latest_statuses(tasks: &[ScheduledTask]) -> BTreeMap<i32, ScheduleStatus> {
    latest_tasks(tasks).into_iter().filter_map(|(instance, task)| Some((instance, task.status?))).collect()
}

/// Whether any of the tasks has an SLA policy that counts its job's instances.
#[must_use]
pub fn any_counts_instances(tasks: &[ScheduledTask]) -> bool {
    tasks.iter().any(|task| {
        let config = task.assigned_task.as_ref().and_then(|assigned| assigned.task.as_ref());
        matches!(
            config.and_then(|config| config.sla_policy.as_ref()),
            Some(SlaPolicy::CountSlaPolicy(_) | SlaPolicy::PercentageSlaPolicy(_))
        )
    })
}
