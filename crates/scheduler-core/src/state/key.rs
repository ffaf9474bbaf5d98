//! What large tables of tasks are sorted by.

use std::hash::{Hash, Hasher};

use aurora_api::ids::TaskId;

/// A task's id behind a number made of it. Ids of one job share a long beginning, and each is a place of its own in memory:
/// comparing numbers first, which lie side by side, finds a task among a million with a few looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskKey {
    number: u64,
    id: TaskId,
}

impl TaskKey {
    pub(super) fn of(id: &TaskId) -> Self {
        let mut hasher = TextHasher::default();
        id.hash(&mut hasher);
        Self { number: hasher.finish(), id: id.clone() }
    }

    pub(super) const fn id(&self) -> &TaskId {
        &self.id
    }
}

/// Hashes texts, eight bytes at a time; the same text gives the same number for ever, as the order of tables depends on it.
/// Not for texts that strangers choose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextHasher(u64);

/// An odd number without a pattern in its bits.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl TextHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for TextHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in words.by_ref() {
            self.mix(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        let rest = words.remainder().iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
        self.mix(rest);
    }

    fn finish(&self) -> u64 {
        let folded = self.0 ^ (self.0 >> 32);
        folded.wrapping_mul(FACTOR) ^ (folded >> 29)
    }
}
