//! Runs the evaluator on a thread of its own, whose stack fits the deepest evaluation the budget allows.

use std::path::{Path, PathBuf};

use super::LoadOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, SourceMap, Span};
use crate::eval::{Interp, Mistakes, Surroundings, Value, add_undefined};
use crate::syntax::{Expr, ExprKind, StmtKind};

/// Address space, of which only what is used becomes memory.
const STACK_BYTES: usize = 512 << 20;

/// Jobs of one file.
const JOBS_MAX: usize = 5_000;

/// What a file leaves behind.
pub(super) struct Evaluated {
    pub jobs: Vec<aurora_model::Value>,
    pub sources: SourceMap,
    pub warnings: Vec<Diagnostic>,
    pub printed: String,
    pub bound_names: Vec<String>,
    /// What `export` was given, where there is such a function.
    pub exports: Vec<aurora_model::Value>,
    pub mistakes: Mistakes,
    /// Undefined names in parts that did not run.
    pub not_reached: Vec<Diagnostic>,
    /// A name other than `jobs` that holds jobs, if `jobs` does not.
    pub jobs_elsewhere: Option<String>,
    /// How many objects are in `hooks`.
    pub hooks: usize,
}

pub(super) fn surroundings(path: &Path, options: &LoadOptions) -> Surroundings {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut read_roots = vec![folder.to_owned(), PathBuf::from(".")];
    read_roots.extend(options.read_roots.iter().cloned());
    super::surroundings_of(options.user.as_ref(), read_roots)
}

pub(super) fn on_big_stack(
    path: &Path,
    text: String,
    surroundings: Surroundings,
) -> Result<Evaluated, Diagnostics> {
    let owned = path.to_owned();
    in_thread(path, move || evaluate(&owned, text, surroundings))
}

pub(super) fn check_syntax(path: &Path, text: &str) -> Result<(), Diagnostics> {
    let (owned, text) = (path.to_owned(), text.to_owned());
    in_thread(path, move || {
        let mut sources = SourceMap::default();
        let file = sources.add(owned.display().to_string(), &owned, text.clone());
        crate::parse::parse(&text, file).map(drop).map_err(|problems| Diagnostics::new(problems, sources))
    })
}

pub(super) fn in_thread<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, Diagnostics> + Send + 'static,
) -> Result<T, Diagnostics> {
    let thread =
        std::thread::Builder::new().name("aurora-config".to_owned()).stack_size(STACK_BYTES).spawn(work);
    let result = thread.map_err(|error| format!("cannot start a thread: {error}")).and_then(|thread| {
        thread
            .join()
            .map_err(|_| "the evaluator broke down: this is a bug of aurora, please report it".to_owned())
    });
    result.unwrap_or_else(|cause| {
        let problem = Diagnostic::error("internal", format!("cannot evaluate {}: {cause}", path.display()));
        Err(Diagnostics::new(vec![problem], SourceMap::default()))
    })
}

fn evaluate(path: &Path, text: String, surroundings: Surroundings) -> Result<Evaluated, Diagnostics> {
    let mut interp = Interp::new(surroundings);
    let name = path.display().to_string();
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let result = interp.run_text(&real, &name, text, None).and_then(|()| jobs(&mut interp));
    let warnings = std::mem::take(&mut interp.warnings);
    let mut mistakes = std::mem::take(&mut interp.mistakes);
    let undefined = interp.undefined_names();
    let sources = interp.sources.clone();
    match result {
        Ok(jobs) => Ok(Evaluated {
            not_reached: if mistakes.problems.is_empty() {
                undefined.into_iter().map(not_reached).collect()
            } else {
                add_undefined(&mut mistakes.problems, undefined);
                Vec::new()
            },
            jobs,
            sources,
            warnings,
            printed: std::mem::take(&mut interp.printed),
            bound_names: std::mem::take(&mut interp.bound_names),
            exports: std::mem::take(&mut interp.exports),
            mistakes,
            jobs_elsewhere: jobs_elsewhere(&interp),
            hooks: hooks(&interp).len(),
        }),
        Err(problems) => {
            let mut all: Vec<Diagnostic> = mistakes.problems.into_iter().chain(problems).collect();
            add_undefined(&mut all, undefined);
            all.extend(warnings);
            Err(Diagnostics::new(all, sources))
        }
    }
}

/// An undefined name where evaluation did not come by.
fn not_reached(problem: Diagnostic) -> Diagnostic {
    let message = format!("{}; this part did not run", problem.message);
    Diagnostic { severity: Severity::Warning, message, ..problem }
}

/// The jobs the file left in `jobs`.
fn jobs(interp: &mut Interp) -> Result<Vec<aurora_model::Value>, Vec<Diagnostic>> {
    let file = jobs_statement(interp);
    let Some(list) = interp.globals.get("jobs") else {
        return Ok(Vec::new());
    };
    if !matches!(list, Value::List(_) | Value::Tuple(_) | Value::Iter(_)) {
        let name = kind_of(&list);
        let help = match &list {
            Value::Dict(_) => "write jobs = list(jobs.values())",
            _ => "write jobs = [job]",
        };
        let problem = Diagnostic::error("jobs", format!("`jobs` must be a list of jobs, not {name}"));
        return Err(vec![problem.at(file).help(help)]);
    }
    let items = interp.collect(&list).map_err(crate::eval::diagnostics_of)?;
    if items.len() > JOBS_MAX {
        let message = format!("`jobs` holds {} jobs, and a file may have {JOBS_MAX}", items.len());
        let problem = Diagnostic::error("budget", message).at(file);
        return Err(vec![
            problem.help("does a loop add the same jobs again and again? Split the file otherwise"),
        ]);
    }
    let mut jobs = Vec::new();
    let mut problems = Vec::new();
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Object(object) if object.struct_type().is_some_and(|ty| &**ty.name() == "MesosJob") => {
                jobs.push(object.clone());
            }
            other => {
                let help = match other {
                    Value::List(_) | Value::Tuple(_) => {
                        "lists are joined with +: jobs = web_jobs + batch_jobs"
                    }
                    Value::Type(_) | Value::Function(_) => "call it: Job(...)",
                    _ => "jobs are made with Job(...) or Service(...)",
                };
                let message = format!("jobs[{index}] is no job but {}", kind_of(other));
                problems.push(Diagnostic::error("jobs", message).at(file).help(help));
            }
        }
    }
    if problems.is_empty() { Ok(jobs) } else { Err(problems) }
}

/// The hooks the file left in `hooks`.
pub(super) fn hooks(interp: &Interp) -> Vec<Value> {
    match interp.globals.get("hooks") {
        Some(Value::List(list)) => list.items.borrow().to_vec(),
        Some(Value::Tuple(items)) => items.to_vec(),
        _ => Vec::new(),
    }
}

/// A job, or a list of them, under another name than `jobs`.
fn jobs_elsewhere(interp: &Interp) -> Option<String> {
    let is_job = |value: &Value| matches!(value, Value::Object(object) if object.struct_type().is_some_and(|ty| &**ty.name() == "MesosJob"));
    let vars = interp.globals.vars.borrow();
    let lists = vars.iter().filter(|(name, _)| &***name != "jobs");
    lists
        .filter(|(_, value)| match value {
            Value::List(list) => list.items.borrow().first().is_some_and(is_job),
            Value::Tuple(items) => items.first().is_some_and(is_job),
            _ => false,
        })
        .map(|(name, _)| name.to_string())
        .next()
}

fn kind_of(value: &Value) -> String {
    let name = value.type_name();
    match value {
        Value::Object(_) => format!("a {}", crate::explain::shown_struct(&name)),
        _ => name.to_string(),
    }
}

/// Where the main file assigns `jobs`.
fn jobs_statement(interp: &Interp) -> Span {
    let statements = interp.trees.first().map(|tree| tree.iter().rev()).into_iter().flatten();
    let assigned = |targets: &[Expr]| {
        targets.iter().any(|target| matches!(&target.kind, ExprKind::Name(name) if &**name == "jobs"))
    };
    statements
        .filter(|stmt| matches!(&stmt.kind, StmtKind::Assign { targets, .. } if assigned(targets)))
        .map(|stmt| stmt.span)
        .next()
        .unwrap_or_default()
}
