//! The records, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName};
use aurora_api::task::Task;
use aurora_api::thrift::{self, Map, Set};
use aurora_api::thrift_struct;

use super::{Backup, BackupError, Settings};
use crate::codec::{StoredResources, read_capacity, read_mode, stored_capacity, stored_mode};
use crate::operation::HostAttributes;
use crate::quota::Quota;

thrift_struct! {
    /// The whole file: upstream's `Snapshot`.
    pub struct Snapshot {
        /// When it was made.
        1 "timestamp" => timestamp: i64,
        /// Hosts.
        3 "hostAttributes" => hosts: Set<Host>,
        /// Tasks.
        4 "tasks" => tasks: Set<thrift::ScheduledTask>,
        /// About the scheduler.
        6 "schedulerMetadata" => metadata: Metadata,
        /// Quotas.
        8 "quotaConfigurations" => quotas: Set<RoleQuota>,
    }
}

thrift_struct! {
    /// Upstream's `HostAttributes`, and what the agent has.
    pub struct Host {
        /// Its name.
        1 "host" => host: String,
        /// Its attributes.
        2 "attributes" => attributes: Set<thrift::Attribute>,
        /// Its mode.
        3 "mode" => mode: thrift::MaintenanceMode,
        /// Its agent.
        4 "slaveId" => agent: String,
        /// Ours: what it has for tasks of a non-revocable tier.
        101 "regular" => regular: StoredResources,
        /// Ours: what it has for tasks of a revocable tier; absent if that is the same.
        102 "revocable" => revocable: StoredResources,
    }
}

thrift_struct! {
    /// Upstream's `SchedulerMetadata`.
    pub struct Metadata {
        /// The registration with Mesos.
        1 "frameworkId" => framework: String,
        /// Whatever else; ours are the settings.
        8 "details" => details: Map<String, String>,
    }
}

thrift_struct! {
    /// Upstream's `QuotaConfiguration`.
    pub struct RoleQuota {
        /// The role.
        1 "role" => role: String,
        /// What it may take.
        2 "quota" => quota: thrift::ResourceAggregate,
    }
}

impl From<&Backup> for Snapshot {
    fn from(backup: &Backup) -> Self {
        let details = backup.settings.as_ref().map(Settings::details).unwrap_or_default();
        Self {
            timestamp: Some(backup.taken_at.0),
            hosts: Some(backup.hosts.values().map(Host::from).collect()),
            tasks: Some(backup.tasks.iter().map(thrift::ScheduledTask::from).collect()),
            metadata: Some(Metadata {
                framework: backup.framework.as_ref().map(ToString::to_string),
                details: Some(details),
            }),
            quotas: Some(backup.quotas.iter().map(|(role, quota)| RoleQuota::new(role, *quota)).collect()),
        }
    }
}

impl Snapshot {
    pub(super) fn read(self) -> Result<Backup, BackupError> {
        let taken_at = self.timestamp.ok_or(BackupError::Missing("timestamp"))?;
        let metadata = self.metadata.unwrap_or_default();
        let tasks = self.tasks.into_iter().flatten().map(|wire| {
            let id = || wire.assigned_task.as_ref().and_then(|task| task.task_id.clone());
            Task::try_from(&wire).map_err(|source| BackupError::Task { id: id().unwrap_or_default(), source })
        });
        // Hosts without an agent are of a time before upstream stored it; it passes over them too.
        let hosts = self.hosts.into_iter().flatten().filter_map(|host| host.read().transpose());
        Ok(Backup {
            taken_at: Timestamp(taken_at),
            framework: metadata.framework.filter(|id| !id.is_empty()).map(FrameworkId::new),
            tasks: tasks.collect::<Result<_, _>>()?,
            hosts: hosts.collect::<Result<_, _>>()?,
            quotas: self.quotas.into_iter().flatten().filter_map(RoleQuota::read).collect(),
            settings: Settings::read(&metadata.details.unwrap_or_default())?,
        })
    }
}

impl From<&HostAttributes> for Host {
    fn from(host: &HostAttributes) -> Self {
        let attributes = host.attributes.iter().map(|(name, values)| thrift::Attribute {
            name: Some(name.to_string()),
            values: Some(values.iter().map(ToString::to_string).collect()),
        });
        let (regular, revocable) = stored_capacity(host.capacity);
        Self {
            host: Some(host.host.to_string()),
            attributes: Some(attributes.collect()),
            mode: Some(stored_mode(host.mode)),
            agent: Some(host.agent.to_string()),
            regular,
            revocable,
        }
    }
}

impl Host {
    fn read(self) -> Result<Option<(HostName, HostAttributes)>, BackupError> {
        let (Some(name), Some(agent)) = (self.host, self.agent) else { return Ok(None) };
        let capacity = read_capacity(self.regular, self.revocable)
            .map_err(|source| BackupError::Host { host: name.clone(), source })?;
        let mut attributes: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
        for attribute in self.attributes.into_iter().flatten() {
            let (Some(key), Some(values)) = (attribute.name, attribute.values) else { continue };
            attributes.entry(Arc::from(key)).or_default().extend(values.into_iter().map(Arc::from));
        }
        attributes.retain(|_, values| !values.is_empty());
        let host = HostName::new(name);
        let stored = HostAttributes {
            host: host.clone(),
            agent: AgentId::new(agent),
            attributes,
            mode: self.mode.map(read_mode).unwrap_or_default(),
            capacity,
            gone: None,
        };
        Ok(Some((host, stored)))
    }
}

impl RoleQuota {
    fn new(role: &str, quota: Quota) -> Self {
        let resources = vec![
            thrift::Resource::NumCpus(quota.cpus.cores()),
            thrift::Resource::RamMb(quota.ram.0),
            thrift::Resource::DiskMb(quota.disk.0),
        ];
        Self {
            role: Some(role.to_owned()),
            quota: Some(thrift::ResourceAggregate { resources: Some(resources) }),
        }
    }

    fn read(self) -> Option<(Arc<str>, Quota)> {
        let mut quota = Quota::default();
        for resource in self.quota.and_then(|quota| quota.resources).into_iter().flatten() {
            match resource {
                thrift::Resource::NumCpus(cores) => quota.cpus = MilliCpus::from_cores(cores),
                thrift::Resource::RamMb(amount) => quota.ram = Megabytes(amount),
                thrift::Resource::DiskMb(amount) => quota.disk = Megabytes(amount),
                _ => {}
            }
        }
        Some((Arc::from(self.role?), quota))
    }
}
