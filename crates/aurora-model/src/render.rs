//! Values and raw data as text, the way upstream's messages and templates show them.

use std::fmt::{self, Write};
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Error;
use crate::interpolate::{Context, Escapes};
use crate::raw::{Raw, RawData};
use crate::value::{Body, Value};

/// A floating point number as Python 3 writes it: shortest form that reads back the same, always with a point or an
/// exponent.
///
/// ```
/// assert_eq!(aurora_model::float_text(1.0), "1.0");
/// assert_eq!(aurora_model::float_text(1e20), "1e+20");
/// ```
#[must_use]
pub fn float_text(number: f64) -> String {
    if !number.is_finite() {
        let text = if number.is_nan() { "nan" } else { "inf" };
        return if number == f64::NEG_INFINITY { format!("-{text}") } else { text.to_owned() };
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = number.to_string();
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A text as Python would write it: in single quotes, or in double ones if it has single ones only.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    // Writing to a string cannot fail.
    let _ = write_quoted(&mut out, text);
    out
}

fn write_quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    let is_special = |letter: char| letter == '\\' || letter == quote || letter.is_control();
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        out.write_str(&rest[..at])?;
        let mut letters = rest[at..].chars();
        match letters.next().unwrap_or(quote) {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            letter if letter.is_control() => write!(out, "\\x{:02x}", u32::from(letter))?,
            letter => write!(out, "\\{letter}")?,
        }
        rest = letters.as_str();
    }
    out.write_str(rest)?;
    out.write_char(quote)
}

/// Raw data as text, without quotes around a text.
pub(crate) fn raw_text(data: &RawData) -> Arc<str> {
    match data {
        RawData::Str(text) => Arc::clone(text),
        RawData::Value(value) => value.text_lossy(),
        _ => raw_repr(data),
    }
}

/// Raw data as it would be written in a file.
pub(crate) fn raw_repr(data: &RawData) -> Arc<str> {
    let mut out = Bounded { text: String::new(), left: MAX_RAW_BYTES };
    if write_raw(&mut out, data).is_err() {
        out.text.push('…');
    }
    out.text.into()
}

/// Longer data is cut off in messages.
const MAX_RAW_BYTES: usize = 16 << 10;

/// A text that refuses to grow beyond its bound.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.left = self.left.checked_sub(part.len()).ok_or(fmt::Error)?;
        self.text.push_str(part);
        Ok(())
    }
}

fn write_raw(out: &mut Bounded, data: &RawData) -> fmt::Result {
    match data {
        RawData::Empty => out.write_str("Empty"),
        RawData::None => out.write_str("None"),
        RawData::Bool(true) => out.write_str("True"),
        RawData::Bool(false) => out.write_str("False"),
        RawData::Int(number) => write!(out, "{number}"),
        RawData::Float(number) => out.write_str(&float_text(*number)),
        RawData::Str(text) => write_quoted(out, text),
        RawData::List(items) => {
            write_list(out, "[", items, |out, item| write_raw(out, &item.data))?;
            out.write_str("]")
        }
        RawData::Map(entries) => {
            write_list(out, "{", entries, |out, (key, value)| {
                write_raw(out, &key.data)?;
                out.write_str(": ")?;
                write_raw(out, &value.data)
            })?;
            out.write_str("}")
        }
        RawData::Value(value) => out.write_str(&value.repr_lossy()),
        RawData::Environment(environment) => {
            let entries: Vec<_> = environment.entries().map(|(key, _)| key.to_string()).collect();
            write!(out, "Environment({})", entries.join(", "))
        }
        RawData::Other(text) => out.write_str(text),
    }
}

fn write_list<W: Write, T>(
    out: &mut W,
    open: &str,
    items: &[T],
    mut write_item: impl FnMut(&mut W, &T) -> fmt::Result,
) -> fmt::Result {
    out.write_str(open)?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.write_str(", ")?;
        }
        write_item(out, item)?;
    }
    Ok(())
}

impl Value {
    /// The text a reference to this value is replaced with: scalars resolve and print, containers print a debug form
    /// (`spec/config.md` §1.7).
    ///
    /// # Errors
    /// As [`Value::interpolate`].
    pub fn text(&self) -> Result<Arc<str>, Error> {
        let budget = Budget::default();
        self.text_in(&Context::new(&budget, Escapes::Strip))
    }

    pub(crate) fn text_in(&self, context: &Context<'_>) -> Result<Arc<str>, Error> {
        let interpolated = context.interpolated(self)?;
        if let Body::Scalar { raw, .. } = &interpolated.node.body {
            return Ok(raw_text(raw));
        }
        let mut out = String::new();
        let _ = write_resolved(&mut out, &interpolated);
        context.budget.bytes_made(out.len())?;
        Ok(out.into())
    }

    /// The value as an expression, type name included: `String(x)`.
    ///
    /// # Errors
    /// As [`Value::interpolate`].
    pub fn repr(&self) -> Result<String, Error> {
        match &self.node.body {
            Body::Scalar { ty, .. } => Ok(format!("{}({})", ty.name(), self.text()?)),
            Body::Choice { ty, raw } => Ok(format!("{}({})", ty.name(), raw_repr(&raw.data))),
            _ => self.text().map(|text| text.to_string()),
        }
    }

    /// The text as far as it can be had.
    pub(crate) fn text_lossy(&self) -> Arc<str> {
        self.text().unwrap_or_else(|_| match &self.node.body {
            Body::Scalar { raw: RawData::Value(inner), .. } => inner.text_lossy(),
            Body::Scalar { raw, .. } | Body::Choice { raw: Raw { data: raw, .. }, .. } => raw_text(raw),
            _ => format!("{}(…)", self.ty().name()).into(),
        })
    }

    /// The expression as far as it can be had.
    pub(crate) fn repr_lossy(&self) -> String {
        self.repr().unwrap_or_else(|_| format!("{}({})", self.ty().name(), self.text_lossy()))
    }
}

/// Writes a value that is interpolated already.
fn write_resolved(out: &mut String, value: &Value) -> fmt::Result {
    match &value.node.body {
        Body::Scalar { raw, .. } => out.write_str(&raw_text(raw)),
        Body::List { ty, items } => {
            write_list(out, &format!("{}(", ty.name()), items, write_resolved)?;
            out.write_str(")")
        }
        Body::Map { ty, entries } => {
            write_list(out, &format!("{}(", ty.name()), entries, |out, (key, value)| {
                write_resolved(out, key)?;
                out.write_str(" => ")?;
                write_resolved(out, value)
            })?;
            out.write_str(")")
        }
        Body::Struct { ty, fields } => {
            write!(out, "{}(", ty.name())?;
            let indent = format!(",\n{}", " ".repeat(ty.name().chars().count() + 1));
            let set = ty.fields().zip(fields).filter_map(|((name, _), field)| Some((name, field.as_ref()?)));
            for (position, (name, field)) in set.enumerate() {
                if position > 0 {
                    out.write_str(&indent)?;
                }
                write!(out, "{name}=")?;
                write_resolved(out, field)?;
            }
            out.write_str(")")
        }
        Body::Choice { raw: Raw { data: RawData::Value(inner), .. }, .. } => write_resolved(out, inner),
        Body::Choice { raw, .. } => out.write_str(&raw_text(&raw.data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_like_pythons() {
        let shown: Vec<_> = [1.0, -0.5, 1e15, 1e16, 1.5e300, 1e-4, 1e-5, 0.0, -0.0, f64::INFINITY, 0.1 + 0.2]
            .into_iter()
            .map(float_text)
            .collect();
        let expected =
            "1.0 -0.5 1000000000000000.0 1e+16 1.5e+300 0.0001 1e-05 0.0 -0.0 inf 0.30000000000000004";
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn texts_are_quoted_like_pythons() {
        assert_eq!(quoted("a'b"), "\"a'b\"");
        assert_eq!(quoted("a'\"b\n"), "'a\\'\"b\\n'");
    }

    #[test]
    fn long_data_is_cut_off_in_messages() {
        let inner = Raw::list(vec![Raw::from("x".repeat(1000)); 100]);
        assert!(raw_repr(&inner.data).len() < MAX_RAW_BYTES + 10);
    }
}
