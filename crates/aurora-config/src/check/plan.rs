//! The order of a task's processes (`spec/config.md` §4.1).

use std::collections::{BTreeMap, BTreeSet};

use aurora_model::Value;

use super::{Context, view};
use crate::diagnostic::{Diagnostic, nearest};

/// One `order(...)`: the names and where they stand.
struct Order<'v> {
    constraint: &'v Value,
    names: Vec<String>,
}

pub(super) fn check(task: &Value, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let field = format!("{} > task > constraints", context.root());
    let processes = view::list(task, "processes");
    // The last process of a name wins, as in the planner.
    let by_name: BTreeMap<String, &Value> =
        processes.iter().filter_map(|process| Some((view::text(process, "name")?, process))).collect();
    let is_final =
        |name: &str| by_name.get(name).is_some_and(|process| view::flag(process, "final") == Some(true));
    let mut orders = Vec::new();
    for constraint in view::list(task, "constraints") {
        if constraint.raw_field("order").is_none() {
            found.push(
                Diagnostic::error("order", "order is required: this Constraint() says nothing")
                    .at_maybe(constraint.origin().map(crate::origin::unpack))
                    .field(field.clone())
                    .help("write order(first, second)"),
            );
            continue;
        }
        let names: Vec<String> =
            view::list(constraint, "order").iter().filter_map(view::scalar_text).collect();
        orders.push(Order { constraint, names });
    }
    for order in &orders {
        known_names(order, &by_name, &is_final, &field, found);
    }
    for stage in [false, true] {
        let names: BTreeSet<&str> =
            by_name.keys().map(String::as_str).filter(|name| is_final(name) == stage).collect();
        let edges: Vec<(&str, &str, &Order<'_>)> = orders
            .iter()
            .filter(|order| order.names.iter().all(|name| names.contains(name.as_str())))
            .flat_map(|order| {
                order.names.windows(2).map(move |pair| (pair[0].as_str(), pair[1].as_str(), order))
            })
            .collect();
        cycle(&edges, &field, found);
        for (before, after, order) in &edges {
            dependency(before, after, order, &by_name, &field, found);
        }
    }
}

fn at(order: &Order<'_>, name: &str) -> Option<crate::diagnostic::Span> {
    let element = view::list(order.constraint, "order")
        .iter()
        .find(|value| view::scalar_text(value).as_deref() == Some(name));
    element.and_then(Value::origin).or_else(|| order.constraint.origin()).map(crate::origin::unpack)
}

fn known_names(
    order: &Order<'_>,
    by_name: &BTreeMap<String, &Value>,
    is_final: &impl Fn(&str) -> bool,
    field: &str,
    found: &mut Vec<Diagnostic>,
) {
    if order.names.is_empty() {
        found.push(
            Diagnostic::error("order", "this order names no processes: Invalid process dependencies!")
                .at_maybe(order.constraint.origin().map(crate::origin::unpack))
                .field(field),
        );
        return;
    }
    let unknown: Vec<&String> = order.names.iter().filter(|name| !by_name.contains_key(*name)).collect();
    if unknown.len() == order.names.len() {
        found.push(
            Diagnostic::warning("stale-order", "this order names only processes that are not in the task: it has no effect")
                .at_maybe(at(order, unknown[0]))
                .field(field)
                .help("a SequentialTask that gets new processes keeps its old order: make it again with SequentialTask(...)"),
        );
        return;
    }
    for name in &unknown {
        let known: Vec<&str> = by_name.keys().map(String::as_str).collect();
        let help = nearest(name, known.iter().copied()).map_or_else(
            || format!("its processes are {}", known.join(", ")),
            |close| format!("did you mean '{close}'?"),
        );
        found.push(
            Diagnostic::error("order", format!("the order names '{name}', which is no process of the task"))
                .at_maybe(at(order, name))
                .field(field)
                .help(help),
        );
    }
    let finals: Vec<&str> = order.names.iter().map(String::as_str).filter(|name| is_final(name)).collect();
    if unknown.is_empty() && !finals.is_empty() && finals.len() != order.names.len() {
        found.push(
            Diagnostic::error(
                "order",
                format!("the order mixes the finalizing process '{}' with ordinary ones", finals[0]),
            )
            .at_maybe(at(order, finals[0]))
            .field(field)
            .help("finalizing processes run after all others: take it out of the order"),
        );
    }
}

fn cycle(edges: &[(&str, &str, &Order<'_>)], field: &str, found: &mut Vec<Diagnostic>) {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (before, after, _) in edges {
        next.entry(before).or_default().push(after);
    }
    // Take away what nothing waits for until only cycles are left.
    let mut left: BTreeSet<&str> = edges.iter().flat_map(|(before, after, _)| [*before, *after]).collect();
    loop {
        let free: Vec<&str> = left
            .iter()
            .copied()
            .filter(|name| {
                !next.get(name).is_some_and(|after| after.iter().any(|after| left.contains(after)))
            })
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    let Some(start) = left.first().copied() else { return };
    let mut path = vec![start];
    let mut current = start;
    while let Some(after) =
        next.get(current).and_then(|after| after.iter().find(|after| left.contains(*after)).copied())
    {
        if let Some(begin) = path.iter().position(|name| *name == after) {
            path.push(after);
            path.drain(..begin);
            break;
        }
        path.push(after);
        current = after;
    }
    let order = edges
        .iter()
        .find(|(before, after, _)| path.contains(before) && path.contains(after))
        .map(|(.., order)| *order);
    found.push(
        Diagnostic::error("order", format!("processes wait for one another: {}", path.join(" -> ")))
            .at_maybe(order.and_then(|order| at(order, path[0])))
            .field(field)
            .help("take one of them out of the order"),
    );
}

fn dependency(
    before: &str,
    after: &str,
    order: &Order<'_>,
    by_name: &BTreeMap<String, &Value>,
    field: &str,
    found: &mut Vec<Diagnostic>,
) {
    let flag = |name: &str, field: &str| {
        by_name.get(name).is_some_and(|process| view::flag(process, field) == Some(true))
    };
    if flag(before, "daemon") {
        found.push(
            Diagnostic::error(
                "order",
                format!("Process {after} may not depend upon daemon process {before}"),
            )
            .at_maybe(at(order, after))
            .field(field)
            .help("a daemon process never ends, so nothing can wait for it"),
        );
    }
    if flag(before, "ephemeral") && !flag(after, "ephemeral") {
        found.push(
            Diagnostic::error(
                "order",
                format!("Non-ephemeral process {after} may not depend upon ephemeral process {before}"),
            )
            .at_maybe(at(order, after))
            .field(field),
        );
    }
}
