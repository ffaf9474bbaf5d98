//! The core's only source of chance: a stream that the seed fixes.

use std::fmt;

use aurora_api::amounts::Millis;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A repeatable stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct CoreRng(ChaCha8Rng);

impl CoreRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..end`, or 0 if there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.number() % end }
    }

    /// A time in `0..window`; a window of zero gives zero, which upstream crashes on (T8).
    pub(crate) fn time_below(&mut self, window: Millis) -> Millis {
        Millis(self.below(window.0.max(0).unsigned_abs()).cast_signed())
    }

    /// A random UUID (version 4).
    pub(crate) fn uuid(&mut self) -> Uuid {
        let (high, low) = (self.number(), self.number());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        Uuid(high, low)
    }
}

/// A UUID, to be written as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uuid(u64, u64);

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 36];
        let bytes = self.0.to_be_bytes().into_iter().chain(self.1.to_be_bytes());
        for (byte, place) in bytes.zip(PLACES) {
            text[place] = HEX[usize::from(byte >> 4)];
            text[place + 1] = HEX[usize::from(byte & 0xf)];
        }
        formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Where each byte of a UUID stands in its text.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let mut rng = CoreRng::new(7);
        for _ in 0..100 {
            let uuid = rng.uuid().to_string();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4");
            assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
        }
    }

    #[test]
    fn a_uuid_is_written_in_groups() {
        let text = Uuid(0x0123_4567_89ab_4def, 0x8765_4321_0fed_cba9).to_string();
        assert_eq!(text, "01234567-89ab-4def-8765-43210fedcba9");
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw =
            |seed| std::iter::repeat_with(move || 0).scan(CoreRng::new(seed), |rng, _| Some(rng.number()));
        assert!(draw(1).take(10).eq(draw(1).take(10)));
        assert!(!draw(1).take(10).eq(draw(2).take(10)));
    }
}
