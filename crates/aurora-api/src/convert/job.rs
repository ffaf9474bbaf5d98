//! Jobs as they are submitted.

use std::sync::Arc;

use super::{ConvertError, required, shared, text, wire_count};
use crate::job::{CronCollisionPolicy, CronSchedule, JobConfiguration};
use crate::task::TaskConfig;
use crate::thrift;

impl TryFrom<&thrift::JobConfiguration> for JobConfiguration {
    type Error = ConvertError;

    fn try_from(wire: &thrift::JobConfiguration) -> Result<Self, ConvertError> {
        let count = wire.instance_count.unwrap_or(0);
        Ok(Self {
            task: Arc::new(TaskConfig::try_from(required(wire.task_config.as_ref(), "taskConfig")?)?),
            instance_count: u32::try_from(count).map_err(|_| ConvertError::OutOfRange {
                field: "instanceCount",
                value: i64::from(count),
                expected: "0 to 2147483647",
            })?,
            cron: shared(wire.cron_schedule.as_ref()).map(|schedule| CronSchedule {
                schedule,
                collision_policy: wire.cron_collision_policy.map(Into::into).unwrap_or_default(),
            }),
        })
    }
}

impl From<&JobConfiguration> for thrift::JobConfiguration {
    fn from(job: &JobConfiguration) -> Self {
        let policy = job.cron.as_ref().map(|cron| cron.collision_policy).unwrap_or_default();
        Self {
            key: Some(thrift::JobKey::from(job.key())),
            owner: job.task.owner.as_ref().map(|user| thrift::Identity { user: text(user) }),
            cron_schedule: job.cron.as_ref().map(|cron| cron.schedule.to_string()),
            cron_collision_policy: Some(policy.into()),
            task_config: Some(thrift::TaskConfig::from(&*job.task)),
            instance_count: Some(wire_count(job.instance_count)),
        }
    }
}

impl From<thrift::CronCollisionPolicy> for CronCollisionPolicy {
    fn from(wire: thrift::CronCollisionPolicy) -> Self {
        match wire {
            thrift::CronCollisionPolicy::KillExisting => Self::KillExisting,
            thrift::CronCollisionPolicy::CancelNew => Self::CancelNew,
            thrift::CronCollisionPolicy::RunOverlap => Self::RunOverlap,
        }
    }
}

impl From<CronCollisionPolicy> for thrift::CronCollisionPolicy {
    fn from(policy: CronCollisionPolicy) -> Self {
        match policy {
            CronCollisionPolicy::KillExisting => Self::KillExisting,
            CronCollisionPolicy::CancelNew => Self::CancelNew,
            CronCollisionPolicy::RunOverlap => Self::RunOverlap,
        }
    }
}
