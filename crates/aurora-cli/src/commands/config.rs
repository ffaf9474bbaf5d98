//! `aurora config`.

mod lint;
mod list;
mod render;
mod schema;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do with a config.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print the keys of the jobs of a config file.
    List(list::List),
    /// Tell everything that is wrong or doubtful in a config file.
    Lint(lint::Lint),
    /// Print jobs as the file makes them, with everything bound.
    Render(render::Render),
    /// Print all types and fields of the language as JSON Schema.
    Schema(schema::Schema),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
            Self::Lint(lint) => lint.run(),
            Self::Render(render) => render.run(),
            Self::Schema(schema) => schema.run(),
        }
    }
}
