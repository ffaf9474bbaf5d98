//! What stands in place of a page whose subject is not there.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::Frame;
use crate::app::App;

#[derive(Template)]
#[template(path = "web/missing/missing.html")]
struct MissingPage<'a> {
    frame: Frame,
    what: &'a str,
    why: &'a str,
}

pub fn page(app: &App, what: &str, why: &str) -> Response {
    super::page_with(StatusCode::NOT_FOUND, &MissingPage { frame: Frame::now(app), what, why })
}
