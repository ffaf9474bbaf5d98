//! Finds the tasks of a machine: below a checkpoint root, and in the run directories of a Mesos agent (`spec/thermos.md` §4.2).

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::checkpoint::{LoadError, Loaded, Tail, TaskPaths, load_tail};
use crate::os::beneath::{BeneathError, Directory};

/// Where agents keep their work when nothing else is said.
pub const DEFAULT_MESOS_ROOT: &str = "/var/lib/mesos";

/// The folder of a run directory that is a checkpoint root.
const CHECKPOINTS: &str = "checkpoints";

/// The largest Task JSON that is read.
const MAX_TASK_BYTES: u64 = 16 << 20;

/// A place that holds tasks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root {
    anchor: PathBuf,
    is_run_directory: bool,
}

/// Which half of a root a task stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Not over.
    Active,
    /// Over.
    Finished,
}

impl Standing {
    /// The name of the folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Finished => "finished",
        }
    }
}

/// A task that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTask {
    /// Where.
    pub root: Root,
    /// Its id.
    pub task_id: String,
    /// Whether it is over.
    pub standing: Standing,
    /// When its Task JSON was written, or, once it is over, the end of the task.
    pub modified: SystemTime,
}

/// Something of a task that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] BeneathError),
    /// Its stream cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its Task JSON is none.
    #[error("{} is no Task: {detail}", path.display())]
    Task {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// The files of a task that nobody else can move, as long as this is kept.
#[derive(Debug)]
pub struct Secured {
    /// Named through an open folder.
    pub paths: TaskPaths,
    _folder: Directory,
}

/// Files of a task that are not changed.
#[derive(Debug, thiserror::Error)]
pub enum SecureError {
    /// They cannot be opened.
    #[error(transparent)]
    Open(#[from] BeneathError),
    /// Somebody else may change them.
    #[error("{} belongs to somebody else or may be changed by others: it is left alone; look at it by hand", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
}

fn check_owner(folder: &Directory, path: &Path) -> Result<(), SecureError> {
    use std::os::unix::fs::MetadataExt;
    const GROUP_WRITE: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;
    let foreign = || SecureError::Foreign { path: path.to_owned() };
    let metadata = folder.metadata().map_err(|_| foreign())?;
    let is_own_group = metadata.gid() == nix::unistd::getegid().as_raw();
    let is_closed =
        metadata.mode() & OTHERS_WRITE == 0 && (is_own_group || metadata.mode() & GROUP_WRITE == 0);
    if metadata.uid() == nix::unistd::geteuid().as_raw() && is_closed { Ok(()) } else { Err(foreign()) }
}

impl Root {
    /// A checkpoint root by itself, such as `/var/run/thermos`.
    pub fn plain(path: impl Into<PathBuf>) -> Self {
        Self { anchor: path.into(), is_run_directory: false }
    }

    /// The run directory of an executor.
    pub fn run_directory(path: impl Into<PathBuf>) -> Self {
        Self { anchor: path.into(), is_run_directory: true }
    }

    /// The checkpoint root.
    pub fn path(&self) -> PathBuf {
        if self.is_run_directory { self.anchor.join(CHECKPOINTS) } else { self.anchor.clone() }
    }

    /// The run directory, if it is one's.
    pub fn run(&self) -> Option<&Path> {
        self.is_run_directory.then_some(self.anchor.as_path())
    }

    /// The files of a task, by their paths. To be used for tasks of this user only; see [`Root::open`].
    pub fn paths(&self, task_id: &str) -> TaskPaths {
        TaskPaths::new(self.path(), task_id)
    }

    /// Opens the run directory or the root, below which everything else is looked up.
    ///
    /// # Errors
    /// [`BeneathError::System`].
    pub fn open(&self) -> Result<Directory, BeneathError> {
        Directory::open(&self.anchor)
    }

    /// A path of the layout relative to what [`Root::open`] opens.
    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.anchor).unwrap_or(path).to_owned()
    }

    /// Every task in it. A root that is not there, or not readable, has none.
    pub fn tasks(&self) -> Vec<FoundTask> {
        let Ok(anchor) = self.open() else { return Vec::new() };
        let mut found = Vec::new();
        for standing in [Standing::Active, Standing::Finished] {
            let folder = self.relative(&self.path().join("tasks").join(standing.folder()));
            let Ok(entries) = anchor.open_directory(&folder).and_then(|folder| folder.entries()) else {
                continue;
            };
            found.extend(entries.into_iter().filter(|entry| entry.metadata.is_file()).filter_map(|entry| {
                Some(FoundTask {
                    root: self.clone(),
                    task_id: entry.name.into_string().ok()?,
                    standing,
                    modified: entry.metadata.modified().ok()?,
                })
            }));
        }
        found
    }

    /// What the stream of a task adds up to.
    ///
    /// # Errors
    /// [`ReadError::Open`] and [`ReadError::Load`].
    pub fn load(&self, task_id: &str) -> Result<Loaded, ReadError> {
        let path = self.paths(task_id).runner();
        let file = self.open()?.open_file(&self.relative(&path))?;
        Ok(load_tail(Tail::of(&path, file))?)
    }

    /// The Task JSON of a task.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn task_json(&self, task_id: &str, standing: Standing) -> Result<serde_json::Value, ReadError> {
        use std::io::Read;
        let paths = self.paths(task_id);
        let path = match standing {
            Standing::Active => paths.active(),
            Standing::Finished => paths.finished(),
        };
        let file = self.open()?.open_file(&self.relative(&path))?;
        let mut text = Vec::new();
        let failed = |detail: String| ReadError::Task { path: path.clone(), detail };
        file.take(MAX_TASK_BYTES).read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
    }

    /// When something last happened to a task: its runner touches the stream at least every minute.
    ///
    /// # Errors
    /// [`BeneathError`].
    pub fn last_sign(&self, task_id: &str) -> Result<SystemTime, BeneathError> {
        let path = self.relative(&self.paths(task_id).runner());
        let file = self.open()?.open_file(&path)?;
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        modified.map_err(|source| BeneathError::System { path: self.anchor.join(&path), source })
    }

    /// The files of a task for a program that changes them with more rights than the task has. Every folder on the way, and the
    /// stream, must belong to this user and be writable by nobody else, so that nobody can put a link there meanwhile.
    ///
    /// # Errors
    /// [`SecureError`].
    pub fn secure(&self, task_id: &str) -> Result<Secured, SecureError> {
        let own = self.relative(&self.path());
        let folder = self.open()?.open_directory(&own)?;
        let streams = Path::new("checkpoints").join(task_id);
        let parts = ["tasks", "tasks/active", "tasks/finished", "checkpoints"].map(Path::new);
        check_owner(&folder, &self.path())?;
        for part in parts.into_iter().chain([streams.as_path()]) {
            match folder.open_directory(part) {
                Ok(opened) => check_owner(&opened, &self.path().join(part))?,
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error.into()),
            }
        }
        for entry in folder.open_directory(&streams)?.entries()? {
            if !entry.metadata.is_file() {
                return Err(SecureError::Foreign { path: self.path().join(&streams).join(entry.name) });
            }
        }
        let paths = TaskPaths::new(folder.handle(), task_id);
        Ok(Secured { paths, _folder: folder })
    }

    /// The modification time and size of a task's stream, to tell whether it is worth reading again.
    pub fn stamp(&self, task_id: &str) -> Option<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        let path = self.relative(&self.paths(task_id).runner());
        let metadata = self.open().ok()?.open_file(&path).ok()?.metadata().ok()?;
        Some((metadata.ino(), metadata.len()))
    }
}

/// The run directories below an agent's `--work_dir` that hold checkpoints. Links (`latest`) are passed over.
pub fn mesos_roots(mesos_root: &Path) -> Vec<Root> {
    let mut folders = vec![mesos_root.to_owned()];
    for level in ["slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"] {
        folders = folders
            .into_iter()
            .flat_map(|folder| match level {
                "*" => subfolders(&folder),
                name => vec![folder.join(name)],
            })
            .collect();
    }
    let has_checkpoints = |run: &PathBuf| {
        std::fs::symlink_metadata(run.join(CHECKPOINTS)).is_ok_and(|metadata| metadata.is_dir())
    };
    folders.into_iter().filter(has_checkpoints).map(Root::run_directory).collect()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    // The type of the entry itself, so links are none.
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(work: &Path, executor: &str, run: &str) -> PathBuf {
        work.join("slaves/S0/frameworks/F/executors").join(executor).join("runs").join(run)
    }

    #[test]
    fn th_143_links_and_runs_without_checkpoints_are_no_roots() {
        let work = tempfile::tempdir().unwrap();
        let first = run(work.path(), "thermos-a", "1");
        std::fs::create_dir_all(first.join("checkpoints")).unwrap();
        std::os::unix::fs::symlink("1", first.with_file_name("latest")).unwrap();
        std::fs::create_dir_all(run(work.path(), "other", "2")).unwrap();
        let linked = run(work.path(), "thermos-b", "3");
        std::fs::create_dir_all(&linked).unwrap();
        std::os::unix::fs::symlink("/etc", linked.join("checkpoints")).unwrap();
        assert_eq!(mesos_roots(work.path()), [Root::run_directory(first)]);
        assert!(mesos_roots(&work.path().join("absent")).is_empty());
    }

    #[test]
    fn only_files_that_nobody_else_can_change_are_changed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let work = tempfile::tempdir().unwrap();
        let run = run(work.path(), "thermos-t", "1");
        let root = Root::run_directory(&run);
        let paths = root.paths("t");
        std::fs::create_dir_all(paths.checkpoints()).unwrap();
        std::fs::write(paths.runner(), "").unwrap();
        let secured = root.secure("t").unwrap();
        assert!(secured.paths.runner().exists());
        // Whoever owns the run directory may put another folder in its place: the one that was looked at stays meant.
        std::fs::rename(run.join("checkpoints"), run.join("old")).unwrap();
        symlink("/etc", run.join("checkpoints")).unwrap();
        assert!(secured.paths.runner().exists());
        assert!(matches!(root.secure("t"), Err(SecureError::Open(_))));
        std::fs::remove_file(run.join("checkpoints")).unwrap();
        std::fs::rename(run.join("old"), run.join("checkpoints")).unwrap();
        std::fs::set_permissions(paths.checkpoints(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(root.secure("t"), Err(SecureError::Foreign { .. })));
        std::fs::set_permissions(paths.checkpoints(), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("/etc/passwd", paths.coordinator("p")).unwrap();
        assert!(matches!(root.secure("t"), Err(SecureError::Foreign { .. })));
    }

    #[test]
    fn tasks_are_found_in_both_halves_with_any_name() {
        let folder = tempfile::tempdir().unwrap();
        for (half, name) in [("active", "a b"), ("finished", "c")] {
            let path = folder.path().join("tasks").join(half);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join(name), "{\"name\": \"n\"}").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("tasks/active/link")).unwrap();
        let root = Root::plain(folder.path());
        let mut found: Vec<_> = root.tasks().into_iter().map(|task| (task.task_id, task.standing)).collect();
        found.sort();
        assert_eq!(found, [("a b".to_owned(), Standing::Active), ("c".to_owned(), Standing::Finished)]);
        assert_eq!(root.task_json("c", Standing::Finished).unwrap()["name"], "n");
        assert!(matches!(root.task_json("link", Standing::Active), Err(ReadError::Open(_))));
        assert!(root.load("c").is_err());
    }
}
