//! `aurora config list` (`spec/cli.md` §7.1).

use std::path::PathBuf;

use crate::arguments::{ConfigOptions, Verbosity};
use crate::configuration::Configuration;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// Prints the keys of the jobs of a config file.
#[derive(clap::Args, Debug)]
pub struct List {
    /// The config file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl List {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        let configuration = Configuration::load(&self.file, &self.config).map_err(|text| {
            let text = format!("Error loading configuration file: {text}");
            Failure::new(ExitCode::CommandFailure, text)
        })?;
        output::print(&format!("jobs=[{}]", configuration.job_keys().join(", ")));
        Ok(())
    }
}
