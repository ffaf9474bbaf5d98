//! Durable changes: what the journal holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::{AgentId, FrameworkId, HostName, TaskId};
use aurora_api::task::Task;

/// One durable change. Replaying all of them over a snapshot gives the state again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Mesos knows us by this id.
    SaveFramework(FrameworkId),
    /// A task is new or changed.
    SaveTask(Arc<Task>),
    /// A task is forgotten.
    RemoveTask(TaskId),
    /// What an agent says of itself.
    SaveHost(Arc<HostAttributes>),
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
