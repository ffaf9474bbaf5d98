//! Jobs, quotas, tiers and summaries (`spec/api.md` §1.4).

use super::enums::CronCollisionPolicy;
use super::keys::{Identity, JobKey};
use super::protocol::{Map, Set, Sparse};
use super::task_config::{Resource, TaskConfig};
use crate::thrift_struct;

thrift_struct! {
    /// Amounts of several resources.
    pub struct ResourceAggregate {
        /// The amounts; in quotas CPU, RAM and disk once each.
        4 "resources" => resources: Set<Resource>,
    }
}

thrift_struct! {
    /// A job as it is asked for.
    pub struct JobConfiguration {
        /// Presence makes it a cron job, even when empty.
        4 "cronSchedule" => cron_schedule: String,
        /// What to do when the last run still runs; kill it when unset.
        5 "cronCollisionPolicy" => cron_collision_policy: CronCollisionPolicy,
        /// What its tasks run.
        6 "taskConfig" => task_config: TaskConfig,
        /// Deprecated.
        7 "owner" => owner: Identity,
        /// How many instances, numbered from 0.
        8 "instanceCount" => instance_count: i32,
        /// The job's key.
        9 "key" => key: JobKey,
    }
}

thrift_struct! {
    /// How many tasks of a job are in which kind of status.
    pub struct JobStats {
        /// Assigned, starting, running, restarting, killing, draining, partitioned or preempting.
        1 "activeTaskCount" => active_task_count: i32,
        /// Killed or finished.
        2 "finishedTaskCount" => finished_task_count: i32,
        /// Lost or failed.
        3 "failedTaskCount" => failed_task_count: i32,
        /// Pending or throttled.
        4 "pendingTaskCount" => pending_task_count: i32,
    }
}

thrift_struct! {
    /// A job with the counts of its tasks.
    pub struct JobSummary {
        /// The job.
        1 "job" => job: JobConfiguration,
        /// The counts.
        2 "stats" => stats: JobStats,
        /// Next cron run in epoch ms; unset for other jobs.
        3 "nextCronRunMs" => next_cron_run_ms: Sparse<i64>,
    }
}

thrift_struct! {
    /// A closed range of instance ids.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct Range {
        /// First id.
        1 "first" => first: i32,
        /// Last id.
        2 "last" => last: i32,
    }
}

thrift_struct! {
    /// Instances that share a task config.
    pub struct ConfigGroup {
        /// The task config.
        1 "config" => config: TaskConfig,
        /// The instances as contiguous ranges.
        3 "instances" => instances: Set<Range>,
    }
}

thrift_struct! {
    /// The task configs of a job and who has which.
    pub struct ConfigSummary {
        /// The job.
        1 "key" => key: JobKey,
        /// The configs.
        2 "groups" => groups: Set<ConfigGroup>,
    }
}

thrift_struct! {
    /// A task config with its defaults filled in.
    pub struct PopulateJobResult {
        /// The task config.
        2 "taskConfig" => task_config: TaskConfig,
    }
}

thrift_struct! {
    /// Quota and consumption of a role.
    pub struct GetQuotaResult {
        /// Quota; zeros when there is none.
        1 "quota" => quota: ResourceAggregate,
        /// Production tasks on shared hosts.
        2 "prodSharedConsumption" => prod_shared_consumption: ResourceAggregate,
        /// Other tasks on shared hosts.
        3 "nonProdSharedConsumption" => non_prod_shared_consumption: ResourceAggregate,
        /// Production tasks on dedicated hosts.
        4 "prodDedicatedConsumption" => prod_dedicated_consumption: ResourceAggregate,
        /// Other tasks on dedicated hosts.
        5 "nonProdDedicatedConsumption" => non_prod_dedicated_consumption: ResourceAggregate,
    }
}

thrift_struct! {
    /// How many jobs a role has.
    pub struct RoleSummary {
        /// The role.
        1 "role" => role: String,
        /// Jobs with any stored task.
        2 "jobCount" => job_count: i32,
        /// Cron jobs.
        3 "cronJobCount" => cron_job_count: i32,
    }
}

thrift_struct! {
    /// One tier.
    pub struct TierConfig {
        /// Its name.
        1 "name" => name: String,
        /// `preemptible` and `revocable`, each `true` or `false`.
        2 "settings" => settings: Map<String, String>,
    }
}

thrift_struct! {
    /// All tiers.
    pub struct GetTierConfigResult {
        /// The tier of tasks that name none.
        1 "defaultTierName" => default_tier_name: String,
        /// The tiers.
        2 "tiers" => tiers: Set<TierConfig>,
    }
}
