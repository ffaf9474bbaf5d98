//! JSON with the names of the IDL, for people and their scripts: `job status --write-json` (`spec/cli.md` §7.6).
//!
//! Structs and unions become objects keyed by field name, enums their names, sets and lists arrays. Unset fields are
//! absent. Only written: nothing reads it back.

use serde_json::{Map, Number, Value};

use super::protocol::{MessageHeader, Struct, WireType, Writer};

/// The value with the names of its fields.
pub fn to_named_json<T: Struct>(value: &T) -> Value {
    let mut writer = NamedWriter::default();
    T::write(value, &mut writer);
    writer.root
}

/// What is being built at one level of nesting.
#[derive(Debug)]
enum Level {
    Object { fields: Map<String, Value>, field: &'static str },
    Array(Vec<Value>),
    Entries { entries: Map<String, Value>, key: Option<String> },
}

#[derive(Debug, Default)]
struct NamedWriter {
    levels: Vec<Level>,
    root: Value,
}

impl NamedWriter {
    fn put(&mut self, value: Value) {
        match self.levels.last_mut() {
            None => self.root = value,
            Some(Level::Object { fields, field }) => {
                fields.insert((*field).to_owned(), value);
            }
            Some(Level::Array(elements)) => elements.push(value),
            Some(Level::Entries { entries, key }) => match key.take() {
                Some(key) => {
                    entries.insert(key, value);
                }
                None => {
                    *key = Some(match value {
                        Value::String(text) => text,
                        other => other.to_string(),
                    });
                }
            },
        }
    }

    fn close(&mut self) {
        let value = match self.levels.pop() {
            Some(Level::Object { fields, .. }) => Value::Object(fields),
            Some(Level::Array(elements)) => Value::Array(elements),
            Some(Level::Entries { entries, .. }) => Value::Object(entries),
            None => return,
        };
        self.put(value);
    }
}

impl Writer for NamedWriter {
    fn message_begin(&mut self, _header: &MessageHeader) {}

    fn message_end(&mut self) {}

    fn struct_begin(&mut self) {
        self.levels.push(Level::Object { fields: Map::new(), field: "" });
    }

    fn struct_end(&mut self) {
        self.close();
    }

    fn field_begin(&mut self, _wire: WireType, _id: i16, name: &'static str) {
        if let Some(Level::Object { field, .. }) = self.levels.last_mut() {
            *field = name;
        }
    }

    fn field_end(&mut self) {}

    fn elements_begin(&mut self, _element: WireType, len: usize) {
        self.levels.push(Level::Array(Vec::with_capacity(len)));
    }

    fn elements_end(&mut self) {
        self.close();
    }

    fn map_begin(&mut self, _key: WireType, _value: WireType, _len: usize) {
        self.levels.push(Level::Entries { entries: Map::new(), key: None });
    }

    fn map_end(&mut self) {
        self.close();
    }

    fn bool(&mut self, value: bool) {
        self.put(Value::Bool(value));
    }

    fn i8(&mut self, value: i8) {
        self.put(value.into());
    }

    fn i16(&mut self, value: i16) {
        self.put(value.into());
    }

    fn i32(&mut self, value: i32) {
        self.put(value.into());
    }

    fn i64(&mut self, value: i64) {
        self.put(value.into());
    }

    // JSON has no number for what is not finite.
    fn double(&mut self, value: f64) {
        self.put(Number::from_f64(value).map_or(Value::Null, Value::Number));
    }

    fn string(&mut self, value: &str) {
        self.put(value.into());
    }

    fn enumeration(&mut self, _number: i32, name: &'static str) {
        self.put(name.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thrift::{AssignedTask, Resource, ScheduleStatus, ScheduledTask, TaskConfig};

    #[test]
    fn fields_enums_unions_and_maps_have_their_names() {
        let task = ScheduledTask {
            status: Some(ScheduleStatus::Running),
            assigned_task: Some(AssignedTask {
                assigned_ports: Some([("http".to_owned(), 31_000)].into_iter().collect()),
                task: Some(TaskConfig {
                    resources: Some(vec![Resource::NumCpus(0.5)]),
                    container: None,
                    ..TaskConfig::default()
                }),
                ..AssignedTask::default()
            }),
            ..ScheduledTask::default()
        };
        assert_eq!(
            to_named_json(&task).to_string(),
            r#"{"assignedTask":{"task":{"resources":[{"numCpus":0.5}]},"assignedPorts":{"http":31000}},"status":"RUNNING"}"#
        );
    }
}
