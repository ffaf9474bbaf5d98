//! The run's only source of chance besides the core's own.

use aurora_api::amounts::Millis;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A repeatable stream of choices.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of `low..=high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "a range has at least one number");
        let width = high.abs_diff(low) + 1;
        low + (self.number() % width).cast_signed()
    }

    /// A time of `low..=high` milliseconds.
    pub(crate) fn millis(&mut self, low: i64, high: i64) -> Millis {
        Millis(self.range(low, high))
    }

    /// An index into something of this length, which is not empty.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        assert!(length > 0, "nothing to choose from");
        usize::try_from(self.number() % length as u64).unwrap_or(0)
    }

    /// True `of_1000` times out of 1,000.
    pub(crate) fn permille(&mut self, of_1000: u64) -> bool {
        self.number() % 1000 < of_1000
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.number().is_multiple_of(count)
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.index(items.len())) }
    }
}
