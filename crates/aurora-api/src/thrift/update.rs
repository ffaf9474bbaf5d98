//! Job updates (`spec/api.md` §1.4).

use super::enums::{JobUpdateAction, JobUpdateStatus};
use super::job::Range;
use super::keys::{JobKey, Metadata};
use super::protocol::{List, Set};
use super::task_config::TaskConfig;
use crate::{thrift_struct, thrift_union};

thrift_struct! {
    /// Names one update of a job.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    pub struct JobUpdateKey {
        /// The job.
        1 "job" => job: JobKey,
        /// UUID made by the scheduler.
        2 "id" => id: String,
    }
}

thrift_struct! {
    /// Keep a number of instances in flight.
    pub struct QueueJobUpdateStrategy {
        /// Most instances in flight.
        1 "groupSize" => group_size: i32,
    }
}

thrift_struct! {
    /// Update in batches of one size.
    pub struct BatchJobUpdateStrategy {
        /// Instances per batch.
        1 "groupSize" => group_size: i32,
        /// Whether to pause after each batch.
        2 "autopauseAfterBatch" => autopause_after_batch: bool,
    }
}

thrift_struct! {
    /// Update in batches of given sizes.
    pub struct VariableBatchJobUpdateStrategy {
        /// Sizes in order; the last repeats.
        1 "groupSizes" => group_sizes: List<i32>,
        /// Whether to pause after each batch.
        2 "autopauseAfterBatch" => autopause_after_batch: bool,
    }
}

thrift_union! {
    /// How instances are chosen.
    pub enum JobUpdateStrategy {
        /// A queue.
        1 "queueStrategy" => QueueStrategy(QueueJobUpdateStrategy),
        /// Equal batches.
        2 "batchStrategy" => BatchStrategy(BatchJobUpdateStrategy),
        /// Batches of given sizes.
        3 "varBatchStrategy" => VarBatchStrategy(VariableBatchJobUpdateStrategy),
    }
}

thrift_struct! {
    /// The limits and pace of an update.
    pub struct JobUpdateSettings {
        /// Deprecated: counts only without a strategy.
        1 "updateGroupSize" => update_group_size: i32,
        /// Failures of one instance until it counts as failed.
        2 "maxPerInstanceFailures" => max_per_instance_failures: i32,
        /// Failed instances until the update fails.
        3 "maxFailedInstances" => max_failed_instances: i32,
        /// How long an instance must run to count as updated, in ms.
        5 "minWaitInInstanceRunningMs" => min_wait_in_instance_running_ms: i32,
        /// Whether a failed update is rolled back.
        6 "rollbackOnFailure" => rollback_on_failure: bool,
        /// Instances to touch; all when empty.
        7 "updateOnlyTheseInstances" => update_only_these_instances: Set<Range>,
        /// Deprecated: batches instead of a queue, without a strategy.
        8 "waitForBatchCompletion" => wait_for_batch_completion: bool,
        /// Above 0: the update waits for pulses no further apart, in ms.
        9 "blockIfNoPulsesAfterMs" => block_if_no_pulses_after_ms: i32,
        /// Whether the task's SLA policy holds during the update.
        10 "slaAware" => sla_aware: bool,
        /// How instances are chosen.
        11 "updateStrategy" => update_strategy: JobUpdateStrategy,
    }
}

thrift_struct! {
    /// One status change of an update.
    pub struct JobUpdateEvent {
        /// The status entered.
        1 "status" => status: JobUpdateStatus,
        /// When, in epoch ms.
        2 "timestampMs" => timestamp_ms: i64,
        /// Who caused it.
        3 "user" => user: String,
        /// Why.
        4 "message" => message: String,
    }
}

thrift_struct! {
    /// What an update did to one instance.
    pub struct JobInstanceUpdateEvent {
        /// The instance.
        1 "instanceId" => instance_id: i32,
        /// When, in epoch ms.
        2 "timestampMs" => timestamp_ms: i64,
        /// What was done.
        3 "action" => action: JobUpdateAction,
        /// Why.
        4 "message" => message: String,
    }
}

thrift_struct! {
    /// A task config and the instances that have it.
    pub struct InstanceTaskConfig {
        /// The task config.
        1 "task" => task: TaskConfig,
        /// The instances.
        2 "instances" => instances: Set<Range>,
    }
}

thrift_struct! {
    /// Where an update stands.
    pub struct JobUpdateState {
        /// Status of the last event.
        1 "status" => status: JobUpdateStatus,
        /// First event, in epoch ms.
        2 "createdTimestampMs" => created_timestamp_ms: i64,
        /// Last event, in epoch ms.
        3 "lastModifiedTimestampMs" => last_modified_timestamp_ms: i64,
    }
}

thrift_struct! {
    /// An update in short.
    pub struct JobUpdateSummary {
        /// Who asked for it.
        3 "user" => user: String,
        /// Where it stands; absent when it was only just started.
        4 "state" => state: JobUpdateState,
        /// The update.
        5 "key" => key: JobUpdateKey,
        /// Notes.
        6 "metadata" => metadata: Set<Metadata>,
    }
}

thrift_struct! {
    /// What an update changes.
    pub struct JobUpdateInstructions {
        /// What is replaced or removed.
        1 "initialState" => initial_state: Set<InstanceTaskConfig>,
        /// What there shall be; unset when instances are only removed.
        2 "desiredState" => desired_state: InstanceTaskConfig,
        /// Limits and pace.
        3 "settings" => settings: JobUpdateSettings,
    }
}

thrift_struct! {
    /// An update.
    pub struct JobUpdate {
        /// In short.
        1 "summary" => summary: JobUpdateSummary,
        /// What it changes.
        2 "instructions" => instructions: JobUpdateInstructions,
    }
}

thrift_struct! {
    /// An update with its history.
    pub struct JobUpdateDetails {
        /// The update.
        1 "update" => update: JobUpdate,
        /// Its history, oldest first.
        2 "updateEvents" => update_events: List<JobUpdateEvent>,
        /// The history of its instances, oldest first.
        3 "instanceEvents" => instance_events: List<JobInstanceUpdateEvent>,
    }
}

thrift_struct! {
    /// An update as it is asked for.
    pub struct JobUpdateRequest {
        /// The new task config; its `job` says which job.
        1 "taskConfig" => task_config: TaskConfig,
        /// How many instances there shall be.
        2 "instanceCount" => instance_count: i32,
        /// Limits and pace.
        3 "settings" => settings: JobUpdateSettings,
        /// Notes.
        4 "metadata" => metadata: Set<Metadata>,
    }
}

thrift_struct! {
    /// Which updates are meant.
    pub struct JobUpdateQuery {
        /// Role.
        2 "role" => role: String,
        /// One job.
        3 "jobKey" => job_key: JobKey,
        /// Who asked for it.
        4 "user" => user: String,
        /// Statuses.
        5 "updateStatuses" => update_statuses: Set<JobUpdateStatus>,
        /// How many matches to leave out.
        6 "offset" => offset: i32,
        /// Most matches to return; all when not positive.
        7 "limit" => limit: i32,
        /// One update.
        8 "key" => key: JobUpdateKey,
    }
}
