//! Untyped data: what values are made from, and what they give back.

use std::fmt;
use std::sync::Arc;

use crate::budget::{MAX_DEPTH, MAX_NODES};
use crate::error::{Error, Limit};
use crate::origin::Origin;
use crate::render::raw_repr;
use crate::scope::Environment;
use crate::types::Extent;
use crate::value::Value;

/// Untyped data and where it came from. Parts without an origin of their own take that of what holds them.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The data.
    pub data: RawData,
    /// Where it was written, if known.
    pub origin: Option<Origin>,
}

/// The data of a [`Raw`]. Callers keep its nesting below [`MAX_DEPTH`](crate::MAX_DEPTH).
#[derive(Debug, Clone)]
pub enum RawData {
    /// The sentinel of an unset field.
    Empty,
    /// Nothing: storable everywhere, coercible to nothing.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number. Numbers outside 64 bits are not supported: no field of the schema can use one.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// Text, perhaps with references.
    Str(Arc<str>),
    /// A list, tuple or range.
    List(Arc<[Raw]>),
    /// A mapping, in order.
    Map(Arc<[(Raw, Raw)]>),
    /// A typed value.
    Value(Value),
    /// A table of bindings.
    Environment(Arc<Environment>),
    /// Anything else, by the text it would be shown as: fits no type.
    Other(Arc<str>),
}

impl Raw {
    /// Data of unknown origin.
    #[must_use]
    pub fn new(data: RawData) -> Self {
        Self { data, origin: None }
    }

    /// The same data, from here.
    #[must_use]
    pub fn at(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Raw>) -> Self {
        Self::new(RawData::List(items.into_iter().collect()))
    }

    /// A mapping with text keys.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Raw)>) -> Self {
        Self::new(RawData::Map(
            entries.into_iter().map(|(key, value)| (Raw::new(RawData::Str(key.into())), value)).collect(),
        ))
    }

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::new(RawData::None)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            RawData::Str(text) => Some(text),
            _ => None,
        }
    }

    /// This data, with `origin` where it has none.
    pub(crate) fn origin_or(&self, origin: Option<Origin>) -> Option<Origin> {
        self.origin.or(origin)
    }
}

/// As it would be written in a config file; long data is cut off.
impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&raw_repr(&self.data))
    }
}

/// Origins do not count; numbers and truth values compare by amount, as upstream's do.
impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

impl PartialEq for RawData {
    #[allow(clippy::cast_precision_loss)]
    fn eq(&self, other: &Self) -> bool {
        if let (Some(one), Some(two)) = (self.whole(), other.whole()) {
            return one == two;
        }
        match (self, other) {
            (Self::Empty, Self::Empty) | (Self::None, Self::None) => true,
            (Self::Float(one), Self::Float(two)) => one == two,
            (Self::Float(float), whole) | (whole, Self::Float(float)) => {
                whole.whole().is_some_and(|whole| *float == whole as f64)
            }
            (Self::Str(one), Self::Str(two)) | (Self::Other(one), Self::Other(two)) => one == two,
            (Self::List(one), Self::List(two)) => one == two,
            (Self::Map(one), Self::Map(two)) => same_entries(one, two),
            (Self::Value(one), Self::Value(two)) => one.equals(two).unwrap_or(false),
            (Self::Environment(one), Self::Environment(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }
}

impl RawData {
    /// How large the data is with the values in it, if the model can walk that.
    pub(crate) fn extent(&self) -> Result<Extent, Error> {
        self.extent_within(MAX_DEPTH, &mut { MAX_NODES })
    }

    /// Lists may share their elements, so the parts are counted on the way and not at the end.
    fn extent_within(&self, levels: usize, parts: &mut usize) -> Result<Extent, Error> {
        let too_large = |limit| Error::TooLarge { limit, origin: None };
        let levels = levels.checked_sub(1).ok_or_else(|| too_large(Limit::Depth))?;
        *parts = parts.checked_sub(1).ok_or_else(|| too_large(Limit::Nodes))?;
        match self {
            Self::Value(value) => Extent::around([value.extent()]),
            Self::Environment(environment) => {
                Extent::around([Extent { depth: environment.depth(), ..Extent::LEAF }])
            }
            Self::List(items) => {
                let items = items.iter().map(|item| item.data.extent_within(levels, parts));
                Extent::around(items.collect::<Result<Vec<_>, _>>()?)
            }
            Self::Map(entries) => {
                let both = entries.iter().flat_map(|(key, value)| [&key.data, &value.data]);
                let both = both.map(|data| data.extent_within(levels, parts));
                Extent::around(both.collect::<Result<Vec<_>, _>>()?)
            }
            _ => Ok(Extent::LEAF),
        }
    }

    /// The amount of a whole number or truth value.
    fn whole(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(truth) => Some(i64::from(*truth)),
            _ => None,
        }
    }
}

/// Mappings are equal in any order.
fn same_entries(one: &[(Raw, Raw)], two: &[(Raw, Raw)]) -> bool {
    one == two
        || one.len() == two.len()
            && one.iter().all(|(key, value)| two.iter().any(|(other, found)| other == key && found == value))
}

impl From<&str> for Raw {
    fn from(text: &str) -> Self {
        Self::new(RawData::Str(text.into()))
    }
}

impl From<String> for Raw {
    fn from(text: String) -> Self {
        Self::new(RawData::Str(text.into()))
    }
}

impl From<Arc<str>> for Raw {
    fn from(text: Arc<str>) -> Self {
        Self::new(RawData::Str(text))
    }
}

impl From<i64> for Raw {
    fn from(number: i64) -> Self {
        Self::new(RawData::Int(number))
    }
}

impl From<i32> for Raw {
    fn from(number: i32) -> Self {
        Self::new(RawData::Int(number.into()))
    }
}

impl From<f64> for Raw {
    fn from(number: f64) -> Self {
        Self::new(RawData::Float(number))
    }
}

impl From<bool> for Raw {
    fn from(truth: bool) -> Self {
        Self::new(RawData::Bool(truth))
    }
}

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        let origin = value.origin();
        Self { data: RawData::Value(value), origin }
    }
}
