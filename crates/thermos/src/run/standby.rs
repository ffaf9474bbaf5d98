//! A runner that waits for its orders: a copy of its starter, made while that has one thread and before it knows the task.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::{RunnerExit, obey};
use crate::os::{fd, fork};

/// A runner that waits. Dropped, it ends by itself.
#[derive(Debug)]
pub struct Standby {
    pid: i32,
    orders: PipeWriter,
    lifeline: OwnedFd,
    reports: OwnedFd,
}

/// A runner that has its order.
#[derive(Debug)]
pub struct Started {
    /// The process, a child of the one that called [`Standby::begin`].
    pub pid: i32,
    /// Once this is closed, however that comes about, the runner and all its coordinators end the task.
    pub lifeline: OwnedFd,
    /// What the runner tells: `active`, or `error {text}`, a line each. Ends with it.
    pub reports: OwnedFd,
}

/// What a waiting runner is sent.
#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    arguments: Vec<String>,
    working_dir: PathBuf,
}

impl Standby {
    /// Makes a runner that waits. The caller must have one thread, and must not look at its command line afterwards.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        let (order, orders) = io::pipe()?;
        let (lifeline_end, lifeline) = io::pipe()?;
        let (reports, report) = io::pipe()?;
        let pid = fork::fork_into(move || {
            fd::close_others(&[order.as_fd(), lifeline_end.as_fd(), report.as_fd()]);
            wait(order, lifeline_end, report)
        })?;
        Ok(Self { pid, orders, lifeline: lifeline.into(), reports: reports.into() })
    }

    /// Gives the runner its command line (`spec/thermos.md` §3.2), and where it works.
    ///
    /// # Errors
    /// When the runner is gone.
    pub fn begin(mut self, arguments: Vec<String>, working_dir: &Path) -> io::Result<Started> {
        let order = Order { arguments, working_dir: working_dir.to_owned() };
        self.orders.write_all(&serde_json::to_vec(&order)?)?;
        Ok(Started { pid: self.pid, lifeline: self.lifeline, reports: self.reports })
    }
}

fn wait(mut order: PipeReader, lifeline: PipeReader, report: PipeWriter) -> u8 {
    let mut text = Vec::new();
    let read = order.read_to_end(&mut text);
    drop(order);
    let order: Order = match (read, text.is_empty()) {
        // The starter is gone, or has nothing to run.
        (Ok(_), true) => return 0,
        (Ok(_), false) => match serde_json::from_slice(&text) {
            Ok(order) => order,
            Err(error) => return refuse(report, &format!("its order is damaged: {error}")),
        },
        (Err(error), _) => return refuse(report, &format!("it cannot read its order: {error}")),
    };
    if let Err(error) = std::env::set_current_dir(&order.working_dir) {
        return refuse(report, &format!("cannot enter {}: {error}", order.working_dir.display()));
    }
    if let Ok(nothing) = File::open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(nothing);
    }
    let mut arguments = order.arguments;
    fork::set_title("thermos_runner", &arguments.join(" "));
    arguments.push(format!("--lifeline_fd={}", lifeline.into_raw_fd()));
    arguments.push(format!("--status_fd={}", report.into_raw_fd()));
    obey(&arguments).status()
}

fn refuse(mut report: PipeWriter, cause: &str) -> u8 {
    eprintln!("thermos runner: {cause}");
    // Nobody may listen any more.
    let _ = writeln!(report, "error {cause}");
    RunnerExit::UnknownError.status()
}
