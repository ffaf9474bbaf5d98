//! What large tables of tasks are sorted by.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use aurora_api::ids::TaskId;

/// A task's id behind a number made of it: of its job in the upper half, of its instance in the lower.
///
/// Ids of one job share a long beginning, and each is a place of its own in memory: numbers lie side by side, and comparing
/// them first finds a task among a million with a few looks. Tasks of one job stay neighbours, so what is done to a job
/// touches few pages of a table that readers hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    number: u64,
    id: TaskId,
}

/// Length of a UUID with the `-` before it: the end of every id that we make.
const SUFFIX: usize = 37;

impl TaskKey {
    pub(crate) fn of(id: &TaskId) -> Self {
        Self { number: number(id.as_str()), id: id.clone() }
    }

    /// The least key with a number.
    pub(super) fn first_of(number: u64) -> Self {
        static LEAST: LazyLock<TaskId> = LazyLock::new(|| TaskId::new(""));
        Self { number, id: LEAST.clone() }
    }

    /// Not the key's alone: runs of one instance share it.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) const fn id(&self) -> &TaskId {
        &self.id
    }
}

/// Of `role-env-name-instance-uuid`; any other text has a number too.
fn number(id: &str) -> u64 {
    let rest = id.len().checked_sub(SUFFIX).and_then(|end| id.get(..end)).unwrap_or(id);
    let (job, instance) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let lower = instance.parse::<u32>().unwrap_or_default();
    let upper = hash(job) >> 32;
    (upper << 32) | u64::from(lower)
}

/// A number for a text, which others may share.
pub(super) fn hash(text: &str) -> u64 {
    let mut hasher = TextHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_a_job_are_neighbours_in_the_order_of_their_instances() {
        let id = |job: &str, instance: u32, run: u8| {
            TaskId::new(format!("{job}-{instance}-00000000-0000-4000-8000-0000000000{run:02}"))
        };
        let mut keys: Vec<TaskKey> = ["r-prod-a", "r-prod-b"]
            .iter()
            .flat_map(|job| [10, 9, 100].map(|instance| TaskKey::of(&id(job, instance, 1))))
            .collect();
        keys.push(TaskKey::of(&id("r-prod-a", 9, 2)));
        keys.sort();
        let ids: Vec<&str> = keys.iter().map(|key| key.id().as_str()).collect();
        let of_a = ids.iter().position(|id| id.starts_with("r-prod-a")).unwrap();
        let order =
            [id("r-prod-a", 9, 1), id("r-prod-a", 9, 2), id("r-prod-a", 10, 1), id("r-prod-a", 100, 1)];
        assert_eq!(ids[of_a..of_a + 4], order.each_ref().map(TaskId::as_str));
        assert_eq!(number(""), number("-"), "any text will do");
    }
}
