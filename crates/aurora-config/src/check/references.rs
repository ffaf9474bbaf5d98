//! References that nothing binds: not the file, not the command line, and not the executor or the runner either.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_model::{Budget, Escapes, Interpolated, Path, Raw, Ref, Step, UnboundRef, Value, schema};

use super::Context;
use crate::diagnostic::{Diagnostic, nearest};
use crate::explain;
use crate::origin::{narrow, unpack};

/// The instance number a check runs with, as upstream's.
const INSTANCE: u32 = 31_337;
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
        .and_then(|job| job.interpolate_within(Escapes::Keep, budget));
    match at_run_time {
        Ok(left) => {
            for unbound in &left.unbound {
                super::add(problems, unresolved(unbound, context));
            }
        }
        Err(error) if problems.is_empty() => problems.extend(explain::error(&error, context.sources)),
        Err(_) => {}
    }
    dotted_ports(interpolated, context, problems);
}

fn port_name(unbound: &UnboundRef) -> Option<String> {
    unbound.reference.index_below(&["thermos", "ports"]).map(str::to_owned)
}

/// For a job that cannot be resolved as a whole: asks every leaf on its own, so that one broken text does not hide what
/// is wrong with the others.
pub(super) fn check_leaves(
    bound: &Value,
    context: &Context<'_>,
    budget: &Budget,
    problems: &mut Vec<Diagnostic>,
) {
    let names = Raw::map(
        [("thermos.user", "user"), ("thermos.task_id", "task")].map(|(name, value)| (name, Raw::from(value))),
    );
    let Ok(job) = bound.bind_mesos(INSTANCE, "").and_then(|job| job.bind(&[names], &[])) else { return };
    let mut paths = Vec::new();
    leaves(bound, &Path::default(), &mut paths);
    for path in &paths {
        let Some(Ok(resolved)) = job.at(path).map(|leaf| leaf.interpolate_within(Escapes::Keep, budget))
        else {
            continue;
        };
        for unbound in resolved.unbound.iter().filter(|unbound| port_name(unbound).is_none()) {
            let path = path.join(&unbound.path);
            super::add(problems, unresolved(&UnboundRef { path, ..unbound.clone() }, context));
        }
    }
}

/// The paths of all leaves in structs and lists.
fn leaves(value: &Value, path: &Path, paths: &mut Vec<Path>) {
    if let Some(ty) = value.struct_type() {
        for (name, _) in ty.fields() {
            if let Some(field) = value.raw_field(name) {
                let step = Step::Field { of: Arc::clone(ty.name()), name: Arc::clone(name) };
                leaves(field, &path.join(&Path { steps: vec![step] }), paths);
            }
        }
    } else if let Some(items) = value.raw_elements() {
        for (index, item) in items.iter().enumerate() {
            let label = item.raw_field("name").and_then(|name| name.raw_text()).cloned();
            let step = Step::Item { of: value.ty().name(), index, label };
            leaves(item, &path.join(&Path { steps: vec![step] }), paths);
        }
    } else if value.raw_text().is_some() {
        paths.push(path.clone());
    }
}

/// `{{thermos.ports.http}}` and `{{thermos.ports}}` would print the whole map.
fn dotted_ports(interpolated: &Interpolated, context: &Context<'_>, problems: &mut Vec<Diagnostic>) {
    for unbound in &interpolated.unbound {
        let address = unbound.reference.to_string();
        if (address == "thermos.ports" || address == "thermos")
            && !problems.iter().any(|known| known.code == "unbound")
        {
            super::add(problems, unresolved(unbound, context));
        }
    }
}

fn unresolved(unbound: &UnboundRef, context: &Context<'_>) -> Diagnostic {
    let address = unbound.reference.to_string();
    let written = format!("{{{{{address}}}}}");
    let path = unbound.path.to_string();
    let problem = Diagnostic::error("unbound", format!("unresolved {written}"))
        .at_maybe(unbound.origin.map(unpack).map(|span| narrow(span, &written, context.sources)))
        .label("nothing binds this")
        .field(format!("{} > {path}", context.root()));
    if let Some(port) = address.strip_prefix("thermos.ports.") {
        return problem.help(format!("write {{{{thermos.ports[{port}]}}}}"));
    }
    if address == "thermos.ports" {
        return problem.help("name the port: {{thermos.ports[http]}}");
    }
    if address.contains(&format!("[{INSTANCE}")) || address.contains(&format!("{INSTANCE}]")) {
        let base = address.split('[').next().unwrap_or_default();
        let original = Diagnostic {
            message: format!(
                "mesos.instance is only known at run time and cannot select an element of '{base}'"
            ),
            ..problem
        };
        let original = match unbound.origin.map(unpack) {
            Some(span) => original.at(narrow(span, &unbound.text, context.sources)),
            None => original,
        };
        return original
            .help("select it in the shell, with the instance number as an argument: {{mesos.instance}}");
    }
    if let Some(inner) = address.strip_prefix("docker.image") {
        return problem.help(format!("images are not looked up in a registry yet: write the image's digest instead of docker.image{inner}"));
    }
    problem.help(suggestion(&unbound.reference, &unbound.text, context))
}

/// The nearest known name, and all there are.
fn suggestion(reference: &Ref, text: &str, context: &Context<'_>) -> String {
    let address = reference.to_string();
    let fields = ["role", "cluster", "environment", "name", "instances"];
    let known: Vec<&str> = context
        .bound_names
        .iter()
        .map(String::as_str)
        .chain(RUN_TIME.iter().copied())
        .chain(fields)
        .collect();
    let index =
        reference.components().iter().any(|component| matches!(component, aurora_model::Component::Index(_)));
    let dotted = address.replace('[', ".").replace(']', "");
    if index && context.bound_names.contains(&dotted) {
        return format!(
            "a dict that is bound is read as {{{{{dotted}}}}}; for [..] bind a Map(String, String)({{...}})"
        );
    }
    let mut shown: Vec<&str> = known.iter().copied().take(24).collect();
    shown.sort_unstable();
    let listed = shown.join(", ");
    let close = nearest(&address, known.iter().copied().filter(|name| *name != address));
    let was_dotted = text.contains(&format!("{{{{.{address}"));
    match close {
        Some(close) => format!("did you mean {{{{{close}}}}}? names visible here: {listed}"),
        None if was_dotted => {
            format!("to keep the braces for the program that is started, write {{{{&.{address}}}}}")
        }
        None => format!(
            "bind it with .bind({}=...) or --bind {address}=VALUE; names visible here: {listed}",
            address.split(['.', '[']).next().unwrap_or("name")
        ),
    }
}
