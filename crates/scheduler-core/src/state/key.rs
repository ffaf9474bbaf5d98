//! What large tables of tasks are sorted by.

use std::hash::{Hash, Hasher};

use aurora_api::ids::{IDENTIFIER_CHARACTERS_MAX, JobKey, TaskId};
use aurora_api::task::Task;

/// Stands for a task: a number made of its job, in the upper half, and of its instance, in the lower; and one made of its id.
///
/// Plain numbers, because tables that readers hold are copied a piece at a time: each pointer in it has its count raised,
/// a look at a far place in memory. Two tasks may have one key in theory, so whoever finds a task by it compares the ids. Tasks
/// of one job are neighbours, so what is done to a job touches little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    number: u64,
    run: u64,
}

/// Length of a UUID with the `-` before it: the end of every id that we make.
const SUFFIX: usize = 37;

/// The bits of a number that tell the job.
const UPPER: u64 = 0xffff_ffff_0000_0000;

impl TaskKey {
    /// The least and the greatest.
    pub(super) const MIN: Self = Self { number: 0, run: 0 };
    pub(super) const MAX: Self = Self { number: u64::MAX, run: u64::MAX };

    /// Of the task.
    pub(super) fn of(task: &Task) -> Self {
        let upper = job_number(&task.config.job);
        Self { number: upper | u64::from(task.instance), run: hash(task.id.as_str()) }
    }

    /// Of the task with an id, as far as the id tells: `role-env-name-instance-uuid`. Any other text has a key too.
    pub(crate) fn of_id(id: &TaskId) -> Self {
        let text = id.as_str();
        let rest = text.len().checked_sub(SUFFIX).and_then(|end| text.get(..end)).unwrap_or(text);
        let (job, instance) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let lower = instance.parse::<u32>().unwrap_or_default();
        let upper = number_of_job(job.as_bytes());
        Self { number: upper | u64::from(lower), run: hash(text) }
    }

    /// The number of its job.
    pub(super) const fn job(self) -> u64 {
        self.number & UPPER
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
    pub(super) const fn instance(self) -> u32 {
        self.number as u32
    }

    /// Made of the id.
    pub(super) const fn run(self) -> u64 {
        self.run
    }
}

/// A number for a job, which others may share, in the upper half.
pub(super) fn job_number(job: &JobKey) -> u64 {
    let mut text = [0; 3 * (IDENTIFIER_CHARACTERS_MAX + 1)];
    let mut end = 0;
    for part in [job.role(), job.environment(), job.name()] {
        for byte in part.bytes().take(IDENTIFIER_CHARACTERS_MAX) {
            // As ids have it.
            text[end] = if byte == b'.' { b'-' } else { byte };
            end += 1;
        }
        text[end] = b'-';
        end += 1;
    }
    number_of_job(&text[..end - 1])
}

/// `text` is the beginning of the ids of its tasks.
fn number_of_job(text: &[u8]) -> u64 {
    let mut hasher = TextHasher::default();
    hasher.write(text);
    // Tests want jobs that share a number.
    let mask = if cfg!(test) { 0xc000_0000_0000_0000 } else { UPPER };
    hasher.finish() & mask
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
    use std::sync::Arc;

    use aurora_api::ids::RunIds;
    use aurora_api::task::TaskStatus;

    use super::*;
    use crate::bench::ad_hoc;

    #[test]
    fn an_id_tells_where_its_task_is() {
        let config = Arc::new(ad_hoc("w.w/prod/a-b_c"));
        let mut ids = RunIds::of(&config.job);
        let mut key = |instance: u32, run: u8| {
            let id = ids.run(instance, format_args!("00000000-0000-4000-8000-0000000000{run:02}"));
            let task = Task {
                id: id.clone(),
                instance,
                config: Arc::clone(&config),
                status: TaskStatus::Pending,
                assignment: None,
                failure_count: 0,
                times_partitioned: 0,
                events: Vec::new(),
                ancestor: None,
            };
            assert_eq!(TaskKey::of_id(&id), TaskKey::of(&task));
            TaskKey::of(&task)
        };
        assert_eq!((key(9, 1).instance(), key(10, 1).instance()), (9, 10));
        assert_eq!(key(9, 1).number, key(9, 2).number);
        assert_ne!(key(9, 1).run, key(9, 2).run);
        assert!(key(9, 2) < key(10, 1), "in the order of their instances");
        TaskKey::of_id(&TaskId::new(""));
        TaskKey::of_id(&TaskId::new("-"));
    }
}
