//! The same costs on an emulated machine, whose clock counts instructions: a nanosecond each. What is measured there depends on the
//! programs and the kernel alone, not on caches, on other machines of the same host, or on memory that is gone. Debian's QEMU and Debian's
//! kernel for clouds run a file system in memory with the programs and this benchmark.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::program;
use tempfile::TempDir;

use crate::baselines::install;

/// Programs that `aurora local up` needs.
const PROGRAMS: [&str; 5] =
    ["aurora", "aurora-scheduler", "mesos-local", "thermos_executor", "thermos_observer"];

/// Tells this benchmark that it is inside.
pub const INSIDE: &str = "--inside";

/// Before each line that is for people.
const MARK: &str = "bench: ";

const MEMORY: &str = "1536M";

/// Without the instructions that fill memory byte by byte: QEMU counts each byte, where processors take a moment for a page.
const CPU: &str = "max,-erms,-fsrm";

const INIT: &str = "#!/bin/bash
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox ifconfig lo 127.0.0.1 up
busybox hostname emulated
exec </dev/null >/dev/ttyS0 2>&1
";

/// Runs parts of this benchmark there and prints what they say.
pub fn run(parts: &[&str]) {
    install(
        &["qemu-system-x86_64", "busybox", "bash-static"],
        &["qemu-system-x86", "busybox-static", "bash-static"],
    );
    let folder = TempDir::new().unwrap();
    let kernel = kernel(folder.path());
    let files = initial_files(folder.path(), parts);
    let mut machine = Command::new("qemu-system-x86_64")
        .args(["-machine", "pc", "-accel", "tcg", "-cpu", CPU, "-m", MEMORY])
        .args(["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm"])
        .args(["-nodefaults", "-nographic", "-serial", "stdio", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(files)
        .args(["-append", "console=ttyS0 quiet panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = Vec::new();
    let mut has_ended = false;
    for line in BufReader::new(machine.stdout.take().unwrap()).split(b'\n') {
        let line = String::from_utf8_lossy(&line.unwrap()).trim_end().to_owned();
        match line.strip_prefix(MARK) {
            Some("end") => has_ended = true,
            Some(text) => println!("{text}"),
            None => log.push(line),
        }
    }
    let status = machine.wait().unwrap();
    assert!(has_ended && status.success(), "the emulated machine: {status}\n{}", log.join("\n"));
}

/// Debian's kernel, unpacked: it need not be installed on this machine.
fn kernel(folder: &Path) -> PathBuf {
    let depends = said(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]));
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image")).unwrap();
    said(
        Command::new("apt-get")
            .args(["-qq", "download", &format!("linux-image{package}")])
            .current_dir(folder),
    );
    let archive = only(folder, "linux-image");
    said(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(folder.join("kernel")));
    only(&folder.join("kernel/boot"), "vmlinuz")
}

fn only(folder: &Path, beginning: &str) -> PathBuf {
    let mut paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning)))
        .unwrap()
}

/// What the machine starts with: the programs, this benchmark, a shell.
fn initial_files(folder: &Path, parts: &[&str]) -> PathBuf {
    let root = folder.join("root");
    for name in ["bin", "dev", "etc", "proc", "root", "sys", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::create_dir(root.join("usr")).unwrap();
    std::os::unix::fs::symlink("../bin", root.join("usr/bin")).unwrap();
    let bin = root.join("bin");
    let put = |from: &Path, name: &str| {
        fs::copy(from, bin.join(name)).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    };
    put(&which("busybox"), "busybox");
    put(&which("bash-static"), "bash-static");
    for (name, of) in [("bash", "bash-static"), ("sh", "bash-static"), ("sleep", "busybox")] {
        std::os::unix::fs::symlink(of, bin.join(name)).unwrap();
    }
    put(&std::env::current_exe().unwrap(), "tasks");
    for name in PROGRAMS {
        put(&program(name), name);
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
    let init = format!(
        "{INIT}export AURORA_BIN_DIR=/bin PATH=/bin HOME=/root\n\
         (tasks --bench {INSIDE} {} && echo end) | while IFS= read -r line; do echo \"{MARK}$line\"; done\n\
         busybox poweroff -f\n",
        parts.join(" ")
    );
    fs::write(root.join("init"), init).unwrap();
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).unwrap();
    let archive = folder.join("initial");
    let status = Command::new("sh")
        .args(["-c", "find . | busybox cpio -o -H newc 2>/dev/null"])
        .current_dir(&root)
        .stdout(File::create(&archive).unwrap())
        .status();
    assert!(status.unwrap().success(), "cpio");
    fs::remove_dir_all(&root).unwrap();
    archive
}

fn which(program: &str) -> PathBuf {
    let mut paths = ["/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(program));
    paths.find(|path| path.exists()).unwrap_or_else(|| panic!("{program} is not installed"))
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
