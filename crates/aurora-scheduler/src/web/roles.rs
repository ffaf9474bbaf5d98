//! `/scheduler`: all roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use aurora_api::task::Task;
use axum::extract::State;
use axum::response::Response;

use super::Frame;
use super::role::{Count, counts};
use crate::app::AppState;

#[derive(Template)]
#[template(path = "web/roles/roles.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<RoleRow>,
}

struct RoleRow {
    name: String,
    jobs: usize,
    counts: Vec<Count>,
}

pub async fn page(State(app): State<AppState>) -> Response {
    let view = app.view();
    let mut roles: BTreeMap<&str, (usize, Vec<&Arc<Task>>)> = BTreeMap::new();
    for (key, _) in view.jobs() {
        let (jobs, tasks) = roles.entry(key.role()).or_default();
        *jobs += 1;
        tasks.extend(view.job_tasks(key));
    }
    let row = |(name, (jobs, tasks)): (&str, (usize, Vec<&Arc<Task>>))| RoleRow {
        name: name.to_owned(),
        jobs,
        counts: counts(tasks.into_iter()),
    };
    super::page(&RolesPage { frame: Frame::now(&app), roles: roles.into_iter().map(row).collect() })
}
