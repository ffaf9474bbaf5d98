//! A Docker engine of a test's own, and small images made of what this machine has.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait::{PATIENCE, wait_until};

/// How long it may take to end before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// Programs of the image with glibc.
const GLIBC_PROGRAMS: &[&str] = &["bash", "sleep", "cat", "id", "env", "ls", "touch", "mkdir", "readlink"];

/// Programs of the image without glibc, each a link to busybox.
const BUSYBOX_APPLETS: &[&str] = &["sh", "sleep", "cat", "id", "env", "ls", "touch", "mkdir", "readlink"];

/// Users of the images: one who exists on no test machine, beside root.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nguest:x:4321:4321:Guest:/home/guest:/bin/sh\n";
const GROUP: &str = "root:x:0:\nguest:x:4321:\n";

/// A running engine with data and socket of its own. It has no bridge, so containers use the host's network or none.
/// Dropping it removes its containers and ends it.
pub struct Dockerd {
    folder: TempDir,
    process: Child,
}

impl Dockerd {
    /// Starts an engine and waits until it answers.
    ///
    /// # Panics
    /// If it does not, with its log; without Debian's `docker.io`; as another user than root.
    pub fn start() -> Dockerd {
        assert!(nix::unistd::geteuid().is_root(), "a Docker engine needs root: run this test as root");
        // The engine keeps sockets below, whose paths must be short.
        let folder = tempfile::Builder::new().prefix("dockerd-").tempdir_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name);
        let log = fs::File::create(at("log")).unwrap();
        let process = Command::new("dockerd")
            .arg(format!("--data-root={}", at("data").display()))
            .arg(format!("--exec-root={}", at("exec").display()))
            .arg(format!("--pidfile={}", at("pid").display()))
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .args(["--storage-driver=vfs", "--bridge=none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("dockerd starts: install Debian's docker.io, or run `cargo xtask setup`");
        let mut engine = Dockerd { folder, process };
        wait_until("the Docker engine to answer", PATIENCE, || {
            if let Ok(Some(status)) = engine.process.try_wait() {
                let log = fs::read_to_string(engine.folder.path().join("log")).unwrap_or_default();
                panic!("dockerd ended with {status}: {log}");
            }
            engine.docker(&["version"]).map(|_| ())
        });
        engine
    }

    /// The path of its socket, as Mesos's flag `docker_socket` wants it.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Runs the command `docker` against it and gives what it prints.
    ///
    /// # Errors
    /// What it complains of.
    pub fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command().args(arguments).output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Names of the containers that run.
    ///
    /// # Panics
    /// If the engine does not say.
    pub fn running(&self) -> Vec<String> {
        let listed = self.docker(&["ps", "--format", "{{.Names}}"]).unwrap();
        listed.lines().map(str::to_owned).collect()
    }

    /// An image of bash, a few programs, and the libraries of this machine that they need.
    pub fn image_with_glibc(&self, name: &str) {
        self.import(name, |root| {
            for program in GLIBC_PROGRAMS {
                let path = in_path(program);
                install(&path, &root.join("bin").join(program));
                for library in libraries(&path) {
                    install(&library, &root.join(library.strip_prefix("/").unwrap()));
                }
            }
            symlink("bash", root.join("bin/sh")).unwrap();
        });
    }

    /// An image without glibc: busybox, with Debian's `bash-static` as `/bin/bash`.
    pub fn image_without_glibc(&self, name: &str) {
        self.import(name, |root| {
            install_busybox(root);
            install(&in_path("bash-static"), &root.join("bin/bash"));
        });
    }

    /// An image of busybox alone: no `/bin/bash`.
    pub fn image_without_bash(&self, name: &str) {
        self.import(name, install_busybox);
    }

    /// An image that holds one program of no use, and no shell of any kind.
    pub fn image_without_shell(&self, name: &str) {
        self.import(name, |root| install(&in_path("busybox"), &root.join("bin/nothing")));
    }

    fn import(&self, name: &str, fill: impl FnOnce(&Path)) {
        let image = tempfile::tempdir_in(self.folder.path()).unwrap();
        let root = image.path().join("root");
        for folder in ["bin", "etc", "tmp", "home/guest"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
        fs::write(root.join("etc/passwd"), PASSWD).unwrap();
        fs::write(root.join("etc/group"), GROUP).unwrap();
        fill(&root);
        let archive = image.path().join("root.tar");
        let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status();
        assert!(packed.is_ok_and(|status| status.success()), "tar packs {}", root.display());
        self.docker(&["import", archive.to_str().unwrap(), name]).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(format!("unix://{}", self.socket().display()));
        command.env("HOME", self.folder.path()).stdin(Stdio::null());
        command
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let containers = self.docker(&["ps", "-aq"]).unwrap_or_default();
        let containers: Vec<&str> = containers.split_whitespace().collect();
        if !containers.is_empty() {
            let _ = self.docker(&[&["rm", "-f", "-v"], containers.as_slice()].concat());
        }
        if let Ok(pid) = i32::try_from(self.process.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let begin = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && begin.elapsed() < END_DEADLINE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The engine leaves this mount behind, and the folder cannot go while it is there.
        let network = self.folder.path().join("exec/netns/default");
        let _ = umount2(&network, MntFlags::MNT_DETACH);
    }
}

fn install_busybox(root: &Path) {
    install(&in_path("busybox"), &root.join("bin/busybox"));
    for applet in BUSYBOX_APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
}

fn install(from: &Path, to: &Path) {
    if to.exists() {
        return;
    }
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
}

/// Where a program is on this machine.
fn in_path(program: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .chain([PathBuf::from("/bin")])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} is in PATH: run `cargo xtask setup`"))
}

/// The shared libraries of a program, its loader among them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let words: Vec<String> =
        String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect();
    words.iter().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Makes the root of a small file system image: busybox as `/bin/sh`, and `/bin/bash` if wanted.
///
/// # Panics
/// If a program is missing that `cargo xtask setup` installs.
pub fn root_file_system(root: &Path, has_bash: bool) {
    for name in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    install(&in_path("busybox"), &root.join("bin/busybox"));
    symlink("busybox", root.join("bin/sh")).unwrap();
    if has_bash {
        install(&in_path("bash-static"), &root.join("bin/bash"));
    }
}
