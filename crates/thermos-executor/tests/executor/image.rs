//! A task in a file system image, through the containerizer of a real Mesos (`spec/thermos.md` §3.10).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesos_v1::messages::TaskState::{TaskFailed, TaskKilled, TaskRunning};
use serde_json::json;

use crate::agent::{PROGRAM, Rig, copy_program, job_of, with_image};

/// What Mesos does before it starts the executor: the image is a mount of its own. It is seen by nobody else.
const ENTER: &str = "mount --bind taskfs taskfs && exec \"$0\" --nosetuid --nosetuid-health-checks \"$@\"";

fn containerizer() -> PathBuf {
    let home = std::env::var_os("MESOS_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/mesos-1.11.0"),
        PathBuf::from,
    );
    let path = home.join("mesos-containerizer");
    assert!(path.is_file(), "{} is not there: run `cargo xtask setup`", path.display());
    path
}

fn copy(program: &str, to: &Path) {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let from = std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} is in PATH: run `cargo xtask setup`"));
    copy_program(&from, to);
}

/// Starts an executor with an image of busybox, and of bash if wanted.
fn start(has_bash: bool) -> Rig {
    assert!(nix::unistd::geteuid().is_root(), "images are mounted by root: run this test as root");
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("taskfs");
    for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        fs::create_dir_all(image.join(name)).unwrap();
    }
    copy("busybox", &image.join("bin/busybox"));
    symlink("busybox", image.join("bin/sh")).unwrap();
    if has_bash {
        copy("bash-static", &image.join("bin/bash"));
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ENTER, PROGRAM]).current_dir(folder.path());
    command.arg(format!("--mesos-containerizer-path={}", containerizer().display()));
    let run_directory = folder.path().to_owned();
    Rig::start_command(folder, run_directory.clone(), run_directory, command)
}

#[test]
fn a_task_lives_and_ends_in_an_image() {
    let mut rig = start(true);
    let command = "echo $HOME $PWD > place; echo /bin/* > programs; test -d /proc/self && \
                   /bin/busybox touch ready; exec /bin/busybox sleep 1000";
    rig.launch(with_image(&job_of(&[json!({"name": "p", "cmdline": command})])));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    let read = |name: &str| fs::read_to_string(rig.sandbox().join(name)).unwrap();
    assert_eq!(read("place"), "/mnt/mesos/sandbox /mnt/mesos/sandbox\n");
    assert_eq!(read("programs"), "/bin/bash /bin/busybox /bin/sh\n");
    rig.kill("t");
    assert_eq!(rig.wait_state(TaskKilled), "Instructed to kill task.");
    assert_eq!(rig.end(), Some(0));
    rig.wait_deserted();
}

#[test]
fn an_image_without_bash_is_named() {
    let mut rig = start(false);
    rig.launch(with_image(&job_of(&[json!({"name": "p", "cmdline": "true"})])));
    let message = rig.wait_state(TaskFailed);
    assert!(
        message.contains("/bin/bash cannot be executed below ") && message.contains("only /bin/sh"),
        "{message}"
    );
    assert_eq!(rig.end(), Some(0));
}
