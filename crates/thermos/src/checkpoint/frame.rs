//! One record as bytes: a length and a Thrift `RunnerCkpt` (`spec/thermos.md` §2.2).

use aurora_api::thrift::{DecodeError, decode_binary, encode_binary};
use aurora_api::thrift_struct;

use crate::plan::record::{ProcessStatus, Record, RunnerHeader, TaskStatus};

/// The largest record, 64 MiB.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// Bytes of the length before each record.
pub const LENGTH_BYTES: usize = 4;

thrift_struct! {
    /// The union `RunnerCkpt`, read as a struct so that a member from the future is told from damage.
    pub struct RunnerCkpt {
        /// The header.
        1 "runner_header" => runner_header: RunnerHeader,
        /// A step of a process.
        2 "process_status" => process_status: ProcessStatus,
        /// A step of the task.
        3 "task_status" => task_status: TaskStatus,
    }
}

/// Bytes that are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeRecordError {
    /// The length cannot be right.
    #[error("Record exceeds maximum allowable size ({length} bytes)")]
    TooLong {
        /// The length found.
        length: u64,
    },
    /// The content is not Thrift.
    #[error("a record of {length} bytes is not readable: {source}")]
    Malformed {
        /// Its length.
        length: usize,
        /// Why.
        source: DecodeError,
    },
}

/// The bytes of a record, length included.
///
/// # Errors
/// [`DecodeRecordError::TooLong`] when the record is over the limit.
pub fn encode_record(record: &Record) -> Result<Vec<u8>, DecodeRecordError> {
    let mut union = RunnerCkpt::default();
    match record.clone() {
        Record::Header(header) => union.runner_header = Some(header),
        Record::Process(status) => union.process_status = Some(status),
        Record::Task(status) => union.task_status = Some(status),
        Record::Empty => {}
    }
    let body = encode_binary(&union);
    let too_long = DecodeRecordError::TooLong { length: u64::try_from(body.len()).unwrap_or(u64::MAX) };
    let length = u32::try_from(body.len()).map_err(|_| too_long.clone())?;
    if body.len() > MAX_RECORD_BYTES {
        return Err(too_long);
    }
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + body.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The first record of `bytes` and how many bytes it takes; none when it is not there whole yet.
///
/// # Errors
/// [`DecodeRecordError`] when what is there can never become a record.
pub fn decode_record(bytes: &[u8]) -> Result<Option<(Record, usize)>, DecodeRecordError> {
    let Some((head, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head);
    let body_len = usize::try_from(length).unwrap_or(usize::MAX);
    if body_len > MAX_RECORD_BYTES {
        return Err(DecodeRecordError::TooLong { length: u64::from(length) });
    }
    let Some(body) = rest.get(..body_len) else { return Ok(None) };
    let union: RunnerCkpt =
        decode_binary(body).map_err(|source| DecodeRecordError::Malformed { length: body_len, source })?;
    let record = match union {
        RunnerCkpt { runner_header: Some(header), .. } => Record::Header(header),
        RunnerCkpt { process_status: Some(status), .. } => Record::Process(status),
        RunnerCkpt { task_status: Some(status), .. } => Record::Task(status),
        RunnerCkpt { .. } => Record::Empty,
    };
    Ok(Some((record, LENGTH_BYTES + body_len)))
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
