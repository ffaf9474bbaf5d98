//! The shape of the schema tables.

use crate::raw::Raw;

/// Which files have a name in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// `.thermos` and `.aurora` files.
    Thermos,
    /// `.aurora` files only.
    Aurora,
}

/// A struct of the schema.
#[derive(Debug)]
pub struct StructTable {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// Which files have it in scope.
    pub layer: Layer,
    /// Its fields, in the order of declaration.
    pub fields: &'static [FieldTable],
}

/// A field of a struct.
#[derive(Debug)]
pub struct FieldTable {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: TypeTable,
    /// Whether it must or may be set.
    pub presence: Presence,
    /// First upstream release that had it; `0.7` means that or earlier, `post-0.7` an unknown later one.
    pub since: &'static str,
    /// What it means, with units.
    pub doc: &'static str,
}

impl FieldTable {
    pub(crate) const fn required(
        name: &'static str,
        ty: TypeTable,
        since: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, ty, presence: Presence::Required, since, doc }
    }

    pub(crate) const fn optional(
        name: &'static str,
        ty: TypeTable,
        since: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, ty, presence: Presence::Optional, since, doc }
    }

    pub(crate) const fn default(
        name: &'static str,
        ty: TypeTable,
        default: Constant,
        since: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, ty, presence: Presence::Default(default), since, doc }
    }
}

/// A type of the schema.
#[derive(Debug)]
pub enum TypeTable {
    /// Text.
    String,
    /// Whole number.
    Integer,
    /// Floating point number.
    Float,
    /// Truth value.
    Boolean,
    /// One of several texts.
    Enum(&'static EnumTable),
    /// Elements of one type.
    List(&'static TypeTable),
    /// Pairs of a key and a value.
    Map(&'static TypeTable, &'static TypeTable),
    /// The first alternative that fits.
    Choice(&'static [TypeTable]),
    /// Named fields.
    Struct(&'static StructTable),
}

/// An enumeration of the schema.
#[derive(Debug)]
pub struct EnumTable {
    /// The name it is in scope as. Its type is named after its values.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub doc: &'static str,
    /// Which files have it in scope.
    pub layer: Layer,
    /// Its members.
    pub values: &'static [&'static str],
}

/// Whether a field must or may be set.
#[derive(Debug)]
pub enum Presence {
    /// Checking fails without it.
    Required,
    /// May stay unset.
    Optional,
    /// Has this value if it is left out.
    Default(Constant),
}

/// A default.
#[derive(Debug)]
pub enum Constant {
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A text, perhaps with references.
    Text(&'static str),
    /// No elements.
    EmptyList,
    /// A struct or map with these entries; a struct's other fields have their own defaults.
    Entries(&'static [(&'static str, Constant)]),
}

impl Constant {
    /// The default as data.
    #[must_use]
    pub fn raw(&self) -> Raw {
        match self {
            Self::Int(number) => Raw::from(*number),
            Self::Float(number) => Raw::from(*number),
            Self::Bool(truth) => Raw::from(*truth),
            Self::Text(text) => Raw::from(*text),
            Self::EmptyList => Raw::list([]),
            Self::Entries(entries) => Raw::map(entries.iter().map(|(key, value)| (*key, value.raw()))),
        }
    }

    /// The default as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Bool(truth) => (*truth).into(),
            Self::Text(text) => (*text).into(),
            Self::EmptyList => serde_json::Value::Array(Vec::new()),
            Self::Entries(entries) => {
                entries.iter().map(|(key, value)| ((*key).to_owned(), value.json())).collect()
            }
        }
    }
}
