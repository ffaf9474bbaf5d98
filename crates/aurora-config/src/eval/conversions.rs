//! Values made by calling the built-in types: `int`, `float`, `bytes`, `range`.

use std::rc::Rc;

use super::call::Args;
use super::error::Eval;
use super::format::float_to_int;
use super::interp::Interp;
use super::value::{Class, Range, Value};
use crate::diagnostic::Diagnostic;

impl Interp {
    pub fn object_class(&self) -> Rc<Class> {
        Rc::new(Class {
            name: "object".into(),
            ancestors: Vec::new().into(),
            attributes: indexmap::IndexMap::new().into(),
            is_exception: false,
            fields: None,
        })
    }

    pub fn make_range(&mut self, args: &Args) -> Eval<Value> {
        let mut numbers = Vec::new();
        for value in &args.positional {
            match value.as_int() {
                Some(number) => numbers.push(number),
                None => return self.type_error(format!("range() needs integers, not {}", value.type_name())),
            }
        }
        let (start, stop, step) = match numbers.as_slice() {
            [stop] => (0, *stop, 1),
            [start, stop] => (*start, *stop, 1),
            [start, stop, step] => (*start, *stop, *step),
            _ => return self.type_error("range() takes 1 to 3 numbers"),
        };
        let limit = i128::from(i64::MAX);
        if step == 0 || [start, stop, step].iter().any(|number| number.abs() > limit) {
            return self.value_error("range() cannot count like that");
        }
        Ok(Value::Range(Rc::new(Range { start, stop, step })))
    }

    pub fn make_int(&mut self, args: &mut Args) -> Eval<Value> {
        let Some(value) = args.get(0, "x") else { return Ok(Value::Int(0)) };
        let base = args.get(1, "base").and_then(|base| u32::try_from(base.as_int()?).ok());
        match &value {
            Value::Float(number) => match float_to_int(*number) {
                Some(number) => Ok(Value::Int(number)),
                None => self.value_error(format!("{number} is no integer")),
            },
            Value::Object(object) => {
                let text = self.object_text(object)?;
                self.parse_int(&text, None)
            }
            Value::Str(_) | Value::Bytes(_) => {
                let text = value.as_text().unwrap_or_default();
                self.parse_int(&text, base)
            }
            other => match other.as_int() {
                Some(number) => Ok(Value::Int(number)),
                None => self.type_error(format!("int() needs a number or a text, not {}", other.type_name())),
            },
        }
    }

    fn parse_int(&mut self, text: &str, base: Option<u32>) -> Eval<Value> {
        self.budget.bytes(3 * text.len())?;
        self.budget.steps(text.len() / 8)?;
        let trimmed = text.trim().replace('_', "");
        let base = base.unwrap_or(10);
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, trimmed.strip_prefix('+').unwrap_or(&trimmed)),
        };
        let lowered = digits.to_lowercase();
        let (base, digits) = match (base, lowered.get(..2)) {
            (0 | 16, Some("0x")) => (16, &lowered[2..]),
            (0 | 8, Some("0o")) => (8, &lowered[2..]),
            (0 | 2, Some("0b")) => (2, &lowered[2..]),
            (0, _) => (10, lowered.as_str()),
            (base, _) => (base, lowered.as_str()),
        };
        let parsed = (2..=36).contains(&base) && digits.chars().all(|digit| digit.is_digit(base));
        match i128::from_str_radix(digits, base.clamp(2, 36)).ok().filter(|_| parsed) {
            Some(number) => Ok(Value::Int(if negative { -number } else { number })),
            None => {
                let shown = self.repr_short(&Value::str(text));
                self.value_error(format!("invalid literal for int() with base {base}: {shown}"))
            }
        }
    }

    pub fn make_float(&mut self, value: Option<&Value>) -> Eval<Value> {
        let Some(value) = value else { return Ok(Value::Float(0.0)) };
        if let Some(number) = value.as_float() {
            return Ok(Value::Float(number));
        }
        let text = match value {
            Value::Object(object) => self.object_text(object)?,
            other => match other.as_text() {
                Some(text) => text.to_string(),
                None => {
                    return self
                        .type_error(format!("float() needs a number or a text, not {}", other.type_name()));
                }
            },
        };
        match text.trim().replace('_', "").parse() {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => self.value_error(format!("could not convert string to float: '{text}'")),
        }
    }

    pub fn make_bytes(&mut self, value: Option<&Value>) -> Eval<Value> {
        match value {
            None => Ok(Value::Bytes(Rc::from(&b""[..]))),
            Some(Value::Bytes(bytes)) => Ok(Value::Bytes(bytes.clone())),
            Some(Value::Str(text)) => {
                self.budget.bytes(text.len())?;
                Ok(Value::Bytes(text.as_bytes().into()))
            }
            Some(other) => {
                let items = self.collect(other)?;
                let bytes: Option<Vec<u8>> =
                    items.iter().map(|item| u8::try_from(item.as_int()?).ok()).collect();
                match bytes {
                    Some(bytes) => Ok(Value::Bytes(bytes.into())),
                    None => self.value_error("bytes are numbers from 0 to 255"),
                }
            }
        }
    }

    /// A warning that something has no effect here.
    pub fn warn_ignored(&mut self, what: &str) {
        let warning = Diagnostic::warning("no-effect", format!("{what} has no effect in a configuration"));
        let here = self.here;
        self.warn(warning.at(here));
    }
}
