//! A snapshot as it lies in the file: compressed, in parts of bounded size.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// Size of a part before its checksum. Small enough that a damaged place is found, large enough that there are few.
const PART_BYTES: usize = 1 << 20;

/// A compressed state. Making it takes the longest part of a snapshot, and needs neither the core nor the journal.
#[derive(Clone, Debug)]
pub struct Compressed(Vec<u8>);

impl Compressed {
    /// Compresses a state. Level 3 as upstream (`spec/scheduler.md` §8.6): most of the gain, little of the time.
    pub fn of(state: &[u8]) -> Self {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(3));
        Self(encoder.write_all(state).and_then(|()| encoder.finish()).expect("writing to memory cannot fail"))
    }

    /// The state that was compressed.
    ///
    /// # Errors
    /// If the bytes are not those of a [`Compressed`].
    pub fn decompress(compressed: &[u8]) -> Result<Vec<u8>, std::io::Error> {
        let mut state = Vec::new();
        ZlibDecoder::new(compressed).read_to_end(&mut state)?;
        Ok(state)
    }

    /// Its bytes in parts.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chunks(PART_BYTES)
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_decompresses_to_what_it_was() {
        for state in [Vec::new(), vec![7; 3_000_000], (0..200_000_u32).flat_map(u32::to_be_bytes).collect()] {
            assert_eq!(Compressed::decompress(&Compressed::of(&state).0).unwrap(), state);
        }
    }

    #[test]
    fn a_cut_snapshot_is_refused() {
        let Compressed(compressed) = Compressed::of(&[1; 1000]);
        assert!(Compressed::decompress(&compressed[..compressed.len() - 3]).is_err());
    }
}
