//! The names of the model that every file has in scope: types, type constructors, sizes, prebuilt values
//! (`spec/config.md` §2.3).

use std::rc::Rc;
use std::sync::Arc;

use aurora_model::schema::{self, Layer};
use aurora_model::{Raw, Ref, Signature, Type};

use super::call::Args;
use super::error::Eval;
use super::interp::Interp;
use super::value::{Native, Value};

/// Sizes in bytes.
const SIZES: &[(&str, i128)] =
    &[("BYTES", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];

pub(super) fn install(interp: &mut Interp) {
    let globals = Rc::clone(&interp.globals);
    for (name, kind) in [
        ("String", Type::String),
        ("Integer", Type::Integer),
        ("Float", Type::Float),
        ("Boolean", Type::Boolean),
    ] {
        globals.set(name, Value::Type(kind));
    }
    for (name, kind) in schema::names(Layer::Aurora) {
        globals.set(name, Value::Type(kind.clone()));
    }
    for (name, value) in schema::prebuilt() {
        globals.set(name, Value::Object(value));
    }
    for (name, size) in SIZES {
        globals.set(name, Value::Int(*size));
    }
    for native in NATIVES {
        globals.set(native.name, Value::Native(native));
    }
    // Files use it without importing it.
    if let Ok(sys) = interp.import("sys") {
        globals.set("sys", sys);
    }
    globals.set("Struct", Value::StructBase);
    globals.set("Empty", Value::Empty);
    globals.set("AURORA_EXECUTOR_NAME", Value::str(schema::EXECUTOR_NAME));
}

static NATIVES: &[Native] = &[
    Native { name: "Enum", call: make_enum },
    Native { name: "List", call: make_list },
    Native { name: "Map", call: make_map },
    Native { name: "Choice", call: make_choice },
    Native { name: "Required", call: make_required },
    Native { name: "Default", call: make_default },
    Native { name: "Ref", call: make_reference },
    Native { name: "Environment", call: make_environment },
];

fn kind_of(interp: &mut Interp, function: &str, value: &Value) -> Eval<Type> {
    match value {
        Value::Type(kind) => Ok(kind.clone()),
        other => {
            let shown = interp.repr_short(other);
            let stop = interp.raise("AssertionError", format!("{function}() needs a type, not {shown}"));
            Err(match other {
                Value::Signature(_) => stop.help("Required and Default cannot be put inside one another"),
                Value::Builtin(kind) => {
                    let form = match kind.name() {
                        "str" => "String",
                        "int" => "Integer",
                        "float" => "Float",
                        "bool" => "Boolean",
                        "list" => "List(String)",
                        "dict" => "Map(String, String)",
                        _ => "String",
                    };
                    stop.help(format!("write {form}"))
                }
                _ => stop,
            })
        }
    }
}

fn texts(interp: &mut Interp, function: &str, values: &[Value]) -> Eval<Vec<Arc<str>>> {
    let mut out = Vec::new();
    for value in values {
        match value.as_text() {
            Some(text) => out.push(Arc::from(&*text)),
            None => {
                return interp
                    .type_error(format!("{function}() is made of texts, not {}", value.type_name()));
            }
        }
    }
    Ok(out)
}

fn make_enum(interp: &mut Interp, args: Args) -> Eval<Value> {
    interp.budget.values(args.len() + 4)?;
    let made = match args.positional.as_slice() {
        [Value::Str(name), members @ (Value::List(_) | Value::Tuple(_))] => {
            let members = interp.collect(members)?;
            let members = texts(interp, "Enum", &members)?;
            Type::enumeration(Some(name), members)
        }
        members => {
            let members = texts(interp, "Enum", members)?;
            Type::enumeration(None, members)
        }
    };
    interp.model(made).map(Value::Type)
}

fn make_list(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let element = interp.required(&mut args, "List", 0, "type")?;
    interp.at_most(&args, "List", 1)?;
    let element = kind_of(interp, "List", &element)?;
    let made = Type::list(element);
    interp.model(made).map(Value::Type)
}

fn make_map(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let key = interp.required(&mut args, "Map", 0, "key")?;
    let value = interp.required(&mut args, "Map", 1, "value")?;
    interp.at_most(&args, "Map", 2)?;
    let (key, value) = (kind_of(interp, "Map", &key)?, kind_of(interp, "Map", &value)?);
    let made = Type::map(key, value);
    interp.model(made).map(Value::Type)
}

fn make_choice(interp: &mut Interp, args: Args) -> Eval<Value> {
    let (name, alternatives) = match args.positional.as_slice() {
        [Value::Str(name), alternatives] => (Some(Rc::clone(name)), alternatives.clone()),
        [alternatives] => (None, alternatives.clone()),
        _ => return interp.type_error("Choice() needs a list of types: Choice([Integer, String])"),
    };
    let alternatives = interp.collect(&alternatives)?;
    interp.budget.values(alternatives.len() + 4)?;
    let kinds = alternatives.iter().map(|kind| kind_of(interp, "Choice", kind)).collect::<Eval<Vec<_>>>()?;
    let made = Type::choice(name.as_deref(), kinds);
    interp.model(made).map(Value::Type)
}

fn make_required(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let kind = interp.required(&mut args, "Required", 0, "type")?;
    interp.at_most(&args, "Required", 1)?;
    let kind = kind_of(interp, "Required", &kind)?;
    Ok(Value::Signature(Rc::new(Signature::required(kind))))
}

fn make_default(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let kind = interp.required(&mut args, "Default", 0, "type")?;
    let value = interp.required(&mut args, "Default", 1, "value")?;
    interp.at_most(&args, "Default", 2)?;
    let kind = kind_of(interp, "Default", &kind)?;
    let span = args.positional_spans.get(1).copied().unwrap_or(args.span);
    let raw: Raw = interp.raw(&value, span)?;
    let made = Signature::default(kind, &raw);
    interp.model(made).map(|signature| Value::Signature(Rc::new(signature)))
}

fn make_reference(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let address = interp.required_text(&mut args, "Ref", 0, "address")?;
    match Ref::parse(&address) {
        Ok(reference) => Ok(Value::Reference(Rc::new(reference))),
        Err(error) => Err(interp.raise("InvalidRefError", error.to_string())),
    }
}

fn make_environment(interp: &mut Interp, args: Args) -> Eval<Value> {
    let mut environment = aurora_model::Environment::default();
    for (value, span) in args.positional.iter().zip(&args.positional_spans) {
        let raw = interp.raw(value, *span)?;
        let made = match &raw.data {
            aurora_model::RawData::Map(entries) => aurora_model::Environment::from_entries(entries),
            aurora_model::RawData::Environment(other) => Ok((**other).clone()),
            _ => return interp.type_error("Environment() is made of dicts and names"),
        };
        environment.extend(&interp.model(made)?);
    }
    let mut named: Vec<(Arc<str>, Raw)> = Vec::new();
    for ((name, value), span) in args.keywords.iter().zip(&args.keyword_spans) {
        named.push((Arc::from(&**name), interp.raw(value, *span)?));
    }
    let made = aurora_model::Environment::from_named(&named);
    environment.extend(&interp.model(made)?);
    Ok(Value::Environment(Rc::new(environment)))
}
