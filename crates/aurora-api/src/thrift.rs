//! The Thrift API: its types, its calls, and the two encodings they travel in.
//!
//! Where what is: [`define`] has the macros that declare a type with its codec; [`protocol`] the traits between types
//! and encodings; [`binary`] and [`json`] the encodings; [`message`] whole messages; [`rpc`] every call with its
//! arguments; the other modules the types, which are all exported here. Names and numbers are those of
//! `spec/api.md` §1.
//!
//! All fields are `Option`s, as Thrift tells unset from empty. [`Struct::fill_unset`] makes an answer follow the
//! presence rules that clients rely on. For no call of the API does an empty collection mean anything else than an unset
//! one; but `cronSchedule` does: an empty text still makes a job a cron job.
//!
//! Absent on purpose: what the fields mean to the scheduler (that is `convert`), and HTTP.

pub mod binary;
pub mod define;
mod enums;
pub mod error;
mod host;
mod job;
pub mod json;
mod keys;
pub mod message;
mod names;
pub mod protocol;
mod result;
mod retained;
pub mod rpc;
mod task;
mod task_config;
mod update;

pub use binary::{decode_binary, encode_binary};
pub use define::UnknownName;
pub use enums::*;
pub use error::{DecodeError, Malformed};
pub use host::*;
pub use job::*;
pub use json::{decode_json, encode_json};
pub use keys::*;
pub use message::{
    ApplicationException, Encoding, ExceptionKind, Incoming, ReplyError, decode_reply, encode_call,
    encode_exception, encode_reply,
};
pub use names::to_named_json;
pub use protocol::{
    Field, List, Map, MessageHeader, MessageKind, Reader, Set, Sparse, Struct, Value, WireType, Writer,
};
pub use result::*;
pub use retained::AdjustRetainedTasks;
pub use rpc::{Arguments, Rpc, Service};
pub use task::*;
pub use task_config::*;
pub use update::*;

pub use crate::{thrift_enum, thrift_struct, thrift_union};
