//! Starts a runner for a task, here or in the background (`thermos run`, `thermos simplerun`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use thermos::binding::Context;
use thermos::checkpoint::{TaskPaths, load};
use thermos::os::fd::make_inheritable;
use thermos::os::users::{UserDatabase, UserError};
use thermos::plan::record::{ProcessState, TaskState};
use thermos::run::{RunError, RunnerConfig, check_task_id};
use thermos::task::{TaskError, bind_and_read};
use thermos::usage::full_disk;
use thermos::{hidden, logs};

use crate::failure::Failure;
use crate::{output, times};

/// Options of both commands.
#[derive(clap::Args, Debug, Clone)]
pub struct Launching {
    /// Run processes as this user; needs root if it is another than you.
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The id of the task, made from its name if it is not given.
    #[arg(long = "task_id", alias = "task-id", value_name = "STRING")]
    task_id: Option<String>,

    /// Start the runner in the background.
    #[arg(long)]
    daemon: bool,
}

/// A task and where it runs.
pub struct Launch {
    pub task: Value,
    pub ports: BTreeMap<String, u16>,
    pub root: PathBuf,
    pub sandbox: PathBuf,
    pub enable_chroot: bool,
}

impl Launch {
    /// Runs the task to its end, or starts it in the background.
    pub fn run(self, options: &Launching) -> Result<(), Failure> {
        let task_id = match &options.task_id {
            Some(given) => given.clone(),
            None => times::synthesised_id(&self.name()),
        };
        check_task_id(&task_id)?;
        let paths = TaskPaths::new(&self.root, &task_id);
        if paths.finished().exists() {
            return already_over(&paths);
        }
        let user = self.other_user(options.user.as_deref())?;
        self.check(&task_id, user.as_deref())?;
        self.make_sandbox(user.as_deref())?;
        let file = self.write_task()?;
        let config = RunnerConfig {
            thermos_json: file.path().to_owned(),
            sandbox: self.sandbox.clone(),
            checkpoint_root: self.root.clone(),
            task_id: Some(task_id.clone()),
            setuid: user,
            enable_chroot: self.enable_chroot,
            ports: self.ports.clone(),
            is_unlimited: true,
            is_foreground: true,
            ..RunnerConfig::default()
        };
        if options.daemon {
            output::line("Daemonizing and starting runner.");
            return start_in_background(&config);
        }
        match thermos::run::run(config) {
            Ok(_) => {}
            Err(error) => return Err(explained(&error, &self.root)),
        }
        drop(file);
        verdict(&paths)
    }

    fn name(&self) -> String {
        let own = self.task["name"].as_str().filter(|name| !name.contains("{{"));
        own.or_else(|| self.task["processes"][0]["name"].as_str()).unwrap_or("task").to_owned()
    }

    /// Everything that can be known to be wrong before anything is started.
    fn check(&self, task_id: &str, user: Option<&str>) -> Result<(), Failure> {
        let context = Context::thermos(task_id, user.unwrap_or("user"), &self.ports);
        match bind_and_read(&self.task, &context) {
            Ok(_) => Ok(()),
            Err(TaskError::UnboundPorts { names }) => {
                let flags: Vec<String> = names.iter().map(|name| format!("--port={name}:NUMBER")).collect();
                let text = format!("ERROR!  Unbound ports: {}", names.join(" "));
                Err(Failure::Usage(format!("{text}\ngive each a number: {}", flags.join(" "))))
            }
            Err(error @ TaskError::UnboundRefs { .. }) => Err(Failure::Config(format!(
                "Invalid task: {error}\nbind what the config leaves open, as in -E profile.cpu=2"
            ))),
            Err(other) => Err(Failure::Config(format!("Invalid task: {other}"))),
        }
    }

    /// Whom processes run as, if that is not who runs this.
    fn other_user(&self, wanted: Option<&str>) -> Result<Option<String>, Failure> {
        let Some(wanted) = wanted else { return Ok(None) };
        let user = UserDatabase::default().by_name(wanted).map_err(|error| match error {
            UserError::UnknownName { name, passwd } => Failure::Failed(format!(
                "user {name} is not in {} and getent does not know it; create it, or choose another with --user",
                passwd.display()
            )),
            other => Failure::failed(&other),
        })?;
        if user.uid == nix::unistd::getuid().as_raw() {
            return Ok(None);
        }
        if !nix::unistd::geteuid().is_root() {
            let text = "Must be root to run processes as other users!";
            return Err(Failure::Failed(format!("{text} Run this as root, or without --user={wanted}.")));
        }
        Ok(Some(user.name))
    }

    fn make_sandbox(&self, user: Option<&str>) -> Result<(), Failure> {
        if self.sandbox.is_dir() {
            return self.give_to(user);
        }
        std::fs::create_dir_all(&self.sandbox).map_err(|error| {
            let path = self.sandbox.display();
            Failure::Failed(format!("cannot make the sandbox {path}: {error}; choose another with --sandbox"))
        })?;
        self.give_to(user)
    }

    /// An empty sandbox is given to the user; one with files has an owner already.
    fn give_to(&self, user: Option<&str>) -> Result<(), Failure> {
        let is_empty = std::fs::read_dir(&self.sandbox).is_ok_and(|mut entries| entries.next().is_none());
        let Some(user) = user.filter(|_| is_empty) else { return Ok(()) };
        let user = UserDatabase::default().by_name(user).map_err(|error| Failure::failed(&error))?;
        chown(&self.sandbox, Some(user.uid), Some(user.gid)).map_err(|error| {
            let path = self.sandbox.display();
            Failure::Failed(format!("cannot give the sandbox {path} to {}: {error}", user.name))
        })
    }

    fn write_task(&self) -> Result<tempfile::NamedTempFile, Failure> {
        let failed = |error: std::io::Error| {
            Failure::Failed(format!("cannot write the task: {error}; look at TMPDIR"))
        };
        let mut file =
            tempfile::Builder::new().prefix("thermos-task-").suffix(".json").tempfile().map_err(failed)?;
        file.write_all(self.task.to_string().as_bytes()).map_err(failed)?;
        Ok(file)
    }
}

/// Starts this program as a runner of its own session, and waits until it has the task in hand.
fn start_in_background(config: &RunnerConfig) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("Failed to daemonize: {error}"));
    let (reports, report) = std::io::pipe().map_err(failed)?;
    make_inheritable(&report).map_err(failed)?;
    let mut command = Command::new(hidden::OWN_PROGRAM);
    command
        .arg0("thermos_runner")
        .arg(hidden::RUNNER)
        .arg(format!("--thermos_json={}", config.thermos_json.display()))
        .arg(format!("--sandbox={}", config.sandbox.display()))
        .arg(format!("--checkpoint_root={}", config.checkpoint_root.display()))
        .arg(format!("--status_fd={}", report.as_raw_fd()))
        .args(["--unlimited", "--detach"]);
    command.args(config.task_id.iter().map(|id| format!("--task_id={id}")));
    command.args(config.setuid.iter().map(|user| format!("--setuid={user}")));
    command.args(config.ports.iter().map(|(name, port)| format!("--port={name}:{port}")));
    if config.enable_chroot {
        command.arg("--enable_chroot");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    drop((report, command));
    for line in BufReader::new(reports).lines().map_while(Result::ok) {
        if line == "active" {
            return Ok(());
        }
        if let Some(text) = line.strip_prefix("error ") {
            return Err(Failure::Failed(text.to_owned()));
        }
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("the runner ended before the task began: {status}"))),
        Err(error) => Err(failed(error)),
    }
}

fn explained(error: &RunError, root: &Path) -> Failure {
    match error {
        RunError::Layout { .. } => {
            let hint = format!("use --root=FOLDER for another checkpoint root than {}", root.display());
            Failure::Failed(format!("{error}; {hint}"))
        }
        RunError::Invalid(_) | RunError::Differs { .. } => Failure::Config(error.to_string()),
        other => Failure::failed(other),
    }
}

/// An id names one task only, and this one's is over: nothing is run, as a runner would decide.
fn already_over(paths: &TaskPaths) -> Result<(), Failure> {
    let end = load(&paths.runner()).ok().and_then(|loaded| loaded.state.task_state());
    let how = end.map_or_else(
        || format!("its checkpoint {} cannot be read", paths.runner().display()),
        |end| format!("it ended as {}", end.name()),
    );
    eprintln!("Task {} is over: {how}. Nothing was run; give another --task_id, or none.", paths.task_id());
    Ok(())
}

/// Says how the task ended if it did not end well.
fn verdict(paths: &TaskPaths) -> Result<(), Failure> {
    let state = load(&paths.runner()).map_err(|error| Failure::failed(&error))?.state;
    let end = state.task_state();
    if end == Some(TaskState::Success) {
        return Ok(());
    }
    let name = end.map_or("unknown", TaskState::name);
    let mut lines = vec![format!("Task {} ended as {name}.", paths.task_id())];
    let log_dir = state.header.as_ref().and_then(|header| header.log_dir.clone()).map(PathBuf::from);
    for (process, run, last) in state.last_runs() {
        if last.state != ProcessState::Failed {
            continue;
        }
        let code = last.return_code.map_or_else(String::new, |code| format!(" with exit status {code}"));
        let reason = last.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        lines.push(format!("  process '{process}' failed in run {run}{code}{reason}"));
        let said = log_dir.as_ref().and_then(|folder| {
            let file = TaskPaths::logs(folder, process, run).join("stderr");
            Some((logs::last_lines(&file)?, file))
        });
        if let Some((text, file)) = said {
            lines.push(format!("    {}: {text}", file.display()));
        }
    }
    let sandbox = state.header.as_ref().and_then(|header| header.sandbox.clone());
    lines.extend(sandbox.and_then(|path| full_disk(Path::new(&path))).map(|text| format!("  {text}")));
    Err(Failure::Failed(lines.join("\n")))
}
