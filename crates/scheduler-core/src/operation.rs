//! Durable changes: what the journal holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, InstanceKey, TaskId};
use aurora_api::task::{Task, TaskConfig};

use crate::quota::Quota;

/// Names a stored task configuration. Equal configurations have one id, so it also names the group of pending tasks that
/// are scheduled together (`spec/scheduler.md` §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigId(pub u64);

/// One durable change. Replaying all of them over a snapshot gives the state again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Mesos knows us by this id.
    SaveFramework(FrameworkId),
    /// A configuration that tasks will refer to. Stored once, however many tasks share it.
    SaveConfig {
        /// Its id.
        id: ConfigId,
        /// The configuration.
        config: Arc<TaskConfig>,
    },
    /// No task refers to the configuration any more.
    RemoveConfig(ConfigId),
    /// A task is new or changed.
    SaveTask {
        /// The task.
        task: Arc<Task>,
        /// Its configuration, which an earlier operation saved.
        config: ConfigId,
    },
    /// A task is forgotten.
    RemoveTask(TaskId),
    /// What an agent says of itself.
    SaveHost(Arc<HostAttributes>),
    /// A role's quota is new or changed.
    SaveQuota {
        /// The role.
        role: Arc<str>,
        /// Its quota.
        quota: Quota,
    },
}

/// The attributes of a host, as its last offer had them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAttributes {
    /// The host.
    pub host: HostName,
    /// Its agent.
    pub agent: AgentId,
    /// Name to values.
    pub attributes: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Whether it is in maintenance.
    pub mode: MaintenanceMode,
    /// What there was for us when it last offered something: the offer, and what our tasks there take. Hosts that an older
    /// version stored do not say.
    pub capacity: Option<Capacity>,
    /// Since when its agent is gone, if it is.
    pub gone: Option<Gone>,
}

/// What is known of a host whose agent Mesos has given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// When Mesos told so.
    pub since: Timestamp,
    /// What ran there.
    pub ran: BTreeSet<InstanceKey>,
}

/// What an agent has for us in all. What Mesos cannot revoke is in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// For tasks of a non-revocable tier.
    pub regular: Resources,
    /// For tasks of a revocable tier.
    pub revocable: Resources,
}

/// Maintenance mode of a host (`spec/api.md` §1.3). The numbers are on the wire and on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaintenanceMode {
    /// In service.
    #[default]
    None = 1,
    /// Will be drained; preferred less.
    Scheduled = 2,
    /// Being drained.
    Draining = 3,
    /// Empty.
    Drained = 4,
}
