//! Types: scalars, enumerations, lists, maps, choices and structs (`spec/config.md` §1.1).

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::budget::{MAX_DEPTH, MAX_NODES};
use crate::error::{Error, Limit};
use crate::raw::Raw;
use crate::value::Value;

/// A type. Cheap to clone.
#[derive(Clone)]
pub enum Type {
    /// Text.
    String,
    /// Whole number.
    Integer,
    /// Floating point number.
    Float,
    /// Truth value.
    Boolean,
    /// One of several texts.
    Enum(Arc<EnumType>),
    /// Elements of one type.
    List(Arc<ListType>),
    /// Pairs of a key and a value.
    Map(Arc<MapType>),
    /// The first alternative that fits.
    Choice(Arc<ChoiceType>),
    /// Named fields.
    Struct(Arc<StructType>),
}

/// How large a type or value is, counted as a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) depth: usize,
    pub(crate) nodes: usize,
}

impl Extent {
    pub(crate) const LEAF: Extent = Extent { depth: 1, nodes: 1 };

    /// One more than what it holds, if that is within the limits.
    pub(crate) fn around(parts: impl IntoIterator<Item = Extent>) -> Result<Extent, Error> {
        let (mut depth, mut nodes) = (0, 1_usize);
        for part in parts {
            depth = part.depth.max(depth);
            nodes = nodes.saturating_add(part.nodes);
        }
        let limit = if depth >= MAX_DEPTH {
            Limit::Depth
        } else if nodes > MAX_NODES {
            Limit::Nodes
        } else {
            return Ok(Extent { depth: depth + 1, nodes });
        };
        Err(Error::TooLarge { limit, origin: None })
    }
}

/// An enumeration.
pub struct EnumType {
    name: Arc<str>,
    values: Vec<Arc<str>>,
}

/// A list type.
pub struct ListType {
    name: Arc<str>,
    element: Type,
    extent: Extent,
}

/// A map type.
pub struct MapType {
    name: Arc<str>,
    key: Type,
    value: Type,
    extent: Extent,
}

/// An ordered union without a tag.
pub struct ChoiceType {
    name: Arc<str>,
    alternatives: Vec<Type>,
    extent: Extent,
}

/// A struct: named fields with signatures.
pub struct StructType {
    name: Arc<str>,
    fields: IndexMap<Arc<str>, Signature>,
    extent: Extent,
}

/// What a struct says about a field: its type, and whether it must or may be set.
#[derive(Clone)]
pub struct Signature {
    ty: Type,
    required: bool,
    default: Option<Value>,
}

impl Signature {
    /// May be left out.
    #[must_use]
    pub fn optional(ty: Type) -> Self {
        Self { ty, required: false, default: None }
    }

    /// Must be set; only [`Value::check`] enforces it.
    #[must_use]
    pub fn required(ty: Type) -> Self {
        Self { ty, required: true, default: None }
    }

    /// Takes this value if it is left out. The default is reduced to its raw data, so what is bound to it is lost
    /// (`spec/config.md` §1.5).
    ///
    /// # Errors
    /// The value cannot be made; a bad scalar only shows when it is checked.
    pub fn default(ty: Type, default: &Raw) -> Result<Self, Error> {
        if matches!(default.data, crate::raw::RawData::Empty) {
            return Ok(Self::optional(ty));
        }
        let raw = ty.accept(default)?.get()?;
        let default = ty.call(&[raw.at(default.origin)], &[])?;
        Ok(Self { ty, required: false, default: Some(default) })
    }

    /// The field's type.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Whether it must be set.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// What it is when left out, if anything.
    #[must_use]
    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    fn is_same(&self, other: &Signature) -> bool {
        let same_default = match (&self.default, &other.default) {
            (None, None) => true,
            (Some(one), Some(two)) => Arc::ptr_eq(&one.node, &two.node) || same_raw(one, two),
            _ => false,
        };
        self.required == other.required && same_default && self.ty.is_same(&other.ty)
    }
}

fn same_raw(one: &Value, two: &Value) -> bool {
    matches!((one.get(), two.get()), (Ok(one), Ok(two)) if one == two)
}

impl Type {
    /// An enumeration; without a name it is named after its values.
    ///
    /// # Errors
    /// The generated name is too long.
    pub fn enumeration(name: Option<&str>, values: Vec<Arc<str>>) -> Result<Self, Error> {
        let name =
            name.map_or_else(|| bounded(format!("Enum_{}", values.join("_"))), |name| Ok(name.into()))?;
        Ok(Self::Enum(Arc::new(EnumType { name, values })))
    }

    /// A list of `element`.
    ///
    /// # Errors
    /// The type nests too deep.
    pub fn list(element: Type) -> Result<Self, Error> {
        let name = bounded(format!("{}List", element.name()))?;
        let extent = Extent::around([element.extent()])?;
        Ok(Self::List(Arc::new(ListType { name, element, extent })))
    }

    /// A map from `key` to `value`.
    ///
    /// # Errors
    /// The type nests too deep.
    pub fn map(key: Type, value: Type) -> Result<Self, Error> {
        let name = bounded(format!("{}{}Map", key.name(), value.name()))?;
        let extent = Extent::around([key.extent(), value.extent()])?;
        Ok(Self::Map(Arc::new(MapType { name, key, value, extent })))
    }

    /// A choice; without a name it is named after its alternatives.
    ///
    /// # Errors
    /// The type nests too deep.
    pub fn choice(name: Option<&str>, alternatives: Vec<Type>) -> Result<Self, Error> {
        let generated = || {
            let names: Vec<_> = alternatives.iter().map(Type::name).collect();
            bounded(format!("Choice_{}", names.join("_")))
        };
        let name = name.map_or_else(generated, |name| Ok(name.into()))?;
        let extent = Extent::around(alternatives.iter().map(Type::extent))?;
        Ok(Self::Choice(Arc::new(ChoiceType { name, alternatives, extent })))
    }

    /// A struct. Of fields with the same name the last counts, in the place of the first.
    ///
    /// # Errors
    /// The type nests too deep.
    pub fn structure<N: Into<Arc<str>>>(
        name: &str,
        fields: impl IntoIterator<Item = (N, Signature)>,
    ) -> Result<Self, Error> {
        let fields: IndexMap<Arc<str>, Signature> =
            fields.into_iter().map(|(name, signature)| (name.into(), signature)).collect();
        let defaults = fields.values().filter_map(|field| field.default.as_ref().map(Value::extent));
        let extent = Extent::around(fields.values().map(|field| field.ty.extent()).chain(defaults))?;
        Ok(Self::Struct(Arc::new(StructType { name: name.into(), fields, extent })))
    }

    /// The type's name, for lists and maps made from their parts: `ProcessList`, `StringStringMap`.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::String => "String".into(),
            Self::Integer => "Integer".into(),
            Self::Float => "Float".into(),
            Self::Boolean => "Boolean".into(),
            Self::Enum(ty) => Arc::clone(&ty.name),
            Self::List(ty) => Arc::clone(&ty.name),
            Self::Map(ty) => Arc::clone(&ty.name),
            Self::Choice(ty) => Arc::clone(&ty.name),
            Self::Struct(ty) => Arc::clone(&ty.name),
        }
    }

    /// Whether a value of the one type is a value of the other: same name, same kind, same parameters.
    #[must_use]
    pub fn is_same(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::String, Self::String)
            | (Self::Integer, Self::Integer)
            | (Self::Float, Self::Float)
            | (Self::Boolean, Self::Boolean) => true,
            (Self::Enum(one), Self::Enum(two)) => {
                Arc::ptr_eq(one, two) || one.name == two.name && one.values == two.values
            }
            (Self::List(one), Self::List(two)) => Arc::ptr_eq(one, two) || one.element.is_same(&two.element),
            (Self::Map(one), Self::Map(two)) => {
                Arc::ptr_eq(one, two) || one.key.is_same(&two.key) && one.value.is_same(&two.value)
            }
            (Self::Choice(one), Self::Choice(two)) => {
                Arc::ptr_eq(one, two)
                    || one.name == two.name && same_types(&one.alternatives, &two.alternatives)
            }
            (Self::Struct(one), Self::Struct(two)) => {
                Arc::ptr_eq(one, two) || one.name == two.name && one.has_same_fields(two)
            }
            _ => false,
        }
    }

    /// Whether both are the very same type: scalars of one kind, or one declaration.
    #[must_use]
    pub fn is_identical(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::Enum(one), Self::Enum(two)) => Arc::ptr_eq(one, two),
            _ => self.is_same(other),
        }
    }

    /// Whether its values are leaves.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        matches!(self, Self::String | Self::Integer | Self::Float | Self::Boolean | Self::Enum(_))
    }

    /// The struct, if it is one.
    #[must_use]
    pub fn as_struct(&self) -> Option<&Arc<StructType>> {
        match self {
            Self::Struct(ty) => Some(ty),
            _ => None,
        }
    }

    pub(crate) fn extent(&self) -> Extent {
        match self {
            Self::List(ty) => ty.extent,
            Self::Map(ty) => ty.extent,
            Self::Choice(ty) => ty.extent,
            Self::Struct(ty) => ty.extent,
            _ => Extent::LEAF,
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

pub(crate) fn same_types(one: &[Type], two: &[Type]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is_same(two))
}

/// Names are made from names, so they could grow without end.
fn bounded(name: String) -> Result<Arc<str>, Error> {
    const MAX_NAME_BYTES: usize = 16 << 10;
    match name.len() {
        ..=MAX_NAME_BYTES => Ok(name.into()),
        _ => Err(Error::TooLarge { limit: Limit::Nodes, origin: None }),
    }
}

impl EnumType {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The members, in order.
    #[must_use]
    pub fn values(&self) -> &[Arc<str>] {
        &self.values
    }

    /// The members as messages list them.
    #[must_use]
    pub fn listed(&self) -> String {
        self.values.join(", ")
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.values.iter().any(|value| **value == *text)
    }
}

impl ListType {
    /// The generated name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Type of the elements.
    #[must_use]
    pub fn element(&self) -> &Type {
        &self.element
    }
}

impl MapType {
    /// The generated name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Type of the keys.
    #[must_use]
    pub fn key(&self) -> &Type {
        &self.key
    }

    /// Type of the values.
    #[must_use]
    pub fn value(&self) -> &Type {
        &self.value
    }
}

impl ChoiceType {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The alternatives, in the order they are tried.
    #[must_use]
    pub fn alternatives(&self) -> &[Type] {
        &self.alternatives
    }
}

impl StructType {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The fields, in the order they were declared.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Signature)> {
        self.fields.iter()
    }

    /// One field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Signature> {
        self.fields.get(name)
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.fields.get_index_of(name)
    }

    /// Whether both have the same fields with the same signatures, whatever they are called.
    pub(crate) fn has_same_fields(&self, other: &StructType) -> bool {
        self.fields.len() == other.fields.len()
            && self
                .fields
                .iter()
                .all(|(name, field)| other.fields.get(name).is_some_and(|found| field.is_same(found)))
    }
}

impl fmt::Debug for EnumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
