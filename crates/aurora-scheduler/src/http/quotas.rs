//! `/quotas`: the quotas of roles, or of one.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::app::AppState;

#[derive(Deserialize)]
pub struct Wanted {
    role: Option<String>,
}

/// Roles that have a quota; an unknown role is no key.
pub async fn quotas(State(app): State<AppState>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let view = app.view();
    let is_wanted = |role: &str| wanted.role.as_deref().is_none_or(|wanted| wanted == role);
    let quotas: Map<String, Value> = view
        .quotas()
        .filter(|(role, _)| is_wanted(role))
        .map(|(role, quota)| {
            let (cpus, ram, disk) = (quota.cpus.cores(), quota.ram.0, quota.disk.0);
            (role.to_string(), json!({"cpu_cores": cpus, "ram_mb": ram, "disk_mb": disk}))
        })
        .collect();
    Json(Value::Object(quotas))
}
