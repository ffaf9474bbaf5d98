//! Hosts and their maintenance (`spec/api.md` §1.4).

use super::enums::MaintenanceMode;
use super::protocol::Set;
use super::task_config::SlaPolicy;
use crate::thrift_struct;

thrift_struct! {
    /// A host and its maintenance mode.
    pub struct HostStatus {
        /// The host.
        1 "host" => host: String,
        /// Its mode.
        2 "mode" => mode: MaintenanceMode,
    }
}

thrift_struct! {
    /// Some hosts.
    pub struct Hosts {
        /// Their names.
        1 "hostNames" => host_names: Set<String>,
    }
}

thrift_struct! {
    /// A stored request for maintenance.
    pub struct HostMaintenanceRequest {
        /// The host.
        1 "host" => host: String,
        /// For tasks without a policy of their own.
        2 "defaultSlaPolicy" => default_sla_policy: SlaPolicy,
        /// After how many seconds it is drained by force.
        3 "timeoutSecs" => timeout_secs: i64,
        /// When, in epoch ms.
        4 "createdTimestampMs" => created_timestamp_ms: i64,
    }
}

thrift_struct! {
    /// How to reconcile explicitly.
    pub struct ExplicitReconciliationSettings {
        /// Tasks per batch, above 0.
        1 "batchSize" => batch_size: i32,
    }
}
