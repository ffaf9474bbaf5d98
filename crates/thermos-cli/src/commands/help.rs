//! `thermos help`.

use crate::cli;
use crate::failure::Failure;
use crate::output;

/// Get help about a specific command.
#[derive(clap::Args, Debug)]
pub struct Help {
    /// The command.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Help {
    /// Runs the command. An unknown one is no failure, as upstream has it.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            None => output::part(cli::overview()),
            Some(name) => match cli::help_of(&name) {
                Some(text) => output::line(format!("command {name}:\n{}", text.trim_end())),
                None => eprintln!("unknown command: {name}"),
            },
        }
        Ok(())
    }
}
