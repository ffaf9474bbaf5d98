//! From messages to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use serde_json::{Map, Number, Value as Json};

/// A message as an object. A field with an explicit default is written even when it is unset, and so are
/// the empty lists of two answers to operators.
pub fn message(message: &DynamicMessage) -> Json {
    let are_lists_written = matches!(message.descriptor().name(), "GetAgents" | "GetTasks");
    let mut object = Map::new();
    for field in message.descriptor().fields() {
        let is_written =
            message.has_field(&field) || is_written_unset(&field) || (are_lists_written && field.is_list());
        if !is_written {
            continue;
        }
        if let Some(json) = value(&message.get_field(&field), &field.kind()) {
            object.insert(field.name().to_owned(), json);
        }
    }
    Json::Object(object)
}

/// The deprecated fields that have a default are both called `role`; those stay out.
fn is_written_unset(field: &FieldDescriptor) -> bool {
    field.field_descriptor_proto().default_value.is_some() && field.name() != "role"
}

/// A value; nothing for a number that is none of the enum's.
fn value(value: &Value, kind: &Kind) -> Option<Json> {
    Some(match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::I32(number) => Json::from(*number),
        Value::I64(number) => Json::from(*number),
        Value::U32(number) => Json::from(*number),
        Value::U64(number) => Json::from(*number),
        Value::F32(number) => double(f64::from(*number)),
        Value::F64(number) => double(*number),
        Value::String(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
        Value::EnumNumber(number) => Json::String(kind.as_enum()?.get_value(*number)?.name().to_owned()),
        Value::Message(inner) => message(inner),
        Value::List(items) => Json::Array(items.iter().filter_map(|item| self::value(item, kind)).collect()),
        Value::Map(entries) => map(entries, kind),
    })
}

fn map(entries: &std::collections::HashMap<MapKey, Value>, kind: &Kind) -> Json {
    let inner = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
    let mut named: Vec<(&str, Json)> = entries
        .iter()
        .filter_map(|(key, value)| Some((key.as_str()?, self::value(value, inner.as_ref()?)?)))
        .collect();
    // The same message has the same text.
    named.sort_by_key(|(name, _)| *name);
    Json::Object(named.into_iter().map(|(key, json)| (key.to_owned(), json)).collect())
}

fn double(number: f64) -> Json {
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::String("NaN".to_owned()),
        None if number > 0.0 => Json::String("Infinity".to_owned()),
        None => Json::String("-Infinity".to_owned()),
    }
}
