//! Tasks, runs and lists as JSON (`spec/thermos.md` §4.4).

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value, json};
use thermos::detect::Standing;
use thermos::os::identity::Look;
use thermos::plan::record::ProcessState;

use crate::Observer;
use crate::sampling::{shown, shown_with_disk};
use crate::tasks::Task;

/// Which tasks a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Those of one standing.
    Only(Standing),
}

impl Which {
    /// By its name in URLs.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "active" => Some(Self::Only(Standing::Active)),
            "finished" => Some(Self::Only(Standing::Finished)),
            _ => None,
        }
    }

    /// Its name in URLs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Only(standing) => standing.folder(),
        }
    }

    const fn standing(self) -> Option<Standing> {
        match self {
            Self::All => None,
            Self::Only(standing) => Some(standing),
        }
    }
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first entry; a negative one counts from the end.
    pub offset: i64,
    /// How many.
    pub num: usize,
}

/// The default of upstream.
pub const WINDOW: Window = Window { offset: 0, num: 20 };

impl Observer {
    /// The tasks of a kind within a window, newest first, and how many there are.
    pub fn window(&self, which: Which, window: Window) -> (Vec<std::sync::Arc<Task>>, usize) {
        let tasks = self.tasks.listed(which.standing());
        let count = tasks.len();
        let offset = match usize::try_from(window.offset) {
            Ok(offset) => offset,
            Err(_) => {
                count.saturating_sub(usize::try_from(window.offset.unsigned_abs()).unwrap_or(usize::MAX))
            }
        };
        (tasks.into_iter().skip(offset).take(window.num).collect(), count)
    }

    /// `/j/task_ids`.
    pub fn task_ids(&self, which: Which, window: Window) -> Value {
        let (tasks, count) = self.window(which, window);
        let look = Look::default();
        let tasks: Vec<Value> = tasks
            .iter()
            .map(|task| {
                let mut entry = self.usage(task);
                if let Some(fields) = entry.as_object_mut() {
                    fields.extend(summary(task));
                    let orphaned = Orphaned::of(task, &look);
                    fields.extend(orphaned.map(|orphaned| ("abandoned".to_owned(), orphaned.json())));
                }
                entry
            })
            .collect();
        json!({
            "type": which.name(),
            "offset": window.offset,
            "num": window.num,
            "task_count": count,
            "tasks": tasks,
        })
    }

    /// `/j/task_id_count`.
    pub fn task_id_count(&self) -> Value {
        let count = |which: Which| self.tasks.listed(which.standing()).len();
        let (active, finished) =
            (count(Which::Only(Standing::Active)), count(Which::Only(Standing::Finished)));
        json!({"active": active, "finished": finished, "all": active + finished})
    }

    /// A task in full.
    pub fn task(&self, task: &Task) -> Value {
        let mut fields: Map<String, Value> = summary(task).into_iter().collect();
        if let Some(role) = fields.shift_remove("role") {
            fields.insert("user".to_owned(), role);
        }
        fields.insert("resource_consumption".to_owned(), self.usage(task));
        fields.insert("processes".to_owned(), groups(task));
        fields.insert("task".to_owned(), task.json.clone());
        if let Some(orphaned) = Orphaned::of(task, &Look::default()) {
            fields.insert("abandoned".to_owned(), orphaned.json());
        }
        Value::Object(fields)
    }

    /// A run of a process; `{}` if there is none.
    pub fn run(&self, task: &Task, process: &str, number: i64) -> Value {
        let Some((index, run)) = task.run(process, number) else { return json!({}) };
        let mut value = json!({
            "process_name": process,
            "process_run": index,
            "state": run.state.name(),
        });
        if let Some(start) = run.start_time {
            value["start_time"] = json!(start);
        }
        if let Some(stop) = run.stop_time {
            value["stop_time"] = json!(stop);
        }
        if let Some(code) = run.return_code {
            value["return_code"] = json!(code);
        }
        if let Some(reason) = &run.reason {
            value["reason"] = json!(reason);
        }
        if run.state == ProcessState::Running {
            value["used"] = shown(&self.samples.of_run(run));
        }
        value
    }

    /// The latest run of each process.
    pub fn latest_runs(&self, task: &Task) -> Value {
        let runs = task.state.processes.keys().map(|name| (name.clone(), self.run(task, name, -1)));
        Value::Object(runs.collect())
    }

    /// What a task uses.
    pub fn usage(&self, task: &Task) -> Value {
        let (usage, disk) = self.samples.of_task(task);
        shown_with_disk(&usage, disk)
    }
}

/// A task that nobody governs any more, in words.
pub struct Orphaned {
    /// What is left of it.
    pub message: String,
    /// When something last happened to it, epoch seconds.
    pub last_sign: Option<u64>,
    /// Who clears it up, and how to do it at once.
    pub remedy: String,
}

impl Orphaned {
    /// Of a task whose runner is gone without having ended it.
    pub fn of(task: &Task, look: &Look) -> Option<Self> {
        if task.standing == Standing::Finished {
            return None;
        }
        let message = look.abandoned(&task.state)?.to_string();
        let last_sign = task.root.last_sign(&task.task_id).ok();
        let last_sign = last_sign.and_then(|sign| sign.duration_since(UNIX_EPOCH).ok());
        let kill = format!("`thermos kill {}` on this host", task.task_id);
        let remedy = match task.root.run() {
            Some(_) => format!(
                "the agent removes its files with the folder of its executor; until then it is recorded as lost by the scheduler's next collection on this host, if there is one (-gc_executor_path), or by {kill}"
            ),
            None => kill,
        };
        Some(Self { message, last_sign: last_sign.map(|span| span.as_secs()), remedy })
    }

    fn json(&self) -> Value {
        json!({"message": self.message, "last_sign_timestamp": self.last_sign, "remedy": self.remedy})
    }
}

fn summary(task: &Task) -> Vec<(String, Value)> {
    let header = task.header();
    let since = state_since(task);
    let ports: Map<String, Value> = header
        .and_then(|header| header.ports.as_ref())
        .into_iter()
        .flatten()
        .map(|(name, port)| (name.clone(), json!(port)))
        .collect();
    let fields = [
        ("task_id", json!(task.task_id)),
        ("name", task.json["name"].clone()),
        ("role", json!(header.and_then(|header| header.user.clone()))),
        ("launch_timestamp", json!(header.and_then(|header| header.launch_time_ms).map(|ms| ms / 1000))),
        ("state", json!(task.state.task_state().map_or("ACTIVE", |state| state.name()))),
        ("state_timestamp", json!(since.map(|ms| ms / 1000))),
        ("ports", Value::Object(ports)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// When the present state was entered; a runner that takes over writes it again.
fn state_since(task: &Task) -> Option<i64> {
    task.state.statuses.last().map(|step| step.timestamp_ms)
}

/// The names of processes by what became of their latest run. LOST counts as waiting: it runs again.
fn groups(task: &Task) -> Value {
    let named = |states: &[ProcessState]| -> Vec<&str> {
        let of_state = task.state.last_runs().filter(|(_, _, run)| states.contains(&run.state));
        of_state.map(|(name, _, _)| name).collect()
    };
    json!({
        "waiting": named(&[ProcessState::Waiting, ProcessState::Lost]),
        "running": named(&[ProcessState::Forked, ProcessState::Running]),
        "success": named(&[ProcessState::Success]),
        "failed": named(&[ProcessState::Failed]),
        "killed": named(&[ProcessState::Killed]),
    })
}
