//! Runs the runner of the built program on a task in a folder of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thermos::checkpoint::{Tail, TaskPaths, load};
use thermos::plan::record::{ProcessState, Record, TaskState};
use thermos::plan::replay::{ProcessRun, RunnerState};

/// Nothing in these tests takes this long on a machine that works, however busy it is.
const DEADLINE: Duration = Duration::from_secs(90);

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_thermos_executor");

/// Waits until `look` finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// A process with the defaults of the conformance list.
pub fn process(name: &str, cmdline: &str) -> Value {
    json!({"name": name, "cmdline": cmdline, "min_duration": 1})
}

/// The same with other fields.
pub fn process_with(name: &str, cmdline: &str, fields: Value) -> Value {
    let mut process = process(name, cmdline);
    for (field, value) in fields.as_object().unwrap() {
        process[field] = value.clone();
    }
    process
}

/// One task and its files.
pub struct Rig {
    pub folder: TempDir,
    pub task: Value,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, Option<String>)>,
}

impl Rig {
    pub fn new(processes: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sandbox")).unwrap();
        let resources = json!({"cpu": 1.0, "ram": 1, "disk": 1});
        // Longer than the end of any task here takes on a busy machine, unless a test is about just this time.
        let task = json!({
            "name": "task", "processes": processes, "resources": resources, "finalization_wait": 300,
        });
        Self { folder, task, arguments: Vec::new(), environment: Vec::new() }
    }

    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.task[field] = value;
        self
    }

    pub fn order(self, names: &[&str]) -> Self {
        self.with("constraints", json!([{"order": names}]))
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: Option<&str>) -> Self {
        self.environment.push((name.to_owned(), value.map(str::to_owned)));
        self
    }

    pub fn sandbox(&self) -> PathBuf {
        self.folder.path().join("sandbox")
    }

    pub fn paths(&self) -> TaskPaths {
        TaskPaths::new(self.folder.path().join("root"), "task-1")
    }

    pub fn command(&self) -> Command {
        let file = self.folder.path().join("task.json");
        fs::write(&file, self.task.to_string()).unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .arg("__runner")
            .arg(format!("--thermos_json={}", file.display()))
            .arg(format!("--sandbox={}", self.sandbox().display()))
            .arg(format!("--checkpoint_root={}", self.paths().root().display()))
            .arg("--task_id=task-1")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts the runner.
    pub fn start(&self) -> Running<'_> {
        let mut child = self.command().spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Running { rig: self, child: Some(child), said, heard: String::new() }
    }

    /// Runs the runner to its end.
    pub fn run(&self) -> Done {
        self.start().end()
    }

    pub fn state(&self) -> RunnerState {
        load(&self.paths().runner()).unwrap().state
    }

    /// The latest run of a process in some state.
    pub fn wait_run(&self, process: &str, state: ProcessState) -> ProcessRun {
        wait_for(&format!("{process} to be {}", state.name()), || {
            let run = load(&self.paths().runner()).ok()?.state.last_run(process)?.clone();
            (run.state == state).then_some(run)
        })
    }

    /// The stream in short: `task ACTIVE`, `header`, `p WAITING/0`.
    pub fn stream(&self) -> Vec<String> {
        let mut tail = Tail::open(&self.paths().runner()).unwrap();
        let mut lines = Vec::new();
        while let Some(record) = tail.next_record().unwrap() {
            lines.push(match record {
                Record::Header(_) => "header".to_owned(),
                Record::Task(status) => {
                    format!("task {}", TaskState::from_wire(status.state.unwrap()).unwrap().name())
                }
                Record::Process(status) => format!(
                    "{} {}/{}{}",
                    status.process.unwrap(),
                    ProcessState::from_wire(status.state.unwrap()).unwrap().name(),
                    status.seq.unwrap(),
                    status.return_code.map(|code| format!(" rc {code}")).unwrap_or_default(),
                ),
                Record::Empty => "empty".to_owned(),
            });
        }
        lines
    }

    pub fn log(&self, process: &str, run: usize, stream: &str) -> String {
        fs::read_to_string(self.log_path(process, run, stream)).unwrap()
    }

    pub fn log_path(&self, process: &str, run: usize, stream: &str) -> PathBuf {
        TaskPaths::logs(&self.sandbox().join(".logs"), process, run).join(stream)
    }

    pub fn log_exists(&self, process: &str, run: usize, stream: &str) -> bool {
        self.log_path(process, run, stream).exists()
    }

    /// A number that a process wrote into a file of the sandbox.
    pub fn wait_number(&self, file: &str) -> i32 {
        let path = self.sandbox().join(file);
        wait_for(&format!("{file} to hold a number"), || fs::read_to_string(&path).ok()?.trim().parse().ok())
    }

    /// States of all runs of a process.
    pub fn runs(&self, process: &str) -> Vec<ProcessState> {
        self.state()
            .processes
            .get(process)
            .map_or_else(Vec::new, |runs| runs.iter().map(|run| run.state).collect())
    }
}

/// A runner at work; it and its task end with the test.
pub struct Running<'a> {
    rig: &'a Rig,
    child: Option<Child>,
    /// What it says on stderr, and how much of that was read.
    said: BufReader<ChildStderr>,
    heard: String,
}

impl Running<'_> {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    pub fn signal(&self, signal: &str) {
        signal_process(self.pid(), signal);
    }

    /// Signals it, and waits until it says that it has taken this up: from then on nothing that happens comes before.
    pub fn order(&mut self, signal: &str, answer: &str) {
        self.signal(signal);
        while !self.heard.contains(answer) {
            assert!(self.said.read_line(&mut self.heard).unwrap() > 0, "no {answer:?} in {}", self.heard);
        }
    }

    /// Waits for its end.
    pub fn end(mut self) -> Done {
        let mut stdout = self.child.as_mut().unwrap().stdout.take().unwrap();
        let status = wait_for("the end of the runner", || self.child.as_mut().unwrap().try_wait().unwrap());
        self.child = None;
        let mut done = Done { status, stdout: String::new(), stderr: std::mem::take(&mut self.heard) };
        stdout.read_to_string(&mut done.stdout).unwrap();
        self.said.read_to_string(&mut done.stderr).unwrap();
        done
    }

    /// SIGKILL to the runner alone.
    pub fn kill_runner(mut self) {
        self.signal("KILL");
        self.child.take().unwrap().wait().unwrap();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = thermos::run::kill_task(&self.rig.paths(), TaskState::Killed);
        }
    }
}

pub fn signal_process(pid: i32, signal: &str) {
    let status = Command::new("/bin/kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    let status = status
        .or_else(|_| Command::new("/usr/bin/kill").arg(format!("-{signal}")).arg(pid.to_string()).status());
    assert!(status.unwrap().success(), "kill -{signal} {pid}");
}

/// How a runner ended.
pub struct Done {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Done {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// Expects exit status 0.
    #[track_caller]
    pub fn fine(&self) {
        assert_eq!(self.code(), Some(0), "{}", self.stderr());
    }
}

/// Writes a program, by another process: while this one writes, others that it starts may have the file open for a moment as
/// well, and as long as anybody writes to a program it cannot be executed (ETXTBSY).
pub fn write_program(path: &Path, text: &str) {
    let write = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
    assert!(Command::new("/bin/sh").args(["-c", write]).arg(path).arg(text).status().unwrap().success());
}

/// Whether anything below `folder` is still the working directory of a process.
pub fn is_inhabited(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries.flatten().any(|entry| {
        let is_inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        let is_process = entry.file_name().to_str().and_then(|name| name.parse().ok()).is_some_and(is_alive);
        is_inside && is_process
    })
}
