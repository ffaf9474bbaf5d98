//! A snapshot as it lies in the file: compressed, in parts of bounded size.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// Size of a part before its checksum. Small enough that a damaged place is found, large enough that there are few.
pub const PART_BYTES: usize = 1 << 20;

/// Compresses a state. Level 3 as upstream (`spec/scheduler.md` §8.6): most of the gain, little of the time.
pub fn compress(state: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(3));
    encoder.write_all(state).and_then(|()| encoder.finish()).expect("writing to memory cannot fail")
}

/// The state that was compressed.
///
/// # Errors
/// If the bytes are not what [`compress`] made.
pub fn decompress(compressed: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut state = Vec::new();
    ZlibDecoder::new(compressed).read_to_end(&mut state)?;
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_decompresses_to_what_it_was() {
        for state in [Vec::new(), vec![7; 3_000_000], (0..200_000_u32).flat_map(u32::to_be_bytes).collect()] {
            assert_eq!(decompress(&compress(&state)).unwrap(), state);
        }
    }

    #[test]
    fn a_cut_snapshot_is_refused() {
        let compressed = compress(&[1; 1000]);
        assert!(decompress(&compressed[..compressed.len() - 3]).is_err());
    }
}
