//! Takes control of a task: a new one, or one that an earlier runner left (`spec/thermos.md` §1.11).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Author, Events, Guard, Live, RunError, Runner, RunnerConfig, own_pid};
use crate::binding::Context;
use crate::checkpoint::{Appender, LoadError, Tail, TaskPaths};
use crate::os::identity::{identify, lives};
use crate::os::kernel::{Kernel, Linux};
use crate::os::users::{User, UserDatabase, UserError};
use crate::plan::machine::Machine;
use crate::plan::planner::RUN_LIMIT;
use crate::plan::record::{Record, RunnerHeader};
use crate::plan::replay::Strictness;
use crate::task::{Task, TaskError, bind_and_read};

/// What there is to do.
pub enum Control {
    /// Nothing: the task is over.
    AlreadyFinished,
    /// This.
    Runner {
        /// The runner in control.
        runner: Box<Runner>,
        /// Whether the task had ended before, and only its files were not in order.
        was_terminal: bool,
    },
}

/// Reads the task, takes the lock of its stream, and goes on where that stream ends.
pub fn take(mut config: RunnerConfig) -> Result<Control, RunError> {
    let kernel = Linux;
    config.sandbox = absolute(&config.sandbox);
    config.checkpoint_root = absolute(&config.checkpoint_root);
    let users = UserDatabase::default();
    let user = task_user(&config, &users)?;
    let (json, task, task_id) = read_task(&config, &user)?;
    let paths = TaskPaths::new(&config.checkpoint_root, &task_id);

    if paths.finished().exists() {
        return Ok(Control::AlreadyFinished);
    }
    compare_with_disk(&paths, &json)?;
    let (active, finished) = (parent(&paths.active()), parent(&paths.finished()));
    // From the top: each is then made at the first try.
    for folder in [parent(&paths.checkpoints()), paths.checkpoints(), parent(&active), active, finished] {
        fs::create_dir_all(&folder).map_err(|source| RunError::Layout { path: folder.clone(), source })?;
    }
    let stream = Appender::open(&paths.runner())?;
    let run_limit = (!config.is_unlimited).then_some(RUN_LIMIT);
    let mut machine = Machine::new(task.shape(run_limit))?;
    replay(&paths.runner(), &stream, &mut machine, kernel)?;

    let events = Events::new(config.lifeline_fd).map_err(RunError::Signals)?;
    // Daemons that leave their session come back to this process, which ends them with the task.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let mut runner = Box::new(Runner {
        id: identify(own_pid()),
        config,
        paths,
        task,
        user,
        users,
        machine,
        stream,
        live: std::collections::BTreeMap::new(),
        guards: Vec::new(),
        events,
        kernel,
        is_resting: false,
    });
    let was_terminal = runner.machine.task_state().is_terminal();
    if !was_terminal {
        runner.announce(&task_id, &json)?;
    }
    runner.adopt()?;
    Ok(Control::Runner { runner, was_terminal })
}

impl Runner {
    /// Records that this runner is in control, and who the task is.
    fn announce(&mut self, task_id: &str, json: &Value) -> Result<(), RunError> {
        self.record_task(self.machine.task_state())?;
        if self.machine.state().header.is_none() {
            let header = RunnerHeader {
                task_id: Some(task_id.to_owned()),
                launch_time_ms: Some(self.kernel.now().as_millis()),
                sandbox: Some(self.config.sandbox.display().to_string()),
                hostname: Some(self.config.hostname.clone().unwrap_or_else(host_name)),
                user: Some(self.user.name.clone()),
                ports: Some(
                    self.config.ports.iter().map(|(name, port)| (name.clone(), i64::from(*port))).collect(),
                ),
                log_dir: Some(self.log_root().display().to_string()),
                uid: i32::try_from(self.user.uid).ok(),
            };
            self.record(&Record::Header(header), Author::Runner)?;
        }
        write_active(&self.paths.active(), json)
    }

    /// Takes over runs that an earlier runner started.
    fn adopt(&mut self) -> Result<(), RunError> {
        let guards = self.machine.state().guards().filter(|id| lives(*id));
        self.guards = guards.map(|id| Guard { id, is_adopted: true }).collect();
        let open: Vec<(String, Option<i32>)> = self
            .machine
            .state()
            .last_runs()
            .filter(|(_, _, run)| !run.state.is_terminal())
            .map(|(name, _, run)| (name.to_owned(), run.coordinator_pid))
            .collect();
        for (process, coordinator) in open {
            let path = self.paths.coordinator(&process);
            if !path.exists() {
                continue;
            }
            let tail = Tail::open(&path)?;
            let live = Live { coordinator: coordinator.unwrap_or(0), tail, is_adopted: true };
            self.live.insert(process.clone(), live);
            self.read_coordinator(&process)?;
            // The FORKED record may have been in the coordinator's stream only.
            let run = self.machine.state().last_run(&process).filter(|run| run.state.is_live());
            match (run.and_then(|run| run.coordinator_pid), self.live.get_mut(&process)) {
                (Some(pid), Some(live)) => live.coordinator = pid,
                _ => {
                    self.live.remove(&process);
                }
            }
        }
        Ok(())
    }
}

fn task_user(config: &RunnerConfig, users: &UserDatabase) -> Result<User, UserError> {
    match &config.setuid {
        Some(name) => users.by_name(name),
        // A number without a name, as in many images, is a user all the same.
        None => {
            let uid = nix::unistd::getuid().as_raw();
            users.by_uid(uid).or_else(|error| match error {
                UserError::UnknownUid { uid } => Ok(User {
                    name: uid.to_string(),
                    uid,
                    gid: nix::unistd::getgid().as_raw(),
                    home: PathBuf::from("/"),
                }),
                other => Err(other),
            })
        }
    }
}

fn read_task(config: &RunnerConfig, user: &User) -> Result<(Value, Task, String), RunError> {
    let path = &config.thermos_json;
    let text = fs::read(path).map_err(|source| RunError::ReadTask { path: path.clone(), source })?;
    let raw: Value = serde_json::from_slice(&text).map_err(|error| TaskError::NotJson(error.to_string()))?;
    let task_id = config.task_id.clone().unwrap_or_else(|| synthesised_id(&raw));
    let context = Context::thermos(&task_id, &user.name, &config.ports);
    let task = bind_and_read(&raw, &context)?;
    let json = crate::binding::bind(&raw, &context, crate::binding::Escapes::Strip).value;
    Ok((json, task, task_id))
}

/// `{name}-{seconds}.{microseconds}`, for tasks that nobody named.
fn synthesised_id(task: &Value) -> String {
    let name = task.get("name").and_then(Value::as_str).unwrap_or("task");
    let now = Linux.now().as_secs_f64();
    format!("{name}-{now:.6}")
}

fn compare_with_disk(paths: &TaskPaths, json: &Value) -> Result<(), RunError> {
    let Ok(text) = fs::read(paths.active()) else { return Ok(()) };
    // A copy that is not JSON was torn by a crash, and is written again.
    let Ok(old) = serde_json::from_slice::<Value>(&text) else { return Ok(()) };
    if old == *json { Ok(()) } else { Err(RunError::Differs { old: old.to_string(), new: json.to_string() }) }
}

/// Feeds the stream so far into the machine. What follows the first damage cannot be trusted and is cut off.
fn replay(path: &Path, stream: &Appender, machine: &mut Machine, kernel: Linux) -> Result<(), RunError> {
    let mut tail = Tail::open(path)?;
    let end = loop {
        let offset = tail.offset();
        match tail.next_record() {
            Ok(Some(record)) => {
                if let Err(error) = machine.apply(&record, Strictness::Recovery, kernel.now()) {
                    eprintln!(
                        "thermos runner: {} at byte {offset}: {error}; what follows is dropped",
                        path.display()
                    );
                    break offset;
                }
            }
            Ok(None) => {
                if tail.has_partial() {
                    eprintln!(
                        "thermos runner: {} at byte {offset}: the record is not whole; what follows is dropped",
                        path.display()
                    );
                }
                break offset;
            }
            Err(error @ LoadError::Record { .. }) => {
                eprintln!(
                    "thermos runner: {} at byte {offset}: {error}; what follows is dropped",
                    path.display()
                );
                break offset;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let failed = |source| RunError::Layout { path: path.to_owned(), source };
    if stream.size().map_err(failed)? > end {
        stream.cut(end).map_err(failed)?;
    }
    Ok(())
}

/// Written beside and renamed, so that nobody reads half of it.
fn write_active(path: &Path, json: &Value) -> Result<(), RunError> {
    let failed = |source: io::Error| RunError::Layout { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Beside the folder: whoever lists it must not take this for a task.
    let beside = parent(&parent(path)).join(format!(".{name}"));
    let mut file = fs::File::create(&beside).map_err(failed)?;
    file.write_all(json.to_string().as_bytes()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}
