//! What large tables of tasks are sorted by.

use std::hash::{Hash, Hasher};

use aurora_api::ids::TaskId;

/// Stands for a task's id: a number made of its job, in the upper half, and of its instance, in the lower; and one made of the
/// whole id.
///
/// Plain numbers, because tables that readers hold are copied a node at a time: each pointer in a node has its count raised,
/// a look at a far place in memory. Two ids may have one key in theory, so whoever finds a task by it compares the ids. Tasks of
/// one job are neighbours, so what is done to a job touches few nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    number: u64,
    run: u64,
}

/// Length of a UUID with the `-` before it: the end of every id that we make.
const SUFFIX: usize = 37;

impl TaskKey {
    pub(crate) fn of(id: &TaskId) -> Self {
        Self { number: number(id.as_str()), run: hash(id.as_str()) }
    }

    /// The least key with a number.
    pub(super) const fn first_of(number: u64) -> Self {
        Self { number, run: 0 }
    }

    /// Not the key's alone: runs of one instance share it.
    pub(super) const fn number(self) -> u64 {
        self.number
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
pub(crate) fn hash(text: &str) -> u64 {
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
        let mut ids: Vec<TaskId> = ["r-prod-a", "r-prod-b"]
            .iter()
            .flat_map(|job| [10, 9, 100].map(|instance| id(job, instance, 1)))
            .collect();
        ids.sort_by_key(TaskKey::of);
        let of_a = ids.iter().position(|id| id.as_str().starts_with("r-prod-a")).unwrap();
        let order = [9, 10, 100].map(|instance| id("r-prod-a", instance, 1));
        assert_eq!(ids[of_a..of_a + 3], order);
        let runs = [1, 2].map(|run| TaskKey::of(&id("r-prod-a", 9, run)));
        assert_ne!(runs[0], runs[1]);
        assert_eq!(runs[0].number(), runs[1].number());
        assert_eq!(number(""), number("-"), "any text will do");
    }
}
