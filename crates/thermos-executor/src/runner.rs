//! The runner of the task, as the executor sees it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use thermos::run::Standby;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::flags::Flags;
use crate::status::RunnerEnd;

/// What a runner is told.
#[derive(Debug, Clone)]
pub struct RunnerOrder {
    /// Task JSON.
    pub task_file: PathBuf,
    /// The task's sandbox.
    pub sandbox: PathBuf,
    /// Root of the checkpoints.
    pub checkpoint_root: PathBuf,
    /// The task.
    pub task_id: String,
    /// The agent's host.
    pub host: String,
    /// Whom processes run as; none: as the executor.
    pub user: Option<String>,
    /// Ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Where the runner starts.
    pub working_dir: PathBuf,
    /// The sandbox as the task's image has it; none without one.
    pub container_sandbox: Option<PathBuf>,
}

/// A runner that was started.
///
/// It holds the other end of the lifeline: when this executor is gone, however it went, the runner and all coordinators notice
/// and end the task.
#[derive(Debug)]
pub struct Runner {
    pid: Pid,
    ends_of_children: Signal,
    reports: Lines<BufReader<pipe::Receiver>>,
    error: Option<String>,
    end: Option<RunnerEnd>,
    _lifeline: OwnedFd,
}

/// First news of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstNews {
    /// It is in control of the task.
    Active,
    /// It ended before that.
    Ended(RunnerEnd),
}

impl Runner {
    /// Gives the runner that waits its order.
    ///
    /// # Errors
    /// What the system says; of making the runner too.
    pub fn start(standby: io::Result<Standby>, order: &RunnerOrder, flags: &Flags) -> io::Result<Self> {
        // Before the runner can end.
        let ends_of_children = signal(SignalKind::child())?;
        let started = standby?.begin(arguments(order, flags), &order.working_dir)?;
        let reports = BufReader::new(pipe::Receiver::from_owned_fd(started.reports)?).lines();
        let pid = Pid::from_raw(started.pid);
        Ok(Self { pid, ends_of_children, reports, error: None, end: None, _lifeline: started.lifeline })
    }

    /// Waits until the runner is in control of the task, or has failed to be.
    pub async fn first_news(&mut self) -> FirstNews {
        loop {
            match self.reports.next_line().await {
                Ok(Some(line)) if line == "active" => return FirstNews::Active,
                Ok(Some(line)) => self.note(&line),
                Ok(None) | Err(_) => return FirstNews::Ended(self.ended().await),
            }
        }
    }

    /// Waits for the end of the runner. May be called again.
    pub async fn ended(&mut self) -> RunnerEnd {
        if let Some(end) = self.end {
            return end;
        }
        let end = loop {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, code)) => break RunnerEnd::Code(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => break RunnerEnd::Signal(signal as i32),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => {
                    self.error = Some(format!("the runner cannot be waited for: {error}"));
                    break RunnerEnd::Code(1);
                }
            }
            self.ends_of_children.recv().await;
        };
        self.end = Some(end);
        while let Ok(Some(line)) = self.reports.next_line().await {
            self.note(&line);
        }
        end
    }

    /// What the runner said went wrong.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How it ended, if that is known.
    pub const fn end(&self) -> Option<RunnerEnd> {
        self.end
    }

    /// Asks for the orderly end of the task.
    pub fn request_kill(&self) {
        self.signal(nix::sys::signal::Signal::SIGUSR1);
    }

    /// Ends the runner, and the runner alone.
    pub fn kill(&self) {
        self.signal(nix::sys::signal::Signal::SIGKILL);
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        // The number is the runner's until it was waited for.
        if self.end.is_none() {
            let _ = kill(self.pid, signal);
        }
    }

    fn note(&mut self, line: &str) {
        if let Some(text) = line.strip_prefix("error ") {
            self.error = Some(text.to_owned());
        }
    }
}

/// The command line of `spec/thermos.md` §3.2.
fn arguments(order: &RunnerOrder, flags: &Flags) -> Vec<String> {
    let mut arguments = vec![
        format!("--thermos_json={}", order.task_file.display()),
        format!("--sandbox={}", order.sandbox.display()),
        format!("--checkpoint_root={}", order.checkpoint_root.display()),
        format!("--task_id={}", order.task_id),
        format!("--hostname={}", order.host),
    ];
    arguments.extend(order.user.iter().map(|user| format!("--setuid={user}")));
    arguments.extend(order.ports.iter().map(|(name, port)| format!("--port={name}:{port}")));
    if let Some(sandbox) = &order.container_sandbox {
        arguments.push(format!("--container_sandbox={}", sandbox.display()));
        arguments.push(format!("--mesos_containerizer_path={}", flags.mesos_containerizer_path.display()));
    }
    if flags.preserve_env {
        arguments.push("--preserve_env".to_owned());
    }
    let optional = [
        ("process_logger_destination", flags.runner_logger_destination.clone()),
        ("process_logger_mode", flags.runner_logger_mode.clone()),
        ("rotate_log_size_mb", flags.runner_rotate_log_size_mb.map(|size| size.to_string())),
        ("rotate_log_backups", flags.runner_rotate_log_backups.map(|count| count.to_string())),
    ];
    arguments.extend(optional.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?))));
    arguments
}
