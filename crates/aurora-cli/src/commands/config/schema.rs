//! `aurora config schema`.

use crate::failure::Failure;
use crate::output;

/// Prints all types and fields of the language as JSON Schema, for editors and other programs.
#[derive(clap::Args, Debug)]
pub struct Schema {}

impl Schema {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        output::print(&format!("{:#}", aurora_config::json_schema()));
        Ok(())
    }
}
