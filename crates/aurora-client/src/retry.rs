//! Which calls are tried again, and how long.

use std::time::Duration;

use aurora_api::thrift::Rpc;

/// How long a call is tried (`spec/cli.md` §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// For how long tries begin.
    pub total: Duration,
    /// The pause between two tries.
    pub pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { total: Duration::from_secs(600), pause: Duration::from_secs(5) }
    }
}

/// Whether a call may be made again when it is not known if it was received.
///
/// Reads, and the two writes that the scheduler recognises when they come twice (`spec/cli.md` §4.5). `getJobSummary`,
/// `getRoleSummary`, `getConfigSummary` and `getPendingReason` are reads that upstream's client does not call.
#[must_use]
pub fn is_idempotent(rpc: Rpc) -> bool {
    matches!(
        rpc,
        Rpc::GetTasksStatus
            | Rpc::GetTasksWithoutConfigs
            | Rpc::GetJobs
            | Rpc::GetJobSummary
            | Rpc::GetRoleSummary
            | Rpc::GetConfigSummary
            | Rpc::GetPendingReason
            | Rpc::GetQuota
            | Rpc::GetTierConfigs
            | Rpc::PopulateJobConfig
            | Rpc::GetJobUpdateDiff
            | Rpc::GetJobUpdateSummaries
            | Rpc::GetJobUpdateDetails
            | Rpc::QueryRecovery
            | Rpc::MaintenanceStatus
            | Rpc::RestartShards
            | Rpc::StartJobUpdate
    )
}
