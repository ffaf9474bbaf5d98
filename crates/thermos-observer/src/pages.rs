//! Plain pages over the same data (`spec/thermos.md` §4.3).

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use thermos::detect::Standing;

use crate::Observer;
use crate::data::{Which, Window};
use crate::files::{last_bytes, listing};
use crate::html::{escape, path as url_path, segment};
use crate::reply::Reply;
use crate::routes::{list_of, log_path};
use crate::tasks::Task;

/// What a viewer shows of a file's end.
const VIEW_BYTES: u64 = 32_768;

const STYLE: &str = include_str!("style.css");
const ICON: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='#2b6cb0'/></svg>";

/// `/`: what runs and what ran.
pub fn index(observer: &Observer) -> Reply {
    let window = Window { offset: 0, num: 20 };
    let active = table(observer, Which::Only(Standing::Active), window);
    let finished = table(observer, Which::Only(Standing::Finished), window);
    page_with(
        "thermos observer",
        "<meta http-equiv=\"refresh\" content=\"10\">",
        &format!("{active}{finished}"),
    )
}

/// `/main[/{type}[/{offset}[/{num}]]]`.
pub fn main(observer: &Observer, parts: &[&str]) -> Reply {
    match list_of(parts) {
        Ok((which, window)) => page("thermos observer", &table(observer, which, window)),
        Err(text) => missing(&text),
    }
}

fn table(observer: &Observer, which: Which, window: Window) -> String {
    let (tasks, count) = observer.window(which, window);
    let rows: String = tasks.iter().map(|task| row(observer, task)).collect();
    let more = if count > tasks.len() {
        let next = window.offset + i64::try_from(window.num).unwrap_or(0);
        format!("<p><a href=\"/main/{}/{next}/{}\">more</a></p>", which.name(), window.num)
    } else {
        String::new()
    };
    format!(
        "<h2>{} tasks ({count})</h2><table><tr><th>name<th>role<th>launched<th>status<th>cpu<th>ram<th>disk<th>task<th>chroot<th>ports</tr>{rows}</table>{more}",
        which.name()
    )
}

fn row(observer: &Observer, task: &Task) -> String {
    let full = observer.task(task);
    let usage = &full["resource_consumption"];
    let id = segment(&task.task_id);
    let state = match orphaned(&full) {
        Some((message, ..)) => {
            format!("{} <span class=\"bad\" title=\"{message}\">no runner</span>", text(&full["state"]))
        }
        None => text(&full["state"]),
    };
    format!(
        "<tr><td>{}<div class=\"id\">{}</div><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td><a href=\"/task/{id}\">info</a><td><a href=\"/browse/{id}\">browse</a><td>{}</tr>",
        text(&full["name"]),
        escape(&task.task_id),
        text(&full["user"]),
        seconds(full["launch_timestamp"].as_f64()),
        state,
        cores(&usage["cpu"]),
        bytes(&usage["ram"]),
        bytes(&usage["disk"]),
        ports(&full["ports"]),
    )
}

/// `/task/{task_id}`.
pub fn task(observer: &Observer, id: &str) -> Reply {
    let task = match found(observer, id) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    let full = observer.task(&task);
    let usage = &full["resource_consumption"];
    let url = segment(id);
    let host = task.header().and_then(|header| header.hostname.clone()).unwrap_or_default();
    let damage = task.damage.as_ref().map_or_else(String::new, |damage| {
        format!("<p class=\"bad\">{}; what comes before is shown</p>", escape(damage))
    });
    let orphaned = orphaned(&full).map_or_else(String::new, |(message, since, remedy)| {
        format!(
            "<p class=\"bad\">Nobody governs this task: {message}. It was last heard of at {since} UTC. What ends it: {remedy}.</p>"
        )
    });
    let failure = failure_of(&task);
    let history: String = task
        .state
        .statuses
        .iter()
        .map(|step| {
            format!("<tr><td>{}<td>{}</tr>", seconds(Some(in_seconds(step.timestamp_ms))), step.state.name())
        })
        .collect();
    let processes: String =
        task.state.processes.keys().map(|name| process_row(observer, &task, id, name, -1)).collect();
    let body = format!(
        "{damage}{orphaned}{failure}<table class=\"facts\"><tr><th>status<td>{}<tr><th>user<td>{}<tr><th>ports<td>{}<tr><th>chroot<td><a href=\"/browse/{url}\">browse</a><tr><th>hostname<td>{}<tr><th>launched<td>{}<tr><th>config<td><a href=\"/rawtask/{url}\">view</a><tr><th>cpu<td>{}<tr><th>ram<td>{}<tr><th>disk<td>{}</table><h2>History</h2><table class=\"facts\">{history}</table><h2>Processes</h2>{PROCESS_HEAD}{processes}</table>",
        text(&full["state"]),
        text(&full["user"]),
        ports(&full["ports"]),
        escape(&host),
        seconds(full["launch_timestamp"].as_f64()),
        cores(&usage["cpu"]),
        bytes(&usage["ram"]),
        bytes(&usage["disk"]),
    );
    page(&format!("task {id}"), &body)
}

/// What is said of a task that nobody governs any more: what is left, since when, and who clears it up.
fn orphaned(task: &Value) -> Option<(String, String, String)> {
    let orphaned = task.get("abandoned")?;
    let since = seconds(orphaned["last_sign_timestamp"].as_f64());
    Some((text(&orphaned["message"]), since, text(&orphaned["remedy"])))
}

const PROCESS_HEAD: &str = "<table><tr><th>name<th>run<th>status<th>return code<th>started<th>finished<th>cpu<th>ram<th>stdout<th>stderr</tr>";

fn process_row(observer: &Observer, task: &Task, id: &str, process: &str, number: i64) -> String {
    let run = observer.run(task, process, number);
    let (url, name) = (segment(id), segment(process));
    let log = |stream: &str| {
        format!("<a href=\"/logs/{url}/{name}/{}/{stream}\">{stream}</a>", text(&run["process_run"]))
    };
    let reason = run["reason"].as_str().map_or_else(String::new, |reason| {
        format!("<tr><td><td colspan=\"9\" class=\"bad\">{}</tr>", escape(reason))
    });
    format!(
        "<tr><td><a href=\"/process/{url}/{name}\">{}</a><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}</tr>{reason}",
        escape(process),
        text(&run["process_run"]),
        text(&run["state"]),
        text(&run["return_code"]),
        seconds(run["start_time"].as_f64()),
        seconds(run["stop_time"].as_f64()),
        cores(&run["used"]["cpu"]),
        bytes(&run["used"]["ram"]),
        log("stdout"),
        log("stderr"),
    )
}

/// Why the executor gave the task up, in its own words (`spec/thermos.md` §7.3-5).
fn failure_of(task: &Task) -> String {
    let Some(run) = task.root.run() else { return String::new() };
    let read = || -> Option<Value> {
        let folder = thermos::os::beneath::Directory::open(run).ok()?;
        let mut file = folder.open_file(Path::new("failure.json")).ok()?;
        serde_json::from_str(&last_bytes(&mut file, VIEW_BYTES).ok()?.0).ok()
    };
    let Some(failure) = read() else { return String::new() };
    let lines = ["state", "message", "host", "time"]
        .iter()
        .filter_map(|field| Some(format!("<tr><th>{field}<td>{}</tr>", escape(failure[*field].as_str()?))));
    format!("<table class=\"facts bad\">{}</table>", lines.collect::<String>())
}

/// `/rawtask/{task_id}`.
pub fn raw_task(observer: &Observer, id: &str) -> Reply {
    match found(observer, id) {
        Ok(task) => {
            page(&format!("task {id}"), &format!("<pre>{}</pre>", escape(&format!("{:#}", task.json))))
        }
        Err(reply) => reply,
    }
}

/// `/process/{task_id}/{process}`: all runs, newest first.
pub fn process(observer: &Observer, id: &str, process: &str) -> Reply {
    let task = match found(observer, id) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    let mut listed = task.json["processes"].as_array().into_iter().flatten();
    let described = listed.rfind(|listed| listed["name"] == process);
    let runs = task.state.processes.get(process).map_or(0, Vec::len);
    if described.is_none() && runs == 0 {
        return missing(&format!("Invalid task/process combination: {id}/{process}"));
    }
    let Some(described) = described else {
        return missing(&format!("Could not recover process: {id}/{process}"));
    };
    let rows: String = (0..runs)
        .rev()
        .map(|run| process_row(observer, &task, id, process, i64::try_from(run).unwrap_or(-1)))
        .collect();
    let body = format!(
        "<p><a href=\"/task/{}\">task {}</a></p><pre>{}</pre>{PROCESS_HEAD}{rows}</table>",
        segment(id),
        escape(id),
        text(&described["cmdline"]),
    );
    page(&format!("process {process}"), &body)
}

/// `/logs/{task_id}/{process}/{run}/{stream}`.
pub fn log(observer: &Observer, id: &str, process: &str, run: &str, stream: &str) -> Reply {
    let task = match found(observer, id) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    let relative = match log_path(&task, process, run, stream) {
        Ok(relative) => relative,
        Err(Reply::Json(_, value)) => {
            return missing(value["error"].as_str().unwrap_or("there is no such run"));
        }
        Err(reply) => return reply,
    };
    let opened = task.open_logs().and_then(|folder| folder.open_file(&relative));
    viewer(&format!("{process} {stream}"), id, opened)
}

/// `/file/{task_id}/{path}`.
pub fn file(observer: &Observer, id: &str, path: &str) -> Reply {
    match found(observer, id) {
        Ok(task) => {
            viewer(path, id, task.open_sandbox().and_then(|folder| folder.open_file(Path::new(path))))
        }
        Err(reply) => reply,
    }
}

fn viewer(title: &str, id: &str, opened: Result<std::fs::File, thermos::os::beneath::BeneathError>) -> Reply {
    let shown = opened.ok().and_then(|mut file| last_bytes(&mut file, VIEW_BYTES).ok());
    let Some((content, before)) = shown else { return missing("No such file") };
    let skipped = if before > 0 { format!("<p>{before} bytes before</p>") } else { String::new() };
    let back = format!("<p><a href=\"/task/{}\">task {}</a></p>", segment(id), escape(id));
    page(title, &format!("{back}{skipped}<pre>{}</pre>", escape(&content)))
}

/// `/browse/{task_id}[/{path}]`.
pub fn browse(observer: &Observer, id: &str, path: &str) -> Reply {
    let task = match found(observer, id) {
        Ok(task) => task,
        Err(reply) => return reply,
    };
    let folder = task.open_sandbox().and_then(|folder| folder.open_directory(Path::new(path)));
    let Ok(lines) = folder.and_then(|folder| listing(&folder)) else {
        return missing("Sandbox does not exist.");
    };
    let url = segment(id);
    let below = if path.is_empty() { String::new() } else { format!("/{}", url_path(path)) };
    let up = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let up = match path {
        "" => String::new(),
        _ => {
            format!("<tr><td><td><td><td><td><td><a href=\"/browse/{url}/{}\">..</a><td></tr>", url_path(up))
        }
    };
    let rows: String = lines
        .iter()
        .map(|line| {
            let name = segment(&line.name);
            let shown = escape(&line.name);
            let link = match (line.is_folder, line.is_file) {
                (true, _) => format!("<a href=\"/browse/{url}{below}/{name}\">{shown}/</a>"),
                (_, true) => format!("<a href=\"/file/{url}{below}/{name}\">{shown}</a>"),
                _ => shown,
            };
            let download = if line.is_file {
                format!("<a href=\"/download/{url}{below}/{name}\">dl</a>")
            } else {
                String::new()
            };
            format!(
                "<tr><td>{}<td>{}<td>{}:{}<td>{}<td>{}<td>{link}<td>{download}</tr>",
                line.mode,
                line.links,
                line.owner.0,
                line.owner.1,
                line.size,
                seconds(line.modified.and_then(since_epoch)),
            )
        })
        .collect();
    let back = format!("<p><a href=\"/task/{url}\">task {}</a></p>", escape(id));
    let head = "<tr><th>mode<th>links<th>owner<th>size<th>changed<th>name<th></tr>";
    page(&format!("sandbox /{path}"), &format!("{back}<table class=\"facts files\">{head}{up}{rows}</table>"))
}

/// `/assets/{file}`.
pub fn asset(name: &str) -> Reply {
    match name {
        "style.css" => Reply::Asset { kind: "text/css", text: STYLE },
        "favicon.ico" => Reply::Asset { kind: "image/svg+xml", text: ICON },
        _ => missing(&format!("Unknown asset: {name}")),
    }
}

fn found(observer: &Observer, id: &str) -> Result<std::sync::Arc<Task>, Reply> {
    let task = observer.tasks.find(id).ok_or_else(|| missing(&format!("Unknown task_id: {id}")))?;
    if task.header().is_none() {
        return Err(missing(&format!("Failed to find task {id}.  Try again shortly.")));
    }
    Ok(task)
}

fn missing(text: &str) -> Reply {
    Reply::Html(
        StatusCode::NOT_FOUND,
        document("not found", "", &format!("<p class=\"bad\">{}</p>", escape(text))),
    )
}

fn page(title: &str, body: &str) -> Reply {
    page_with(title, "", body)
}

fn page_with(title: &str, head: &str, body: &str) -> Reply {
    Reply::page(document(title, head, body))
}

fn document(title: &str, head: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><link rel=\"stylesheet\" href=\"/assets/style.css\">{head}</head><body><header><a href=\"/\">thermos observer</a></header><h1>{title}</h1>{body}</body></html>\n"
    )
}

/// A value as escaped text; nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn ports(value: &Value) -> String {
    let ports = value.as_object().into_iter().flatten();
    ports.map(|(name, port)| format!("{}: {}", escape(name), text(port))).collect::<Vec<_>>().join(", ")
}

/// UTC, `MM/DD HH:MM:SS`.
fn seconds(time: Option<f64>) -> String {
    let millis = time.map(|seconds| thermos::plan::Moment::from_secs_f64(seconds).as_millis());
    let moment = millis.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    moment.map_or_else(String::new, |moment| {
        moment.to_zoned(TimeZone::UTC).strftime("%m/%d %H:%M:%S").to_string()
    })
}

fn since_epoch(time: SystemTime) -> Option<f64> {
    time.duration_since(UNIX_EPOCH).ok().map(|span| span.as_secs_f64())
}

fn in_seconds(millis: i64) -> f64 {
    thermos::plan::Moment::from_millis(millis).as_secs_f64()
}

fn cores(value: &Value) -> String {
    value.as_f64().map_or_else(String::new, |cores| format!("{cores:.3}"))
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn bytes(value: &Value) -> String {
    let Some(bytes) = value.as_i64() else { return String::new() };
    if bytes < 0 {
        return "unknown".to_owned();
    }
    let units = [("GB", 1_i64 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
    units.iter().find(|(_, size)| bytes >= *size).map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| format!("{:.1} {unit}", bytes as f64 / *size as f64),
    )
}
