//! Checking values: every problem, not only the first (`spec/config.md` §1.10).

use std::fmt;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Error;
use crate::interpolate::{Context, Escapes};
use crate::origin::Origin;
use crate::path::{Path, Step, Trail, TrailStep};
use crate::raw::{Raw, RawData};
use crate::reference::Ref;
use crate::render::{quoted, raw_text};
use crate::scope::Scopes;
use crate::types::{ChoiceType, Type};
use crate::value::{Body, Value};

/// What [`Value::check`] found.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// All problems, in the order of the fields.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a value.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Which part of the value has it.
    pub path: Path,
    /// What is wrong.
    pub cause: Cause,
    /// Where that part was written, or the text that a reference brought into it; for a missing field, the struct
    /// that lacks it.
    pub origin: Option<Origin>,
    /// Where the part itself was written.
    pub used_at: Option<Origin>,
}

/// What is wrong with a part of a value.
#[derive(Debug, Clone)]
pub enum Cause {
    /// A required field is unset.
    Required,
    /// The part cannot be made, resolved or coerced.
    Broken(Error),
    /// A leaf that is no text still has unresolved references.
    Unresolved {
        /// The leaf's type.
        ty: Type,
        /// Its text, as far as it resolves.
        text: Arc<str>,
        /// What no scope had.
        unbound: Vec<Ref>,
    },
    /// A choice fits none of its alternatives.
    NoAlternative {
        /// Name of the choice.
        choice: Arc<str>,
        /// The content, as text.
        value: Arc<str>,
        /// What was wrong with each alternative that was tried.
        tried: Vec<TriedAlternative>,
    },
}

/// An alternative of a choice that did not fit.
#[derive(Debug, Clone)]
pub struct TriedAlternative {
    /// Name of its type.
    pub name: Arc<str>,
    /// Why it did not fit; paths start at the choice.
    pub problems: Vec<Problem>,
}

impl Check {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The first problem as upstream words it; empty if there is none.
    #[must_use]
    pub fn message(&self) -> String {
        self.problems.first().map(Problem::message).unwrap_or_default()
    }
}

/// As upstream shows the result of a check.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_ok() {
            true => f.write_str("TypeCheck(OK)"),
            false => write!(f, "TypeCheck(FAILED): {}", self.message()),
        }
    }
}

impl Problem {
    /// The problem as upstream words it, from the whole value inwards:
    /// `Host[disks] failed: Element in DiskList failed check: Disk[path] is required.`
    #[must_use]
    pub fn message(&self) -> String {
        let steps = &self.path.steps;
        let (mut message, outer) = match (&self.cause, steps.split_last()) {
            (Cause::Required, Some((Step::Field { of, name }, outer))) => {
                (format!("{of}[{name}] is required."), outer)
            }
            (cause, _) => (cause.to_string(), &steps[..]),
        };
        for step in outer.iter().rev() {
            message = match step {
                Step::Field { of, name } => format!("{of}[{name}] failed: {message}"),
                Step::Item { of, .. } => format!("Element in {of} failed check: {message}"),
                Step::Key { of, key } => format!("{of} key {key} failed check: {message}"),
                Step::Entry { of, key, value } => {
                    format!("{of}[{key}] value {value} failed check: {message}")
                }
            };
        }
        message
    }
}

/// As upstream words it.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("is required."),
            Self::Broken(error @ (Error::Coercion { .. } | Error::Uninterpolatable { .. })) => {
                write!(f, "Unable to interpolate: {error}")
            }
            Self::Broken(error) => error.fmt(f),
            Self::Unresolved { ty, text, .. } => {
                write!(f, "{} not ", quoted(text))?;
                match ty {
                    Type::Integer => f.write_str("an integer"),
                    Type::Float => f.write_str("a float"),
                    Type::Boolean => f.write_str("a boolean"),
                    Type::Enum(ty) => write!(f, "in the enumeration ({})", ty.listed()),
                    other => write!(f, "a {}", other.name()),
                }
            }
            Self::NoAlternative { choice, value, .. } => {
                write!(f, "{choice} typecheck failed: value {value} did not match any of its alternatives")
            }
        }
    }
}

impl Value {
    /// Checks the value and all its parts: required fields are set, every leaf resolves and fits its type. Text may
    /// keep unresolved references.
    #[must_use]
    pub fn check(&self) -> Check {
        self.check_within(&Budget::default())
    }

    /// As [`Value::check`], within a budget; using it up is a problem of its own.
    #[must_use]
    pub fn check_within(&self, budget: &Budget) -> Check {
        let mut checker = Checker { context: Context::new(budget, Escapes::Strip), problems: Vec::new() };
        checker.check(self, &Trail::START);
        Check { problems: checker.problems }
    }
}

/// More problems than this are not listed: they have a common cause.
const MAX_PROBLEMS: usize = 200;

struct Checker<'b> {
    context: Context<'b>,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn check(&mut self, value: &Value, trail: &Trail<'_>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        if let Err(error) = self.context.budget.step() {
            return self.report(trail, Cause::Broken(error), trail.place_of(value));
        }
        let place = trail.place_of(value);
        match &value.node.body {
            Body::Scalar { ty, .. } => self.check_scalar(value, ty, trail),
            Body::Choice { ty, raw } => {
                if let Err(problem) = self.check_choice(value, ty, raw, trail) {
                    self.problems.push(problem);
                }
            }
            Body::List { ty, items } => {
                let scopes = value.child_scopes();
                for (index, item) in items.iter().enumerate() {
                    self.check_part(item, &scopes, &trail.then(TrailStep::Item(ty, index, item), place));
                }
            }
            Body::Map { ty, entries } => {
                let scopes = value.child_scopes();
                for (key, entry) in entries {
                    self.check_part(key, &scopes, &trail.then(TrailStep::Key(ty, key), place));
                    self.check_part(entry, &scopes, &trail.then(TrailStep::Entry(ty, key, entry), place));
                }
            }
            Body::Struct { ty, fields } => {
                let scopes = value.child_scopes();
                for ((name, signature), field) in ty.fields().zip(fields) {
                    let trail = trail.then(TrailStep::Field(ty, name), place);
                    match field {
                        Some(field) => self.check_part(field, &scopes, &trail),
                        None if signature.is_required() => {
                            self.report(&trail, Cause::Required, trail.place_of(value))
                        }
                        None => {}
                    }
                }
            }
        }
    }

    fn check_part(&mut self, part: &Value, scopes: &Scopes, trail: &Trail<'_>) {
        self.check(&part.within(scopes), trail);
    }

    fn report(&mut self, trail: &Trail<'_>, cause: Cause, origin: Option<Origin>) {
        self.report_used(trail, cause, origin, origin);
    }

    fn report_used(
        &mut self,
        trail: &Trail<'_>,
        cause: Cause,
        origin: Option<Origin>,
        used_at: Option<Origin>,
    ) {
        let path = trail.path();
        self.problems.push(Problem { path, cause, origin, used_at });
    }

    fn check_scalar(&mut self, value: &Value, ty: &Type, trail: &Trail<'_>) {
        let mut unbound = Vec::new();
        match self.context.interpolate(value, trail, &mut unbound) {
            Err(error) => {
                let place = trail.place_of(value);
                let mut all = match (&error, value.raw_text()) {
                    (Error::InvalidReference { .. }, Some(text)) => {
                        self.context.broken_references(text, &value.scopes, place)
                    }
                    _ => Vec::new(),
                };
                // One that only comes about when texts are joined is in none of them.
                if all.is_empty() {
                    all.push(error);
                }
                for error in all.into_iter().take(MAX_PROBLEMS) {
                    let origin = error.origin().or(place);
                    self.report_used(trail, Cause::Broken(error), origin, place);
                }
            }
            Ok(resolved) if !unbound.is_empty() && !matches!(ty, Type::String) => {
                let text = resolved.raw_text().cloned().unwrap_or_default();
                let unbound = unbound.into_iter().map(|unbound| unbound.reference).collect();
                self.report(
                    trail,
                    Cause::Unresolved { ty: ty.clone(), text, unbound },
                    trail.place_of(value),
                );
            }
            Ok(_) => {}
        }
    }

    /// A value that already is of an alternative's type is checked as that, others are made into each in turn.
    fn check_choice(
        &mut self,
        value: &Value,
        ty: &Arc<ChoiceType>,
        raw: &Raw,
        trail: &Trail<'_>,
    ) -> Result<(), Problem> {
        let mut tried = Vec::new();
        for alternative in ty.alternatives() {
            if let RawData::Value(given) = &raw.data
                && given.ty().is_same(alternative)
            {
                self.check(&given.within(&value.scopes), trail);
                return Ok(());
            }
            let problems = match alternative.accept_within(raw, trail.place_of(value), self.context.budget) {
                Ok(made) => self.problems_of(&made.within(&value.scopes)),
                Err(error) => {
                    let origin = error.origin().or_else(|| trail.place_of(value));
                    let used_at = trail.place_of(value);
                    vec![Problem { path: Path::default(), cause: Cause::Broken(error), origin, used_at }]
                }
            };
            if problems.is_empty() {
                return Ok(());
            }
            // What is broken in itself fits nowhere; the other alternatives would only hide it.
            if let Some(broken) = problems.iter().find(|problem| problem.cause.is_fatal()) {
                return Err(Problem { path: trail.path().join(&broken.path), ..broken.clone() });
            }
            tried.push(TriedAlternative { name: alternative.name(), problems });
        }
        let cause = Cause::NoAlternative { choice: Arc::clone(ty.name()), value: raw_text(&raw.data), tried };
        let origin = trail.place_of(value);
        Err(Problem { path: trail.path(), cause, origin, used_at: origin })
    }

    fn problems_of(&self, value: &Value) -> Vec<Problem> {
        let context = Context::new(self.context.budget, Escapes::Strip);
        let mut checker = Checker { context, problems: Vec::new() };
        checker.check(value, &Trail::START);
        checker.problems
    }
}

impl Cause {
    /// Whether it is no question of which type was meant.
    fn is_fatal(&self) -> bool {
        match self {
            Self::Broken(error) => !error.is_mismatch(),
            _ => false,
        }
    }
}
