//! Messages as JSON, by Mesos's own rules (`spec/mesos.md` §0.5), which are not protobuf's.
//!
//! The definitions of the messages are looked at when the program runs. Everything inside works with protobuf; only the
//! edges of the HTTP servers translate, for whoever asks for JSON.

mod read;
mod write;

use std::sync::OnceLock;

use mesos_v1::messages::DESCRIPTORS;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, ReflectMessage as _, Value};
use serde_json::Value as Json;

/// A message that does not fit its definition.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JsonError {
    /// It is no JSON at all.
    #[error("Failed to parse body into JSON: {0}")]
    Syntax(String),
    /// A value is not what its field takes.
    #[error("Failed to parse field '{field}': {problem}")]
    Field {
        /// The field, with the fields around it.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// Required fields are missing.
    #[error("Missing required fields: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// The bytes are no such message.
    #[error("Failed to parse body into Call protobuf: {0}")]
    Decode(String),
    /// There is no such message in the definitions.
    #[error("there is no message {0}")]
    Unknown(String),
}

fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        // The definitions are part of this program, and a test decodes them.
        DescriptorPool::decode(DESCRIPTORS).unwrap_or_default()
    })
}

fn descriptor(name: &str) -> Result<MessageDescriptor, JsonError> {
    pool().get_message_by_name(name).ok_or_else(|| JsonError::Unknown(name.to_owned()))
}

/// Reads a message from JSON text.
///
/// # Errors
/// The text is no JSON, a value does not fit its field, or a required field is missing.
pub fn from_json<M: Message + Default>(name: &str, text: &[u8]) -> Result<M, JsonError> {
    let value: Json = serde_json::from_slice(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
    let Json::Object(object) = &value else {
        return Err(JsonError::Syntax("Expecting a JSON object".to_owned()));
    };
    let message = read::message(object, &descriptor(name)?, "")?;
    check_required(&message)?;
    message.transcode_to().map_err(|error| JsonError::Decode(error.to_string()))
}

/// Decodes a message, and checks that all required fields are there: prost would take them as empty.
///
/// # Errors
/// The bytes are no such message, or a required field is missing.
pub fn from_protobuf<M: Message + Default>(name: &str, bytes: &[u8]) -> Result<M, JsonError> {
    let message = DynamicMessage::decode(descriptor(name)?, bytes)
        .map_err(|error| JsonError::Decode(error.to_string()))?;
    check_required(&message)?;
    M::decode(bytes).map_err(|error| JsonError::Decode(error.to_string()))
}

/// Writes an encoded message as JSON.
///
/// # Errors
/// The bytes are no such message.
pub fn to_json(name: &str, bytes: &[u8]) -> Result<Json, JsonError> {
    let message = DynamicMessage::decode(descriptor(name)?, bytes)
        .map_err(|error| JsonError::Decode(error.to_string()))?;
    Ok(write::message(&message))
}

fn check_required(message: &DynamicMessage) -> Result<(), JsonError> {
    let mut missing = Vec::new();
    find_missing(message, "", &mut missing);
    if missing.is_empty() { Ok(()) } else { Err(JsonError::Missing(missing)) }
}

fn find_missing(message: &DynamicMessage, path: &str, missing: &mut Vec<String>) {
    for field in message.descriptor().fields() {
        let name = format!("{path}{}", field.name());
        if !message.has_field(&field) {
            if field.cardinality() == prost_reflect::Cardinality::Required {
                missing.push(name);
            }
            continue;
        }
        if !matches!(field.kind(), Kind::Message(_)) {
            continue;
        }
        match &*message.get_field(&field) {
            Value::Message(inner) => find_missing(inner, &format!("{name}."), missing),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Message(inner) = item {
                        find_missing(inner, &format!("{name}[{index}]."), missing);
                    }
                }
            }
            Value::Map(entries) => {
                for inner in entries.values().filter_map(Value::as_message) {
                    find_missing(inner, &format!("{name}."), missing);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
