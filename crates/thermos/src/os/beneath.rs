//! Opening files that others may rename or replace meanwhile: never outside of a folder, never anything but a file.
//!
//! A task's user owns the folder its task runs in and may put links, pipes or devices there. Programs that run as root and look
//! into such folders go through here: the kernel resolves each path below an open folder and refuses to leave it.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::Mode;

/// A path that is not opened.
#[derive(Debug, thiserror::Error)]
pub enum BeneathError {
    /// It leads out of the folder: by `..`, by being absolute, or through a link.
    #[error("{} leads out of {}", path.display(), folder.display())]
    Outside {
        /// The path asked for.
        path: PathBuf,
        /// The folder it must stay in.
        folder: PathBuf,
    },
    /// It is a folder, a pipe, a device or a socket.
    #[error("{} is no regular file", path.display())]
    NotRegular {
        /// The path asked for.
        path: PathBuf,
    },
    /// The system says no.
    #[error("cannot open {}: {source}", path.display())]
    System {
        /// The path asked for.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

impl BeneathError {
    /// Whether there is simply nothing of that name.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// What stands in a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Of the entry itself: a link is a link.
    pub metadata: Metadata,
}

/// An open folder.
#[derive(Debug)]
pub struct Directory {
    file: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a folder by a path that is trusted, links and all.
    ///
    /// # Errors
    /// [`BeneathError::System`].
    pub fn open(path: &Path) -> Result<Self, BeneathError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let file = open(path, flags, Mode::empty())
            .map_err(|error| BeneathError::System { path: path.to_owned(), source: error.into() })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a regular file below. Links are followed as long as they stay below.
    ///
    /// # Errors
    /// [`BeneathError`].
    pub fn open_file(&self, relative: &Path) -> Result<File, BeneathError> {
        // Without waiting: a pipe that nobody writes would hold the opener for ever.
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(self.resolve(relative, flags)?);
        let metadata = file.metadata().map_err(|source| self.system(relative, source))?;
        if metadata.is_file() {
            Ok(file)
        } else {
            Err(BeneathError::NotRegular { path: self.path.join(relative) })
        }
    }

    /// Opens a folder below. Links are followed as long as they stay below.
    ///
    /// # Errors
    /// [`BeneathError`].
    pub fn open_directory(&self, relative: &Path) -> Result<Self, BeneathError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let file = self.resolve(relative, flags)?;
        Ok(Self { file, path: self.path.join(relative) })
    }

    /// Makes a folder in this one if it is not there, and opens it, but never through a link.
    ///
    /// # Errors
    /// What the system says; ENOTDIR for a link or a file.
    pub fn make_directory(&self, name: &Path) -> io::Result<Self> {
        let name = single(name)?;
        match std::fs::create_dir(self.handle().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = openat(self.file.as_fd(), name, flags, Mode::empty())?;
        Ok(Self { file, path: self.path.join(name) })
    }

    /// What stands in it, in no order. What vanishes meanwhile is left out.
    ///
    /// # Errors
    /// [`BeneathError::System`].
    pub fn entries(&self) -> Result<Vec<Entry>, BeneathError> {
        let listed = std::fs::read_dir(self.handle())
            .map_err(|source| BeneathError::System { path: self.path.clone(), source })?;
        Ok(listed
            .flatten()
            .filter_map(|entry| Some(Entry { metadata: entry.metadata().ok()?, name: entry.file_name() }))
            .collect())
    }

    /// Of an entry of this folder itself; links are not followed.
    ///
    /// # Errors
    /// What the system says.
    pub fn metadata_of(&self, name: &Path) -> io::Result<Metadata> {
        std::fs::symlink_metadata(self.handle().join(single(name)?))
    }

    /// Removes an entry of this folder with all that is below it, following no link. Nothing there is no error.
    ///
    /// # Errors
    /// What the system says; part of it may be gone then.
    pub fn remove(&self, name: &Path) -> io::Result<()> {
        let path = self.handle().join(single(name)?);
        let removed = match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Of the folder itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        std::fs::metadata(self.handle())
    }

    /// A path that names this very folder as long as it is open, whatever became of the one it was opened by.
    pub fn handle(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    fn resolve(&self, relative: &Path, flags: OFlag) -> Result<OwnedFd, BeneathError> {
        let outside = || BeneathError::Outside { path: relative.to_owned(), folder: self.path.clone() };
        if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        match self.open_beneath(relative, flags, ResolveFlag::empty()) {
            Ok(file) => Ok(file),
            // An absolute link is refused even when it leads back inside: find out, and go there without any link.
            Err(Errno::EXDEV) => {
                let inside = self.real_path_below(relative).ok_or_else(outside)?;
                self.open_beneath(&inside, flags, ResolveFlag::RESOLVE_NO_SYMLINKS).map_err(|_| outside())
            }
            Err(error) => Err(self.system(relative, error.into())),
        }
    }

    fn open_beneath(&self, relative: &Path, flags: OFlag, more: ResolveFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS | more;
        loop {
            match openat2(self.file.as_fd(), relative, OpenHow::new().flags(flags).resolve(resolve)) {
                // Something was renamed during the look-up; the kernel asks to try again.
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                other => return other,
            }
        }
    }

    fn real_path_below(&self, relative: &Path) -> Option<PathBuf> {
        let root = std::fs::read_link(self.handle()).ok()?;
        let real = root.join(relative).canonicalize().ok()?;
        real.strip_prefix(&root)
            .ok()
            .map(|inside| if inside.as_os_str().is_empty() { PathBuf::from(".") } else { inside.to_owned() })
    }

    fn system(&self, relative: &Path, source: io::Error) -> BeneathError {
        let source = match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOSYS) => io::Error::other("this needs Linux 5.6 or newer (openat2)"),
            _ => source,
        };
        BeneathError::System { path: self.path.join(relative), source }
    }
}

/// A name without any folder before it.
fn single(name: &Path) -> io::Result<&Path> {
    let mut parts = name.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no plain name", name.display()))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("sb");
        std::fs::create_dir_all(inside.join("a/b")).unwrap();
        std::fs::create_dir(folder.path().join("sb-evil")).unwrap();
        std::fs::write(folder.path().join("sb-evil/s"), "secret").unwrap();
        std::fs::write(inside.join("a/b/file"), "text").unwrap();
        let directory = Directory::open(&inside).unwrap();
        (folder, directory)
    }

    fn read(directory: &Directory, path: &str) -> Result<String, BeneathError> {
        let mut text = String::new();
        directory.open_file(Path::new(path))?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn files_below_are_opened_also_through_links_that_stay_below() {
        let (_guard, directory) = folder();
        symlink("b/file", directory.path().join("a/near")).unwrap();
        symlink(directory.path().join("a/b/file"), directory.path().join("absolute")).unwrap();
        symlink("../a/b", directory.path().join("a/up")).unwrap();
        for path in ["a/b/file", "a/near", "absolute", "a/up/file", "./a/b/file"] {
            assert_eq!(read(&directory, path).unwrap(), "text", "{path}");
        }
    }

    #[test]
    fn nothing_outside_is_opened() {
        let (guard, directory) = folder();
        symlink("/etc/passwd", directory.path().join("passwd")).unwrap();
        symlink("../sb-evil", directory.path().join("evil")).unwrap();
        symlink(guard.path().join("sb-evil/s"), directory.path().join("a/evil")).unwrap();
        let own_fd = std::fs::File::open("/etc/passwd").unwrap();
        symlink(format!("/proc/self/fd/{}", own_fd.as_raw_fd()), directory.path().join("magic")).unwrap();
        for path in
            ["../sb-evil/s", "/etc/passwd", "passwd", "evil/s", "a/evil", "a/../../sb-evil/s", "magic"]
        {
            let error = read(&directory, path).unwrap_err();
            assert!(matches!(error, BeneathError::Outside { .. }), "{path}: {error}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let (_guard, directory) = folder();
        nix::unistd::mkfifo(&directory.path().join("pipe"), Mode::S_IRWXU).unwrap();
        for path in ["pipe", "a"] {
            assert!(matches!(read(&directory, path).unwrap_err(), BeneathError::NotRegular { .. }), "{path}");
        }
        assert!(read(&directory, "absent").unwrap_err().is_absent());
    }

    #[test]
    fn folders_are_made_but_not_through_links() {
        let (guard, directory) = folder();
        let made = directory.make_directory(Path::new("new")).unwrap();
        made.make_directory(Path::new("below")).unwrap();
        assert!(directory.path().join("new/below").is_dir());
        directory.make_directory(Path::new("new")).unwrap();
        symlink(guard.path().join("sb-evil"), directory.path().join("link")).unwrap();
        for name in ["link", "a/b", "..", "/etc"] {
            assert!(directory.make_directory(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn removing_follows_no_link() {
        let (guard, directory) = folder();
        symlink("../../sb-evil", directory.path().join("a/link")).unwrap();
        symlink("../sb-evil", directory.path().join("link")).unwrap();
        directory.remove(Path::new("a")).unwrap();
        directory.remove(Path::new("link")).unwrap();
        directory.remove(Path::new("absent")).unwrap();
        assert!(directory.remove(Path::new("../sb-evil")).is_err());
        assert!(directory.entries().unwrap().is_empty());
        assert!(guard.path().join("sb-evil/s").exists());
    }
}
