//! `thermos run`.

use std::path::PathBuf;

use super::launch::{Launch, Launching};
use crate::config::{self, Bindings, ConfigOptions};
use crate::failure::Failure;
use crate::places::Places;

/// Run a thermos task.
///
/// CONFIG is a file that calls export(task), an .aurora file (whose jobs' tasks are run), or with --json a Task. Without
/// --daemon the command waits for the end of the task and fails if the task did not succeed.
#[derive(clap::Args, Debug)]
pub struct Run {
    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    bindings: Bindings,

    #[command(flatten)]
    launching: Launching,

    /// Make the sandbox the root of the task's processes; needs root.
    #[arg(long = "enable_chroot", alias = "enable-chroot")]
    enable_chroot: bool,

    /// Where the task runs; made if it is not there.
    #[arg(long, value_name = "PATH", default_value = "/var/lib/thermos/sandbox")]
    sandbox: PathBuf,
}

impl Run {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        let task = config::load(&self.config, &self.bindings)?;
        let launch = Launch {
            task,
            ports: self.bindings.ports()?,
            root: places.own_root(),
            sandbox: self.sandbox,
            enable_chroot: self.enable_chroot,
        };
        launch.run(&self.launching)
    }
}
