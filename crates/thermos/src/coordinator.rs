//! The parent of one process: starts its shell, waits for it, and records both (`spec/thermos.md` §1.7).
//!
//! It is a copy of the runner and keeps four open files: the locked checkpoint stream, a gate that opens once the runner has
//! recorded it, a doorbell to ring after each record, and the *lifeline*, whose other end only the executor holds. It survives
//! its runner, so that a new runner can go on; it does not survive runner and executor both.
//!
//! A process may leave daemons behind, which are the task's then. Its coordinator stays with them as their *guard*, so that they
//! do not outlive runner and executor either.

mod family;
mod image;
mod orphan;
mod output;
mod shell;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::setsid;

use crate::checkpoint::Appender;
use crate::os::identity::identify;
use crate::os::kernel::{Kernel, Linux};
use crate::os::memory::release_program;
use crate::os::{fd, fork};
use crate::plan::record::{ProcessState, ProcessStatus, Record};
use crate::run::reap;
use crate::task::Logger;
pub use image::ImageLaunch;
use orphan::Orphanhood;
use output::Output;
pub use shell::{SHELL, SpawnError, check_shell_below};

/// How long nothing happens before memory is given back, once, in milliseconds.
const REST_AFTER_MS: u16 = 1000;

/// Exit status of a coordinator that could not do its work.
const FAILED: u8 = 1;

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Other groups.
    pub groups: Vec<u32>,
}

/// All that a coordinator needs to know.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The process.
    pub process: String,
    /// Number of the FORKED record; the coordinator's records follow it.
    pub forked_seq: i64,
    /// Its stream, for messages.
    pub checkpoint: PathBuf,
    /// Given to the shell.
    pub cmdline: String,
    /// Where the shell starts.
    pub working_dir: PathBuf,
    /// New root, if any.
    pub chroot: Option<PathBuf>,
    /// The image that the process runs in, if any.
    pub image: Option<ImageLaunch>,
    /// The whole environment of the shell.
    pub environment: Vec<(String, String)>,
    /// Set when the process runs as somebody else.
    pub credentials: Option<Credentials>,
    /// The folder of this run's output.
    pub log_dir: PathBuf,
    /// What to do with the output.
    pub logger: Logger,
    /// The runner, to tell when it is gone.
    pub runner_pid: i32,
}

/// What a coordinator keeps of its runner's files.
#[derive(Debug)]
pub struct Handed<'a> {
    /// The stream of its process.
    pub stream: &'a mut Appender,
    /// Gives a byte once FORKED is recorded, and none when the runner is gone before.
    pub gate: BorrowedFd<'a>,
    /// To ring after each record.
    pub doorbell: BorrowedFd<'a>,
    /// Ends with the executor.
    pub lifeline: Option<BorrowedFd<'a>>,
}

/// A coordinator at work.
struct Coordinator<'a> {
    assignment: &'a Assignment,
    handed: Handed<'a>,
    seq: i64,
    /// Whether all that the process starts is below, and stays there.
    is_subreaper: bool,
}

/// Is the coordinator of a process. To be called in a copy of the runner. Answers with the exit status.
pub fn serve(assignment: &Assignment, task_id: &str, handed: Handed<'_>) -> u8 {
    let mut kept = vec![handed.stream.file().as_fd(), handed.gate, handed.doorbell];
    kept.extend(handed.lifeline);
    fd::close_others(&kept);
    fork::set_title("thermos_coordinator", &format!("{task_id} {}", assignment.process));
    match nix::unistd::read(handed.gate, &mut [0]) {
        Ok(1) => Coordinator { seq: assignment.forked_seq, assignment, handed, is_subreaper: false }.run(),
        Ok(_) => give_up("its runner is gone"),
        Err(error) => give_up(error.desc()),
    }
}

fn give_up(cause: &str) -> u8 {
    eprintln!("thermos coordinator: Lost control of the checkpoint stream! {cause}");
    FAILED
}

impl Coordinator<'_> {
    fn run(mut self) -> u8 {
        // A daemon of the process stays below, and so within reach when runner and executor are gone together. Where the kernel
        // refuses, the executor has warned of it.
        self.is_subreaper = set_child_subreaper(true).is_ok();
        // The shell inherits the signal mask, and the runner's is not for it. SIGCHLD is blocked only once the shell is
        // there; one that ended before is noticed by the first look in the loop.
        let started = setsid()
            .and_then(|_| sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None))
            .map_err(|error| format!("cannot begin a session: {error}"))
            .and_then(|()| shell::spawn(self.assignment).map_err(|error| error.to_string()))
            .and_then(|(child, output)| {
                let signals = child_signals()
                    .map_err(|error| format!("cannot watch for the end of children: {error}"))?;
                Ok((signals, child, output))
            });
        let recorded = match started {
            Err(reason) => self.record_refusal(reason),
            Ok((signals, child, output)) => self.accompany(&signals, child, output),
        };
        match recorded {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("thermos coordinator of '{}': {error}", self.assignment.process);
                FAILED
            }
        }
    }

    /// A shell that never came up: FAILED at once, with the reason (D11). RUNNING comes before it, because old readers know
    /// no other way from FORKED to FAILED.
    fn record_refusal(&mut self, reason: String) -> io::Result<()> {
        let own_pid = i32::try_from(std::process::id()).unwrap_or(0);
        self.record(ProcessState::Running, |status, now| {
            status.start_time = Some(now);
            status.pid = Some(own_pid);
            status.set_birth(identify(own_pid).birth);
        })?;
        self.record(ProcessState::Failed, |status, now| {
            status.stop_time = Some(now);
            status.return_code = Some(shell::NOT_STARTED);
            status.reason = Some(reason);
        })
    }

    fn accompany(&mut self, signals: &SignalFd, mut child: Child, mut output: Output) -> io::Result<()> {
        let shell_pid = i32::try_from(child.id()).unwrap_or(0);
        self.record(ProcessState::Running, |status, now| {
            status.start_time = Some(now);
            status.pid = Some(shell_pid);
            status.set_birth(identify(shell_pid).birth);
        })?;
        let mut orphanhood = Orphanhood::new(self.handed.lifeline, self.assignment.runner_pid, shell_pid);
        let mut ended: Option<ExitStatus> = None;
        let mut is_resting = false;
        loop {
            if ended.is_none() {
                ended = child.try_wait()?;
            }
            if let Some(status) = ended
                && output.is_done()
            {
                if orphanhood.clears_up() {
                    orphanhood.kill_all();
                }
                let stays = family::clear_session(self.is_subreaper);
                self.record_end(status, stays)?;
                return if stays { self.guard(signals, &mut output, orphanhood) } else { Ok(()) };
            }
            if orphanhood.is_overdue() {
                let recorded = self.record(ProcessState::Killed, |status, now| {
                    status.stop_time = Some(now);
                    status.return_code = Some(-9);
                    status.reason = Some("runner and executor are gone".into());
                });
                orphanhood.kill_all();
                return recorded;
            }
            let _ = reap::strangers(&[shell_pid]);
            let limit = if is_resting { None } else { Some(REST_AFTER_MS) };
            let is_quiet = !wait(signals, &mut output, &mut orphanhood, limit)?;
            if is_quiet && !is_resting {
                release_program();
            }
            is_resting |= is_quiet;
        }
    }

    /// Stays with the daemons of a process that is over, until they are gone. Ends them if runner and executor are.
    fn guard(
        &self,
        signals: &SignalFd,
        output: &mut Output,
        mut orphanhood: Orphanhood<'_>,
    ) -> io::Result<()> {
        orphanhood.on_shell_end();
        let mut is_resting = false;
        while family::is_left() {
            if orphanhood.is_overdue() {
                orphanhood.kill_all();
                return Ok(());
            }
            let limit = if is_resting { None } else { Some(REST_AFTER_MS) };
            let is_quiet = !wait(signals, output, &mut orphanhood, limit)?;
            if is_quiet && !is_resting {
                release_program();
            }
            is_resting |= is_quiet;
        }
        Ok(())
    }

    /// The last record. With it the stream is free for the next run.
    fn record_end(&mut self, status: ExitStatus, stays: bool) -> io::Result<()> {
        let (state, return_code) = match (status.code(), status.signal()) {
            (Some(0), _) => (ProcessState::Success, 0),
            (Some(code), _) => (ProcessState::Failed, code),
            (None, signal) => (ProcessState::Killed, -signal.unwrap_or(0)),
        };
        self.record(state, |record, now| {
            record.stop_time = Some(now);
            record.return_code = Some(return_code);
            record.guarded = stays.then_some(true);
        })
    }

    fn record(&mut self, state: ProcessState, fill: impl FnOnce(&mut ProcessStatus, f64)) -> io::Result<()> {
        self.seq += 1;
        let mut status = ProcessStatus::new(&self.assignment.process, self.seq, state);
        fill(&mut status, Linux.now().as_secs_f64());
        self.handed.stream.append(&Record::Process(status)).map_err(io::Error::other)?;
        if state.is_terminal() {
            self.handed.stream.unlock()?;
        }
        // Nobody may listen any more.
        let _ = nix::unistd::write(self.handed.doorbell, b".");
        Ok(())
    }
}

/// Wakes when a child ends.
fn child_signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Waits until something happens, or for so many milliseconds. Whether something did.
fn wait(
    signals: &SignalFd,
    output: &mut Output,
    orphanhood: &mut Orphanhood<'_>,
    limit: Option<u16>,
) -> io::Result<bool> {
    let timeout = orphanhood.timeout().or(limit).map_or(PollTimeout::NONE, PollTimeout::from);
    let (rang, hung_up, readable) = {
        let mut files = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let lifeline = orphanhood.lifeline();
        let pipes_from = 1 + usize::from(lifeline.is_some());
        files.extend(lifeline.map(|lifeline| PollFd::new(lifeline, PollFlags::POLLIN)));
        files.extend(output.pipes().map(|pipe| PollFd::new(pipe, PollFlags::POLLIN)));
        match poll(&mut files, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |file: &PollFd<'_>| file.revents().is_some_and(|events| !events.is_empty());
        let rang = files.first().is_some_and(is_ready);
        let hung_up = pipes_from == 2 && files.get(1).is_some_and(is_ready);
        let readable: Vec<bool> = files.iter().skip(pipes_from).map(is_ready).collect();
        (rang, hung_up, readable)
    };
    if rang {
        while matches!(signals.read_signal(), Ok(Some(_))) {}
    }
    if hung_up {
        orphanhood.on_lifeline_end();
    }
    output.copy(&readable);
    Ok(rang || hung_up || readable.contains(&true))
}
