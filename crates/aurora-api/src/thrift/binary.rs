//! TBinary: big-endian, with the strict header; the old header is read too (`spec/api.md` §9.2).

use super::error::{DecodeError, Malformed};
use super::protocol::{MAX_DEPTH, MessageHeader, MessageKind, Reader, Struct, WireType, Writer};

const VERSION: u32 = 0x8001_0000;
const VERSION_MASK: u32 = 0xffff_0000;
const STOP: u8 = 0;

/// Encodes one struct without a message around it.
pub fn encode_binary<T: Struct>(value: &T) -> Vec<u8> {
    let mut writer = BinaryWriter::default();
    T::write(value, &mut writer);
    writer.into_bytes()
}

/// Decodes one struct that takes up all of `bytes`.
///
/// # Errors
/// If `bytes` hold anything else.
pub fn decode_binary<T: Struct>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = BinaryReader::new(bytes);
    let value = T::read(&mut reader)?.ok_or_else(|| reader.error(Malformed::Truncated))?;
    match reader.rest.len() {
        0 => Ok(value),
        trailing => Err(reader.error(Malformed::TrailingBytes(trailing))),
    }
}

fn type_byte(wire: WireType) -> u8 {
    match wire {
        WireType::Bool => 2,
        WireType::I8 => 3,
        WireType::Double => 4,
        WireType::I16 => 6,
        WireType::I32 => 8,
        WireType::I64 => 10,
        WireType::String => 11,
        WireType::Struct => 12,
        WireType::Map => 13,
        WireType::Set => 14,
        WireType::List => 15,
    }
}

/// The fewest bytes a value of this type takes up.
fn least_size(wire: WireType) -> usize {
    match wire {
        WireType::Bool | WireType::I8 | WireType::Struct => 1,
        WireType::I16 => 2,
        WireType::I32 | WireType::String => 4,
        WireType::Set | WireType::List => 5,
        WireType::Map => 6,
        WireType::I64 | WireType::Double => 8,
    }
}

/// Writes TBinary into memory.
#[derive(Debug, Default)]
pub struct BinaryWriter {
    out: Vec<u8>,
}

impl BinaryWriter {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn length(&mut self, len: usize) {
        let len = i32::try_from(len).expect("a value of 2 GiB cannot have come through this API");
        self.i32(len);
    }
}

impl Writer for BinaryWriter {
    fn message_begin(&mut self, header: &MessageHeader) {
        let version = VERSION | u32::from(header.kind.number());
        self.out.extend(version.to_be_bytes());
        self.string(&header.name);
        self.i32(header.sequence);
    }

    fn message_end(&mut self) {}

    fn struct_begin(&mut self) {}

    fn struct_end(&mut self) {
        self.out.push(STOP);
    }

    fn field_begin(&mut self, wire: WireType, id: i16, _name: &'static str) {
        self.out.push(type_byte(wire));
        self.i16(id);
    }

    fn field_end(&mut self) {}

    fn elements_begin(&mut self, element: WireType, len: usize) {
        self.out.push(type_byte(element));
        self.length(len);
    }

    fn elements_end(&mut self) {}

    fn map_begin(&mut self, key: WireType, value: WireType, len: usize) {
        self.out.extend([type_byte(key), type_byte(value)]);
        self.length(len);
    }

    fn map_end(&mut self) {}

    fn bool(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    fn i8(&mut self, value: i8) {
        self.out.extend(value.to_be_bytes());
    }

    fn i16(&mut self, value: i16) {
        self.out.extend(value.to_be_bytes());
    }

    fn i32(&mut self, value: i32) {
        self.out.extend(value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.out.extend(value.to_be_bytes());
    }

    fn double(&mut self, value: f64) {
        self.out.extend(value.to_be_bytes());
    }

    fn string(&mut self, value: &str) {
        self.length(value.len());
        self.out.extend(value.as_bytes());
    }
}

/// Reads TBinary from memory.
#[derive(Debug)]
pub struct BinaryReader<'a> {
    rest: &'a [u8],
    total: usize,
    depth: usize,
}

impl<'a> BinaryReader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len(), depth: 0 }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or_else(|| self.error(Malformed::Truncated))?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// Reads a length whose items take at least `item` bytes each.
    fn length(&mut self, item: usize) -> Result<usize, DecodeError> {
        let length = self.i32()?;
        self.check_length(length, item)
    }

    fn check_length(&self, length: i32, item: usize) -> Result<usize, DecodeError> {
        let fits =
            usize::try_from(length).ok().filter(|length| length.saturating_mul(item) <= self.rest.len());
        fits.ok_or_else(|| {
            self.error(Malformed::TooLong { length: i64::from(length), remaining: self.rest.len() })
        })
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(len).ok_or_else(|| self.error(Malformed::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, len: usize) -> Result<String, DecodeError> {
        let bytes = self.bytes(len)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.error(Malformed::NotUtf8))?;
        Ok(text.to_owned())
    }

    fn wire_type(&self, byte: u8) -> Result<WireType, DecodeError> {
        Ok(match byte {
            2 => WireType::Bool,
            3 => WireType::I8,
            4 => WireType::Double,
            6 => WireType::I16,
            8 => WireType::I32,
            10 => WireType::I64,
            11 => WireType::String,
            12 => WireType::Struct,
            13 => WireType::Map,
            14 => WireType::Set,
            15 => WireType::List,
            _ => return Err(self.error(Malformed::UnknownType(byte.to_string()))),
        })
    }

    fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(Malformed::TooDeep));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}

impl Reader for BinaryReader<'_> {
    fn message_begin(&mut self) -> Result<MessageHeader, DecodeError> {
        let first = self.i32()?;
        let (name, kind) = if first < 0 {
            let version = first.cast_unsigned();
            if version & VERSION_MASK != VERSION {
                return Err(self.error(Malformed::WrongVersion(i64::from(version >> 16))));
            }
            (self.string()?, i64::from(version & 0xff))
        } else {
            // The old header has no version: it starts with the length of the name.
            let len = self.check_length(first, 1)?;
            (self.text(len)?, i64::from(self.byte()?))
        };
        let kind =
            MessageKind::from_number(kind).ok_or_else(|| self.error(Malformed::UnknownMessageKind(kind)))?;
        Ok(MessageHeader { name, kind, sequence: self.i32()? })
    }

    fn struct_begin(&mut self) -> Result<(), DecodeError> {
        self.enter()
    }

    fn struct_end(&mut self) -> Result<(), DecodeError> {
        self.leave();
        Ok(())
    }

    fn field_begin(&mut self) -> Result<Option<(WireType, i16)>, DecodeError> {
        let byte = self.byte()?;
        if byte == STOP {
            return Ok(None);
        }
        let wire = self.wire_type(byte)?;
        Ok(Some((wire, self.i16()?)))
    }

    fn field_end(&mut self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn elements_begin(&mut self) -> Result<(WireType, usize), DecodeError> {
        self.enter()?;
        let byte = self.byte()?;
        let len = self.length(1)?;
        if len == 0 {
            // Some writers announce type 0 for the elements of an empty collection.
            return Ok((WireType::Bool, 0));
        }
        let wire = self.wire_type(byte)?;
        let counted = i32::try_from(len).unwrap_or(i32::MAX);
        Ok((wire, self.check_length(counted, least_size(wire))?))
    }

    fn elements_end(&mut self) -> Result<(), DecodeError> {
        self.leave();
        Ok(())
    }

    fn map_begin(&mut self) -> Result<(WireType, WireType, usize), DecodeError> {
        self.enter()?;
        let [key, value] = self.take::<2>()?;
        let len = self.length(1)?;
        if len == 0 {
            return Ok((WireType::Bool, WireType::Bool, 0));
        }
        let (key, value) = (self.wire_type(key)?, self.wire_type(value)?);
        let counted = i32::try_from(len).unwrap_or(i32::MAX);
        let len = self.check_length(counted, least_size(key) + least_size(value))?;
        Ok((key, value, len))
    }

    fn map_end(&mut self) -> Result<(), DecodeError> {
        self.leave();
        Ok(())
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        self.byte().map(|byte| byte != 0)
    }

    fn i8(&mut self) -> Result<i8, DecodeError> {
        self.take().map(i8::from_be_bytes)
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.take().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.take().map(i64::from_be_bytes)
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.take().map(f64::from_be_bytes)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        let len = self.length(1)?;
        self.text(len)
    }

    fn skip_string(&mut self) -> Result<(), DecodeError> {
        let len = self.length(1)?;
        self.bytes(len).map(drop)
    }

    fn error(&self, malformed: Malformed) -> DecodeError {
        DecodeError { malformed, offset: self.total - self.rest.len(), path: Vec::new() }
    }
}
