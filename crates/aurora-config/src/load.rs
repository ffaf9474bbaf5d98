//! Loading: a file and its includes, or JSON, to jobs; then one of them, checked and translated.

mod hooks;
mod images;
mod json;
mod key;
mod lint;
mod run;
mod tasks;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use aurora_api::thrift::JobUpdateSettings;
use aurora_model::{Budget, Environment, Escapes, Raw, Ref};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceMap, nearest};
use crate::eval::Surroundings;
use crate::origin::unpack;
use crate::translate::TranslatedJob;
use crate::{check, explain, translate};

pub use hooks::{HookCall, HookEvent, HookOutcome, run_hooks};
pub use images::ImageName;
pub(crate) use key::is_identifier;
pub use key::{JobSelector, SelectorError};
pub use lint::{Correction, corrections};
pub use tasks::{ListedTask, LoadedTasks, load_tasks};

/// Largest file, in bytes: jobs as JSON are longer than a configuration.
const FILE_SIZE_MAX: u64 = 16 << 20;

/// How a configuration is loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--bind NAME=VALUE`, in the order given: later ones win.
    pub bindings: Vec<(String, String)>,
    /// The file is JSON: one job, or `{"jobs": [...]}`.
    pub read_json: bool,
    /// `--read FOLDER`: where `open()` may read, besides the folder of the file and the current folder.
    pub read_roots: Vec<PathBuf>,
    /// Who `getpass.getuser()` says runs this; found out from the environment when unset.
    pub user: Option<String>,
}

/// The key of a job of the file. Parts that cannot be resolved are shown as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListedJob {
    /// Which cluster the client talks to.
    pub cluster: String,
    /// The account it runs as.
    pub role: String,
    /// The stage; `{MISSING}` when unset.
    pub environment: String,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for ListedJob {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}/{}/{}", self.cluster, self.role, self.environment, self.name)
    }
}

/// A file that was evaluated.
pub struct LoadedFile {
    jobs: Vec<Job>,
    sources: SourceMap,
    warnings: Vec<Diagnostic>,
    /// Undefined names in parts that did not run: for those who ask for all there is to say.
    not_reached: Vec<Diagnostic>,
    printed: String,
    user: String,
    /// What the command line binds, and what the file does, for suggestions.
    bindings: Vec<std::sync::Arc<Environment>>,
    bound_names: Vec<String>,
    jobs_elsewhere: Option<String>,
    /// How many hooks it declares.
    hooks: usize,
}

/// A job with everything bound that the command line binds.
struct Job {
    value: aurora_model::Value,
    key: ListedJob,
    /// Why its key cannot be told.
    problems: Vec<Diagnostic>,
}

/// Evaluates a file.
///
/// # Errors
/// Everything that is wrong with it, with places.
pub fn load(path: &Path, options: &LoadOptions) -> Result<LoadedFile, Diagnostics> {
    load_text(path, read_text(path)?, options)
}

fn read_text(path: &Path) -> Result<String, Diagnostics> {
    read_at_most(path, FILE_SIZE_MAX).map_err(|error| unreadable(path, &error))
}

/// A whole file, if it is not larger than `most` bytes; it need not be a regular one, as `<(command)` of a shell is none.
pub(crate) fn read_at_most(path: &Path, most: u64) -> std::io::Result<String> {
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len().min(most)).unwrap_or(0));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("it is larger than {} MiB", most >> 20);
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Evaluates text as if it stood in the file `path`.
///
/// # Errors
/// As [`load`].
pub fn load_text(path: &Path, text: String, options: &LoadOptions) -> Result<LoadedFile, Diagnostics> {
    let surroundings = run::surroundings(path, options);
    let user = surroundings.user.clone();
    if options.read_json {
        return load_evaluated(json::evaluated(path, &text)?, user, options);
    }
    run::on_big_stack(path, text, surroundings)
        .and_then(|evaluated| load_evaluated(evaluated, user, options))
        .map_err(|problems| told_of_json(path, problems))
}

/// JSON that is read as a configuration has one cause for all that is wrong with it.
fn told_of_json(path: &Path, problems: Diagnostics) -> Diagnostics {
    let text = problems.sources().file(0).map(|file| file.text.trim()).unwrap_or_default();
    if !text.starts_with('{') || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return problems;
    }
    let problem = Diagnostic::error("json", format!("{} is JSON, not a configuration", path.display()));
    Diagnostics::new(vec![problem.help("read it with --read-json")], SourceMap::default())
}

/// Binds what the command line binds in the jobs of an evaluated file.
fn load_evaluated(
    evaluated: run::Evaluated,
    user: String,
    options: &LoadOptions,
) -> Result<LoadedFile, Diagnostics> {
    let run::Evaluated {
        jobs,
        sources,
        warnings,
        printed,
        bound_names,
        mistakes,
        not_reached,
        jobs_elsewhere,
        hooks,
        exports: _,
    } = evaluated;
    let environments = match bindings(&options.bindings) {
        Ok(environments) => environments,
        Err(problems) => return Err(Diagnostics::new(problems, sources)),
    };
    let mut bound = Vec::new();
    let budget = check::budget_of_a_file();
    for value in jobs {
        let mut value = value;
        for environment in &environments {
            value = value
                .bind_environment(environment)
                .map_err(|error| Diagnostics::new(explain::error(&error, &sources), sources.clone()))?;
        }
        let (key, problems) = key_of(&value, &sources, &budget);
        bound.push(Job { value, key, problems });
    }
    let file = LoadedFile {
        jobs: bound,
        sources,
        warnings,
        not_reached,
        printed,
        user,
        bindings: environments,
        bound_names,
        jobs_elsewhere,
        hooks,
    };
    if mistakes.problems.is_empty() { Ok(file) } else { Err(file.with_mistakes(mistakes)) }
}

/// Parses text as if it stood in the file `path`, and evaluates nothing.
///
/// # Errors
/// The syntax errors, all of them.
pub fn check_syntax(path: &Path, text: &str) -> Result<(), Diagnostics> {
    run::check_syntax(path, text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostics {
    let cause = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    let problem = Diagnostic::error("file", format!("cannot read {}: {cause}", path.display()));
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let siblings: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).take(500).collect()
        })
        .unwrap_or_default();
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let close =
        nearest(wanted, siblings.iter().map(String::as_str)).map(|close| format!("did you mean {close}?"));
    Diagnostics::new(vec![problem.help_maybe(close)], SourceMap::default())
}

fn bindings(pairs: &[(String, String)]) -> Result<Vec<std::sync::Arc<Environment>>, Vec<Diagnostic>> {
    let mut environments = Vec::new();
    let mut problems = Vec::new();
    for (name, value) in pairs {
        let made = match Ref::parse(name) {
            Ok(reference) => {
                let mut environment = Environment::default();
                environment
                    .insert(reference, &Raw::from(value.as_str()))
                    .map(|()| environment)
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match made {
            Ok(environment) => environments.push(std::sync::Arc::new(environment)),
            Err(cause) => problems.push(
                Diagnostic::error(
                    "binding",
                    format!("Could not parse binding parameter {name}={value}: {cause}"),
                )
                .help("write --bind profile.cpu=2, with names joined by dots"),
            ),
        }
    }
    if problems.is_empty() { Ok(environments) } else { Err(problems) }
}

fn key_part(
    job: &aurora_model::Value,
    field: &str,
    budget: &Budget,
) -> Result<Option<String>, aurora_model::Error> {
    let Some(value) = job.field_in_scope(field)? else { return Ok(None) };
    let resolved = value.interpolate_within(Escapes::Strip, budget)?;
    Ok(check::view::scalar_text(&resolved.value))
}

fn key_of(job: &aurora_model::Value, sources: &SourceMap, budget: &Budget) -> (ListedJob, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let mut part = |field: &str| match key_part(job, field, budget) {
        Ok(Some(text)) => text,
        Ok(None) => "{MISSING}".to_owned(),
        Err(error) => {
            problems.extend(explain::error(&error, sources));
            job.raw_field(field)
                .and_then(|value| value.raw_text())
                .map_or_else(|| "{INVALID}".to_owned(), ToString::to_string)
        }
    };
    let key = ListedJob {
        cluster: part("cluster"),
        role: part("role"),
        environment: part("environment"),
        name: part("name"),
    };
    for problem in &mut problems {
        problem.field = Some(format!("Job[{}]", key.name));
    }
    (key, problems)
}

impl LoadedFile {
    /// The keys of all jobs, in the order of the file.
    pub fn jobs(&self) -> Vec<ListedJob> {
        self.jobs.iter().map(|job| job.key.clone()).collect()
    }

    /// Warnings from evaluating the file.
    pub fn warnings(&self) -> Diagnostics {
        Diagnostics::new(self.warnings.clone(), self.sources.clone())
    }

    /// What the file printed.
    pub fn printed(&self) -> &str {
        &self.printed
    }

    /// The job that matches, with references resolved as far as the client can.
    ///
    /// # Errors
    /// No job or several match.
    pub fn job(&self, selector: &JobSelector) -> Result<&aurora_model::Value, Diagnostics> {
        self.select(selector).map(|job| &job.value)
    }

    /// Selects a job, checks it and translates it for the scheduler.
    ///
    /// # Errors
    /// No job or several match, or everything that is wrong with the one that does.
    pub fn translate(&self, selector: &JobSelector) -> Result<TranslatedJob, Diagnostics> {
        let job = self.select(selector)?;
        self.translate_job(job)
    }

    /// Checks and translates the job at `index` of [`LoadedFile::jobs`], for callers that want all of them.
    ///
    /// # Errors
    /// There is no such job, or everything that is wrong with it.
    pub fn translate_at(&self, index: usize) -> Result<TranslatedJob, Diagnostics> {
        match self.jobs.get(index) {
            Some(job) => self.translate_job(job),
            None => Err(self.problem(Diagnostic::error("no-job", format!("there is no job number {index}")))),
        }
    }

    /// How the job is updated, all of its instances (`spec/config.md` §5.7).
    ///
    /// # Errors
    /// No job or several match, or everything that is wrong with the one that does.
    pub fn update_settings(&self, selector: &JobSelector) -> Result<JobUpdateSettings, Diagnostics> {
        let job = self.select(selector)?;
        let context = check::Context { sources: &self.sources, name: &job.key.name };
        check::check(&job.value, &context, &check::budget_of_a_job())
            .and_then(|checked| translate::update_settings(&checked.job))
            .map_err(|problems| Diagnostics::new(problems, self.sources.clone()))
    }

    fn translate_job(&self, job: &Job) -> Result<TranslatedJob, Diagnostics> {
        let context = check::Context { sources: &self.sources, name: &job.key.name };
        let checked = check::check(&job.value, &context, &check::budget_of_a_job());
        let mut warnings = self.warnings.clone();
        // Another job that is broken must not stop this one (spec/config.md §6 row 14).
        for other in self.jobs.iter().filter(|other| !std::ptr::eq(*other, job)) {
            warnings.extend(
                other
                    .problems
                    .iter()
                    .map(|problem| Diagnostic { severity: Severity::Warning, ..problem.clone() }),
            );
        }
        warnings.extend(self.binding_warnings(std::slice::from_ref(job)));
        match checked {
            Ok(checked) => {
                warnings.extend(checked.warnings.iter().cloned());
                let warnings = Diagnostics::new(warnings, self.sources.clone());
                translate::translate(&checked, &self.user, warnings)
                    .map_err(|problems| Diagnostics::new(problems, self.sources.clone()))
            }
            Err(mut problems) => {
                problems.extend(warnings);
                Err(Diagnostics::new(problems, self.sources.clone()))
            }
        }
    }

    fn select(&self, selector: &JobSelector) -> Result<&Job, Diagnostics> {
        if self.jobs.is_empty() {
            return Err(self.problem(
                Diagnostic::error("no-job", "No job defined in this config!")
                    .help("the file must set `jobs = [...]`"),
            ));
        }
        let Some(name) = &selector.name else {
            return match self.jobs.as_slice() {
                [job] => Ok(job),
                _ => Err(self.problem(
                    Diagnostic::error(
                        "several-jobs",
                        "Configuration has multiple jobs but no job name specified!",
                    )
                    .help(self.candidates()),
                )),
            };
        };
        let matching: Vec<&Job> = self.jobs.iter().filter(|job| selector.matches(&job.key)).collect();
        match matching.as_slice() {
            [job] => Ok(job),
            [] => {
                let shown = selector.to_string();
                let keys: Vec<String> = self.jobs.iter().map(|job| job.key.to_string()).collect();
                let close = nearest(&shown, keys.iter().map(String::as_str))
                    .map(|close| format!("did you mean {close}? "));
                let mut problems =
                    vec![Diagnostic::error("no-job", format!("Could not find job {shown}")).help(format!(
                        "{}{}",
                        close.unwrap_or_default(),
                        self.candidates()
                    ))];
                for job in
                    self.jobs.iter().filter(|job| job.key.name == *name && job.key.environment == "{MISSING}")
                {
                    problems.push(
                        Diagnostic::error("missing-field", "Job needs the field 'environment'")
                            .at_maybe(job.value.origin().map(unpack))
                            .field(format!("Job[{name}]"))
                            .help("write environment='devel' (or 'test', 'staging', 'prod')"),
                    );
                }
                problems.extend(self.jobs.iter().flat_map(|job| job.problems.iter().cloned()));
                Err(Diagnostics::new(problems, self.sources.clone()))
            }
            _ => Err(self.problem(
                Diagnostic::error(
                    "several-jobs",
                    "Multiple jobs match, please disambiguate by specifying a job key.",
                )
                .help(self.candidates()),
            )),
        }
    }

    fn candidates(&self) -> String {
        let keys: Vec<String> = self.jobs.iter().map(|job| format!("\n  {}", job.key)).collect();
        format!("Candidates are:{}", keys.concat())
    }

    fn problem(&self, problem: Diagnostic) -> Diagnostics {
        Diagnostics::new(vec![problem], self.sources.clone())
    }
}

/// The surroundings of the person who runs this.
pub(crate) fn surroundings_of(user: Option<&String>, read_roots: Vec<PathBuf>) -> Surroundings {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let from_environment = ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .iter()
        .find_map(|name| environment.iter().find(|(known, value)| known == name && !value.is_empty()))
        .map(|(_, value)| value.clone());
    let user = user.cloned().or(from_environment).unwrap_or_else(|| "nobody".to_owned());
    Surroundings { read_roots, environment, user, has_export: false }
}
