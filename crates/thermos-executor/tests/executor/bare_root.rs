//! The built executor in the root of a container image that has a shell and nothing else: no libraries, no certificates, no
//! `/etc` (`spec/thermos.md` §7.3).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesos_v1::messages::TaskState::{TaskFailed, TaskFinished, TaskRunning, TaskStarting};
use serde_json::json;

use crate::agent::{PROGRAM, Rig, assigned_text, copy_program, healthy_server, job_of, write_program};

/// Where the executor in the root finds its run directory.
const RUN_DIRECTORY: &str = "/mnt/mesos/sandbox";

/// What a container runtime adds to an image, then the executor. The mounts are seen by nobody else and go with it.
const ENTER: &str = "mount --rbind /proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" && \
    exec chroot \"$0\" /thermos_executor --nosetuid --nosetuid-health-checks";

fn busybox() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join("busybox"))
        .find(|path| path.is_file())
        .expect("busybox is in PATH: install Debian's busybox-static, or run `cargo xtask setup`")
}

/// Starts an executor in a root with busybox as `/bin/sh`, and as `/bin/bash` if wanted.
fn start_in_bare_root(has_bash: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let run_directory = root.join(RUN_DIRECTORY.trim_start_matches('/'));
    for path in [&root.join("bin"), &root.join("proc"), &root.join("dev"), &root.join("tmp"), &run_directory]
    {
        fs::create_dir_all(path).unwrap();
    }
    copy_program(Path::new(PROGRAM), &root.join("thermos_executor"));
    copy_program(&busybox(), &root.join("bin/busybox"));
    symlink("busybox", root.join("bin/sh")).unwrap();
    if has_bash {
        // Busybox has no applet of that name.
        write_program(&root.join("bin/bash"), "#!/bin/sh\nexec /bin/sh \"$@\"\n");
    }
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        let restricted = "/proc/sys/kernel/unprivileged_userns_clone";
        let is_allowed = fs::read_to_string(restricted).is_ok_and(|text| text.trim() != "0")
            || !Path::new(restricted).exists();
        assert!(is_allowed, "run this test as root, or write 1 to {restricted}");
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-c", ENTER]).arg(&root).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Rig::start_command(folder, run_directory, RUN_DIRECTORY.into(), command)
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8], at: u64, length: usize) -> u64 {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn the_executor_is_one_static_file() {
    const PT_DYNAMIC: u64 = 2;
    const PT_INTERP: u64 = 3;
    const DT_NEEDED: u64 = 1;
    let program = fs::read(PROGRAM).unwrap();
    assert_eq!(program[..6], *b"\x7fELF\x02\x01", "no 64-bit little-endian ELF file");
    let (table, entry_bytes, entries) =
        (number(&program, 0x20, 8), number(&program, 0x36, 2), number(&program, 0x38, 2));
    assert!(entries > 0);
    for header in (0..entries).map(|index| table + index * entry_bytes) {
        let kind = number(&program, header, 4);
        assert_ne!(kind, PT_INTERP, "it asks for a loader");
        if kind == PT_DYNAMIC {
            let (begin, bytes) = (number(&program, header + 8, 8), number(&program, header + 32, 8));
            let tags = (begin..begin + bytes).step_by(16).map(|at| number(&program, at, 8));
            assert_eq!(tags.filter(|tag| *tag == DT_NEEDED).count(), 0, "it asks for libraries");
        }
    }
}

#[test]
fn a_task_runs_in_a_root_with_nothing_but_a_shell() {
    let mut rig = start_in_bare_root(true);
    let command = "echo ran in $HOME; until busybox test -e go; do busybox sleep 0.05; done";
    let mut job = job_of(&[json!({"name": "p", "cmdline": command})]);
    job["health_check_config"] = json!({"timeout_secs": 90.0});
    rig.launch(assigned_text(&job.to_string(), "nobody", &[("health", healthy_server())]));
    assert_eq!(rig.wait_state(TaskRunning), "Task is healthy.");
    fs::write(rig.sandbox().join("go"), "").unwrap();
    assert_eq!(rig.end(), Some(0), "{}", rig.log());
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskFinished], "{:?}", rig.updates());
    let output = fs::read_to_string(rig.sandbox().join(".logs/p/0/stdout")).unwrap();
    assert_eq!(output, format!("ran in {RUN_DIRECTORY}/sandbox\n"));
}

#[test]
fn an_image_without_bash_is_named_as_the_cause() {
    let mut rig = start_in_bare_root(false);
    rig.launch(assigned_text(&job_of(&[json!({"name": "p", "cmdline": "true"})]).to_string(), "nobody", &[]));
    let message = rig.wait_state(TaskFailed);
    assert!(
        message.starts_with("Task cannot run on localhost: /bin/bash cannot be executed: No such file")
            && message.ends_with("install it on this host or in the image (there is only /bin/sh)"),
        "{message}"
    );
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskFailed]);
}
