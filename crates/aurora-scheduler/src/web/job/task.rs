//! One task of a job's page.

use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::task::{Task, TaskEvent, TaskStatus};
use scheduler_core::View;

use crate::app::App;
use crate::mesos::executor::{AURORA_EXECUTOR, TASK_PREFIX};
use crate::web::times::Moment;

/// A task as the page shows it.
pub struct TaskRow {
    pub id: String,
    pub instance: u32,
    pub is_active: bool,
    pub status: &'static str,
    pub class: &'static str,
    pub since: Moment,
    pub host: String,
    pub message: String,
    pub ports: String,
    pub links: Vec<(String, String)>,
    pub observer: Option<String>,
    pub sandbox: Option<String>,
    pub failures: i32,
    pub events: Vec<EventRow>,
}

/// One line of its history.
pub struct EventRow {
    pub when: Moment,
    pub status: &'static str,
    pub class: &'static str,
    pub message: String,
}

/// The colour of a status (`spec/api.md` §6.3).
pub const fn status_class(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Running | TaskStatus::Finished => "okay",
        TaskStatus::Assigned
        | TaskStatus::Pending
        | TaskStatus::Lost
        | TaskStatus::Killing
        | TaskStatus::Draining
        | TaskStatus::Preempting => "attention",
        TaskStatus::Starting => "progress",
        TaskStatus::Throttled | TaskStatus::Failed => "error",
        TaskStatus::Killed | TaskStatus::Init | TaskStatus::Restarting | TaskStatus::Partitioned => "ended",
    }
}

/// How long something still takes, rounded up.
fn whole_seconds(time: aurora_api::amounts::Millis) -> String {
    format!("{} s", (time.0.max(0) + 999) / 1000)
}

impl TaskRow {
    /// The row of a task.
    pub fn new(app: &App, view: &View, task: &Arc<Task>, now: Timestamp) -> Self {
        let last = task.last_event();
        let place = task.assignment.as_ref();
        let is_thermos =
            task.config.executor.as_ref().is_some_and(|executor| &*executor.name == AURORA_EXECUTOR);
        let reason = view.pending_lines(&task.id).into_iter().next();
        let message = asked_for(task).or(last).and_then(|event| event.message.as_deref()).map(str::to_owned);
        // Throttled: when it may start again says more than how long it was held back in all.
        let throttled = view
            .throttled_until(task)
            .map(|until| format!("flapping: may start again in {}", whole_seconds(until.since(now))));
        let partitioned = view.partitioned_until(task).map(|until| match until {
            Some(until) => format!(
                "its agent does not answer: replaced in {} unless it comes back",
                whole_seconds(until.since(now))
            ),
            None => "its agent does not answer: it waits for it, as its partition policy says".to_owned(),
        });
        Self {
            id: task.id.to_string(),
            instance: task.instance,
            is_active: task.status.is_active(),
            status: task.status.as_str(),
            class: status_class(task.status),
            since: Moment::new(last.map_or(now, |event| event.at), now),
            host: place.map(|place| place.host.to_string()).unwrap_or_default(),
            message: reason.or(throttled).or(partitioned).or(message).unwrap_or_default(),
            ports: place.map(|place| ports(&place.ports)).unwrap_or_default(),
            links: if task.status == TaskStatus::Running { links(task) } else { Vec::new() },
            observer: place
                .filter(|_| is_thermos)
                .map(|place| format!("{}/task/{}", app.observer(place.host.as_str()), task.id)),
            sandbox: is_thermos.then(|| sandbox(view, task)).flatten(),
            failures: task.failure_count,
            events: task
                .events
                .iter()
                .rev()
                .map(|event| EventRow {
                    when: Moment::new(event.at, now),
                    status: event.status.as_str(),
                    class: status_class(event.status),
                    message: event.message.as_deref().unwrap_or_default().to_owned(),
                })
                .collect(),
        }
    }
}

/// Of a task that was killed: the event that asked for it, which says who and why. Its executor says only that it obeyed.
fn asked_for(task: &Task) -> Option<&TaskEvent> {
    let is_order = |event: &&TaskEvent| {
        event.message.is_some()
            && matches!(
                event.status,
                TaskStatus::Killing | TaskStatus::Preempting | TaskStatus::Restarting | TaskStatus::Draining
            )
    };
    task.events.iter().rev().find(is_order).filter(|_| task.status == TaskStatus::Killed)
}

fn ports(ports: &std::collections::BTreeMap<Arc<str>, u16>) -> String {
    ports.iter().map(|(name, number)| format!("{name}={number}")).collect::<Vec<_>>().join(", ")
}

/// Where the sandbox is below the agent's work directory, which the scheduler does not know (`spec/mesos.md` §4.2).
fn sandbox(view: &View, task: &Task) -> Option<String> {
    let place = task.assignment.as_ref()?;
    let framework = view.framework()?;
    Some(format!(
        "<agent's work_dir>/slaves/{}/frameworks/{framework}/executors/{TASK_PREFIX}{}/runs/latest/sandbox",
        place.agent, task.id
    ))
}

/// The job's own links, with the place filled in. Only web addresses: a job must not put a script into this page.
fn links(task: &Task) -> Vec<(String, String)> {
    let Some(place) = &task.assignment else { return Vec::new() };
    let fill = |template: &str| {
        let with_host = template.replace("%host%", place.host.as_str());
        place.ports.iter().fold(with_host, |text, (name, number)| {
            text.replace(&format!("%port:{name}%"), &number.to_string())
        })
    };
    let is_web = |address: &str| address.starts_with("http://") || address.starts_with("https://");
    task.config
        .task_links
        .iter()
        .map(|(label, template)| (label.to_string(), fill(template)))
        .filter(|(_, address)| is_web(address))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assigned_task, config};

    #[test]
    fn a_killed_task_says_why_it_was_killed() {
        let event = |status, message: Option<&str>| TaskEvent {
            at: Timestamp(1),
            status,
            message: message.map(Arc::from),
            scheduler: None,
        };
        let told = |status, events| {
            let task = Task { status, events, ..assigned_task() };
            asked_for(&task).and_then(|event| event.message.as_deref().map(str::to_owned))
        };
        let obeyed = || event(TaskStatus::Killed, Some("Instructed to kill task."));
        let preempted = event(TaskStatus::Preempting, Some("Preempting in favor of x"));
        assert_eq!(
            told(TaskStatus::Killed, vec![preempted.clone(), obeyed()]).as_deref(),
            Some("Preempting in favor of x")
        );
        assert_eq!(told(TaskStatus::Killed, vec![obeyed()]), None);
        assert_eq!(told(TaskStatus::Lost, vec![preempted, event(TaskStatus::Lost, Some("gone"))]), None);
    }

    #[test]
    fn links_are_filled_in_and_scripts_left_out() {
        let mut linked = config();
        linked.task_links.insert(Arc::from("web"), Arc::from("http://%host%:%port:http%/x"));
        linked.task_links.insert(Arc::from("bad"), Arc::from("javascript:alert(1)"));
        let task = Task { config: Arc::new(linked), ..assigned_task() };
        assert_eq!(links(&task), [("web".to_owned(), "http://h1:31000/x".to_owned())]);
    }
}
