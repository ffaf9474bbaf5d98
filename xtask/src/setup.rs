//! `cargo xtask setup`: installs what the tests need and the machine lacks.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::run;

/// Debian packages of programs that the tests start, each with a command or a file that is there once it is installed.
const PACKAGES: &[(&str, &str)] = &[
    ("python3", "python3"),
    ("busybox-static", "busybox"),
    ("bash-static", "bash-static"),
    ("docker.io", "dockerd"),
    ("procps", "ps"),
    ("util-linux", "unshare"),
    ("default-jre-headless", "java"),
    ("libzookeeper-java", "/usr/share/java/zookeeper.jar"),
];

/// Installs the packages, then a real Mesos. Says what it does; does nothing where all is there.
pub fn run() -> Result<()> {
    let mut missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, program)| !is_there(program)).map(|(package, _)| *package).collect();
    if !succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        missing.push("python3-pip");
    }
    if !missing.is_empty() {
        eprintln!("installing with apt-get: {}", missing.join(" "));
        let mut update = Command::new("apt-get");
        update.args(["update", "-qq"]);
        run::checked(update)?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq"]).args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
        run::checked(install)
            .context("the tests need these packages; as another user than root, install them by hand")?;
    }
    eprintln!("installing a real Mesos 1.11, unless it is there");
    run::checked(Command::new(run::root().join("dev/mesos/install")))
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
