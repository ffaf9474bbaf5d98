//! Processes of a task that nothing above them leads to any more: runner, coordinators and shells are gone.
//!
//! What a runner starts under Mesos begins with the sandbox as its home, and no two tasks have the same one. A process that began
//! with the sandbox of a task as its home, after the task and in the same place, is the task's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{own_pid, reap};
use crate::os::identity::here;
use crate::os::kernel::{Kernel, Linux};
use crate::plan::escalation::Strength;
use crate::plan::replay::RunnerState;

/// Kills the strays of a task that ran in the run directory of an executor. How many were found at first.
pub fn kill(state: &RunnerState) -> usize {
    let sandbox = state.header.as_ref().and_then(|header| header.sandbox.as_deref()).map(Path::new);
    let births = state.processes.values().flatten().filter_map(|run| run.coordinator_birth);
    let first = births.filter(|birth| here() == Some(birth.place)).map(|birth| birth.start_ticks).min();
    let (Some(sandbox), Some(first)) = (sandbox.filter(|path| is_of_executor(path)), first) else { return 0 };
    let mut found = None;
    reap::until_nobody(|| {
        let strays = find(sandbox, first);
        for pid in &strays {
            Linux.signal(*pid, Strength::Kill);
        }
        found.get_or_insert(strays.len());
        strays.len()
    });
    found.unwrap_or_default()
}

/// Whether a path is `…/executors/ID/runs/ID/sandbox`. Other sandboxes may be a person's home as well.
fn is_of_executor(sandbox: &Path) -> bool {
    let name = |level: usize| sandbox.ancestors().nth(level).and_then(Path::file_name);
    sandbox.is_absolute() && (name(2), name(4)) == (Some(OsStr::new("runs")), Some(OsStr::new("executors")))
}

fn find(sandbox: &Path, first_ticks: i64) -> Vec<i32> {
    let table = Linux.processes();
    let candidates = table.values().filter(|process| {
        !process.is_zombie && process.start_ticks >= first_ticks && process.pid != own_pid()
    });
    candidates.map(|process| process.pid).filter(|pid| has_home(*pid, sandbox)).collect()
}

/// Whether the environment that a process began with has this home. That of somebody else's process cannot be read.
fn has_home(pid: i32, home: &Path) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable.strip_prefix(b"HOME=") == Some(home.as_os_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::os::identity::{identify, lives};
    use crate::plan::birth::{Birth, ProcessId};
    use crate::plan::record::{ProcessState, RunnerHeader};
    use crate::plan::replay::ProcessRun;

    fn start(home: &Path) -> Child {
        Command::new("sleep").arg("1000").env("HOME", home).spawn().unwrap()
    }

    fn id(child: &Child) -> ProcessId {
        identify(i32::try_from(child.id()).unwrap())
    }

    fn state(sandbox: &Path, coordinator_birth: Option<Birth>) -> RunnerState {
        let header = RunnerHeader { sandbox: Some(sandbox.display().to_string()), ..RunnerHeader::default() };
        let run = ProcessRun { state: ProcessState::Lost, coordinator_birth, ..ProcessRun::waiting(0) };
        let mut state = RunnerState { header: Some(header), ..RunnerState::default() };
        state.processes.insert("p".into(), vec![run]);
        state
    }

    #[test]
    fn only_what_began_in_the_sandbox_of_the_task_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = folder.path().join("executors/thermos-a/runs/1/sandbox");
        let (mut stray, mut other) = (start(&sandbox), start(&sandbox.with_file_name("sandbox2")));
        let began = id(&stray).birth.unwrap();
        let later = Birth { start_ticks: began.start_ticks + 100, ..began };
        // A coordinator that came later, one of nobody knows when, and a person's own folder: nothing is proven.
        assert_eq!(kill(&state(&sandbox, Some(later))), 0);
        assert_eq!(kill(&state(&sandbox, None)), 0);
        let mut person = start(folder.path());
        assert_eq!(kill(&state(folder.path(), Some(began))), 0);
        assert!(lives(id(&stray)) && lives(id(&person)));
        assert_eq!(kill(&state(&sandbox, Some(began))), 1);
        assert!(!stray.wait().unwrap().success());
        assert!(lives(id(&other)));
        for child in [&mut other, &mut person] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
