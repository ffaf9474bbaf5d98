//! `/scheduler/ROLE/ENVIRONMENT/JOB`: the tasks of a job, what happened to them, and why some are pending.

mod config;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use aurora_api::ids::JobKey;
use aurora_api::task::{Task, TaskConfig, TaskStatus};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use scheduler_core::View;

use self::config::ConfigTable;
use self::task::{TaskRow, status_class};
use super::{Frame, missing};
use crate::app::AppState;

/// How many completed tasks a page shows; the API gives all.
const ENDED_MAX: usize = 100;

#[derive(Template)]
#[template(path = "web/job/job.html")]
struct JobPage {
    frame: Frame,
    key: String,
    role: String,
    environment: String,
    name: String,
    statuses: Vec<StatusCount>,
    reasons: Vec<PendingReasons>,
    active: Vec<TaskRow>,
    ended: Vec<TaskRow>,
    ended_count: usize,
    configs: Vec<ConfigTable>,
}

struct StatusCount {
    class: &'static str,
    name: &'static str,
    tasks: usize,
}

/// Why tasks of one configuration wait.
struct PendingReasons {
    tasks: usize,
    lines: Vec<String>,
}

pub async fn page(
    State(app): State<AppState>,
    Path((role, environment, name)): Path<(String, String, String)>,
) -> Response {
    let view = app.view();
    let key = JobKey::new(role.as_str(), environment.as_str(), name.as_str());
    let Some((key, job)) = key.ok().and_then(|key| view.job(&key).map(|job| (key, job))) else {
        let why =
            "No such job is stored: either it was never created, or its tasks ended and were forgotten.";
        return missing::page(&app, &format!("{role}/{environment}/{name}"), why);
    };
    let now = app.now();
    let tasks: Vec<&Arc<Task>> = view.job_tasks(&key).collect();
    let (active, ended): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| task.status.is_active());
    let row = |task: &Arc<Task>| TaskRow::new(&app, &view, task, now);
    super::page(&JobPage {
        frame: Frame::now(&app),
        key: key.to_string(),
        role,
        environment,
        name,
        statuses: status_counts(&active),
        reasons: pending_reasons(&view, &active),
        active: active.iter().map(|task| row(task)).collect(),
        ended: ended.iter().take(ENDED_MAX).map(|task| row(task)).collect(),
        ended_count: job.ended_count(),
        configs: config_tables(&active, &ended),
    })
}

/// Compat: upstream's page of one instance.
pub async fn instance(
    Path((role, environment, name, instance)): Path<(String, String, String, String)>,
) -> Response {
    to_anchor([&role, &environment, &name], "instance", &instance)
}

/// Compat: upstream's page of one task.
pub async fn task(Path((role, environment, name, id)): Path<(String, String, String, String)>) -> Response {
    to_anchor([&role, &environment, &name], "task", &id)
}

/// Redirects to a place in the job's page. Only texts that are identifiers go into the address.
fn to_anchor(job: [&str; 3], kind: &str, id: &str) -> Response {
    let is_safe = |text: &str| aurora_api::ids::is_good_identifier(text);
    if job.into_iter().chain([id]).all(is_safe) {
        let [role, environment, name] = job;
        Redirect::to(&format!("/scheduler/{role}/{environment}/{name}#{kind}-{id}")).into_response()
    } else {
        Redirect::to("/scheduler").into_response()
    }
}

fn status_counts(tasks: &[&Arc<Task>]) -> Vec<StatusCount> {
    let mut counts: BTreeMap<TaskStatus, usize> = BTreeMap::new();
    for task in tasks {
        *counts.entry(task.status).or_default() += 1;
    }
    let count = |(status, tasks): (TaskStatus, usize)| StatusCount {
        class: status_class(status),
        name: status.as_str(),
        tasks,
    };
    counts.into_iter().map(count).collect()
}

fn pending_reasons(view: &View, tasks: &[&Arc<Task>]) -> Vec<PendingReasons> {
    let mut groups: Vec<(&Arc<Task>, usize)> = Vec::new();
    for task in tasks.iter().filter(|task| task.status == TaskStatus::Pending) {
        // Equal configurations are one object in the state, and are tried together.
        match groups.iter_mut().find(|(first, _)| Arc::ptr_eq(&first.config, &task.config)) {
            Some((_, count)) => *count += 1,
            None => groups.push((task, 1)),
        }
    }
    let reasons =
        |(task, tasks): (&Arc<Task>, usize)| PendingReasons { tasks, lines: view.pending_lines(&task.id) };
    groups.into_iter().map(reasons).collect()
}

/// The configurations of active tasks, or the last one of all if none is active.
fn config_tables(active: &[&Arc<Task>], ended: &[&Arc<Task>]) -> Vec<ConfigTable> {
    let shown = if active.is_empty() { ended.get(..1).unwrap_or_default() } else { active };
    let mut groups: Vec<(&Arc<TaskConfig>, Vec<u32>)> = Vec::new();
    for task in shown {
        match groups.iter_mut().find(|(config, _)| Arc::ptr_eq(config, &task.config)) {
            Some((_, instances)) => instances.push(task.instance),
            None => groups.push((&task.config, vec![task.instance])),
        }
    }
    groups.into_iter().map(|(config, instances)| ConfigTable::new(config, instances)).collect()
}
