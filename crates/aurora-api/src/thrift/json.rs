//! TJSON: Thrift's JSON with field ids and type tags (`spec/api.md` §9.1).
//!
//! Written compactly, since upstream's reader refuses blanks inside a message; read leniently.

mod text;

use super::error::{DecodeError, Malformed};
use super::protocol::{MAX_DEPTH, MessageHeader, MessageKind, Reader, Struct, WireType, Writer};

const VERSION: i64 = 1;

/// Encodes one struct without a message around it.
pub fn encode_json<T: Struct>(value: &T) -> Vec<u8> {
    let mut writer = JsonWriter::default();
    T::write(value, &mut writer);
    writer.into_bytes()
}

/// Decodes one struct that takes up all of `bytes`, blanks aside.
///
/// # Errors
/// If `bytes` hold anything else.
pub fn decode_json<T: Struct>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = JsonReader::new(bytes);
    let value = T::read(&mut reader)?.ok_or_else(|| reader.error(Malformed::Truncated))?;
    reader.end()?;
    Ok(value)
}

fn tag(wire: WireType) -> &'static str {
    match wire {
        WireType::Bool => "tf",
        WireType::I8 => "i8",
        WireType::I16 => "i16",
        WireType::I32 => "i32",
        WireType::I64 => "i64",
        WireType::Double => "dbl",
        WireType::String => "str",
        WireType::Struct => "rec",
        WireType::Map => "map",
        WireType::Set => "set",
        WireType::List => "lst",
    }
}

fn wire_of_tag(tag: &str) -> Option<WireType> {
    Some(match tag {
        "tf" => WireType::Bool,
        "i8" => WireType::I8,
        "i16" => WireType::I16,
        "i32" => WireType::I32,
        "i64" => WireType::I64,
        "dbl" => WireType::Double,
        "str" => WireType::String,
        "rec" => WireType::Struct,
        "map" => WireType::Map,
        "set" => WireType::Set,
        "lst" => WireType::List,
        _ => return None,
    })
}

/// What is due before the next value at one level of nesting.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// The first element of an array.
    FirstElement,
    /// Another element of an array, after a comma.
    Element,
    /// The first key of an object.
    FirstKey,
    /// Another key of an object, after a comma.
    Key,
    /// The value of a key, after a colon.
    Value,
}

impl Due {
    /// The character that stands before the value, and what is due after it.
    fn step(self) -> (Option<u8>, Self) {
        match self {
            Self::FirstElement => (None, Self::Element),
            Self::Element => (Some(b','), Self::Element),
            Self::FirstKey => (None, Self::Value),
            Self::Key => (Some(b','), Self::Value),
            Self::Value => (Some(b':'), Self::Key),
        }
    }

    /// Whether the value is the key of an object, and so in quotes.
    fn is_key(self) -> bool {
        matches!(self, Self::FirstKey | Self::Key)
    }
}

/// Writes TJSON into memory.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: Vec<u8>,
    levels: Vec<Due>,
}

impl JsonWriter {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Writes what is due before a value and says whether the value is a key.
    fn before(&mut self) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        let is_key = level.is_key();
        let (separator, next) = level.step();
        *level = next;
        self.out.extend(separator);
        is_key
    }

    fn open(&mut self, bracket: u8, due: Due) {
        self.before();
        self.out.push(bracket);
        self.levels.push(due);
    }

    fn close(&mut self, bracket: u8) {
        self.levels.pop();
        self.out.push(bracket);
    }

    fn number(&mut self, digits: &str) {
        if self.before() {
            self.out.push(b'"');
            self.out.extend(digits.as_bytes());
            self.out.push(b'"');
        } else {
            self.out.extend(digits.as_bytes());
        }
    }
}

impl Writer for JsonWriter {
    fn message_begin(&mut self, header: &MessageHeader) {
        self.open(b'[', Due::FirstElement);
        self.i64(VERSION);
        self.string(&header.name);
        self.number(&header.kind.number().to_string());
        self.i32(header.sequence);
    }

    fn message_end(&mut self) {
        self.close(b']');
    }

    fn struct_begin(&mut self) {
        self.open(b'{', Due::FirstKey);
    }

    fn struct_end(&mut self) {
        self.close(b'}');
    }

    fn field_begin(&mut self, wire: WireType, id: i16, _name: &'static str) {
        self.i16(id);
        self.open(b'{', Due::FirstKey);
        self.string(tag(wire));
    }

    fn field_end(&mut self) {
        self.close(b'}');
    }

    fn elements_begin(&mut self, element: WireType, len: usize) {
        self.open(b'[', Due::FirstElement);
        self.string(tag(element));
        self.number(&len.to_string());
    }

    fn elements_end(&mut self) {
        self.close(b']');
    }

    fn map_begin(&mut self, key: WireType, value: WireType, len: usize) {
        self.open(b'[', Due::FirstElement);
        self.string(tag(key));
        self.string(tag(value));
        self.number(&len.to_string());
        self.open(b'{', Due::FirstKey);
    }

    fn map_end(&mut self) {
        self.close(b'}');
        self.close(b']');
    }

    fn bool(&mut self, value: bool) {
        self.number(if value { "1" } else { "0" });
    }

    fn i8(&mut self, value: i8) {
        self.number(&value.to_string());
    }

    fn i16(&mut self, value: i16) {
        self.number(&value.to_string());
    }

    fn i32(&mut self, value: i32) {
        self.number(&value.to_string());
    }

    fn i64(&mut self, value: i64) {
        self.number(&value.to_string());
    }

    fn double(&mut self, value: f64) {
        if value.is_nan() {
            self.string("NaN");
        } else if value.is_infinite() {
            self.string(if value > 0.0 { "Infinity" } else { "-Infinity" });
        } else {
            // The debug form keeps ".0", as upstream does.
            self.number(&format!("{value:?}"));
        }
    }

    fn string(&mut self, value: &str) {
        self.before();
        text::write_quoted(value, &mut self.out);
    }
}

/// Reads TJSON from memory.
#[derive(Debug)]
pub struct JsonReader<'a> {
    bytes: &'a [u8],
    at: usize,
    levels: Vec<Due>,
}

impl<'a> JsonReader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, levels: Vec::new() }
    }

    /// Ends a message: nothing but blanks may follow it.
    pub(super) fn message_end(&mut self) -> Result<(), DecodeError> {
        self.close(b']', "the end of the message")?;
        self.end()
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(Malformed::TrailingBytes(self.bytes.len() - self.at))),
        }
    }

    /// The next byte that is not a blank.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn expect(&mut self, wanted: u8, expected: &'static str) -> Result<(), DecodeError> {
        match self.peek() {
            Some(found) if found == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.error(Malformed::Unexpected { expected })),
            None => Err(self.error(Malformed::Truncated)),
        }
    }

    fn before(&mut self) -> Result<(), DecodeError> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let (separator, next) = level.step();
        *level = next;
        match separator {
            None => Ok(()),
            Some(b':') => self.expect(b':', "a colon after the key"),
            Some(comma) => self.expect(comma, "a comma: the count says there is more"),
        }
    }

    fn open(&mut self, bracket: u8, due: Due, expected: &'static str) -> Result<(), DecodeError> {
        self.before()?;
        self.expect(bracket, expected)?;
        // A field opens two levels: one for its struct, one for its tag.
        if self.levels.len() >= 2 * MAX_DEPTH {
            return Err(self.error(Malformed::TooDeep));
        }
        self.levels.push(due);
        Ok(())
    }

    fn close(&mut self, bracket: u8, expected: &'static str) -> Result<(), DecodeError> {
        self.expect(bracket, expected)?;
        self.levels.pop();
        Ok(())
    }

    fn quoted(&mut self) -> Result<String, DecodeError> {
        self.expect(b'"', "a text in quotes")?;
        match text::read_quoted(self.bytes, self.at) {
            Ok((text, end)) => {
                self.at = end;
                Ok(text)
            }
            Err((malformed, at)) => {
                self.at = at;
                Err(self.error(malformed))
            }
        }
    }

    fn tag(&mut self) -> Result<WireType, DecodeError> {
        self.before()?;
        let tag = self.quoted()?;
        wire_of_tag(&tag).ok_or_else(|| self.error(Malformed::UnknownType(tag)))
    }

    /// The text of a number, whether quoted or not.
    fn number(&mut self) -> Result<String, DecodeError> {
        self.before()?;
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len = rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let digits = String::from_utf8_lossy(&rest[..len]).into_owned();
        if digits.is_empty() {
            return Err(self.error(match rest {
                [] => Malformed::Truncated,
                _ => Malformed::Unexpected { expected: "a number" },
            }));
        }
        self.at += len;
        Ok(digits)
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, DecodeError> {
        let digits = self.number()?;
        digits.parse().map_err(|_| self.error(Malformed::BadNumber(digits)))
    }

    /// Reads a count and compares it with the bytes that are left: an element takes two at least, the last one.
    fn count(&mut self) -> Result<usize, DecodeError> {
        let length: i64 = self.parsed()?;
        let remaining = self.bytes.len() - self.at;
        usize::try_from(length)
            .ok()
            .filter(|count| count.saturating_mul(2) <= remaining)
            .ok_or_else(|| self.error(Malformed::TooLong { length, remaining }))
    }
}

impl Reader for JsonReader<'_> {
    fn message_begin(&mut self) -> Result<MessageHeader, DecodeError> {
        self.open(b'[', Due::FirstElement, "a message, which is an array")?;
        let version = self.i64()?;
        if version != VERSION {
            return Err(self.error(Malformed::WrongVersion(version)));
        }
        let name = self.string()?;
        let kind = self.i64()?;
        let kind =
            MessageKind::from_number(kind).ok_or_else(|| self.error(Malformed::UnknownMessageKind(kind)))?;
        Ok(MessageHeader { name, kind, sequence: self.i32()? })
    }

    fn struct_begin(&mut self) -> Result<(), DecodeError> {
        self.open(b'{', Due::FirstKey, "a struct, which is an object")
    }

    fn struct_end(&mut self) -> Result<(), DecodeError> {
        self.close(b'}', "the end of a struct")
    }

    fn field_begin(&mut self) -> Result<Option<(WireType, i16)>, DecodeError> {
        if self.peek() == Some(b'}') {
            return Ok(None);
        }
        let id = self.i16()?;
        self.open(b'{', Due::FirstKey, "a field, which is an object of tag and value")?;
        Ok(Some((self.tag()?, id)))
    }

    fn field_end(&mut self) -> Result<(), DecodeError> {
        self.close(b'}', "the end of a field")
    }

    fn elements_begin(&mut self) -> Result<(WireType, usize), DecodeError> {
        self.open(b'[', Due::FirstElement, "a list or set, which is an array")?;
        let wire = self.tag()?;
        Ok((wire, self.count()?))
    }

    fn elements_end(&mut self) -> Result<(), DecodeError> {
        self.close(b']', "the end of a list or set: the count says so")
    }

    fn map_begin(&mut self) -> Result<(WireType, WireType, usize), DecodeError> {
        self.open(b'[', Due::FirstElement, "a map, which is an array")?;
        let (key, value) = (self.tag()?, self.tag()?);
        let count = self.count()?;
        self.open(b'{', Due::FirstKey, "the entries of a map, which are an object")?;
        Ok((key, value, count))
    }

    fn map_end(&mut self) -> Result<(), DecodeError> {
        self.close(b'}', "the end of the entries of a map: the count says so")?;
        self.close(b']', "the end of a map")
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        let number: i64 = self.parsed()?;
        Ok(number != 0)
    }

    fn i8(&mut self) -> Result<i8, DecodeError> {
        self.parsed()
    }

    fn i16(&mut self) -> Result<i16, DecodeError> {
        self.parsed()
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.parsed()
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.parsed()
    }

    // Rust reads "NaN", "Infinity" and "-Infinity" too, and they are quoted.
    fn double(&mut self) -> Result<f64, DecodeError> {
        self.parsed()
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        self.before()?;
        self.quoted()
    }

    fn skip_string(&mut self) -> Result<(), DecodeError> {
        self.string().map(drop)
    }

    fn error(&self, malformed: Malformed) -> DecodeError {
        DecodeError { malformed, offset: self.at, path: Vec::new() }
    }
}
