//! What the command lines of the programs on an agent have in common.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// Flags of older versions about logs, which are accepted and say nothing: our programs log to their stderr.
#[derive(Args, Debug, Clone, Default)]
pub struct OldLogFlags {
    /// A folder for log files.
    #[arg(long = "log_dir", alias = "log-dir", hide = true)]
    pub log_dir: Option<PathBuf>,

    /// How much goes to files.
    #[arg(long = "log_to_disk", alias = "log-to-disk", hide = true)]
    pub log_to_disk: Option<String>,

    /// How much goes to stderr.
    #[arg(long = "log_to_stderr", alias = "log-to-stderr", hide = true)]
    pub log_to_stderr: Option<String>,

    /// In which form.
    #[arg(long = "log_simple", alias = "log-simple", hide = true)]
    pub log_simple: bool,
}

/// Exit status of a wrong command line.
const USAGE: u8 = 2;

/// Prints what a command line gets that is not carried out: what is wrong with it, or the help or version it asks for.
pub fn answer(error: &clap::Error) -> ExitCode {
    // Who closed the stream wants to hear nothing.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

/// Lets `-name=value` work like `--name=value`, as it does in the programs of old. The first argument is the program.
pub fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.enumerate().map(|(position, argument)| match argument.to_str() {
        Some(text) if position > 0 && has_one_dash(text) => OsString::from(format!("-{text}")),
        _ => argument,
    })
}

fn has_one_dash(text: &str) -> bool {
    text.len() > 2 && text.starts_with('-') && !text.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_becomes_two() {
        let given = ["-p", "-port=1", "--root=x", "-v", "-", "a-b"].map(OsString::from);
        let read: Vec<OsString> = with_two_dashes(given.into_iter()).collect();
        assert_eq!(read, ["-p", "--port=1", "--root=x", "-v", "-", "a-b"]);
    }
}
