//! The core's only source of chance: a stream that the seed fixes.

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

    /// A random UUID (version 4) as text.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.number(), self.number());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        let mut rng = CoreRng::new(7);
        for _ in 0..100 {
            let uuid = rng.uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4");
            assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let draw =
            |seed| std::iter::repeat_with(move || 0).scan(CoreRng::new(seed), |rng, _| Some(rng.number()));
        assert!(draw(1).take(10).eq(draw(1).take(10)));
        assert!(!draw(1).take(10).eq(draw(2).take(10)));
    }
}
