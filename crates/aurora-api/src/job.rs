//! Jobs as users submit them.

use std::sync::Arc;

use crate::ids::JobKey;
use crate::task::TaskConfig;

/// A job as it is created: a configuration and how many instances of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobConfiguration {
    /// What each instance runs; its key is the job's.
    pub task: Arc<TaskConfig>,
    /// Instances 0 … n-1.
    pub instance_count: u32,
    /// Present for a cron job.
    pub cron: Option<CronSchedule>,
}

impl JobConfiguration {
    /// The job's key.
    pub fn key(&self) -> &JobKey {
        &self.task.job
    }
}

/// When a cron job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSchedule {
    /// Five fields, as in crontab.
    pub schedule: Arc<str>,
    /// What happens if the previous run is still going.
    pub collision_policy: CronCollisionPolicy,
}

/// What a cron run does about one that has not ended (`spec/api.md` §1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CronCollisionPolicy {
    /// End the old one.
    #[default]
    KillExisting,
    /// Skip the new one.
    CancelNew,
    /// Refused for new jobs; stored ones count as `CancelNew`.
    RunOverlap,
}
