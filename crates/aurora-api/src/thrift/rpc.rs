//! Every call of the API with its arguments (`spec/api.md` §1.5). The argument ids are irregular, and the wire
//! depends on them.

use super::enums::ScheduleStatus;
use super::host::{ExplicitReconciliationSettings, Hosts};
use super::job::{JobConfiguration, ResourceAggregate};
use super::keys::{InstanceKey, JobKey};
use super::protocol::{Set, Struct};
use super::task::TaskQuery;
use super::task_config::SlaPolicy;
use super::update::{JobUpdateKey, JobUpdateQuery, JobUpdateRequest};
use crate::thrift_struct;

/// The arguments of one call.
pub trait Arguments: Struct {
    /// The call.
    const RPC: Rpc;
}

/// The three services, each of which includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Calls that only read and need no authentication.
    ReadOnlyScheduler,
    /// Calls on jobs.
    AuroraSchedulerManager,
    /// Calls on the cluster.
    AuroraAdmin,
}

macro_rules! rpcs {
    ($(
        $(#[$meta:meta])*
        $service:ident $idl:literal => $name:ident { $($arguments:tt)* }
    )+) => {
        /// Every call of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rpc {
            $($(#[$meta])* $name,)+
        }

        impl Rpc {
            /// Every call, in the order of the IDL.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The method's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $idl,)+
                }
            }

            /// The call with this method name, if there is one.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($idl => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The service that declares the call.
            #[must_use]
            pub fn service(self) -> Service {
                match self {
                    $(Self::$name => Service::$service,)+
                }
            }
        }

        $(
            thrift_struct! {
                $(#[$meta])*
                pub struct $name { $($arguments)* }
            }

            impl Arguments for $name {
                const RPC: Rpc = Rpc::$name;
            }
        )+
    };
}

rpcs! {
    /// Lists roles.
    ReadOnlyScheduler "getRoleSummary" => GetRoleSummary {}
    /// Lists jobs with their counts.
    ReadOnlyScheduler "getJobSummary" => GetJobSummary {
        /// A role; all when unset.
        1 "role" => role: String,
    }
    /// Finds tasks.
    ReadOnlyScheduler "getTasksStatus" => GetTasksStatus {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Finds tasks, leaving out what their executors run.
    ReadOnlyScheduler "getTasksWithoutConfigs" => GetTasksWithoutConfigs {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Says why tasks are pending.
    ReadOnlyScheduler "getPendingReason" => GetPendingReason {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Says which instances have which config.
    ReadOnlyScheduler "getConfigSummary" => GetConfigSummary {
        /// The job.
        1 "job" => job: JobKey,
    }
    /// Lists jobs with active tasks, and cron jobs.
    ReadOnlyScheduler "getJobs" => GetJobs {
        /// A role; all when unset.
        1 "ownerRole" => owner_role: String,
    }
    /// Reads quota and consumption.
    ReadOnlyScheduler "getQuota" => GetQuota {
        /// The role.
        1 "ownerRole" => owner_role: String,
    }
    /// Checks a job and fills in its defaults.
    ReadOnlyScheduler "populateJobConfig" => PopulateJobConfig {
        /// The job.
        1 "description" => description: JobConfiguration,
    }
    /// Finds updates.
    ReadOnlyScheduler "getJobUpdateSummaries" => GetJobUpdateSummaries {
        /// Which ones.
        1 "jobUpdateQuery" => job_update_query: JobUpdateQuery,
    }
    /// Finds updates with their history.
    ReadOnlyScheduler "getJobUpdateDetails" => GetJobUpdateDetails {
        /// Deprecated: one update.
        1 "key" => key: JobUpdateKey,
        /// Which ones.
        2 "query" => query: JobUpdateQuery,
    }
    /// Says what an update would do.
    ReadOnlyScheduler "getJobUpdateDiff" => GetJobUpdateDiff {
        /// The update.
        1 "request" => request: JobUpdateRequest,
    }
    /// Lists tiers.
    ReadOnlyScheduler "getTierConfigs" => GetTierConfigs {}
    /// Creates a job.
    AuroraSchedulerManager "createJob" => CreateJob {
        /// The job.
        1 "description" => description: JobConfiguration,
    }
    /// Creates or replaces a cron job.
    AuroraSchedulerManager "scheduleCronJob" => ScheduleCronJob {
        /// The job.
        1 "description" => description: JobConfiguration,
    }
    /// Removes a cron job.
    AuroraSchedulerManager "descheduleCronJob" => DescheduleCronJob {
        /// The job.
        4 "job" => job: JobKey,
    }
    /// Runs a cron job now.
    AuroraSchedulerManager "startCronJob" => StartCronJob {
        /// The job.
        4 "job" => job: JobKey,
    }
    /// Restarts instances.
    AuroraSchedulerManager "restartShards" => RestartShards {
        /// The instances.
        3 "shardIds" => shard_ids: Set<i32>,
        /// The job.
        5 "job" => job: JobKey,
    }
    /// Kills instances.
    AuroraSchedulerManager "killTasks" => KillTasks {
        /// The job.
        4 "job" => job: JobKey,
        /// The instances; all when unset or empty.
        5 "instances" => instances: Set<i32>,
        /// Why, for the record.
        6 "message" => message: String,
    }
    /// Adds instances like a given one.
    AuroraSchedulerManager "addInstances" => AddInstances {
        /// The instance to copy.
        3 "key" => key: InstanceKey,
        /// How many.
        4 "count" => count: i32,
    }
    /// Replaces a cron job.
    AuroraSchedulerManager "replaceCronTemplate" => ReplaceCronTemplate {
        /// The job.
        1 "config" => config: JobConfiguration,
    }
    /// Starts an update.
    AuroraSchedulerManager "startJobUpdate" => StartJobUpdate {
        /// The update.
        1 "request" => request: JobUpdateRequest,
        /// Why, for the record.
        3 "message" => message: String,
    }
    /// Pauses an update.
    AuroraSchedulerManager "pauseJobUpdate" => PauseJobUpdate {
        /// The update.
        1 "key" => key: JobUpdateKey,
        /// Why, for the record.
        3 "message" => message: String,
    }
    /// Resumes an update.
    AuroraSchedulerManager "resumeJobUpdate" => ResumeJobUpdate {
        /// The update.
        1 "key" => key: JobUpdateKey,
        /// Why, for the record.
        3 "message" => message: String,
    }
    /// Gives up an update.
    AuroraSchedulerManager "abortJobUpdate" => AbortJobUpdate {
        /// The update.
        1 "key" => key: JobUpdateKey,
        /// Why, for the record.
        3 "message" => message: String,
    }
    /// Rolls an update back.
    AuroraSchedulerManager "rollbackJobUpdate" => RollbackJobUpdate {
        /// The update.
        1 "key" => key: JobUpdateKey,
        /// Why, for the record.
        2 "message" => message: String,
    }
    /// Tells an update that all is well.
    AuroraSchedulerManager "pulseJobUpdate" => PulseJobUpdate {
        /// The update.
        1 "key" => key: JobUpdateKey,
    }
    /// Sets a quota.
    AuroraAdmin "setQuota" => SetQuota {
        /// The role.
        1 "ownerRole" => owner_role: String,
        /// The quota.
        2 "quota" => quota: ResourceAggregate,
    }
    /// Forces a task into a status.
    AuroraAdmin "forceTaskState" => ForceTaskState {
        /// The task.
        1 "taskId" => task_id: String,
        /// The status.
        2 "status" => status: ScheduleStatus,
    }
    /// Writes a backup.
    AuroraAdmin "performBackup" => PerformBackup {}
    /// Lists backups.
    AuroraAdmin "listBackups" => ListBackups {}
    /// Replaces the state by the staged backup.
    AuroraAdmin "commitRecovery" => CommitRecovery {}
    /// Forgets the staged backup.
    AuroraAdmin "unloadRecovery" => UnloadRecovery {}
    /// Writes a snapshot.
    AuroraAdmin "snapshot" => Snapshot {}
    /// Asks Mesos for all tasks.
    AuroraAdmin "triggerImplicitTaskReconciliation" => TriggerImplicitTaskReconciliation {}
    /// Stages a backup.
    AuroraAdmin "stageRecovery" => StageRecovery {
        /// File name of the backup.
        1 "backupId" => backup_id: String,
    }
    /// Finds tasks in the staged backup.
    AuroraAdmin "queryRecovery" => QueryRecovery {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Removes tasks from the staged backup.
    AuroraAdmin "deleteRecoveryTasks" => DeleteRecoveryTasks {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Removes ended tasks.
    AuroraAdmin "pruneTasks" => PruneTasks {
        /// Which ones.
        1 "query" => query: TaskQuery,
    }
    /// Marks hosts for maintenance.
    AuroraAdmin "startMaintenance" => StartMaintenance {
        /// The hosts.
        1 "hosts" => hosts: Hosts,
    }
    /// Drains hosts.
    AuroraAdmin "drainHosts" => DrainHosts {
        /// The hosts.
        1 "hosts" => hosts: Hosts,
    }
    /// Reads maintenance modes.
    AuroraAdmin "maintenanceStatus" => MaintenanceStatus {
        /// The hosts.
        1 "hosts" => hosts: Hosts,
    }
    /// Puts hosts back into service.
    AuroraAdmin "endMaintenance" => EndMaintenance {
        /// The hosts.
        1 "hosts" => hosts: Hosts,
    }
    /// Drains hosts as the SLA of their tasks allows.
    AuroraAdmin "slaDrainHosts" => SlaDrainHosts {
        /// The hosts.
        1 "hosts" => hosts: Hosts,
        /// For tasks without a policy of their own.
        2 "defaultSlaPolicy" => default_sla_policy: SlaPolicy,
        /// After how many seconds they are drained by force.
        3 "timeoutSecs" => timeout_secs: i64,
    }
    /// Asks Mesos for every known task.
    AuroraAdmin "triggerExplicitTaskReconciliation" => TriggerExplicitTaskReconciliation {
        /// How.
        1 "settings" => settings: ExplicitReconciliationSettings,
    }
}
