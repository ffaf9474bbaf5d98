//! From a URL to its answer (`spec/thermos.md` §§4.3, 4.4).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::header::{ALLOW, RANGE};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use thermos::os::beneath::Directory;

use crate::data::{WINDOW, Which, Window};
use crate::files::{Wanted, chunk, open_part};
use crate::reply::Reply;
use crate::tasks::Task;
use crate::{Observer, pages, vars};

/// Answers that may read files at the same time; the rest waits.
pub const BLOCKING_MAX: usize = 16;

/// Everything is answered here.
pub fn router(observer: Arc<Observer>) -> Router {
    Router::new().fallback(answer).with_state(observer)
}

async fn answer(State(observer): State<Arc<Observer>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused =
            Reply::error(StatusCode::METHOD_NOT_ALLOWED, "only GET: nothing can be changed here")
                .into_response();
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let uri = request.uri().clone();
    let range = request.headers().get(RANGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let reply = tokio::task::spawn_blocking(move || route(&observer, &uri, range.as_deref())).await;
    reply
        .unwrap_or_else(|error| {
            tracing::error!(%error, "an answer broke down");
            Reply::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "an answer broke down; the observer's log has more",
            )
        })
        .into_response()
}

fn route(observer: &Observer, uri: &Uri, range: Option<&str>) -> Reply {
    let decoded: Vec<String> = uri
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let query: HashMap<String, String> =
        Query::try_from_uri(uri).map(|Query(query)| query).unwrap_or_default();
    match parts.as_slice() {
        [] => pages::index(observer),
        ["main", rest @ ..] if rest.len() <= 3 => pages::main(observer, rest),
        ["task", id] => pages::task(observer, id),
        ["rawtask", id] => pages::raw_task(observer, id),
        ["process", id, process] => pages::process(observer, id, process),
        ["logs", id, process, run, stream] => pages::log(observer, id, process, run, stream),
        ["file", id, path @ ..] if !path.is_empty() => pages::file(observer, id, &path.join("/")),
        ["browse", id, path @ ..] => pages::browse(observer, id, &path.join("/")),
        ["download", id, path @ ..] if !path.is_empty() => download(observer, id, &path.join("/"), range),
        ["j", rest @ ..] => json_route(observer, rest, &query),
        ["logdata", id, process, run, stream] => log_data(observer, (id, process, run, stream), &query),
        ["filedata", id, path @ ..] if !path.is_empty() => file_data(observer, id, &path.join("/"), &query),
        ["vars"] => Reply::Text(StatusCode::OK, vars_text(observer)),
        ["vars.json"] => Reply::json(Value::Object(observer.vars.all(&observer.task_id_count()))),
        ["vars", name] => match observer.vars.all(&observer.task_id_count()).get(*name) {
            Some(value) => Reply::Text(StatusCode::OK, vars::text(value)),
            None => Reply::error(StatusCode::NOT_FOUND, format!("no such variable: {name}")),
        },
        ["health"] => Reply::Text(StatusCode::OK, "OK".to_owned()),
        ["threads"] => Reply::Text(StatusCode::OK, vars::threads()),
        ["profile"] => Reply::Text(StatusCode::OK, "Profiling is disabled".to_owned()),
        ["favicon.ico"] => Reply::SeeOther("/assets/favicon.ico"),
        ["assets", name] => pages::asset(name),
        _ => Reply::error(StatusCode::NOT_FOUND, format!("nothing is at {}", uri.path())),
    }
}

fn vars_text(observer: &Observer) -> String {
    let all = observer.vars.all(&observer.task_id_count());
    all.iter().map(|(name, value)| format!("{name} {}\n", vars::text(value))).collect()
}

fn unknown_task(id: &str) -> Reply {
    Reply::error(StatusCode::NOT_FOUND, format!("Unknown task_id: {id}"))
}

fn json_route(observer: &Observer, parts: &[&str], query: &HashMap<String, String>) -> Reply {
    let ids =
        || query.get("task_id").map(|ids| ids.split(',').map(str::to_owned).collect()).unwrap_or_default();
    match parts {
        ["task_ids", rest @ ..] if rest.len() <= 3 => match list_of(rest) {
            Ok((which, window)) => Reply::json(observer.task_ids(which, window)),
            Err(text) => Reply::error(StatusCode::NOT_FOUND, text),
        },
        ["task_id_count"] => Reply::json(observer.task_id_count()),
        ["task"] => tasks(observer, ids()),
        ["task", id] => tasks(observer, vec![(*id).to_owned()]),
        ["process", id] => {
            observer.tasks.find(id).map_or_else(|| unknown_task(id), |_| Reply::json(json!({})))
        }
        ["process", id, process] => process_run(observer, id, process, "-1"),
        ["process", id, process, run] => process_run(observer, id, process, run),
        ["processes"] => {
            let ids: Vec<String> = ids();
            let found = ids.into_iter().map(|id| {
                let runs =
                    observer.tasks.find(&id).map_or_else(|| json!({}), |task| observer.latest_runs(&task));
                (id, runs)
            });
            Reply::json(Value::Object(found.collect()))
        }
        _ => Reply::error(StatusCode::NOT_FOUND, "no such data"),
    }
}

/// `[which[/offset[/num]]]`.
pub fn list_of(parts: &[&str]) -> Result<(Which, Window), String> {
    let which = match parts.first() {
        None => Which::All,
        Some(name) => Which::parse(name).ok_or_else(|| format!("Invalid task type: {name}"))?,
    };
    let offset = match parts.get(1) {
        None => WINDOW.offset,
        Some(text) => text.parse().map_err(|_| format!("Invalid offset: {text}"))?,
    };
    let num = match parts.get(2) {
        None => WINDOW.num,
        Some(text) => text.parse().map_err(|_| format!("Invalid count: {text}"))?,
    };
    Ok((which, Window { offset, num }))
}

fn tasks(observer: &Observer, ids: Vec<String>) -> Reply {
    let mut found = serde_json::Map::new();
    for id in ids {
        match observer.tasks.find(&id) {
            Some(task) => found.insert(id, observer.task(&task)),
            None => return unknown_task(&id),
        };
    }
    Reply::json(Value::Object(found))
}

fn process_run(observer: &Observer, id: &str, process: &str, run: &str) -> Reply {
    let Some(task) = observer.tasks.find(id) else { return unknown_task(id) };
    match run.parse() {
        Ok(number) => Reply::json(observer.run(&task, process, number)),
        Err(_) => Reply::error(StatusCode::NOT_FOUND, format!("no such run: {run}")),
    }
}

/// `offset` and `length`; -1 and absent are alike.
fn wanted(query: &HashMap<String, String>) -> Result<Wanted, Reply> {
    let number = |name: &str| match query.get(name).map(|text| (text, text.parse::<i64>())) {
        None | Some((_, Ok(-1))) => Ok(None),
        Some((_, Ok(number))) if number >= 0 => Ok(u64::try_from(number).ok()),
        Some((text, _)) => Err(Reply::error(
            StatusCode::BAD_REQUEST,
            format!("{name} must be a whole number or -1, is {text}"),
        )),
    };
    Ok(Wanted { offset: number("offset")?, length: number("length")? })
}

/// A run's log below the folder of logs.
pub fn log_path(task: &Task, process: &str, run: &str, stream: &str) -> Result<PathBuf, Reply> {
    let missing = |text: String| Reply::error(StatusCode::NOT_FOUND, text);
    if !matches!(stream, "stdout" | "stderr") {
        return Err(missing(format!("No such log type: {stream}")));
    }
    if !task.state.processes.contains_key(process) {
        return Err(missing(format!("Invalid task/process combination: {}/{process}", task.task_id)));
    }
    let number = run.parse().map_err(|_| missing(format!("no such run: {run}")))?;
    let Some((index, _)) = task.run(process, number) else { return Err(Reply::json(json!({}))) };
    Ok(Path::new(process).join(index.to_string()).join(stream))
}

fn log_data(
    observer: &Observer,
    (id, process, run, stream): (&str, &str, &str, &str),
    query: &HashMap<String, String>,
) -> Reply {
    let Some(task) = observer.tasks.find(id) else { return unknown_task(id) };
    let path = match log_path(&task, process, run, stream) {
        Ok(path) => path,
        Err(reply) => return reply,
    };
    piece(task.open_logs().ok(), &path, query)
}

fn file_data(observer: &Observer, id: &str, path: &str, query: &HashMap<String, String>) -> Reply {
    let Some(task) = observer.tasks.find(id) else { return unknown_task(id) };
    piece(task.open_sandbox().ok(), Path::new(path), query)
}

/// `{}` for everything that is no file inside.
fn piece(folder: Option<Directory>, path: &Path, query: &HashMap<String, String>) -> Reply {
    let wanted = match wanted(query) {
        Ok(wanted) => wanted,
        Err(reply) => return reply,
    };
    let file = folder.and_then(|folder| folder.open_file(path).ok());
    Reply::json(file.and_then(|mut file| chunk(&mut file, wanted).ok()).unwrap_or_else(|| json!({})))
}

fn download(observer: &Observer, id: &str, path: &str, range: Option<&str>) -> Reply {
    let missing = || Reply::error(StatusCode::NOT_FOUND, "No such file");
    let Some(folder) = observer.tasks.find(id).and_then(|task| task.open_sandbox().ok()) else {
        return missing();
    };
    let path = Path::new(path);
    match open_part(&folder, path, range) {
        Some((file, part)) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Reply::Download { file, name, part }
        }
        None if folder.open_file(path).is_ok() => {
            Reply::error(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such bytes")
        }
        None => missing(),
    }
}
