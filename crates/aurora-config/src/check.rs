//! Checks a selected job: what the model says of it, references that nothing binds, the order of processes, ports, and
//! the rules of the client (`spec/config.md` §4). All problems are reported, not the first.

mod cron;
mod job;
mod lint;
mod plan;
mod ports;
mod references;
pub(crate) mod view;

use std::collections::BTreeSet;

use aurora_model::{Budget, Escapes, Raw, Value};

use crate::diagnostic::{Diagnostic, Severity, SourceMap};
use crate::explain;
use crate::load::ImageName;

/// What checking may spend on one job.
const STEPS: u64 = 8_000_000;
const BYTES: u64 = 64 << 20;

/// What checks need to explain themselves.
pub(crate) struct Context<'a> {
    pub sources: &'a SourceMap,
    /// The job's name, for field paths.
    pub name: &'a str,
}

impl Context<'_> {
    pub fn root(&self) -> String {
        format!("Job[{}]", self.name)
    }
}

/// A job that may be submitted.
pub(crate) struct Checked {
    /// Resolved as far as the client can; run-time references and escapes are still in it.
    pub job: Value,
    /// Names of the ports it needs.
    pub ports: BTreeSet<String>,
    /// Images that a registry has yet to be asked about.
    pub images: BTreeSet<ImageName>,
    pub warnings: Vec<Diagnostic>,
}

/// What checking one job may spend.
pub(crate) fn budget_of_a_job() -> Budget {
    Budget::new(STEPS, BYTES)
}

/// What checking all jobs of a file may spend.
pub(crate) fn budget_of_a_file() -> Budget {
    Budget::new(4 * STEPS, 4 * BYTES)
}

pub(crate) fn check(
    value: &Value,
    context: &Context<'_>,
    budget: &Budget,
) -> Result<Checked, Vec<Diagnostic>> {
    let broken = |error: &aurora_model::Error| explain::error(error, context.sources);
    // Compat: these three always mean the job's own fields (spec/config.md §2.6).
    let standard =
        [("mesos.role", "{{role}}"), ("mesos.cluster", "{{cluster}}"), ("thermos.user", "{{role}}")];
    let standard = Raw::map(standard.map(|(name, value)| (name, Raw::from(value))));
    let bound = value.bind(&[standard], &[]).map_err(|error| broken(&error))?;
    let mut problems: Vec<Diagnostic> = Vec::new();
    for problem in &bound.check_within(budget).problems {
        for found in explain::problem(problem, &context.root(), context.sources) {
            add(&mut problems, found);
        }
    }
    job::require(&bound, context, &mut problems);
    // What is broken in itself stays as it is, and does not hide what is wrong with the rest.
    let interpolated = match bound.interpolate_leniently(Escapes::Keep, budget) {
        Ok(interpolated) => interpolated,
        Err(error) => {
            problems.extend(broken(&error).into_iter().map(|problem| problem.field(context.root())));
            return Err(problems);
        }
    };
    let refs = ports::referenced(&interpolated);
    references::check(&bound, &interpolated, &refs, context, budget, &mut problems);
    let mut found = Vec::new();
    let ports = job::check(&interpolated.value, &interpolated.unbound, &refs, context, &mut found);
    let mut warnings = lint::texts(&bound, context);
    warnings.extend(lint::tier(&interpolated.value, context));
    let broken: BTreeSet<String> = problems.iter().filter_map(|problem| problem.field.clone()).collect();
    let is_broken = |problem: &Diagnostic| problem.field.as_ref().is_some_and(|field| broken.contains(field));
    for problem in found {
        match problem.severity {
            // What a field holds means nothing as long as it does not resolve.
            _ if is_broken(&problem) => {}
            Severity::Error => add(&mut problems, problem),
            Severity::Warning => warnings.push(problem),
        }
    }
    if problems.is_empty() {
        let images = interpolated.unbound.iter().filter_map(|left| ImageName::of(&left.reference)).collect();
        Ok(Checked { job: interpolated.value, ports, images, warnings })
    } else {
        problems.sort_by_key(|problem| problem.span.map(|span| (span.file, span.start)));
        problems.extend(warnings);
        Err(problems)
    }
}

/// The same cause is told once, however many fields it breaks.
fn add(problems: &mut Vec<Diagnostic>, new: Diagnostic) {
    let known = problems
        .iter()
        .any(|known| known.message == new.message && known.span == new.span && known.field == new.field);
    if !known {
        problems.push(new);
    }
}
