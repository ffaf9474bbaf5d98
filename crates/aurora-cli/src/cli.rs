//! The command line: parsing it, saying what is wrong with it as upstream does, running the verb.

mod usage;

pub use usage::with_double_dashes;

use clap::{ArgAction, Command, CommandFactory, FromArgMatches, Parser};
use tracing::{debug, error, info};
use tracing_subscriber::filter::LevelFilter;

use crate::commands::Noun;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// The client of the Aurora scheduler.
///
/// A job has a key, CLUSTER/ROLE/ENV/NAME. Clusters are read from /etc/aurora/clusters.json and ~/.aurora/clusters.json;
/// the cluster `local` is the one that `aurora local up` starts on this machine. Options may be written `--name=value`,
/// `--name value` or `-name=value`, and shortened as long as they stay unambiguous.
#[derive(Debug, Parser)]
#[command(
    name = "aurora",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    infer_long_args = true,
    args_override_self = true,
    max_term_width = 120
)]
struct Cli {
    /// Print the version and exit.
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,

    #[command(subcommand)]
    noun: Noun,
}

/// Runs the program with its arguments, the first of which is its own name.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    if arguments.len() < 2 {
        output::print(&Cli::command().render_long_help().to_string());
        return ExitCode::Ok;
    }
    let noun = match quickly_parsed(arguments) {
        Some(noun) => noun,
        None => {
            let mut command = Cli::command();
            let arguments = usage::with_double_dashes(&command, arguments);
            let parsed = command
                .try_get_matches_from_mut(&arguments)
                .and_then(|matches| Cli::from_arg_matches(&matches));
            match parsed {
                Ok(cli) => cli.noun,
                Err(error) => return usage::explain(command, &arguments, &error),
            }
        }
    };
    let verbose =
        arguments.iter().any(|argument| matches!(argument.as_str(), "-v" | "-verbose" | "--verbose"));
    output::start_log(if verbose { LevelFilter::DEBUG } else { LevelFilter::INFO });
    debug!("Command=({arguments:?})");
    let handles_interrupts = noun.handles_interrupts();
    let code = match noun {
        // It waits for nothing, so that it needs no runtime.
        Noun::Config(verb) => code_of(verb.run()),
        noun => {
            let verb = noun.run(Context::default());
            if handles_interrupts { run_to_end(verb) } else { run_to_end(interruptible(verb)) }
        }
    };
    match code {
        ExitCode::Ok => debug!("Command terminated successfully"),
        ExitCode::Interrupted => {}
        _ => info!("Command terminated with error code {}", code.number()),
    }
    code
}

/// What well-formed arguments ask for, found out without the commands of the other nouns.
fn quickly_parsed(arguments: &[String]) -> Option<Noun> {
    let mut command = Command::new("aurora")
        .disable_help_subcommand(true)
        .infer_long_args(true)
        .args_override_self(true)
        .subcommand_required(true)
        .subcommand(Noun::alone(arguments.get(1)?)?);
    let arguments = usage::with_double_dashes(&command, arguments);
    let matches = command.try_get_matches_from_mut(&arguments).ok()?;
    Noun::from_arg_matches(&matches).ok()
}

/// Runs a command and prints why it failed, if it did.
pub fn run_to_end(command: impl Future<Output = Result<(), Failure>>) -> ExitCode {
    // The Err of a second installation is that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::print_error(&format!("cannot start: {error}"));
            return ExitCode::UnknownError;
        }
    };
    let result = runtime.block_on(command);
    // A name look-up or a file read that is still going on must not hold the exit up.
    runtime.shutdown_background();
    code_of(result)
}

/// Prints why a command failed, if it did.
fn code_of(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            if !failure.text.is_empty() {
                output::print_error(&failure.text);
            }
            failure.code
        }
    }
}

/// A command that Ctrl-C ends.
pub async fn interruptible(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        biased;
        result = command => result,
        _ = tokio::signal::ctrl_c() => {
            error!("Command interrupted by user");
            Err(Failure::new(ExitCode::Interrupted, ""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
