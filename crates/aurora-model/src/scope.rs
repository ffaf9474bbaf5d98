//! Scopes and lookup: where references find their values (`spec/config.md` §1.8 and §1.9).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indexmap::IndexMap;

use crate::budget::Budget;
use crate::error::Error;
use crate::origin::Origin;
use crate::raw::{Raw, RawData};
use crate::reference::{Component, Ref};
use crate::render::{raw_repr, raw_text};
use crate::value::{Body, Value};

/// One scope of a value.
#[derive(Debug, Clone)]
pub enum Scope {
    /// A table of addresses.
    Environment(Arc<Environment>),
    /// The parts of a struct, list or map.
    Value(Value),
    /// All scopes of a struct, for what is inside it: `self.<field>`, `<field>`, its own scopes, and those again
    /// below `super.`.
    Inside(Value),
}

/// What a lookup finds.
#[derive(Debug, Clone)]
pub enum Found {
    /// A text bound as such, and where it was written.
    Text(Arc<str>, Option<Origin>),
    /// A value, with the scopes it is to be resolved in.
    Value(Value),
}

/// Why a lookup in a value finds nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FindError {
    /// There is no such field, element or key.
    #[error("Could not find {name} in object {ty}")]
    NotFound {
        /// The component that was not found.
        name: Arc<str>,
        /// Name of the type it was looked up in.
        ty: Arc<str>,
    },
    /// A struct indexed with brackets, or a list or map with a dot.
    #[error("Cannot dereference object {ty} by {component}")]
    Naming {
        /// The component of the wrong kind.
        component: Component,
        /// Name of the type it was looked up in.
        ty: Arc<str>,
    },
    /// A leaf has no parts.
    #[error("Object is not indexable: {ty}")]
    Unnamable {
        /// Name of the leaf's type.
        ty: Arc<str>,
    },
    /// Something broke on the way.
    #[error(transparent)]
    Broken(#[from] Error),
}

impl FindError {
    /// Nothing was found, as opposed to something being broken.
    fn into_absent<T>(self) -> Result<Option<T>, Error> {
        match self {
            Self::Broken(error) => Err(error),
            _ => Ok(None),
        }
    }
}

/// An ordered list of scopes, cheap to clone.
#[derive(Clone)]
pub(crate) struct Scopes {
    list: Option<Arc<[Scope]>>,
    depth: usize,
}

impl Scopes {
    pub(crate) const NONE: Scopes = Scopes { list: None, depth: 0 };

    pub(crate) fn of(list: Vec<Scope>) -> Self {
        let depth = list.iter().map(|scope| scope.depth() + 1).max().unwrap_or(0);
        Self { list: (!list.is_empty()).then(|| list.into()), depth }
    }

    /// These and then those.
    pub(crate) fn then(&self, others: &Scopes) -> Scopes {
        match (&self.list, &others.list) {
            (_, None) => self.clone(),
            (None, Some(_)) => others.clone(),
            (Some(first), Some(second)) => Scopes {
                list: Some(first.iter().chain(second.iter()).cloned().collect()),
                depth: self.depth.max(others.depth),
            },
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn len(&self) -> usize {
        self.list().len()
    }

    pub(crate) fn list(&self) -> &[Scope] {
        self.list.as_deref().unwrap_or_default()
    }

    /// Asks each scope in order; the first that has it wins.
    pub(crate) fn find(&self, address: &[Component], budget: &Budget) -> Result<Option<Found>, Error> {
        for scope in self.list() {
            budget.step()?;
            let found = match scope {
                Scope::Environment(environment) => environment.find_components(address, budget)?,
                Scope::Value(value) => {
                    value.find_components(address, budget).map(Some).or_else(FindError::into_absent)?
                }
                Scope::Inside(value) => find_inside(value, address, budget)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Scope {
    pub(crate) fn from_argument(argument: &Raw) -> Result<Self, Error> {
        match &argument.data {
            RawData::Map(entries) => Ok(Self::Environment(Arc::new(Environment::from_entries(entries)?))),
            RawData::Environment(environment) => Ok(Self::Environment(Arc::clone(environment))),
            RawData::Value(value) if value.is_namable() => Ok(Self::Value(value.clone())),
            _ => Err(unbindable(argument)),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Environment(environment) => environment.depth,
            Self::Value(value) | Self::Inside(value) => value.extent().depth,
        }
    }
}

/// Looks up in the scopes a struct gives to what is inside it.
fn find_inside(value: &Value, address: &[Component], budget: &Budget) -> Result<Option<Found>, Error> {
    let [first, rest @ ..] = address else { return Ok(None) };
    let is_name = |wanted: &str| matches!(first, Component::Name(name) if **name == *wanted);
    if is_name("self")
        && !rest.is_empty()
        && let Some(found) = find_field(value, rest, budget)?
    {
        return Ok(Some(found));
    }
    if let Some(found) = find_field(value, address, budget)? {
        return Ok(Some(found));
    }
    if let Some(found) = value.scopes.find(address, budget)? {
        return Ok(Some(found));
    }
    match rest {
        _ if !is_name("super") => Ok(None),
        [] => Ok(value.scopes.list().iter().find_map(|scope| match scope {
            Scope::Value(bound) => Some(Found::Value(bound.clone())),
            _ => None,
        })),
        rest => value.scopes.find(rest, budget),
    }
}

/// A struct's fields as bindings: found as they were given, in no scope but their own.
fn find_field(value: &Value, address: &[Component], budget: &Budget) -> Result<Option<Found>, Error> {
    let Some((Component::Name(name), rest)) = address.split_first() else { return Ok(None) };
    match value.raw_field(name) {
        None => Ok(None),
        Some(field) if rest.is_empty() => Ok(Some(Found::Value(field.clone()))),
        Some(field) if !field.is_namable() => Ok(None),
        Some(field) => field.find_components(rest, budget).map(Some).or_else(FindError::into_absent),
    }
}

impl Value {
    /// Whether references can lead into it.
    #[must_use]
    pub fn is_namable(&self) -> bool {
        matches!(self.node.body, Body::Struct { .. } | Body::List { .. } | Body::Map { .. })
    }

    /// Looks up a reference in this struct, list or map (`spec/config.md` §1.9).
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find(&self, reference: &Ref) -> Result<Value, FindError> {
        match self.find_components(reference.components(), &Budget::default())? {
            Found::Value(value) => Ok(value),
            Found::Text(..) => Err(self.not_found(&reference.components()[0])),
        }
    }

    fn find_components(&self, address: &[Component], budget: &Budget) -> Result<Found, FindError> {
        budget.step()?;
        let Some((first, rest)) = address.split_first() else { return Ok(Found::Value(self.clone())) };
        let part = self.find_part(first, budget)?.within(&self.child_scopes());
        if rest.is_empty() {
            return Ok(Found::Value(part));
        }
        if !part.is_namable() {
            return Err(FindError::Unnamable { ty: part.ty().name() });
        }
        part.find_components(rest, budget)
    }

    fn find_part(&self, component: &Component, budget: &Budget) -> Result<&Value, FindError> {
        match (&self.node.body, component) {
            (Body::Struct { .. }, Component::Name(name)) => {
                self.raw_field(name).ok_or_else(|| self.not_found(component))
            }
            (Body::List { items, .. }, Component::Index(index)) => {
                let index = crate::interpolate::whole_number(index).ok_or_else(|| self.naming(component))?;
                self.find_item(items, index, component)
            }
            (Body::Map { ty, entries }, Component::Index(index)) => {
                let wanted = ty.key().accept_within(&Raw::from(&**index), self.origin(), budget)?;
                for (key, value) in entries {
                    budget.step()?;
                    if key.equals_within(&wanted, budget)? {
                        return Ok(value);
                    }
                }
                Err(self.not_found(component))
            }
            (Body::Scalar { .. } | Body::Choice { .. }, _) => {
                Err(FindError::Unnamable { ty: self.ty().name() })
            }
            _ => Err(self.naming(component)),
        }
    }

    /// Negative indexes count from the end.
    fn find_item<'a>(
        &self,
        items: &'a [Value],
        index: i64,
        component: &Component,
    ) -> Result<&'a Value, FindError> {
        let position = match usize::try_from(index.unsigned_abs()) {
            Ok(back) if index < 0 => items.len().checked_sub(back),
            Ok(position) => Some(position),
            Err(_) => None,
        };
        match position.and_then(|position| items.get(position)) {
            Some(item) => Ok(item),
            None if index < 0 => Err(Error::IndexOutOfRange { index, length: items.len() }.into()),
            None => Err(self.not_found(component)),
        }
    }

    fn not_found(&self, component: &Component) -> FindError {
        FindError::NotFound { name: component.text().into(), ty: self.ty().name() }
    }

    fn naming(&self, component: &Component) -> FindError {
        FindError::Naming { component: component.clone(), ty: self.ty().name() }
    }
}

/// A flat table from addresses to texts and values. It remembers which entries lookups have used.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    table: IndexMap<Ref, Entry>,
    depth: usize,
}

#[derive(Debug)]
struct Entry {
    found: Found,
    used: AtomicBool,
}

impl Entry {
    fn new(found: Found) -> Self {
        Self { found, used: AtomicBool::new(false) }
    }

    fn use_it(&self) -> &Found {
        self.used.store(true, Ordering::Relaxed);
        &self.found
    }
}

/// A copy starts unused.
impl Clone for Entry {
    fn clone(&self) -> Self {
        Self::new(self.found.clone())
    }
}

impl Environment {
    /// A table from a mapping: keys are addresses, nested mappings join their keys with a dot, numbers and truth
    /// values become text.
    ///
    /// # Errors
    /// [`Error::Unbindable`], or a key that is not an address.
    pub fn from_entries(entries: &[(Raw, Raw)]) -> Result<Self, Error> {
        let mut environment = Self::default();
        for (key, value) in entries {
            environment.insert_at(None, key, value, 0)?;
        }
        Ok(environment)
    }

    /// A table from names.
    ///
    /// # Errors
    /// As [`Environment::from_entries`].
    pub fn from_named(named: &[(Arc<str>, Raw)]) -> Result<Self, Error> {
        let mut environment = Self::default();
        for (name, value) in named {
            environment.insert_at(None, &Raw::from(Arc::clone(name)).at(value.origin), value, 0)?;
        }
        Ok(environment)
    }

    /// Adds everything of another table, which wins.
    pub fn extend(&mut self, other: &Environment) {
        self.table.extend(other.table.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        self.depth = self.depth.max(other.depth);
    }

    /// Adds one entry; a later one wins.
    ///
    /// # Errors
    /// [`Error::Unbindable`].
    pub fn insert(&mut self, key: Ref, value: &Raw) -> Result<(), Error> {
        self.insert_found(key, value, 0)
    }

    /// The entries, in the order their addresses were first given.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Ref, &Found)> {
        self.table.iter().map(|(key, entry)| (key, &entry.found))
    }

    /// Addresses that no lookup has used so far: bindings without an effect.
    pub fn unused(&self) -> impl Iterator<Item = &Ref> {
        self.table.iter().filter(|(_, entry)| !entry.used.load(Ordering::Relaxed)).map(|(key, _)| key)
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Looks up an address: exactly, else in the value bound to its longest prefix that has it.
    ///
    /// # Errors
    /// Something broke on the way.
    pub fn find(&self, reference: &Ref) -> Result<Option<Found>, Error> {
        self.find_components(reference.components(), &Budget::default())
    }

    fn insert_at(&mut self, prefix: Option<&Ref>, key: &Raw, value: &Raw, level: usize) -> Result<(), Error> {
        let text = raw_text(&key.data);
        let parsed = match &key.data {
            RawData::Str(text) => Ref::parse(text),
            other => Ref::parse(&raw_repr(other)),
        };
        let key = parsed.map_err(|invalid| Error::InvalidReference {
            invalid: Box::new(invalid),
            text,
            span: None,
            origin: key.origin.or(value.origin),
        })?;
        let key = prefix.map_or_else(|| key.clone(), |prefix| prefix.join(&key));
        self.insert_found(key, value, level)
    }

    fn insert_found(&mut self, key: Ref, value: &Raw, level: usize) -> Result<(), Error> {
        if level > crate::budget::MAX_DEPTH || self.table.len() > crate::budget::MAX_NODES {
            return Err(Error::TooLarge { limit: crate::error::Limit::Depth, origin: value.origin });
        }
        let found = match &value.data {
            RawData::Map(entries) => {
                return entries
                    .iter()
                    .try_for_each(|(inner, value)| self.insert_at(Some(&key), inner, value, level + 1));
            }
            RawData::Environment(environment) => {
                self.depth = self.depth.max(environment.depth);
                let entries = environment.table.iter();
                self.table.extend(entries.map(|(inner, entry)| (key.join(inner), entry.clone())));
                return Ok(());
            }
            RawData::Str(text) => Found::Text(Arc::clone(text), value.origin),
            RawData::Int(_) | RawData::Float(_) | RawData::Bool(_) => {
                Found::Text(raw_text(&value.data), value.origin)
            }
            RawData::Value(value) => {
                self.depth = self.depth.max(value.extent().depth);
                Found::Value(value.clone())
            }
            _ => return Err(unbindable(value)),
        };
        self.table.insert(key, Entry::new(found));
        Ok(())
    }

    fn find_components(&self, address: &[Component], budget: &Budget) -> Result<Option<Found>, Error> {
        if let Some(entry) = self.table.get(&Slice(address)) {
            return Ok(Some(entry.use_it().clone()));
        }
        for length in (1..address.len()).rev() {
            budget.step()?;
            let (prefix, rest) = address.split_at(length);
            if let Some(entry) = self.table.get(&Slice(prefix))
                && let Found::Value(value) = &entry.found
                && value.is_namable()
                && let Some(found) =
                    value.find_components(rest, budget).map(Some).or_else(FindError::into_absent)?
            {
                entry.use_it();
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Components as a key of a table, without making a [`Ref`] of them.
#[derive(Hash)]
struct Slice<'a>(&'a [Component]);

impl indexmap::Equivalent<Ref> for Slice<'_> {
    fn equivalent(&self, key: &Ref) -> bool {
        *self.0 == *key.components()
    }
}

fn unbindable(value: &Raw) -> Error {
    let got = match &value.data {
        RawData::Empty => "Empty".into(),
        RawData::None => "None".into(),
        RawData::List(_) => "a list".into(),
        RawData::Map(_) => "a mapping".into(),
        RawData::Environment(_) => "an Environment".into(),
        RawData::Value(value) => value.ty().name(),
        RawData::Bool(_) | RawData::Int(_) | RawData::Float(_) => "a number".into(),
        RawData::Str(_) => "a string".into(),
        RawData::Other(text) => Arc::clone(text),
    };
    Error::Unbindable { got, origin: value.origin }
}
