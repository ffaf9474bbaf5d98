//! How evaluation stops: with an exception the file can catch, or for good.

use std::rc::Rc;

use super::value::{Class, Value};
use crate::diagnostic::{Diagnostic, Related, Span};

pub(crate) type Eval<T> = Result<T, Stop>;

#[derive(Debug)]
pub(crate) enum Stop {
    /// A Python exception.
    Raised(Box<Raised>),
    /// A spent budget: no `except` sees it.
    Fatal(Box<Diagnostic>),
    /// What cannot be evaluated because of a problem that was noted already; nothing is told of it, and no `except` sees it.
    Follows,
}

/// Frames kept of a long chain of calls.
pub(super) const TRACE_MAX: usize = 12;

pub(crate) struct Raised {
    pub class: Rc<Class>,
    pub message: String,
    /// The exception object, once a file asks for it or if the file raised it.
    pub value: Option<Value>,
    pub code: &'static str,
    pub span: Option<Span>,
    pub label: String,
    pub help: Option<String>,
    pub trace: Vec<Related>,
    /// Problems the model found, each with its own place, to be shown instead of this one.
    pub details: Vec<Diagnostic>,
}

impl std::fmt::Debug for Raised {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.class.name, self.message)
    }
}

impl Stop {
    /// Gives the error its place, unless a more exact one is known.
    pub fn at(mut self, span: Span) -> Self {
        match &mut self {
            Self::Raised(raised) => {
                raised.span.get_or_insert(span);
            }
            Self::Fatal(problem) => {
                problem.span.get_or_insert(span);
            }
            Self::Follows => {}
        }
        self
    }

    pub fn at_maybe(self, span: Option<Span>) -> Self {
        match span {
            Some(span) => self.at(span),
            None => self,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        match &mut self {
            Self::Raised(raised) => raised.help = Some(help.into()),
            Self::Fatal(problem) => problem.help = Some(help.into()),
            Self::Follows => {}
        }
        self
    }

    pub fn help_maybe(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    pub fn code(mut self, code: &'static str) -> Self {
        if let Self::Raised(raised) = &mut self {
            raised.code = code;
        }
        self
    }

    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Self::Raised(raised) = &mut self {
            raised.label = label.into();
        }
        self
    }

    /// Adds a caller or an includer.
    pub fn through(mut self, note: String, span: Span) -> Self {
        let trace = match &mut self {
            Self::Raised(raised) => &mut raised.trace,
            Self::Fatal(problem) => &mut problem.related,
            Self::Follows => return self,
        };
        let step = Related { note, span };
        // A function that calls itself is told once.
        if trace.len() < TRACE_MAX && trace.last() != Some(&step) {
            trace.push(step);
        }
        self
    }

    /// What is shown when no `except` caught it.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Self::Fatal(problem) => vec![*problem],
            Self::Follows => Vec::new(),
            Self::Raised(raised) if !raised.details.is_empty() => {
                let Raised { details, trace, span, .. } = *raised;
                details
                    .into_iter()
                    .map(|mut problem| {
                        problem.span = problem.span.or(span);
                        problem.related.extend(trace.iter().cloned());
                        problem
                    })
                    .collect()
            }
            Self::Raised(raised) => {
                let plain = matches!(
                    &*raised.class.name,
                    "NameError"
                        | "TypeError"
                        | "AttributeError"
                        | "ValueError"
                        | "ImportError"
                        | "UnboundLocalError"
                );
                let message = match &*raised.class.name {
                    "KeyError" if raised.value.is_none() => format!("key {} does not exist", raised.message),
                    _ if plain && raised.value.is_none() => raised.message.clone(),
                    name if raised.message.is_empty() => name.to_owned(),
                    name => format!("{name}: {}", raised.message),
                };
                let mut problem = Diagnostic::error(raised.code, message)
                    .at_maybe(raised.span)
                    .label(raised.label)
                    .help_maybe(raised.help);
                problem.related = raised.trace;
                vec![problem]
            }
        }
    }
}
