//! The launch helper: a process between agent and executor, this program started again as `__launch SPEC`.
//!
//! It leads a session of its own, records who it is before the executor runs, so that an agent killed in between finds
//! it again, collects the executor's exit status even while there is no agent, and takes whatever the executor leaves
//! behind with it. It has one thread and no runtime.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::process::{ProcessId, kill_descendants_of_self};
use crate::checkpoint::{self, CheckpointError};

/// The hidden sub-command.
pub const LAUNCH_COMMAND: &str = "__launch";

/// What the helper needs to know, written by the agent.
#[derive(Debug, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// The executor's folder, with its `stdout` and `stderr`.
    pub sandbox: PathBuf,
    /// `argv[0]` and what follows, for `program`.
    pub argv: Vec<String>,
    /// What to execute.
    pub program: String,
    /// The whole environment.
    pub environment: BTreeMap<String, String>,
    /// User and groups to run as; the current ones, if absent.
    pub user: Option<LaunchUser>,
    /// Where the helper records itself.
    pub pid_file: PathBuf,
    /// Where the helper records the executor's raw wait status.
    pub status_file: PathBuf,
}

/// Who to become.
#[derive(Debug, Serialize, Deserialize)]
pub struct LaunchUser {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All group ids.
    pub groups: Vec<u32>,
}

/// The helper could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The specification is missing or damaged.
    #[error("cannot use the launch specification {}", path.display())]
    Spec {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A kernel call failed.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A record could not be written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> LaunchError {
    let action = action.into();
    move |source| LaunchError::System { action, source }
}

/// Runs the executor to its end and returns the exit code of the helper.
///
/// # Errors
/// The executor could not be started, or its end not be recorded.
pub fn run(spec_path: &Path) -> Result<i32, LaunchError> {
    let spec_error = |source: Box<dyn std::error::Error + Send + Sync>| LaunchError::Spec {
        path: spec_path.to_owned(),
        source,
    };
    let bytes = checkpoint::read(spec_path)?.ok_or_else(|| spec_error("it does not exist".into()))?;
    let spec: LaunchSpec = serde_json::from_slice(&bytes).map_err(|error| spec_error(error.into()))?;
    nix::unistd::setsid().map_err(|error| system("start a session")(error.into()))?;
    nix::sys::prctl::set_child_subreaper(true).map_err(|error| system("adopt orphans")(error.into()))?;
    let own = ProcessId::of(nix::unistd::getpid().as_raw())
        .ok_or_else(|| system("read /proc/self/stat")(io::Error::from(io::ErrorKind::NotFound)))?;
    checkpoint::write_text(&spec.pid_file, &own.to_string())?;
    let status = execute(&spec)?;
    kill_descendants_of_self();
    checkpoint::write_text(&spec.status_file, &status.to_string())?;
    Ok(0)
}

/// Starts the executor, waits for its end, and returns its raw wait status.
fn execute(spec: &LaunchSpec) -> Result<i32, LaunchError> {
    let stdout = append(&spec.sandbox.join("stdout"))?;
    let mut stderr = append(&spec.sandbox.join("stderr"))?;
    let error_stream = stderr.try_clone().map_err(system("duplicate stderr"))?;
    let mut command = Command::new(&spec.program);
    if let Some((first, rest)) = spec.argv.split_first() {
        command.arg0(first).args(rest);
    }
    command.env_clear().envs(&spec.environment);
    command.stdin(Stdio::null()).stdout(stdout).stderr(error_stream);
    if let Some(user) = &spec.user {
        let groups: Vec<nix::unistd::Gid> =
            user.groups.iter().map(|gid| nix::unistd::Gid::from_raw(*gid)).collect();
        nix::unistd::setgroups(&groups).map_err(|error| system("set the groups")(error.into()))?;
        command.uid(user.uid).gid(user.gid);
    }
    // In the sandbox only while the executor is started: told to start it elsewhere, the library would copy this process for it, and
    // the copying would count as the executor's CPU.
    let own_folder = std::env::current_dir().map_err(system("tell the current folder"))?;
    let spawned = std::env::set_current_dir(&spec.sandbox).and_then(|()| command.spawn());
    std::env::set_current_dir(own_folder).map_err(system("leave the sandbox"))?;
    let mut child = match spawned {
        Ok(child) => child,
        Err(source) => {
            // Whoever looks for the cause looks into the sandbox.
            let _ =
                writeln!(stderr, "cannot start {:?} in {}: {source}", spec.program, spec.sandbox.display());
            return Ok(127 << 8);
        }
    };
    let status = child.wait().map_err(system("wait for the executor"))?;
    Ok(status.into_raw())
}

fn append(path: &Path) -> Result<File, LaunchError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(system(format!("open {}", path.display())))
}

/// The executor's recorded end, if it was recorded.
#[must_use]
pub fn read_status(status_file: &Path) -> Option<i32> {
    std::fs::read_to_string(status_file).ok()?.trim().parse().ok()
}

/// The helper's record of itself, if it came to write it.
#[must_use]
pub fn read_pid(pid_file: &Path) -> Option<ProcessId> {
    std::fs::read_to_string(pid_file).ok()?.parse().ok()
}
