//! What the self-check finds besides broken folders (`spec/thermos.md` §7.4), each thing provoked, and how soon it is told.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use mesos_v1::messages::TaskState::{self, TaskFailed, TaskFinished, TaskLost, TaskRunning, TaskStarting};
use serde_json::json;

use crate::agent::{PROGRAM, Rig, assigned, assigned_text, job_of, task_of};
use crate::{FOREVER, OWN_USER};

/// From STARTING until a task that cannot run has failed, by the executor's own clock.
const LIMIT: Duration = Duration::from_secs(2);

/// Lets one call of the kernel fail for a program and all it starts.
const DENY: &str = include_str!("deny.py");

/// An executor that cannot make this call.
fn start_without(call: [&str; 3]) -> Rig {
    let mut command = Command::new("python3");
    command.args(["-c", DENY]).args(call).arg(PROGRAM).args(OWN_USER);
    start(command)
}

fn start(mut command: Command) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    command.current_dir(folder.path());
    let path = folder.path().to_owned();
    Rig::start_command(folder, path.clone(), path, command)
}

/// How often it is tried: on a busy machine somebody may be kept waiting for so long, but not each time.
const TRIES: usize = 10;

/// Waits for the end of a task that could not run, which says why each time, and soon at least once. Answers with what is said.
fn ends_soon(state: TaskState, part: &str, launched: impl Fn() -> Rig) -> String {
    let mut took = Vec::new();
    for _ in 0..TRIES {
        let mut rig = launched();
        let message = rig.wait_state(state);
        assert!(message.contains(part), "{message}");
        assert_eq!(rig.end(), Some(0));
        assert!(!rig.is_inhabited(), "something was left behind");
        took.push(rig.told_at(state) - rig.told_at(TaskStarting));
        if took.last().is_some_and(|took| *took <= LIMIT.as_secs_f64()) {
            return message;
        }
    }
    panic!("each time it took too long, in seconds: {took:?}");
}

#[test]
fn a_checkpoint_root_that_is_a_file_is_told_soon() {
    ends_soon(TaskLost, "the checkpoint root ", || {
        let rig = Rig::start(OWN_USER);
        fs::write(rig.folder.path().join("checkpoints"), "").unwrap();
        rig.launch(task_of(FOREVER));
        rig
    });
}

#[test]
fn an_unknown_role_is_told_soon() {
    ends_soon(TaskFailed, "user does not exist", || {
        let rig = Rig::start(&[]);
        let job = job_of(&[json!({"name": "p", "cmdline": "true"})]);
        rig.launch(assigned_text(&job.to_string(), "nosuch-role", &[]));
        rig
    });
}

#[test]
fn a_disk_that_does_not_sync_is_told_soon() {
    let message = ends_soon(TaskLost, "fsync does not work below the checkpoint root ", || {
        let rig = start_without(["fsync", "-", "5"]);
        rig.launch(task_of(FOREVER));
        rig
    });
    assert!(message.contains("Input/output error") && message.contains("(on "), "{message}");
}

/// What is odd is said once the task runs, which it does all the same.
fn runs_and_warns(mut rig: Rig, parts: &[&str]) {
    rig.launch(task_of("true"));
    let message = rig.wait_state(TaskRunning);
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message}");
    }
    assert_eq!(rig.end(), Some(0));
    let (state, message) = rig.updates().pop().unwrap();
    assert_eq!(state, TaskFinished, "{message}");
}

#[test]
fn a_kernel_that_gives_no_orphans_is_warned_of() {
    const PR_SET_CHILD_SUBREAPER: &str = "36";
    let rig = start_without(["prctl", PR_SET_CHILD_SUBREAPER, "1"]);
    runs_and_warns(
        rig,
        &["Warning: PR_SET_CHILD_SUBREAPER is refused", "daemons of the task may outlive it"],
    );
}

#[test]
fn the_proc_of_another_namespace_is_warned_of() {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--pid", "--fork", "--kill-child", PROGRAM]).args(OWN_USER);
    runs_and_warns(start(command), &["/proc shows another pid namespace"]);
}

#[test]
fn a_cgroup_that_cannot_be_read_is_warned_of() {
    const WITHOUT_PROC: &str = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", WITHOUT_PROC, PROGRAM]).args(OWN_USER);
    runs_and_warns(start(command), &["/proc/self/cgroup is not readable", "for want of memory"]);
}

#[test]
fn a_clock_that_is_behind_is_warned_of() {
    let later = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(7200);
    let mut rig = Rig::start_with(OWN_USER, &[("AURORA_ASSIGNED_MS", &later.as_millis().to_string())]);
    rig.launch(task_of("true"));
    let message = rig.wait_state(TaskRunning);
    assert!(message.contains("the clock of this host is 7") && message.contains(" s behind"), "{message}");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn a_wait_that_is_longer_than_the_agents_is_warned_of() {
    let mut rig = Rig::start(OWN_USER);
    let mut job = job_of(&[json!({"name": "p", "cmdline": "true"})]);
    job["task"]["finalization_wait"] = json!(60);
    rig.launch(assigned(&job));
    let message = rig.wait_state(TaskRunning);
    let part = "the task may take 60 s to end, and the agent gives it 5 s";
    assert!(message.contains(part) && message.contains("--executor_shutdown_grace_period"), "{message}");
    assert_eq!(rig.end(), Some(0));
}
