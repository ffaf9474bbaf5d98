//! Executors that cannot start, and hosts on which a task cannot: the task's last event says why, in words
//! (`spec/thermos.md` §7).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use e2e::{Backend, PATIENCE, Testbed, events, executor_flag, executor_wrapper, program, wait_until};

/// The last event of the first task of `it`, with its status, once the task has ended.
fn last_event(testbed: &Testbed) -> String {
    wait_until("the end of a task", PATIENCE, || {
        let told = testbed.tasks("it").first().map(events).unwrap_or_default();
        match told.last() {
            Some(last) if ["Failed: ", "Lost: "].iter().any(|end| last.starts_with(end)) => Ok(last.clone()),
            _ => Err(format!("{told:?}")),
        }
    })
}

/// Runs a job with these flags of the scheduler and expects all of `parts` in its last event.
fn fails_with(backend: Backend, flags: &[String], parts: &[&str]) {
    let testbed = Testbed::start_with_flags(backend, flags);
    testbed.create("Job", "it", 1, "true");
    let last = last_event(&testbed);
    for part in parts {
        assert!(last.contains(part), "{part:?} in {last}");
    }
}

fn a_missing_program(backend: Backend) {
    let path = "/nonexistent/thermos_executor";
    fails_with(
        backend,
        &[executor_flag(Path::new(path))],
        &["Failed: Failed to launch container", path, "-thermos_executor_path"],
    );
}

fn a_program_for_another_machine(backend: Backend) {
    const MACHINE_OFFSET: usize = 18;
    const OTHER_MACHINES: [u16; 2] = [183, 62];
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(program("thermos_executor")).unwrap();
    let machine = &mut bytes[MACHINE_OFFSET..MACHINE_OFFSET + 2];
    let other = OTHER_MACHINES.into_iter().find(|other| other.to_le_bytes() != *machine).unwrap();
    machine.copy_from_slice(&other.to_le_bytes());
    let path = folder.path().join("thermos_executor");
    std::fs::write(&path, bytes).unwrap();
    fails_with(
        backend,
        &[executor_flag(&path)],
        &["Failed: Executor terminated", "none for this kind of machine"],
    );
}

/// A folder on which nothing can be executed.
struct Unexecutable(tempfile::TempDir);

impl Unexecutable {
    fn mount() -> Unexecutable {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "noexec,size=256m", "none", &path])
            .status()
            .unwrap();
        assert!(mounted.success(), "tests with mounts need root");
        Unexecutable(folder)
    }
}

impl Drop for Unexecutable {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn a_file_system_mounted_noexec(backend: Backend) {
    let folder = Unexecutable::mount();
    let path = folder.0.path().join("thermos_executor");
    std::fs::copy(program("thermos_executor"), &path).unwrap();
    fails_with(
        backend,
        &[executor_flag(&path), "-thermos_executor_in_place".to_owned()],
        &["Failed: Executor terminated", "ermission denied", "the file system may be mounted noexec"],
    );
}

fn a_program_in_place_that_is_not_executable(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    // Who may not even enter the folder is another case.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().join("thermos_executor");
    std::fs::copy(program("thermos_executor"), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    fails_with(
        backend,
        &[executor_flag(&path), "-thermos_executor_in_place".to_owned()],
        &["Failed: Executor terminated", &path.display().to_string(), "ermission denied", "chmod a+rx"],
    );
}

fn an_executor_in_place_runs_where_it_is(backend: Backend) {
    let testbed = Testbed::start_with_flags(backend, &["-thermos_executor_in_place".to_owned()]);
    testbed.create("Service", "it", 1, "exec sleep 86399");
    testbed.wait_for_running("it", 1);
    assert!(testbed.sandbox_files("thermos_executor").is_empty(), "it was copied");
}

fn a_missing_program_in_place(backend: Backend) {
    let path = "/nonexistent/thermos_executor";
    fails_with(
        backend,
        &[executor_flag(Path::new(path)), "-thermos_executor_in_place".to_owned()],
        &["Failed: Executor terminated", path, "-thermos_executor_path"],
    );
}

fn a_flag_that_does_not_exist(backend: Backend) {
    let flags = ["-thermos_executor_flags=--nosuchflag".to_owned()];
    fails_with(backend, &flags, &["Failed: Executor terminated", "--nosuchflag", "-thermos_executor_flags"]);
}

fn a_sandbox_that_is_not_writable(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    // The mount is seen by the executor alone and goes with it.
    let script = "exec unshare --mount --map-root-user sh -c 'mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && \
                  exec \"$0\" \"$@\"' \"$EXECUTOR\" \"$@\"";
    let path = executor_wrapper(folder.path(), script);
    fails_with(
        backend,
        &[executor_flag(&path)],
        &["Lost: Task cannot run on agent-1: ", "is not writable: Read-only file system"],
    );
}

fn a_checkpoint_root_that_is_no_folder(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let path = executor_wrapper(folder.path(), "touch checkpoints; exec \"$EXECUTOR\" \"$@\"");
    fails_with(
        backend,
        &[executor_flag(&path)],
        &["Lost: Task cannot run on agent-1: the checkpoint root ", "/checkpoints is not usable: "],
    );
}

fn a_role_without_a_user(backend: Backend) {
    let flags = ["-thermos_executor_flags=--nosetuid-health-checks".to_owned()];
    fails_with(
        backend,
        &flags,
        &[
            "Failed: Failed to initialize sandbox: Could not create sandbox because user does not exist: www",
            "create it on this host",
        ],
    );
}

fn data_that_cannot_be_read(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create_with_data("it", "{nope");
    let last = last_event(&testbed);
    assert!(
        last.contains("Could not deserialize thermos config: ") && last.contains("the aurora client writes"),
        "{last}"
    );
}

e2e::on_both_clusters! {
    a_missing_program,
    a_missing_program_in_place,
    an_executor_in_place_runs_where_it_is,
    a_file_system_mounted_noexec,
    a_program_in_place_that_is_not_executable,
    a_program_for_another_machine,
    a_flag_that_does_not_exist,
    a_sandbox_that_is_not_writable,
    a_checkpoint_root_that_is_no_folder,
    a_role_without_a_user,
    data_that_cannot_be_read,
}
