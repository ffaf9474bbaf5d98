//! What `aurora local up` leaves in its directory while it runs, by which other commands find the cluster.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Name of the cluster on this machine.
pub const CLUSTER: &str = "local";
/// Where its scheduler listens unless told otherwise.
pub const HTTP_PORT: u16 = 8081;

const FILE: &str = "local.json";

/// A running local cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalState {
    /// `aurora local up` itself.
    pub supervisor: ProcessIdentity,
    /// The embedded Mesos cluster, once it was started.
    pub mesos: Option<ProcessIdentity>,
    /// The scheduler, once it was started.
    pub scheduler: Option<ProcessIdentity>,
    /// The observer, once it was started.
    pub observer: Option<ProcessIdentity>,
    /// The scheduler's address.
    pub scheduler_uri: String,
    /// The first port of master and agents.
    pub mesos_port: u16,
    /// The master's address, once it is known.
    pub master: Option<String>,
    /// How many agents there are.
    pub agents: u16,
    /// Whether all that was to be started runs.
    pub ready: bool,
}

impl LocalState {
    /// Reads the state in a directory; `None` if there is none, or none that can be understood.
    #[must_use]
    pub fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join(FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the state, so that a reader sees either the old or the new one.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(format!("{FILE}.new"));
        std::fs::write(&new, serde_json::to_string_pretty(self)?)?;
        std::fs::rename(new, dir.join(FILE))
    }

    /// Removes the state, if there is any.
    pub fn remove(dir: &Path) {
        // Whoever finds it later sees that its processes are gone.
        let _ = std::fs::remove_file(dir.join(FILE));
    }
}

/// A process that can be told from a later one with the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its id.
    pub pid: i32,
    /// When it was started, in clock ticks since the machine was.
    pub start_ticks: u64,
}

impl ProcessIdentity {
    /// The process with this id, if there is one.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in brackets, may hold anything; the state follows, and the start is 19 fields further on.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        if matches!(state, "Z" | "X") {
            return None;
        }
        let start_ticks = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, start_ticks })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends it a signal, if it still runs.
    pub fn signal(self, signal: Signal) {
        if self.is_alive() {
            // It may have ended since; then there is nothing left to do.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }
}

/// The directory unless told otherwise: `$AURORA_LOCAL_DIR`, else `.aurora-local` in the person's home.
#[must_use]
pub fn default_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| value != OsStr::new(""));
    set("AURORA_LOCAL_DIR").map_or_else(
        || {
            let home = set("HOME").unwrap_or_else(|| "/tmp".into());
            Path::new(&home).join(".aurora-local")
        },
        PathBuf::from,
    )
}

/// Where the scheduler of the local cluster is: what its state says if it runs, else the usual place.
#[must_use]
pub fn scheduler_uri() -> String {
    running().map_or_else(|| format!("http://127.0.0.1:{HTTP_PORT}"), |state| state.scheduler_uri)
}

/// Whether a local cluster runs, or is being started.
#[must_use]
pub fn is_running() -> bool {
    running().is_some()
}

fn running() -> Option<LocalState> {
    let state = LocalState::read(&default_dir())?;
    let is_alive = state.supervisor.is_alive() || state.scheduler.is_some_and(ProcessIdentity::is_alive);
    is_alive.then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> ProcessIdentity {
        ProcessIdentity::of(i32::try_from(std::process::id()).unwrap()).unwrap()
    }

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_id() {
        assert!(own().is_alive());
        let earlier = ProcessIdentity { start_ticks: own().start_ticks - 1, ..own() };
        assert!(!earlier.is_alive());
        assert_eq!(ProcessIdentity::of(i32::MAX), None);
    }

    #[test]
    fn a_state_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LocalState::read(dir.path()), None);
        let state = LocalState {
            supervisor: own(),
            mesos: None,
            scheduler: Some(own()),
            observer: None,
            scheduler_uri: "http://127.0.0.1:1".to_owned(),
            mesos_port: 2,
            master: None,
            agents: 1,
            ready: false,
        };
        state.write(dir.path()).unwrap();
        assert_eq!(LocalState::read(dir.path()), Some(state));
        LocalState::remove(dir.path());
        assert_eq!(LocalState::read(dir.path()), None);
    }
}
