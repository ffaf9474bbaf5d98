//! What the program says of itself: `/vars` (`spec/thermos.md` §4.4).

use std::time::Instant;

use serde_json::{Map, Value, json};

/// Since when it runs.
#[derive(Debug)]
pub struct Vars {
    began: Instant,
}

impl Vars {
    /// From now on.
    pub fn new() -> Self {
        Self { began: Instant::now() }
    }

    /// All variables, sorted by name.
    pub fn all(&self, counts: &Value) -> Map<String, Value> {
        let system = |name: &str| {
            std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default().trim().to_owned()
        };
        let uname = format!(
            "{} {} {} {}",
            system("ostype"),
            system("hostname"),
            system("osrelease"),
            system("version")
        );
        let executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
        let arguments: Vec<String> =
            std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
        let mut vars = Map::new();
        let mut set = |name: &str, value: Value| vars.insert(name.to_owned(), value);
        set("build.version", json!(env!("CARGO_PKG_VERSION")));
        set("observer.tasks_active", counts["active"].clone());
        set("observer.tasks_finished", counts["finished"].clone());
        set("sys.argv", json!(arguments.join(" ")));
        set("sys.exec_prefix", json!(""));
        set("sys.executable", json!(executable));
        set("sys.path", json!(std::env::var("PATH").unwrap_or_default()));
        set("sys.platform", json!(std::env::consts::OS));
        set("sys.prefix", json!(""));
        set("sys.uname", json!(uname));
        set("sys.uptime", json!(self.began.elapsed().as_secs()));
        set("sys.version", json!(env!("CARGO_PKG_VERSION")));
        vars
    }
}

/// A variable as text.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The stacks of a program without an interpreter are not to be had; its threads are.
pub fn threads() -> String {
    let Ok(entries) = std::fs::read_dir("/proc/self/task") else { return String::new() };
    let mut lines: Vec<String> = entries
        .flatten()
        .map(|entry| {
            let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            let state =
                read("status").lines().find_map(|line| Some(line.strip_prefix("State:")?.trim().to_owned()));
            format!(
                "{} {} {}\n",
                entry.file_name().to_string_lossy(),
                read("comm").trim(),
                state.unwrap_or_default()
            )
        })
        .collect();
    lines.sort();
    lines.concat()
}
