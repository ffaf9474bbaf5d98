//! Everything that can go wrong with a value.

use std::ops::Range;
use std::sync::Arc;

use crate::budget::{MAX_DEPTH, MAX_NODES};
use crate::origin::Origin;
use crate::reference::{InvalidAddress, Ref};
use crate::types::{EnumType, StructType};

/// A value could not be made, resolved or read. Shows as upstream's message where upstream has one
/// (`spec/config.md` §1); the parts are for diagnostics.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A scalar or choice cannot take this content.
    #[error("Cannot coerce '{value}' to {to}{}", detail_text(detail.as_deref()))]
    Coercion {
        /// The content, as text.
        value: Arc<str>,
        /// Name of the type that was wanted.
        to: Arc<str>,
        /// More about why, if there is more to say.
        detail: Option<Box<str>>,
        /// Where the content was written.
        origin: Option<Origin>,
    },
    /// A text is not a member of an enumeration.
    #[error("{} only accepts the following values: {}", ty.name(), ty.listed())]
    NotAMember {
        /// The enumeration.
        ty: Arc<EnumType>,
        /// The text.
        value: Arc<str>,
        /// The member that was most likely meant.
        suggestion: Option<Arc<str>>,
        /// Where the text was written.
        origin: Option<Origin>,
    },
    /// A list was made from something that is not a sequence.
    #[error("ListContainer expects an iterable, got {value}")]
    NotAList {
        /// Name of the list type.
        to: Arc<str>,
        /// What was given, as it would be written.
        value: Arc<str>,
        /// Where it was written.
        origin: Option<Origin>,
    },
    /// A map was made from something that is neither a mapping nor pairs.
    #[error("Unexpected input to MapContainer: {value}")]
    NotAMap {
        /// Name of the map type.
        to: Arc<str>,
        /// What was given, as it would be written.
        value: Arc<str>,
        /// Where it was written.
        origin: Option<Origin>,
    },
    /// A struct was made from something that is not a mapping.
    #[error("Expected dictionary argument, got {value}")]
    NotAMapping {
        /// The struct.
        ty: Arc<StructType>,
        /// What was given, as it would be written.
        value: Arc<str>,
        /// Where it was written.
        origin: Option<Origin>,
    },
    /// A struct was given fields it does not have: all of them, the first one shown.
    #[error("Unknown schema attribute {}", fields.first().map_or("", |f| &*f.name))]
    UnknownFields {
        /// The struct.
        ty: Arc<StructType>,
        /// The fields, at least one.
        fields: Vec<UnknownField>,
    },
    /// A struct was asked for a field it does not have.
    #[error("{} has no attribute {name}", ty.name())]
    NoSuchField {
        /// The struct.
        ty: Arc<StructType>,
        /// What was asked for.
        name: Arc<str>,
        /// The field that was most likely meant.
        suggestion: Option<Arc<str>>,
    },
    /// A type was called with the wrong number or kind of arguments.
    #[error("{ty} takes exactly one positional argument, got {positional} and {named} named")]
    Arity {
        /// Name of the type.
        ty: Arc<str>,
        /// How many positional arguments there were.
        positional: usize,
        /// How many named arguments there were.
        named: usize,
    },
    /// A type was declared wrongly.
    #[error("{message}")]
    Declaration {
        /// What is wrong.
        message: Box<str>,
    },
    /// A mustache does not hold an address.
    #[error("{invalid}")]
    InvalidReference {
        /// What is wrong with it.
        invalid: Box<InvalidAddress>,
        /// The text that was resolved, as written.
        text: Arc<str>,
        /// Where in `text` the mustache stands, braces included, in bytes; `None` if a substitution brought it in.
        span: Option<Range<usize>>,
        /// Where the text was written.
        origin: Option<Origin>,
    },
    /// Resolving a text did not come to an end (`spec/config.md` §1.7).
    #[error("Unable to interpolate {text}!  Maximum replacements reached.")]
    Uninterpolatable {
        /// The text after the last pass.
        text: Arc<str>,
        /// The references that lead back to the first of them, which stands at both ends. Empty if it is no cycle
        /// but a chain that is too long.
        cycle: Vec<Ref>,
        /// Where the text that each of them stands for was written.
        written: Vec<Option<Origin>>,
        /// Where the text was written.
        origin: Option<Origin>,
    },
    /// A negative list index reaches before the start.
    #[error("tuple index out of range")]
    IndexOutOfRange {
        /// The index.
        index: i64,
        /// How many elements there are.
        length: usize,
    },
    /// Something that cannot be bound.
    #[error("Environment values must be strings, numbers, Objects or other Environments. Got {got} instead.")]
    Unbindable {
        /// What was given: the name of its kind.
        got: Arc<str>,
        /// Where it was written.
        origin: Option<Origin>,
    },
    /// An operation asked of a value whose type does not have it.
    #[error("a {ty} has no {operation}")]
    Unsupported {
        /// Name of the value's type.
        ty: Arc<str>,
        /// What was asked for.
        operation: &'static str,
    },
    /// JSON that cannot be read, or data that JSON cannot hold.
    #[error("{message}")]
    Json {
        /// What is wrong.
        message: Box<str>,
    },
    /// A limit that keeps hostile values in bounds.
    #[error("{limit}")]
    TooLarge {
        /// Which one.
        limit: Limit,
        /// The leaf being worked on, if known.
        origin: Option<Origin>,
    },
}

/// A limit of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// [`MAX_DEPTH`].
    #[error("values are nested or bound more than {MAX_DEPTH} levels deep")]
    Depth,
    /// [`MAX_NODES`].
    #[error("a value has more than {MAX_NODES} parts")]
    Nodes,
    /// The steps of a [`Budget`](crate::Budget).
    #[error("resolving references takes too many steps")]
    Steps,
    /// The bytes of a [`Budget`](crate::Budget).
    #[error("resolving references makes too much text")]
    Bytes,
}

/// A field that a struct does not have.
#[derive(Debug, Clone)]
pub struct UnknownField {
    /// The name as given.
    pub name: Arc<str>,
    /// The field that was most likely meant.
    pub suggestion: Option<Arc<str>>,
    /// What became of it, if it is a field that older releases had (`spec/config.md` §3.2).
    pub removed: Option<&'static str>,
    /// Where its value was written.
    pub origin: Option<Origin>,
}

impl Error {
    /// Where the value that caused it was written, if known.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Coercion { origin, .. }
            | Self::NotAMember { origin, .. }
            | Self::NotAList { origin, .. }
            | Self::NotAMap { origin, .. }
            | Self::NotAMapping { origin, .. }
            | Self::InvalidReference { origin, .. }
            | Self::Uninterpolatable { origin, .. }
            | Self::Unbindable { origin, .. }
            | Self::TooLarge { origin, .. } => *origin,
            Self::UnknownFields { fields, .. } => fields.first().and_then(|field| field.origin),
            _ => None,
        }
    }

    /// The same error, caused here unless it already knows where.
    #[must_use]
    pub fn or_at(mut self, place: Option<Origin>) -> Self {
        match &mut self {
            Self::Coercion { origin, .. }
            | Self::NotAMember { origin, .. }
            | Self::NotAList { origin, .. }
            | Self::NotAMap { origin, .. }
            | Self::NotAMapping { origin, .. }
            | Self::InvalidReference { origin, .. }
            | Self::Uninterpolatable { origin, .. }
            | Self::Unbindable { origin, .. }
            | Self::TooLarge { origin, .. } => *origin = origin.or(place),
            Self::UnknownFields { fields, .. } => {
                for field in fields {
                    field.origin = field.origin.or(place);
                }
            }
            _ => {}
        }
        self
    }

    /// Whether a choice may go on to its next alternative after this: the content does not fit, as opposed to being
    /// broken in itself.
    pub(crate) fn is_mismatch(&self) -> bool {
        matches!(
            self,
            Self::Coercion { .. }
                | Self::NotAMember { .. }
                | Self::NotAList { .. }
                | Self::NotAMap { .. }
                | Self::NotAMapping { .. }
                | Self::UnknownFields { .. }
                | Self::Arity { .. }
        )
    }
}

fn detail_text(detail: Option<&str>) -> String {
    detail.map(|detail| format!(": {detail}")).unwrap_or_default()
}
