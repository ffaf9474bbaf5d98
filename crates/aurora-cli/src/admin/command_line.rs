//! The command line of `aurora_admin` (`spec/cli.md` §10.1): the person's file of options, and what is said of what is wrong.

use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use tracing_subscriber::filter::LevelFilter;

use super::failure;
use crate::failure::Failure;
use crate::output;

/// The file of options, in the home directory.
pub const OPTIONS_FILE: &str = ".aurora-adminrc";

/// Reads the level of `--log_to_stderr`. A scheme before it names a layout; there is one.
///
/// # Errors
/// If there is no such level.
pub fn log_level(text: &str) -> Result<LevelFilter, String> {
    let level = text.rsplit_once(':').map_or(text, |(_, level)| level);
    Ok(match level.to_ascii_uppercase().as_str() {
        "NONE" => LevelFilter::OFF,
        "DEBUG" => LevelFilter::DEBUG,
        "INFO" => LevelFilter::INFO,
        "WARN" | "WARNING" => LevelFilter::WARN,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        _ => {
            return Err(format!(
                "no such level: {level} (choose from NONE, DEBUG, INFO, WARN, ERROR, FATAL)"
            ));
        }
    })
}

/// The arguments with the options that the person's file has for their command put before them.
///
/// # Errors
/// If the file cannot be read, or not understood.
pub fn with_options_of_file(
    arguments: &[String],
    is_command: impl Fn(&str) -> bool,
    home: Option<&Path>,
) -> Result<Vec<String>, Failure> {
    let command = arguments.iter().skip(1).position(|argument| is_command(argument)).map(|index| index + 1);
    let is_ignored = arguments.iter().any(|argument| argument == "--app_ignore_rc_file");
    let (Some(command), Some(home)) = (command.filter(|_| !is_ignored), home) else {
        return Ok(arguments.to_vec());
    };
    let path = home.join(OPTIONS_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(arguments.to_vec()),
        Err(error) => return Err(failure(format!("cannot read {}: {error}; {IGNORE}", path.display()))),
    };
    let options = options_of(&text, &arguments[command])
        .map_err(|(line, what)| failure(format!("{}:{line}: {what}; {IGNORE}", path.display())))?;
    let (before, after) = arguments.split_at(command + 1);
    Ok([before, &options, after].concat())
}

const IGNORE: &str = "correct the file, or leave it out with --app_ignore_rc_file";

/// The options of a command in a file of sections, `[command]` with `options = …` below. An error has its line.
fn options_of(text: &str, command: &str) -> Result<Vec<String>, (usize, String)> {
    let mut section = String::new();
    let mut key = String::new();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_owned();
            key.clear();
            continue;
        }
        // A line that begins with a space goes on with the value of the line before.
        let is_continued = line.starts_with([' ', '\t']) && !key.is_empty();
        let value = match trimmed.split_once(['=', ':']) {
            _ if is_continued => trimmed,
            Some((name, value)) => {
                key = name.trim().to_owned();
                value
            }
            None => return Err((line_number, "neither [command] nor options = …".to_owned())),
        };
        if section == command && key == "options" {
            if !is_continued {
                found.clear();
            }
            found.extend(words(value).map_err(|what| (line_number, what))?);
        }
    }
    Ok(found)
}

/// Splits a text at its spaces, but for those between quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if matches!(character, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            None if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    match quote {
        Some(open) => Err(format!("a quote {open} that is not closed")),
        None => Ok(words),
    }
}

/// Says what is wrong with a command line, or what was asked about it; the exit code.
pub fn explain(arguments: &[String], error: &clap::Error) -> u8 {
    let asked_for_docs = arguments.get(1).is_some_and(|argument| argument == "help");
    let text = error.to_string();
    let text = text.trim_end();
    // One pointer to the help is enough: upstream's.
    let complaint = || text.replace("For more information, try '--help'.", "").trim_end().to_owned();
    let arity = || {
        output::print_error(&format!("{}\n\nsee the help subcommand for more details.", complaint()));
        1
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            output::print(text);
            0
        }
        _ if asked_for_docs && arguments.len() > 3 => {
            output::print("Please specify at most one subcommand.");
            1
        }
        ErrorKind::InvalidSubcommand if asked_for_docs => {
            let name = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string);
            output::print(&format!("Subcommand {} not found.", name.unwrap_or_default()));
            1
        }
        ErrorKind::MissingRequiredArgument => arity(),
        ErrorKind::UnknownArgument if is_about_option(error) => {
            let name = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
            let unexpected = format!("unexpected argument '{name}' found");
            output::print_error(&text.replacen(&unexpected, &format!("no such option: {name}"), 1));
            2
        }
        ErrorKind::UnknownArgument => arity(),
        _ => {
            output::print_error(text);
            if is_about_option(error) { 2 } else { 1 }
        }
    }
}

/// Whether it is an option that is wrong, or has a wrong value, rather than a positional argument.
fn is_about_option(error: &clap::Error) -> bool {
    error.get(ContextKind::InvalidArg).is_some_and(|argument| argument.to_string().starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
# what I always want
[host_drain]
options = --grouping=none --post_drain_script='/opt/my scripts/off'
   --timeout 10m
comment: none
[host_status]
options: -q
";

    fn options(command: &str) -> Vec<String> {
        options_of(FILE, command).unwrap()
    }

    #[test]
    fn options_are_those_of_the_section_of_the_command() {
        let drain = ["--grouping=none", "--post_drain_script=/opt/my scripts/off", "--timeout", "10m"];
        assert_eq!(options("host_drain"), drain);
        assert_eq!(options("host_status"), ["-q"]);
        assert!(options("set_quota").is_empty());
    }

    #[test]
    fn a_file_that_is_none_is_told_with_the_line() {
        assert_eq!(options_of("[a]\nx", "a").unwrap_err().0, 2);
        assert_eq!(options_of("[a]\n\noptions='", "a").unwrap_err().0, 3);
    }

    #[test]
    fn levels_have_names() {
        assert_eq!(log_level("google:INFO"), Ok(LevelFilter::INFO));
        assert_eq!(log_level("none"), Ok(LevelFilter::OFF));
        assert!(log_level("LOUD").unwrap_err().contains("LOUD"));
    }
}
