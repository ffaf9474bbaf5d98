//! Shared by the tests: files in temporary folders.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;

use aurora_config::{Diagnostics, LoadOptions, LoadedFile, Severity, TranslatedJob, load, load_text};

pub fn options() -> LoadOptions {
    LoadOptions { user: Some("tester".to_owned()), ..LoadOptions::default() }
}

pub fn evaluate(text: &str) -> Result<LoadedFile, Diagnostics> {
    load_text(&PathBuf::from("test.aurora"), text.to_owned(), &options())
}

/// What the text prints.
pub fn printed(text: &str) -> String {
    match evaluate(text) {
        Ok(file) => file.printed().strip_suffix('\n').unwrap_or_default().to_owned(),
        Err(problems) => panic!("{problems}"),
    }
}

/// The value of an expression, printed.
pub fn value(setup: &str, expression: &str) -> String {
    printed(&format!("{setup}\nprint(({expression}))\n"))
}

/// A job around the text, which may define `task` and `extra` keyword arguments.
pub fn job(setup: &str, arguments: &str) -> String {
    format!(
        "{setup}
p = Process(name='p', cmdline='true')
small = Resources(cpu=0.1, ram=16*MB, disk=16*MB)
def make(**kw):
  fields = dict(cluster='local', role='www', environment='devel', name='j', task=Task(name='t', processes=[p], resources=small))
  fields.update(kw)
  return Job(**fields)
jobs = [make({arguments})]
"
    )
}

pub fn translate(text: &str) -> Result<TranslatedJob, Diagnostics> {
    evaluate(text)?.translate_at(0)
}

/// The problems of the only job, one line each, warnings included.
pub fn problems(text: &str) -> String {
    let items = match translate(text) {
        Ok(job) => job.warnings,
        Err(problems) => problems,
    };
    items.lines().join("\n")
}

/// The errors only.
pub fn errors(text: &str) -> String {
    match translate(text) {
        Ok(_) => String::new(),
        Err(problems) => {
            let lines = problems.lines();
            let errors =
                problems.items.iter().zip(lines).filter(|(item, _)| item.severity == Severity::Error);
            errors.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
        }
    }
}

/// Files of one test in a folder of their own.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

pub fn load_in(folder: &tempfile::TempDir, name: &str) -> Result<LoadedFile, Diagnostics> {
    load(&folder.path().join(name), &options())
}
