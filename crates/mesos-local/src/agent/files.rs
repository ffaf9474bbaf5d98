//! `/files/*`: sandboxes over HTTP (`spec/mesos.md` §6.3).

use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use tokio_util::io::ReaderStream;

use super::server::Shared;
use crate::http::{json as json_answer, plain};

/// The most that one read returns: 16 pages.
const MAX_READ_BYTES: u64 = 64 * 1024;

/// The query of all three.
#[derive(Debug, Deserialize)]
pub struct FileQuery {
    path: Option<String>,
    offset: Option<i64>,
    length: Option<i64>,
}

impl FileQuery {
    /// For a path alone.
    pub fn of(path: String) -> Self {
        Self { path: Some(path), offset: None, length: None }
    }
}

/// The real path, if it exists and lies below the work directory.
pub fn resolve(shared: &Shared, query: &FileQuery) -> Result<PathBuf, Box<Response>> {
    let Some(path) = &query.path else {
        return Err(Box::new(plain(StatusCode::BAD_REQUEST, "Expecting 'path=value' in query.\n")));
    };
    let missing = || Box::new(plain(StatusCode::NOT_FOUND, format!("{path} is not a file of this agent\n")));
    let root = std::fs::canonicalize(&shared.work_dir).map_err(|_| missing())?;
    let named = match path.strip_prefix("/frameworks/") {
        Some(of_executor) => of_any_id(&root, of_executor).ok_or_else(missing)?,
        None => PathBuf::from(path),
    };
    let real = std::fs::canonicalize(named).map_err(|_| missing())?;
    // The agent's own records hold what tasks were given, secrets included.
    if real.starts_with(root.join("slaves")) { Ok(real) } else { Err(missing()) }
}

/// The file behind `/frameworks/F/executors/E/runs/latest/…`, which is without the agent's id and the work directory.
fn of_any_id(work_dir: &Path, path: &str) -> Option<PathBuf> {
    let agents = std::fs::read_dir(work_dir.join("slaves")).ok()?;
    agents.flatten().map(|agent| agent.path().join("frameworks").join(path)).find(|path| path.exists())
}

/// The files of a folder.
pub async fn browse(State(shared): State<Shared>, Query(query): Query<FileQuery>) -> Response {
    let folder = match resolve(&shared, &query) {
        Ok(folder) => folder,
        Err(refusal) => return *refusal,
    };
    let asked = query.path.unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(&folder) else {
        return plain(StatusCode::NOT_FOUND, format!("{asked} is not a folder\n"));
    };
    let mut files: Vec<(String, serde_json::Value)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let path = Path::new(&asked).join(entry.file_name()).display().to_string();
            let metadata = entry.metadata().ok()?;
            #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch fit a double")]
            let mtime = metadata.mtime() as f64;
            let file = json!({
                "path": path, "nlink": metadata.nlink(), "size": metadata.len(), "mtime": mtime,
                "mode": mode_text(&metadata), "uid": metadata.uid().to_string(), "gid": metadata.gid().to_string(),
            });
            Some((path, file))
        })
        .collect();
    files.sort_by(|left, right| left.0.cmp(&right.0));
    json_answer(&files.into_iter().map(|(_, file)| file).collect())
}

fn mode_text(metadata: &std::fs::Metadata) -> String {
    let kind = if metadata.is_dir() {
        'd'
    } else if metadata.file_type().is_symlink() {
        'l'
    } else {
        '-'
    };
    let mode = metadata.permissions().mode();
    let bits = (0..9).map(|bit| if mode & (0o400 >> bit) == 0 { '-' } else { ['r', 'w', 'x'][bit % 3] });
    std::iter::once(kind).chain(bits).collect()
}

/// A piece of a file.
pub async fn read(State(shared): State<Shared>, Query(query): Query<FileQuery>) -> Response {
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let path = match resolve(&shared, &query) {
        Ok(path) => path,
        Err(refusal) => return *refusal,
    };
    if query.offset.is_some_and(|offset| offset < -1) || query.length.is_some_and(|length| length < -1) {
        return bad("Negative offset or length provided.\n");
    }
    let offset = query.offset.and_then(|offset| u64::try_from(offset).ok());
    let length = query.length.and_then(|length| u64::try_from(length).ok());
    // Without an offset nothing is read: what is asked for is the size.
    match piece_of(&path, offset.unwrap_or(u64::MAX), length) {
        Ok((size, data)) => {
            let offset = offset.unwrap_or(size);
            json_answer(&json!({ "data": String::from_utf8_lossy(&data), "offset": offset }))
        }
        Err(refusal) => *refusal,
    }
}

/// The size of a file, and what it holds from an offset on, 64 KiB at the most.
pub fn piece_of(path: &Path, offset: u64, length: Option<u64>) -> Result<(u64, Vec<u8>), Box<Response>> {
    let (Ok(mut file), Ok(metadata)) = (std::fs::File::open(path), std::fs::metadata(path)) else {
        return Err(Box::new(plain(StatusCode::NOT_FOUND, "the file cannot be opened\n")));
    };
    if metadata.is_dir() {
        return Err(Box::new(plain(StatusCode::BAD_REQUEST, "Cannot read a directory.\n")));
    }
    let mut data = Vec::new();
    if offset >= metadata.len() {
        return Ok((metadata.len(), data));
    }
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(length.unwrap_or(MAX_READ_BYTES).min(MAX_READ_BYTES)).read_to_end(&mut data))
        .map_err(|error| {
            let text = format!("cannot read the file: {error}\n");
            Box::new(plain(StatusCode::INTERNAL_SERVER_ERROR, text))
        })?;
    Ok((metadata.len(), data))
}

/// A whole file.
pub async fn download(State(shared): State<Shared>, Query(query): Query<FileQuery>) -> Response {
    let path = match resolve(&shared, &query) {
        Ok(path) => path,
        Err(refusal) => return *refusal,
    };
    let Ok(file) = tokio::fs::File::open(&path).await else {
        return plain(StatusCode::NOT_FOUND, "the file cannot be opened\n");
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().replace(['"', '\\'], "_");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::from_stream(ReaderStream::new(file))).into_response()
}
