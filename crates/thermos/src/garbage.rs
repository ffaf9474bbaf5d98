//! Which finished tasks are removed, and their removal (`spec/thermos.md` §6.4). Active tasks are never touched.

use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::detect::{ReadError, Root, Standing};
use crate::os::beneath::{BeneathError, Directory};
use crate::os::users::UserDatabase;
use crate::plan::replay::RunnerState;

/// Limits on what is kept; none keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Older tasks go.
    pub max_age: Option<Duration>,
    /// The oldest go until the rest takes no more bytes than this.
    pub max_space: Option<u64>,
    /// The oldest go until no more than these are left.
    pub max_tasks: Option<usize>,
}

/// What of a task is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erase {
    /// Its sandbox.
    pub data: bool,
    /// The output of its processes.
    pub logs: bool,
    /// Its streams and its Task JSON.
    pub metadata: bool,
}

/// A finished task with its age and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Where.
    pub root: Root,
    /// Its id.
    pub task_id: String,
    /// Since its last sign of life.
    pub age: Duration,
    /// Bytes of streams and Task JSON.
    pub metadata_bytes: u64,
    /// Bytes of its logs.
    pub log_bytes: u64,
    /// Bytes of its sandbox.
    pub data_bytes: u64,
}

/// What a policy removes, with the number of tasks to go after each of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// After `max_age`.
    pub after_age: usize,
    /// After `max_space`.
    pub after_space: usize,
    /// The tasks to go, oldest first.
    pub tasks: Vec<Measured>,
}

/// Something that is not removed.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The task is not over.
    #[error("task {task_id} is still active: nothing of it is removed")]
    Active {
        /// Which.
        task_id: String,
    },
    /// Its stream says where sandbox and logs are, and cannot be read.
    #[error("cannot tell where task {task_id} has its files: {source}; remove them by hand")]
    Unknown {
        /// Which.
        task_id: String,
        /// Why.
        source: Box<ReadError>,
    },
    /// The sandbox holds more than the task.
    #[error("the sandbox {} of task {task_id} is not removed: {reason}; remove by hand what is not needed", path.display())]
    Guarded {
        /// Which task.
        task_id: String,
        /// Its sandbox.
        path: PathBuf,
        /// Why it is kept.
        reason: String,
    },
    /// A path that cannot be opened.
    #[error(transparent)]
    Open(#[from] BeneathError),
    /// The system refuses.
    #[error("cannot remove {}: {source}", path.display())]
    Remove {
        /// What.
        path: PathBuf,
        /// What it says.
        source: std::io::Error,
    },
}

/// Where sandboxes may be that are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere that is not guarded: a person asked for it.
    Anywhere,
    /// Below one of these folders, and through no link out of it.
    Below(Vec<PathBuf>),
}

/// Age and size of a task. What cannot be read counts nothing; a task without any sign of life is as old as can be.
pub fn measure(root: &Root, task_id: &str, now: SystemTime) -> Measured {
    let age = root.last_sign(task_id).ok().and_then(|sign| now.duration_since(sign).ok());
    let is_gone = root.last_sign(task_id).is_err();
    let state = root.load(task_id).map(|loaded| loaded.state).unwrap_or_default();
    let paths = root.paths(task_id);
    let metadata = bytes_below(&paths.checkpoints()) + file_bytes(&paths.finished());
    let logs = log_folders(root, task_id, &state);
    Measured {
        root: root.clone(),
        task_id: task_id.to_owned(),
        age: age.unwrap_or(if is_gone { Duration::MAX } else { Duration::ZERO }),
        metadata_bytes: metadata,
        log_bytes: logs.iter().map(|folder| bytes_below(folder)).sum(),
        data_bytes: sandbox_of(&state).map_or(0, |sandbox| bytes_below(&sandbox)),
    }
}

/// Applies a policy to finished tasks: first the age, then the space, then the number, each from the oldest on (D36).
pub fn select(policy: &Policy, erase: Erase, mut tasks: Vec<Measured>) -> Selection {
    tasks.sort_by(|a, b| b.age.cmp(&a.age).then_with(|| a.task_id.cmp(&b.task_id)));
    let is_old = |task: &Measured| policy.max_age.is_some_and(|limit| task.age > limit);
    let after_age = tasks.iter().take_while(|task| is_old(task)).count();

    let size = |task: &Measured| {
        let part = |counts: bool, bytes: u64| if counts { bytes } else { 0 };
        task.data_bytes + part(erase.metadata, task.metadata_bytes) + part(erase.logs, task.log_bytes)
    };
    let mut left: u64 = tasks.iter().skip(after_age).map(size).sum();
    let mut going = after_age;
    if let Some(limit) = policy.max_space {
        while left > limit
            && let Some(task) = tasks.get(going)
        {
            left = left.saturating_sub(size(task));
            going += 1;
        }
    }
    let after_space = going;
    if let Some(limit) = policy.max_tasks {
        going = going.max(tasks.len().saturating_sub(limit));
    }
    tasks.truncate(going);
    Selection { after_age, after_space, tasks }
}

/// Removes the sandbox of a finished task.
///
/// # Errors
/// [`EraseError`].
pub fn erase_data(root: &Root, task_id: &str, scope: &Scope) -> Result<(), EraseError> {
    let state = state_of_finished(root, task_id)?;
    let Some(sandbox) = sandbox_of(&state) else { return Ok(()) };
    let guarded =
        |reason: String| EraseError::Guarded { task_id: task_id.to_owned(), path: sandbox.clone(), reason };
    if let Some(reason) = danger(&sandbox, root) {
        return Err(guarded(reason));
    }
    remove_within(&sandbox, &scope_of(root, scope)).map_err(|error| match error {
        Removal::OutOfScope(allowed) => guarded(format!("it is not below {allowed}")),
        Removal::Failed(error) => error,
    })
}

/// Removes the logs of the processes of a finished task, and their folder if nothing else is in it.
///
/// # Errors
/// [`EraseError`].
pub fn erase_logs(root: &Root, task_id: &str, scope: &Scope) -> Result<(), EraseError> {
    let state = state_of_finished(root, task_id)?;
    let scope = match scope_of(root, scope) {
        // Logs of old headers are in the root.
        Scope::Below(mut folders) => {
            folders.push(root.path());
            Scope::Below(folders)
        }
        anywhere @ Scope::Anywhere => anywhere,
    };
    for folder in log_folders(root, task_id, &state) {
        remove_within(&folder, &scope).map_err(|error| match error {
            Removal::OutOfScope(allowed) => EraseError::Guarded {
                task_id: task_id.to_owned(),
                path: folder.clone(),
                reason: format!("these logs are not below {allowed}"),
            },
            Removal::Failed(error) => error,
        })?;
    }
    // Left there when it holds anything else.
    let _ = std::fs::remove_dir(log_dir(root, task_id, &state));
    Ok(())
}

/// Removes the streams and the Task JSON of a finished task: it is forgotten.
///
/// # Errors
/// [`EraseError`].
pub fn erase_metadata(root: &Root, task_id: &str) -> Result<(), EraseError> {
    refuse_active(root, task_id)?;
    let paths = root.paths(task_id);
    let folder = root.open()?;
    let own = root.path();
    for path in [paths.checkpoints(), paths.finished()] {
        let failed = |source| EraseError::Remove { path: path.clone(), source };
        let below = folder.path().to_owned();
        let parent = path.parent().unwrap_or(&own);
        let relative = parent.strip_prefix(&below).unwrap_or(parent);
        match folder.open_directory(relative) {
            Ok(parent) => parent.remove(Path::new(path.file_name().unwrap_or_default())).map_err(failed)?,
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn refuse_active(root: &Root, task_id: &str) -> Result<(), EraseError> {
    if root.paths(task_id).active().symlink_metadata().is_ok() {
        return Err(EraseError::Active { task_id: task_id.to_owned() });
    }
    Ok(())
}

fn state_of_finished(root: &Root, task_id: &str) -> Result<RunnerState, EraseError> {
    refuse_active(root, task_id)?;
    match root.load(task_id) {
        Ok(loaded) => Ok(loaded.state),
        // Nothing was ever recorded, so there is nothing to look for.
        Err(ReadError::Open(error)) if error.is_absent() => Ok(RunnerState::default()),
        Err(source) => Err(EraseError::Unknown { task_id: task_id.to_owned(), source: Box::new(source) }),
    }
}

fn sandbox_of(state: &RunnerState) -> Option<PathBuf> {
    let sandbox = state.header.as_ref()?.sandbox.clone()?;
    (!sandbox.is_empty()).then(|| PathBuf::from(sandbox))
}

/// Old headers do not say where logs are (`spec/thermos.md` §2.1).
fn log_dir(root: &Root, task_id: &str, state: &RunnerState) -> PathBuf {
    let said =
        state.header.as_ref().and_then(|header| header.log_dir.clone()).filter(|path| !path.is_empty());
    said.map_or_else(|| root.path().join("logs").join(task_id), PathBuf::from)
}

fn log_folders(root: &Root, task_id: &str, state: &RunnerState) -> Vec<PathBuf> {
    let folder = log_dir(root, task_id, state);
    let is_plain = |name: &&String| {
        let mut parts = Path::new(name.as_str()).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
    };
    state.processes.keys().filter(is_plain).map(|process| folder.join(process)).collect()
}

/// In a run directory nothing outside of it is the task's.
fn scope_of(root: &Root, scope: &Scope) -> Scope {
    root.run().map_or_else(|| scope.clone(), |run| Scope::Below(vec![run.to_owned()]))
}

/// Why a folder is nobody's sandbox alone (D38).
fn danger(sandbox: &Path, root: &Root) -> Option<String> {
    if !sandbox.is_absolute() || sandbox.components().any(|part| matches!(part, Component::ParentDir)) {
        return Some("it is no absolute path".to_owned());
    }
    let real = sandbox.canonicalize().unwrap_or_else(|_| sandbox.to_owned());
    let own = root.path();
    let own = own.canonicalize().unwrap_or(own);
    for path in [sandbox, real.as_path()] {
        if path.components().count() < 3 {
            return Some(format!("{} is a folder of the system", path.display()));
        }
        if own.starts_with(path) {
            return Some(format!("the checkpoint root {} is in it", own.display()));
        }
        let environment = std::env::var_os("HOME").map(PathBuf::from);
        let homes = UserDatabase::default().homes().into_iter().chain(environment);
        for home in homes.filter(|home| home.components().count() > 1) {
            if home.starts_with(path) {
                return Some(format!("the home directory {} is in it", home.display()));
            }
        }
    }
    None
}

enum Removal {
    OutOfScope(String),
    Failed(EraseError),
}

fn remove_within(path: &Path, scope: &Scope) -> Result<(), Removal> {
    let failed = |source| Removal::Failed(EraseError::Remove { path: path.to_owned(), source });
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Removal::OutOfScope("any folder".to_owned()));
    };
    let opened = match scope {
        Scope::Anywhere => Directory::open(parent),
        Scope::Below(folders) => {
            let holder = folders.iter().find_map(|folder| Some((folder, parent.strip_prefix(folder).ok()?)));
            let Some((folder, relative)) = holder else {
                let allowed: Vec<String> =
                    folders.iter().map(|folder| folder.display().to_string()).collect();
                return Err(Removal::OutOfScope(allowed.join(", ")));
            };
            Directory::open(folder).and_then(|folder| folder.open_directory(relative))
        }
    };
    match opened {
        Ok(parent) => parent.remove(Path::new(name)).map_err(failed),
        Err(error) if error.is_absent() => Ok(()),
        Err(error) => Err(Removal::Failed(error.into())),
    }
}

fn file_bytes(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |metadata| if metadata.is_file() { metadata.len() } else { 0 })
}

/// Lengths of all regular files below a folder; no link is followed.
fn bytes_below(folder: &Path) -> u64 {
    let mut bytes = 0_u64;
    if folder.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return bytes;
    }
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                Ok(metadata) if metadata.is_file() => bytes = bytes.saturating_add(metadata.len()),
                _ => {}
            }
        }
    }
    bytes
}

/// The finished tasks of some roots.
pub fn finished_tasks(roots: &[Root]) -> Vec<(Root, String)> {
    roots
        .iter()
        .flat_map(Root::tasks)
        .filter(|task| task.standing == Standing::Finished)
        .map(|task| (task.root, task.task_id))
        .collect()
}

/// An age as in `1d2h3m4s`: each part at most once and in this order.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no age such as 1d2h3m4s");
    let mut seconds = 0_u64;
    let mut rest = text;
    for (unit, length) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            let number: u64 = number.parse().map_err(|_| wrong())?;
            seconds =
                number.checked_mul(length).and_then(|part| part.checked_add(seconds)).ok_or_else(wrong)?;
            rest = after;
        }
    }
    if rest.is_empty() && !text.is_empty() { Ok(Duration::from_secs(seconds)) } else { Err(wrong()) }
}

/// A size as in `500mb`: a whole number with a unit, of 1024.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size such as 500mb or 2g");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let shift = match lower.strip_prefix(digits).unwrap_or_default() {
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

#[cfg(test)]
#[path = "garbage_tests.rs"]
mod tests;
