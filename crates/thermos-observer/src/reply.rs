//! What a request is answered with.

use std::fs::File;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=UTF-8";
const TEXT: &str = "text/plain; charset=UTF-8";

/// Pages need nothing but their own style sheet, so whatever a task puts into a name or a file stays inert.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// JSON.
    Json(StatusCode, Value),
    /// A page.
    Html(StatusCode, String),
    /// Text.
    Text(StatusCode, String),
    /// Something the program brings along.
    Asset {
        /// Its type.
        kind: &'static str,
        /// Its text.
        text: &'static str,
    },
    /// Somewhere else.
    SeeOther(&'static str),
    /// A file as it is.
    Download {
        /// Open, at the first byte that is sent.
        file: File,
        /// What it is called.
        name: String,
        /// How many bytes are sent, from where, of how many.
        part: Part,
    },
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first.
    pub start: u64,
    /// How many.
    pub length: u64,
    /// The size of the file.
    pub size: u64,
    /// Whether a part was asked for.
    pub is_partial: bool,
}

impl Reply {
    /// JSON that says what was wanted.
    pub const fn json(value: Value) -> Self {
        Self::Json(StatusCode::OK, value)
    }

    /// JSON that says what is wrong.
    pub fn error(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Json(status, json!({ "error": text.into() }))
    }

    /// A page.
    pub const fn page(text: String) -> Self {
        Self::Html(StatusCode::OK, text)
    }

    /// As HTTP has it.
    pub fn into_response(self) -> Response<Body> {
        let (status, kind, body) = match self {
            Self::Json(status, value) => (status, JSON, Body::from(value.to_string())),
            Self::Html(status, text) => (status, HTML, Body::from(text)),
            Self::Text(status, text) => (status, TEXT, Body::from(text)),
            Self::Asset { kind, text } => (StatusCode::OK, kind, Body::from(text)),
            Self::SeeOther(place) => {
                return response(StatusCode::SEE_OTHER, TEXT, Body::empty(), &[(LOCATION, place.to_owned())]);
            }
            Self::Download { file, name, part } => return download(file, &name, part),
        };
        response(status, kind, body, &[])
    }
}

fn download(file: File, name: &str, part: Part) -> Response<Body> {
    let file = tokio::fs::File::from_std(file).take(part.length);
    // A quote or a control character would end the header's text.
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '_' })
        .collect();
    let mut headers = vec![
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{safe}\"")),
        (CONTENT_LENGTH, part.length.to_string()),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let mut status = StatusCode::OK;
    if part.is_partial {
        status = StatusCode::PARTIAL_CONTENT;
        let last = part.start + part.length.saturating_sub(1);
        headers.push((CONTENT_RANGE, format!("bytes {}-{last}/{}", part.start, part.size)));
    }
    response(status, "application/octet-stream", Body::from_stream(ReaderStream::new(file)), &headers)
}

fn response(status: StatusCode, kind: &str, body: Body, more: &[(HeaderName, String)]) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let always = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    for (name, value) in always.into_iter().chain(more.iter().cloned()) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
