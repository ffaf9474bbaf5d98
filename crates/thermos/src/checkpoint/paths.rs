//! Where the files of a task are below a checkpoint root (`spec/thermos.md` §2.1).

use std::path::{Path, PathBuf};

/// The root of tools that no agent starts.
pub const DEFAULT_CHECKPOINT_ROOT: &str = "/var/run/thermos";

/// The files of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPaths {
    root: PathBuf,
    task_id: String,
}

impl TaskPaths {
    /// The files of `task_id` below `root`.
    pub fn new(root: impl Into<PathBuf>, task_id: impl Into<String>) -> Self {
        Self { root: root.into(), task_id: task_id.into() }
    }

    /// The checkpoint root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The task.
    pub fn task_id(&self) -> &str {
        &self.task_id
    }

    /// The Task JSON while the task is not over.
    pub fn active(&self) -> PathBuf {
        self.root.join("tasks").join("active").join(&self.task_id)
    }

    /// The same once it is over; its modification time is the end.
    pub fn finished(&self) -> PathBuf {
        self.root.join("tasks").join("finished").join(&self.task_id)
    }

    /// The folder of the task's streams.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints").join(&self.task_id)
    }

    /// The task's stream.
    pub fn runner(&self) -> PathBuf {
        self.checkpoints().join("runner")
    }

    /// The stream that the coordinators of a process write, all runs.
    pub fn coordinator(&self, process: &str) -> PathBuf {
        self.checkpoints().join(format!("coordinator.{process}"))
    }

    /// Where the output of a run goes.
    pub fn logs(log_dir: &Path, process: &str, run: usize) -> PathBuf {
        log_dir.join(process).join(run.to_string())
    }
}
