//! RecordIO, the framing of Mesos's streams: the length of a record in decimal bytes, a line feed, the record
//! (spec/mesos.md §0.4).
//!
//! The decoder is incremental: bytes go in as they arrive, whole records come out. It never reserves memory for bytes
//! that have not arrived, so a bad length cannot exhaust it.

use bytes::{Buf, Bytes, BytesMut};

/// The longest record that a session accepts, in bytes. An OFFERS event of 10,000 agents takes about a fifth of it.
pub const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The digits of the largest length that the format allows, a `u64`.
const LENGTH_DIGITS_MAX: usize = 20;

/// Why a stream cannot be decoded any further. There is no way to find the next record again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The length of a record is not a decimal number.
    #[error("a record begins with {header:?} where its length in bytes should be")]
    BadLength {
        /// What was found, shortened.
        header: String,
    },
    /// A record is longer than the decoder allows.
    #[error("a record of {bytes} bytes is longer than the {bytes_max} bytes allowed")]
    TooLong {
        /// The announced length.
        bytes: u64,
        /// The limit.
        bytes_max: usize,
    },
}

/// One record with its length before it, ready to be sent.
pub fn encode(record: &[u8]) -> Bytes {
    let length = record.len().to_string();
    let mut encoded = BytesMut::with_capacity(length.len() + 1 + record.len());
    encoded.extend_from_slice(length.as_bytes());
    encoded.extend_from_slice(b"\n");
    encoded.extend_from_slice(record);
    encoded.freeze()
}

/// Takes a stream apart into records. A record that lies within one chunk is a slice of it; one that spans several is
/// put together once.
#[derive(Debug)]
pub struct Decoder {
    bytes_max: usize,
    /// What has come and was not looked at yet.
    chunk: Bytes,
    /// The beginning of a record, or of its header, that `chunk` continues.
    begun: BytesMut,
    /// The length of the record that has begun, once its header was read.
    wanted: Option<usize>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new(RECORD_BYTES_MAX)
    }
}

impl Decoder {
    /// A decoder that refuses records longer than `bytes_max`.
    pub fn new(bytes_max: usize) -> Decoder {
        Decoder { bytes_max, chunk: Bytes::new(), begun: BytesMut::new(), wanted: None }
    }

    /// Adds bytes as they came from the connection.
    pub fn push(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if self.chunk.is_empty() {
            self.chunk = bytes;
        } else {
            self.begun.extend_from_slice(&self.chunk);
            self.begun.extend_from_slice(&bytes);
            self.chunk = self.begun.split().freeze();
        }
    }

    /// The next whole record, or `None` until more bytes are pushed.
    ///
    /// # Errors
    /// The stream is not RecordIO, or the record is too long; every later call fails alike.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        let wanted = match self.wanted {
            Some(wanted) => wanted,
            None => match self.parse_length()? {
                Some(wanted) => *self.wanted.insert(wanted),
                None => return Ok(None),
            },
        };
        let missing = wanted - self.begun.len();
        if self.chunk.len() < missing {
            self.begun.extend_from_slice(&std::mem::take(&mut self.chunk));
            return Ok(None);
        }
        self.wanted = None;
        let end = self.chunk.split_to(missing);
        if self.begun.is_empty() {
            return Ok(Some(end));
        }
        self.begun.extend_from_slice(&end);
        Ok(Some(self.begun.split().freeze()))
    }

    /// Whether a record has begun that is not complete.
    pub fn is_inside_record(&self) -> bool {
        self.wanted.is_some() || !self.begun.is_empty() || !self.chunk.is_empty()
    }

    /// Reads the header, and takes it away once it is whole and good.
    fn parse_length(&mut self) -> Result<Option<usize>, RecordError> {
        let searched = LENGTH_DIGITS_MAX + 1 - self.begun.len().min(LENGTH_DIGITS_MAX);
        let searched = &self.chunk[..self.chunk.len().min(searched)];
        let end = searched.iter().position(|byte| *byte == b'\n');
        let header = [&self.begun[..], &searched[..end.unwrap_or(searched.len())]].concat();
        let is_number = header.iter().all(u8::is_ascii_digit);
        if !is_number || header.len() > LENGTH_DIGITS_MAX || (end.is_some() && header.is_empty()) {
            return Err(RecordError::BadLength { header: String::from_utf8_lossy(&header).into_owned() });
        }
        let Some(end) = end else {
            self.begun = BytesMut::from(&header[..]);
            self.chunk.clear();
            return Ok(None);
        };
        let digits = String::from_utf8_lossy(&header);
        let bytes: u64 =
            digits.parse().map_err(|_| RecordError::BadLength { header: digits.clone().into_owned() })?;
        let length = usize::try_from(bytes).ok().filter(|length| *length <= self.bytes_max);
        let Some(length) = length else {
            return Err(RecordError::TooLong { bytes, bytes_max: self.bytes_max });
        };
        self.begun.clear();
        self.chunk.advance(end + 1);
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Result<Vec<Bytes>, RecordError> {
        let mut decoder = Decoder::new(1000);
        let mut records = Vec::new();
        for piece in pieces {
            decoder.push(Bytes::copy_from_slice(piece));
            while let Some(record) = decoder.next_record()? {
                records.push(record);
            }
        }
        Ok(records)
    }

    #[test]
    fn mesos_s13_lengths_count_bytes_however_the_stream_is_cut() {
        let stream: Vec<u8> = [encode("größer".as_bytes()), encode(b""), encode(b"{\"a\":1}\n")].concat();
        assert!(stream.starts_with(b"8\ngr"));
        let expected: Vec<&[u8]> = vec!["größer".as_bytes(), b"", b"{\"a\":1}\n"];
        let byte_by_byte: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(&byte_by_byte).unwrap(), expected);
        assert_eq!(decode(&[&stream]).unwrap(), expected);
    }

    #[test]
    fn a_length_that_is_no_number_is_an_error() {
        for header in ["x\n", "\n", "-1\n", "1 \n", " 1\n", "<html>", "123456789012345678901\n"] {
            let error = decode(&[header.as_bytes()]).unwrap_err();
            assert!(matches!(error, RecordError::BadLength { .. }), "{header:?}: {error}");
        }
        assert!(matches!(decode(&[b"99999999999999999999\n"]), Err(RecordError::BadLength { .. })));
    }

    #[test]
    fn a_record_over_the_limit_is_an_error_before_it_arrives() {
        assert_eq!(decode(&[b"1001\n"]), Err(RecordError::TooLong { bytes: 1001, bytes_max: 1000 }));
        assert_eq!(decode(&[b"1000\n"]), Ok(vec![]));
    }

    #[test]
    fn a_cut_record_is_noticed() {
        let mut decoder = Decoder::default();
        assert!(!decoder.is_inside_record());
        decoder.push(&b"5\nab"[..]);
        assert_eq!(decoder.next_record(), Ok(None));
        assert!(decoder.is_inside_record());
    }

    proptest! {
        #[test]
        fn records_round_trip(records: Vec<Vec<u8>>, cut in 1_usize..50) {
            let stream: Vec<u8> = records.iter().flat_map(|record| encode(record)).collect();
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for piece in stream.chunks(cut) {
                decoder.push(Bytes::copy_from_slice(piece));
                while let Some(record) = decoder.next_record().unwrap() {
                    decoded.push(record.to_vec());
                }
            }
            prop_assert_eq!(decoded, records);
        }
    }
}
