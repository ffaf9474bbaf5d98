//! The programs that make up a cluster, which stand beside this one.

use std::path::{Path, PathBuf};

use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    /// This program.
    pub aurora: PathBuf,
    /// The embedded Mesos cluster.
    pub mesos_local: PathBuf,
    /// The scheduler.
    pub scheduler: PathBuf,
    /// What runs tasks.
    pub executor: PathBuf,
    /// What shows their output.
    pub observer: PathBuf,
}

impl Programs {
    /// Finds them.
    ///
    /// # Errors
    /// If one is missing.
    pub fn find() -> Result<Self, Failure> {
        let aurora = std::env::current_exe().map_err(|error| {
            let text = format!("cannot find out where this program is: {error}");
            Failure::new(ExitCode::CommandFailure, text)
        })?;
        let beside = aurora.parent().unwrap_or_else(|| Path::new("."));
        let program = |name: &str| {
            let path = beside.join(name);
            if path.is_file() {
                return Ok(path);
            }
            Err(Failure::new(
                ExitCode::CommandFailure,
                format!(
                    "{name} is not in {}, where {} is\n  `aurora local` starts the programs beside itself: build all of \
                     them with `cargo build --release --workspace`, or put them into one directory",
                    beside.display(),
                    aurora.file_name().unwrap_or_default().display()
                ),
            ))
        };
        Ok(Self {
            mesos_local: program("mesos-local")?,
            scheduler: program("aurora-scheduler")?,
            executor: program("thermos_executor")?,
            observer: program("thermos_observer")?,
            aurora,
        })
    }
}
