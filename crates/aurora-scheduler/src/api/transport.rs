//! Which encoding a message has, by its HTTP headers (`spec/api.md` §3.1).

use aurora_api::thrift::Encoding;
use axum::http::{HeaderMap, header};

const JSON: &str = "application/vnd.apache.thrift.json";
const BINARY: &str = "application/vnd.apache.thrift.binary";

/// The encoding of a request; `None` for a type that upstream refuses.
pub fn request_encoding(headers: &HeaderMap) -> Option<Encoding> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Some(Encoding::Json) };
    let text = value.to_str().ok()?.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let parameters: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let has_charset = match parameters.as_slice() {
        [] => false,
        [parameter] if parameter.trim_start_matches("charset=").trim_matches('"') == "utf-8" => true,
        _ => return None,
    };
    match (kind, has_charset) {
        (JSON, _) | ("application/json" | "application/x-thrift", false) => Some(Encoding::Json),
        (BINARY, false) => Some(Encoding::Binary),
        _ => None,
    }
}

/// The encoding of the reply: JSON unless exactly binary is asked for.
pub fn reply_encoding(headers: &HeaderMap) -> Encoding {
    let mut accepts = headers.get_all(header::ACCEPT).iter();
    match (accepts.next().and_then(|value| value.to_str().ok()), accepts.next()) {
        (Some(only), None) if only.trim().eq_ignore_ascii_case(BINARY) => Encoding::Binary,
        _ => Encoding::Json,
    }
}

/// The type of a reply.
pub const fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => JSON,
        Encoding::Binary => BINARY,
    }
}
