//! What is wrong with a command line, in the words of upstream's parser (`spec/cli.md` §2.1).

use std::collections::BTreeSet;
use std::error::Error as _;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit_code::ExitCode;
use crate::output;

/// Writes `-name=value` as `--name=value` where `name` is a long option of any verb.
pub fn with_double_dashes(command: &Command, arguments: &[String]) -> Vec<String> {
    let mut names = BTreeSet::new();
    collect_long_options(command, &mut names);
    let mut only_positionals = false;
    arguments
        .iter()
        .map(|argument| {
            only_positionals |= argument == "--";
            let name =
                argument.strip_prefix('-').map(|rest| rest.split_once('=').map_or(rest, |(name, _)| name));
            match name {
                Some(name) if !only_positionals && name.len() > 1 && names.contains(name) => {
                    format!("-{argument}")
                }
                _ => argument.clone(),
            }
        })
        .collect()
}

fn collect_long_options(command: &Command, names: &mut BTreeSet<String>) {
    names.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
    for verb in command.get_subcommands() {
        collect_long_options(verb, names);
    }
}

/// Prints help or version where they were asked for, else what is wrong.
pub fn explain(mut command: Command, arguments: &[String], error: &clap::Error) -> ExitCode {
    command.build();
    match error.kind() {
        ErrorKind::DisplayHelp => {
            output::print(error.to_string().trim_end());
            return ExitCode::Ok;
        }
        ErrorKind::DisplayVersion => {
            output::print_error(env!("CARGO_PKG_VERSION"));
            return ExitCode::Ok;
        }
        _ => {}
    }
    let path = command_path(&command, arguments);
    let of = |kind| error.get(kind).map(text_of).unwrap_or_default();
    let (program, complaint) = match error.kind() {
        ErrorKind::MissingSubcommand
        | ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            (path.clone(), "too few arguments".to_owned())
        }
        ErrorKind::InvalidSubcommand => {
            let what = if path.len() == 1 { "noun" } else { "verb" };
            let choices: Vec<String> = at(&command, &path)
                .get_subcommands()
                .map(|choice| format!("'{}'", choice.get_name()))
                .collect();
            let complaint = format!(
                "argument {what}: invalid choice: '{}' (choose from {})",
                of(ContextKind::InvalidSubcommand),
                choices.join(", ")
            );
            (path.clone(), complaint)
        }
        ErrorKind::UnknownArgument => {
            let unknown = of(ContextKind::InvalidArg);
            let whole =
                arguments.iter().find(|argument| argument.split('=').next() == Some(unknown.as_str()));
            let complaint = format!("unrecognized arguments: {}", whole.unwrap_or(&unknown));
            (vec![command.get_name().to_owned()], complaint)
        }
        ErrorKind::ValueValidation => {
            let reason = error.source().map(ToString::to_string);
            let argument = argument_name(&of(ContextKind::InvalidArg));
            let complaint = format!("argument {argument}: {}", reason.unwrap_or_default());
            (path.clone(), complaint)
        }
        ErrorKind::InvalidValue => {
            let argument = argument_name(&of(ContextKind::InvalidArg));
            (path.clone(), format!("argument {argument}: expected one argument"))
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let complaint = line.trim_start_matches("error: ").to_owned();
            (path.clone(), complaint)
        }
    };
    let usage = at(&command, &program).clone().render_usage().to_string();
    output::print_error(&usage.replacen("Usage:", "usage:", 1));
    output::print_error(&format!("{}: error: {complaint}", program.join(" ")));
    ExitCode::Usage
}

/// The program, noun and verb that the arguments name, as far as they exist.
fn command_path(command: &Command, arguments: &[String]) -> Vec<String> {
    let mut path = vec![command.get_name().to_owned()];
    let mut here = command;
    for argument in arguments.iter().skip(1).filter(|text| !text.starts_with('-')) {
        let Some(next) = here.find_subcommand(argument) else {
            break;
        };
        path.push(next.get_name().to_owned());
        here = next;
    }
    path
}

/// The command at the end of a path.
fn at<'a>(command: &'a Command, path: &[String]) -> &'a Command {
    path.iter().skip(1).fold(command, |here, name| here.find_subcommand(name).unwrap_or(here))
}

/// `--batch-size <N>` is `--batch-size`, `<KEY>` is `KEY`.
fn argument_name(shown: &str) -> String {
    let first = shown.split(' ').next().unwrap_or_default();
    first.trim_start_matches(['<', '[']).trim_end_matches("...").trim_end_matches(['>', ']']).to_owned()
}

fn text_of(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(" "),
        other => other.to_string(),
    }
}
