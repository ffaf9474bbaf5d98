//! The small modules: `sys`, `getpass`, `functools`, `collections`, `copy`, `operator`.

use std::rc::Rc;

use indexmap::IndexMap;

use super::{natives, submodule};
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::value::{Bound, BoundTarget, BuiltinType, Class, Dict, Instance, Items, Key, Native, Value};
use crate::syntax::{BinaryOp, Name};

pub(super) fn sys() -> Vec<(&'static str, Value)> {
    let mut members = natives(SYS);
    let version = [3, 11, 0].map(Value::Int).to_vec();
    members.extend([
        ("argv", Value::list(vec![Value::str("aurora")])),
        ("maxsize", Value::Int(i128::from(i64::MAX))),
        ("maxint", Value::Int(i128::from(i64::MAX))),
        ("platform", Value::str("linux")),
        ("version", Value::str("3.11 (aurora)")),
        ("version_info", Value::tuple(version)),
        ("path", Value::list(Vec::new())),
        ("stdout", submodule("stdout", natives(STREAM))),
        ("stderr", submodule("stderr", natives(STREAM))),
    ]);
    members
}

static SYS: &[Native] = &[Native {
    name: "exit",
    call: |interp, mut args| {
        let code = args.get(0, "status").unwrap_or(Value::None);
        let text = interp.str_of(&code)?;
        let message = if matches!(code, Value::None) { String::new() } else { text };
        Err(interp.raise("SystemExit", message).help("the file itself called sys.exit()"))
    },
}];

static STREAM: &[Native] = &[
    Native {
        name: "write",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "write", 0, "text")?;
            interp.print(&text)?;
            Ok(Value::None)
        },
    },
    Native { name: "flush", call: |_, _| Ok(Value::None) },
];

pub(super) static GETPASS: &[Native] =
    &[Native { name: "getuser", call: |interp, _| Ok(Value::str(interp.surroundings.user.as_str())) }];

/// A class of the language itself.
pub(super) fn plain_class(
    name: &str,
    attributes: IndexMap<Name, Value>,
    fields: Option<Vec<Name>>,
) -> Rc<Class> {
    Rc::new(Class {
        name: name.into(),
        ancestors: Vec::new().into(),
        attributes: attributes.into(),
        is_exception: false,
        fields,
    })
}

pub(in crate::eval) static FUNCTOOLS: &[Native] = &[
    Native {
        name: "partial",
        call: |interp, mut args| {
            let function = interp.required(&mut args, "partial", 0, "func")?;
            args.positional.remove(0);
            interp.budget.values(args.len() + 4)?;
            Ok(Value::Bound(Rc::new(Bound {
                target: BoundTarget::Value(function),
                first: Items(args.positional),
                keywords: args.keywords,
            })))
        },
    },
    Native {
        name: "reduce",
        call: |interp, mut args| {
            let function = interp.required(&mut args, "reduce", 0, "function")?;
            let source = interp.required(&mut args, "reduce", 1, "iterable")?;
            let mut items = interp.collect(&source)?.into_iter();
            let Some(mut total) = args.get(2, "initial").or_else(|| items.next()) else {
                return interp.type_error("reduce() of nothing has no value");
            };
            for item in items {
                total = interp.call_with(&function, vec![total, item])?;
            }
            Ok(total)
        },
    },
    // Decorators that change no result.
    Native {
        name: "wraps",
        call: |_, _| {
            Ok(Value::Bound(Rc::new(Bound {
                target: BoundTarget::Decorator,
                first: Items::default(),
                keywords: Vec::new(),
            })))
        },
    },
    Native {
        name: "lru_cache",
        call: |_, args| match args.positional.into_iter().next() {
            Some(function @ Value::Function(_)) => Ok(function),
            _ => Ok(Value::Bound(Rc::new(Bound {
                target: BoundTarget::Decorator,
                first: Items::default(),
                keywords: Vec::new(),
            }))),
        },
    },
];

pub(super) fn collections() -> Vec<(&'static str, Value)> {
    let mut members = natives(COLLECTIONS);
    members.push(("OrderedDict", Value::Builtin(BuiltinType::OrderedDict)));
    members.push(("defaultdict", Value::Builtin(BuiltinType::DefaultDict)));
    members.push(("deque", Value::Builtin(BuiltinType::List)));
    members.push(("Mapping", Value::Builtin(BuiltinType::Dict)));
    members
}

static COLLECTIONS: &[Native] = &[
    Native {
        name: "namedtuple",
        call: |interp, mut args| {
            let name = interp.required_text(&mut args, "namedtuple", 0, "typename")?;
            let fields = interp.required(&mut args, "namedtuple", 1, "field_names")?;
            let names: Vec<Value> = match fields.as_text() {
                Some(text) => text.replace(',', " ").split_whitespace().map(Value::str).collect(),
                None => interp.collect(&fields)?,
            };
            let fields: Vec<Name> = names.iter().filter_map(Value::as_text).collect();
            interp.budget.values(fields.len() + 8)?;
            let members = [("_asdict", Value::Native(&AS_DICT)), ("_replace", Value::Native(&REPLACE))];
            let attributes = members.into_iter().map(|(name, value)| (name.into(), value)).collect();
            Ok(Value::Class(plain_class(&name, attributes, Some(fields))))
        },
    },
    Native {
        name: "Counter",
        call: |interp, args| {
            let dict = Rc::new(Dict::with_default(Some(Value::Builtin(BuiltinType::Int))));
            if let Some(source) = args.positional.first() {
                for item in interp.collect(source)? {
                    let key = interp.key(item)?;
                    let count = dict.map.borrow().get(&key).and_then(Value::as_int).unwrap_or(0);
                    dict.map.borrow_mut().insert(key, Value::Int(count + 1));
                }
            }
            Ok(Value::Dict(dict))
        },
    },
];

static AS_DICT: Native = Native {
    name: "_asdict",
    call: |interp, args| match args.positional.first() {
        Some(Value::Instance(instance)) => {
            let attributes = instance.attributes.borrow();
            interp.budget.values(attributes.len() * 2)?;
            Ok(Value::dict(
                attributes
                    .iter()
                    .map(|(name, value)| (Key(Value::Str(name.clone())), value.clone()))
                    .collect(),
            ))
        }
        _ => interp.type_error("_asdict() is a method of named tuples"),
    },
};

static REPLACE: Native = Native {
    name: "_replace",
    call: |interp, args| match args.positional.first() {
        Some(Value::Instance(instance)) => {
            let mut attributes = instance.attributes.borrow().clone();
            interp.budget.values(attributes.len())?;
            attributes.extend(args.keywords.iter().map(|(name, value)| (name.clone(), value.clone())));
            Ok(Value::Instance(Rc::new(Instance {
                class: Rc::clone(&instance.class),
                attributes: attributes.into(),
            })))
        }
        _ => interp.type_error("_replace() is a method of named tuples"),
    },
};

pub(super) static COPY: &[Native] = &[
    Native {
        name: "copy",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "copy", 0, "x")?;
            copied(interp, &value, 0)
        },
    },
    Native {
        name: "deepcopy",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "deepcopy", 0, "x")?;
            copied(interp, &value, 80)
        },
    },
];

/// A copy of the value and of what it holds down to `levels` below.
fn copied(interp: &mut Interp, value: &Value, levels: usize) -> Eval<Value> {
    let inner = |interp: &mut Interp, value: &Value| {
        if levels > 0 { copied(interp, value, levels - 1) } else { Ok(value.clone()) }
    };
    match value {
        Value::List(_) => {
            let items = interp.collect(value)?;
            let items = items.iter().map(|item| inner(interp, item)).collect::<Eval<_>>()?;
            interp.list(items)
        }
        Value::Tuple(_) => {
            let items = interp.collect(value)?;
            let items = items.iter().map(|item| inner(interp, item)).collect::<Eval<_>>()?;
            interp.tuple(items)
        }
        Value::Dict(dict) => {
            let mut map = IndexMap::new();
            for (key, value) in interp.pairs_of(value)? {
                map.insert(key, inner(interp, &value)?);
            }
            interp.budget.values(map.len() * 2)?;
            Ok(Value::Dict(Rc::new(Dict { map: map.into(), default: dict.default.clone() })))
        }
        Value::Set(set) => {
            let map = set.map.borrow().clone();
            interp.budget.values(map.len())?;
            Ok(Value::set(map))
        }
        Value::Instance(instance) => {
            let mut attributes = instance.attributes.borrow().clone();
            interp.budget.values(attributes.len() + 4)?;
            for value in attributes.values_mut() {
                *value = inner(interp, &value.clone())?;
            }
            Ok(Value::Instance(Rc::new(Instance {
                class: Rc::clone(&instance.class),
                attributes: attributes.into(),
            })))
        }
        other => Ok(other.clone()),
    }
}

pub(super) static OPERATOR: &[Native] = &[
    Native {
        name: "itemgetter",
        call: |interp, mut args| {
            let index = interp.required(&mut args, "itemgetter", 0, "item")?;
            Ok(Value::bind(Value::Native(&GET_ITEM), index))
        },
    },
    Native {
        name: "attrgetter",
        call: |interp, mut args| {
            let name = interp.required(&mut args, "attrgetter", 0, "attr")?;
            Ok(Value::bind(Value::Native(&GET_ATTRIBUTE), name))
        },
    },
    Native {
        name: "add",
        call: |interp, mut args| {
            let a = interp.required(&mut args, "add", 0, "a")?;
            let b = interp.required(&mut args, "add", 1, "b")?;
            interp.binary(BinaryOp::Add, &a, &b)
        },
    },
    Native {
        name: "mul",
        call: |interp, mut args| {
            let a = interp.required(&mut args, "mul", 0, "a")?;
            let b = interp.required(&mut args, "mul", 1, "b")?;
            interp.binary(BinaryOp::Mul, &a, &b)
        },
    },
];

static GET_ITEM: Native = Native {
    name: "itemgetter",
    call: |interp, mut args| {
        let index = interp.required(&mut args, "itemgetter", 0, "item")?;
        let value = interp.required(&mut args, "itemgetter", 1, "object")?;
        interp.get_item(&value, &index)
    },
};

static GET_ATTRIBUTE: Native = Native {
    name: "attrgetter",
    call: |interp, mut args| {
        let name = interp.required_text(&mut args, "attrgetter", 0, "attr")?;
        let mut value = interp.required(&mut args, "attrgetter", 1, "object")?;
        for part in name.split('.') {
            value = interp.attribute(&value, part)?;
        }
        Ok(value)
    },
};
