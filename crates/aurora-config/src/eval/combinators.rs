//! `order`, `SequentialTask`, `Tasks.*`, `Processes.*`, `Units.*` and the option renderers (`spec/config.md` §2.4).

use std::rc::Rc;
use std::sync::Arc;

use aurora_model::schema;
use aurora_model::{self as model, Raw, RawData};
use indexmap::IndexMap;

use super::call::Args;
use super::error::Eval;
use super::interp::Interp;
use super::value::{Module, Native, Value};
use crate::diagnostic::Span;
use crate::origin::pack;

static ORDER: Native = Native { name: "order", call: order };
static SIMPLE: Native = Native { name: "SimpleTask", call: simple };
static SEQUENTIAL_TASK: Native = Native { name: "SequentialTask", call: sequential_task };
static SEQUENTIAL: Native = Native { name: "sequential", call: sequential };
static COMBINE: Native =
    Native { name: "combine_tasks", call: |interp, args| join(interp, args, Joined::SideBySide) };
static CONCAT: Native =
    Native { name: "concat_tasks", call: |interp, args| join(interp, args, Joined::OneAfterAnother) };
static JAVA: Native = Native { name: "java_options", call: |interp, args| options(interp, args, "-", "-") };
static PYTHON: Native =
    Native { name: "python_options", call: |interp, args| options(interp, args, "-", "--") };
static RESOURCES_SUM: Native =
    Native { name: "resources_sum", call: |interp, args| units(interp, args.positional, false) };
static RESOURCES_MAX: Native = Native {
    name: "resources_max",
    call: |interp, mut args| {
        let all = interp.required(&mut args, "resources_max", 0, "resources")?;
        let all = interp.collect(&all)?;
        units(interp, all, true)
    },
};
static WAIT_SUM: Native = Native {
    name: "finalization_wait_sum",
    call: |interp, args| waits(interp, args, |a, b| a.saturating_add(b)),
};
static WAIT_MAX: Native =
    Native { name: "finalization_wait_max", call: |interp, args| waits(interp, args, i128::max) };

static PROCESSES_MERGE: Native =
    Native { name: "processes_merge", call: |interp, args| merged(interp, args, "processes") };
static CONSTRAINTS_MERGE: Native =
    Native { name: "constraints_merge", call: |interp, args| merged(interp, args, "constraints") };
static SAFE_GET: Native = Native {
    name: "safe_get",
    call: |interp, mut args| match interp.required(&mut args, "safe_get", 0, "value")? {
        Value::Empty => Ok(Value::Int(0)),
        Value::Object(object) => interp.call_object_method(&object, "get", Args::default()),
        other => Ok(other),
    },
};
static OPTIONAL_RESOURCES: Native = Native {
    name: "optional_resources",
    call: |interp, mut args| {
        let given = interp.required(&mut args, "optional_resources", 0, "resources")?;
        units(interp, vec![given], false)
    },
};
static RENDER_OPTION: Native = Native { name: "render_option", call: rendered };
static RENDER_OPTIONS: Native = Native { name: "render_options", call: rendered };

/// `Options.render_options(short_prefix, long_prefix, ...)`
fn rendered(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let short = interp.required_text(&mut args, "render_options", 0, "short_prefix")?;
    let long = interp.required_text(&mut args, "render_options", 1, "long_prefix")?;
    args.positional.drain(..2);
    args.positional_spans.drain(..2);
    options(interp, args, &short, &long)
}

/// What the tasks have in a field, each once, in the order of first sight.
fn merged(interp: &mut Interp, mut args: Args, field: &str) -> Eval<Value> {
    let tasks = interp.required(&mut args, "merge", 0, "tasks")?;
    let mut all = Vec::new();
    for task in interp.collect(&tasks)? {
        let task = task_argument(interp, &task)?;
        if task.raw_field("processes").is_none() {
            return interp.type_error("a task to join has no processes");
        }
        for element in elements(interp, &task, field)? {
            add_unique(interp, &mut all, element)?;
        }
    }
    interp.list(all.into_iter().map(Value::Object).collect())
}

/// The waits of several tasks, or plain numbers, as one.
fn waits(interp: &mut Interp, mut args: Args, join: fn(i128, i128) -> i128) -> Eval<Value> {
    let all = interp.required(&mut args, "finalization_wait", 0, "waits")?;
    let mut total = 0;
    for wait in interp.collect(&all)? {
        let amount = match &wait {
            Value::Object(wait) => interp.object_text(wait)?.parse().ok(),
            Value::Empty => Some(0),
            other => other.as_int(),
        };
        match amount {
            Some(amount) => total = join(total, amount),
            None => return interp.type_error("a wait must be a number that is known here"),
        }
    }
    Ok(Value::Int(total))
}

pub(super) fn install(interp: &mut Interp) {
    let globals = Rc::clone(&interp.globals);
    for native in [&ORDER, &SIMPLE, &SEQUENTIAL_TASK, &COMBINE, &CONCAT, &JAVA, &PYTHON] {
        globals.set(native.name, Value::Native(native));
    }
    let group = |name: &'static str, members: &[(&str, Value)]| {
        let attributes: IndexMap<_, _> =
            members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        globals.set(name, Value::Module(Rc::new(Module { name, attributes: attributes.into() })));
    };
    group("Processes", &[("order", Value::Native(&ORDER))]);
    group(
        "Options",
        &[
            ("java", Value::Native(&JAVA)),
            ("python", Value::Native(&PYTHON)),
            ("render_option", Value::Native(&RENDER_OPTION)),
            ("render_options", Value::Native(&RENDER_OPTIONS)),
        ],
    );
    group(
        "Units",
        &[
            ("resources_sum", Value::Native(&RESOURCES_SUM)),
            ("resources_max", Value::Native(&RESOURCES_MAX)),
            ("finalization_wait_sum", Value::Native(&WAIT_SUM)),
            ("finalization_wait_max", Value::Native(&WAIT_MAX)),
            ("processes_merge", Value::Native(&PROCESSES_MERGE)),
            ("constraints_merge", Value::Native(&CONSTRAINTS_MERGE)),
            ("safe_get", Value::Native(&SAFE_GET)),
            ("optional_resources", Value::Native(&OPTIONAL_RESOURCES)),
        ],
    );
    group(
        "Tasks",
        &[
            ("simple", Value::Native(&SIMPLE)),
            ("sequential", Value::Native(&SEQUENTIAL)),
            ("combine", Value::Native(&COMBINE)),
            ("concat", Value::Native(&CONCAT)),
            ("SIMPLE_CPU", Value::Float(1.0)),
            ("SIMPLE_RAM", Value::Int(1 << 30)),
            ("SIMPLE_DISK", Value::Int(1 << 30)),
        ],
    );
}

fn named(pairs: Vec<(&str, Raw)>) -> Vec<(Arc<str>, Raw)> {
    pairs.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()
}

fn make(interp: &mut Interp, kind: &str, fields: Vec<(&str, Raw)>, span: Span) -> Eval<model::Value> {
    let Some(kind) = schema::type_named(kind) else {
        return interp.value_error(format!("there is no type {kind}"));
    };
    interp.budget.values(8 + fields.len())?;
    let made = kind.call_within(&[], &named(fields), pack(span), &interp.model_budget);
    interp.model(made)
}

fn order_constraint(interp: &mut Interp, names: Vec<Raw>, span: Span) -> Eval<model::Value> {
    make(interp, "Constraint", vec![("order", Raw::list(names).at(pack(span)))], span)
}

fn name_of(interp: &mut Interp, process: &model::Value) -> Eval<Raw> {
    let field = process.field("name");
    match interp.model(field)? {
        Some(name) => {
            let text = name.text();
            let text = interp.model(text)?;
            Ok(Raw::from(text).at(name.origin()))
        }
        None => interp.value_error("a process in the order has no name"),
    }
}

fn order(interp: &mut Interp, args: Args) -> Eval<Value> {
    let mut names = Vec::new();
    for (value, span) in args.positional.iter().zip(&args.positional_spans) {
        match value {
            Value::Object(object) if object.struct_type().is_some_and(|ty| &**ty.name() == "Process") => {
                names.push(name_of(interp, object)?);
            }
            Value::Str(_) => names.push(interp.raw(value, *span)?),
            other => {
                let shown = interp.repr_short(other);
                let stop =
                    interp.raise("ValueError", format!("Unknown value for process order: {shown}")).at(*span);
                return Err(match other {
                    Value::List(_) | Value::Tuple(_) => {
                        stop.help("write order(*processes) to give the elements of a list")
                    }
                    _ => stop.help("give processes or their names: order(install, run)"),
                });
            }
        }
    }
    let constraint = order_constraint(interp, names, args.span)?;
    interp.list(vec![Value::Object(constraint)])
}

fn simple(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let span = args.span;
    let name = interp.required(&mut args, "SimpleTask", 0, "name")?;
    let command = interp.required(&mut args, "SimpleTask", 1, "command")?;
    interp.at_most(&args, "SimpleTask", 2)?;
    let place = |at: usize| args.positional_spans.get(at).copied().unwrap_or(span);
    let name = interp.raw(&name, place(0))?;
    let command = interp.raw(&command, place(1))?;
    let process = make(interp, "Process", vec![("name", name.clone()), ("cmdline", command)], span)?;
    let amounts =
        vec![("cpu", Raw::from(1.0)), ("ram", Raw::from(1_i64 << 30)), ("disk", Raw::from(1_i64 << 30))];
    let resources = make(interp, "Resources", amounts, span)?;
    let fields = vec![
        ("name", name),
        ("processes", Raw::list([Raw::from(process)])),
        ("resources", Raw::from(resources)),
    ];
    make(interp, "Task", fields, span).map(Value::Object)
}

fn sequential_task(interp: &mut Interp, args: Args) -> Eval<Value> {
    let span = args.span;
    let task = interp.construct_object(schema::task(), args)?;
    sequential(interp, Args::of(vec![task], span))
}

fn sequential(interp: &mut Interp, mut args: Args) -> Eval<Value> {
    let task = task_argument(interp, &interp.required(&mut args, "Tasks.sequential", 0, "task")?)?;
    let constraints = elements(interp, &task, "constraints")?;
    if !constraints.is_empty() {
        return interp
            .value_error("Cannot turn a Task with existing constraints into a SequentialTask!")
            .map_err(|stop| stop.help("write Task(...) if you give the order yourself"));
    }
    if task.raw_field("processes").is_none() {
        return Ok(Value::Object(task));
    }
    let mut names = Vec::new();
    for process in elements(interp, &task, "processes")? {
        names.push(name_of(interp, &process)?);
    }
    let constraint = order_constraint(interp, names, args.span)?;
    derive(interp, &task, vec![("constraints", Raw::list([Raw::from(constraint)]))], args.span)
}

fn derive(interp: &mut Interp, task: &model::Value, fields: Vec<(&str, Raw)>, span: Span) -> Eval<Value> {
    let derived =
        task.derive_within(&named(fields), task.origin().or_else(|| pack(span)), &interp.model_budget);
    interp.model(derived).map(Value::Object)
}

fn task_argument(interp: &mut Interp, value: &Value) -> Eval<model::Value> {
    match value {
        Value::Object(object) if object.struct_type().is_some_and(|ty| &**ty.name() == "Task") => {
            Ok(object.clone())
        }
        other => {
            let shown = interp.repr_short(other);
            interp.type_error(format!("a Task is needed here, got {shown}"))
        }
    }
}

fn elements(interp: &mut Interp, task: &model::Value, field: &str) -> Eval<Vec<model::Value>> {
    let found = task.field(field);
    match interp.model(found)? {
        Some(list) => {
            let elements = list.elements();
            let elements = interp.model(elements)?;
            interp.budget.values(elements.len())?;
            Ok(elements)
        }
        None => Ok(Vec::new()),
    }
}

/// What comparing two processes or constraints costs.
const STEPS_OF_A_COMPARISON: usize = 120;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joined {
    SideBySide,
    OneAfterAnother,
}

/// `Tasks.combine` and `Tasks.concat`. Processes and constraints keep the order of first sight.
fn join(interp: &mut Interp, args: Args, how: Joined) -> Eval<Value> {
    let span = args.span;
    let tasks: Vec<model::Value> =
        args.positional.iter().map(|task| task_argument(interp, task)).collect::<Eval<_>>()?;
    let Some(base) = tasks.last().cloned() else {
        return interp.construct_object(schema::task(), Args { span, ..Args::default() });
    };
    let (mut processes, mut constraints): (Vec<model::Value>, Vec<model::Value>) = (Vec::new(), Vec::new());
    let mut resources = Vec::new();
    let mut waits: Vec<i64> = Vec::new();
    let mut previous: Vec<model::Value> = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        if task.raw_field("processes").is_none() {
            return interp.type_error("a task to join has no processes");
        }
        let own = elements(interp, task, "processes")?;
        for constraint in elements(interp, task, "constraints")? {
            add_unique(interp, &mut constraints, constraint)?;
        }
        if how == Joined::OneAfterAnother && index > 0 {
            for before in &previous {
                for after in &own {
                    interp.budget.steps(STEPS_OF_A_COMPARISON)?;
                    let equal = before.equals(after);
                    if !interp.model(equal)? {
                        let names = vec![name_of(interp, before)?, name_of(interp, after)?];
                        let constraint = order_constraint(interp, names, span)?;
                        add_unique(interp, &mut constraints, constraint)?;
                    }
                }
            }
        }
        for process in &own {
            add_unique(interp, &mut processes, process.clone())?;
        }
        previous = own;
        let field = task.field("resources");
        resources.push(interp.model(field)?.map_or(Value::Empty, Value::Object));
        waits.push(whole(number(interp, task, "finalization_wait")?.unwrap_or(0.0).clamp(0.0, 1e15)));
    }
    let resources = units(interp, resources, how == Joined::OneAfterAnother)?;
    let wait = match how {
        Joined::SideBySide => waits.iter().copied().max().unwrap_or(0),
        Joined::OneAfterAnother => waits.iter().sum(),
    };
    let resources = interp.raw(&resources, span)?;
    let mut fields = vec![
        ("processes", Raw::list(processes.into_iter().map(Raw::from))),
        ("constraints", Raw::list(constraints.into_iter().map(Raw::from))),
        ("resources", resources),
        ("finalization_wait", Raw::from(wait)),
    ];
    let mut extra = Vec::new();
    for ((name, value), place) in args.keywords.iter().zip(&args.keyword_spans) {
        if matches!(&**name, "resources" | "constraints" | "finalization_wait") {
            let message = format!("'{name}' is worked out from the tasks and cannot be given here");
            return Err(interp
                .raise("TypeError", message)
                .at(*place)
                .help(format!("set it afterwards: joined({name}=...)")));
        }
        extra.push((name.clone(), interp.raw(value, *place)?));
    }
    for (name, value) in &extra {
        fields.retain(|(known, _)| *known != &**name);
        fields.push((name, value.clone()));
    }
    derive(interp, &base, fields, span)
}

fn add_unique(interp: &mut Interp, all: &mut Vec<model::Value>, new: model::Value) -> Eval<()> {
    for known in all.iter() {
        // A comparison looks at all fields of both.
        interp.budget.steps(STEPS_OF_A_COMPARISON)?;
        let equal = known.equals(&new);
        if interp.model(equal)? {
            return Ok(());
        }
    }
    interp.budget.values(8)?;
    all.push(new);
    Ok(())
}

/// A number field as it stands; `None` if it is unset.
fn number(interp: &mut Interp, object: &model::Value, field: &str) -> Eval<Option<f64>> {
    let found = object.field(field);
    let Some(value) = interp.model(found)? else { return Ok(None) };
    #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
    match value.raw_data() {
        Some(RawData::Int(number)) => Ok(Some(*number as f64)),
        Some(RawData::Float(number)) => Ok(Some(*number)),
        _ => interp
            .type_error(format!("'{field}' is still a template and cannot be added up"))
            .map_err(|stop| stop.help("give the joined task its resources: joined(resources=...)")),
    }
}

/// The sum or the maximum of each dimension; unset resources count as nothing.
fn units(interp: &mut Interp, all: Vec<Value>, most: bool) -> Eval<Value> {
    let span = interp.here;
    let mut totals = [0.0_f64; 4];
    let dimensions = ["cpu", "ram", "disk", "gpu"];
    for resources in &all {
        let Value::Object(resources) = resources else { continue };
        for (total, dimension) in totals.iter_mut().zip(dimensions) {
            let amount = number(interp, resources, dimension)?.unwrap_or(0.0);
            *total = if most { total.max(amount) } else { *total + amount };
        }
    }
    let fields = dimensions
        .into_iter()
        .zip(totals)
        .map(|(dimension, total)| {
            (dimension, if dimension == "cpu" { Raw::from(total) } else { Raw::from(whole(total)) })
        })
        .collect();
    make(interp, "Resources", fields, span).map(Value::Object)
}

fn whole(number: f64) -> i64 {
    super::format::float_to_int(number).and_then(|number| i64::try_from(number).ok()).unwrap_or(i64::MAX)
}

/// Flags for a command line: `-a -b value`.
fn options(interp: &mut Interp, args: Args, short: &str, long: &str) -> Eval<Value> {
    let mut flags: Vec<String> = Vec::new();
    let prefixed = |name: &str| format!("{}{name}", if name.chars().count() == 1 { short } else { long });
    let mut pairs: Vec<(String, Value)> = Vec::new();
    for value in &args.positional {
        match value {
            Value::Str(name) => pairs.push((name.to_string(), Value::None)),
            Value::Dict(_) => {
                for (key, value) in interp.pairs_of(value)? {
                    pairs.push((interp.str_of(&key.0)?, value));
                }
            }
            other => {
                let shown = interp.repr_short(other);
                return interp.value_error(format!("Got an unexpected argument to render_options: {shown}"));
            }
        }
    }
    pairs.extend(args.keywords.iter().map(|(name, value)| (name.to_string(), value.clone())));
    for (name, value) in pairs {
        let flag = prefixed(&name);
        if interp.truthy(&value)? {
            let value = interp.str_of(&value)?;
            flags.push(format!("{flag} {value}"));
        } else {
            flags.push(flag);
        }
    }
    let text = flags.join(" ");
    interp.text(text)
}
