//! Mustache texts: literals, references and escapes (`spec/config.md` §1.6).

use std::ops::Range;

use crate::reference::{InvalidAddress, Ref};

/// A text split at its mustaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<'a> {
    /// The parts in order.
    pub segments: Vec<Segment<'a>>,
}

/// One part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Text without mustaches.
    Literal(&'a str),
    /// `{{&content}}`: shown as `{{content}}`, never looked up.
    Escape(&'a str),
    /// `{{address}}`.
    Reference {
        /// The parsed address.
        reference: Ref,
        /// Where it stands in the text, braces included, in bytes.
        span: Range<usize>,
    },
}

/// A mustache whose content is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invalid}")]
pub struct TemplateError {
    /// What is wrong with the content.
    pub invalid: InvalidAddress,
    /// Where the mustache stands in the text, braces included, in bytes.
    pub span: Range<usize>,
}

impl<'a> Template<'a> {
    /// Splits a text at its mustaches.
    ///
    /// # Errors
    /// The first mustache whose content is not an address. [`Template::findings`] has them all.
    pub fn parse(text: &'a str) -> Result<Self, TemplateError> {
        Self::split(text, Err)
    }

    /// As [`Template::parse`], with mustaches whose content is not an address as literals.
    #[must_use]
    pub fn parse_lossy(text: &'a str) -> Self {
        let literal = |error: TemplateError| Ok(Segment::Literal(&text[error.span]));
        let split: Result<Self, std::convert::Infallible> = Self::split(text, literal);
        match split {
            Ok(template) => template,
        }
    }

    fn split<E>(text: &'a str, invalid: impl Fn(TemplateError) -> Result<Segment<'a>, E>) -> Result<Self, E> {
        let mut segments = Vec::new();
        let mut end = 0;
        for mustache in mustaches(text) {
            if mustache.span.start > end {
                segments.push(Segment::Literal(&text[end..mustache.span.start]));
            }
            end = mustache.span.end;
            segments.push(match mustache.escaped {
                true => Segment::Escape(mustache.content),
                false => match Ref::parse(mustache.content) {
                    Ok(reference) => Segment::Reference { reference, span: mustache.span },
                    Err(error) => invalid(TemplateError { invalid: error, span: mustache.span })?,
                },
            });
        }
        if end < text.len() {
            segments.push(Segment::Literal(&text[end..]));
        }
        Ok(Self { segments })
    }

    /// Every mustache of a text whose content is not an address: a lint can show them all, and repair those whose
    /// finding is [`SurroundingSpaces`](crate::AddressFinding::SurroundingSpaces).
    #[must_use]
    pub fn findings(text: &str) -> Vec<TemplateError> {
        mustaches(text)
            .filter(|mustache| !mustache.escaped)
            .filter_map(|m| {
                Ref::parse(m.content).err().map(|invalid| TemplateError { invalid, span: m.span })
            })
            .collect()
    }

    /// The references in order, repeated ones too.
    pub fn references(&self) -> impl Iterator<Item = &Ref> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Reference { reference, .. } => Some(reference),
            _ => None,
        })
    }
}

struct Mustache<'a> {
    escaped: bool,
    content: &'a str,
    span: Range<usize>,
}

/// The mustaches of a text, left to right: `{{`, a run without braces, `}}`.
fn mustaches(text: &str) -> impl Iterator<Item = Mustache<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(found) = text[from..].find("{{") {
            let start = from + found;
            let run = &text[start + 2..];
            let length = run.find(['{', '}']).unwrap_or(run.len());
            if length == 0 || !run[length..].starts_with("}}") {
                // The next brace may open a mustache of its own: `{{{k}}}`.
                from = if length == 0 { start + 1 } else { start + 2 + length };
                continue;
            }
            let span = start..start + 2 + length + 2;
            from = span.end;
            return Some(mustache(&run[..length], span));
        }
        None
    })
}

/// `&content` and `&content&` are escapes, as long as something is left between.
fn mustache(inner: &str, span: Range<usize>) -> Mustache<'_> {
    match inner.strip_prefix('&') {
        Some(content) if !content.is_empty() => {
            let trimmed = content.strip_suffix('&').filter(|shorter| !shorter.is_empty());
            Mustache { escaped: true, content: trimmed.unwrap_or(content), span }
        }
        _ => Mustache { escaped: false, content: inner, span },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let segments = Template::parse(text).unwrap().segments;
        segments
            .iter()
            .map(|segment| match segment {
                Segment::Literal(text) => format!("L{text}"),
                Segment::Escape(text) => format!("E{text}"),
                Segment::Reference { reference, .. } => format!("R{reference}"),
            })
            .collect()
    }

    #[test]
    fn texts_split_at_their_mustaches() {
        assert_eq!(shown("a {{b}} c{{d[e]}}"), ["La ", "Rb", "L c", "Rd[e]"]);
        assert_eq!(shown("{{{k}}}"), ["L{", "Rk", "L}"]);
        assert_eq!(shown("{{{{k}}}}"), ["L{{", "Rk", "L}}"]);
        assert_eq!(shown("{{k}}}}"), ["Rk", "L}}"]);
        assert_eq!(shown("{{k} {{l}}"), ["L{{k} ", "Rl"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }

    #[test]
    fn escapes_keep_their_content_unread() {
        assert_eq!(shown("{{&k}}"), ["Ek"]);
        assert_eq!(shown("{{&k&}}"), ["Ek"]);
        assert_eq!(shown("{{&&}}"), ["E&"]);
        assert_eq!(shown("{{&&&}}"), ["E&"]);
        assert_eq!(shown("{{& any thing #1}}"), ["E any thing #1"]);
    }

    #[test]
    fn every_bad_mustache_is_found() {
        let findings = Template::findings("{{ a }} {{b}} {{c-d}} {{&e f}}");
        let spans: Vec<_> = findings.iter().map(|f| f.span.clone()).collect();
        assert_eq!(spans, [0..7, 14..21]);
    }
}
