//! Resolving references and coercing what comes out (`spec/config.md` §1.2 and §1.7).

mod coerce;

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use crate::budget::Budget;
use crate::error::{Error, Limit};
use crate::origin::Origin;
use crate::path::{Path, Trail, TrailStep};
use crate::raw::{Raw, RawData};
use crate::reference::Ref;
use crate::render::raw_text;
use crate::scope::{Found, Scopes};
use crate::template::{Segment, Template, TemplateError};
use crate::types::{ChoiceType, Type};
use crate::value::{Body, Value};

use coerce::coerce;
pub(crate) use coerce::whole_number;

/// Passes over one text; a chain of 99 replacements succeeds, as upstream.
const MAX_PASSES: usize = 100;
/// What a pass costs beyond its references, which cost one each.
const STEPS_OF_A_PASS: usize = 4;
/// Texts may not grow beyond this, in bytes; the kernel takes no command line longer than an eighth of it.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// From here on a growing text is looked at for a cycle after every pass, in bytes.
const SUSPICIOUS_BYTES: usize = 64 << 10;
/// Longer texts are cut off in errors, in bytes.
const MAX_SHOWN_BYTES: usize = 4 << 10;

/// What becomes of escapes (`{{&x}}`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// One `&` is taken off, as every interpolation upstream does. For the last stage, and for the language itself.
    Strip,
    /// They stay, for a later stage to strip: a pipeline of several interpolations strips once, at its end
    /// (`spec/config.md` §5.8).
    Keep,
}

/// A value with its references resolved as far as its scopes reach, and what is left.
#[derive(Debug, Clone)]
pub struct Interpolated {
    /// The value; nothing is bound to it any more. A choice becomes the value of the alternative it took.
    pub value: Value,
    /// References that no scope had, in order, once for every place.
    pub unbound: Vec<UnboundRef>,
}

impl Interpolated {
    /// The unresolved references, each once, in the order they were met.
    #[must_use]
    pub fn references(&self) -> Vec<Ref> {
        let unique: IndexSet<_> = self.unbound.iter().map(|unbound| unbound.reference.clone()).collect();
        unique.into_iter().collect()
    }
}

/// A reference that no scope had.
#[derive(Debug, Clone)]
pub struct UnboundRef {
    /// The reference, as far as its own parts resolve.
    pub reference: Ref,
    /// Which part of the value has it.
    pub path: Path,
    /// The text it stands in, as written: the leaf's, or one that a binding brought in.
    pub text: Arc<str>,
    /// Where that text was written.
    pub origin: Option<Origin>,
    /// Where the leaf was written.
    pub used_at: Option<Origin>,
}

impl Value {
    /// Resolves all references as far as the scopes reach, strips escapes once, and coerces what is fully resolved.
    ///
    /// # Errors
    /// The first part that cannot be resolved or coerced. [`Value::check`] has them all, with their paths.
    pub fn interpolate(&self) -> Result<Interpolated, Error> {
        self.interpolate_within(Escapes::Strip, &Budget::default())
    }

    /// As [`Value::interpolate`], with a say in escapes and costs.
    ///
    /// # Errors
    /// As [`Value::interpolate`], or the budget is used up.
    pub fn interpolate_within(&self, escapes: Escapes, budget: &Budget) -> Result<Interpolated, Error> {
        let mut unbound = Vec::new();
        let value = Context::new(budget, escapes).interpolate(self, &Trail::START, &mut unbound)?;
        Ok(Interpolated { value, unbound })
    }

    /// As [`Value::interpolate_within`], but parts that cannot be resolved or coerced stay as they were given, so that
    /// the rest can be looked at. [`Value::check_within`] says what is wrong with those.
    ///
    /// # Errors
    /// The value is too large, or the budget is used up.
    pub fn interpolate_leniently(&self, escapes: Escapes, budget: &Budget) -> Result<Interpolated, Error> {
        let mut unbound = Vec::new();
        let context = Context { is_lenient: true, ..Context::new(budget, escapes) };
        let value = match context.interpolate(self, &Trail::START, &mut unbound) {
            Err(Error::TooLarge { limit, origin }) => return Err(Error::TooLarge { limit, origin }),
            Err(_) => self.unscoped(),
            Ok(value) => value,
        };
        Ok(Interpolated { value, unbound })
    }
}

/// One interpolation under way.
pub(crate) struct Context<'b> {
    pub(crate) budget: &'b Budget,
    escapes: Escapes,
    /// Whether broken parts stay as they are.
    is_lenient: bool,
}

impl<'b> Context<'b> {
    pub(crate) fn new(budget: &'b Budget, escapes: Escapes) -> Self {
        Self { budget, escapes, is_lenient: false }
    }

    /// The value with its references resolved, without a list of what is left.
    pub(crate) fn interpolated(&self, value: &Value) -> Result<Value, Error> {
        self.interpolate(value, &Trail::START, &mut Vec::new())
    }

    pub(crate) fn interpolate(
        &self,
        value: &Value,
        trail: &Trail<'_>,
        unbound: &mut Vec<UnboundRef>,
    ) -> Result<Value, Error> {
        let origin = trail.place_of(value);
        self.budget.step().map_err(|error| error.or_at(origin))?;
        self.budget
            .nested(|| match &value.node.body {
                Body::Scalar { ty, raw } => self.interpolate_scalar(value, ty, raw, trail, unbound),
                Body::Choice { ty, raw } => self.interpolate_choice(value, ty, raw, trail, unbound),
                _ => self.interpolate_container(value, trail, unbound),
            })
            .map_err(|error| error.or_at(origin))
    }

    fn interpolate_container(
        &self,
        value: &Value,
        trail: &Trail<'_>,
        unbound: &mut Vec<UnboundRef>,
    ) -> Result<Value, Error> {
        let scopes = value.child_scopes();
        let mut part = |part: &Value, step: TrailStep<'_>| {
            self.interpolate_part(part, &scopes, &trail.then(step, value.origin()), unbound)
        };
        let body = match &value.node.body {
            Body::List { ty, items } => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| part(item, TrailStep::Item(ty, index, item)));
                Body::List { ty: Arc::clone(ty), items: items.collect::<Result<_, _>>()? }
            }
            Body::Map { ty, entries } => {
                let entries = entries.iter().map(|(key, value)| {
                    let resolved = part(key, TrailStep::Key(ty, key))?;
                    Ok((resolved, part(value, TrailStep::Entry(ty, key, value))?))
                });
                Body::Map { ty: Arc::clone(ty), entries: entries.collect::<Result<_, Error>>()? }
            }
            Body::Struct { ty, fields } => {
                let fields = ty.fields().zip(fields).map(|((name, _), field)| {
                    field.as_ref().map(|field| part(field, TrailStep::Field(ty, name))).transpose()
                });
                Body::Struct { ty: Arc::clone(ty), fields: fields.collect::<Result<_, _>>()? }
            }
            Body::Scalar { .. } | Body::Choice { .. } => return Ok(value.clone()),
        };
        Value::from_body(body, value.origin())
    }

    /// A part of a container; a choice stays a choice, now of the value it took.
    fn interpolate_part(
        &self,
        part: &Value,
        scopes: &Scopes,
        trail: &Trail<'_>,
        unbound: &mut Vec<UnboundRef>,
    ) -> Result<Value, Error> {
        let before = unbound.len();
        let resolved = match self.interpolate(&part.within(scopes), trail, unbound) {
            Err(error) if self.is_lenient && !matches!(error, Error::TooLarge { .. }) => {
                unbound.truncate(before);
                return Ok(part.unscoped());
            }
            resolved => resolved?,
        };
        match &part.node.body {
            Body::Choice { ty, .. } => {
                Value::from_body(Body::Choice { ty: Arc::clone(ty), raw: Raw::from(resolved) }, part.origin())
            }
            _ => Ok(resolved),
        }
    }

    /// The first alternative that fits. A value that already is of an alternative's type takes it, whatever comes of
    /// it; other data goes on to the next alternative if it cannot be made or coerced.
    fn interpolate_choice(
        &self,
        value: &Value,
        ty: &Arc<ChoiceType>,
        raw: &Raw,
        trail: &Trail<'_>,
        unbound: &mut Vec<UnboundRef>,
    ) -> Result<Value, Error> {
        for alternative in ty.alternatives() {
            if let RawData::Value(given) = &raw.data
                && given.ty().is_same(alternative)
            {
                return self.interpolate(&given.within(&value.scopes), trail, unbound);
            }
            let before = unbound.len();
            let attempt = alternative
                .accept_within(raw, trail.place_of(value), self.budget)
                .and_then(|made| self.interpolate(&made.within(&value.scopes), trail, unbound));
            match attempt {
                Err(error) if error.is_mismatch() => unbound.truncate(before),
                decided => return decided,
            }
        }
        let shown = raw_text(&raw.data);
        Err(Error::Coercion {
            value: shown,
            to: Arc::clone(ty.name()),
            detail: None,
            origin: trail.place_of(value),
        })
    }

    fn interpolate_scalar(
        &self,
        value: &Value,
        ty: &Type,
        raw: &RawData,
        trail: &Trail<'_>,
        unbound: &mut Vec<UnboundRef>,
    ) -> Result<Value, Error> {
        let RawData::Str(text) = raw else {
            return scalar(ty, coerce(ty, raw, trail.place_of(value))?, trail.place_of(value));
        };
        if !text.contains("{{") {
            return match ty {
                Type::String => Ok(value.unscoped()),
                _ => scalar(ty, coerce(ty, raw, trail.place_of(value))?, trail.place_of(value)),
            };
        }
        let place = trail.place_of(value);
        let resolved = self.resolve(text, &value.scopes, place)?;
        if resolved.left.is_empty() {
            let source = resolved.source();
            let data = coerce(ty, &RawData::Str(resolved.text.into()), source.or(place))?;
            return scalar(ty, data, place);
        }
        let path = trail.path();
        unbound.extend(resolved.left.iter().map(|reference| {
            let from = resolved.holder(&format!("{{{{{reference}}}}}"), text);
            UnboundRef {
                reference: reference.clone(),
                path: path.clone(),
                text: from.map_or_else(|| Arc::clone(text), |met| Arc::clone(&met.text)),
                origin: from.and_then(|met| met.origin).or(place),
                used_at: place,
            }
        }));
        scalar(ty, RawData::Str(resolved.text.into()), trail.place_of(value))
    }

    /// Replaces references until nothing changes.
    fn resolve(&self, text: &Arc<str>, scopes: &Scopes, origin: Option<Origin>) -> Result<Resolved, Error> {
        let mut seen = IndexMap::new();
        let (text, left) = self.resolve_noting(text, scopes, origin, &mut seen)?;
        Ok(Resolved { text, left, seen })
    }

    /// What is wrong with the mustaches of a text and of all that its references bring in.
    pub(crate) fn broken_references(
        &self,
        text: &Arc<str>,
        scopes: &Scopes,
        origin: Option<Origin>,
    ) -> Vec<Error> {
        let context = Self { is_lenient: true, ..*self };
        let mut seen = IndexMap::new();
        let rest = context.resolve_noting(text, scopes, origin, &mut seen).err();
        let own = std::iter::once((text, origin));
        let brought = seen.values().flatten().map(|met: &Met| (&met.text, met.origin.or(origin)));
        let invalid = own.chain(brought).flat_map(|(text, origin)| {
            Template::findings(text).into_iter().map(move |found| Error::InvalidReference {
                invalid: Box::new(found.invalid),
                text: Arc::clone(text),
                span: Some(found.span),
                origin,
            })
        });
        invalid.chain(rest).collect()
    }

    /// The text without the references that a scope has, and those that are left.
    fn resolve_noting(
        &self,
        text: &Arc<str>,
        scopes: &Scopes,
        origin: Option<Origin>,
        seen: &mut Seen,
    ) -> Result<(String, Vec<Ref>), Error> {
        let mut current = text.to_string();
        for pass in 0..MAX_PASSES {
            self.budget.steps_taken(STEPS_OF_A_PASS)?;
            let template = if self.is_lenient {
                Template::parse_lossy(&current)
            } else {
                Template::parse(&current).map_err(|error| match pass {
                    0 => Error::InvalidReference {
                        invalid: Box::new(error.invalid),
                        text: Arc::clone(text),
                        span: Some(error.span),
                        origin,
                    },
                    _ => brought_in(error, text, seen, origin),
                })?
            };
            let next = self.replace(&template, scopes, seen)?;
            if !next.replaced {
                let text = self.finished(&template);
                return Ok((text, next.left));
            }
            self.budget.bytes_made(next.text.len())?;
            if next.text.len() > SUSPICIOUS_BYTES {
                let cycle = cycle_in(seen);
                if !cycle.is_empty() {
                    return Err(endless(&next.text, cycle, seen, origin));
                }
                if next.text.len() > MAX_TEXT_BYTES {
                    return Err(Error::TooLarge { limit: Limit::Bytes, origin });
                }
            }
            current = next.text;
        }
        Err(endless(&current, cycle_in(seen), seen, origin))
    }

    /// One pass: every reference that a scope has becomes its text.
    fn replace(&self, template: &Template<'_>, scopes: &Scopes, seen: &mut Seen) -> Result<Pass, Error> {
        let mut pass = Pass { text: String::new(), left: Vec::new(), replaced: false };
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => pass.text.push_str(text),
                Segment::Escape(content) => pass.text.extend(["{{&", content, "}}"]),
                Segment::Reference { reference, .. } => {
                    self.budget.step()?;
                    if !seen.contains_key(reference) {
                        let found = scopes.find(reference.components(), self.budget)?;
                        seen.insert(reference.clone(), found.map(|found| self.met(&found)).transpose()?);
                    }
                    match seen.get(reference) {
                        Some(Some(met)) => {
                            pass.text.push_str(&met.text);
                            pass.replaced = true;
                        }
                        _ => {
                            pass.text.push_str(&format!("{{{{{reference}}}}}"));
                            pass.left.push(reference.clone());
                        }
                    }
                }
            }
            if pass.text.len() > 2 * MAX_TEXT_BYTES {
                return Err(Error::TooLarge { limit: Limit::Bytes, origin: None });
            }
        }
        Ok(pass)
    }

    fn met(&self, found: &Found) -> Result<Met, Error> {
        match found {
            Found::Text(text, origin) => Ok(Met { text: Arc::clone(text), origin: *origin }),
            Found::Value(value) => Ok(Met { text: value.text_in(self)?, origin: value.origin() }),
        }
    }

    /// The last pass: unresolved references in canonical spelling, escapes stripped or kept.
    fn finished(&self, template: &Template<'_>) -> String {
        let mut text = String::new();
        for segment in &template.segments {
            match (segment, self.escapes) {
                (Segment::Literal(literal), _) => text.push_str(literal),
                (Segment::Escape(content), Escapes::Strip) => text.extend(["{{", content, "}}"]),
                (Segment::Escape(content), Escapes::Keep) => text.extend(["{{&", content, "}}"]),
                (Segment::Reference { reference, .. }, _) => text.push_str(&format!("{{{{{reference}}}}}")),
            }
        }
        text
    }
}

/// Every reference met while resolving a text, with the text it stands for, if any.
type Seen = IndexMap<Ref, Option<Met>>;

/// The text that a reference stands for, and where that was written.
struct Met {
    text: Arc<str>,
    origin: Option<Origin>,
}

struct Pass {
    text: String,
    left: Vec<Ref>,
    replaced: bool,
}

struct Resolved {
    text: String,
    left: Vec<Ref>,
    seen: Seen,
}

impl Resolved {
    /// Where the whole text was written, if a reference brought it in.
    fn source(&self) -> Option<Origin> {
        self.seen.values().rev().flatten().find(|met| *met.text == *self.text).and_then(|met| met.origin)
    }

    /// The text that brought in `part`, unless `own` has it.
    fn holder(&self, part: &str, own: &str) -> Option<&Met> {
        (!own.contains(part)).then(|| holder(&self.seen, part)).flatten()
    }
}

fn holder<'s>(seen: &'s Seen, part: &str) -> Option<&'s Met> {
    seen.values().flatten().find(|met| met.text.contains(part))
}

/// A mustache without an address in a text that a reference stands for.
fn brought_in(error: TemplateError, text: &Arc<str>, seen: &Seen, origin: Option<Origin>) -> Error {
    let part = format!("{{{{{}}}}}", error.invalid.address);
    let invalid = Box::new(error.invalid);
    match holder(seen, &part) {
        Some(met) => Error::InvalidReference {
            invalid,
            text: Arc::clone(&met.text),
            span: met.text.find(&part).map(|start| start..start + part.len()),
            origin: met.origin.or(origin),
        },
        None => Error::InvalidReference { invalid, text: Arc::clone(text), span: None, origin },
    }
}

fn endless(text: &str, cycle: Vec<Ref>, seen: &Seen, origin: Option<Origin>) -> Error {
    let written = |reference: &Ref| seen.get(reference).and_then(Option::as_ref).and_then(|met| met.origin);
    let written = cycle.iter().map(written).collect();
    Error::Uninterpolatable { text: shortened(text), cycle, written, origin }
}

/// A way from a reference back to itself through the texts they stand for; it stands at both ends. Empty if there is
/// none.
fn cycle_in(seen: &Seen) -> Vec<Ref> {
    let targets: Vec<Vec<usize>> = seen
        .values()
        .map(|met| {
            let template = met.as_ref().and_then(|met| Template::parse(&met.text).ok());
            let references: IndexSet<_> =
                template.iter().flat_map(Template::references).filter_map(|r| seen.get_index_of(r)).collect();
            references.into_iter().collect()
        })
        .collect();
    let mut done = vec![false; seen.len()];
    for start in 0..seen.len() {
        // The current way, each with the number of targets already followed.
        let mut way: Vec<(usize, usize)> = if done[start] { Vec::new() } else { vec![(start, 0)] };
        while let Some((here, followed)) = way.last_mut() {
            let here = *here;
            let Some(&target) = targets[here].get(*followed) else {
                done[here] = true;
                way.pop();
                continue;
            };
            *followed += 1;
            if let Some(first) = way.iter().position(|(node, _)| *node == target) {
                let nodes = way[first..].iter().map(|(node, _)| *node).chain([target]);
                return nodes
                    .filter_map(|node| seen.get_index(node).map(|(reference, _)| reference.clone()))
                    .collect();
            }
            if !done[target] {
                way.push((target, 0));
            }
        }
    }
    Vec::new()
}

fn shortened(text: &str) -> Arc<str> {
    match text.len() {
        ..=MAX_SHOWN_BYTES => text.into(),
        _ => format!("{}…", &text[..text.floor_char_boundary(MAX_SHOWN_BYTES)]).into(),
    }
}

fn scalar(ty: &Type, raw: RawData, origin: Option<Origin>) -> Result<Value, Error> {
    Value::from_body(Body::Scalar { ty: ty.clone(), raw }, origin)
}
