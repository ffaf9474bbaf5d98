//! Where in a value something is.

use std::fmt;
use std::sync::Arc;

use crate::origin::Origin;
use crate::types::{ListType, MapType, StructType};
use crate::value::Value;

/// The way from a value to one of its parts. Shows as `task > processes[1] 'serve' > cmdline`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    /// The steps, outermost first.
    pub steps: Vec<Step>,
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Into a field of a struct.
    Field {
        /// Name of the struct type.
        of: Arc<str>,
        /// Name of the field.
        name: Arc<str>,
    },
    /// Into an element of a list.
    Item {
        /// Name of the list type.
        of: Arc<str>,
        /// Position, from 0.
        index: usize,
        /// What the element calls itself: the text of its field `name`.
        label: Option<Arc<str>>,
    },
    /// Into a key of a map.
    Key {
        /// Name of the map type.
        of: Arc<str>,
        /// The key, as far as it resolves.
        key: Arc<str>,
    },
    /// Into the value below a key of a map.
    Entry {
        /// Name of the map type.
        of: Arc<str>,
        /// The key, as far as it resolves.
        key: Arc<str>,
        /// The value, as far as it resolves.
        value: Arc<str>,
    },
}

impl Path {
    /// The innermost struct this path enters: its type and the field in it.
    #[must_use]
    pub fn innermost_field(&self) -> Option<(&str, &str)> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Field { of, name } => Some((&**of, &**name)),
            _ => None,
        })
    }

    /// This path, with `inner` below it.
    #[must_use]
    pub fn join(&self, inner: &Path) -> Path {
        Path { steps: self.steps.iter().chain(&inner.steps).cloned().collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field { name, .. } if position == 0 => write!(f, "{name}")?,
                Step::Field { name, .. } => write!(f, " > {name}")?,
                Step::Item { index, label: Some(label), .. } => write!(f, "[{index}] '{label}'")?,
                Step::Item { index, label: None, .. } => write!(f, "[{index}]")?,
                Step::Key { key, .. } => write!(f, " key '{key}'")?,
                Step::Entry { key, .. } => write!(f, "['{key}']")?,
            }
        }
        Ok(())
    }
}

/// The way walked so far, cheap to extend; becomes a [`Path`] when there is something to report.
#[derive(Clone, Copy)]
pub(crate) struct Trail<'a> {
    outer: Option<&'a Trail<'a>>,
    step: Option<TrailStep<'a>>,
    /// Where the innermost part that knows was written.
    place: Option<Origin>,
}

#[derive(Clone, Copy)]
pub(crate) enum TrailStep<'a> {
    Field(&'a StructType, &'a Arc<str>),
    Item(&'a ListType, usize, &'a Value),
    Key(&'a MapType, &'a Value),
    Entry(&'a MapType, &'a Value, &'a Value),
}

impl<'a> Trail<'a> {
    pub(crate) const START: Trail<'static> = Trail { outer: None, step: None, place: None };

    /// One step further, out of a part written at `place`.
    pub(crate) fn then(&'a self, step: TrailStep<'a>, place: Option<Origin>) -> Trail<'a> {
        Trail { outer: Some(self), step: Some(step), place: place.or(self.place) }
    }

    /// Where a part here was written: a part without an origin, such as a default, is where what holds it is.
    pub(crate) fn place_of(&self, part: &Value) -> Option<Origin> {
        part.origin().or(self.place)
    }

    pub(crate) fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut trail = Some(self);
        while let Some(here) = trail {
            steps.extend(here.step.map(step_of));
            trail = here.outer;
        }
        steps.reverse();
        Path { steps }
    }
}

fn step_of(step: TrailStep<'_>) -> Step {
    match step {
        TrailStep::Field(ty, name) => Step::Field { of: Arc::clone(ty.name()), name: Arc::clone(name) },
        TrailStep::Item(ty, index, item) => {
            Step::Item { of: Arc::clone(ty.name()), index, label: label_of(item) }
        }
        TrailStep::Key(ty, key) => Step::Key { of: Arc::clone(ty.name()), key: key.text_lossy() },
        TrailStep::Entry(ty, key, value) => {
            Step::Entry { of: Arc::clone(ty.name()), key: key.text_lossy(), value: value.text_lossy() }
        }
    }
}

fn label_of(item: &Value) -> Option<Arc<str>> {
    let label = item.raw_field("name")?.text_lossy();
    (!label.is_empty() && label.len() <= MAX_LABEL).then_some(label)
}

/// Longer labels are left out, in bytes.
const MAX_LABEL: usize = 80;
