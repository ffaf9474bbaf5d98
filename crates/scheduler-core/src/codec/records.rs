//! The records, field by field, and their counterparts in the domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, InstanceKey, JobKey, TaskId};
use aurora_api::task::{Assignment, Task, TaskConfig, TaskEvent};
use aurora_api::thrift::{self, List, Map, Set};
use aurora_api::{thrift_struct, thrift_union};

use super::{CodecError, FindConfig, TaskRecord};
use crate::operation::{Capacity, ConfigId, Gone, HostAttributes, MaintenanceMode, Operation};
use crate::quota::Quota;
use crate::state::Inconsistent;

thrift_union! {
    /// One operation.
    pub enum StoredOperation {
        /// `Operation::SaveFramework`.
        1 "saveFramework" => SaveFramework(String),
        /// `Operation::SaveConfig`.
        2 "saveConfig" => SaveConfig(StoredConfig),
        /// `Operation::RemoveConfig`.
        3 "removeConfig" => RemoveConfig(i64),
        /// `Operation::SaveTask`.
        4 "saveTask" => SaveTask(StoredTask),
        /// `Operation::RemoveTask`.
        5 "removeTask" => RemoveTask(String),
        /// `Operation::SaveHost`.
        6 "saveHost" => SaveHost(StoredHost),
        /// `Operation::SaveQuota`.
        7 "saveQuota" => SaveQuota(StoredQuota),
    }
}

thrift_struct! {
    /// A task configuration.
    pub struct StoredConfig {
        /// Its id.
        1 "id" => id: i64,
        /// As on the wire.
        2 "config" => config: thrift::TaskConfig,
    }
}

thrift_struct! {
    /// A task; unlike the wire's it names its configuration by id.
    pub struct StoredTask {
        /// Its id.
        1 "id" => id: String,
        /// Its instance.
        2 "instance" => instance: i64,
        /// The id of its configuration.
        3 "config" => config: i64,
        /// Its status.
        4 "status" => status: thrift::ScheduleStatus,
        /// Its agent, once assigned.
        5 "agent" => agent: String,
        /// Its agent's host, once assigned.
        6 "host" => host: String,
        /// Its ports, once assigned.
        7 "ports" => ports: Map<String, i32>,
        /// Failures, those of its ancestors included.
        8 "failureCount" => failure_count: i32,
        /// How often its agent was unreachable.
        9 "timesPartitioned" => times_partitioned: i32,
        /// Its history.
        10 "events" => events: List<thrift::TaskEvent>,
        /// The task it replaces.
        11 "ancestor" => ancestor: String,
    }
}

thrift_struct! {
    /// A host.
    pub struct StoredHost {
        /// Its name.
        1 "host" => host: String,
        /// Its agent.
        2 "agent" => agent: String,
        /// Its attributes.
        3 "attributes" => attributes: Map<String, Set<String>>,
        /// Its mode.
        4 "mode" => mode: thrift::MaintenanceMode,
        /// What it has for tasks of a non-revocable tier.
        5 "regular" => regular: StoredResources,
        /// What it has for tasks of a revocable tier; absent if that is the same.
        6 "revocable" => revocable: StoredResources,
        /// When Mesos gave its agent up, in milliseconds since 1970; absent while it is there.
        7 "goneSince" => gone_since: i64,
        /// What ran there then, as `role/environment/name/instance`.
        8 "ran" => ran: List<String>,
    }
}

thrift_struct! {
    /// Amounts of resources.
    pub struct StoredResources {
        /// Thousandths of a core.
        1 "milliCpus" => milli_cpus: i64,
        /// Memory in MB.
        2 "ramMb" => ram_mb: i64,
        /// Disk in MB.
        3 "diskMb" => disk_mb: i64,
        /// A number.
        4 "gpus" => gpus: i64,
        /// A number.
        5 "ports" => ports: i64,
    }
}

thrift_struct! {
    /// The whole state.
    pub struct Snapshot {
        /// The layout.
        1 "version" => version: i32,
        /// Our registration.
        2 "framework" => framework: String,
        /// Configurations by id.
        3 "configs" => configs: List<StoredConfig>,
        /// Tasks by id.
        4 "tasks" => tasks: List<StoredTask>,
        /// Hosts by name.
        5 "hosts" => hosts: List<StoredHost>,
        /// Quotas by role.
        6 "quotas" => quotas: List<StoredQuota>,
    }
}

thrift_struct! {
    /// A role's quota.
    pub struct StoredQuota {
        /// The role.
        1 "role" => role: String,
        /// Thousandths of a core.
        2 "milliCpus" => milli_cpus: i64,
        /// Memory in MB.
        3 "ramMb" => ram_mb: i64,
        /// Disk in MB.
        4 "diskMb" => disk_mb: i64,
    }
}

impl StoredQuota {
    pub(super) fn new(role: &str, quota: Quota) -> Self {
        Self {
            role: Some(role.to_owned()),
            milli_cpus: Some(quota.cpus.0),
            ram_mb: Some(quota.ram.0),
            disk_mb: Some(quota.disk.0),
        }
    }

    pub(super) fn read(self) -> Result<Operation, CodecError> {
        let quota = Quota {
            cpus: MilliCpus(needed(self.milli_cpus, "milliCpus")?),
            ram: Megabytes(needed(self.ram_mb, "ramMb")?),
            disk: Megabytes(needed(self.disk_mb, "diskMb")?),
        };
        Ok(Operation::SaveQuota { role: Arc::from(needed(self.role, "role")?), quota })
    }
}

impl From<&Operation> for StoredOperation {
    fn from(operation: &Operation) -> Self {
        match operation {
            Operation::SaveFramework(id) => Self::SaveFramework(id.to_string()),
            Operation::SaveConfig { id, config } => Self::SaveConfig(StoredConfig::new(*id, config)),
            Operation::RemoveConfig(id) => Self::RemoveConfig(id.0.cast_signed()),
            Operation::SaveTask { task, config } => Self::SaveTask(StoredTask::new(task, *config)),
            Operation::RemoveTask(id) => Self::RemoveTask(id.to_string()),
            Operation::SaveHost(host) => Self::SaveHost(StoredHost::from(&**host)),
            Operation::SaveQuota { role, quota } => Self::SaveQuota(StoredQuota::new(role, *quota)),
        }
    }
}

impl StoredOperation {
    pub(super) fn read(self, configs: impl FindConfig) -> Result<Operation, CodecError> {
        Ok(match self {
            Self::SaveFramework(id) => Operation::SaveFramework(FrameworkId::new(id)),
            Self::SaveConfig(stored) => {
                let (id, config) = stored.read()?;
                Operation::SaveConfig { id, config }
            }
            Self::RemoveConfig(id) => Operation::RemoveConfig(ConfigId(id.cast_unsigned())),
            Self::SaveTask(stored) => {
                let (task, config) = stored.read(configs)?;
                Operation::SaveTask { task: Arc::new(task), config }
            }
            Self::RemoveTask(id) => Operation::RemoveTask(TaskId::new(id)),
            Self::SaveHost(stored) => Operation::SaveHost(Arc::new(stored.read()?)),
            Self::SaveQuota(stored) => stored.read()?,
        })
    }
}

impl StoredConfig {
    pub(super) fn new(id: ConfigId, config: &TaskConfig) -> Self {
        Self { id: Some(id.0.cast_signed()), config: Some(thrift::TaskConfig::from(config)) }
    }

    pub(super) fn read(self) -> Result<(ConfigId, Arc<TaskConfig>), CodecError> {
        let id = ConfigId(needed(self.id, "id")?.cast_unsigned());
        let config = TaskConfig::try_from(&needed(self.config, "config")?)
            .map_err(|source| CodecError::Config { id, source })?;
        Ok((id, Arc::new(config)))
    }
}

impl StoredTask {
    pub(super) fn new(task: &Task, config: ConfigId) -> Self {
        let place = task.assignment.as_ref();
        let ports = |place: &Assignment| {
            place.ports.iter().map(|(name, port)| (name.to_string(), i32::from(*port))).collect()
        };
        Self {
            id: Some(task.id.to_string()),
            instance: Some(i64::from(task.instance)),
            config: Some(config.0.cast_signed()),
            status: Some(task.status.into()),
            agent: place.map(|place| place.agent.to_string()),
            host: place.map(|place| place.host.to_string()),
            ports: place.map(ports),
            failure_count: Some(task.failure_count),
            times_partitioned: Some(task.times_partitioned),
            events: Some(task.events.iter().map(thrift::TaskEvent::from).collect()),
            ancestor: task.ancestor.as_ref().map(ToString::to_string),
        }
    }

    pub(super) fn read(self, configs: impl FindConfig) -> Result<TaskRecord, CodecError> {
        let id = TaskId::new(needed(self.id, "id")?);
        let config_id = ConfigId(needed(self.config, "config")?.cast_unsigned());
        let unknown =
            || CodecError::Contradiction(Inconsistent::UnknownConfig { task: id.clone(), config: config_id });
        let config = configs(config_id).ok_or_else(unknown)?;
        let instance = needed(self.instance, "instance")?;
        let events: Result<Vec<TaskEvent>, _> =
            self.events.iter().flatten().map(TaskEvent::try_from).collect();
        let assignment = match (self.agent, self.host) {
            (Some(agent), Some(host)) => Some(Assignment {
                agent: AgentId::new(agent),
                host: HostName::new(host),
                ports: read_ports(self.ports.unwrap_or_default())?,
            }),
            _ => None,
        };
        let task = Task {
            instance: u32::try_from(instance)
                .map_err(|_| CodecError::OutOfRange { field: "instance", value: instance })?,
            config,
            status: needed(self.status, "status")?.into(),
            assignment,
            failure_count: self.failure_count.unwrap_or(0),
            times_partitioned: self.times_partitioned.unwrap_or(0),
            events: events.map_err(|source| CodecError::Event { task: id.clone(), source })?,
            ancestor: self.ancestor.map(TaskId::new),
            id,
        };
        Ok((task, config_id))
    }
}

fn read_ports(stored: BTreeMap<String, i32>) -> Result<BTreeMap<Arc<str>, u16>, CodecError> {
    let port = |(name, port): (String, i32)| {
        let number = u16::try_from(port)
            .map_err(|_| CodecError::OutOfRange { field: "ports", value: i64::from(port) })?;
        Ok((Arc::from(name), number))
    };
    stored.into_iter().map(port).collect()
}

impl From<&HostAttributes> for StoredHost {
    fn from(host: &HostAttributes) -> Self {
        let (regular, revocable) = stored_capacity(host.capacity);
        let attributes = host
            .attributes
            .iter()
            .map(|(name, values)| (name.to_string(), values.iter().map(ToString::to_string).collect()));
        Self {
            host: Some(host.host.to_string()),
            agent: Some(host.agent.to_string()),
            attributes: Some(attributes.collect()),
            mode: Some(stored_mode(host.mode)),
            regular,
            revocable,
            gone_since: host.gone.as_ref().map(|gone| gone.since.0),
            ran: host.gone.as_ref().map(|gone| gone.ran.iter().map(ToString::to_string).collect()),
        }
    }
}

impl From<Resources> for StoredResources {
    fn from(resources: Resources) -> Self {
        let Resources { cpus, ram, disk, gpus, ports } = resources;
        Self {
            milli_cpus: Some(cpus.0),
            ram_mb: Some(ram.0),
            disk_mb: Some(disk.0),
            gpus: Some(gpus),
            ports: Some(ports),
        }
    }
}

impl StoredResources {
    fn read(self) -> Result<Resources, CodecError> {
        Ok(Resources {
            cpus: MilliCpus(needed(self.milli_cpus, "milliCpus")?),
            ram: Megabytes(needed(self.ram_mb, "ramMb")?),
            disk: Megabytes(needed(self.disk_mb, "diskMb")?),
            gpus: needed(self.gpus, "gpus")?,
            ports: needed(self.ports, "ports")?,
        })
    }
}

impl StoredHost {
    pub(super) fn read(self) -> Result<HostAttributes, CodecError> {
        let attributes = self.attributes.unwrap_or_default().into_iter();
        Ok(HostAttributes {
            capacity: read_capacity(self.regular, self.revocable)?,
            host: HostName::new(needed(self.host, "host")?),
            agent: AgentId::new(needed(self.agent, "agent")?),
            attributes: attributes
                .map(|(name, values)| (Arc::from(name), values.into_iter().map(Arc::from).collect()))
                .collect(),
            mode: read_mode(needed(self.mode, "mode")?),
            gone: match self.gone_since {
                Some(since) => {
                    let ran = self.ran.into_iter().flatten().map(read_instance);
                    Some(Gone { since: Timestamp(since), ran: ran.collect::<Result<_, _>>()? })
                }
                None => None,
            },
        })
    }
}

fn read_instance(text: String) -> Result<InstanceKey, CodecError> {
    let parts = text.rsplit_once('/').and_then(|(job, instance)| {
        let job: JobKey = job.parse().ok()?;
        Some(job.instance(instance.parse().ok()?))
    });
    parts.ok_or(CodecError::Instance(text))
}

/// A maintenance mode as it is stored.
pub(crate) const fn stored_mode(mode: MaintenanceMode) -> thrift::MaintenanceMode {
    match mode {
        MaintenanceMode::None => thrift::MaintenanceMode::None,
        MaintenanceMode::Scheduled => thrift::MaintenanceMode::Scheduled,
        MaintenanceMode::Draining => thrift::MaintenanceMode::Draining,
        MaintenanceMode::Drained => thrift::MaintenanceMode::Drained,
    }
}

/// A maintenance mode that was stored.
pub(crate) const fn read_mode(mode: thrift::MaintenanceMode) -> MaintenanceMode {
    match mode {
        thrift::MaintenanceMode::None => MaintenanceMode::None,
        thrift::MaintenanceMode::Scheduled => MaintenanceMode::Scheduled,
        thrift::MaintenanceMode::Draining => MaintenanceMode::Draining,
        thrift::MaintenanceMode::Drained => MaintenanceMode::Drained,
    }
}

/// What an agent has as it is stored: for tasks of a non-revocable tier, and for the others if that is not the same.
pub(crate) fn stored_capacity(
    capacity: Option<Capacity>,
) -> (Option<StoredResources>, Option<StoredResources>) {
    let Some(Capacity { regular, revocable }) = capacity else { return (None, None) };
    let other = (revocable != regular).then(|| StoredResources::from(revocable));
    (Some(StoredResources::from(regular)), other)
}

/// What an agent has, as it was stored.
pub(crate) fn read_capacity(
    regular: Option<StoredResources>,
    revocable: Option<StoredResources>,
) -> Result<Option<Capacity>, CodecError> {
    let Some(regular) = regular else { return Ok(None) };
    let regular = regular.read()?;
    let revocable = revocable.map_or(Ok(regular), StoredResources::read)?;
    Ok(Some(Capacity { regular, revocable }))
}

fn needed<T>(value: Option<T>, field: &'static str) -> Result<T, CodecError> {
    value.ok_or(CodecError::Missing(field))
}
