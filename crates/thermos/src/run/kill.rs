//! Ends a task whose runner is gone, from outside (`spec/thermos.md` §1.10, "`TaskRunnerHelper.kill`").

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{own_pid, reap, strays};
use crate::checkpoint::{AppendError, Appender, LoadError, TaskPaths, load};
use crate::os::identity::{Fate, Witness, identify, lives};
use crate::os::kernel::{Kernel, Linux, ProcessFacts};
use crate::os::signals::{Sender, carry_out, descendants};
use crate::plan::birth::ProcessId;
use crate::plan::escalation::{self, SignalOrder, Strength};
use crate::plan::record::{ProcessState, ProcessStatus, Record, TaskState, TaskStatus};
use crate::plan::replay::{ProcessRun, RunnerState};

/// How long the lock of a runner that just died may take to be free.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// A task that could not be ended.
#[derive(Debug, thiserror::Error)]
pub enum KillError {
    /// Its stream cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its stream cannot be written: most often a runner still holds it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Its files cannot be moved.
    #[error("cannot move {} to the finished tasks: {source}", path.display())]
    Move {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A runner lives that this user may not look into.
    #[error("a runner holds {} and cannot be identified: run this as root or as the user that started the task", path.display())]
    UnknownRunner {
        /// Its stream.
        path: PathBuf,
    },
}

/// What was found and done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Killed {
    /// The task had ended before.
    AlreadyOver(TaskState),
    /// It was ended now, with so many live runs.
    Now {
        /// Runs that were live.
        runs: usize,
    },
}

/// Takes the stream over, kills every process of the task with SIGKILL and records `outcome`. Only processes that are the
/// recorded ones beyond doubt are hit.
///
/// # Errors
/// [`KillError`]. A runner that still lives keeps the lock, and nothing is done.
pub fn kill_task(paths: &TaskPaths, outcome: TaskState) -> Result<Killed, KillError> {
    let mut stream = Appender::open_within(&paths.runner(), LOCK_WAIT)?;
    let loaded = load(&paths.runner())?;
    if let Some(intact) = loaded.intact_bytes() {
        stream.cut(intact).map_err(|source| AppendError::Write { path: paths.runner(), source })?;
    }
    let mut state = loaded.state;
    catch_up(paths, &mut stream, &mut state)?;
    if let Some(task_state) = state.task_state().filter(|state| state.is_terminal()) {
        move_to_finished(paths)?;
        return Ok(Killed::AlreadyOver(task_state));
    }
    let witness = Witness::new(state.header.as_ref());
    let live: Vec<(String, ProcessRun)> = state
        .last_runs()
        .filter(|(_, _, run)| run.state.is_live())
        .map(|(name, _, run)| (name.to_owned(), run.clone()))
        .collect();
    stream.append(&task_record(TaskState::Active))?;
    for (process, run) in &live {
        let table = Linux.processes();
        let fates = [witness.coordinator(&table, run), witness.shell(&table, run)];
        let is_there = fates.contains(&Fate::Lives);
        if is_there {
            end_below(run);
            let sender = Sender { own_pid: own_pid(), ..Sender::default() };
            carry_out(&Linux, &sender, &escalation::on_run_end(run));
        }
        let mut status = ProcessStatus::new(process, run.seq + 1, ProcessState::Lost);
        if is_there {
            status.state = Some(ProcessState::Killed.wire());
            status.stop_time = Some(Linux.now().as_secs_f64());
            status.return_code = Some(-9);
        }
        stream.append(&Record::Process(status))?;
    }
    end_guarded(&state);
    strays::kill(&state);
    stream.append(&task_record(outcome))?;
    move_to_finished(paths)?;
    Ok(Killed::Now { runs: live.len() })
}

/// Kills everything below the coordinator of a run, until nothing is left. As long as the coordinator lives nothing leaves its family,
/// whatever sessions it begins, and whatever is started meanwhile.
fn end_below(run: &ProcessRun) {
    let Some(coordinator) = run.coordinator() else { return };
    let sender = Sender { own_pid: own_pid(), ..Sender::default() };
    let orders = [escalation::on_end_of_guarded(coordinator)];
    reap::until_nobody(|| carry_out(&Linux, &sender, &orders));
}

/// Kills daemons of processes that are over, which a coordinator stayed with.
fn end_guarded(state: &RunnerState) {
    let guards: Vec<ProcessId> = state.guards().filter(|id| lives(*id)).collect();
    let orders: Vec<SignalOrder> = guards.iter().map(|id| escalation::on_end_of_guarded(*id)).collect();
    let sender = Sender { own_pid: own_pid(), ..Sender::default() };
    reap::until_gone(&guards, || {
        carry_out(&Linux, &sender, &orders);
    });
}

/// The live runner of a task. Its recorded number may be another process's by now, so it must have the stream open (D40).
fn runner_of(paths: &TaskPaths) -> Result<Option<i32>, KillError> {
    let stream = paths.runner();
    let Err(AppendError::Locked { .. }) = Appender::open(&stream) else { return Ok(None) };
    let recorded = load(&stream)?.state.runner().map(|runner| runner.pid);
    let file = std::fs::metadata(&stream).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let holds = |pid: &i32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|entry| std::fs::metadata(entry.path()).ok())
            .any(|metadata| file == Some((metadata.dev(), metadata.ino())))
    };
    match recorded.filter(|pid| *pid > 1 && *pid != own_pid() && holds(pid)) {
        Some(pid) => Ok(Some(pid)),
        None => Err(KillError::UnknownRunner { path: stream }),
    }
}

/// Asks the live runner of a task to end it in order, finalizers and all. Whether there is one.
///
/// # Errors
/// [`KillError::UnknownRunner`], [`KillError::Load`].
pub fn ask_runner(paths: &TaskPaths) -> Result<bool, KillError> {
    let runner = runner_of(paths)?;
    if let Some(pid) = runner {
        let _ = kill(Pid::from_raw(pid), Signal::SIGUSR1);
    }
    Ok(runner.is_some())
}

/// As [`kill_task`], and kills the runner first if there is one, with all that came back to it.
///
/// # Errors
/// [`KillError`].
pub fn kill_with_runner(paths: &TaskPaths, outcome: TaskState) -> Result<Killed, KillError> {
    let Some(runner) = runner_of(paths)? else { return kill_task(paths, outcome) };
    // Stopped, it starts nothing new while its family is looked at. Daemons would be out of reach once it is gone.
    let _ = kill(Pid::from_raw(runner), Signal::SIGSTOP);
    let before = Linux.processes();
    let family = descendants(&before, runner);
    Linux.signal(runner, Strength::Kill);
    let killed = kill_task(paths, outcome)?;
    let after = Linux.processes();
    for pid in family {
        let is_same = |old: &ProcessFacts, new: &ProcessFacts| old.start_ticks == new.start_ticks;
        if before.get(&pid).zip(after.get(&pid)).is_some_and(|(old, new)| is_same(old, new)) {
            Linux.signal(pid, Strength::Kill);
        }
    }
    Ok(killed)
}

/// Copies what coordinators recorded after the runner's end.
fn catch_up(paths: &TaskPaths, stream: &mut Appender, state: &mut RunnerState) -> Result<(), KillError> {
    let names: Vec<String> = state.last_runs().map(|(name, _, _)| name.to_owned()).collect();
    for process in names {
        let Ok(mut tail) = crate::checkpoint::Tail::open(&paths.coordinator(&process)) else { continue };
        while let Ok(Some(record)) = tail.next_record() {
            if let Record::Process(status) = &record
                && state.is_news(status)
                && state.apply(&record, crate::plan::replay::Strictness::Strict).is_ok()
            {
                stream.append(&record)?;
            }
        }
    }
    Ok(())
}

fn task_record(state: TaskState) -> Record {
    let uid = nix::unistd::getuid().as_raw();
    Record::Task(TaskStatus::new(state, Linux.now().as_millis(), identify(own_pid()), uid))
}

fn move_to_finished(paths: &TaskPaths) -> Result<(), KillError> {
    let finished = paths.finished();
    if let Some(folder) = finished.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    match std::fs::rename(paths.active(), &finished) {
        Ok(()) => Ok(()),
        // It never was there, or is moved already.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(KillError::Move { path: finished, source }),
    }
}
