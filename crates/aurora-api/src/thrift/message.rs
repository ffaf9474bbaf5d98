//! Whole messages: calls, replies and protocol exceptions (`spec/api.md` §9).

use super::binary::{BinaryReader, BinaryWriter};
use super::error::{DecodeError, Malformed};
use super::json::{JsonReader, JsonWriter};
use super::protocol::{Field, MessageHeader, MessageKind, Reader, Struct, WireType, Writer};
use super::result::Response;
use super::rpc::Arguments;
use crate::thrift_struct;

/// Which of the two encodings a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// TJSON.
    Json,
    /// TBinary, strict.
    Binary,
}

thrift_struct! {
    /// Why a call could not even be tried.
    pub struct ApplicationException {
        /// The text.
        1 "message" => message: String,
        /// A number of [`ExceptionKind`].
        2 "type" => kind: ExceptionKind,
    }
}

crate::thrift_enum! {
    /// What kind of protocol failure an [`ApplicationException`] is (`spec/api.md` §9.3).
    pub enum ExceptionKind {
        /// None of the others.
        0 "UNKNOWN" => Unknown,
        /// There is no such method.
        1 "UNKNOWN_METHOD" => UnknownMethod,
        /// The message is not a call.
        2 "INVALID_MESSAGE_TYPE" => InvalidMessageType,
        /// The reply is to another method.
        3 "WRONG_METHOD_NAME" => WrongMethodName,
        /// The reply is to another call.
        4 "BAD_SEQUENCE_ID" => BadSequenceId,
        /// The reply has no return value.
        5 "MISSING_RESULT" => MissingResult,
        /// The server broke.
        6 "INTERNAL_ERROR" => InternalError,
        /// The bytes are not a message.
        7 "PROTOCOL_ERROR" => ProtocolError,
    }
}

impl ApplicationException {
    /// The answer to a call of a method that does not exist.
    #[must_use]
    pub fn unknown_method(name: &str) -> Self {
        Self {
            message: Some(format!("Invalid method name: '{name}'")),
            kind: Some(ExceptionKind::UnknownMethod),
        }
    }
}

thrift_struct! {
    /// What a reply holds.
    pub struct ReplyBody {
        /// The return value.
        0 "success" => success: Response,
    }
}

/// A message whose head was read, and whose body was not yet.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The head.
    pub header: MessageHeader,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    Json(JsonReader<'a>),
    Binary(BinaryReader<'a>),
}

impl<'a> Incoming<'a> {
    /// Reads the head of a message.
    ///
    /// # Errors
    /// If the bytes are not a message in this encoding.
    pub fn open(encoding: Encoding, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        match encoding {
            Encoding::Json => {
                let mut reader = JsonReader::new(bytes);
                let header = reader.message_begin()?;
                let body = Body::Json(reader);
                Ok(Self { header, body })
            }
            Encoding::Binary => {
                let mut reader = BinaryReader::new(bytes);
                let header = reader.message_begin()?;
                let body = Body::Binary(reader);
                Ok(Self { header, body })
            }
        }
    }

    /// Reads the body: the arguments of a call, say.
    ///
    /// # Errors
    /// If the body is damaged.
    pub fn body<T: Struct>(self) -> Result<T, DecodeError> {
        match self.body {
            Body::Json(mut reader) => {
                let body = read_struct(&mut reader)?;
                reader.message_end()?;
                Ok(body)
            }
            Body::Binary(mut reader) => read_struct(&mut reader),
        }
    }

    /// Reads past the body, as is due before an unknown method is refused.
    ///
    /// # Errors
    /// If the body is damaged.
    pub fn skip_body(self) -> Result<(), DecodeError> {
        match self.body {
            Body::Json(mut reader) => {
                reader.skip(WireType::Struct)?;
                reader.message_end()
            }
            Body::Binary(mut reader) => reader.skip(WireType::Struct),
        }
    }
}

fn read_struct<T: Struct, R: Reader>(reader: &mut R) -> Result<T, DecodeError> {
    T::read(reader)?.ok_or_else(|| reader.error(Malformed::Truncated))
}

fn encode<T: Struct>(encoding: Encoding, header: &MessageHeader, body: &T) -> Vec<u8> {
    fn write<T: Struct, W: Writer>(writer: &mut W, header: &MessageHeader, body: &T) {
        writer.message_begin(header);
        <T as Field>::write(body, writer);
        writer.message_end();
    }
    match encoding {
        Encoding::Json => {
            let mut writer = JsonWriter::default();
            write(&mut writer, header, body);
            writer.into_bytes()
        }
        Encoding::Binary => {
            let mut writer = BinaryWriter::default();
            write(&mut writer, header, body);
            writer.into_bytes()
        }
    }
}

/// Encodes a call.
pub fn encode_call<A: Arguments>(encoding: Encoding, sequence: i32, arguments: &A) -> Vec<u8> {
    let header = MessageHeader { name: A::RPC.as_str().to_owned(), kind: MessageKind::Call, sequence };
    encode(encoding, &header, arguments)
}

/// Encodes the answer to a call with the given head.
#[must_use]
pub fn encode_reply(encoding: Encoding, call: &MessageHeader, response: Response) -> Vec<u8> {
    let header = MessageHeader { kind: MessageKind::Reply, ..call.clone() };
    let body = ReplyBody { success: Some(response) };
    encode(encoding, &header, &body)
}

/// Encodes the refusal of a call with the given head.
#[must_use]
pub fn encode_exception(
    encoding: Encoding,
    call: &MessageHeader,
    exception: &ApplicationException,
) -> Vec<u8> {
    let header = MessageHeader { kind: MessageKind::Exception, ..call.clone() };
    encode(encoding, &header, exception)
}

/// Why a message is not an answer to the call that was made.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The bytes are not a message.
    #[error("the reply could not be read")]
    Malformed(#[from] DecodeError),
    /// The other side refused the call.
    #[error("the scheduler refused the call: {}", .0.message.as_deref().unwrap_or("no reason given"))]
    Exception(ApplicationException),
    /// The message answers another call.
    #[error("the reply is to {found:?}, the call was {expected}")]
    OtherCall {
        /// Name of the method called.
        expected: &'static str,
        /// Head of the reply.
        found: MessageHeader,
    },
    /// The reply holds no return value.
    #[error("the reply holds no response")]
    Empty,
}

/// Decodes the answer to a call of `A`.
///
/// # Errors
/// If the message is anything else.
pub fn decode_reply<A: Arguments>(
    encoding: Encoding,
    sequence: i32,
    bytes: &[u8],
) -> Result<Response, ReplyError> {
    let incoming = Incoming::open(encoding, bytes)?;
    let header = &incoming.header;
    if header.kind == MessageKind::Exception {
        return Err(ReplyError::Exception(incoming.body()?));
    }
    let is_answer =
        header.kind == MessageKind::Reply && header.name == A::RPC.as_str() && header.sequence == sequence;
    if !is_answer {
        return Err(ReplyError::OtherCall { expected: A::RPC.as_str(), found: incoming.header });
    }
    let body: ReplyBody = incoming.body()?;
    body.success.ok_or(ReplyError::Empty)
}
