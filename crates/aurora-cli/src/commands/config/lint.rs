//! `aurora config lint` (`spec/cli.md` §14.2).

use std::io::IsTerminal;
use std::path::PathBuf;

use aurora_config::diagnostic::Span;
use aurora_config::{Diagnostics, Severity};
use serde_json::{Map, Value, json};

use crate::arguments::{ConfigOptions, Verbosity};
use crate::configuration::load_options;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::output;

/// Tells everything that is wrong or doubtful in a config file, of all its jobs. Asks no scheduler.
#[derive(clap::Args, Debug)]
pub struct Lint {
    /// The config file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Correct what is safe to correct: spaces inside the braces of references.
    #[arg(long)]
    fix: bool,

    /// Exit with 4 if there are warnings.
    #[arg(long)]
    fail_on_warn: bool,

    /// How the problems are printed.
    #[arg(long, short = 'o', value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    output: String,

    /// Accepted; a scheduler is never asked.
    #[arg(long)]
    offline: bool,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    _verbosity: Verbosity,
}

impl Lint {
    /// Runs the verb.
    pub fn run(self) -> Result<(), Failure> {
        let mut found = self.problems();
        if self.fix && self.correct(&found)? {
            found = self.problems();
        }
        let errors = found.items.iter().filter(|item| item.severity == Severity::Error).count();
        let warnings = found.items.len() - errors;
        if self.output == "json" {
            output::print(&format!("{:#}", as_json(&self.file.display().to_string(), &found)));
        } else {
            let shown = found.render(std::io::stdout().is_terminal());
            if !shown.is_empty() {
                output::print(shown.trim_end());
            }
            output::print(&summary(errors, warnings));
        }
        let code = match (errors, warnings) {
            (1.., _) => ExitCode::InvalidConfiguration,
            (0, 1..) if self.fail_on_warn => ExitCode::CommandFailure,
            _ => return Ok(()),
        };
        // All was said already.
        Err(Failure::new(code, ""))
    }

    fn problems(&self) -> Diagnostics {
        match aurora_config::load(&self.file, &load_options(&self.config)) {
            Ok(file) => file.lint(),
            Err(problems) => problems,
        }
    }

    /// Writes the corrected files; whether there were any.
    fn correct(&self, found: &Diagnostics) -> Result<bool, Failure> {
        let corrections = aurora_config::corrections(found);
        for correction in &corrections {
            std::fs::write(&correction.path, &correction.text).map_err(|error| {
                let text = format!("cannot write the corrected {}: {error}", correction.name);
                Failure::new(ExitCode::CommandFailure, text)
            })?;
            output::print_error(&format!(
                "{}: corrected {}",
                correction.name,
                counted(correction.count, "reference")
            ));
        }
        Ok(!corrections.is_empty())
    }
}

fn summary(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (_, 0) => counted(errors, "error"),
        (0, _) => counted(warnings, "warning"),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn as_json(file: &str, found: &Diagnostics) -> Value {
    let problems: Vec<Value> = found
        .items
        .iter()
        .map(|item| {
            let related: Vec<Value> = item
                .related
                .iter()
                .map(|related| {
                    let mut place = place(found, related.span);
                    place.insert("note".to_owned(), related.note.clone().into());
                    Value::Object(place)
                })
                .collect();
            let mut problem = item.span.map(|span| place(found, span)).unwrap_or_default();
            let severity = if item.severity == Severity::Error { "error" } else { "warning" };
            problem.insert("severity".to_owned(), severity.into());
            problem.insert("code".to_owned(), item.code.into());
            problem.insert("message".to_owned(), item.message.clone().into());
            problem.insert("help".to_owned(), item.help.clone().into());
            problem.insert("field".to_owned(), item.field.clone().into());
            problem.insert("related".to_owned(), related.into());
            Value::Object(problem)
        })
        .collect();
    json!({"file": file, "problems": problems})
}

/// Lines and columns count from 1.
fn place(found: &Diagnostics, span: Span) -> Map<String, Value> {
    let mut place = Map::new();
    if let Some(file) = found.sources().file(span.file) {
        let (line, column) = file.line_column(span.start);
        let (end_line, end_column) = file.line_column(span.end);
        place.insert("file".to_owned(), file.name.clone().into());
        place.insert("line".to_owned(), line.into());
        place.insert("column".to_owned(), column.into());
        place.insert("end_line".to_owned(), end_line.into());
        place.insert("end_column".to_owned(), end_column.into());
    }
    place
}
