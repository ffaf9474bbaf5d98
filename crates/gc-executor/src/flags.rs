//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use thermos::checkpoint::DEFAULT_CHECKPOINT_ROOT;
use thermos::command_line::with_two_dashes;
use thermos::garbage::{Policy, parse_age, parse_size};

/// Collects old task state on an agent. A Mesos agent starts it when a scheduler with -gc_executor_path asks for it.
#[derive(Parser, Debug, Clone)]
#[command(name = "gc_executor", version)]
pub struct Flags {
    /// A checkpoint root outside of the agent's work folder; may be repeated.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_CHECKPOINT_ROOT)]
    pub root: Vec<PathBuf>,

    /// The agent's --work_dir, if it is not where the sandbox of this program is.
    #[arg(long = "mesos-root", alias = "mesos_root", value_name = "DIR")]
    pub mesos_root: Option<PathBuf>,

    /// Remove finished tasks that no cluster knows once they are older, as in 7d.
    #[arg(long = "max_age", alias = "max-age", value_name = "AGE", value_parser = parse_age)]
    max_age: Option<Duration>,

    /// Remove the oldest of them while all take more space, as in 2g.
    #[arg(long = "max_space", alias = "max-space", value_name = "SIZE", value_parser = parse_size)]
    max_space: Option<u64>,

    /// Remove the oldest of them while there are more.
    #[arg(long = "max_tasks", alias = "max-tasks", value_name = "NUMBER")]
    max_tasks: Option<usize>,

    /// Only log what would be removed and killed; reports are still sent.
    #[arg(long)]
    pub dryrun: bool,
}

impl Flags {
    /// Reads the command line; `-name=value` works like `--name=value`.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub fn try_read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(with_two_dashes(arguments))
    }

    /// What becomes of finished tasks that no cluster knows.
    pub const fn policy(&self) -> Policy {
        Policy { max_age: self.max_age, max_space: self.max_space, max_tasks: self.max_tasks }
    }
}
