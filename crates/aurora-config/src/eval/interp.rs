//! The state of one evaluation: names, budget, the files read, what was printed and warned about.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;

use super::budget::Budget;
use super::error::{Eval, Raised, Stop};
use super::exceptions::Exceptions;
use super::recover::Mistakes;
use super::regex::Pattern;
use super::value::{Class, Scope, ScopeKind, Value};
use crate::diagnostic::{Diagnostic, Related, SourceMap, Span, nearest};
use crate::load::read_at_most;
use crate::syntax::{Name, Stmt};

/// What the file may see of the machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Folders `open` may read below.
    pub read_roots: Vec<PathBuf>,
    /// `os.environ`.
    pub environment: Vec<(String, String)>,
    /// `getpass.getuser()`.
    pub user: String,
    /// Whether there is `export`, as in `.thermos` files.
    pub has_export: bool,
}

/// One call in progress.
pub(crate) struct Frame {
    /// Values a generator has yielded so far.
    pub yields: Option<Vec<Value>>,
    /// The class and first argument of the method running, for `super()`.
    pub method: Option<(Rc<Class>, Value)>,
    /// What was called, and where.
    pub called: Option<(Name, Span)>,
}

/// A file being executed.
pub(crate) struct Executing {
    pub path: PathBuf,
    pub name: String,
    pub called_at: Option<Span>,
}

pub(crate) struct Interp {
    pub budget: Budget,
    pub sources: SourceMap,
    pub globals: Rc<Scope>,
    pub builtins: IndexMap<&'static str, Value>,
    pub exceptions: Exceptions,
    pub modules: IndexMap<&'static str, Value>,
    pub frames: Vec<Frame>,
    pub executing: Vec<Executing>,
    pub surroundings: Surroundings,
    pub warnings: Vec<Diagnostic>,
    pub printed: String,
    /// `from __future__ import division` was seen.
    pub true_division: bool,
    /// The exception being handled, for a bare `raise`.
    pub handling: Vec<(Rc<Class>, Value)>,
    /// Place of the expression being evaluated, for builtins that need it.
    pub here: Span,
    /// Where the texts of the file's literals stand, by their address; the trees that own them live as long as this.
    pub literals: HashMap<usize, Span>,
    /// Texts with references that were made of others; kept, so that their addresses stay theirs.
    pub made: Vec<Rc<str>>,
    pub trees: Vec<Rc<Vec<Stmt>>>,
    /// Names that `.bind()` calls have bound, for suggestions.
    pub bound_names: Vec<String>,
    /// The tasks that `export` was given.
    pub exports: Vec<aurora_model::Value>,
    /// Patterns of `re` compiled so far, by their text and flags.
    pub patterns: HashMap<(String, i128), Rc<Pattern>>,
    /// Time spent searching with them.
    pub search_time: Duration,
    /// What the model may spend in all.
    pub model_budget: aurora_model::Budget,
    /// Statements in progress that what goes wrong in them must end: `try` with handlers, and `while`.
    pub guards: usize,
    pub mistakes: Mistakes,
    /// Names without the value they should have, because of something noted in `mistakes`.
    pub spoilt: HashSet<Name>,
    /// Whether names may be missing because of something noted in `mistakes`.
    pub lacks_names: bool,
    /// The calls of `include()` that were made.
    pub included: HashSet<Span>,
}

/// Parts the model may walk in one load.
const MODEL_STEPS: u64 = 20_000_000;
/// Bytes the model may make in one load.
const MODEL_BYTES: u64 = 96 << 20;

/// Warnings kept of one load.
const WARNINGS_MAX: usize = 200;
/// Includes inside one another.
const INCLUDES_MAX: usize = 40;
/// Bytes that the syntax tree takes for one byte of text, about.
const TREE_BYTES: usize = 24;
/// What any file takes, and what reading it costs.
const FILE_BYTES: usize = 8 << 10;
const FILE_STEPS: usize = 500;
/// Bytes a file may print.
const PRINTED_MAX: usize = 1 << 20;

impl Interp {
    pub fn new(surroundings: Surroundings) -> Self {
        let exceptions = Exceptions::new();
        let mut interp = Self {
            budget: Budget::new(),
            sources: SourceMap::default(),
            globals: Scope::new(ScopeKind::Module, None),
            builtins: IndexMap::new(),
            modules: IndexMap::new(),
            frames: vec![Frame { yields: None, method: None, called: None }],
            executing: Vec::new(),
            surroundings,
            warnings: Vec::new(),
            printed: String::new(),
            true_division: false,
            handling: Vec::new(),
            here: Span::default(),
            literals: HashMap::new(),
            made: Vec::new(),
            trees: Vec::new(),
            bound_names: Vec::new(),
            exports: Vec::new(),
            patterns: HashMap::new(),
            search_time: Duration::ZERO,
            model_budget: aurora_model::Budget::new(MODEL_STEPS, MODEL_BYTES),
            guards: 0,
            mistakes: Mistakes::default(),
            spoilt: HashSet::new(),
            lacks_names: false,
            included: HashSet::new(),
            exceptions,
        };
        super::builtins::install(&mut interp);
        super::schema_names::install(&mut interp);
        super::combinators::install(&mut interp);
        interp.globals.set("__name__", Value::str("__builtin__"));
        interp
    }

    /// An exception of one of the language's own classes.
    pub fn raise(&self, class: &'static str, message: impl Into<String>) -> Stop {
        let code = match class {
            "NameError" => "unknown-name",
            "AttributeError" => "unknown-attribute",
            "TypeError" => "type",
            "ValueError" => "value",
            "ImportError" => "import",
            "OSError" => "file",
            _ => "exception",
        };
        Stop::Raised(Box::new(Raised {
            class: self.exceptions.get(class),
            message: message.into(),
            value: None,
            code,
            span: None,
            label: String::new(),
            help: None,
            trace: Vec::new(),
            details: Vec::new(),
        }))
    }

    pub fn type_error<T>(&self, message: impl Into<String>) -> Eval<T> {
        Err(self.raise("TypeError", message))
    }

    pub fn value_error<T>(&self, message: impl Into<String>) -> Eval<T> {
        Err(self.raise("ValueError", message))
    }

    pub fn warn(&mut self, warning: Diagnostic) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A text value, paid for.
    pub fn text(&mut self, text: impl Into<Rc<str>>) -> Eval<Value> {
        let text = text.into();
        self.budget.bytes(text.len() + 24)?;
        Ok(Value::Str(text))
    }

    /// A list, paid for.
    pub fn list(&mut self, items: Vec<Value>) -> Eval<Value> {
        self.budget.values(items.len())?;
        Ok(Value::list(items))
    }

    pub fn tuple(&mut self, items: Vec<Value>) -> Eval<Value> {
        self.budget.values(items.len())?;
        Ok(Value::tuple(items))
    }

    pub fn print(&mut self, text: &str) -> Eval<()> {
        self.budget.bytes(text.len())?;
        if self.printed.len() < PRINTED_MAX {
            self.printed.push_str(text);
        }
        Ok(())
    }

    /// Reads, parses and runs a file in the global namespace. `called_at` is the `include()` that asked for it.
    pub fn run_file(
        &mut self,
        path: &Path,
        name: &str,
        called_at: Option<Span>,
    ) -> Result<(), Vec<Diagnostic>> {
        if let Some(problem) = self.include_problem(path, name, called_at) {
            return Err(vec![problem]);
        }
        let text = match read_at_most(path, crate::parse::FILE_SIZE_MAX as u64) {
            Ok(text) => text,
            Err(error) => return Err(vec![self.unreadable(path, name, called_at, &error)]),
        };
        self.run_text(path, name, text, called_at)
    }

    /// Parses and runs text in the global namespace.
    pub fn run_text(
        &mut self,
        path: &Path,
        name: &str,
        text: String,
        called_at: Option<Span>,
    ) -> Result<(), Vec<Diagnostic>> {
        let paid = self
            .budget
            .bytes(FILE_BYTES + text.len() * TREE_BYTES)
            .and_then(|()| self.budget.steps(FILE_STEPS + text.len()));
        if let Err(stop) = paid {
            return Err(stop.at_maybe(called_at).into_diagnostics());
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned);
        let file = self.sources.add(name, path, text.clone());
        let body = Rc::new(crate::parse::parse(&text, file).map_err(|mut problems| {
            for problem in &mut problems {
                problem.related.extend(called_at.map(|span| included(name, span)));
            }
            problems
        })?);
        self.trees.push(Rc::clone(&body));
        self.executing.push(Executing { path: path.to_owned(), name: name.to_owned(), called_at });
        let result = self.run_module(&body);
        self.executing.pop();
        result.map_err(|stop| {
            let stop = match called_at {
                Some(span) => {
                    let Related { note, span } = included(name, span);
                    stop.through(note, span)
                }
                None => stop,
            };
            stop.into_diagnostics()
        })
    }

    fn run_module(&mut self, body: &[Stmt]) -> Eval<()> {
        let globals = Rc::clone(&self.globals);
        self.exec_block(body, &globals).map(|_| ())
    }

    fn include_problem(&self, path: &Path, name: &str, called_at: Option<Span>) -> Option<Diagnostic> {
        let problem = if self.executing.iter().any(|file| file.path == path) {
            let mut cycle: Vec<&str> = self.executing.iter().map(|file| file.name.as_str()).collect();
            cycle.push(name);
            Diagnostic::error("include-cycle", format!("{name} includes itself: {}", cycle.join(" -> ")))
                .help("move what both files need to a third file and include that")
        } else if self.executing.len() >= INCLUDES_MAX {
            Diagnostic::error("include-cycle", format!("includes nest deeper than {INCLUDES_MAX}"))
        } else {
            return None;
        };
        Some(problem.at_maybe(called_at))
    }

    fn unreadable(
        &self,
        path: &Path,
        name: &str,
        called_at: Option<Span>,
        error: &std::io::Error,
    ) -> Diagnostic {
        let cause = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            _ => error.to_string(),
        };
        let mut problem =
            Diagnostic::error("file", format!("cannot read {name}: {cause}")).at_maybe(called_at);
        if let Some(includer) = self.executing.last() {
            problem = problem.help(format!(
                "it was looked for at {}: paths are relative to the folder of {}",
                path.display(),
                includer.name
            ));
        }
        let siblings: Vec<String> = path
            .parent()
            .and_then(|folder| {
                std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).ok()
            })
            .map(|entries| {
                entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).take(500).collect()
            })
            .unwrap_or_default();
        let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if error.kind() == std::io::ErrorKind::NotFound
            && let Some(close) = nearest(wanted, siblings.iter().map(String::as_str))
        {
            let known = problem.help.take().map(|help| help + "; ").unwrap_or_default();
            problem = problem.help(format!("{known}did you mean {close}?"));
        }
        problem
    }
}

fn included(name: &str, span: Span) -> Related {
    Related { note: format!("{name} is included"), span }
}

impl Scope {
    pub fn new(kind: ScopeKind, parent: Option<Rc<Scope>>) -> Rc<Self> {
        Rc::new(Self { vars: IndexMap::new().into(), parent, kind, function: None })
    }

    pub fn set(&self, name: &str, value: Value) {
        let mut vars = self.vars.borrow_mut();
        if let Some(slot) = vars.get_mut(name) {
            // The old value may run arbitrary disposal: not while the map is borrowed.
            let old = std::mem::replace(slot, value);
            drop(vars);
            drop(old);
        } else {
            vars.insert(name.into(), value);
        }
    }

    pub fn set_name(&self, name: &Name, value: Value) {
        let old = self.vars.borrow_mut().insert(name.clone(), value);
        drop(old);
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.vars.borrow().get(name).cloned()
    }
}
