//! A work directory belongs to one living process at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use crate::container::process::ProcessId;

/// How long the lock of a process that is gone may take to be free. Owner: this file; what it was just starting when it was killed
/// has its open files until its program runs.
const RELEASE_PATIENCE: Duration = Duration::from_secs(15);
const RELEASE_POLL: Duration = Duration::from_millis(20);

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
    /// Whether it took a while to be free: other files of its former owner may take a moment longer.
    pub was_awaited: bool,
}

impl DirLock {
    /// Takes the directory, creating it where it is missing. Waits a while for one whose owner is gone.
    ///
    /// # Errors
    /// Another process has it, or it cannot be written to.
    pub fn take(what: &str, dir: &Path) -> Result<Self, LockError> {
        let begin = Instant::now();
        loop {
            match Self::try_take(what, dir) {
                Err(LockError::Taken { owner, .. })
                    if begin.elapsed() < RELEASE_PATIENCE && is_gone(&owner) =>
                {
                    std::thread::sleep(RELEASE_POLL);
                }
                Ok(lock) => return Ok(Self { was_awaited: begin.elapsed() >= RELEASE_POLL, ..lock }),
                Err(error) => return Err(error),
            }
        }
    }

    fn try_take(what: &str, dir: &Path) -> Result<Self, LockError> {
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
                Ok(Self { _file: file, was_awaited: false })
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

/// Whether the process of this number has ended. A lock file that names none was just begun.
fn is_gone(owner: &str) -> bool {
    owner.parse().is_ok_and(|pid| ProcessId::of(pid).is_none_or(|process| !process.is_running()))
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
        // A process that another test starts at this moment may have the file open still, until its program runs.
        let begin = Instant::now();
        while let Err(error) = DirLock::take("agent-1", dir.path()) {
            assert!(begin.elapsed() < Duration::from_secs(90), "{error}");
            std::thread::sleep(RELEASE_POLL);
        }
    }

    #[test]
    fn the_lock_of_a_process_that_is_gone_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::take("agent-1", dir.path()).unwrap();
        // As if a process had it that was killed just after it began to start another, which has it still.
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        std::fs::write(dir.path().join("lock"), gone.id().to_string()).unwrap();
        let dir = dir.path().to_owned();
        let taken = std::thread::spawn(move || DirLock::take("agent-1", &dir));
        std::thread::sleep(RELEASE_POLL);
        drop(lock);
        assert!(taken.join().unwrap().is_ok());
    }
}
