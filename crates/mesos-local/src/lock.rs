//! A work directory belongs to one living process at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// A directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("{what} cannot use {}: process {owner} works there; stop it first, or choose another directory", path.display())]
    Taken {
        /// Who wanted it.
        what: String,
        /// The directory.
        path: PathBuf,
        /// The process id in the lock file.
        owner: String,
    },
    /// The file system refused.
    #[error("{what} cannot use its work directory {}: make it a directory that this user can write to", path.display())]
    Io {
        /// Who wanted it.
        what: String,
        /// The directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A taken directory. The kernel gives it back when the process ends, however it ends.
#[derive(Debug)]
pub struct DirLock {
    _file: Flock<File>,
}

impl DirLock {
    /// Takes the directory, creating it where it is missing.
    ///
    /// # Errors
    /// Another process has it, or it cannot be written to.
    pub fn take(what: &str, dir: &Path) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io { what: what.to_owned(), path: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(io_error)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.join("lock"))
            .map_err(io_error)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                file.set_len(0).map_err(io_error)?;
                file.rewind().map_err(io_error)?;
                writeln!(file, "{}", std::process::id()).map_err(io_error)?;
                Ok(Self { _file: file })
            }
            Err((mut file, nix::errno::Errno::EWOULDBLOCK)) => {
                let mut owner = String::new();
                let _ = file.read_to_string(&mut owner);
                Err(LockError::Taken {
                    what: what.to_owned(),
                    path: dir.to_owned(),
                    owner: owner.trim().to_owned(),
                })
            }
            Err((_, error)) => Err(io_error(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_names_its_user() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::take("agent-1", dir.path()).unwrap();
        let error = DirLock::take("agent-1", dir.path()).unwrap_err();
        assert!(
            error.to_string().contains(&format!("process {} works there", std::process::id())),
            "{error}"
        );
        drop(lock);
        DirLock::take("agent-1", dir.path()).unwrap();
    }
}
