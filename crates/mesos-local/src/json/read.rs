//! From JSON to messages.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};
use serde_json::{Map, Value as Json};

use super::JsonError;

/// A message; keys that are not its fields are passed over, and `null` is as good as absent.
pub fn message(
    object: &Map<String, Json>,
    descriptor: &MessageDescriptor,
    path: &str,
) -> Result<DynamicMessage, JsonError> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (key, json) in object.iter().filter(|(_, json)| !json.is_null()) {
        let Some(field) = descriptor.get_field_by_name(key) else { continue };
        let path = format!("{path}{key}");
        if let Some(value) = field_value(json, &field, &path)? {
            message.set_field(&field, value);
        }
    }
    Ok(message)
}

fn field_value(json: &Json, field: &FieldDescriptor, path: &str) -> Result<Option<Value>, JsonError> {
    if field.is_map() {
        return map(json, field, path).map(Some);
    }
    let is_required = field.cardinality() == prost_reflect::Cardinality::Required;
    if !field.is_list() {
        return single(json, &field.kind(), is_required, path);
    }
    // One that stands alone is a list of one.
    let items = match json {
        Json::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    let mut values = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        values.extend(single(item, &field.kind(), false, &format!("{path}[{index}]"))?);
    }
    Ok(Some(Value::List(values)))
}

fn map(json: &Json, field: &FieldDescriptor, path: &str) -> Result<Value, JsonError> {
    let (Json::Object(object), Kind::Message(entry)) = (json, field.kind()) else {
        return Err(unfit(path, "a JSON object", json));
    };
    let kind = entry.map_entry_value_field().kind();
    let mut entries = HashMap::new();
    for (key, json) in object {
        if let Some(value) = single(json, &kind, false, &format!("{path}.{key}"))? {
            entries.insert(MapKey::String(key.clone()), value);
        }
    }
    Ok(Value::Map(entries))
}

/// One value. An enum's unknown name is nothing, unless there must be something.
fn single(json: &Json, kind: &Kind, is_required: bool, path: &str) -> Result<Option<Value>, JsonError> {
    let value = match kind {
        Kind::Message(descriptor) => match json {
            Json::Object(object) => Value::Message(message(object, descriptor, &format!("{path}."))?),
            other => return Err(unfit(path, "a JSON object", other)),
        },
        Kind::Enum(descriptor) => return named(json, descriptor, is_required, path),
        Kind::String => Value::String(text(json, path)?.to_owned()),
        Kind::Bytes => {
            let decoded = STANDARD.decode(text(json, path)?);
            Value::Bytes(decoded.map_err(|error| problem(path, &format!("no base64: {error}")))?.into())
        }
        Kind::Bool => match json {
            Json::Bool(value) => Value::Bool(*value),
            Json::String(text) if text == "true" => Value::Bool(true),
            Json::String(text) if text == "false" => Value::Bool(false),
            other => return Err(unfit(path, "true or false", other)),
        },
        Kind::Double => Value::F64(double(json, path)?),
        #[allow(clippy::cast_possible_truncation, reason = "a float is what the field is")]
        Kind::Float => Value::F32(double(json, path)? as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(integer(json, path)?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(integer(json, path)?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(integer(json, path)?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(integer(json, path)?),
    };
    Ok(Some(value))
}

fn named(
    json: &Json,
    descriptor: &EnumDescriptor,
    is_required: bool,
    path: &str,
) -> Result<Option<Value>, JsonError> {
    let name = text(json, path)?;
    match descriptor.get_value_by_name(name) {
        Some(value) => Ok(Some(Value::EnumNumber(value.number()))),
        None if is_required => Err(problem(path, &format!("'{name}' is no value of {}", descriptor.name()))),
        None => Ok(None),
    }
}

fn text<'a>(json: &'a Json, path: &str) -> Result<&'a str, JsonError> {
    json.as_str().ok_or_else(|| unfit(path, "a JSON string", json))
}

fn double(json: &Json, path: &str) -> Result<f64, JsonError> {
    let value = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) if text == "Infinity" => Some(f64::INFINITY),
        Json::String(text) if text == "-Infinity" => Some(f64::NEG_INFINITY),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    value.ok_or_else(|| unfit(path, "a JSON number", json))
}

/// A whole number, as `15`, `15.0` or `"15"`.
fn integer<N: TryFrom<i128>>(json: &Json, path: &str) -> Result<N, JsonError> {
    let whole = match json {
        Json::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| number.as_f64().and_then(from_double)),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    whole
        .and_then(|whole| N::try_from(whole).ok())
        .ok_or_else(|| unfit(path, "a whole number in the field's range", json))
}

#[allow(clippy::cast_possible_truncation, reason = "checked to be whole and small enough")]
fn from_double(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < 9.3e18).then_some(number as i128)
}

fn unfit(path: &str, wanted: &str, json: &Json) -> JsonError {
    problem(path, &format!("expecting {wanted}, not {json}"))
}

fn problem(path: &str, problem: &str) -> JsonError {
    JsonError::Field { field: path.to_owned(), problem: problem.to_owned() }
}
