//! `aurora job explain` (`spec/cli.md` §14.2).

use std::collections::BTreeMap;

use aurora_api::thrift::{ScheduleStatus, ScheduledTask, TaskEvent};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::arguments::{InstanceSpec, Verbosity, instance_spec};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;
use crate::pending::{PendingReasons, Reasons};
use crate::tasks::{self, Partition, instance_id, is_active};

/// Says why instances of a job do not run.
#[derive(clap::Args, Debug)]
pub struct Explain {
    /// The job, or some of its instances, such as west/www/prod/web/0-2,5.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME[/INSTANCES]", value_parser = instance_spec)]
    spec: InstanceSpec,

    /// How it is printed.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    output: String,

    #[command(flatten)]
    _verbosity: Verbosity,
}

/// What is to be said of one instance that does not run.
struct Finding {
    instance: i32,
    state: State,
}

/// The same for all instances that are told together.
#[derive(PartialEq, Eq)]
struct State {
    status: ScheduleStatus,
    /// The text of the event that brought it there.
    message: Option<String>,
    /// Of a throttled one: when it may start again, in milliseconds.
    throttled_until: Option<i64>,
    /// Of one whose agent is out of reach.
    partition: Option<Partition>,
    /// Of a pending one.
    reasons: Option<Reasons>,
    /// How its last run ended, if it goes on from one.
    last_run: Option<Run>,
}

/// A run that has ended.
#[derive(Clone, PartialEq, Eq)]
struct Run {
    status: ScheduleStatus,
    /// How, where and why it ended.
    text: String,
}

impl Explain {
    /// Runs the verb.
    pub async fn run(self, mut context: Context) -> Result<(), Failure> {
        let key = &self.spec.key;
        let code = ExitCode::InvalidParameter;
        let client = context.client(&key.cluster)?;
        let mut found = tasks::fetch(&client, key.query(), code).await?;
        if let Some(instances) = &self.spec.instances {
            found.retain(|task| instances.contains(&instance_id(task)));
        }
        let (active, ended): (Vec<_>, Vec<_>) = found.into_iter().partition(is_active);
        if active.is_empty() && ended.is_empty() {
            return Err(Failure::new(code, format!("Found no jobs matching {key}")));
        }
        let newest = newest_runs(&ended);
        let is_pending = |task: &ScheduledTask| task.status == Some(ScheduleStatus::Pending);
        let reasons = if active.iter().any(is_pending) {
            PendingReasons::fetch(&client, key.query(), code).await?
        } else {
            PendingReasons::default()
        };
        let findings: Vec<Finding> = active
            .iter()
            .filter(|task| task.status != Some(ScheduleStatus::Running))
            .map(|task| Finding {
                instance: instance_id(task),
                state: State {
                    status: task.status.unwrap_or(ScheduleStatus::Init),
                    message: latest_event(task).and_then(|event| event.message.clone()),
                    throttled_until: tasks::throttled_until(task),
                    partition: tasks::partition(task),
                    reasons: is_pending(task).then(|| reasons.of_task(task)),
                    last_run: last_run(task, &ended, &newest),
                },
            })
            .collect();
        if self.output == "json" {
            let instances: Vec<serde_json::Value> = findings.iter().map(Finding::as_json).collect();
            let report = json!({
                "job": key.to_string(),
                "active": active.len(),
                "running": active.len() - findings.len(),
                "instances": instances,
            });
            output::print(&format!("{report:#}"));
        } else {
            output::print(&text(&key.to_string(), active.len(), &findings, &newest));
        }
        Ok(())
    }
}

fn text(key: &str, active: usize, findings: &[Finding], newest: &BTreeMap<i32, &ScheduledTask>) -> String {
    let mut lines =
        vec![format!("{key}: {} of {active} active instances are RUNNING", active - findings.len())];
    for (state, instances) in tasks::together(findings.iter().map(|found| (&found.state, found.instance))) {
        let message = state.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        lines.push(format!("{key}/{instances} {}{message}", state.status));
        let until = state.throttled_until.map(|until| tasks::time_text(until, &TimeZone::system()));
        lines.extend(until.map(|until| format!("  it may start again at {until}")));
        lines.extend(state.partition.map(|partition| match partition {
            Partition::ReplacedAt(at) => {
                let at = tasks::time_text(at, &TimeZone::system());
                format!("  it is replaced at {at}, unless its agent comes back")
            }
            Partition::Waits => "  it waits for its agent, as its partition policy says".to_owned(),
        }));
        if let Some(reasons) = &state.reasons {
            let nearest = Some(&reasons.nearest_fit).filter(|text| !text.is_empty());
            lines.extend(nearest.map(|text| format!("  nearest fit: {text}")));
            lines.extend(reasons.lines.iter().map(|line| format!("  {line}")));
            if nearest.is_none() && reasons.lines.is_empty() {
                lines.push(format!("  {}", reasons.sentence()));
            }
        }
        lines.extend(state.last_run.as_ref().map(|run| format!("  last run {}", run.text)));
    }
    if active == 0 {
        // Nothing waits or runs: how the instances ended is all there is to say.
        let ends = newest.iter().filter_map(|(instance, task)| Some((instance, run(task)?)));
        lines.extend(ends.map(|(instance, run)| format!("{key}/{instance} {}", run.text)));
    }
    lines.join("\n")
}

impl Finding {
    fn as_json(&self) -> serde_json::Value {
        let State { status, message, throttled_until, partition, reasons, last_run } = &self.state;
        let failure = last_run.as_ref().filter(|run| is_failure(run.status));
        let replaced_at = partition.and_then(|partition| match partition {
            Partition::ReplacedAt(at) => Some(at),
            Partition::Waits => None,
        });
        json!({
            "instance": self.instance,
            "status": status.to_string(),
            "message": message,
            "throttledUntilMs": throttled_until,
            "replacedAtMs": replaced_at,
            "nearestFit": reasons.as_ref().map(|reasons| &reasons.nearest_fit),
            "reasons": reasons.as_ref().map(|reasons| &reasons.lines),
            "lastRun": last_run.as_ref().map(|run| &run.text),
            "lastFailure": failure.map(|run| &run.text),
        })
    }
}

/// The newest run of each instance.
fn newest_runs(ended: &[ScheduledTask]) -> BTreeMap<i32, &ScheduledTask> {
    let at = |task: &ScheduledTask| latest_event(task).and_then(|event| event.timestamp);
    let mut newest = BTreeMap::new();
    for task in ended {
        let known = newest.entry(instance_id(task)).or_insert(task);
        if at(known) < at(task) {
            *known = task;
        }
    }
    newest
}

/// The run that a task goes on from; of one that was created anew, the newest of its instance if that failed.
fn last_run(
    task: &ScheduledTask,
    ended: &[ScheduledTask],
    newest: &BTreeMap<i32, &ScheduledTask>,
) -> Option<Run> {
    let id = |task: &ScheduledTask| task.assigned_task.as_ref().and_then(|assigned| assigned.task_id.clone());
    if task.ancestor_id.is_some() {
        return run(ended.iter().find(|ended| id(ended) == task.ancestor_id)?);
    }
    newest.get(&instance_id(task)).and_then(|task| run(task)).filter(|run| is_failure(run.status))
}

const fn is_failure(status: ScheduleStatus) -> bool {
    matches!(status, ScheduleStatus::Failed | ScheduleStatus::Lost)
}

/// How a run ended. Of one that somebody ended, the words are theirs, not those of the executor.
fn run(task: &ScheduledTask) -> Option<Run> {
    let status = task.status?;
    let is_order = |event: &&TaskEvent| {
        let status = event.status.unwrap_or(ScheduleStatus::Init);
        matches!(
            status,
            ScheduleStatus::Killing
                | ScheduleStatus::Restarting
                | ScheduleStatus::Preempting
                | ScheduleStatus::Draining
        )
    };
    let order = task.task_events.iter().flatten().rev().find(is_order);
    let message = order.or_else(|| latest_event(task)).and_then(|event| event.message.as_deref());
    let host = task.assigned_task.as_ref().and_then(|assigned| assigned.slave_host.as_deref());
    let place = host.map(|host| format!(" on {host}")).unwrap_or_default();
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    Some(Run { status, text: format!("{status}{place}{message}") })
}

fn latest_event(task: &ScheduledTask) -> Option<&TaskEvent> {
    task.task_events.iter().flatten().max_by_key(|event| event.timestamp)
}
