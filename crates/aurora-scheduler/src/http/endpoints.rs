//! Small endpoints of operators and load balancers (`spec/api.md` §3.3, §5).

use aurora_api::ids::JobKey;
use aurora_api::task::TaskStatus;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tracing::{info, warn};

use crate::app::AppState;

/// The ports that `/mname` looks for, in this order.
const HTTP_PORTS: [&str; 5] = ["health", "http", "HTTP", "web", "admin"];

/// The process answers.
pub async fn health() -> &'static str {
    "OK\n"
}

/// There is one scheduler, and it leads.
pub async fn leader_health() -> &'static str {
    "Current status: This is the leading scheduler.\n\n\
     The status code tells who leads:\n\
     200: This is the leading scheduler.\n\
     503: Another instance is the leading scheduler.\n\
     502: There is no leading scheduler or the leader is unknown.\n"
}

/// The tiers, in the shape of the `-tier_config` file.
pub async fn tiers(State(app): State<AppState>) -> Json<Value> {
    let tiers: Map<String, Value> = app
        .core
        .tiers
        .tiers
        .iter()
        .map(|(name, tier)| {
            (name.to_string(), json!({"preemptible": tier.preemptible, "revocable": tier.revocable}))
        })
        .collect();
    Json(json!({"default": &*app.core.tiers.default, "tiers": tiers}))
}

/// Scheduled cron jobs: none, as this version cannot schedule any.
pub async fn cron() -> Json<Value> {
    Json(json!({"scheduled": {}}))
}

/// How `/mname` is used.
pub async fn mname_usage() -> Response {
    let page = "<!DOCTYPE html><title>mname</title><p>Use /mname/ROLE/ENVIRONMENT/JOB/INSTANCE[/PATH] to be redirected \
                to a running instance.</p>";
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// Redirects to a running instance's own HTTP port.
pub async fn mname(
    State(app): State<AppState>,
    Path(parts): Path<Vec<(String, String)>>,
    uri: Uri,
) -> Response {
    let part = |name: &str| {
        parts.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let not_found = |text: String| (StatusCode::NOT_FOUND, text).into_response();
    let no_instance = || not_found("No such live instance found.".to_owned());
    let Ok(key) = JobKey::new(part("role"), part("environment"), part("job")) else { return no_instance() };
    let Ok(instance) = part("instance").parse::<u32>() else { return no_instance() };
    let view = app.view();
    let Some(task) = view.job(&key).and_then(|job| job.active_of(instance)) else {
        return no_instance();
    };
    let (TaskStatus::Running, Some(place)) = (task.status, &task.assignment) else {
        return not_found(format!("The selected instance is currently in state {}", task.status));
    };
    let Some(port) = HTTP_PORTS.iter().find_map(|name| place.ports.get(*name)) else {
        return not_found("The task does not have a registered http port.".to_owned());
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("http://{}:{port}/{}{query}", place.host, part("path"));
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
}

/// Stops the daemon in order.
pub async fn quit(State(app): State<AppState>, headers: HeaderMap) -> Result<&'static str, StatusCode> {
    refuse_foreign_pages(&headers)?;
    info!("asked to stop by /quitquitquit");
    app.quit.cancel();
    Ok("Notifying quit listener.")
}

/// Ends the process at once; what was acknowledged is in the journal.
pub async fn abort(headers: HeaderMap) -> Result<(), StatusCode> {
    refuse_foreign_pages(&headers)?;
    warn!("asked to end at once by /abortabortabort");
    std::process::exit(0);
}

/// A page of another site must not stop the scheduler through the browser of someone who can reach it.
fn refuse_foreign_pages(headers: &HeaderMap) -> Result<(), StatusCode> {
    if headers.contains_key(header::ORIGIN) { Err(StatusCode::FORBIDDEN) } else { Ok(()) }
}
