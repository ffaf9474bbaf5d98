//! Why bytes could not be read as Thrift.

use std::fmt;

use super::protocol::{MAX_DEPTH, WireType};

/// Bytes that are not the Thrift value they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub malformed: Malformed,
    /// Where in the bytes it was noticed.
    pub offset: usize,
    /// The fields around it, outermost first, by their names in the IDL.
    pub path: Vec<&'static str>,
}

impl DecodeError {
    /// The same error seen from the struct that has the broken value in `field`.
    #[must_use]
    pub fn within(mut self, field: &'static str) -> Self {
        self.path.insert(0, field);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed thrift at byte {}", self.offset)?;
        if !self.path.is_empty() {
            write!(f, " (field {})", self.path.join("."))?;
        }
        write!(f, ": {}", self.malformed)
    }
}

impl std::error::Error for DecodeError {}

/// The ways in which bytes can be malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("the data ends in the middle of a value")]
    Truncated,
    /// A length or count that the remaining bytes cannot hold.
    #[error("a length of {length} does not fit into the {remaining} bytes that are left")]
    TooLong {
        /// The announced length or count.
        length: i64,
        /// The bytes that follow it.
        remaining: usize,
    },
    /// Structs or collections nest beyond [`MAX_DEPTH`].
    #[error("values nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A text is not UTF-8.
    #[error("a text is not valid UTF-8")]
    NotUtf8,
    /// A type byte or tag that Thrift does not define.
    #[error("unknown thrift type {0}")]
    UnknownType(String),
    /// A message kind that Thrift does not define.
    #[error("unknown message type {0}")]
    UnknownMessageKind(i64),
    /// The message is of another protocol version.
    #[error("protocol version {0} is not supported")]
    WrongVersion(i64),
    /// A collection holds other elements than the field is declared with.
    #[error("the elements are of type {found:?}, expected {expected:?}")]
    WrongElementType {
        /// As declared.
        expected: WireType,
        /// As announced on the wire.
        found: WireType,
    },
    /// A union with no member that is known here, or with several.
    #[error("union {union} holds {members} known members instead of one")]
    NotOneMember {
        /// The union's name in the IDL.
        union: &'static str,
        /// How many known members it holds.
        members: usize,
    },
    /// A JSON text departs from what TJSON prescribes.
    #[error("expected {expected}")]
    Unexpected {
        /// What should have stood there.
        expected: &'static str,
    },
    /// A number does not fit its type.
    #[error("{0} is out of range or not a number")]
    BadNumber(String),
    /// More bytes than the value needs.
    #[error("{0} bytes follow the end of the value")]
    TrailingBytes(usize),
}
