//! How a runner ends (`spec/thermos.md` §1.2). The numbers are known to executors and never change.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::checkpoint::{AppendError, LoadError};
use crate::os::users::UserError;
use crate::plan::planner::PlanError;
use crate::plan::replay::ReplayError;
use crate::task::TaskError;

/// Exit status of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerExit {
    /// The task is over; its checkpoint says how.
    Done,
    /// The command line is wrong.
    Usage,
    /// A port is missing that the executor should have given.
    InternalError,
    /// The Task can never run.
    InvalidTask,
    /// Anything else.
    UnknownError,
    /// No such user.
    UnknownUser,
    /// The task had ended before.
    TerminalTask,
}

impl RunnerExit {
    /// The status number.
    pub const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 2,
            Self::InternalError => 101,
            Self::InvalidTask => 102,
            Self::UnknownError => 103,
            Self::UnknownUser => 104,
            Self::TerminalTask => 105,
        }
    }

    /// For `main`.
    pub fn code(self) -> ExitCode {
        ExitCode::from(self.status())
    }
}

/// Why a runner could not carry out its task.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The Task JSON is not readable.
    #[error("cannot read task {}: {source}", path.display())]
    ReadTask {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The Task makes no sense.
    #[error("Invalid task: {0}")]
    Invalid(TaskError),
    /// Ports that were not assigned.
    #[error("{0}")]
    UnboundPorts(TaskError),
    /// The same task id with another content.
    #[error(
        "Invalid task: Task differs from on disk copy: {old} vs {new}; a task id names one task only, use a new one"
    )]
    Differs {
        /// As on disk.
        old: String,
        /// As given.
        new: String,
    },
    /// The user of the processes.
    #[error("unknown user: {0}")]
    User(#[from] UserError),
    /// A folder or file of the layout.
    #[error("cannot prepare {}: {source}; the checkpoint root must be writable for the runner", path.display())]
    Layout {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Signals or pipes.
    #[error("cannot prepare signals: {0}")]
    Signals(io::Error),
    /// The stream cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A stream cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A record that does not fit, though this runner wrote it.
    #[error("internal error: {0}")]
    Replay(#[from] ReplayError),
}

impl From<TaskError> for RunError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::UnboundPorts { .. } => Self::UnboundPorts(error),
            other => Self::Invalid(other),
        }
    }
}

impl From<PlanError> for RunError {
    fn from(error: PlanError) -> Self {
        Self::Invalid(TaskError::Plan(error))
    }
}

impl RunError {
    /// The exit status that tells the executor.
    pub const fn exit(&self) -> RunnerExit {
        match self {
            Self::Invalid(_) | Self::Differs { .. } => RunnerExit::InvalidTask,
            Self::UnboundPorts(_) => RunnerExit::InternalError,
            Self::User(_) => RunnerExit::UnknownUser,
            Self::ReadTask { .. }
            | Self::Layout { .. }
            | Self::Signals(_)
            | Self::Append(_)
            | Self::Load(_)
            | Self::Replay(_) => RunnerExit::UnknownError,
        }
    }
}
