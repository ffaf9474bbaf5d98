//! `json`.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::natives;
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Key, Native, Value};

/// Widest indent of a level.
const INDENT_MAX: usize = 16;

pub(super) fn members(interp: &Interp) -> Vec<(&'static str, Value)> {
    let mut members = natives(NATIVES);
    members.push(("JSONDecodeError", Value::Class(interp.exceptions.get("ValueError"))));
    members
}

static NATIVES: &[Native] = &[
    Native { name: "loads", call: loads },
    Native { name: "load", call: loads },
    Native { name: "dumps", call: dumps },
];

fn loads(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let source = match interp.required(&mut args, "loads", 0, "text")? {
        Value::File(file) => file.read(None),
        other => other,
    };
    let Some(text) = source.as_text() else {
        return interp.type_error(format!("JSON is read from texts and files, not {}", source.type_name()));
    };
    interp.budget.bytes(text.len().saturating_mul(6))?;
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => from_json(interp, &json),
        Err(error) => interp.value_error(format!("not valid JSON: {error}")),
    }
}

fn from_json(interp: &mut Interp, json: &Json) -> Eval<Value> {
    interp.budget.step()?;
    Ok(match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(i128::from(number)),
            (None, Some(number)) => Value::Int(i128::from(number)),
            _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => interp.text(text.as_str())?,
        Json::Array(items) => {
            let items = items.iter().map(|item| from_json(interp, item)).collect::<Eval<_>>()?;
            interp.list(items)?
        }
        Json::Object(entries) => {
            let mut map = IndexMap::new();
            for (key, value) in entries {
                map.insert(Key::text(key), from_json(interp, value)?);
            }
            interp.budget.values(map.len() * 2)?;
            Value::dict(map)
        }
    })
}

fn dumps(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let value = interp.required(&mut args, "dumps", 0, "obj")?;
    let sorted = match args.take_keyword("sort_keys") {
        Some(value) => interp.truthy(&value)?,
        None => false,
    };
    let indent = args.take_keyword("indent").and_then(|indent| usize::try_from(indent.as_int()?).ok());
    let json = to_json(interp, &value, 0)?;
    let text = match indent {
        None => aurora_model::json_text(&json, sorted),
        Some(indent) => {
            let indent = indent.min(INDENT_MAX);
            interp.budget.bytes(bytes_of_indents(&json, indent, indent))?;
            indented(&json, indent, sorted)
        }
    };
    interp.text(text)
}

/// Spaces and newlines that setting each element on a line of its own takes.
fn bytes_of_indents(json: &Json, indent: usize, column: usize) -> usize {
    let each = |element: &Json| column + 1 + bytes_of_indents(element, indent, column + indent);
    match json {
        Json::Array(elements) => elements.iter().map(each).sum(),
        Json::Object(members) => members.values().map(each).sum(),
        _ => 0,
    }
}

fn indented(json: &Json, indent: usize, sorted: bool) -> String {
    let mut json = json.clone();
    if sorted {
        json.sort_all_objects();
    }
    let spaces = " ".repeat(indent);
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(spaces.as_bytes());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    let _ = serde::Serialize::serialize(&json, &mut serializer);
    String::from_utf8(out).unwrap_or_default()
}

fn to_json(interp: &mut Interp, value: &Value, depth: usize) -> Eval<Json> {
    interp.budget.step()?;
    interp.budget.bytes(48)?;
    if depth > 100 {
        return interp.value_error("the value nests too deep for JSON");
    }
    Ok(match value {
        Value::None => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => match i64::try_from(*number) {
            Ok(number) => Json::from(number),
            Err(_) => return interp.value_error("the number is too large for JSON"),
        },
        Value::Float(number) => Json::from(*number),
        Value::Str(_) | Value::Bytes(_) => {
            let text = interp.str_of(value)?;
            interp.budget.bytes(text.len())?;
            Json::String(text)
        }
        Value::List(_) | Value::Tuple(_) => {
            let items = interp.collect(value)?;
            Json::Array(items.iter().map(|item| to_json(interp, item, depth + 1)).collect::<Eval<_>>()?)
        }
        Value::Dict(_) => {
            let mut map = serde_json::Map::new();
            for (key, value) in interp.pairs_of(value)? {
                let key = match &key.0 {
                    Value::Bool(true) => "true".to_owned(),
                    Value::Bool(false) => "false".to_owned(),
                    Value::None => "null".to_owned(),
                    other => interp.str_of(other)?,
                };
                map.insert(key, to_json(interp, &value, depth + 1)?);
            }
            Json::Object(map)
        }
        Value::Object(object) => {
            interp.walk(object)?;
            let json = object.to_json();
            interp.model(json)?
        }
        other => return interp.type_error(format!("{} cannot be written as JSON", other.type_name())),
    })
}
