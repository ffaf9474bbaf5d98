//! Values as text: `str`, `repr`, `%`, `.format` and format specifications.

use std::fmt::Write as _;
use std::rc::Rc;

use super::error::Eval;
use super::interp::Interp;
use super::value::{BuiltinType, Value};

/// Levels shown of a nested value.
const REPR_DEPTH_MAX: usize = 60;

impl Interp {
    pub fn str_of(&mut self, value: &Value) -> Eval<String> {
        match value {
            Value::Str(text) => {
                self.budget.bytes(text.len())?;
                Ok(text.to_string())
            }
            Value::Bytes(bytes) => {
                self.budget.bytes(bytes.len())?;
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
            Value::Object(object) => self.object_text(object),
            Value::Instance(instance) => {
                if let Some(method) =
                    instance.class.find("__str__").or_else(|| instance.class.find("__repr__"))
                {
                    let text = self.call_with(&method, vec![value.clone()])?;
                    return text.as_text().map_or_else(
                        || self.type_error("__str__ must return a text"),
                        |text| Ok(text.to_string()),
                    );
                }
                if instance.class.is_exception {
                    let args = instance.attributes.borrow().get("args").cloned();
                    return match args {
                        Some(Value::Tuple(args)) if args.len() == 1 => self.str_of(&args[0]),
                        Some(Value::Tuple(args)) if args.is_empty() => Ok(String::new()),
                        Some(args) => self.repr(&args),
                        None => Ok(String::new()),
                    };
                }
                self.repr(value)
            }
            _ => self.repr(value),
        }
    }

    pub fn repr(&mut self, value: &Value) -> Eval<String> {
        let mut out = String::new();
        self.write_repr(value, &mut out, 0)?;
        Ok(out)
    }

    /// For messages: short, and never an error.
    pub fn repr_short(&mut self, value: &Value) -> String {
        let text = match value {
            Value::Object(_) | Value::Instance(_) => format!("a {}", value.type_name()),
            _ => self.repr(value).unwrap_or_else(|_| value.type_name()),
        };
        match text.char_indices().nth(60) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        }
    }

    fn write_repr(&mut self, value: &Value, out: &mut String, depth: usize) -> Eval<()> {
        self.budget.step()?;
        let before = out.len();
        if depth > REPR_DEPTH_MAX {
            out.push_str("...");
            return Ok(());
        }
        match value {
            Value::None => out.push_str("None"),
            Value::Ellipsis => out.push_str("Ellipsis"),
            Value::Bool(true) => out.push_str("True"),
            Value::Bool(false) => out.push_str("False"),
            Value::Int(number) => drop(write!(out, "{number}")),
            Value::Float(number) => out.push_str(&aurora_model::float_text(*number)),
            Value::Str(text) => out.push_str(&aurora_model::quoted(text)),
            Value::Bytes(bytes) => {
                out.push('b');
                out.push_str(&aurora_model::quoted(&String::from_utf8_lossy(bytes)));
            }
            Value::List(list) => {
                let items = list.items.borrow().to_vec();
                self.write_items("[", &items, "]", out, depth)?;
            }
            Value::Tuple(items) => {
                let end = if items.len() == 1 { ",)" } else { ")" };
                self.write_items("(", items, end, out, depth)?;
            }
            Value::Set(_) => {
                let items = self.collect(value)?;
                let (start, end) = match value {
                    Value::Set(set) if set.frozen => ("frozenset({", "})"),
                    _ if items.is_empty() => ("set(", ")"),
                    _ => ("{", "}"),
                };
                self.write_items(start, &items, end, out, depth)?;
            }
            Value::Dict(dict) => {
                let entries: Vec<_> =
                    dict.map.borrow().iter().map(|(key, value)| (key.0.clone(), value.clone())).collect();
                out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    self.write_repr(key, out, depth + 1)?;
                    out.push_str(": ");
                    self.write_repr(value, out, depth + 1)?;
                }
                out.push('}');
            }
            Value::Range(range) => drop(write!(out, "range({}, {})", range.start, range.stop)),
            Value::Function(function) => drop(write!(out, "<function {}>", function.def.name)),
            Value::Native(native) => drop(write!(out, "<function {}>", native.name)),
            Value::Builtin(kind) => drop(write!(out, "<class '{}'>", kind.name())),
            Value::Class(class) => drop(write!(out, "<class '{}'>", class.name)),
            Value::Type(kind) => drop(write!(out, "<class '{}'>", kind.name())),
            Value::StructBase => out.push_str("<class 'Struct'>"),
            Value::Module(module) => drop(write!(out, "<module '{}'>", module.name)),
            Value::Object(object) => out.push_str(&self.object_repr(object)?),
            Value::Instance(instance) => self.write_instance(instance, value, out, depth)?,
            Value::Reference(reference) => drop(write!(out, "Ref({reference})")),
            Value::TypeCheck(message) if message.is_empty() => out.push_str("TypeCheck(OK)"),
            Value::TypeCheck(message) => drop(write!(out, "TypeCheck(FAILED): {message}")),
            Value::Hash(_)
            | Value::Pattern(_)
            | Value::Match(_)
            | Value::File(_)
            | Value::Iter(_)
            | Value::Bound(_) => {
                let _ = write!(out, "<{}>", value.type_name());
            }
            other => out.push_str(&other.type_name()),
        }
        self.budget.bytes((out.len() - before) / (depth + 1))
    }

    fn write_items(
        &mut self,
        start: &str,
        items: &[Value],
        end: &str,
        out: &mut String,
        depth: usize,
    ) -> Eval<()> {
        out.push_str(start);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.write_repr(item, out, depth + 1)?;
        }
        out.push_str(end);
        Ok(())
    }

    fn write_instance(
        &mut self,
        instance: &Rc<super::value::Instance>,
        value: &Value,
        out: &mut String,
        depth: usize,
    ) -> Eval<()> {
        if let Some(method) = instance.class.find("__repr__") {
            let text = self.call_with(&method, vec![value.clone()])?;
            out.push_str(&text.as_text().unwrap_or_default());
            return Ok(());
        }
        let name = &instance.class.name;
        if instance.class.fields.is_some() {
            let _ = write!(out, "{name}(");
            let fields: Vec<_> = instance
                .attributes
                .borrow()
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            for (index, (field, value)) in fields.iter().enumerate() {
                let _ = write!(out, "{}{field}=", if index > 0 { ", " } else { "" });
                self.write_repr(value, out, depth + 1)?;
            }
            out.push(')');
        } else if instance.class.is_exception {
            let args = instance.attributes.borrow().get("args").cloned();
            out.push_str(name);
            match args {
                Some(Value::Tuple(args)) => self.write_items("(", &args, ")", out, depth)?,
                _ => out.push_str("()"),
            }
        } else {
            let _ = write!(out, "<{name} object>");
        }
        Ok(())
    }
}

impl BuiltinType {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Type => "type",
            Self::NoneType => "NoneType",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Str => "str",
            Self::Bytes => "bytes",
            Self::List => "list",
            Self::Tuple => "tuple",
            Self::Dict => "dict",
            Self::Set => "set",
            Self::FrozenSet => "frozenset",
            Self::Range => "range",
            Self::Function => "function",
            Self::OrderedDict => "OrderedDict",
            Self::DefaultDict => "defaultdict",
            Self::StaticMethod => "staticmethod",
            Self::ClassMethod => "classmethod",
            Self::Property => "property",
        }
    }
}
