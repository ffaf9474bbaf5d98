//! The bodies of the larger functions.

use crate::eval::call::Args;
use crate::eval::error::{Eval, Stop};
use crate::eval::format::float_to_int;
use crate::eval::interp::Interp;
use crate::eval::iter::IterState;
use crate::eval::value::Value;

pub(super) fn refused(interp: &mut Interp, name: &str, help: &str) -> Eval<Value> {
    Err(interp.raise("TypeError", format!("{name}() cannot be used in a configuration")).help(help))
}

pub(super) fn include(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let span = args.span;
    let wanted = interp.required_text(&mut args, "include", 0, "path")?;
    interp.at_most(&args, "include", 1)?;
    let folder =
        interp.executing.last().and_then(|file| Some(file.path.parent()?.to_owned())).unwrap_or_default();
    let path = folder.join(&*wanted);
    let path = path.canonicalize().unwrap_or(path);
    let name = crate::eval::modules::files::shown_name(interp, &folder, &wanted);
    match interp.run_file(&path, &name, Some(span)) {
        Ok(()) => {
            interp.included.insert(span);
            Ok(Value::None)
        }
        Err(mut problems) => {
            let fatal = problems.iter().any(|problem| problem.code == "budget");
            if fatal {
                problems.truncate(1);
                if let Some(problem) = problems.pop() {
                    return Err(Stop::Fatal(Box::new(problem)));
                }
            }
            let message = problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
            let class =
                if problems.iter().any(|problem| problem.code == "file") { "OSError" } else { "ValueError" };
            let mut stop = interp.raise(class, message);
            if let Stop::Raised(raised) = &mut stop {
                raised.details = problems;
            }
            Err(stop)
        }
    }
}

/// Collects a task to be run by itself: a Task, or a dict of its fields.
pub(super) fn export(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let given = interp.required(&mut args, "export", 0, "task")?;
    interp.at_most(&args, "export", 1)?;
    let task = match given {
        Value::Dict(_) => {
            interp.call_with(&Value::Type(aurora_model::schema::task().clone()), vec![given])?
        }
        other => other,
    };
    match &task {
        Value::Object(object) if object.struct_type().is_some_and(|kind| &**kind.name() == "Task") => {
            interp.exports.push(object.clone());
            Ok(Value::None)
        }
        other => {
            let stop = interp.raise("TypeError", format!("export() takes a Task, not {}", other.type_name()));
            Err(stop.help("write export(Task(...)); a job is run with jobs = [job]"))
        }
    }
}

pub(super) fn print(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let separator = args.take_keyword("sep").and_then(|text| text.as_text()).unwrap_or_else(|| " ".into());
    let end = args.take_keyword("end").and_then(|text| text.as_text()).unwrap_or_else(|| "\n".into());
    let mut parts = Vec::new();
    for value in &args.positional {
        parts.push(interp.str_of(value)?);
    }
    interp.print(&(parts.join(&separator) + &end))?;
    Ok(Value::None)
}

pub(super) fn len(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let value = interp.required(&mut args, "len", 0, "object")?;
    Ok(Value::int(match &value {
        Value::Str(text) => {
            interp.budget.steps(text.len() / 64)?;
            text.chars().count()
        }
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items.borrow().len(),
        Value::Tuple(items) => items.len(),
        Value::Dict(dict) => dict.map.borrow().len(),
        Value::Set(set) => set.map.borrow().len(),
        Value::Range(range) => return Ok(Value::Int(range.len())),
        Value::Instance(instance) => match instance.class.find("__len__") {
            Some(method) => return interp.call_with(&method, vec![value.clone()]),
            None => instance.class.fields.as_ref().map_or(0, Vec::len),
        },
        other => {
            let name = other.type_name();
            let stop = interp.raise("TypeError", format!("a {name} has no length"));
            return Err(match other {
                Value::Object(_) => stop.help("count its elements: len(list(x))"),
                _ => stop,
            });
        }
    }))
}

pub(super) fn next(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let value = interp.required(&mut args, "next", 0, "iterator")?;
    let default = args.get(1, "default");
    let found = match &value {
        Value::Iter(iter) => interp.next(iter)?,
        Value::Instance(_) => {
            return interp
                .attribute(&value, "__next__")
                .and_then(|method| interp.call_with(&method, Vec::new()));
        }
        other => {
            let name = other.type_name();
            return interp
                .type_error(format!("next() needs an iterator, not {name}"))
                .map_err(|stop| stop.help("make one with iter(...)"));
        }
    };
    match found.or(default) {
        Some(value) => Ok(value),
        None => Err(interp.raise("StopIteration", "there is no next element")),
    }
}

pub(super) fn map(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let function = interp.required(&mut args, "map", 0, "function")?;
    let mut sources = Vec::new();
    for source in args.positional.iter().skip(1) {
        sources.push(interp.iter(source)?);
    }
    let mut out = Vec::new();
    'rows: loop {
        let mut row = Vec::new();
        for source in &sources {
            match interp.next(source)? {
                Some(item) => row.push(item),
                None => break 'rows,
            }
        }
        if row.is_empty() {
            break;
        }
        interp.budget.bytes(40)?;
        out.push(if matches!(function, Value::None) {
            Value::tuple(row)
        } else {
            interp.call_with(&function, row)?
        });
    }
    Ok(Value::list(out))
}

pub(super) fn filter(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let function = interp.required(&mut args, "filter", 0, "function")?;
    let source = interp.required(&mut args, "filter", 1, "iterable")?;
    let mut out = Vec::new();
    for item in interp.collect(&source)? {
        let verdict = if matches!(function, Value::None) {
            item.clone()
        } else {
            interp.apply(&function, item.clone())?
        };
        if interp.truthy(&verdict)? {
            out.push(item);
        }
    }
    Ok(Value::list(out))
}

pub(super) fn zip(interp: &mut Interp, args: Args) -> Eval<Value> {
    if args.positional.is_empty() {
        return interp.list(Vec::new());
    }
    let mut sources = Vec::new();
    for source in &args.positional {
        sources.push(interp.iter(source)?);
    }
    let zipped = Value::iter(IterState::Zip(sources));
    let items = interp.collect(&zipped)?;
    Ok(Value::list(items))
}

pub(super) fn enumerate(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let source = interp.required(&mut args, "enumerate", 0, "iterable")?;
    let start = args.get(1, "start").and_then(|start| start.as_int()).unwrap_or(0);
    let count = Value::iter(IterState::Count { next: start, step: 1 });
    let sources = vec![interp.iter(&count)?, interp.iter(&source)?];
    Ok(Value::iter(IterState::Zip(sources)))
}

pub(super) fn extreme(interp: &mut Interp, mut args: Args, wanted: std::cmp::Ordering) -> Eval<Value> {
    let (key, default) = (args.take_keyword("key"), args.take_keyword("default"));
    let items = match args.positional.as_slice() {
        [single] => {
            let single = single.clone();
            interp.collect(&single)?
        }
        several => several.to_vec(),
    };
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let measure = match &key {
            Some(key) => interp.apply(key, item.clone())?,
            None => item.clone(),
        };
        let better = match &best {
            Some((known, _)) => interp.order(&measure, known, 0)? == Some(wanted),
            None => true,
        };
        if better {
            best = Some((measure, item));
        }
    }
    match best.map(|(_, item)| item).or(default) {
        Some(item) => Ok(item),
        None => interp.value_error("there is nothing to choose from: the sequence is empty"),
    }
}

pub(super) fn quantified(interp: &mut Interp, mut args: Args, wanted: bool) -> Eval<Value> {
    let source = interp.required(&mut args, if wanted { "any" } else { "all" }, 0, "iterable")?;
    let iter = interp.iter(&source)?;
    while let Some(item) = interp.next(&iter)? {
        if interp.truthy(&item)? == wanted {
            return Ok(Value::Bool(wanted));
        }
    }
    Ok(Value::Bool(!wanted))
}

/// Compat: as Python 2, half goes away from zero.
pub(super) fn round(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let value = interp.required(&mut args, "round", 0, "number")?;
    let digits = args.get(1, "ndigits").and_then(|digits| i32::try_from(digits.as_int()?).ok());
    match (&value, value.as_float(), digits) {
        (Value::Int(_) | Value::Bool(_), _, _) => Ok(value),
        (_, Some(number), None) => Ok(float_to_int(number.round()).map_or(Value::Float(number), Value::Int)),
        (_, Some(number), Some(digits)) => {
            let factor = 10_f64.powi(digits.clamp(-300, 300));
            let scaled = number * factor;
            Ok(Value::Float(if scaled.is_finite() { scaled.round() / factor } else { number }))
        }
        _ => interp.type_error(format!("round() needs a number, not {}", value.type_name())),
    }
}

pub(super) fn radix(interp: &mut Interp, mut args: Args, base: u32) -> Eval<Value> {
    let Some(number) = interp.required(&mut args, "hex", 0, "number")?.as_int() else {
        return interp.type_error("an integer is needed here");
    };
    let sign = if number < 0 { "-" } else { "" };
    let magnitude = number.unsigned_abs();
    interp.text(match base {
        16 => format!("{sign}0x{magnitude:x}"),
        8 => format!("{sign}0o{magnitude:o}"),
        _ => format!("{sign}0b{magnitude:b}"),
    })
}

pub(super) fn getattr(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let value = interp.required(&mut args, "getattr", 0, "object")?;
    let name = interp.required_text(&mut args, "getattr", 1, "name")?;
    match (interp.attribute(&value, &name), args.get(2, "default")) {
        (Err(Stop::Raised(raised)), Some(default)) if &*raised.class.name == "AttributeError" => Ok(default),
        (result, _) => result,
    }
}
