//! Going on after a mistake, so that a file's problems are told all at once. Here: after one in the fields of a struct, which
//! is made without what is wrong with it. The load fails in the end, with everything that was found.

mod names;
mod statements;

use std::sync::Arc;

use aurora_model as model;
use aurora_model::{Raw, StructType};

use super::interp::Interp;
use crate::diagnostic::{Diagnostic, Related};
use crate::explain;
pub(crate) use names::add_undefined;
pub(super) use names::{NOT_DEFINED, undefined};

/// More problems than this are not collected: they have a common cause.
const PROBLEMS_MAX: usize = 100;
/// What may fail, or follow from something that did: a long loop is not gone through to its end.
const FAILED_MAX: usize = 500;
/// Different problems collected of one place, as of a line in a loop.
const SAME_PLACE_MAX: usize = 5;

/// What went wrong so far without ending the evaluation.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    /// One for each mistake, with places.
    pub problems: Vec<Diagnostic>,
    /// Fields that were given, but left out for what was wrong with them: that they are missing is no news.
    pub dropped: Vec<Arc<str>>,
    /// How many statements failed.
    pub failed: usize,
}

impl Interp {
    /// Notes what is wrong with the fields that a struct was given, and takes it out of them. Whether it makes sense to
    /// try again.
    pub(super) fn recovers(
        &mut self,
        ty: Option<&Arc<StructType>>,
        named: &mut Vec<(Arc<str>, Raw)>,
        error: &model::Error,
    ) -> bool {
        let Some(ty) = ty else { return false };
        self.mistakes.failed += 1;
        // A file that handles the exception must see it.
        if self.guards > 0
            || self.mistakes.failed > FAILED_MAX
            || self.mistakes.problems.len() >= PROBLEMS_MAX
        {
            return false;
        }
        match error {
            model::Error::TooLarge { .. } => false,
            model::Error::UnknownFields { ty: of, fields } if Arc::ptr_eq(of, ty) => {
                if fields.iter().any(|field| !named.iter().any(|(name, _)| *name == field.name)) {
                    return false;
                }
                self.note(explain::error(error, &self.sources));
                for field in fields {
                    self.rename_or_drop(ty, named, field);
                }
                true
            }
            _ => self.drop_misfits(ty, named),
        }
    }

    /// A misspelt field counts as the one that was most likely meant.
    fn rename_or_drop(
        &mut self,
        ty: &Arc<StructType>,
        named: &mut Vec<(Arc<str>, Raw)>,
        field: &model::UnknownField,
    ) {
        let Some(at) = named.iter().position(|(name, _)| *name == field.name) else { return };
        let (_, raw) = named.remove(at);
        let Some(meant) = &field.suggestion else { return };
        let fits = ty.field(meant).is_some_and(|signature| signature.ty().accept(&raw).is_ok());
        if fits && !named.iter().any(|(name, _)| name == meant) {
            named.push((Arc::clone(meant), raw));
        } else {
            self.mistakes.dropped.push(Arc::clone(meant));
        }
    }

    fn drop_misfits(&mut self, ty: &Arc<StructType>, named: &mut Vec<(Arc<str>, Raw)>) -> bool {
        let before = named.len();
        let mut kept = Vec::with_capacity(before);
        for (name, raw) in std::mem::take(named) {
            let made = ty.field(&name).map(|signature| signature.ty().accept(&raw));
            match made {
                Some(Err(error)) => {
                    let mut problems = explain::error(&error.or_at(raw.origin), &self.sources);
                    for problem in &mut problems {
                        let field = || format!("{} > {name}", explain::shown_struct(ty.name()));
                        problem.field.get_or_insert_with(field);
                    }
                    self.note(problems);
                    self.mistakes.dropped.push(name);
                }
                _ => kept.push((name, raw)),
            }
        }
        *named = kept;
        named.len() < before
    }

    fn note(&mut self, problems: Vec<Diagnostic>) {
        let trace = self.trace();
        for mut problem in problems {
            problem.related.extend(trace.iter().cloned());
            let known = &mut self.mistakes.problems;
            if known.iter().filter(|other| other.span == problem.span).count() >= SAME_PLACE_MAX {
                continue;
            }
            let same = |other: &&mut Diagnostic| {
                other.message == problem.message
                    && (other.span == problem.span || problem.code == "unknown-name")
            };
            match known.iter_mut().find(same) {
                Some(other) => problem.span.into_iter().for_each(|place| names::also_here(other, place)),
                None => known.push(problem),
            }
        }
    }

    /// The calls and includes in progress, innermost first.
    fn trace(&self) -> Vec<Related> {
        let calls = self.frames.iter().rev().filter_map(|frame| {
            let (name, span) = frame.called.as_ref()?;
            Some(Related { note: format!("called as {name}()"), span: *span })
        });
        let includes = self.executing.iter().rev().filter_map(|file| {
            Some(Related { note: format!("{} is included", file.name), span: file.called_at? })
        });
        calls.take(super::error::TRACE_MAX).chain(includes).collect()
    }
}
