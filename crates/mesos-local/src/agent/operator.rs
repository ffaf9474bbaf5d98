//! The agent's operator API: its health, and the files of its sandboxes (`spec/mesos.md` §6.2).

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response as HttpResponse;
use mesos_v1::messages as v1;
use mesos_v1::messages::agent::{Call, Response, call, response};

use super::files::{FileQuery, piece_of, resolve};
use super::server::Shared;
use crate::http::{Encoding, decode_call, message_response, plain};
use crate::shape::MESOS_VERSION;

use call::Type as Q;
use response::Type as A;

const CALL: &str = "mesos.v1.agent.Call";
const RESPONSE: &str = "mesos.v1.agent.Response";

/// Answers an operator.
pub async fn operator(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> HttpResponse {
    let call: Call = match decode_call(&headers, &body, CALL) {
        Ok(call) => call,
        Err(refusal) => return *refusal,
    };
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let Some(kind) = call.r#type.and_then(|kind| Q::try_from(kind).ok()) else {
        return bad("Expecting 'type' to be present");
    };
    match kind {
        Q::ReadFile if call.read_file.is_none() => return bad("Expecting 'read_file' to be present"),
        Q::ListFiles if call.list_files.is_none() => return bad("Expecting 'list_files' to be present"),
        _ => {}
    }
    let encoding = match Encoding::accepted(&headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return *refusal,
    };
    match respond(&shared, kind, call) {
        Ok(response) => message_response(encoding, RESPONSE, &response),
        Err(refusal) => *refusal,
    }
}

fn respond(shared: &Shared, kind: Q, call: Call) -> Result<Response, Box<HttpResponse>> {
    let of_type = |kind: A| Response { r#type: Some(kind.into()), ..Response::default() };
    Ok(match kind {
        Q::GetHealth => {
            Response { get_health: Some(response::GetHealth { healthy: true }), ..of_type(A::GetHealth) }
        }
        Q::GetVersion => {
            let version_info = v1::VersionInfo { version: MESOS_VERSION.to_owned(), ..Default::default() };
            Response { get_version: Some(response::GetVersion { version_info }), ..of_type(A::GetVersion) }
        }
        Q::ReadFile => {
            let asked = call.read_file.unwrap_or_default();
            let path = resolve(shared, &FileQuery::of(asked.path))?;
            let (size, data) = piece_of(&path, asked.offset, asked.length)?;
            Response { read_file: Some(response::ReadFile { size, data }), ..of_type(A::ReadFile) }
        }
        Q::ListFiles => {
            let asked = call.list_files.unwrap_or_default().path;
            let folder = resolve(shared, &FileQuery::of(asked.clone()))?;
            let missing = |_| Box::new(plain(StatusCode::NOT_FOUND, format!("{asked} is not a folder\n")));
            let entries = std::fs::read_dir(&folder).map_err(missing)?;
            let info = |entry: std::fs::DirEntry| {
                let metadata = entry.metadata().ok()?;
                Some(v1::FileInfo {
                    path: std::path::Path::new(&asked).join(entry.file_name()).display().to_string(),
                    nlink: i32::try_from(metadata.nlink()).ok(),
                    size: Some(metadata.len()),
                    mtime: Some(v1::TimeInfo { nanoseconds: metadata.mtime().saturating_mul(1_000_000_000) }),
                    mode: Some(metadata.permissions().mode()),
                    uid: Some(metadata.uid().to_string()),
                    gid: Some(metadata.gid().to_string()),
                })
            };
            let mut file_infos: Vec<v1::FileInfo> = entries.filter_map(Result::ok).filter_map(info).collect();
            file_infos.sort_by(|left, right| left.path.cmp(&right.path));
            Response { list_files: Some(response::ListFiles { file_infos }), ..of_type(A::ListFiles) }
        }
        other => {
            let text = format!("The embedded cluster's agents do not serve {}", other.as_str_name());
            return Err(Box::new(plain(StatusCode::NOT_IMPLEMENTED, text)));
        }
    })
}
