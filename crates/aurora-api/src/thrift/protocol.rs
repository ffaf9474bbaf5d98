//! What every Thrift protocol can write and read, and how a type becomes a field.
//!
//! [`Writer`] and [`Reader`] are implemented by TBinary ([`super::binary`]) and TJSON ([`super::json`]). Types know
//! nothing of either: `thrift_struct!`, `thrift_union!` and `thrift_enum!` ([`super::define`]) give them a [`Field`]
//! implementation that works with both.

use std::collections::{BTreeMap, HashSet};
use std::marker::PhantomData;

use super::binary::BinaryWriter;
use super::error::{DecodeError, Malformed};

/// How deep structs and collections may nest before a message is refused.
///
/// The deepest legitimate message (a job update with its task configurations) nests 12 deep.
pub const MAX_DEPTH: usize = 64;

/// The type of a value as it is announced on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// True or false.
    Bool,
    /// Eight bits.
    I8,
    /// Sixteen bits.
    I16,
    /// Thirty-two bits; enums travel as this.
    I32,
    /// Sixty-four bits.
    I64,
    /// IEEE-754 double.
    Double,
    /// Text.
    String,
    /// A struct or a union.
    Struct,
    /// Keys and values.
    Map,
    /// Elements without order.
    Set,
    /// Elements in order.
    List,
}

/// What a message is (`spec/api.md` §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A request: its struct holds the arguments.
    Call,
    /// An answer: its struct holds the return value as field 0.
    Reply,
    /// A protocol failure: its struct is a [`super::ApplicationException`].
    Exception,
    /// A request without an answer; no method of this API is one.
    Oneway,
}

impl MessageKind {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Call => 1,
            Self::Reply => 2,
            Self::Exception => 3,
            Self::Oneway => 4,
        }
    }

    /// The kind a wire number stands for.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Exception,
            4 => Self::Oneway,
            _ => return None,
        })
    }
}

/// The head of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHeader {
    /// The method's name.
    pub name: String,
    /// What the message is.
    pub kind: MessageKind,
    /// Chosen by the caller, repeated in the answer.
    pub sequence: i32,
}

/// Writes one message or one value. Calls nest as the value does.
pub trait Writer {
    /// Starts a message; a struct follows.
    fn message_begin(&mut self, header: &MessageHeader);
    /// Ends a message.
    fn message_end(&mut self);
    /// Starts a struct.
    fn struct_begin(&mut self);
    /// Ends a struct.
    fn struct_end(&mut self);
    /// Starts a field of a struct, which has `name` in the IDL; its value follows.
    fn field_begin(&mut self, wire: WireType, id: i16, name: &'static str);
    /// Ends a field.
    fn field_end(&mut self);
    /// Starts a list or a set of `len` elements.
    fn elements_begin(&mut self, element: WireType, len: usize);
    /// Ends a list or a set.
    fn elements_end(&mut self);
    /// Starts a map of `len` entries; keys and values alternate.
    fn map_begin(&mut self, key: WireType, value: WireType, len: usize);
    /// Ends a map.
    fn map_end(&mut self);
    /// Writes a boolean.
    fn bool(&mut self, value: bool);
    /// Writes an integer of eight bits.
    fn i8(&mut self, value: i8);
    /// Writes an integer of sixteen bits.
    fn i16(&mut self, value: i16);
    /// Writes an integer of thirty-two bits.
    fn i32(&mut self, value: i32);
    /// Writes an integer of sixty-four bits.
    fn i64(&mut self, value: i64);
    /// Writes a double.
    fn double(&mut self, value: f64);
    /// Writes text.
    fn string(&mut self, value: &str);

    /// Writes the value of an enum, which has `name` in the IDL.
    fn enumeration(&mut self, number: i32, _name: &'static str) {
        self.i32(number);
    }
}

/// Reads what a [`Writer`] of the same protocol, or any other implementation of it, has written.
///
/// Every method fails with [`DecodeError`] when the bytes are not what it expects. No length is believed before it
/// was compared with the bytes that are left.
#[expect(clippy::missing_errors_doc, reason = "all of them fail for the one reason above")]
pub trait Reader {
    /// Reads the head of a message.
    fn message_begin(&mut self) -> Result<MessageHeader, DecodeError>;
    /// Enters a struct.
    fn struct_begin(&mut self) -> Result<(), DecodeError>;
    /// Leaves a struct, after [`Reader::field_begin`] has answered `None`.
    fn struct_end(&mut self) -> Result<(), DecodeError>;
    /// Reads the type and id of the next field, `None` at the end of the struct.
    fn field_begin(&mut self) -> Result<Option<(WireType, i16)>, DecodeError>;
    /// Ends a field, after its value.
    fn field_end(&mut self) -> Result<(), DecodeError>;
    /// Enters a list or set: element type and number of elements.
    fn elements_begin(&mut self) -> Result<(WireType, usize), DecodeError>;
    /// Leaves a list or set.
    fn elements_end(&mut self) -> Result<(), DecodeError>;
    /// Enters a map: key type, value type and number of entries.
    fn map_begin(&mut self) -> Result<(WireType, WireType, usize), DecodeError>;
    /// Leaves a map.
    fn map_end(&mut self) -> Result<(), DecodeError>;
    /// Reads a boolean.
    fn bool(&mut self) -> Result<bool, DecodeError>;
    /// Reads an integer of eight bits.
    fn i8(&mut self) -> Result<i8, DecodeError>;
    /// Reads an integer of sixteen bits.
    fn i16(&mut self) -> Result<i16, DecodeError>;
    /// Reads an integer of thirty-two bits.
    fn i32(&mut self) -> Result<i32, DecodeError>;
    /// Reads an integer of sixty-four bits.
    fn i64(&mut self) -> Result<i64, DecodeError>;
    /// Reads a double.
    fn double(&mut self) -> Result<f64, DecodeError>;
    /// Reads text.
    fn string(&mut self) -> Result<String, DecodeError>;
    /// Reads past text without judging it.
    fn skip_string(&mut self) -> Result<(), DecodeError>;
    /// An error at the present position.
    fn error(&self, malformed: Malformed) -> DecodeError;

    /// Reads past a value of the given type.
    fn skip(&mut self, wire: WireType) -> Result<(), DecodeError> {
        match wire {
            WireType::Bool => self.bool().map(drop),
            WireType::I8 => self.i8().map(drop),
            WireType::I16 => self.i16().map(drop),
            WireType::I32 => self.i32().map(drop),
            WireType::I64 => self.i64().map(drop),
            WireType::Double => self.double().map(drop),
            WireType::String => self.skip_string(),
            WireType::Struct => {
                self.struct_begin()?;
                while let Some((wire, _)) = self.field_begin()? {
                    self.skip(wire)?;
                    self.field_end()?;
                }
                self.struct_end()
            }
            WireType::Map => {
                let (key, value, len) = self.map_begin()?;
                for _ in 0..len {
                    self.skip(key)?;
                    self.skip(value)?;
                }
                self.map_end()
            }
            WireType::Set | WireType::List => {
                let (element, len) = self.elements_begin()?;
                for _ in 0..len {
                    self.skip(element)?;
                }
                self.elements_end()
            }
        }
    }
}

/// A type that can stand in a field of `thrift_struct!`.
///
/// Mostly `Value` is the type itself. [`List`], [`Set`], [`Map`] and [`Sparse`] are only names of wire types: they
/// say how a `Vec` or a `BTreeMap` travels.
pub trait Field {
    /// What the field holds on the Rust side.
    type Value;
    /// How it is announced on the wire.
    const WIRE: WireType;

    /// Writes a value.
    fn write<W: Writer>(value: &Self::Value, writer: &mut W);

    /// Reads a value; `None` is a value this side does not know (an enum number), which counts as unset.
    ///
    /// # Errors
    /// If the bytes are not such a value.
    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self::Value>, DecodeError>;

    /// What an unset field holds after [`Struct::fill_unset`].
    #[must_use]
    fn when_unset() -> Option<Self::Value> {
        None
    }

    /// Applies [`Struct::fill_unset`] to the structs inside a value.
    fn fill(_value: &mut Self::Value) {}
}

/// The Rust type of a field declared as `F`.
pub type Value<F> = <F as Field>::Value;

/// A struct or union made by this module's macros.
pub trait Struct: Field<Value = Self> + Sized {
    /// The name in the IDL.
    const NAME: &'static str;

    /// Gives every unset number, boolean and collection its zero or empty value, in all structs inside as well: what
    /// upstream's server sends, and what its web pages rely on (`spec/api.md` §1.1, N1 and N2). Text, structs, unions
    /// and enums stay unset (N3).
    fn fill_unset(&mut self);
}

/// Names a Thrift list; the Rust side is a `Vec`.
pub struct List<T>(PhantomData<T>);
/// Names a Thrift set; the Rust side is a `Vec` without repeated elements, in the order of the wire.
pub struct Set<T>(PhantomData<T>);
/// Names a Thrift map; the Rust side is a `BTreeMap`.
pub struct Map<K, V>(PhantomData<(K, V)>);
/// Names a field that stays unset in [`Struct::fill_unset`], although its type would be filled.
pub struct Sparse<T>(PhantomData<T>);

macro_rules! scalar {
    ($($rust:ty, $wire:ident, $method:ident;)*) => {$(
        impl Field for $rust {
            type Value = Self;
            const WIRE: WireType = WireType::$wire;

            fn write<W: Writer>(value: &Self, writer: &mut W) {
                writer.$method(*value);
            }

            fn read<R: Reader>(reader: &mut R) -> Result<Option<Self>, DecodeError> {
                reader.$method().map(Some)
            }

            fn when_unset() -> Option<Self> {
                Some(Self::default())
            }
        }
    )*};
}

scalar! {
    bool, Bool, bool;
    i8, I8, i8;
    i16, I16, i16;
    i32, I32, i32;
    i64, I64, i64;
    f64, Double, double;
}

impl Field for String {
    type Value = Self;
    const WIRE: WireType = WireType::String;

    fn write<W: Writer>(value: &Self, writer: &mut W) {
        writer.string(value);
    }

    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self>, DecodeError> {
        reader.string().map(Some)
    }
}

fn write_elements<T: Field, W: Writer>(elements: &[T::Value], writer: &mut W) {
    writer.elements_begin(T::WIRE, elements.len());
    for element in elements {
        T::write(element, writer);
    }
    writer.elements_end();
}

/// Reads the elements of a list or set, handing each to `keep`.
fn read_elements<T: Field, R: Reader>(
    reader: &mut R,
    mut keep: impl FnMut(T::Value),
) -> Result<(), DecodeError> {
    let (wire, len) = reader.elements_begin()?;
    if len > 0 && wire != T::WIRE {
        return Err(reader.error(Malformed::WrongElementType { expected: T::WIRE, found: wire }));
    }
    for _ in 0..len {
        if let Some(element) = T::read(reader)? {
            keep(element);
        }
    }
    reader.elements_end()
}

impl<T: Field> Field for List<T> {
    type Value = Vec<T::Value>;
    const WIRE: WireType = WireType::List;

    fn write<W: Writer>(value: &Self::Value, writer: &mut W) {
        write_elements::<T, W>(value, writer);
    }

    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self::Value>, DecodeError> {
        let mut elements = Vec::new();
        read_elements::<T, R>(reader, |element| elements.push(element))?;
        Ok(Some(elements))
    }

    fn when_unset() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn fill(value: &mut Self::Value) {
        value.iter_mut().for_each(T::fill);
    }
}

impl<T: Field> Field for Set<T> {
    type Value = Vec<T::Value>;
    const WIRE: WireType = WireType::Set;

    fn write<W: Writer>(value: &Self::Value, writer: &mut W) {
        write_elements::<T, W>(value, writer);
    }

    // Elements have no order to sort by (doubles) and no hash, so equal elements are found by their encoding; comparing
    // each with each would let a caller buy much work with few bytes.
    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self::Value>, DecodeError> {
        let mut elements = Vec::new();
        let mut seen = HashSet::new();
        read_elements::<T, R>(reader, |element| {
            let mut writer = BinaryWriter::default();
            T::write(&element, &mut writer);
            if seen.insert(writer.into_bytes()) {
                elements.push(element);
            }
        })?;
        Ok(Some(elements))
    }

    fn when_unset() -> Option<Self::Value> {
        Some(Vec::new())
    }

    fn fill(value: &mut Self::Value) {
        value.iter_mut().for_each(T::fill);
    }
}

impl<K: Field<Value: Ord>, V: Field> Field for Map<K, V> {
    type Value = BTreeMap<K::Value, V::Value>;
    const WIRE: WireType = WireType::Map;

    fn write<W: Writer>(value: &Self::Value, writer: &mut W) {
        writer.map_begin(K::WIRE, V::WIRE, value.len());
        for (key, value) in value {
            K::write(key, writer);
            V::write(value, writer);
        }
        writer.map_end();
    }

    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self::Value>, DecodeError> {
        let (key_wire, value_wire, len) = reader.map_begin()?;
        for (expected, found) in [(K::WIRE, key_wire), (V::WIRE, value_wire)] {
            if len > 0 && expected != found {
                return Err(reader.error(Malformed::WrongElementType { expected, found }));
            }
        }
        let mut entries = BTreeMap::new();
        for _ in 0..len {
            let key = K::read(reader)?;
            let value = V::read(reader)?;
            if let (Some(key), Some(value)) = (key, value) {
                entries.insert(key, value);
            }
        }
        reader.map_end()?;
        Ok(Some(entries))
    }

    fn when_unset() -> Option<Self::Value> {
        Some(BTreeMap::new())
    }

    fn fill(value: &mut Self::Value) {
        value.values_mut().for_each(V::fill);
    }
}

impl<T: Field> Field for Sparse<T> {
    type Value = T::Value;
    const WIRE: WireType = T::WIRE;

    fn write<W: Writer>(value: &Self::Value, writer: &mut W) {
        T::write(value, writer);
    }

    fn read<R: Reader>(reader: &mut R) -> Result<Option<Self::Value>, DecodeError> {
        T::read(reader)
    }

    fn fill(value: &mut Self::Value) {
        T::fill(value);
    }
}
