//! `/scheduler/ROLE` and `/scheduler/ROLE/ENVIRONMENT`: the jobs of a role.

use std::sync::Arc;

use askama::Template;
use aurora_api::task::Task;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Frame;
use crate::api::{job_stats, shown_task};
use crate::app::{App, AppState};

#[derive(Template)]
#[template(path = "web/role/role.html")]
struct RolePage {
    frame: Frame,
    role: String,
    environment: Option<String>,
    jobs: Vec<JobRow>,
}

struct JobRow {
    environment: String,
    name: String,
    kind: &'static str,
    tier: String,
    is_production: bool,
    counts: Vec<Count>,
}

/// How many tasks are in one kind of status.
pub struct Count {
    pub class: &'static str,
    pub label: &'static str,
    pub tasks: i32,
}

/// The kinds of status that occur, with their numbers.
pub fn counts<'a>(tasks: impl Iterator<Item = &'a Arc<Task>>) -> Vec<Count> {
    let stats = job_stats(tasks);
    let kinds = [
        ("attention", "pending", stats.pending_task_count),
        ("okay", "active", stats.active_task_count),
        ("ended", "finished", stats.finished_task_count),
        ("error", "failed", stats.failed_task_count),
    ];
    let occurring = |(class, label, tasks): (_, _, Option<i32>)| {
        tasks.filter(|tasks| *tasks > 0).map(|tasks| Count { class, label, tasks })
    };
    kinds.into_iter().filter_map(occurring).collect()
}

pub async fn page(State(app): State<AppState>, Path(role): Path<String>) -> Response {
    show(&app, role, None)
}

pub async fn environment_page(
    State(app): State<AppState>,
    Path((role, environment)): Path<(String, String)>,
) -> Response {
    show(&app, role, Some(environment))
}

fn show(app: &App, role: String, environment: Option<String>) -> Response {
    let view = app.view();
    let is_shown = |key: &aurora_api::ids::JobKey| {
        key.role() == role
            && environment.as_deref().is_none_or(|environment| key.environment() == environment)
    };
    let jobs = view.jobs().map(|(key, _)| key).filter(|key| is_shown(key)).filter_map(|key| {
        let config = &shown_task(&view, key)?.config;
        Some(JobRow {
            environment: key.environment().to_owned(),
            name: key.name().to_owned(),
            kind: if config.is_service { "service" } else { "adhoc" },
            tier: config.tier.to_string(),
            is_production: config.production,
            counts: counts(view.job_tasks(key)),
        })
    });
    let jobs = jobs.collect();
    super::page(&RolePage { frame: Frame::now(app), role, environment, jobs })
}
