//! The tasks of one job.

use aurora_api::amounts::Timestamp;
use aurora_api::ids::TaskId;
use imbl::{OrdMap, OrdSet};

/// Ids of one job's tasks: the active one of each instance, and the history.
#[derive(Clone, Debug, Default)]
pub struct JobTasks {
    pub(super) active: OrdMap<u32, TaskId>,
    pub(super) ended: OrdSet<(Timestamp, TaskId)>,
}

impl JobTasks {
    /// The active task of each instance, by instance.
    pub fn active(&self) -> impl Iterator<Item = (u32, &TaskId)> {
        self.active.iter().map(|(instance, id)| (*instance, id))
    }

    /// The active task of an instance.
    pub fn active_of(&self, instance: u32) -> Option<&TaskId> {
        self.active.get(&instance)
    }

    /// How many instances are active.
    pub fn active_count(&self) -> usize {
        self.active.len()
    }

    /// Ended tasks with the time of their last event, oldest first.
    pub fn ended(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &TaskId)> {
        self.ended.iter().map(|(at, id)| (*at, id))
    }

    /// How many tasks of the job have ended and are not forgotten yet.
    pub fn ended_count(&self) -> usize {
        self.ended.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.ended.is_empty()
    }
}
