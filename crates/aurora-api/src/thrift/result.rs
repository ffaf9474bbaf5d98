//! What the calls answer (`spec/api.md` §1.4).

use super::enums::{JobUpdatePulseStatus, ResponseCode};
use super::host::HostStatus;
use super::job::{
    ConfigGroup, ConfigSummary, GetQuotaResult, GetTierConfigResult, JobConfiguration, JobSummary,
    PopulateJobResult, RoleSummary,
};
use super::protocol::{List, Set, Sparse};
use super::task::{PendingReason, ScheduledTask};
use super::update::{JobUpdateDetails, JobUpdateKey, JobUpdateSummary};
use crate::{thrift_struct, thrift_union};

thrift_struct! {
    /// Tasks that match a query.
    pub struct ScheduleStatusResult {
        /// The tasks.
        1 "tasks" => tasks: List<ScheduledTask>,
    }
}

thrift_struct! {
    /// Jobs with active tasks.
    pub struct GetJobsResult {
        /// The jobs.
        1 "configs" => configs: Set<JobConfiguration>,
    }
}

thrift_struct! {
    /// Names of backups.
    pub struct ListBackupsResult {
        /// File names.
        1 "backups" => backups: Set<String>,
    }
}

thrift_struct! {
    /// Hosts after `startMaintenance`.
    pub struct StartMaintenanceResult {
        /// The hosts.
        1 "statuses" => statuses: Set<HostStatus>,
    }
}

thrift_struct! {
    /// Hosts after `drainHosts` or `slaDrainHosts`.
    pub struct DrainHostsResult {
        /// The hosts.
        1 "statuses" => statuses: Set<HostStatus>,
    }
}

thrift_struct! {
    /// Tasks of a staged backup.
    pub struct QueryRecoveryResult {
        /// The tasks.
        1 "tasks" => tasks: Set<ScheduledTask>,
    }
}

thrift_struct! {
    /// Hosts as they are.
    pub struct MaintenanceStatusResult {
        /// The hosts.
        1 "statuses" => statuses: Set<HostStatus>,
    }
}

thrift_struct! {
    /// Hosts after `endMaintenance`.
    pub struct EndMaintenanceResult {
        /// The hosts.
        1 "statuses" => statuses: Set<HostStatus>,
    }
}

thrift_struct! {
    /// All roles.
    pub struct RoleSummaryResult {
        /// The roles.
        1 "summaries" => summaries: Set<RoleSummary>,
    }
}

thrift_struct! {
    /// Jobs with their counts.
    pub struct JobSummaryResult {
        /// The jobs.
        1 "summaries" => summaries: Set<JobSummary>,
    }
}

thrift_struct! {
    /// The configs of a job.
    pub struct ConfigSummaryResult {
        /// The configs.
        1 "summary" => summary: ConfigSummary,
    }
}

thrift_struct! {
    /// Why tasks are pending.
    pub struct GetPendingReasonResult {
        /// The reasons.
        1 "reasons" => reasons: Set<PendingReason>,
    }
}

thrift_struct! {
    /// The update that was started, or stands in the way.
    pub struct StartJobUpdateResult {
        /// Its key.
        1 "key" => key: JobUpdateKey,
        /// The update in short.
        2 "updateSummary" => update_summary: JobUpdateSummary,
    }
}

thrift_struct! {
    /// Updates in short.
    pub struct GetJobUpdateSummariesResult {
        /// The updates, last modified first.
        1 "updateSummaries" => update_summaries: List<JobUpdateSummary>,
    }
}

thrift_struct! {
    /// Updates with their history.
    pub struct GetJobUpdateDetailsResult {
        /// Deprecated: the one update asked for by key.
        1 "details" => details: JobUpdateDetails,
        /// The updates asked for by query.
        2 "detailsList" => details_list: Sparse<List<JobUpdateDetails>>,
    }
}

thrift_struct! {
    /// What a pulse met.
    pub struct PulseJobUpdateResult {
        /// What was met.
        1 "status" => status: JobUpdatePulseStatus,
    }
}

thrift_struct! {
    /// What an update would do.
    pub struct GetJobUpdateDiffResult {
        /// Instances to create.
        1 "add" => add: Set<ConfigGroup>,
        /// Instances to kill.
        2 "remove" => remove: Set<ConfigGroup>,
        /// Instances to replace, with their old configs.
        3 "update" => update: Set<ConfigGroup>,
        /// Instances left alone.
        4 "unchanged" => unchanged: Set<ConfigGroup>,
    }
}

thrift_struct! {
    /// Who answered.
    pub struct ServerInfo {
        /// Name of the cluster.
        1 "clusterName" => cluster_name: String,
        /// Where statistics of jobs are drawn; may be empty.
        3 "statsUrlPrefix" => stats_url_prefix: String,
    }
}

thrift_union! {
    /// The payload of a response.
    pub enum Result {
        /// Of `populateJobConfig`.
        1 "populateJobResult" => PopulateJobResult(PopulateJobResult),
        /// Of `getTasksStatus` and `getTasksWithoutConfigs`.
        3 "scheduleStatusResult" => ScheduleStatusResult(ScheduleStatusResult),
        /// Of `getJobs`.
        4 "getJobsResult" => GetJobsResult(GetJobsResult),
        /// Of `getQuota`.
        5 "getQuotaResult" => GetQuotaResult(GetQuotaResult),
        /// Of `listBackups`.
        6 "listBackupsResult" => ListBackupsResult(ListBackupsResult),
        /// Of `startMaintenance`.
        7 "startMaintenanceResult" => StartMaintenanceResult(StartMaintenanceResult),
        /// Of `drainHosts` and `slaDrainHosts`.
        8 "drainHostsResult" => DrainHostsResult(DrainHostsResult),
        /// Of `queryRecovery`.
        9 "queryRecoveryResult" => QueryRecoveryResult(QueryRecoveryResult),
        /// Of `maintenanceStatus`.
        10 "maintenanceStatusResult" => MaintenanceStatusResult(MaintenanceStatusResult),
        /// Of `endMaintenance`.
        11 "endMaintenanceResult" => EndMaintenanceResult(EndMaintenanceResult),
        /// Of `getRoleSummary`.
        17 "roleSummaryResult" => RoleSummaryResult(RoleSummaryResult),
        /// Of `getJobSummary`.
        18 "jobSummaryResult" => JobSummaryResult(JobSummaryResult),
        /// Of `getConfigSummary`.
        20 "configSummaryResult" => ConfigSummaryResult(ConfigSummaryResult),
        /// Of `getPendingReason`.
        21 "getPendingReasonResult" => GetPendingReasonResult(GetPendingReasonResult),
        /// Of `startJobUpdate`.
        22 "startJobUpdateResult" => StartJobUpdateResult(StartJobUpdateResult),
        /// Of `getJobUpdateSummaries`.
        23 "getJobUpdateSummariesResult" => GetJobUpdateSummariesResult(GetJobUpdateSummariesResult),
        /// Of `getJobUpdateDetails`.
        24 "getJobUpdateDetailsResult" => GetJobUpdateDetailsResult(GetJobUpdateDetailsResult),
        /// Of `pulseJobUpdate`.
        25 "pulseJobUpdateResult" => PulseJobUpdateResult(PulseJobUpdateResult),
        /// Of `getJobUpdateDiff`.
        26 "getJobUpdateDiffResult" => GetJobUpdateDiffResult(GetJobUpdateDiffResult),
        /// Of `getTierConfigs`.
        27 "getTierConfigResult" => GetTierConfigResult(GetTierConfigResult),
    }
}

thrift_struct! {
    /// One message to the caller.
    pub struct ResponseDetail {
        /// The text.
        1 "message" => message: String,
    }
}

thrift_struct! {
    /// What every call answers.
    pub struct Response {
        /// Whether it worked.
        1 "responseCode" => response_code: ResponseCode,
        /// The payload, if the call has one.
        3 "result" => result: Result,
        /// Who answered; absent on refused authentication.
        5 "serverInfo" => server_info: ServerInfo,
        /// Messages, also on success.
        6 "details" => details: List<ResponseDetail>,
    }
}
