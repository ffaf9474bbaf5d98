//! Limits that keep hostile values from exhausting stack, memory or time.

use std::cell::Cell;

use crate::error::{Error, Limit};

/// How deep values may nest: structs in lists in structs, and values bound to values.
pub const MAX_DEPTH: usize = 100;

/// How many parts (leaves and containers, counted as a tree) one value may have.
pub const MAX_NODES: usize = 250_000;

/// What one operation may still spend. Operations that are not given one start with [`Budget::default`]; an evaluator
/// that runs many of them can pass its own, so that the sum is bounded too.
#[derive(Debug)]
pub struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<usize>,
}

/// Scopes visited and parts walked in one operation.
const DEFAULT_STEPS: u64 = 1_000_000;
/// Bytes of text made in one operation.
const DEFAULT_BYTES: u64 = 32 << 20;
/// Interpolations inside one another: every level of [`MAX_DEPTH`] can take two.
const MAX_NESTING: usize = 2 * MAX_DEPTH + 20;

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_STEPS, DEFAULT_BYTES)
    }
}

impl Budget {
    /// A budget of `steps` (scopes visited, parts walked) and `bytes` (of text made).
    #[must_use]
    pub fn new(steps: u64, bytes: u64) -> Self {
        Self { steps: Cell::new(steps), bytes: Cell::new(bytes), depth: Cell::new(0) }
    }

    /// Steps left.
    #[must_use]
    pub fn steps_left(&self) -> u64 {
        self.steps.get()
    }

    /// Bytes left.
    #[must_use]
    pub fn bytes_left(&self) -> u64 {
        self.bytes.get()
    }

    pub(crate) fn step(&self) -> Result<(), Error> {
        self.steps_taken(1)
    }

    pub(crate) fn steps_taken(&self, count: usize) -> Result<(), Error> {
        let left = self.steps.get().checked_sub(count as u64);
        self.steps.set(left.unwrap_or(0));
        left.map(drop).ok_or(Error::TooLarge { limit: Limit::Steps, origin: None })
    }

    pub(crate) fn bytes_made(&self, count: usize) -> Result<(), Error> {
        let left = self.bytes.get().checked_sub(count as u64);
        self.bytes.set(left.unwrap_or(0));
        left.map(drop).ok_or(Error::TooLarge { limit: Limit::Bytes, origin: None })
    }

    /// Runs `work` one level deeper.
    pub(crate) fn nested<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        if self.depth.get() >= MAX_NESTING {
            return Err(Error::TooLarge { limit: Limit::Depth, origin: None });
        }
        self.depth.set(self.depth.get() + 1);
        let result = work();
        self.depth.set(self.depth.get() - 1);
        result
    }
}
