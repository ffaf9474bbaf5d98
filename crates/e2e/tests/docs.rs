//! The documentation names no command and no flag that the programs do not know.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::program;

/// A piece of code in a page.
struct Snippet {
    page: PathBuf,
    text: String,
}

impl std::fmt::Display for Snippet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: `{}`", self.page.display(), self.text)
    }
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut folders = vec![root.join("docs")];
    let mut found = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "md" => found.push(path),
                _ => {}
            }
        }
    }
    found
}

/// The code of all pages: indented lines, joined where a backslash says so, and what stands in backticks.
fn snippets() -> Vec<Snippet> {
    let mut found = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap().replace("\\\n", " ");
        for line in text.lines() {
            let pieces: Vec<&str> = match line.strip_prefix("    ") {
                Some(code) => vec![code],
                None => line.split('`').skip(1).step_by(2).collect(),
            };
            let pieces = pieces.into_iter().map(|piece| {
                piece.split(" #").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
            });
            found.extend(pieces.map(|text| Snippet { page: page.clone(), text }));
        }
    }
    found
}

fn help_of(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program(name)).args(arguments).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// Whether a help text has an option with this name.
fn knows(help: &str, option: &str) -> bool {
    let dashes = if option.len() == 1 { "-" } else { "--" };
    help.split(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)))
        .any(|word| word == format!("{dashes}{option}"))
}

/// The name in `-name=value`, `--name` and the like.
fn option_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix('-')?.trim_start_matches('-').split('=').next()?;
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    (is_name && !name.is_empty()).then_some(name)
}

#[test]
fn every_command_of_the_client_exists() {
    let mut checked = 0;
    for snippet in snippets() {
        let Some(arguments) = snippet.text.strip_prefix("aurora ") else { continue };
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let is_plain = |word: &&str| word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        let command: Vec<&str> = words.iter().copied().take(2).take_while(is_plain).collect();
        let help = help_of("aurora", &command);
        let help = help.unwrap_or_else(|| panic!("{snippet}: `aurora {}` is not known", command.join(" ")));
        for option in words.iter().filter_map(|word| option_name(word)) {
            assert!(knows(&help, option), "{snippet}: {option} is not known");
        }
        checked += 1;
    }
    assert!(checked > 10, "only {checked} commands were found");
}

#[test]
fn every_command_of_the_administrator_exists() {
    let mut checked = 0;
    for snippet in snippets() {
        let Some(arguments) = snippet.text.strip_prefix("aurora_admin ") else { continue };
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let command = words[0];
        let help = help_of("aurora_admin", &[command]);
        let help = help.unwrap_or_else(|| panic!("{snippet}: `aurora_admin {command}` is not known"));
        for option in words.iter().filter_map(|word| option_name(word)) {
            assert!(knows(&help, option), "{snippet}: {option} is not known");
        }
        checked += 1;
    }
    assert!(checked > 10, "only {checked} commands were found");
}

#[test]
fn every_flag_of_the_scheduler_exists() {
    let help = help_of("aurora-scheduler", &[]).unwrap();
    let mut checked = 0;
    for snippet in snippets() {
        let is_command = snippet.text.starts_with("aurora-scheduler ");
        // The reference of the language holds values, which may look like flags.
        let is_of_language = snippet.page.ends_with("reference/configuration.md");
        let is_flag = snippet.text.starts_with('-') && !snippet.text.starts_with("--") && !is_of_language;
        if !is_command && !is_flag {
            continue;
        }
        // The scheduler has no flag of one letter; other programs have.
        let names = snippet.text.split_whitespace().filter_map(option_name);
        for name in names.filter(|name| name.len() > 1) {
            assert!(knows(&help, name), "{snippet}: {name} is not known");
            checked += 1;
        }
    }
    assert!(checked > 10, "only {checked} flags were found");
}
