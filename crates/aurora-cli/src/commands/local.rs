//! `aurora local`: a whole cluster on this machine.

mod children;
mod down;
mod jobs;
mod ports;
mod programs;
mod shutdown;
mod status;
mod supervise;
mod up;
mod watch;

use std::path::PathBuf;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::local_state;

/// What to do with the cluster on this machine.
#[derive(Debug, Subcommand)]
pub enum Verb {
    // Described by its arguments: a text here would hide the longer one there.
    Up(up::Up),
    /// Say what runs.
    Status(status::Status),
    /// Stop it.
    Down(down::Down),
}

impl Verb {
    /// Runs the verb.
    pub async fn run(self, _context: Context) -> Result<(), Failure> {
        match self {
            Self::Up(up) => up.run().await,
            Self::Status(status) => status.run().await,
            Self::Down(down) => down.run().await,
        }
    }
}

/// Which local cluster is meant.
#[derive(clap::Args, Clone, Debug)]
struct Place {
    /// Its state directory; by default $AURORA_LOCAL_DIR, else ~/.aurora-local.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Place {
    /// The directory, as an absolute path.
    fn dir(&self) -> PathBuf {
        let dir = self.dir.clone().unwrap_or_else(local_state::default_dir);
        std::path::absolute(&dir).unwrap_or(dir)
    }
}
