//! Finding and ending processes that a test started, directly or through a cluster.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid.
    pub pid: i32,
    /// Its arguments, joined by blanks.
    pub command: String,
    /// Where it works.
    pub cwd: PathBuf,
}

/// The running processes whose working directory is below `folder`. Zombies have none.
pub fn below(folder: &Path) -> Vec<Process> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let entries = std::fs::read_dir("/proc").expect("there is a /proc");
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let command = String::from_utf8_lossy(&arguments).replace('\0', " ").trim().to_owned();
            cwd.starts_with(&folder).then_some(Process { pid, command, cwd })
        })
        .collect()
}

/// Ends a process at once. One that is gone already is as good.
pub fn kill_at_once(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}
