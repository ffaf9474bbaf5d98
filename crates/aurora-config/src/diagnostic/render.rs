//! Draws diagnostics in the manner of a compiler: excerpt, underline, help.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, SourceSpan};

use super::{Diagnostic, Diagnostics, Severity, SourceFile, SourceMap};

/// One diagnostic in the shape `miette` draws.
struct Drawn<'a> {
    item: &'a Diagnostic,
    source: Option<NamedSource<SourceText>>,
}

/// The shared text of a file, so that drawing does not copy it.
struct SourceText(Arc<SourceFile>);

impl SourceCode for SourceText {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        self.0.text.read_span(span, before, after)
    }
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.item.message)
    }
}

impl fmt::Debug for Drawn<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.item.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.item.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.item.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.item.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.item.span?;
        let text = Some(self.item.label.clone()).filter(|label| !label.is_empty());
        let length = span.end.saturating_sub(span.start) as usize;
        Some(Box::new(std::iter::once(LabeledSpan::new(text, span.start as usize, length))))
    }
}

pub(super) fn render(all: &Diagnostics, colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_links(false);
    let mut out = String::new();
    for (index, item) in all.items.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        draw(&handler, item, &all.sources, &mut out);
    }
    out
}

fn draw(handler: &GraphicalReportHandler, item: &Diagnostic, sources: &SourceMap, out: &mut String) {
    let source = item
        .span
        .and_then(|span| sources.file(span.file))
        .map(|file| NamedSource::new(&file.name, SourceText(Arc::clone(file))));
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, &Drawn { item, source }).is_err() {
        // An excerpt that cannot be drawn must not hide the problem itself.
        drawn = line(item, sources) + "\n";
    }
    out.push_str(&drawn);
    if let Some(field) = &item.field {
        out.push_str("  in ");
        out.push_str(field);
        out.push('\n');
    }
    for related in &item.related {
        let _ = writeln!(out, "  {} at {}", related.note, sources.place(related.span));
    }
}

/// The whole diagnostic in one line.
pub(super) fn line(item: &Diagnostic, sources: &SourceMap) -> String {
    let kind = match item.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = String::new();
    if let Some(span) = item.span {
        let _ = write!(out, "{}: ", sources.place(span));
    }
    let _ = write!(out, "{kind}: {}", item.message);
    if let Some(help) = &item.help {
        let _ = write!(out, " ({help})");
    }
    out
}
