//! Typed access to the fields of a JSON object, as forgiving as upstream's schema: integers for booleans, numbers in
//! text, null for absent.

use std::time::Duration;

use serde_json::{Map, Value};

use super::TaskError;

/// The fields of one struct.
pub struct Fields<'a> {
    owner: &'static str,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub fn of(owner: &'static str, value: &'a Value) -> Result<Self, TaskError> {
        let object = value
            .as_object()
            .ok_or_else(|| TaskError::Field { detail: format!("{owner} must be an object, is {value}.") })?;
        Ok(Self { owner, object })
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, kind: &str, value: &Value) -> TaskError {
        TaskError::Field { detail: format!("{}[{name}] must be {kind}, is {value}.", self.owner) }
    }

    pub fn text(&self, name: &str) -> Result<Option<String>, TaskError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(number @ Value::Number(_)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(name, "a text", other)),
        }
    }

    pub fn required_text(&self, name: &str) -> Result<String, TaskError> {
        self.text(name)?
            .ok_or_else(|| TaskError::Field { detail: format!("{}[{name}] is required.", self.owner) })
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, TaskError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.trim().parse().ok(),
            Value::Bool(flag) => Some(i64::from(*flag)),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(name, "an integer", value))
    }

    pub fn boolean(&self, name: &str) -> Result<Option<bool>, TaskError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => number.as_i64().and_then(|number| match number {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            }),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        flag.map(Some).ok_or_else(|| self.wrong(name, "true or false", value))
    }

    /// A span in seconds; a negative one counts as none.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>, TaskError> {
        Ok(self.integer(name)?.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
    }

    pub fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, TaskError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(self.wrong(name, "a list", other)),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, and the range is checked"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}
