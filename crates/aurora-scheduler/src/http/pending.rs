//! `/pendingtasks`: what waits for an offer, one entry per group of equal configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::task::{TaskConfig, TaskStatus};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::AppState;

/// All groups.
pub async fn pending_tasks(State(app): State<AppState>) -> Json<Value> {
    let (view, now) = (app.view(), app.now());
    // Equal configurations are one object in the state, so the object's address names the group.
    let mut groups: BTreeMap<(&JobKey, *const TaskConfig), Vec<&aurora_api::ids::TaskId>> = BTreeMap::new();
    for task in view.tasks_with_status(TaskStatus::Pending) {
        groups.entry((&task.config.job, Arc::as_ptr(&task.config))).or_default().push(&task.id);
    }
    let entry = |((job, _), ids): ((&JobKey, _), Vec<&aurora_api::ids::TaskId>)| {
        let explanation = ids.first().and_then(|id| view.explanation(id));
        let vetoes = explanation.map(|explanation| explanation.nearest_vetoes(now)).unwrap_or_default();
        let reasons: Vec<String> = vetoes.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = ids.into_iter().map(aurora_api::ids::TaskId::as_str).collect();
        json!({
            "penaltyMs": explanation.map_or(0, |explanation| explanation.penalty.0),
            "taskIds": ids,
            "name": job.to_string(),
            "reason": format!("[{}]", reasons.join(", ")),
        })
    };
    Json(groups.into_iter().map(entry).collect())
}
