//! Ports: which names processes refer to, and what the announcer's portmap makes of them (`spec/config.md` §5.5).

use std::collections::{BTreeMap, BTreeSet};

use aurora_model::{Interpolated, Path, Step, Value};

use super::view;

/// Port names that processes refer to.
pub(super) fn referenced(interpolated: &Interpolated) -> BTreeSet<String> {
    interpolated
        .unbound
        .iter()
        .filter(|unbound| is_in_process(&unbound.path))
        .filter_map(|unbound| unbound.reference.index_below(&["thermos", "ports"]).map(str::to_owned))
        .collect()
}

fn is_in_process(path: &Path) -> bool {
    let mut fields = path.steps.iter().filter_map(|step| match step {
        Step::Field { name, .. } => Some(&**name),
        _ => None,
    });
    fields.next() == Some("task") && fields.next() == Some("processes")
}

/// What an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Number(i64),
    Name(String),
}

/// The portmap with aliases followed; on a cycle, the names that form it.
pub(super) fn portmap(job: &Value) -> Result<BTreeMap<String, Target>, Vec<String>> {
    let Some(announce) = job.raw_field("announce") else { return Ok(BTreeMap::new()) };
    let direct: BTreeMap<String, String> =
        view::map(announce, "portmap").into_iter().map(|(name, target, _)| (name, target)).collect();
    let mut resolved = BTreeMap::new();
    for (name, target) in &direct {
        let mut path = vec![name.clone()];
        let mut current = target.clone();
        let end = loop {
            if let Ok(number) = current.trim().parse() {
                break Target::Number(number);
            }
            // An alias of itself is a port of that name (spec/config.md §6 row 26).
            let next = direct.get(&current).filter(|next| **next != current);
            if path.contains(&current) && (current != *name || path.len() > 1) {
                path.push(current);
                return Err(path);
            }
            match next {
                Some(next) if current != *name => {
                    path.push(current);
                    current = next.clone();
                }
                _ => break Target::Name(current),
            }
        };
        resolved.insert(name.clone(), end);
    }
    Ok(resolved)
}

/// The ports to ask the scheduler for.
pub(super) fn requested(refs: &BTreeSet<String>, portmap: &BTreeMap<String, Target>) -> BTreeSet<String> {
    let mapped = portmap.values().filter_map(|target| match target {
        Target::Name(name) => Some(name.clone()),
        Target::Number(_) => None,
    });
    let referenced = refs.iter().filter_map(|name| match portmap.get(name) {
        None => Some(name.clone()),
        Some(Target::Name(target)) => Some(target.clone()),
        Some(Target::Number(_)) => None,
    });
    mapped.chain(referenced).collect()
}
