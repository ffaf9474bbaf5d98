//! One record as it lies in the file: its checksum, then its bytes.
//!
//! The checksum also covers the record's number, so that a record in the wrong place is as damaged as a changed one.

use flate2::Crc;

const CHECKSUM_BYTES: usize = 4;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not even a checksum fits.
    #[error("it has {0} bytes, fewer than its checksum")]
    TooShort(usize),
    /// The bytes are not those that were written.
    #[error("its checksum is {found:08x} instead of {expected:08x}")]
    Checksum {
        /// Of the bytes that are there.
        found: u32,
        /// Of the bytes that were written.
        expected: u32,
    },
}

fn checksum(number: u64, payload: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&number.to_be_bytes());
    crc.update(payload);
    crc.sum()
}

/// The record with this number.
pub fn seal(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(CHECKSUM_BYTES + payload.len());
    record.extend_from_slice(&checksum(number, payload).to_be_bytes());
    record.extend_from_slice(payload);
    record
}

/// The bytes of the record with this number.
///
/// # Errors
/// If they are not what [`seal`] made of this number and some bytes.
pub fn open(number: u64, record: &[u8]) -> Result<&[u8], RecordError> {
    let Some((written, payload)) = record.split_first_chunk::<CHECKSUM_BYTES>() else {
        return Err(RecordError::TooShort(record.len()));
    };
    let (expected, found) = (u32::from_be_bytes(*written), checksum(number, payload));
    if expected == found { Ok(payload) } else { Err(RecordError::Checksum { found, expected }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_opens_as_it_was_sealed(number: u64, payload: Vec<u8>) {
            let record = seal(number, &payload);
            prop_assert_eq!(open(number, &record).unwrap(), payload);
        }

        #[test]
        fn a_changed_bit_is_noticed(number: u64, payload: Vec<u8>, place: prop::sample::Index, bit in 0_u8..8) {
            let mut record = seal(number, &payload);
            let place = place.index(record.len());
            record[place] ^= 1 << bit;
            prop_assert!(open(number, &record).is_err());
        }

        #[test]
        fn a_record_in_the_wrong_place_is_noticed(number in 0..u64::MAX, payload: Vec<u8>) {
            prop_assert!(open(number + 1, &seal(number, &payload)).is_err());
        }
    }

    #[test]
    fn too_few_bytes_are_no_record() {
        assert_eq!(open(1, &[1, 2]), Err(RecordError::TooShort(2)));
    }
}
