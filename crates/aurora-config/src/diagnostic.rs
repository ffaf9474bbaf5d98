//! What a person is told when a configuration is wrong: the cause, the place (file, line, column, the chain of calls
//! and includes that led there), and the remedy. Everything in this crate that fails ends as a [`Diagnostics`].

mod render;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use aurora_model::nearest;

/// A range of bytes in one source file of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// Which file, as an index into the source map.
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// One file that was read.
#[derive(Debug)]
pub struct SourceFile {
    /// Its name as a person would write it.
    pub name: String,
    /// Where it was read from; names given relative to it are relative to this file's folder.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    fn new(name: String, path: PathBuf, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
            .collect();
        Self { name, path, text, line_starts }
    }

    /// The byte at a line and column, both counted from 1; columns count bytes.
    pub(crate) fn offset(&self, line: usize, column: usize) -> u32 {
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let length = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        start.saturating_add(u32::try_from(column.saturating_sub(1)).unwrap_or(0)).min(length)
    }

    /// Line and column of a byte, both counted from 1; columns count characters.
    pub fn line_column(&self, byte: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte).saturating_sub(1);
        let start = self.line_starts[line] as usize;
        let end = (byte as usize).clamp(start, self.text.len());
        let column = self.text.get(start..end).map_or(end - start, |text| text.chars().count());
        (line + 1, column + 1)
    }
}

/// All files that took part in one load, in the order they were read.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<Arc<SourceFile>>,
}

impl SourceMap {
    /// Adds a file and returns its index.
    pub fn add(&mut self, name: impl Into<String>, path: &Path, text: impl Into<String>) -> u32 {
        let index = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(Arc::new(SourceFile::new(name.into(), path.to_owned(), text.into())));
        index
    }

    /// The file of that index.
    pub fn file(&self, index: u32) -> Option<&Arc<SourceFile>> {
        self.files.get(index as usize)
    }

    /// The text a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .and_then(|file| file.text.get(span.start as usize..span.end as usize))
            .unwrap_or_default()
    }

    /// `file:line:column` of a span's first character.
    pub fn place(&self, span: Span) -> String {
        self.file(span.file).map_or_else(String::new, |file| {
            let (line, column) = file.line_column(span.start);
            format!("{}:{line}:{column}", file.name)
        })
    }
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not do what its author meant.
    Warning,
}

/// A second place that belongs to a diagnostic: a caller, an include, the other end of a contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// What the place has to do with it, such as `included here`.
    pub note: String,
    /// The place.
    pub span: Span,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name of the kind of problem, such as `unknown-field`.
    pub code: &'static str,
    /// The cause, in one line.
    pub message: String,
    /// The place, when the problem has one.
    pub span: Option<Span>,
    /// What the underlined text is, shown under it.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where in the job the problem is, such as `Job[app] > task > processes[1] 'serve' > cmdline`.
    pub field: Option<String>,
    /// Callers and includes, innermost first.
    pub related: Vec<Related>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: None,
            label: String::new(),
            help: None,
            field: None,
            related: Vec::new(),
        }
    }

    /// A warning without a place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Sets the place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// Sets the place if one is known.
    #[must_use]
    pub fn at_maybe(mut self, span: Option<Span>) -> Self {
        self.span = span.or(self.span);
        self
    }

    /// Sets the text under the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Sets the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the remedy if there is one.
    #[must_use]
    pub fn help_maybe(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Sets the field path.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// Everything found wrong in one load, with the sources to show it in.
#[derive(Clone)]
pub struct Diagnostics {
    /// The problems, in the order they were found.
    pub items: Vec<Diagnostic>,
    sources: SourceMap,
}

impl Diagnostics {
    /// The problems together with the files they speak of.
    pub fn new(items: Vec<Diagnostic>, sources: SourceMap) -> Self {
        Self { items, sources }
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error)
    }

    /// The files they speak of.
    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// Shows all of them with source excerpts. With `colour`, in terminal colours.
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }

    /// One line each, `file:line:column: error: message (help)`, for logs and simple terminals.
    pub fn lines(&self) -> Vec<String> {
        self.items.iter().map(|item| render::line(item, &self.sources)).collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(false))
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
