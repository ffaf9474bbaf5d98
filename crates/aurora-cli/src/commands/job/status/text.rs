//! The text form, whose layout scripts read (`spec/cli.md` §7.6).

use std::fmt::Write;

use aurora_api::thrift::{Resource, ScheduleStatus, ScheduledTask, TaskConfig, TaskEvent};
use jiff::tz::TimeZone;

use super::{JobTasks, Layout};
use crate::tasks;

/// All jobs, one after the other.
pub fn render(jobs: &[JobTasks], layout: Layout) -> String {
    let zone = TimeZone::system();
    let mut lines = Vec::new();
    for job in jobs {
        for (title, tasks) in [("Active", &job.active), ("Inactive", &job.inactive)] {
            lines.push(format!("{title} tasks ({}):", tasks.len()));
            for task in tasks {
                lines.extend(task_lines(task, &zone));
                if layout == Layout::Wide {
                    lines.extend(waiting_lines(task, job, &zone));
                }
            }
        }
    }
    lines.join("\n")
}

/// What makes a task wait: the reasons of a pending one, the penalty of a throttled one.
fn waiting_lines(task: &ScheduledTask, job: &JobTasks, zone: &TimeZone) -> Vec<String> {
    match task.status {
        Some(ScheduleStatus::Pending) => {
            let reasons = job.reasons.as_ref().map(|reasons| reasons.of_task(task)).unwrap_or_default();
            let mut lines = vec!["\t  pending because:".to_owned()];
            lines.extend(
                Some(&reasons.nearest_fit)
                    .filter(|text| !text.is_empty())
                    .map(|text| format!("\t   nearest fit: {text}")),
            );
            lines.extend(reasons.lines.iter().map(|line| format!("\t   {line}")));
            if lines.len() == 1 {
                lines.push(format!("\t   {}", reasons.sentence()));
            }
            lines
        }
        Some(ScheduleStatus::Throttled) => {
            let until = tasks::throttled_until(task);
            until
                .map(|until| format!("\t  throttled until {}", tasks::time_text(until, zone)))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn task_lines(task: &ScheduledTask, zone: &TimeZone) -> Vec<String> {
    let assigned = task.assigned_task.clone().unwrap_or_default();
    let config = assigned.task.unwrap_or_default();
    let key = config.job.clone().unwrap_or_default();
    let mut lines = vec![format!(
        "\tTask role: {}, env: {}, name: {}, instance: {}, status: {} on {}",
        none(key.role),
        none(key.environment),
        none(key.name),
        assigned.instance_id.unwrap_or_default(),
        none(task.status),
        none(assigned.slave_host),
    )];
    lines.extend(resources(&config).map(|resources| format!("\t  {resources}")));
    let ports = assigned.assigned_ports.unwrap_or_default();
    if !ports.is_empty() {
        // Compat: upstream prints a Python dictionary.
        let ports: Vec<String> = ports.iter().map(|(name, port)| format!("u'{name}': {port}")).collect();
        lines.push(format!("\t  assigned ports: {{{}}}", ports.join(", ")));
        lines.push(format!(
            "\t  failure count: {} (max {})",
            task.failure_count.unwrap_or_default(),
            config.max_task_failures.unwrap_or_default()
        ));
    }
    lines.push("\t  events:".to_owned());
    let mut events = task.task_events.clone().unwrap_or_default();
    events.sort_by_key(|event| event.timestamp);
    lines.extend(events.iter().map(|event| event_line(event, zone)));
    let metadata = config.metadata.unwrap_or_default();
    if !metadata.is_empty() {
        lines.push("\t  metadata:".to_owned());
        lines.extend(
            metadata
                .into_iter()
                .map(|note| format!("\t\t  (key: '{}', value: '{}')", none(note.key), none(note.value))),
        );
    }
    lines
}

fn resources(config: &TaskConfig) -> Option<String> {
    let resources = config.resources.as_deref().unwrap_or_default();
    let mut parts: Vec<(u8, String)> = resources
        .iter()
        .map(|resource| match resource {
            // Compat: the debug form of a double is Python's.
            Resource::NumCpus(cpus) => (0, format!("CPU: {cpus:?} core(s)")),
            Resource::RamMb(mb) => (1, format!("RAM: {mb} MB")),
            Resource::DiskMb(mb) => (2, format!("Disk: {mb} MB")),
            Resource::NamedPort(name) => (3, format!("Port: {name}")),
            Resource::NumGpus(gpus) => (4, format!("GPU: {gpus} GPU(s)")),
        })
        .collect();
    parts.sort();
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn event_line(event: &TaskEvent, zone: &TimeZone) -> String {
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        line,
        "\t   {} {}: {}",
        tasks::time_text(event.timestamp.unwrap_or_default(), zone),
        none(event.status),
        none(event.message.as_deref())
    );
    line
}

/// Compat: upstream prints what is not there as Python does.
fn none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| value.to_string())
}
