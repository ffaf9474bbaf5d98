//! Starts the shell of a process, and says exactly why when that is not possible (D11).

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, Gid, Uid, access, chdir, chroot, setgid, setgroups, setuid};

use super::output::{Output, Wiring};
use super::{Assignment, Credentials};

/// The shell of every process (`spec/thermos.md` §1.8).
pub const SHELL: &str = "/bin/bash";

/// Return code of a run whose shell could not be started, as shells use it.
pub const NOT_STARTED: i32 = 127;

/// Why a shell could not be started. Each text names the path, the cause and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// bash is not there, or not a program.
    #[error(
        "{SHELL} cannot be executed{}: {cause}; commands need bash: install it on this host or in the image{}",
        within(root),
        instead(root)
    )]
    NoShell {
        /// The root looked below.
        root: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The sandbox cannot be entered.
    #[error("cannot enter the working directory {}: {source}{}; it was removed or its rights were changed", path.display(), refused_at(path))]
    WorkingDir {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The output has nowhere to go.
    #[error("cannot write logs in {}: {source}{}; check the owner and the rights of that folder and the free space", path.display(), refused_at(path))]
    Log {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The sandbox cannot be made the root.
    #[error("cannot change the root to {}: {source}", path.display())]
    Chroot {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The user cannot be changed.
    #[error("cannot switch to uid {} gid {}: {source}; only root may run processes as other users", credentials.uid, credentials.gid)]
    Switch {
        /// To whom.
        credentials: Credentials,
        /// What the system says.
        source: io::Error,
    },
    /// The image cannot be entered.
    #[error("cannot start {SHELL} in the image at {} with {}: {source}; look at the executor's --mesos-containerizer-path", rootfs.display(), containerizer.display())]
    Image {
        /// The image's root.
        rootfs: PathBuf,
        /// Mesos's program.
        containerizer: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses.
    #[error("cannot start {SHELL}: {source}")]
    Exec {
        /// What it says.
        source: io::Error,
    },
}

fn within(root: &Path) -> String {
    if root == Path::new("/") { String::new() } else { format!(" below {}", root.display()) }
}

fn instead(root: &Path) -> String {
    let sh = root.join("bin/sh");
    if sh.exists() { " (there is only /bin/sh)".to_owned() } else { String::new() }
}

/// The first folder on the way that this process may not pass, with what refuses it.
fn refused_at(path: &Path) -> String {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    let refused = way.into_iter().find(|folder| access(*folder, AccessFlags::X_OK) == Err(Errno::EACCES));
    let Some((folder, metadata)) = refused.and_then(|folder| Some((folder, fs::metadata(folder).ok()?)))
    else {
        return String::new();
    };
    format!(
        " ({} of uid {} and gid {} with mode {:04o} lets uid {} not pass)",
        folder.display(),
        metadata.uid(),
        metadata.gid(),
        metadata.mode() & 0o7777,
        Uid::effective()
    )
}

/// Prepares this process as the assignment says and starts the shell.
pub fn spawn(assignment: &Assignment) -> Result<(Child, Output), SpawnError> {
    if let Some(root) = &assignment.chroot {
        chdir(root)
            .and_then(|()| chroot("."))
            .and_then(|()| chdir("/"))
            .map_err(|error| SpawnError::Chroot { path: root.clone(), source: error.into() })?;
    }
    // The containerizer takes on the user's rights itself, and needs root's for the image.
    if let (Some(credentials), None) = (&assignment.credentials, &assignment.image) {
        switch(credentials)
            .map_err(|error| SpawnError::Switch { credentials: credentials.clone(), source: error.into() })?;
    }
    let root = assignment.image.as_ref().map_or_else(|| Path::new("/"), |image| image.rootfs.as_path());
    check_shell_below(root)?;
    // This process's own folder is its child's: starting a program elsewhere takes a copy of this process.
    std::env::set_current_dir(&assignment.working_dir)
        .map_err(|source| SpawnError::WorkingDir { path: assignment.working_dir.clone(), source })?;
    let log_error = |source| SpawnError::Log { path: assignment.log_dir.clone(), source };
    let wiring = Wiring::new(&assignment.logger, &assignment.log_dir).map_err(log_error)?;
    let (stdout, stderr, files) = wiring.split();
    let mut command = match &assignment.image {
        None => {
            let mut shell = Command::new(SHELL);
            shell.arg("-c").arg(&assignment.cmdline);
            shell
        }
        Some(image) => {
            let failed = |source| SpawnError::Image {
                rootfs: image.rootfs.clone(),
                containerizer: image.containerizer.clone(),
                source,
            };
            let mut containerizer = Command::new(&image.containerizer);
            containerizer.args(image.arguments(&assignment.cmdline).map_err(failed)?);
            containerizer
        }
    };
    let mut child = command
        .env_clear()
        .envs(assignment.environment.iter().map(|(name, value)| (name, value)))
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|source| SpawnError::Exec { source })?;
    let output = Wiring::connect(files, &mut child);
    Ok((child, output))
}

/// Gives up this process's rights for good: groups first, since a user without rights cannot set them.
fn switch(credentials: &Credentials) -> nix::Result<()> {
    let groups: Vec<Gid> = credentials.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)?;
    setgid(Gid::from_raw(credentials.gid))?;
    setuid(Uid::from_raw(credentials.uid))
}

/// What is wrong with the shell of the file system with this root, before anything is started there.
///
/// # Errors
/// [`SpawnError::NoShell`].
pub fn check_shell_below(root: &Path) -> Result<(), SpawnError> {
    let shell = root.join(SHELL.trim_start_matches('/'));
    let refuse = |cause: String| SpawnError::NoShell { root: root.to_owned(), cause };
    match fs::metadata(&shell) {
        Err(error) => Err(refuse(error.to_string())),
        Ok(metadata) if !metadata.is_file() => Err(refuse("it is no file".to_owned())),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => {
            Err(refuse("it is not executable".to_owned()))
        }
        Ok(_) => Ok(()),
    }
}
