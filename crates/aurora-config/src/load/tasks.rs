//! Tasks without a cluster: what a `.thermos` file exports, or the tasks of the jobs of an `.aurora` file.

use std::path::Path;

use aurora_model::{Budget, Escapes};

use super::{LoadOptions, LoadedFile, bindings, load_evaluated, read_text, run};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::explain;

/// A task of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedTask {
    /// Its name; the name of its first process if it has none of its own.
    pub name: String,
    /// The key of the job it is part of; none for one that was exported by itself.
    pub job: Option<String>,
    /// The task as JSON with everything bound that the file and the options bind. Run-time references and escapes are left.
    pub json: serde_json::Value,
}

/// The tasks of a file.
#[derive(Debug)]
pub struct LoadedTasks {
    /// In the order of the file.
    pub tasks: Vec<ListedTask>,
    /// What is allowed but probably not meant.
    pub warnings: Diagnostics,
    /// What the file printed.
    pub printed: String,
}

/// Evaluates a file in which `export(task)` collects tasks. One that exports none gives the tasks of its jobs, each checked as
/// if it were submitted.
///
/// # Errors
/// Everything that is wrong with the file, or with any of its tasks.
pub fn load_tasks(path: &Path, options: &LoadOptions) -> Result<LoadedTasks, Diagnostics> {
    let text = read_text(path)?;
    let mut surroundings = run::surroundings(path, options);
    surroundings.has_export = true;
    let user = surroundings.user.clone();
    let mut evaluated = run::on_big_stack(path, text, surroundings)?;
    let exports = std::mem::take(&mut evaluated.exports);
    if exports.is_empty() {
        return tasks_of_jobs(&load_evaluated(evaluated, user, options)?);
    }
    let sources = &evaluated.sources;
    if !evaluated.mistakes.problems.is_empty() {
        return Err(Diagnostics::new(evaluated.mistakes.problems, evaluated.sources));
    }
    let environments =
        bindings(&options.bindings).map_err(|problems| Diagnostics::new(problems, sources.clone()))?;
    let budget = Budget::default();
    let mut tasks = Vec::new();
    for export in exports {
        let bound =
            environments.iter().try_fold(export, |task, environment| task.bind_environment(environment));
        let json = bound
            .and_then(|task| task.interpolate_within(Escapes::Keep, &budget))
            .and_then(|task| task.value.to_json_within(Escapes::Keep, &budget))
            .map_err(|error| Diagnostics::new(explain::error(&error, sources), sources.clone()))?;
        tasks.push(listed(None, json));
    }
    let warnings = Diagnostics::new(evaluated.warnings, evaluated.sources);
    Ok(LoadedTasks { tasks, warnings, printed: evaluated.printed })
}

fn tasks_of_jobs(file: &LoadedFile) -> Result<LoadedTasks, Diagnostics> {
    let mut warnings = file.warnings();
    let mut tasks = Vec::new();
    for (index, key) in file.jobs().iter().enumerate() {
        let job = file.translate_at(index)?;
        let mut json: serde_json::Value = serde_json::from_str(&job.json)
            .map_err(|error| file.problem(Diagnostic::error("json", error.to_string())))?;
        tasks.push(listed(Some(key.to_string()), json["task"].take()));
        for warning in job.warnings.items {
            if !warnings.items.iter().any(|known| known.message == warning.message) {
                warnings.items.push(warning);
            }
        }
    }
    Ok(LoadedTasks { tasks, warnings, printed: file.printed().to_owned() })
}

fn listed(job: Option<String>, json: serde_json::Value) -> ListedTask {
    let own = json["name"].as_str().filter(|name| !name.contains("{{"));
    let name = own.or_else(|| json["processes"][0]["name"].as_str()).unwrap_or("task").to_owned();
    ListedTask { name, job, json }
}
