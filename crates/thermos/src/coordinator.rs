//! The parent of one process: starts its shell, waits for it, and records both (`spec/thermos.md` §1.7).
//!
//! The runner starts it as its own program under the name `__coordinator` and hands it four open files: the locked
//! checkpoint stream, an [`Assignment`] to read, a doorbell to ring after each record, and the *lifeline*, whose other end only the
//! executor holds. It survives its runner, so that a new runner can go on; it does not survive runner and executor both.

mod image;
mod orphan;
mod output;
mod shell;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitCode, ExitStatus};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::setsid;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Appender;
use crate::os::fd;
use crate::os::kernel::{Kernel, Linux};
use crate::plan::record::{ProcessState, ProcessStatus, Record};
use crate::run::reap;
use crate::task::Logger;
pub use image::ImageLaunch;
use orphan::Orphanhood;
use output::Output;
pub use shell::{SHELL, SpawnError, check_shell_below};

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Other groups.
    pub groups: Vec<u32>,
}

/// All that a coordinator needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
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

/// A coordinator at work.
struct Coordinator {
    assignment: Assignment,
    stream: Appender,
    doorbell: File,
    seq: i64,
}

/// Runs a coordinator. The arguments are the numbers of its open files: checkpoint, assignment, doorbell, and lifeline or `-`; what
/// follows is for people who look at the process table.
pub fn main(arguments: &[String]) -> ExitCode {
    match start(arguments) {
        Ok((coordinator, lifeline)) => coordinator.run(lifeline),
        Err(error) => {
            eprintln!("thermos coordinator: Lost control of the checkpoint stream! {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &[String]) -> io::Result<(Coordinator, Option<OwnedFd>)> {
    let mut given = arguments.iter().map(|argument| match argument.as_str() {
        "-" => Ok(None),
        number => number.parse().map_err(io::Error::other).and_then(|number| fd::adopt(number).map(Some)),
    });
    let mut next = || given.next().unwrap_or_else(|| Err(io::Error::other("an argument is missing")));
    let absent = || io::Error::other("an open file is missing");
    let stream = File::from(next()?.ok_or_else(absent)?);
    let mut assignment = File::from(next()?.ok_or_else(absent)?);
    let doorbell = File::from(next()?.ok_or_else(absent)?);
    let lifeline = next()?;
    fd::make_all_private();

    // The runner writes the assignment after the FORKED record: whoever reads it whole may go on.
    let mut text = Vec::new();
    assignment.read_to_end(&mut text)?;
    let assignment: Assignment = serde_json::from_slice(&text)?;
    let stream = Appender::inherited(assignment.checkpoint.clone(), stream);
    Ok((Coordinator { seq: assignment.forked_seq, assignment, stream, doorbell }, lifeline))
}

impl Coordinator {
    fn run(mut self, lifeline: Option<OwnedFd>) -> ExitCode {
        // The shell inherits the signal mask, and the runner's is not for it. SIGCHLD is blocked only once the shell is
        // there; one that ended before is noticed by the first look in the loop.
        let started = setsid()
            // A daemon of the process stays below, and so within reach when runner and executor are gone together.
            .and_then(|_| set_child_subreaper(true))
            .and_then(|_| sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None))
            .map_err(|error| format!("cannot begin a session: {error}"))
            .and_then(|()| shell::spawn(&self.assignment).map_err(|error| error.to_string()))
            .and_then(|(child, output)| {
                let signals = child_signals()
                    .map_err(|error| format!("cannot watch for the end of children: {error}"))?;
                Ok((signals, child, output))
            });
        let recorded = match started {
            Err(reason) => self.record_refusal(reason),
            Ok((signals, child, output)) => self.accompany(&signals, child, output, lifeline),
        };
        match recorded {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("thermos coordinator of '{}': {error}", self.assignment.process);
                ExitCode::FAILURE
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
        })?;
        self.record(ProcessState::Failed, |status, now| {
            status.stop_time = Some(now);
            status.return_code = Some(shell::NOT_STARTED);
            status.reason = Some(reason);
        })
    }

    fn accompany(
        &mut self,
        signals: &SignalFd,
        mut child: Child,
        mut output: Output,
        lifeline: Option<OwnedFd>,
    ) -> io::Result<()> {
        let shell_pid = i32::try_from(child.id()).unwrap_or(0);
        self.record(ProcessState::Running, |status, now| {
            status.start_time = Some(now);
            status.pid = Some(shell_pid);
        })?;
        let mut orphanhood = Orphanhood::new(lifeline, self.assignment.runner_pid, shell_pid);
        let mut ended: Option<ExitStatus> = None;
        loop {
            if ended.is_none() {
                ended = child.try_wait()?;
            }
            if let Some(status) = ended
                && output.is_done()
            {
                let recorded = self.record_end(status);
                if orphanhood.clears_up() {
                    orphanhood.kill_all();
                }
                return recorded;
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
            reap::strangers(&[shell_pid]);
            wait(signals, &mut output, &mut orphanhood)?;
        }
    }

    fn record_end(&mut self, status: ExitStatus) -> io::Result<()> {
        let (state, return_code) = match (status.code(), status.signal()) {
            (Some(0), _) => (ProcessState::Success, 0),
            (Some(code), _) => (ProcessState::Failed, code),
            (None, signal) => (ProcessState::Killed, -signal.unwrap_or(0)),
        };
        self.record(state, |record, now| {
            record.stop_time = Some(now);
            record.return_code = Some(return_code);
        })
    }

    fn record(&mut self, state: ProcessState, fill: impl FnOnce(&mut ProcessStatus, f64)) -> io::Result<()> {
        self.seq += 1;
        let mut status = ProcessStatus::new(&self.assignment.process, self.seq, state);
        fill(&mut status, Linux.now().as_secs_f64());
        self.stream.append(&Record::Process(status)).map_err(io::Error::other)?;
        // Nobody may listen any more.
        let _ = self.doorbell.write(b".");
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

fn wait(signals: &SignalFd, output: &mut Output, orphanhood: &mut Orphanhood) -> io::Result<()> {
    let timeout = orphanhood.timeout().map_or(PollTimeout::NONE, PollTimeout::from);
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
    Ok(())
}
