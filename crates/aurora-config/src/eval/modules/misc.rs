//! The small modules: `sys`, `time`, `datetime`, `getpass`, `functools`, `itertools`, `collections`, `string`,
//! `textwrap`, `copy`, `math`, `operator`.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use indexmap::IndexMap;

use super::{natives, submodule};
use crate::eval::call::Args;
use crate::eval::error::Eval;
use crate::eval::interp::Interp;
use crate::eval::iter::IterState;
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

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

pub(super) fn time() -> Vec<(&'static str, Value)> {
    natives(TIME)
}

static TIME: &[Native] = &[
    Native { name: "time", call: |_, _| Ok(Value::Float(now())) },
    Native {
        name: "strftime",
        call: |interp, mut args| {
            let format = interp.required_text(&mut args, "strftime", 0, "format")?;
            let text = Moment::now().format(&format);
            interp.text(text)
        },
    },
    Native {
        name: "sleep",
        call: |interp, _| {
            interp.warn_ignored("time.sleep()");
            Ok(Value::None)
        },
    },
];

pub(super) fn datetime() -> Vec<(&'static str, Value)> {
    vec![
        ("datetime", submodule("datetime", natives(DATETIME))),
        ("date", submodule("date", natives(DATETIME))),
    ]
}

static DATETIME: &[Native] = &[
    Native { name: "now", call: |_, _| Ok(Moment::now().object()) },
    Native { name: "utcnow", call: |_, _| Ok(Moment::now().object()) },
    Native { name: "today", call: |_, _| Ok(Moment::now().object()) },
];

static MOMENT_STRFTIME: Native = Native {
    name: "strftime",
    call: |interp, mut args| {
        let this = interp.required(&mut args, "strftime", 0, "self")?;
        let format = interp.required_text(&mut args, "strftime", 1, "format")?;
        let text = moment_of(interp, &this)?.format(&format);
        interp.text(text)
    },
};

static MOMENT_ISO: Native = Native {
    name: "isoformat",
    call: |interp, mut args| {
        let this = interp.required(&mut args, "isoformat", 0, "self")?;
        let text = moment_of(interp, &this)?.format("%Y-%m-%dT%H:%M:%S");
        interp.text(text)
    },
};

/// A point in time, in UTC.
struct Moment {
    seconds: i64,
}

fn moment_of(interp: &mut Interp, this: &Value) -> Eval<Moment> {
    let seconds =
        interp.attribute(this, "_seconds")?.as_int().and_then(|seconds| i64::try_from(seconds).ok());
    Ok(Moment { seconds: seconds.unwrap_or(0) })
}

impl Moment {
    fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(0) }
    }

    /// Year, month, day of the Gregorian calendar.
    fn date(&self) -> (i64, i64, i64) {
        let days = self.seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
    }

    fn format(&self, format: &str) -> String {
        let (year, month, day) = self.date();
        let second_of_day = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        let mut out = String::new();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                out.push(letter);
                continue;
            }
            match letters.next() {
                Some('Y') => out.push_str(&format!("{year:04}")),
                Some('y') => out.push_str(&format!("{:02}", year % 100)),
                Some('m') => out.push_str(&format!("{month:02}")),
                Some('d') => out.push_str(&format!("{day:02}")),
                Some('H') => out.push_str(&format!("{hour:02}")),
                Some('M') => out.push_str(&format!("{minute:02}")),
                Some('S') => out.push_str(&format!("{second:02}")),
                Some('s') => out.push_str(&self.seconds.to_string()),
                Some('F') => out.push_str(&format!("{year:04}-{month:02}-{day:02}")),
                Some('T') => out.push_str(&format!("{hour:02}:{minute:02}:{second:02}")),
                Some('%') | None => out.push('%'),
                Some(other) => out.extend(['%', other]),
            }
        }
        out
    }

    fn object(&self) -> Value {
        let (year, month, day) = self.date();
        let mut attributes: IndexMap<Name, Value> = IndexMap::new();
        for (name, number) in [("year", year), ("month", month), ("day", day), ("_seconds", self.seconds)] {
            attributes.insert(name.into(), Value::Int(i128::from(number)));
        }
        let members = [
            ("strftime", Value::Native(&MOMENT_STRFTIME)),
            ("isoformat", Value::Native(&MOMENT_ISO)),
            ("__str__", Value::Native(&MOMENT_ISO)),
        ];
        let class = plain_class(
            "datetime",
            members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            None,
        );
        Value::Instance(Rc::new(Instance { class, attributes: attributes.into() }))
    }
}

fn plain_class(name: &str, attributes: IndexMap<Name, Value>, fields: Option<Vec<Name>>) -> Rc<Class> {
    Rc::new(Class {
        name: name.into(),
        ancestors: Vec::new().into(),
        attributes: attributes.into(),
        is_exception: false,
        fields,
    })
}

pub(super) static FUNCTOOLS: &[Native] = &[
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

pub(super) static ITERTOOLS: &[Native] = &[
    Native {
        name: "chain",
        call: |interp, args| {
            let mut out = Vec::new();
            for source in &args.positional {
                out.extend(interp.collect(source)?);
            }
            Ok(Value::queue(out))
        },
    },
    Native {
        name: "count",
        call: |_, mut args| {
            let next = args.get(0, "start").and_then(|start| start.as_int()).unwrap_or(0);
            let step = args.get(1, "step").and_then(|step| step.as_int()).unwrap_or(1);
            Ok(Value::iter(IterState::Count { next, step }))
        },
    },
    Native {
        name: "cycle",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "cycle", 0, "iterable")?;
            let items = interp.collect(&source)?;
            Ok(Value::iter(IterState::Cycle { items, at: 0 }))
        },
    },
    Native {
        name: "repeat",
        call: |interp, mut args| {
            let value = interp.required(&mut args, "repeat", 0, "object")?;
            match args.get(1, "times").and_then(|times| times.as_int()) {
                Some(times) => {
                    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
                    interp.budget.values(times)?;
                    Ok(Value::queue(vec![value; times]))
                }
                None => Ok(Value::iter(IterState::Repeat(value))),
            }
        },
    },
    Native { name: "product", call: product },
    Native {
        name: "islice",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "islice", 0, "iterable")?;
            let numbers: Vec<usize> = args.positional[1..]
                .iter()
                .filter_map(|value| usize::try_from(value.as_int()?).ok())
                .collect();
            let (start, stop, step) = match numbers.as_slice() {
                [stop] => (0, *stop, 1),
                [start, stop] => (*start, *stop, 1),
                [start, stop, step] => (*start, *stop, (*step).max(1)),
                [] => (0, usize::MAX, 1),
                _ => return interp.type_error("islice() takes at most 4 arguments"),
            };
            let iter = interp.iter(&source)?;
            let mut out = Vec::new();
            for at in 0..stop {
                let Some(item) = interp.next(&iter)? else { break };
                if at >= start && (at - start) % step == 0 {
                    interp.budget.bytes(40)?;
                    out.push(item);
                }
            }
            Ok(Value::queue(out))
        },
    },
    Native {
        name: "groupby",
        call: |interp, mut args| {
            let source = interp.required(&mut args, "groupby", 0, "iterable")?;
            let key = args.get(1, "key");
            let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
            for item in interp.collect(&source)? {
                let name = match &key {
                    Some(function) => interp.apply(function, item.clone())?,
                    None => item.clone(),
                };
                match groups.last_mut() {
                    Some((last, items)) if interp.equal(last, &name, 0)? => items.push(item),
                    _ => groups.push((name, vec![item])),
                }
            }
            Ok(Value::queue(
                groups
                    .into_iter()
                    .map(|(name, items)| Value::tuple(vec![name, Value::list(items)]))
                    .collect(),
            ))
        },
    },
    Native { name: "izip", call: zipped },
    Native {
        name: "imap",
        call: |interp, args| {
            let map = interp.builtins["map"].clone();
            interp.call(&map, args)
        },
    },
    Native {
        name: "ifilter",
        call: |interp, args| {
            let filter = interp.builtins["filter"].clone();
            interp.call(&filter, args)
        },
    },
    Native { name: "combinations", call: |interp, args| arrangements(interp, args, false) },
    Native { name: "permutations", call: |interp, args| arrangements(interp, args, true) },
];

fn zipped(interp: &mut Interp, args: Args) -> Eval<Value> {
    let mut sources = Vec::new();
    for source in &args.positional {
        sources.push(interp.iter(source)?);
    }
    Ok(Value::iter(IterState::Zip(sources)))
}

fn product(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let repeat =
        args.take_keyword("repeat").and_then(|repeat| usize::try_from(repeat.as_int()?).ok()).unwrap_or(1);
    let mut pools = Vec::new();
    for source in &args.positional {
        pools.push(interp.collect(source)?);
    }
    let single = pools.clone();
    for _ in 1..repeat.min(64) {
        pools.extend(single.iter().cloned());
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in &pools {
        let mut longer = Vec::new();
        for row in &rows {
            for item in pool {
                interp.budget.values(row.len() + 1)?;
                let mut row = row.clone();
                row.push(item.clone());
                longer.push(row);
            }
        }
        rows = longer;
    }
    Ok(Value::queue(rows.into_iter().map(Value::tuple).collect()))
}

fn arrangements(interp: &mut Interp, mut args: Args, ordered: bool) -> Eval<Value> {
    let source = interp.required(&mut args, "combinations", 0, "iterable")?;
    let pool = interp.collect(&source)?;
    let size = args.get(1, "r").and_then(|size| usize::try_from(size.as_int()?).ok()).unwrap_or(pool.len());
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size.min(pool.len() + 1) {
        let mut longer = Vec::new();
        for row in &rows {
            for at in 0..pool.len() {
                let fits =
                    if ordered { !row.contains(&at) } else { row.last().is_none_or(|last| at > *last) };
                if fits {
                    interp.budget.values(row.len() + 1)?;
                    longer.push(row.iter().copied().chain([at]).collect());
                }
            }
        }
        rows = longer;
    }
    let tuples =
        rows.into_iter().map(|row| Value::tuple(row.into_iter().map(|at| pool[at].clone()).collect()));
    Ok(Value::queue(tuples.collect()))
}

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

pub(super) fn string() -> Vec<(&'static str, Value)> {
    let lower = "abcdefghijklmnopqrstuvwxyz";
    let upper = lower.to_uppercase();
    let mut members = natives(STRING);
    members.extend([
        ("ascii_lowercase", Value::str(lower)),
        ("ascii_uppercase", Value::str(upper.as_str())),
        ("ascii_letters", Value::str(format!("{lower}{upper}"))),
        ("lowercase", Value::str(lower)),
        ("uppercase", Value::str(upper.as_str())),
        ("letters", Value::str(format!("{lower}{upper}"))),
        ("digits", Value::str("0123456789")),
        ("hexdigits", Value::str("0123456789abcdefABCDEF")),
        ("punctuation", Value::str("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")),
        ("whitespace", Value::str(" \t\n\r\u{b}\u{c}")),
    ]);
    members
}

static STRING: &[Native] = &[
    Native {
        name: "Template",
        call: |interp, mut args| {
            let text = interp.required(&mut args, "Template", 0, "template")?;
            let members = [
                ("substitute", Value::Native(&SUBSTITUTE)),
                ("safe_substitute", Value::Native(&SAFE_SUBSTITUTE)),
            ];
            let class = plain_class(
                "Template",
                members.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                None,
            );
            let attributes: IndexMap<Name, Value> = IndexMap::from([("template".into(), text)]);
            Ok(Value::Instance(Rc::new(Instance { class, attributes: attributes.into() })))
        },
    },
    Native {
        name: "join",
        call: |interp, mut args| {
            let items = interp.required(&mut args, "join", 0, "words")?;
            let separator = args.get(1, "sep").unwrap_or_else(|| Value::str(" "));
            let args = Args::of(vec![items], args.span);
            interp.call_method(&separator, "join", args)
        },
    },
];

static SUBSTITUTE: Native =
    Native { name: "substitute", call: |interp, args| substitute(interp, args, true) };
static SAFE_SUBSTITUTE: Native =
    Native { name: "safe_substitute", call: |interp, args| substitute(interp, args, false) };

/// `$name` and `${name}`
fn substitute(interp: &mut Interp, mut args: Args, strict: bool) -> Eval<Value> {
    let this = interp.required(&mut args, "substitute", 0, "self")?;
    let template = interp.attribute(&this, "template")?.as_text().unwrap_or_default();
    let mut values: IndexMap<Name, Value> = IndexMap::new();
    if let Some(mapping) = args.positional.get(1) {
        let pairs = interp.pairs_of(mapping)?;
        values.extend(pairs.into_iter().filter_map(|(key, value)| Some((key.0.as_text()?, value))));
    }
    values.extend(args.keywords);
    let mut out = String::new();
    let mut rest: &str = &template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = rest.starts_with('{');
        let inner = if braced { &rest[1..] } else { rest };
        let end = inner
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(inner.len());
        let name = &inner[..end];
        match values.get(name) {
            Some(value) => out.push_str(&interp.str_of(value)?),
            None if strict => return Err(interp.raise("KeyError", format!("'{name}'"))),
            None => {
                out.push('$');
                out.push_str(&rest[..usize::from(braced) * 2 + end]);
            }
        }
        interp.budget.bytes(out.len() / 8)?;
        rest = &rest[(usize::from(braced) * 2 + end).min(rest.len())..];
    }
    out.push_str(rest);
    interp.text(out)
}

pub(super) static TEXTWRAP: &[Native] = &[
    Native {
        name: "dedent",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "dedent", 0, "text")?;
            let indent = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len();
            let common = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(|line| indent(&line))
                .min()
                .unwrap_or(0);
            let lines: Vec<&str> = text
                .split('\n')
                .map(|line| if line.trim().is_empty() { "" } else { &line[common..] })
                .collect();
            interp.text(lines.join("\n"))
        },
    },
    Native {
        name: "indent",
        call: |interp, mut args| {
            let text = interp.required_text(&mut args, "indent", 0, "text")?;
            let prefix = interp.required_text(&mut args, "indent", 1, "prefix")?;
            interp.budget.bytes(text.matches('\n').count().saturating_mul(prefix.len()))?;
            let lines: Vec<String> = text
                .split_inclusive('\n')
                .map(|line| if line.trim().is_empty() { line.to_owned() } else { format!("{prefix}{line}") })
                .collect();
            interp.text(lines.concat())
        },
    },
];

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
            Ok(Value::list(items))
        }
        Value::Tuple(_) => {
            let items = interp.collect(value)?;
            let items = items.iter().map(|item| inner(interp, item)).collect::<Eval<_>>()?;
            Ok(Value::tuple(items))
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

pub(super) fn math() -> Vec<(&'static str, Value)> {
    let mut members = natives(MATH);
    members.push(("pi", Value::Float(std::f64::consts::PI)));
    members.push(("e", Value::Float(std::f64::consts::E)));
    members.push(("inf", Value::Float(f64::INFINITY)));
    members
}

fn float(interp: &mut Interp, mut args: Args, function: fn(f64) -> f64, whole: bool) -> Eval<Value> {
    let value = interp.required(&mut args, "math", 0, "x")?;
    let Some(number) = value.as_float() else {
        return interp.type_error(format!("a number is needed here, not {}", value.type_name()));
    };
    let result = function(number);
    if result.is_nan() && !number.is_nan() {
        return interp.value_error("math domain error");
    }
    Ok(match crate::eval::text::float_to_int(result) {
        Some(integer) if whole => Value::Int(integer),
        _ => Value::Float(result),
    })
}

static MATH: &[Native] = &[
    Native { name: "ceil", call: |interp, args| float(interp, args, f64::ceil, true) },
    Native { name: "floor", call: |interp, args| float(interp, args, f64::floor, true) },
    Native { name: "trunc", call: |interp, args| float(interp, args, f64::trunc, true) },
    Native { name: "sqrt", call: |interp, args| float(interp, args, f64::sqrt, false) },
    Native { name: "exp", call: |interp, args| float(interp, args, f64::exp, false) },
    Native { name: "log10", call: |interp, args| float(interp, args, f64::log10, false) },
    Native { name: "log2", call: |interp, args| float(interp, args, f64::log2, false) },
    Native { name: "fabs", call: |interp, args| float(interp, args, f64::abs, false) },
    Native {
        name: "log",
        call: |interp, mut args| {
            let base = args.get(1, "base").and_then(|base| base.as_float());
            args.positional.truncate(1);
            let logarithm = float(interp, args, f64::ln, false)?;
            match (logarithm.as_float(), base) {
                (Some(logarithm), Some(base)) => Ok(Value::Float(logarithm / base.ln())),
                _ => Ok(logarithm),
            }
        },
    },
    Native {
        name: "pow",
        call: |interp, mut args| {
            let a = interp.required(&mut args, "pow", 0, "x")?.as_float().unwrap_or(f64::NAN);
            let b = interp.required(&mut args, "pow", 1, "y")?.as_float().unwrap_or(f64::NAN);
            Ok(Value::Float(a.powf(b)))
        },
    },
];

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
