//! Run-time variables in a Task JSON: `{{thermos.ports[http]}}`, `{{mesos.instance}}` (`spec/config.md` §5.8).
//!
//! The client has evaluated everything else, so that a text with references and a table of their values is all there
//! is: no scopes are needed here.

use std::collections::BTreeMap;

use aurora_model::{Ref, Segment, Template};
use serde_json::Value;

/// Values of references, by their canonical addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    values: BTreeMap<String, String>,
}

impl Context {
    /// This context with one more value.
    #[must_use]
    pub fn with(mut self, address: &str, value: impl Into<String>) -> Self {
        self.values.insert(address.to_owned(), value.into());
        self
    }

    /// What the executor binds.
    pub fn mesos(instance: i32, hostname: &str) -> Self {
        Self::default().with("mesos.instance", instance.to_string()).with("mesos.hostname", hostname)
    }

    /// What the runner binds.
    pub fn thermos(task_id: &str, user: &str, ports: &BTreeMap<String, u16>) -> Self {
        let context = Self::default().with("thermos.task_id", task_id).with("thermos.user", user);
        ports.iter().fold(context, |context, (name, port)| {
            context.with(&format!("thermos.ports[{name}]"), port.to_string())
        })
    }

    /// The values of both contexts.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self
    }
}

/// Whether `{{&x}}` becomes `{{x}}`: once, by whoever binds last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// Leave it for a later binding.
    Keep,
    /// Last binding.
    Strip,
}

/// A reference that no value was found for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unbound {
    /// As written, braces included.
    pub text: String,
    /// The port it stands for, if any.
    pub port: Option<String>,
}

/// A bound JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// With all values that were known.
    pub value: Value,
    /// What was not, each once.
    pub unbound: Vec<Unbound>,
}

/// Binds every text of a JSON value. Keys are left as they are.
pub fn bind(value: &Value, context: &Context, escapes: Escapes) -> Bound {
    let mut unbound = Vec::new();
    let value = bind_value(value, context, escapes, &mut unbound);
    unbound.sort();
    unbound.dedup();
    Bound { value, unbound }
}

/// Binds one text.
pub fn bind_text(text: &str, context: &Context, escapes: Escapes) -> (String, Vec<Unbound>) {
    let mut unbound = Vec::new();
    let bound = bind_string(text, context, escapes, &mut unbound);
    (bound, unbound)
}

fn bind_value(value: &Value, context: &Context, escapes: Escapes, unbound: &mut Vec<Unbound>) -> Value {
    match value {
        Value::String(text) => Value::String(bind_string(text, context, escapes, unbound)),
        Value::Array(list) => {
            Value::Array(list.iter().map(|element| bind_value(element, context, escapes, unbound)).collect())
        }
        Value::Object(object) => Value::Object(
            object
                .iter()
                .map(|(key, value)| (key.clone(), bind_value(value, context, escapes, unbound)))
                .collect(),
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn bind_string(text: &str, context: &Context, escapes: Escapes, unbound: &mut Vec<Unbound>) -> String {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            // A mustache that is no address can only be unbound; the rest of the text stays as it is.
            let text = text.get(error.span.clone()).unwrap_or(text);
            unbound.push(Unbound { text: text.to_owned(), port: None });
            return text.to_owned();
        }
    };
    if escapes == Escapes::Strip {
        unbound.extend(nested(text, &template, context));
    }
    let mut out = String::with_capacity(text.len());
    for segment in template.segments {
        match segment {
            Segment::Literal(literal) => out.push_str(literal),
            Segment::Escape(content) => match escapes {
                Escapes::Keep => out.push_str(&format!("{{{{&{content}}}}}")),
                Escapes::Strip => out.push_str(&format!("{{{{{content}}}}}")),
            },
            Segment::Reference { reference, span } => match context.values.get(&reference.to_string()) {
                Some(value) => out.push_str(value),
                None => {
                    let written = text.get(span).unwrap_or_default();
                    out.push_str(written);
                    unbound.push(Unbound { text: written.to_owned(), port: port_of(&reference) });
                }
            },
        }
    }
    out
}

/// References that only a value completes, as in `{{hello_{{thermos.ports[http]}}}}`: they would stay in the text as they are.
fn nested(text: &str, template: &Template<'_>, context: &Context) -> Vec<Unbound> {
    let is_suspect = |segment: &Segment<'_>| matches!(segment, Segment::Literal(text) if text.contains("{{"));
    if !template.segments.iter().any(is_suspect) {
        return Vec::new();
    }
    let filled: String = template
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(literal) => (*literal).to_owned(),
            Segment::Escape(content) => format!("{{{{&{content}}}}}"),
            Segment::Reference { reference, span } => match context.values.get(&reference.to_string()) {
                Some(value) => value.clone(),
                // Its number is not known yet.
                None if port_of(reference).is_some() => "0".to_owned(),
                None => text.get(span.clone()).unwrap_or_default().to_owned(),
            },
        })
        .collect();
    let Ok(again) = Template::parse(&filled) else { return Vec::new() };
    let references = again.segments.iter().filter_map(|segment| match segment {
        Segment::Reference { span, .. } => filled.get(span.clone()),
        Segment::Literal(_) | Segment::Escape(_) => None,
    });
    let made = references.filter(|written| !text.contains(written));
    made.map(|written| Unbound { text: written.to_owned(), port: None }).collect()
}

fn port_of(reference: &Ref) -> Option<String> {
    reference.index_below(&["thermos", "ports"]).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_go_where_they_are_named_and_the_rest_is_listed() {
        let context =
            Context::mesos(3, "h").and(Context::thermos("t", "u", &BTreeMap::from([("http".into(), 80)])));
        let bound = bind(
            &json!({"a": ["{{mesos.instance}}:{{thermos.ports[http]}}", 1], "b": "{{thermos.ports[x]}} {{foo.bar}} {{foo.bar}}"}),
            &context,
            Escapes::Keep,
        );
        assert_eq!(
            bound.value,
            json!({"a": ["3:80", 1], "b": "{{thermos.ports[x]}} {{foo.bar}} {{foo.bar}}"})
        );
        assert_eq!(
            bound.unbound,
            [
                Unbound { text: "{{foo.bar}}".into(), port: None },
                Unbound { text: "{{thermos.ports[x]}}".into(), port: Some("x".into()) }
            ]
        );
    }

    #[test]
    fn escapes_are_stripped_once_by_the_last_binding() {
        let kept = bind_text("{{&x}}", &Context::default(), Escapes::Keep);
        assert_eq!(kept, ("{{&x}}".into(), vec![]));
        assert_eq!(bind_text(&kept.0, &Context::default(), Escapes::Strip).0, "{{x}}");
    }
}
