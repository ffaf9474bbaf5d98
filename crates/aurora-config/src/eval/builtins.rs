//! The functions and types that need no import.

mod functions;

use std::rc::Rc;

use super::exceptions::{ALIASES, HIDDEN};
use super::interp::Interp;
use super::modules::FUNCTOOLS;
use super::value::{BuiltinType, Class, Key, Native, Value};

use functions::{
    enumerate, export, extreme, filter, getattr, include, len, map, next, print, quantified, radix, refused,
    round, zip,
};

pub(super) fn install(interp: &mut Interp) {
    for native in NATIVES {
        interp.builtins.insert(native.name, Value::Native(native));
    }
    // Built-in in Python 2.
    for (name, natives, now) in [("unichr", NATIVES, "chr"), ("reduce", FUNCTOOLS, "reduce")] {
        if let Some(native) = natives.iter().find(|native| native.name == now) {
            interp.builtins.insert(name, Value::Native(native));
        }
    }
    if interp.surroundings.has_export {
        interp.builtins.insert(EXPORT.name, Value::Native(&EXPORT));
    }
    for (name, kind) in TYPES {
        interp.builtins.insert(name, Value::Builtin(*kind));
    }
    let classes: Vec<(&'static str, Rc<Class>)> =
        interp.exceptions.iter().map(|(name, class)| (name, Rc::clone(class))).collect();
    for (name, class) in classes {
        if !HIDDEN.contains(&name) {
            interp.builtins.insert(name, Value::Class(class));
        }
    }
    for (alias, name) in ALIASES {
        interp.builtins.insert(alias, Value::Class(interp.exceptions.get(name)));
    }
    interp.builtins.insert("NotImplemented", Value::Ellipsis);
}

const TYPES: &[(&str, BuiltinType)] = &[
    ("object", BuiltinType::Object),
    ("type", BuiltinType::Type),
    ("bool", BuiltinType::Bool),
    ("int", BuiltinType::Int),
    ("long", BuiltinType::Int),
    ("float", BuiltinType::Float),
    ("str", BuiltinType::Str),
    ("unicode", BuiltinType::Str),
    ("basestring", BuiltinType::Str),
    ("bytes", BuiltinType::Bytes),
    ("list", BuiltinType::List),
    ("tuple", BuiltinType::Tuple),
    ("dict", BuiltinType::Dict),
    ("set", BuiltinType::Set),
    ("frozenset", BuiltinType::FrozenSet),
    ("xrange", BuiltinType::Range),
    ("staticmethod", BuiltinType::StaticMethod),
    ("classmethod", BuiltinType::ClassMethod),
    ("property", BuiltinType::Property),
];

/// Of `.thermos` files only (`spec/config.md` §2.3).
static EXPORT: Native = Native { name: "export", call: export };

static NATIVES: &[Native] = &[
    Native { name: "include", call: include },
    Native { name: "print", call: print },
    Native { name: "len", call: len },
    Native {
        name: "range",
        call: |interp, args| {
            let range = interp.make_range(&args)?;
            let items = interp.collect(&range)?;
            Ok(Value::list(items))
        },
    },
    Native {
        name: "isinstance",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "isinstance", 0, "object")?;
            let class = interp.required(&mut args, "isinstance", 1, "class")?;
            interp.is_instance(&value, &class).map(Value::Bool)
        },
    },
    Native {
        name: "issubclass",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "issubclass", 0, "class")?;
            let class = interp.required(&mut args, "issubclass", 1, "base")?;
            Ok(Value::Bool(match (&value, &class) {
                (Value::Class(value), Value::Class(class)) => value.is_subclass(class),
                (Value::Type(_), Value::StructBase) => true,
                _ => value.is_same(&class),
            }))
        },
    },
    Native {
        name: "callable",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "callable", 0, "object")?;
            Ok(Value::Bool(match &value {
                Value::Instance(instance) => instance.class.find("__call__").is_some(),
                Value::Object(object) => object.struct_type().is_some(),
                other => matches!(
                    other,
                    Value::Function(_)
                        | Value::Native(_)
                        | Value::Bound(_)
                        | Value::Builtin(_)
                        | Value::Class(_)
                        | Value::Type(_)
                ),
            }))
        },
    },
    Native {
        name: "repr",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "repr", 0, "object")?;
            let text = interp.repr(&value)?;
            interp.text(text)
        },
    },
    Native {
        name: "hash",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "hash", 0, "object")?;
            let key = interp.key(value)?;
            let mut state = std::hash::DefaultHasher::new();
            std::hash::Hash::hash(&key, &mut state);
            Ok(Value::Int(i128::from(std::hash::Hasher::finish(&state) >> 1)))
        },
    },
    Native { name: "id", call: |_, args| Ok(Value::int(args.positional.len())) },
    Native {
        name: "iter",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "iter", 0, "object")?;
            interp.iter(&value).map(Value::Iter)
        },
    },
    Native { name: "next", call: next },
    Native { name: "map", call: map },
    Native { name: "filter", call: filter },
    Native { name: "zip", call: zip },
    Native { name: "enumerate", call: enumerate },
    Native {
        name: "reversed",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "reversed", 0, "sequence")?;
            let mut items = interp.collect(&value)?;
            items.reverse();
            Ok(Value::queue(items))
        },
    },
    Native {
        name: "sorted",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "sorted", 0, "iterable")?;
            let (key, reverse) = (args.take_keyword("key"), args.take_keyword("reverse"));
            interp.at_most(&args, "sorted", 1)?;
            let items = interp.collect(&value)?;
            let items = interp.sorted(items, key, reverse)?;
            interp.list(items)
        },
    },
    Native {
        name: "sum",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "sum", 0, "iterable")?;
            let mut total = args.get(1, "start").unwrap_or(Value::Int(0));
            for item in interp.collect(&value)? {
                total = interp.binary(crate::syntax::BinaryOp::Add, &total, &item)?;
            }
            Ok(total)
        },
    },
    Native { name: "min", call: |interp, args| extreme(interp, args, std::cmp::Ordering::Less) },
    Native { name: "max", call: |interp, args| extreme(interp, args, std::cmp::Ordering::Greater) },
    Native { name: "any", call: |interp, args| quantified(interp, args, true) },
    Native { name: "all", call: |interp, args| quantified(interp, args, false) },
    Native {
        name: "abs",
        call: |interp, mut args| match interp.required(&mut args, "abs", 0, "number")? {
            Value::Float(number) => Ok(Value::Float(number.abs())),
            other => match other.as_int() {
                Some(number) => Ok(Value::Int(number.saturating_abs())),
                None => interp.type_error(format!("abs() needs a number, not {}", other.type_name())),
            },
        },
    },
    Native { name: "round", call: round },
    Native {
        name: "pow",
        call: |interp, mut args| {
            let base = interp.required(&mut args, "pow", 0, "base")?;
            let exponent = interp.required(&mut args, "pow", 1, "exponent")?;
            interp.binary(crate::syntax::BinaryOp::Pow, &base, &exponent)
        },
    },
    Native {
        name: "divmod",
        call: |interp, mut args| {
            let a = interp.required(&mut args, "divmod", 0, "a")?;
            let b = interp.required(&mut args, "divmod", 1, "b")?;
            let quotient = interp.binary(crate::syntax::BinaryOp::FloorDiv, &a, &b)?;
            let rest = interp.binary(crate::syntax::BinaryOp::Mod, &a, &b)?;
            interp.tuple(vec![quotient, rest])
        },
    },
    Native {
        name: "chr",
        call: |interp, mut args| {
            let code = interp.required(&mut args, "chr", 0, "code")?.as_int();
            match code.and_then(|code| char::from_u32(u32::try_from(code).ok()?)) {
                Some(letter) => interp.text(letter.to_string()),
                None => interp.value_error("there is no letter of that number"),
            }
        },
    },
    Native {
        name: "ord",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "ord", 0, "letter")?;
            match text.chars().next() {
                Some(letter) => Ok(Value::Int(i128::from(u32::from(letter)))),
                None => interp.type_error("ord() needs one letter"),
            }
        },
    },
    Native { name: "hex", call: |interp, args| radix(interp, args, 16) },
    Native { name: "oct", call: |interp, args| radix(interp, args, 8) },
    Native { name: "bin", call: |interp, args| radix(interp, args, 2) },
    Native {
        name: "format",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "format", 0, "value")?;
            let spec = args.get(1, "spec").and_then(|spec| spec.as_text()).unwrap_or_else(|| "".into());
            let text = interp.format_value(&value, &spec)?;
            interp.text(text)
        },
    },
    Native { name: "getattr", call: getattr },
    Native {
        name: "hasattr",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "hasattr", 0, "object")?;
            let name = interp.required_text(&mut args, "hasattr", 1, "name")?;
            match interp.attribute(&value, &name) {
                Ok(_) => Ok(Value::Bool(true)),
                Err(super::error::Stop::Raised(_)) => Ok(Value::Bool(false)),
                Err(stop) => Err(stop),
            }
        },
    },
    Native {
        name: "setattr",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "setattr", 0, "object")?;
            let name = interp.required_text(&mut args, "setattr", 1, "name")?;
            let new = interp.required(&mut args, "setattr", 2, "value")?;
            interp.set_attribute(&value, &name, new).map(|()| Value::None)
        },
    },
    Native {
        name: "globals",
        call: |interp, _| {
            let names: Vec<_> = interp
                .globals
                .vars
                .borrow()
                .iter()
                .map(|(name, value)| (Key(Value::Str(name.clone())), value.clone()))
                .collect();
            interp.budget.values(names.len() * 2)?;
            Ok(Value::dict(names.into_iter().collect()))
        },
    },
    Native { name: "locals", call: |interp, _| interp.type_error("locals() takes no arguments") },
    Native {
        name: "dir",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "dir", 0, "object")?;
            let names = super::methods::names(&value).iter().map(|name| Value::str(*name)).collect();
            interp.list(names)
        },
    },
    Native {
        name: "vars",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "vars", 0, "object")?;
            interp.attribute(&value, "__dict__")
        },
    },
    Native {
        name: "super",
        call: |interp, args| match args.positional.as_slice() {
            [Value::Class(owner), receiver] => interp.make_super(&owner.clone(), receiver.clone()),
            _ => interp.type_error("write super() or super(Class, self)"),
        },
    },
    Native { name: "open", call: super::modules::files::open },
    Native {
        name: "exec",
        call: |interp, _| refused(interp, "exec", "write the code into the file, or use include()"),
    },
    Native { name: "eval", call: |interp, _| refused(interp, "eval", "write the expression into the file") },
    Native { name: "compile", call: |interp, _| refused(interp, "compile", "write the code into the file") },
    Native {
        name: "__import__",
        call: |interp, mut args| {
            let name = interp.required_text(&mut args, "__import__", 0, "name")?;
            interp.import(&name)
        },
    },
];
