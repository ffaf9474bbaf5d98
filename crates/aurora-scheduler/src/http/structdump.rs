//! `/structdump`: a stored task as JSON, for people who debug.

use aurora_api::ids::TaskId;
use aurora_api::thrift::{self, to_named_json};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::web::escape;

fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let (title, body) = (escape(title), escape(body));
    let page = format!(
        "<!DOCTYPE html><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><pre>{body}</pre>"
    );
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// How it is used.
pub async fn usage() -> Response {
    html(StatusCode::BAD_REQUEST, "Struct dump", "Use /structdump/task/TASK_ID")
}

/// One task.
pub async fn task(State(app): State<AppState>, Path(id): Path<String>) -> Response {
    let view = app.view();
    match view.task(&TaskId::new(id.as_str())) {
        Some(task) => {
            let record = to_named_json(&thrift::ScheduledTask::from(&**task));
            html(StatusCode::OK, &id, &format!("{record:#}"))
        }
        None => html(StatusCode::OK, &id, "Exception: Entity not found"),
    }
}
