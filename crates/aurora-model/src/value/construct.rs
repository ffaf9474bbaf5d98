//! Making values: coercion of raw data into types, struct calls, deriving and binding.

use std::sync::Arc;

use crate::budget::{Budget, MAX_DEPTH};
use crate::error::{Error, Limit, UnknownField};
use crate::origin::Origin;
use crate::raw::{Raw, RawData};
use crate::render::{raw_repr, raw_text};
use crate::schema;
use crate::scope::{Environment, Scope, Scopes};
use crate::suggest::nearest;
use crate::template::Template;
use crate::types::{EnumType, ListType, MapType, StructType, Type};
use crate::value::{Body, Value};

impl Type {
    /// Calls the type: one positional argument for most, any number of mappings and then named fields for a struct,
    /// one mapping or any number of pairs for a map (`spec/config.md` §1.2 to §1.5).
    ///
    /// # Errors
    /// Arguments the type cannot take. Scalars take nearly everything: what does not fit shows on
    /// [`Value::check`].
    pub fn call(&self, arguments: &[Raw], named: &[(Arc<str>, Raw)]) -> Result<Value, Error> {
        self.call_within(arguments, named, None, &Budget::default())
    }

    /// As [`Type::call`], for a call at `origin`, within a budget.
    ///
    /// # Errors
    /// As [`Type::call`], or the budget is used up.
    pub fn call_within(
        &self,
        arguments: &[Raw],
        named: &[(Arc<str>, Raw)],
        origin: Option<Origin>,
        budget: &Budget,
    ) -> Result<Value, Error> {
        let maker = Maker { budget };
        match (self, arguments) {
            (Self::Struct(ty), _) => maker.structure(ty, arguments, named, origin),
            (Self::Map(ty), _) if named.is_empty() => maker.map(ty, arguments, origin),
            (_, [argument]) if named.is_empty() => maker.made(self, argument, origin),
            _ => Err(Error::Arity { ty: self.name(), positional: arguments.len(), named: named.len() }),
        }
    }

    /// Takes data as a field of this type does: kept if it already is a value of the type, else made into one.
    ///
    /// # Errors
    /// As [`Type::call`].
    pub fn accept(&self, raw: &Raw) -> Result<Value, Error> {
        Maker { budget: &Budget::default() }.accepted(self, raw, None)
    }

    pub(crate) fn accept_within(
        &self,
        raw: &Raw,
        origin: Option<Origin>,
        budget: &Budget,
    ) -> Result<Value, Error> {
        Maker { budget }.accepted(self, raw, origin)
    }
}

impl Value {
    /// A copy of a struct with other fields set; what is bound to it stays bound.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this is not a struct, [`Error::UnknownFields`], or data a field cannot take.
    pub fn derive(&self, named: &[(Arc<str>, Raw)]) -> Result<Value, Error> {
        self.derive_within(named, None, &Budget::default())
    }

    /// As [`Value::derive`], for a call at `origin`, within a budget.
    ///
    /// # Errors
    /// As [`Value::derive`], or the budget is used up.
    pub fn derive_within(
        &self,
        named: &[(Arc<str>, Raw)],
        origin: Option<Origin>,
        budget: &Budget,
    ) -> Result<Value, Error> {
        let Body::Struct { ty, fields } = &self.node.body else { return Err(self.unsupported("fields")) };
        let mut fields = fields.clone();
        Maker { budget }.set_fields(ty, &mut fields, named, origin)?;
        let body = Body::Struct { ty: Arc::clone(ty), fields };
        let derived = Value::from_body(body, origin.or_else(|| self.origin()))?;
        Ok(Value { node: derived.node, scopes: self.scopes.clone() })
    }

    /// Binds names, with highest priority: the newest call comes first, within a call the named ones, then the
    /// positional ones from the last to the first (`spec/config.md` §1.8). Positional arguments are mappings of
    /// addresses, tables, or structs, lists and maps whose parts become names.
    ///
    /// # Errors
    /// [`Error::Unbindable`], a name that is not an address, or too many levels bound inside one another.
    pub fn bind(&self, arguments: &[Raw], named: &[(Arc<str>, Raw)]) -> Result<Value, Error> {
        let mut new = scopes_of(arguments, named)?;
        new.reverse();
        self.with_scopes(Scopes::of(new).then(&self.scopes))
    }

    /// Binds names with lowest priority, in the order given.
    ///
    /// # Errors
    /// As [`Value::bind`].
    pub fn in_scope(&self, arguments: &[Raw], named: &[(Arc<str>, Raw)]) -> Result<Value, Error> {
        self.with_scopes(self.scopes.then(&Scopes::of(scopes_of(arguments, named)?)))
    }

    /// Binds a table made beforehand, with highest priority.
    ///
    /// # Errors
    /// Too many levels are bound inside one another.
    pub fn bind_environment(&self, environment: &Arc<Environment>) -> Result<Value, Error> {
        self.with_scopes(Scopes::of(vec![Scope::Environment(Arc::clone(environment))]).then(&self.scopes))
    }

    fn with_scopes(&self, scopes: Scopes) -> Result<Value, Error> {
        if scopes.depth() > MAX_DEPTH || scopes.len() > MAX_SCOPES {
            return Err(Error::TooLarge { limit: Limit::Depth, origin: self.origin() });
        }
        Ok(Value { node: Arc::clone(&self.node), scopes })
    }

    /// The same value without anything bound to it.
    #[must_use]
    pub fn unscoped(&self) -> Value {
        Value { node: Arc::clone(&self.node), scopes: Scopes::NONE }
    }
}

/// How many tables and values may be bound to one value.
const MAX_SCOPES: usize = 1_000;

fn scopes_of(arguments: &[Raw], named: &[(Arc<str>, Raw)]) -> Result<Vec<Scope>, Error> {
    let mut scopes = arguments.iter().map(Scope::from_argument).collect::<Result<Vec<_>, _>>()?;
    if !named.is_empty() {
        scopes.push(Scope::Environment(Arc::new(Environment::from_named(named)?)));
    }
    Ok(scopes)
}

/// Makes values within a budget.
struct Maker<'b> {
    budget: &'b Budget,
}

impl Maker<'_> {
    fn accepted(&self, ty: &Type, raw: &Raw, origin: Option<Origin>) -> Result<Value, Error> {
        match &raw.data {
            RawData::Value(value) if value.ty().is_same(ty) => Ok(value.clone()),
            _ => self.made(ty, raw, origin),
        }
    }

    fn made(&self, ty: &Type, raw: &Raw, origin: Option<Origin>) -> Result<Value, Error> {
        self.budget.step()?;
        let origin = raw.origin_or(origin);
        match ty {
            Type::Enum(members) => {
                check_member(members, raw, origin)?;
                scalar(ty, raw, origin)
            }
            Type::String | Type::Integer | Type::Float | Type::Boolean => scalar(ty, raw, origin),
            Type::List(list) => self.list(list, raw, origin),
            Type::Map(map) => self.map(map, std::slice::from_ref(raw), origin),
            Type::Choice(choice) => {
                let raw = raw.clone().at(origin);
                Value::from_body(Body::Choice { ty: Arc::clone(choice), raw }, origin)
            }
            Type::Struct(ty) => self.structure(ty, std::slice::from_ref(raw), &[], origin),
        }
    }

    fn list(&self, ty: &Arc<ListType>, raw: &Raw, origin: Option<Origin>) -> Result<Value, Error> {
        let RawData::List(items) = &raw.data else {
            return Err(Error::NotAList { to: Arc::clone(ty.name()), value: raw_repr(&raw.data), origin });
        };
        let items =
            items.iter().map(|item| self.accepted(ty.element(), item, origin)).collect::<Result<_, _>>()?;
        Value::from_body(Body::List { ty: Arc::clone(ty), items }, origin)
    }

    fn map(&self, ty: &Arc<MapType>, arguments: &[Raw], origin: Option<Origin>) -> Result<Value, Error> {
        let origin = origin.or_else(|| arguments.first().and_then(|argument| argument.origin));
        let pairs: Vec<(Raw, Raw)> = match arguments {
            [Raw { data: RawData::Map(entries), .. }] => entries.to_vec(),
            _ => arguments.iter().map(as_pair).collect::<Option<_>>().ok_or_else(|| {
                let value = arguments_repr(arguments);
                Error::NotAMap { to: Arc::clone(ty.name()), value, origin }
            })?,
        };
        let entries = pairs
            .iter()
            .map(|(key, value)| {
                Ok((self.accepted(ty.key(), key, origin)?, self.accepted(ty.value(), value, origin)?))
            })
            .collect::<Result<_, Error>>()?;
        Value::from_body(Body::Map { ty: Arc::clone(ty), entries }, origin)
    }

    fn structure(
        &self,
        ty: &Arc<StructType>,
        mappings: &[Raw],
        named: &[(Arc<str>, Raw)],
        origin: Option<Origin>,
    ) -> Result<Value, Error> {
        let mut fields: Vec<_> =
            ty.fields().map(|(_, signature)| signature.default_value().cloned()).collect();
        let mut place = origin;
        for mapping in mappings {
            place = mapping.origin_or(place);
            let RawData::Map(entries) = &mapping.data else {
                let value = raw_repr(&mapping.data);
                return Err(Error::NotAMapping { ty: Arc::clone(ty), value, origin: place });
            };
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| (raw_text(&key.data), value.clone())).collect();
            self.set_fields(ty, &mut fields, &entries, place)?;
        }
        self.set_fields(ty, &mut fields, named, place)?;
        Value::from_body(Body::Struct { ty: Arc::clone(ty), fields }, origin.or(place))
    }

    fn set_fields(
        &self,
        ty: &Arc<StructType>,
        fields: &mut [Option<Value>],
        named: &[(Arc<str>, Raw)],
        origin: Option<Origin>,
    ) -> Result<(), Error> {
        let unknown: Vec<_> = named
            .iter()
            .filter(|(name, _)| ty.position(name).is_none())
            .map(|(name, value)| unknown_field(ty, name, value.origin_or(origin)))
            .collect();
        if !unknown.is_empty() {
            return Err(Error::UnknownFields { ty: Arc::clone(ty), fields: unknown });
        }
        for (name, value) in named {
            let (Some(position), Some(signature)) = (ty.position(name), ty.field(name)) else { continue };
            fields[position] = match value.data {
                RawData::Empty => None,
                _ => Some(self.accepted(signature.ty(), value, origin)?),
            };
        }
        Ok(())
    }
}

fn unknown_field(ty: &StructType, name: &Arc<str>, origin: Option<Origin>) -> UnknownField {
    UnknownField {
        name: Arc::clone(name),
        suggestion: nearest(name, ty.fields().map(|(field, _)| &**field)).map(Into::into),
        removed: schema::removed_field(ty.name(), name),
        origin,
    }
}

fn scalar(ty: &Type, raw: &Raw, origin: Option<Origin>) -> Result<Value, Error> {
    Value::from_body(Body::Scalar { ty: ty.clone(), raw: raw.data.clone() }, origin)
}

/// An enumeration refuses at once what is neither a member nor a text with references.
fn check_member(ty: &Arc<EnumType>, raw: &Raw, origin: Option<Origin>) -> Result<(), Error> {
    let value = raw_text(&raw.data);
    match &raw.data {
        RawData::Str(text) if ty.has(text) => Ok(()),
        RawData::Str(text) => {
            let template = Template::parse(text).map_err(|error| Error::InvalidReference {
                invalid: Box::new(error.invalid),
                text: Arc::clone(text),
                span: Some(error.span),
                origin,
            })?;
            if template.references().next().is_some() {
                return Ok(());
            }
            let suggestion = nearest(text, ty.values().iter().map(|value| &**value)).map(Into::into);
            Err(Error::NotAMember { ty: Arc::clone(ty), value, suggestion, origin })
        }
        RawData::Bool(_) | RawData::Int(_) | RawData::Float(_) => {
            Err(Error::NotAMember { ty: Arc::clone(ty), value, suggestion: None, origin })
        }
        _ => Err(Error::Coercion { value, to: "String".into(), detail: None, origin }),
    }
}

/// Arguments as upstream shows them: a tuple.
fn arguments_repr(arguments: &[Raw]) -> Arc<str> {
    match arguments {
        [one] => format!("({},)", raw_repr(&one.data)).into(),
        several => {
            let shown = raw_repr(&RawData::List(several.into()));
            format!("({})", shown.trim_start_matches('[').trim_end_matches(']')).into()
        }
    }
}

/// Two things that Python would unpack into a key and a value.
fn as_pair(argument: &Raw) -> Option<(Raw, Raw)> {
    match &argument.data {
        RawData::List(items) => match &**items {
            [key, value] => Some((key.clone(), value.clone())),
            _ => None,
        },
        RawData::Map(entries) => match &**entries {
            [(one, _), (two, _)] => Some((one.clone(), two.clone())),
            _ => None,
        },
        RawData::Str(text) => {
            let mut letters = text.chars().map(|letter| Raw::from(letter.to_string()).at(argument.origin));
            match (letters.next(), letters.next(), letters.next()) {
                (Some(key), Some(value), None) => Some((key, value)),
                _ => None,
            }
        }
        _ => None,
    }
}
