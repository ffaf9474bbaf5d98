//! `aurora config render` (`spec/cli.md` §14.2).

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::arguments::{ClusterJobKey, ConfigOptions, Verbosity, job_key};
use crate::configuration::{Configuration, invalid};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// Prints jobs as the file makes them: everything bound that the client can bind, with all defaults.
#[derive(clap::Args, Debug)]
pub struct Render {
    /// The config file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The job's key. Without it all jobs of the file are printed, as `{"jobs": [...]}` if they are several.
    #[arg(value_name = "CLUSTER/ROLE/ENV/NAME", value_parser = job_key)]
    key: Option<ClusterJobKey>,

    /// How it is printed.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "json", value_parser = ["json"])]
    output: String,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Render {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        let configuration = Configuration::load(&self.file, &self.config).map_err(invalid)?;
        let jobs = match &self.key {
            Some(key) => vec![configuration.translated(key).map_err(invalid)?],
            None => configuration.all_jobs().map_err(invalid)?,
        };
        let jobs: Result<Vec<Value>, _> = jobs.iter().map(|job| serde_json::from_str(&job.json)).collect();
        let mut jobs = jobs.map_err(|error| {
            Failure::new(ExitCode::UnknownError, format!("the job's JSON cannot be read back: {error}"))
        })?;
        let printed = if jobs.len() == 1 { jobs.remove(0) } else { json!({"jobs": jobs}) };
        output::print(&format!("{printed:#}"));
        Ok(())
    }
}
