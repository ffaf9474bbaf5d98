//! Methods of the built-in types.

mod dict;
mod list;
mod set;
mod text;

use super::call::Args;
use super::error::Eval;
use super::interp::Interp;
use super::value::{Native, Value};

const FILE: &[&str] = &["read", "readline", "readlines", "close", "seek", "tell"];
const ITERATOR: &[&str] = &["next", "__next__"];
const HASH: &[&str] = &["hexdigest", "digest", "update", "copy"];
const TYPE_CHECK: &[&str] = &["ok", "message"];
const REFERENCE: &[&str] = &["address", "components"];
const FLOAT: &[&str] = &["is_integer"];
const INT: &[&str] = &["bit_length"];
const CLASS: &[&str] = &["mro"];

/// The methods of a value that the language itself provides.
pub(crate) fn names(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Str(_) | Value::Bytes(_) => text::NAMES,
        Value::List(_) => list::NAMES,
        Value::Tuple(_) => list::TUPLE_NAMES,
        Value::Dict(_) => dict::NAMES,
        Value::Set(set) if set.frozen => set::FROZEN_NAMES,
        Value::Set(_) => set::NAMES,
        Value::File(_) => FILE,
        Value::Iter(_) => ITERATOR,
        Value::Hash(_) => HASH,
        Value::Pattern(_) => super::regex::PATTERN_METHODS,
        Value::Match(_) => super::regex::MATCH_METHODS,
        Value::TypeCheck(_) => TYPE_CHECK,
        Value::Reference(_) => REFERENCE,
        Value::Float(_) => FLOAT,
        Value::Int(_) | Value::Bool(_) => INT,
        Value::Class(_) => CLASS,
        _ => &[],
    }
}

impl Interp {
    pub fn call_method(&mut self, receiver: &Value, name: &str, mut args: Args) -> Eval<Value> {
        self.budget.step()?;
        self.budget.enter()?;
        let result = match receiver {
            Value::Str(text) => text::call(self, text, name, args),
            Value::Bytes(bytes) => text::call_bytes(self, bytes, name, args),
            Value::List(list) => list::call(self, list, name, args),
            Value::Tuple(items) => list::call_tuple(self, items, name, &args),
            Value::Dict(dict) => dict::call(self, dict, name, args),
            Value::Set(set) => set::call(self, receiver, set, name, &args),
            Value::File(file) => Ok(match name {
                "read" => {
                    file.read(args.get(0, "size").and_then(|size| usize::try_from(size.as_int()?).ok()))
                }
                "readline" => file.read_line(),
                "readlines" => Value::list(file.lines()),
                "seek" => {
                    let at = args.get(0, "offset").and_then(|at| usize::try_from(at.as_int()?).ok());
                    file.at.set(at.unwrap_or(0));
                    Value::None
                }
                "tell" => Value::int(file.at.get()),
                _ => Value::None,
            }),
            Value::Iter(iter) => match self.next(iter) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(self.raise("StopIteration", "")),
                Err(stop) => Err(stop),
            },
            Value::Hash(digest) => super::modules::hashlib::method(self, digest, name, &args),
            Value::Pattern(pattern) => super::modules::re::pattern_method(self, pattern, name, args),
            Value::Match(found) => super::modules::re::match_method(self, found, name, &args),
            Value::TypeCheck(message) => Ok(match name {
                "ok" => Value::Bool(message.is_empty()),
                _ => Value::Str(message.clone()),
            }),
            Value::Reference(reference) => self.text(reference.to_string()),
            Value::Float(number) => Ok(Value::Bool(number.fract() == 0.0)),
            Value::Int(number) => Ok(Value::Int(i128::from(128 - number.unsigned_abs().leading_zeros()))),
            Value::Object(object) => self.call_object_method(object, name, args),
            Value::Class(class) => {
                let mut line = vec![receiver.clone()];
                line.extend(class.ancestors.borrow().iter().cloned().map(Value::Class));
                self.list(line)
            }
            _ => self.type_error(format!("{} has no method '{name}'", receiver.type_name())),
        };
        self.budget.leave();
        result
    }
}

/// Calls the method named by its first argument on the second one.
static UNBOUND: Native = Native {
    name: "method",
    call: |interp, mut args| {
        let name = interp.required_text(&mut args, "method", 0, "name")?;
        let receiver = interp.required(&mut args, &name, 1, "self")?;
        args.positional.drain(..2);
        args.positional_spans.drain(..2);
        if !interp.has_builtin_method(&receiver, &name) {
            return interp.type_error(format!("{} has no method '{name}'", receiver.type_name()));
        }
        interp.call_method(&receiver, &name, args)
    },
};

pub(crate) fn unbound(_name: &str) -> &'static Native {
    &UNBOUND
}

/// Takes anything and does nothing: `object.__init__`.
pub(crate) static NOTHING: Native = Native { name: "__init__", call: |_, _| Ok(Value::None) };

pub(crate) static DICT_FROMKEYS: Native = Native {
    name: "fromkeys",
    call: |interp, mut args| {
        let keys = interp.required(&mut args, "fromkeys", 0, "keys")?;
        let value = args.get(1, "value").unwrap_or(Value::None);
        let keys = interp.collect(&keys)?;
        let keys = interp.keys_of(keys)?;
        Ok(Value::dict(keys.into_keys().map(|key| (key, value.clone())).collect()))
    },
};
