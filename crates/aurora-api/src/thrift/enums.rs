//! The enums of the API (`spec/api.md` §1.3).

use crate::thrift_enum;

thrift_enum! {
    /// Whether a call worked.
    pub enum ResponseCode {
        /// The request is at fault.
        0 "INVALID_REQUEST" => InvalidRequest,
        /// It worked.
        1 "OK" => Ok,
        /// The scheduler is at fault, or an argument is missing.
        2 "ERROR" => Error,
        /// Not sent by any scheduler.
        3 "WARNING" => Warning,
        /// The caller may not do that.
        4 "AUTH_FAILED" => AuthFailed,
        /// An active update of the job is in the way.
        5 "JOB_UPDATING_ERROR" => JobUpdatingError,
        /// Not ready yet; worth a retry.
        6 "ERROR_TRANSIENT" => ErrorTransient,
    }
}

thrift_enum! {
    /// Where a host is on its way out of service.
    pub enum MaintenanceMode {
        /// In service.
        1 "NONE" => None,
        /// Avoided by new tasks where possible.
        2 "SCHEDULED" => Scheduled,
        /// Its tasks are being moved away.
        3 "DRAINING" => Draining,
        /// It runs nothing.
        4 "DRAINED" => Drained,
    }
}

thrift_enum! {
    /// How a volume is mounted.
    pub enum Mode {
        /// Read-write.
        1 "RW" => Rw,
        /// Read-only.
        2 "RO" => Ro,
    }
}

thrift_enum! {
    /// What a cron job does when its last run still runs.
    pub enum CronCollisionPolicy {
        /// Kills the last run; the default.
        0 "KILL_EXISTING" => KillExisting,
        /// Leaves out the new run.
        1 "CANCEL_NEW" => CancelNew,
        /// Removed upstream: refused, and for stored jobs taken as `CANCEL_NEW`.
        2 "RUN_OVERLAP" => RunOverlap,
    }
}

thrift_enum! {
    /// The scheduler's view of a task. The numbers 8, 10, 14 and 15 are not used.
    pub enum ScheduleStatus {
        /// Waits for an offer.
        0 "PENDING" => Pending,
        /// The executor prepares it.
        1 "STARTING" => Starting,
        /// Runs.
        2 "RUNNING" => Running,
        /// Ended well.
        3 "FINISHED" => Finished,
        /// Ended badly.
        4 "FAILED" => Failed,
        /// Was killed.
        5 "KILLED" => Killed,
        /// Is being killed.
        6 "KILLING" => Killing,
        /// Mesos lost it.
        7 "LOST" => Lost,
        /// Was given to an agent.
        9 "ASSIGNED" => Assigned,
        /// Not stored yet.
        11 "INIT" => Init,
        /// Is being killed to run again.
        12 "RESTARTING" => Restarting,
        /// Is being killed for a more important task.
        13 "PREEMPTING" => Preempting,
        /// Waits out a penalty for failing too often.
        16 "THROTTLED" => Throttled,
        /// Is being killed because its host is drained.
        17 "DRAINING" => Draining,
        /// Its agent cannot be reached.
        18 "PARTITIONED" => Partitioned,
    }
}

thrift_enum! {
    /// Where an update stands.
    pub enum JobUpdateStatus {
        /// Changes instances.
        0 "ROLLING_FORWARD" => RollingForward,
        /// Restores instances.
        1 "ROLLING_BACK" => RollingBack,
        /// Paused on the way forward.
        2 "ROLL_FORWARD_PAUSED" => RollForwardPaused,
        /// Paused on the way back.
        3 "ROLL_BACK_PAUSED" => RollBackPaused,
        /// Done.
        4 "ROLLED_FORWARD" => RolledForward,
        /// Undone.
        5 "ROLLED_BACK" => RolledBack,
        /// Given up by a person.
        6 "ABORTED" => Aborted,
        /// Given up by the scheduler.
        7 "ERROR" => Error,
        /// Failed and was not rolled back.
        8 "FAILED" => Failed,
        /// Waits for a pulse on the way forward.
        9 "ROLL_FORWARD_AWAITING_PULSE" => RollForwardAwaitingPulse,
        /// Waits for a pulse on the way back.
        10 "ROLL_BACK_AWAITING_PULSE" => RollBackAwaitingPulse,
    }
}

thrift_enum! {
    /// What an update did to an instance.
    pub enum JobUpdateAction {
        /// Updated it.
        1 "INSTANCE_UPDATED" => InstanceUpdated,
        /// Restored it.
        2 "INSTANCE_ROLLED_BACK" => InstanceRolledBack,
        /// Is updating it.
        3 "INSTANCE_UPDATING" => InstanceUpdating,
        /// Is restoring it.
        4 "INSTANCE_ROLLING_BACK" => InstanceRollingBack,
        /// Could not update it.
        5 "INSTANCE_UPDATE_FAILED" => InstanceUpdateFailed,
        /// Could not restore it.
        6 "INSTANCE_ROLLBACK_FAILED" => InstanceRollbackFailed,
    }
}

thrift_enum! {
    /// What a pulse met.
    pub enum JobUpdatePulseStatus {
        /// An active update.
        1 "OK" => Ok,
        /// No active update.
        2 "FINISHED" => Finished,
    }
}
