//! The command line: which command, and what is said when there is none.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{gc, help, inspect, kill, read, run, simplerun, status, tail};
use crate::failure::Failure;
use crate::places::Places;

/// Runs and inspects tasks of this machine, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "thermos", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    places: Places,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Garbage collect task(s) and task metadata.
    Gc(gc::Gc),
    /// Get help about a specific command.
    Help(help::Help),
    /// Inspect a thermos config and display the evaluated task.
    Inspect(inspect::Inspect),
    /// Kill task(s).
    Kill(kill::Kill),
    /// Replay a thermos checkpoint.
    Read(read::Read),
    /// Run a thermos task.
    Run(run::Run),
    /// Run a simple command line as a thermos task.
    Simplerun(simplerun::Simplerun),
    /// Get the status of task(s).
    Status(status::Status),
    /// Tail the logs of a task process.
    Tail(tail::Tail),
}

/// In the order they are listed.
const NAMES: [&str; 9] = ["gc", "help", "inspect", "kill", "read", "run", "simplerun", "status", "tail"];

/// Options before the command that have a value of their own.
const WITH_VALUE: [&str; 3] = ["--root", "--mesos-root", "--mesos_root"];

/// The 0.7 program that `thermos read` replaced (`spec/thermos.md` §5.5).
const CHECKPOINT_READER: &str = "thermos_ckpt";

/// Runs the program with its arguments, the first of which is its own name.
pub fn run(arguments: &[String]) -> ExitCode {
    let program = arguments.first().map_or("", |path| path.rsplit('/').next().unwrap_or(path));
    if program == CHECKPOINT_READER {
        return read::as_old_program(arguments.get(1..).unwrap_or_default());
    }
    let arguments = with_double_dashes(arguments);
    let command = command_of(&arguments);
    let asks_clap = arguments
        .iter()
        .skip(1)
        .any(|argument| matches!(argument.as_str(), "-h" | "--help" | "-V" | "--version"));
    if !asks_clap && command.is_none_or(|name| !NAMES.contains(&name)) {
        if let Some(name) = command {
            eprintln!("unknown command: {name}");
        }
        eprintln!("Must supply one of the following commands: {}", NAMES.join(", "));
        return ExitCode::FAILURE;
    }
    let parsed =
        Cli::command().try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return thermos::command_line::answer(&error),
    };
    let places = cli.places;
    let done = match cli.command {
        Command::Gc(gc) => gc.run(&places),
        Command::Help(help) => help.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Kill(kill) => kill.run(&places),
        Command::Read(read) => read.run(),
        Command::Run(run) => run.run(&places),
        Command::Simplerun(simplerun) => simplerun.run(&places),
        Command::Status(status) => status.run(&places),
        Command::Tail(tail) => tail.run(&places),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(&usage_of(command.unwrap_or_default())),
    }
}

/// What a command's usage line is.
fn usage_of(name: &str) -> String {
    let mut root = Cli::command();
    root.build();
    root.find_subcommand_mut(name).map(|command| command.render_usage().to_string()).unwrap_or_default()
}

/// The help of a command, if there is one of this name.
pub fn help_of(name: &str) -> Option<String> {
    let mut root = Cli::command();
    root.build();
    root.find_subcommand_mut(name).map(|command| command.render_long_help().to_string())
}

/// The list of all commands.
pub fn overview() -> String {
    let root = Cli::command();
    let lines = root.get_subcommands().map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("    {:<10}\t{about}\n", command.get_name())
    });
    format!("thermos\n\ncommands:\n{}", lines.collect::<String>())
}

fn command_of(arguments: &[String]) -> Option<&str> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        if WITH_VALUE.contains(&argument.as_str()) {
            rest.next();
        } else if !argument.starts_with('-') {
            return Some(argument);
        }
    }
    None
}

/// `-task=x` works like `--task=x`, up to `--`. Short options and what belongs to a command line stay.
fn with_double_dashes(arguments: &[String]) -> Vec<String> {
    let root = Cli::command();
    let long_names: Vec<String> = root
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .chain(root.get_arguments())
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    let is_ours = |argument: &String| {
        let name = argument.strip_prefix('-').filter(|name| !name.starts_with('-')).unwrap_or_default();
        let name = name.split('=').next().unwrap_or_default();
        name.len() > 1 && long_names.iter().any(|known| known == name)
    };
    let is_command_line = command_of(arguments) == Some("simplerun");
    let mut is_over = false;
    arguments
        .iter()
        .map(|argument| {
            is_over |= argument == "--" || (is_command_line && argument.contains(' '));
            if !is_over && is_ours(argument) { format!("-{argument}") } else { argument.clone() }
        })
        .collect()
}

/// A usage error of a command whose option values are checked by itself.
impl From<thermos::run::UsageError> for Failure {
    fn from(error: thermos::run::UsageError) -> Self {
        Self::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_commands_are_those_there_are() {
        let known: Vec<String> =
            Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert_eq!(known, NAMES);
        Cli::command().debug_assert();
    }

    #[test]
    fn one_dash_is_enough_for_long_options() {
        let given: Vec<String> = ["thermos", "-root", "/r", "run", "-task=x", "-P", "http:80", "-json"]
            .map(str::to_owned)
            .to_vec();
        let expected = ["thermos", "--root", "/r", "run", "--task=x", "-P", "http:80", "--json"];
        assert_eq!(with_double_dashes(&given), expected);
        assert_eq!(command_of(&with_double_dashes(&given)), Some("run"));
    }
}
