//! The pages: plain HTML that works without scripts, one folder per page.
//!
//! Everything a page shows comes from one view. Templates escape what they insert.

mod frame;
mod job;
mod missing;
mod role;
mod roles;
mod times;

use askama::Template;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use tracing::error;

use crate::app::AppState;

pub use frame::Frame;

const STYLE: &str = include_str!("web/style.css");

const REFRESH: &str = include_str!("web/job/refresh.js");

/// The routes of all pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/scheduler") }))
        .route("/index.html", get(|| async { Redirect::to("/scheduler") }))
        .route("/assets/style.css", get(style))
        .route("/assets/refresh.js", get(refresh))
        .route("/scheduler", get(roles::page))
        .route("/scheduler/", get(|| async { Redirect::to("/scheduler") }))
        .route("/scheduler/{role}", get(role::page))
        .route("/scheduler/{role}/{environment}", get(role::environment_page))
        .route("/scheduler/{role}/{environment}/{job}", get(job::page))
        .route("/scheduler/{role}/{environment}/{job}/{instance}", get(job::instance))
        .route("/scheduler/{role}/{environment}/{job}/task/{id}", get(job::task))
}

/// Renders a page.
pub fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// Renders a page under another status.
pub fn page_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(error) => {
            error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("this page could not be rendered: {error}\n"))
                .into_response()
        }
    }
}

/// A text as part of HTML, for answers that have no template.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

async fn style() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, STYLE).into_response()
}

async fn refresh() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, REFRESH).into_response()
}

#[cfg(test)]
#[path = "web/tests.rs"]
mod tests;
