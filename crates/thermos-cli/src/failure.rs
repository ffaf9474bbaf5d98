//! How a command ends when it does not end well.

use std::process::ExitCode;

/// A command's end, with what is said on stderr.
#[derive(Debug)]
pub enum Failure {
    /// Wrong use: the command's usage is shown first. Exit status 2.
    Usage(String),
    /// A config that cannot be run. Exit status 2.
    Config(String),
    /// Anything else. Exit status 1.
    Failed(String),
    /// All was said already. Exit status 1.
    Silent,
}

impl Failure {
    /// From anything that can be shown.
    pub fn failed(error: &impl ToString) -> Self {
        Self::Failed(error.to_string())
    }

    /// Says it and gives the exit status.
    pub fn tell(self, usage: &str) -> ExitCode {
        match self {
            Self::Usage(text) => {
                eprintln!("{}\n\n{text}", usage.trim_end());
                ExitCode::from(2)
            }
            Self::Config(text) => {
                eprintln!("{text}");
                ExitCode::from(2)
            }
            Self::Failed(text) => {
                eprintln!("{text}");
                ExitCode::FAILURE
            }
            Self::Silent => ExitCode::FAILURE,
        }
    }
}
