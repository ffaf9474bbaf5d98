//! Values: immutable, cheap to clone, evaluated only when asked.

mod construct;

use std::fmt;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Error;
use crate::interpolate::{Context, Escapes};
use crate::origin::Origin;
use crate::path::{Path, Step};
use crate::raw::{Raw, RawData};
use crate::scope::{Scope, Scopes};
use crate::suggest::nearest;
use crate::types::{ChoiceType, Extent, ListType, MapType, StructType, Type};

/// A typed value with the scopes its references are looked up in. Nothing is evaluated until [`Value::interpolate`],
/// [`Value::check`] or an accessor asks for it.
#[derive(Clone)]
pub struct Value {
    pub(crate) node: Arc<Node>,
    pub(crate) scopes: Scopes,
}

/// What a value is, apart from its scopes.
pub(crate) struct Node {
    pub(crate) body: Body,
    pub(crate) extent: Extent,
    pub(crate) origin: Option<Origin>,
}

pub(crate) enum Body {
    /// The raw data is kept as given and coerced on interpolation.
    Scalar {
        ty: Type,
        raw: RawData,
    },
    List {
        ty: Arc<ListType>,
        items: Vec<Value>,
    },
    Map {
        ty: Arc<MapType>,
        entries: Vec<(Value, Value)>,
    },
    /// One entry for each field of the type; `None` is an unset field.
    Struct {
        ty: Arc<StructType>,
        fields: Vec<Option<Value>>,
    },
    /// The raw data is kept as given; alternatives are tried on interpolation.
    Choice {
        ty: Arc<ChoiceType>,
        raw: Raw,
    },
}

impl Value {
    pub(crate) fn from_body(body: Body, origin: Option<Origin>) -> Result<Self, Error> {
        let extent = match &body {
            Body::Scalar { raw, .. } | Body::Choice { raw: Raw { data: raw, .. }, .. } => raw.extent(),
            Body::List { items, .. } => Extent::around(items.iter().map(Value::extent)),
            Body::Map { entries, .. } => {
                Extent::around(entries.iter().flat_map(|(key, value)| [key.extent(), value.extent()]))
            }
            Body::Struct { fields, .. } => Extent::around(fields.iter().flatten().map(Value::extent)),
        };
        let extent = extent.map_err(|error| error.or_at(origin))?;
        Ok(Self { node: Arc::new(Node { body, extent, origin }), scopes: Scopes::NONE })
    }

    /// The value's type.
    #[must_use]
    pub fn ty(&self) -> Type {
        match &self.node.body {
            Body::Scalar { ty, .. } => ty.clone(),
            Body::List { ty, .. } => Type::List(Arc::clone(ty)),
            Body::Map { ty, .. } => Type::Map(Arc::clone(ty)),
            Body::Struct { ty, .. } => Type::Struct(Arc::clone(ty)),
            Body::Choice { ty, .. } => Type::Choice(Arc::clone(ty)),
        }
    }

    /// The struct type, if the value is a struct.
    #[must_use]
    pub fn struct_type(&self) -> Option<&Arc<StructType>> {
        match &self.node.body {
            Body::Struct { ty, .. } => Some(ty),
            _ => None,
        }
    }

    /// Where it was written, if known.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.node.origin
    }

    /// What it holds and what is bound to it, whichever is larger.
    pub(crate) fn extent(&self) -> Extent {
        let Extent { depth, nodes } = self.node.extent;
        Extent { depth: depth.max(self.scopes.depth()), nodes }
    }

    /// The data as it was given, references unresolved, unset fields left out (`spec/config.md` §1.10). Only a choice
    /// is interpolated, to know which alternative it is.
    ///
    /// # Errors
    /// A choice that fits none of its alternatives.
    pub fn get(&self) -> Result<Raw, Error> {
        let data = match &self.node.body {
            Body::Scalar { raw, .. } => raw.clone(),
            Body::List { items, .. } => {
                RawData::List(items.iter().map(Value::get).collect::<Result<_, _>>()?)
            }
            Body::Map { entries, .. } => RawData::Map(last_of_each_key(entries)?.into()),
            Body::Struct { ty, fields } => {
                let set =
                    ty.fields().zip(fields).filter_map(|((name, _), field)| Some((name, field.as_ref()?)));
                let get =
                    |(name, field): (&Arc<str>, &Value)| Ok((Raw::from(Arc::clone(name)), field.get()?));
                RawData::Map(set.map(get).collect::<Result<_, Error>>()?)
            }
            Body::Choice { .. } => return self.unwrapped()?.get(),
        };
        Ok(Raw { data, origin: self.origin() })
    }

    /// The value of the alternative a choice takes, interpolated; any other value, interpolated.
    ///
    /// # Errors
    /// As [`Value::interpolate`].
    pub fn unwrapped(&self) -> Result<Value, Error> {
        Ok(self.interpolate()?.value)
    }

    /// A field, interpolated, as upstream's accessors give it; `None` if it is unset.
    ///
    /// # Errors
    /// [`Error::NoSuchField`], [`Error::Unsupported`] if this is not a struct, and as [`Value::interpolate`].
    pub fn field(&self, name: &str) -> Result<Option<Value>, Error> {
        let (ty, _) = self.field_position(name)?;
        let Some(field) = self.field_in_scope(name)? else { return Ok(None) };
        let interpolated = field.interpolate()?.value;
        let signature = ty.field(name).map_or_else(|| field.ty(), |signature| signature.ty().clone());
        signature.accept(&Raw::from(interpolated)).map(Some)
    }

    /// A field as it was given, without this value's scopes; `None` if it is unset, unknown, or this is not a struct.
    #[must_use]
    pub fn raw_field(&self, name: &str) -> Option<&Value> {
        match &self.node.body {
            Body::Struct { ty, fields } => fields.get(ty.position(name)?)?.as_ref(),
            _ => None,
        }
    }

    /// How many leaves and containers it is made of.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.node.extent.nodes
    }

    /// Whether a field is set.
    ///
    /// # Errors
    /// [`Error::NoSuchField`], or [`Error::Unsupported`] if this is not a struct.
    pub fn has_field(&self, name: &str) -> Result<bool, Error> {
        self.field_position(name).map(|_| self.raw_field(name).is_some())
    }

    fn field_position(&self, name: &str) -> Result<(&Arc<StructType>, usize), Error> {
        let Body::Struct { ty, .. } = &self.node.body else { return Err(self.unsupported("field")) };
        let position = ty.position(name).ok_or_else(|| Error::NoSuchField {
            ty: Arc::clone(ty),
            name: name.into(),
            suggestion: nearest(name, ty.fields().map(|(field, _)| &**field)).map(Into::into),
        })?;
        Ok((ty, position))
    }

    /// A field, still unresolved, with every scope that applies to it; `None` if it is unset. Unlike [`Value::field`]
    /// it strips no escapes: for a later stage to interpolate.
    ///
    /// # Errors
    /// [`Error::NoSuchField`], or [`Error::Unsupported`] if this is not a struct.
    pub fn field_in_scope(&self, name: &str) -> Result<Option<Value>, Error> {
        self.field_position(name)?;
        Ok(self.raw_field(name).map(|field| field.within(&self.child_scopes())))
    }

    /// The elements of a list, interpolated.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this is not a list, and as [`Value::interpolate`].
    pub fn elements(&self) -> Result<Vec<Value>, Error> {
        match &self.interpolate()?.value.node.body {
            Body::List { items, .. } => Ok(items.clone()),
            _ => Err(self.unsupported("elements")),
        }
    }

    /// The elements of a list as they were given, without this value's scopes; `None` if this is not a list.
    #[must_use]
    pub fn raw_elements(&self) -> Option<&[Value]> {
        match &self.node.body {
            Body::List { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The pairs of a map, interpolated, in order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this is not a map, and as [`Value::interpolate`].
    pub fn entries(&self) -> Result<Vec<(Value, Value)>, Error> {
        match &self.interpolate()?.value.node.body {
            Body::Map { entries, .. } => Ok(entries.clone()),
            _ => Err(self.unsupported("entries")),
        }
    }

    /// The value below a key of a map: the first that is equal after interpolation.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this is not a map, a key that its type cannot take, and as [`Value::interpolate`].
    pub fn lookup(&self, key: &Raw) -> Result<Option<Value>, Error> {
        let Body::Map { ty, .. } = &self.node.body else { return Err(self.unsupported("keys")) };
        let key = ty.key().accept(key)?.interpolate()?.value;
        let found = self.entries()?.into_iter().find(|(candidate, _)| candidate.is_same(&key));
        Ok(found.map(|(_, value)| value))
    }

    /// Whether a list has an element or a map a key. A typed element is compared as a value, raw data with the raw
    /// data of the elements.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other values, and as [`Value::interpolate`].
    pub fn contains(&self, wanted: &Raw) -> Result<bool, Error> {
        let Body::List { ty, .. } = &self.node.body else { return Ok(self.lookup(wanted)?.is_some()) };
        let elements = self.elements()?;
        if let RawData::Value(value) = &wanted.data
            && value.ty().is_same(ty.element())
        {
            let value = value.interpolate()?.value;
            return Ok(elements.iter().any(|element| element.is_same(&value)));
        }
        let raws = elements.iter().map(Value::get).collect::<Result<Vec<_>, _>>()?;
        Ok(raws.contains(wanted))
    }

    /// The text, if this is a scalar holding one, as given.
    #[must_use]
    pub fn raw_text(&self) -> Option<&Arc<str>> {
        match &self.node.body {
            Body::Scalar { raw: RawData::Str(text), .. } => Some(text),
            _ => None,
        }
    }

    /// The data of a scalar, as given.
    #[must_use]
    pub fn raw_data(&self) -> Option<&RawData> {
        match &self.node.body {
            Body::Scalar { raw, .. } => Some(raw),
            Body::Choice { raw, .. } => Some(&raw.data),
            _ => None,
        }
    }

    /// The part at `path`, still unresolved, with every scope that applies to it. `None` if there is no such part.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<Value> {
        let mut here = self.clone();
        for step in &path.steps {
            if let Body::Choice { .. } = here.node.body {
                here = here.chosen()?;
            }
            let scopes = here.child_scopes();
            here = match (step, &here.node.body) {
                (Step::Field { name, .. }, Body::Struct { .. }) => here.raw_field(name)?.within(&scopes),
                (Step::Item { index, .. }, Body::List { items, .. }) => items.get(*index)?.within(&scopes),
                (Step::Key { key, .. }, Body::Map { entries, .. }) => {
                    entries.iter().find(|(k, _)| k.text_lossy() == *key)?.0.within(&scopes)
                }
                (Step::Entry { key, .. }, Body::Map { entries, .. }) => {
                    entries.iter().find(|(k, _)| k.text_lossy() == *key)?.1.within(&scopes)
                }
                _ => return None,
            };
        }
        Some(here)
    }

    /// The first alternative of a choice that can be made and interpolated, uninterpolated and in scope.
    pub(crate) fn chosen(&self) -> Option<Value> {
        let Body::Choice { ty, raw } = &self.node.body else { return None };
        let budget = Budget::default();
        let context = Context::new(&budget, Escapes::Keep);
        let candidates = ty.alternatives().iter().filter_map(|alternative| alternative.accept(raw).ok());
        candidates.map(|value| value.within(&self.scopes)).find(|value| context.interpolated(value).is_ok())
    }

    pub(crate) fn unsupported(&self, operation: &'static str) -> Error {
        Error::Unsupported { ty: self.ty().name(), operation }
    }

    /// This value with more scopes of lowest priority.
    pub(crate) fn within(&self, scopes: &Scopes) -> Value {
        Value { node: Arc::clone(&self.node), scopes: self.scopes.then(scopes) }
    }

    /// The scopes this value's parts are evaluated in, beyond their own.
    pub(crate) fn child_scopes(&self) -> Scopes {
        match &self.node.body {
            Body::Struct { .. } => Scopes::of(vec![Scope::Inside(self.clone())]),
            _ => self.scopes.clone(),
        }
    }
}

/// As upstream's dictionary: pairs with equal keys collapse, the last value in the place of the first.
fn last_of_each_key(entries: &[(Value, Value)]) -> Result<Vec<(Raw, Raw)>, Error> {
    let mut kept: Vec<(Raw, Raw)> = Vec::with_capacity(entries.len());
    let mut positions = indexmap::IndexMap::with_capacity(entries.len());
    for (key, value) in entries {
        let (key, value) = (key.get()?, value.get()?);
        let position = *positions.entry(crate::render::raw_repr(&key.data)).or_insert(kept.len());
        match kept.get_mut(position) {
            Some(entry) => entry.1 = value,
            None => kept.push((key, value)),
        }
    }
    Ok(kept)
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr_lossy())
    }
}
