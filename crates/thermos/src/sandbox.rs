//! The folder that a task lives in (`spec/thermos.md` §3.10).

pub mod image;

use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::os::users::{User, UserDatabase, UserError};

/// Rights of a sandbox that belongs to a user.
const PRIVATE_MODE: u32 = 0o700;

/// Rights of the run directory in a container: its user has to get through to the sandbox.
const CONTAINER_ROOT_MODE: u32 = 0o755;

/// A sandbox that could not be made. Begins with upstream's words.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Nobody of that name.
    #[error("Could not create sandbox because user does not exist: {user}: {source}")]
    NoSuchUser {
        /// The name.
        user: String,
        /// Where it was looked for, and what to do.
        source: UserError,
    },
    /// Somebody else, and no right to become them.
    #[error(
        "Failed to chown/chmod the sandbox: tasks of {user} cannot be run by uid {own_uid}; start the agent as root, or the executor with --nosetuid to run every task as its own user"
    )]
    NotRoot {
        /// The user asked for.
        user: String,
        /// The user this runs as.
        own_uid: u32,
    },
    /// The folder cannot be made.
    #[error("Failed to create the sandbox: {}: {source}", path.display())]
    Create {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its owner or rights cannot be set.
    #[error("Failed to chown/chmod the sandbox: {}: {source}", path.display())]
    Rights {
        /// Which folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The way from the host's path to the container's cannot be made.
    #[error("Failed to create the sandbox root: {}: {source}", path.display())]
    ContainerRoot {
        /// Which path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Makes the sandbox `run_directory/sandbox`. With an owner, it and the run directory are given to that user.
///
/// # Errors
/// [`SandboxError`].
pub fn create(
    run_directory: &Path,
    owner: Option<&str>,
    users: &UserDatabase,
) -> Result<PathBuf, SandboxError> {
    let sandbox = run_directory.join("sandbox");
    let owner = owner.map(|name| find_owner(name, users)).transpose()?;
    match std::fs::create_dir(&sandbox) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && sandbox.is_dir() => {}
        Err(source) => return Err(SandboxError::Create { path: sandbox, source }),
        Ok(()) => {}
    }
    let Some(owner) = owner else { return Ok(sandbox) };
    for path in [run_directory, &sandbox] {
        chown(path, Some(owner.uid), Some(owner.gid)).map_err(|source| rights(path, source))?;
    }
    let private = std::fs::Permissions::from_mode(PRIVATE_MODE);
    std::fs::set_permissions(&sandbox, private).map_err(|source| rights(&sandbox, source))?;
    Ok(sandbox)
}

/// In a Docker container the host's path of the run directory does not exist: a link leads from it to the container's.
///
/// # Errors
/// [`SandboxError::ContainerRoot`].
pub fn link_container_root(host_path: &Path, container_path: &Path) -> Result<(), SandboxError> {
    let failed = |path: &Path, source| SandboxError::ContainerRoot { path: path.to_owned(), source };
    if host_path != container_path && !host_path.exists() {
        if let Some(parent) = host_path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
        }
        symlink(container_path, host_path).map_err(|source| failed(host_path, source))?;
    }
    let mode = std::fs::Permissions::from_mode(CONTAINER_ROOT_MODE);
    std::fs::set_permissions(container_path, mode).map_err(|source| failed(container_path, source))
}

fn find_owner(name: &str, users: &UserDatabase) -> Result<User, SandboxError> {
    let owner =
        users.by_name(name).map_err(|source| SandboxError::NoSuchUser { user: name.to_owned(), source })?;
    let own_uid = nix::unistd::geteuid().as_raw();
    if own_uid != 0 && own_uid != owner.uid {
        return Err(SandboxError::NotRoot { user: name.to_owned(), own_uid });
    }
    Ok(owner)
}

fn rights(path: &Path, source: io::Error) -> SandboxError {
    SandboxError::Rights { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn th_100_a_sandbox_needs_an_existing_owner() {
        let run_directory = tempfile::tempdir().unwrap();
        let error = create(run_directory.path(), Some("nosuch-user"), &UserDatabase::default()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("Could not create sandbox because user does not exist: nosuch-user: "),
            "{text}"
        );
        assert!(!run_directory.path().join("sandbox").exists());
    }

    #[test]
    fn a_sandbox_is_made_once_and_found_again() {
        let run_directory = tempfile::tempdir().unwrap();
        let users = UserDatabase::default();
        let first = create(run_directory.path(), None, &users).unwrap();
        assert!(first.is_dir());
        assert_eq!(create(run_directory.path(), None, &users).unwrap(), first);
    }

    #[test]
    fn a_container_reaches_its_sandbox_by_the_hosts_path() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("mnt");
        std::fs::create_dir(&inside).unwrap();
        let host = folder.path().join("var/lib/run");
        link_container_root(&host, &inside).unwrap();
        link_container_root(&host, &inside).unwrap();
        assert_eq!(std::fs::canonicalize(host).unwrap(), std::fs::canonicalize(inside).unwrap());
    }
}
