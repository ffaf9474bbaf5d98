//! `thermos simplerun`.

use serde_json::json;

use super::launch::{Launch, Launching};
use crate::config::Bindings;
use crate::failure::Failure;
use crate::output;
use crate::places::Places;

/// Run a simple command line as a thermos task.
///
/// The task has one process, in a new folder as its sandbox, whose .logs folder has the output.
#[derive(clap::Args, Debug)]
pub struct Simplerun {
    #[command(flatten)]
    bindings: Bindings,

    #[command(flatten)]
    launching: Launching,

    /// The name of the task and of its process.
    #[arg(long, value_name = "STRING", default_value = "simple")]
    name: String,

    /// What to run.
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// Memory of such a task, bytes.
const RAM_BYTES: i64 = 256 << 20;

impl Simplerun {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        let command = self.command.join(" ");
        output::line(format!("Running command: '{command}'"));
        let sandbox = tempfile::Builder::new()
            .prefix("thermos-")
            .tempdir()
            .map_err(|error| Failure::Failed(format!("cannot make a sandbox: {error}; look at TMPDIR")))?
            .keep();
        let mut task = json!({
            "name": self.name,
            "resources": {"cpu": 1.0, "ram": RAM_BYTES, "disk": 0},
            "processes": [{"name": self.name, "cmdline": command}],
        });
        let values = self.bindings.context()?;
        task = thermos::binding::bind(&task, &values, thermos::binding::Escapes::Keep).value;
        eprintln!("Sandbox: {}", sandbox.display());
        let launch = Launch {
            task,
            ports: self.bindings.ports()?,
            root: places.own_root(),
            sandbox,
            enable_chroot: false,
        };
        launch.run(&self.launching)
    }
}
