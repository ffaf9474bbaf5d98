//! What is allowed, but probably not meant.

use aurora_model::{Path, Step, Template, Value};

use super::{Context, view};
use crate::diagnostic::{Diagnostic, nearest};
use crate::explain;
use crate::origin::{narrow, unpack};

/// Tiers that every scheduler is shipped with, and whether they are for production (`spec/config.md` §5.6).
const TIERS: [(&str, bool); 3] = [("preferred", true), ("preemptible", false), ("revocable", false)];
/// Names known at run time that a text may hold.
const RUN_TIME: [&str; 5] =
    ["mesos.instance", "mesos.hostname", "thermos.task_id", "thermos.user", "thermos.ports["];

/// Warnings about texts of a job that is still bound to its names.
pub(super) fn texts(job: &Value, context: &Context<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (path, text, origin) in job.texts() {
        if !text.contains('{') {
            continue;
        }
        let at = |part: &str| origin.map(|origin| narrow(unpack(origin), part, context.sources));
        let field = format!("{} > {path}", context.root());
        if let Some(name) = collapsed(&text, &path, job) {
            let shown = format!("{{{name}}}");
            found.push(
                Diagnostic::warning(
                    "collapsed-reference",
                    format!("{shown} is no reference and stays as it is"),
                )
                .at_maybe(at(&shown))
                .field(field.clone())
                .help(format!(
                    "write {{{{{name}}}}}; in an f-string or a text that is formatted, {{{{{{{{{name}}}}}}}}}"
                )),
            );
        }
        if !text.contains("super.") {
            continue;
        }
        for reference in Template::parse(&text).iter().flat_map(Template::references) {
            let address = reference.to_string();
            let Some((outermost, nearer)) = structs_of_super(&address, &path, job) else { continue };
            let name = address.rsplit("super.").next().unwrap_or_default();
            found.push(
                Diagnostic::warning(
                    "super",
                    format!("{{{{{address}}}}} is the {outermost}'s {name}, not the {nearer}'s"),
                )
                .at_maybe(at(&format!("{{{{{address}}}}}")))
                .field(field.clone())
                .help("`super` finds the outermost struct that has the field; bind another name to mean one of them"),
            );
        }
    }
    found
}

/// A known name in single braces: what formatting leaves of a reference (`spec/config.md` §6 row 29).
fn collapsed(text: &str, path: &Path, job: &Value) -> Option<String> {
    let mut bindings = None;
    for (at, _) in text.match_indices('{') {
        let inner = text[at + 1..].split_once('}').map(|(inner, _)| inner)?;
        let doubled = text[..at].ends_with(['{', '$']) || text[at + 1 + inner.len()..].starts_with("}}");
        let is_name = inner.contains('.')
            && inner
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '[' | ']'));
        if doubled || !is_name {
            continue;
        }
        let bindings: &Vec<String> = bindings
            .get_or_insert_with(|| job.at(path).map(|leaf| leaf.bindings_in_scope()).unwrap_or_default());
        if RUN_TIME.iter().any(|name| inner.starts_with(name)) || bindings.iter().any(|name| name == inner) {
            return Some(inner.to_owned());
        }
    }
    None
}

/// If several structs around the one with the text have the field, the one `super` finds and the closest
/// (`spec/config.md` §1.8, §6 row 9).
fn structs_of_super(address: &str, path: &Path, job: &Value) -> Option<(String, String)> {
    let name = address.rsplit("super.").next().filter(|name| *name != address)?;
    let mut with_field = Vec::new();
    let mut prefix = Path::default();
    let structs = path.steps.iter().filter(|step| matches!(step, Step::Field { .. })).count();
    let mut passed = 0;
    for step in &path.steps {
        if let Step::Field { of, .. } = step {
            passed += 1;
            // The innermost one is the struct with the text itself.
            if passed < structs && job.at(&prefix)?.raw_field(name).is_some() {
                with_field.push(explain::shown_struct(of).to_owned());
            }
        }
        prefix.steps.push(step.clone());
    }
    match with_field.as_slice() {
        [outermost, .., nearest] => Some((outermost.clone(), nearest.clone())),
        _ => None,
    }
}

/// Tier and `production` (`spec/config.md` §5.6).
pub(super) fn tier(job: &Value, context: &Context<'_>) -> Option<Diagnostic> {
    let tier = view::text(job, "tier")?;
    let production = view::flag(job, "production") == Some(true);
    let (message, help, field) = match TIERS.iter().find(|(name, _)| *name == tier) {
        Some((_, false)) if production => (
            format!("production=True has no effect: the tier '{tier}' decides"),
            "write tier='preferred', or leave production out".to_owned(),
            "production",
        ),
        Some(_) => return None,
        None => {
            let close = nearest(&tier, TIERS.iter().map(|(name, _)| *name))?;
            (
                format!("schedulers are not shipped with a tier '{tier}'"),
                format!("did you mean '{close}'?"),
                "tier",
            )
        }
    };
    let warning = Diagnostic::warning("tier", message).at_maybe(view::place(job, field)).help(help);
    Some(warning.field(format!("{} > {field}", context.root())))
}
