//! What the scheduler tells the collector of old task state on an agent (`spec/thermos.md` §6.1).

use super::{Map, ScheduleStatus};
use crate::thrift_struct;

thrift_struct! {
    /// What the scheduler believes of a host.
    pub struct AdjustRetainedTasks {
        /// Each task with its status.
        2 "retainedTasks" => retained_tasks: Map<String, ScheduleStatus>,
    }
}
