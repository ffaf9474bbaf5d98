//! `thermos inspect`.

use thermos::binding::{Context, Escapes, bind};

use crate::config::{self, Bindings, ConfigOptions};
use crate::failure::Failure;
use crate::{literal, output};

/// Inspect a thermos config and display the evaluated task.
#[derive(clap::Args, Debug)]
pub struct Inspect {
    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    bindings: Bindings,
}

impl Inspect {
    /// Runs the command.
    pub fn run(self) -> Result<(), Failure> {
        let task = config::load(&self.config, &self.bindings)?;
        let ports = self.bindings.ports()?;
        let context = ports.iter().fold(Context::default(), |context, (name, port)| {
            context.with(&format!("thermos.ports[{name}]"), port.to_string())
        });
        let mut task = bind(&task, &context, Escapes::Strip).value;
        if task["name"] == "{{processes[0].name}}" {
            task["name"] = task["processes"][0]["name"].clone();
        }
        output::line(literal::pretty(&task));
        Ok(())
    }
}
