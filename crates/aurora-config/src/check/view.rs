//! Reads fields of an interpolated object without evaluating anything again.

use aurora_model::{RawData, Type, Value};

use crate::diagnostic::Span;
use crate::origin::unpack;

/// A scalar field as text; `None` if unset.
pub(crate) fn text(object: &Value, field: &str) -> Option<String> {
    scalar_text(object.raw_field(field)?)
}

pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value.raw_data()? {
        RawData::Str(text) => Some(text.to_string()),
        RawData::Int(number) => Some(number.to_string()),
        RawData::Float(number) => Some(aurora_model::float_text(*number)),
        RawData::Bool(true) => Some("True".to_owned()),
        RawData::Bool(false) => Some("False".to_owned()),
        _ => None,
    }
}

pub(crate) fn int(object: &Value, field: &str) -> Option<i64> {
    match object.raw_field(field)?.raw_data()? {
        RawData::Int(number) => Some(*number),
        RawData::Bool(truth) => Some(i64::from(*truth)),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "the fields are Floats; whole numbers in them are small")]
pub(crate) fn float(object: &Value, field: &str) -> Option<f64> {
    match object.raw_field(field)?.raw_data()? {
        RawData::Float(number) => Some(*number),
        RawData::Int(number) => Some(*number as f64),
        _ => None,
    }
}

pub(crate) fn flag(object: &Value, field: &str) -> Option<bool> {
    match object.raw_field(field)?.raw_data()? {
        RawData::Bool(truth) => Some(*truth),
        _ => None,
    }
}

pub(crate) fn list<'v>(object: &'v Value, field: &str) -> &'v [Value] {
    object.raw_field(field).and_then(Value::raw_elements).unwrap_or_default()
}

/// The pairs of a map of texts, in order.
pub(crate) fn map(object: &Value, field: &str) -> Vec<(String, String, Option<Span>)> {
    let entries = object.raw_field(field).and_then(|map| map.entries().ok()).unwrap_or_default();
    entries
        .iter()
        .filter_map(|(key, value)| Some((scalar_text(key)?, scalar_text(value)?, value.origin().map(unpack))))
        .collect()
}

/// Where a field was written, else where its object was.
pub(crate) fn place(object: &Value, field: &str) -> Option<Span> {
    object.raw_field(field).and_then(Value::origin).or_else(|| object.origin()).map(unpack)
}

/// The object in a field; of a choice, the one it took.
pub(crate) fn object(object: &Value, field: &str) -> Option<Value> {
    let value = object.raw_field(field)?;
    if matches!(value.ty(), Type::Choice(_)) { value.unwrapped().ok() } else { Some(value.clone()) }
}

/// The name of the struct an object is of.
pub(crate) fn kind(object: &Value) -> String {
    object.ty().name().to_string()
}
