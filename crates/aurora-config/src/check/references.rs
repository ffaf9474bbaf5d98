//! References that nothing binds: not the file, not the command line, and not the executor or the runner either.

use aurora_model::{Budget, Component, Escapes, Interpolated, Raw, Ref, Type, UnboundRef, Value, schema};
use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use crate::diagnostic::{Diagnostic, nearest};
use crate::explain;
use crate::load::ImageName;
use crate::origin::{narrow, unpack};

/// The instance number a check runs with, as upstream's.
const INSTANCE: u32 = 31_337;
/// Bound names that a suggestion lists.
const NAMES_SHOWN: usize = 24;
/// What is known at run time (`spec/config.md` §5.8).
const RUN_TIME: &[&str] =
    &["mesos.instance", "mesos.hostname", "thermos.task_id", "thermos.user", "thermos.ports[NAME]"];

pub(super) fn check(
    bound: &Value,
    interpolated: &Interpolated,
    ports: &BTreeSet<String>,
    context: &Context<'_>,
    budget: &Budget,
    problems: &mut Vec<Diagnostic>,
) {
    let numbers: BTreeMap<String, u16> = interpolated
        .unbound
        .iter()
        .filter_map(port_name)
        .chain(ports.iter().cloned())
        .map(|port| (port, 31_000))
        .collect();
    let names = Raw::map([("thermos.user", Raw::from("{{role}}"))]);
    let at_run_time = bound
        .bind_mesos(INSTANCE, "")
        .and_then(|job| {
            job.bind(&[], &[("thermos".into(), Raw::from(schema::thermos_context("task", "user", &numbers)))])
        })
        .and_then(|job| job.bind(&[names], &[]))
        .and_then(|job| job.interpolate_leniently(Escapes::Keep, budget));
    match at_run_time {
        Ok(left) => {
            let missing = left.unbound.iter().filter(|unbound| ImageName::of(&unbound.reference).is_none());
            for unbound in missing {
                super::add(problems, unresolved(unbound, bound, context));
            }
        }
        Err(error) if problems.is_empty() => problems.extend(explain::error(&error, context.sources)),
        Err(_) => {}
    }
    dotted_ports(bound, interpolated, context, problems);
}

fn port_name(unbound: &UnboundRef) -> Option<String> {
    unbound.reference.index_below(&["thermos", "ports"]).map(str::to_owned)
}

/// `{{thermos.ports.http}}` and `{{thermos.ports}}` would print the whole map.
fn dotted_ports(
    bound: &Value,
    interpolated: &Interpolated,
    context: &Context<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    for unbound in &interpolated.unbound {
        let address = unbound.reference.to_string();
        if (address == "thermos.ports" || address == "thermos")
            && !problems.iter().any(|known| known.code == "unbound")
        {
            super::add(problems, unresolved(unbound, bound, context));
        }
    }
}

fn unresolved(unbound: &UnboundRef, job: &Value, context: &Context<'_>) -> Diagnostic {
    let address = unbound.reference.to_string();
    let dotted = format!("{{{{.{address}}}}}");
    let written = if unbound.text.contains(&dotted) { dotted } else { format!("{{{{{address}}}}}") };
    let path = unbound.path.to_string();
    let place = |part: &str| unbound.origin.map(|origin| narrow(unpack(origin), part, context.sources));
    let mut problem = Diagnostic::error("unbound", format!("unresolved {written}"))
        .at_maybe(place(&written))
        .label("nothing binds this")
        .field(format!("{} > {path}", context.root()));
    problem.related.extend(explain::used(unbound.origin, unbound.used_at));
    if let Some(port) = address.strip_prefix("thermos.ports.") {
        return problem.help(format!("write {{{{thermos.ports[{port}]}}}}"));
    }
    if address == "thermos.ports" {
        return problem.help("name the port: {{thermos.ports[http]}}");
    }
    if address.contains(&format!("[{INSTANCE}")) || address.contains(&format!("{INSTANCE}]")) {
        let base = address.split('[').next().unwrap_or_default();
        problem.message =
            format!("mesos.instance is only known at run time and cannot select an element of '{base}'");
        return problem
            .at_maybe(place(&unbound.text))
            .label("needed before the task runs")
            .help("select it in the shell, with the instance number as an argument: {{mesos.instance}}");
    }
    let leaf = job.at(&unbound.path);
    if let Some(inner) = address.strip_prefix("docker.image") {
        return problem.help(format!(
            "an image is named with two indexes, its name and its tag, not {inner}: {{{{docker.image[library/debian][12]}}}}"
        ));
    }
    if let Some((message, help)) = leaf.as_ref().and_then(|leaf| near_miss(&unbound.reference, leaf)) {
        problem.message = format!("unresolved {written}: {message}");
        return problem.help(help);
    }
    problem.help(suggestion(&unbound.reference, &unbound.text, leaf.as_ref()))
}

/// What is wrong with the end of a reference whose beginning leads somewhere.
fn near_miss(reference: &Ref, leaf: &Value) -> Option<(String, String)> {
    let (beginning, value) = leaf.beginning_in_scope(reference)?;
    let rest = reference.components().get(beginning.components().len())?;
    let kind = explain::shown_struct(&value.ty().name()).to_owned();
    let name = rest.text();
    match (value.ty(), rest) {
        (Type::Struct(ty), Component::Name(_)) => {
            let fields: Vec<&str> = ty.fields().map(|(field, _)| &**field).collect();
            if fields.contains(&name) {
                let message = format!("the field '{name}' of this {kind} is not set");
                return Some((message, format!("write {kind}({name}=...)")));
            }
            let known = format!("its fields are {}", fields.join(", "));
            let help = match nearest(name, fields.iter().copied()) {
                Some(close) => format!("did you mean {{{{{beginning}.{close}}}}}? {known}"),
                None => known,
            };
            Some((format!("{kind} has no field '{name}'"), help))
        }
        (Type::Struct(_), Component::Index(_)) => {
            Some((format!("{kind} has no elements"), format!("write {{{{{beginning}.{name}}}}}")))
        }
        (Type::List(_), Component::Index(_)) => {
            let count = value.raw_elements().unwrap_or_default().len();
            Some((format!("the list has {count} elements"), "the first is [0]".to_owned()))
        }
        (Type::Map(_), Component::Index(_)) => {
            let entries = value.entries().ok()?;
            let keys: Vec<String> =
                entries.iter().filter_map(|(key, _)| super::view::scalar_text(key)).take(24).collect();
            let help = nearest(name, keys.iter().map(String::as_str))
                .map(|close| format!("did you mean {{{{{beginning}[{close}]}}}}? "));
            let known = format!("its keys are {}", keys.join(", "));
            Some((format!("the map has no key '{name}'"), help.unwrap_or_default() + &known))
        }
        (Type::List(_) | Type::Map(_), Component::Name(_)) => Some((
            format!("'{beginning}' is a {kind}"),
            format!("its elements are read with brackets: {{{{{beginning}[{name}]}}}}"),
        )),
        _ => Some((
            format!("'{beginning}' is a {kind}, which has no parts"),
            format!("write {{{{{beginning}}}}}"),
        )),
    }
}

/// The nearest known name, and all there are.
fn suggestion(reference: &Ref, text: &str, leaf: Option<&Value>) -> String {
    let address = reference.to_string();
    let hidden = ["mesos.role", "mesos.cluster", "thermos.user", "thermos.ports", "thermos.task_id"];
    let bindings: Vec<String> = leaf.map(Value::bindings_in_scope).unwrap_or_default();
    let bindings: Vec<&str> = bindings
        .iter()
        .map(String::as_str)
        .filter(|name| !hidden.iter().any(|hidden| name.starts_with(hidden)))
        .collect();
    let dotted = address.replace('[', ".").replace(']', "");
    if dotted != address && bindings.contains(&dotted.as_str()) {
        return format!(
            "a dict that is bound is read as {{{{{dotted}}}}}; for [..] bind a Map(String, String)({{...}})"
        );
    }
    let fields = ["role", "cluster", "environment", "name", "instances"];
    let in_scope = leaf.map(Value::names_in_scope).unwrap_or_default();
    let inner = address.strip_prefix("self.").or_else(|| address.strip_prefix("super.")).unwrap_or(&address);
    let prefix = &address[..address.len() - inner.len()];
    let known = bindings.iter().copied().chain(RUN_TIME.iter().copied()).chain(fields);
    let known: Vec<&str> = known.chain(in_scope.iter().map(String::as_str)).collect();
    let close = nearest(inner, known.iter().copied().filter(|name| *name != inner));
    let mut shown: Vec<&str> = bindings.iter().copied().take(NAMES_SHOWN).collect();
    shown.sort_unstable();
    let more = if bindings.len() > NAMES_SHOWN { ", ..." } else { "" };
    let run_time = RUN_TIME.join(", ");
    let bound = if shown.is_empty() { String::new() } else { format!("{}{more}, ", shown.join(", ")) };
    let listed = format!("names visible here: {bound}{}, {run_time}", fields.join(", "));
    let was_dotted = text.contains(&format!("{{{{.{address}"));
    match close {
        _ if was_dotted => {
            format!("to keep the braces for the program that is started, write {{{{&.{address}}}}}")
        }
        Some(close) => format!("did you mean {{{{{prefix}{close}}}}}? {listed}"),
        None if matches!(address.as_str(), "end" | "else") => {
            format!("to keep the braces for the program that is started, write {{{{&{address}}}}}")
        }
        None if !prefix.is_empty() => format!("no struct around it has a field '{inner}'; {listed}"),
        None => {
            let first = address.split(['.', '[']).next().unwrap_or("name");
            format!("bind it with .bind({first}=...) or --bind {address}=VALUE; {listed}")
        }
    }
}
