//! `/agents` and `/maintenance`: the hosts that ever offered something.

use askama::Template;
use aurora_api::ids::HostName;
use aurora_api::task::TaskStatus;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use scheduler_core::View;
use scheduler_core::operation::MaintenanceMode;
use serde_json::{Map, Value, json};

use crate::app::AppState;
use crate::web::{Frame, page};

#[derive(Template)]
#[template(path = "web/agents/agents.html")]
struct AgentsPage {
    frame: Frame,
    agents: Vec<AgentRow>,
}

struct AgentRow {
    host: String,
    observer: String,
    id: String,
    mode: &'static str,
    /// What happened to the agent itself, if that is known.
    news: Vec<String>,
    attributes: String,
    tasks: usize,
}

const fn mode_name(mode: MaintenanceMode) -> &'static str {
    match mode {
        MaintenanceMode::None => "NONE",
        MaintenanceMode::Scheduled => "SCHEDULED",
        MaintenanceMode::Draining => "DRAINING",
        MaintenanceMode::Drained => "DRAINED",
    }
}

/// A table of hosts.
pub async fn agents(State(app): State<AppState>) -> Response {
    let view = app.view();
    let row = |host: &std::sync::Arc<scheduler_core::operation::HostAttributes>| AgentRow {
        host: host.host.to_string(),
        observer: app.observer(host.host.as_str()),
        id: host.agent.to_string(),
        mode: mode_name(host.mode),
        news: news(&view, &host.host),
        attributes: host
            .attributes
            .iter()
            .map(|(name, values)| {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                format!("{name}=[{}]", values.join(","))
            })
            .collect::<Vec<_>>()
            .join(", "),
        tasks: view.tasks_on_host(&host.host).filter(|task| task.status.is_assigned()).count(),
    };
    page(&AgentsPage { frame: Frame::now(&app), agents: view.hosts().map(row).collect() })
}

/// Whether the agent is gone, and whether it is another than before.
fn news(view: &View, host: &HostName) -> Vec<String> {
    let missing = view.missing_host(host).map(|missing| {
        let ran = missing.ran_text();
        format!(
            "gone since {} ({ran} ran there): see the page “An agent does not come back”",
            missing.since.utc()
        )
    });
    let renewed = view
        .renewed_host(host)
        .map(|renewed| format!("under a new id since {}, before {}", renewed.at.utc(), renewed.old));
    missing.into_iter().chain(renewed).collect()
}

/// Hosts in maintenance, and what still runs on those being drained.
pub async fn maintenance(State(app): State<AppState>) -> Json<Value> {
    let view = app.view();
    let hosts_in = |mode: MaintenanceMode| -> Vec<&str> {
        view.hosts().filter(|host| host.mode == mode).map(|host| host.host.as_str()).collect()
    };
    let mut draining = Map::new();
    for host in view.hosts().filter(|host| host.mode == MaintenanceMode::Draining) {
        let running = view.tasks_on_host(&host.host).filter(|task| TaskStatus::is_assigned(task.status));
        let tasks: Vec<&str> = running.map(|task| task.id.as_str()).collect();
        if !tasks.is_empty() {
            draining.insert(host.host.to_string(), json!(tasks));
        }
    }
    Json(json!({
        "DRAINED": hosts_in(MaintenanceMode::Drained),
        "SCHEDULED": hosts_in(MaintenanceMode::Scheduled),
        "DRAINING": draining,
    }))
}
