//! JSON in and out.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::budget::Budget;
use crate::error::Error;
use crate::interpolate::Escapes;
use crate::raw::{Raw, RawData};
use crate::render::float_text;
use crate::types::{ChoiceType, StructType, Type};
use crate::value::Value;

/// What becomes of keys in JSON that a struct does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownKeys {
    /// They are an error.
    Reject,
    /// They are dropped at the top and in structs directly below one another, but are an error in lists, maps and
    /// choices: upstream's non-strict reader (`spec/config.md` §1.10).
    IgnoreInStructs,
    /// They are dropped everywhere: for executor data, which may be newer than its reader (`spec/config.md` §5.3).
    Ignore,
}

impl Type {
    /// Reads a value from JSON text.
    ///
    /// # Errors
    /// [`Error::Json`] if it is not JSON, [`Error::UnknownFields`] as `unknown` says, and data the type cannot take.
    pub fn from_json_text(&self, text: &str, unknown: UnknownKeys) -> Result<Value, Error> {
        let json =
            serde_json::from_str(text).map_err(|error| Error::Json { message: error.to_string().into() })?;
        self.from_json(&json, unknown)
    }

    /// Reads a value from JSON.
    ///
    /// # Errors
    /// As [`Type::from_json_text`].
    pub fn from_json(&self, json: &Json, unknown: UnknownKeys) -> Result<Value, Error> {
        let raw = Raw::from(json);
        let filtered = match (unknown, self) {
            (UnknownKeys::Reject, _) => raw,
            (_, Self::Struct(ty)) => filter_struct(ty, &raw, unknown),
            (UnknownKeys::IgnoreInStructs, _) => raw,
            (UnknownKeys::Ignore, _) => filter(self, &raw),
        };
        self.call(&[filtered], &[])
    }
}

impl From<&Json> for Raw {
    fn from(json: &Json) -> Self {
        Raw::new(match json {
            Json::Null => RawData::None,
            Json::Bool(truth) => RawData::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(whole), ..) => RawData::Int(whole),
                (None, None, Some(float)) => RawData::Float(float),
                _ => RawData::Other(number.to_string().into()),
            },
            Json::String(text) => RawData::Str(text.as_str().into()),
            Json::Array(items) => RawData::List(items.iter().map(Raw::from).collect()),
            Json::Object(entries) => RawData::Map(
                entries.iter().map(|(key, value)| (Raw::from(key.as_str()), Raw::from(value))).collect(),
            ),
        })
    }
}

fn filter(ty: &Type, raw: &Raw) -> Raw {
    match (ty, &raw.data) {
        (Type::Struct(ty), _) => filter_struct(ty, raw, UnknownKeys::Ignore),
        (Type::List(ty), RawData::List(items)) => {
            Raw::list(items.iter().map(|item| filter(ty.element(), item))).at(raw.origin)
        }
        (Type::Map(ty), RawData::Map(entries)) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), filter(ty.value(), value)));
            Raw::new(RawData::Map(entries.collect())).at(raw.origin)
        }
        (Type::Choice(ty), RawData::Map(_)) => filter_choice(ty, raw),
        _ => raw.clone(),
    }
}

fn filter_struct(ty: &StructType, raw: &Raw, unknown: UnknownKeys) -> Raw {
    let RawData::Map(entries) = &raw.data else { return raw.clone() };
    let kept = entries.iter().filter_map(|(key, value)| {
        let field = ty.field(key.as_str()?)?.ty();
        let value = match (unknown, field) {
            (UnknownKeys::Ignore, _) => filter(field, value),
            (_, Type::Struct(inner)) => filter_struct(inner, value, unknown),
            _ => value.clone(),
        };
        Some((key.clone(), value))
    });
    Raw::new(RawData::Map(kept.collect())).at(raw.origin)
}

/// Data that an alternative takes as it is stays; else the alternative that keeps most of its keys, and lacks nothing,
/// decides which are dropped.
fn filter_choice(ty: &ChoiceType, raw: &Raw) -> Raw {
    let takes =
        |alternative: &Type, raw: &Raw| alternative.accept(raw).is_ok_and(|value| value.check().is_ok());
    if ty.alternatives().iter().any(|alternative| takes(alternative, raw)) {
        return raw.clone();
    }
    let filtered = ty.alternatives().iter().map(|alternative| (alternative, filter(alternative, raw)));
    let fitting = filtered.filter(|(alternative, kept)| takes(alternative, kept)).map(|(_, kept)| kept);
    // Of equals the first counts, as everywhere in a choice.
    fitting.rev().max_by_key(keys).unwrap_or_else(|| raw.clone())
}

fn keys(raw: &Raw) -> usize {
    match &raw.data {
        RawData::Map(entries) => entries.len(),
        _ => 0,
    }
}

impl Value {
    /// The interpolated value as JSON: unset fields left out, unresolved text kept, fields in the order of their
    /// declaration (`spec/config.md` §1.10).
    ///
    /// # Errors
    /// As [`Value::interpolate`], and numbers that JSON cannot hold.
    pub fn to_json(&self) -> Result<Json, Error> {
        self.to_json_within(Escapes::Strip, &Budget::default())
    }

    /// As [`Value::to_json`], with a say in escapes and costs.
    ///
    /// # Errors
    /// As [`Value::to_json`], or the budget is used up.
    pub fn to_json_within(&self, escapes: Escapes, budget: &Budget) -> Result<Json, Error> {
        json_of(&self.interpolate_within(escapes, budget)?.value.get()?.data)
    }
}

fn json_of(data: &RawData) -> Result<Json, Error> {
    Ok(match data {
        RawData::None | RawData::Empty => Json::Null,
        RawData::Bool(truth) => Json::Bool(*truth),
        RawData::Int(number) => Json::from(*number),
        RawData::Float(number) => {
            Json::Number(serde_json::Number::from_f64(*number).ok_or_else(|| not_json(data))?)
        }
        RawData::Str(text) => Json::String(text.to_string()),
        RawData::List(items) => {
            Json::Array(items.iter().map(|item| json_of(&item.data)).collect::<Result<_, _>>()?)
        }
        RawData::Map(entries) => {
            let entries =
                entries.iter().map(|(key, value)| Ok((key_text(&key.data)?, json_of(&value.data)?)));
            Json::Object(entries.collect::<Result<_, Error>>()?)
        }
        RawData::Value(value) => json_of(&value.get()?.data)?,
        RawData::Environment(_) | RawData::Other(_) => return Err(not_json(data)),
    })
}

/// JSON keys are text; Python's writer turns numbers and truth values into theirs.
fn key_text(data: &RawData) -> Result<String, Error> {
    match data {
        RawData::Str(text) => Ok(text.to_string()),
        RawData::Int(number) => Ok(number.to_string()),
        RawData::Float(number) => Ok(float_text(*number)),
        RawData::Bool(truth) => Ok(truth.to_string()),
        _ => Err(not_json(data)),
    }
}

fn not_json(data: &RawData) -> Error {
    Error::Json { message: format!("{} cannot be written as JSON", crate::render::raw_repr(data)).into() }
}

/// JSON as one line, as Python's `json.dumps` writes it: `", "` and `": "` between, everything beyond ASCII escaped,
/// keys in the order given.
#[must_use]
pub fn python_json(json: &Json) -> String {
    json_text(json, false)
}

/// JSON as one line with sorted keys: equal data gives equal text, so that a diff shows only real changes
/// (`spec/config.md` §5.3).
#[must_use]
pub fn canonical_json(json: &Json) -> String {
    json_text(json, true)
}

/// JSON as one line in Python's formatting, keys sorted on demand.
#[must_use]
pub fn json_text(json: &Json, sorted: bool) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_json(&mut out, json, sorted);
    out
}

fn write_json(out: &mut String, json: &Json, sorted: bool) -> std::fmt::Result {
    match json {
        Json::Null | Json::Bool(_) => write!(out, "{json}"),
        Json::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.write_str(&float_text(float)),
            _ => write!(out, "{number}"),
        },
        Json::String(text) => write_json_text(out, text),
        Json::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                write_json(out, item, sorted)?;
            }
            out.write_char(']')
        }
        Json::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            if sorted {
                entries.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (position, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if position > 0 { ", " } else { "" });
                write_json_text(out, key)?;
                out.push_str(": ");
                write_json(out, value, sorted)?;
            }
            out.write_char('}')
        }
    }
}

fn write_json_text(out: &mut String, text: &str) -> std::fmt::Result {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_char('"')
}

impl Value {
    /// [`Value::to_json`] as canonical text, escapes kept for the stage that runs the task.
    ///
    /// # Errors
    /// As [`Value::to_json`].
    pub fn to_canonical_json(&self) -> Result<Arc<str>, Error> {
        Ok(canonical_json(&self.to_json_within(Escapes::Keep, &Budget::default())?).into())
    }
}
