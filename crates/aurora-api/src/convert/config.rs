//! Task configurations and their parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ConvertError, required, required_text, shared, text};
use crate::amounts::{Megabytes, MilliCpus, Resources};
use crate::ids::JobKey;
use crate::task::{
    Constraint, ConstraintRule, Container, ExecutorConfig, FetcherUri, Image, PartitionPolicy, Percentage,
    SlaPolicy, TaskConfig, Volume,
};
use crate::thrift;

impl TryFrom<&thrift::JobKey> for JobKey {
    type Error = ConvertError;

    fn try_from(key: &thrift::JobKey) -> Result<Self, ConvertError> {
        let part = |text: &Option<String>| text.as_deref().unwrap_or_default().to_owned();
        Ok(Self::new(part(&key.role), part(&key.environment), part(&key.name))?)
    }
}

impl From<&JobKey> for thrift::JobKey {
    fn from(key: &JobKey) -> Self {
        Self {
            role: Some(key.role().to_owned()),
            environment: Some(key.environment().to_owned()),
            name: Some(key.name().to_owned()),
        }
    }
}

impl TryFrom<&thrift::TaskConfig> for TaskConfig {
    type Error = ConvertError;

    fn try_from(wire: &thrift::TaskConfig) -> Result<Self, ConvertError> {
        let (resources, ports) = read_resources(wire.resources.as_deref().unwrap_or_default())?;
        Ok(Self {
            job: JobKey::try_from(required(wire.job.as_ref(), "job")?)?,
            owner: shared(wire.owner.as_ref().and_then(|owner| owner.user.as_ref())),
            is_service: wire.is_service.unwrap_or(false),
            priority: wire.priority.unwrap_or(0),
            max_task_failures: wire.max_task_failures.unwrap_or(0),
            production: wire.production.unwrap_or(false),
            tier: shared(wire.tier.as_ref()).unwrap_or_else(|| Arc::from("")),
            resources,
            ports,
            constraints: each(wire.constraints.as_deref(), Constraint::try_from)?,
            fetcher_uris: each(wire.mesos_fetcher_uris.as_deref(), FetcherUri::try_from)?,
            task_links: wire.task_links.iter().flatten().map(|(k, v)| (arc(k), arc(v))).collect(),
            contact_email: shared(wire.contact_email.as_ref()),
            executor: wire.executor_config.as_ref().map(ExecutorConfig::try_from).transpose()?,
            metadata: each(wire.metadata.as_deref(), read_metadata)?,
            partition_policy: wire.partition_policy.as_ref().map(PartitionPolicy::from),
            sla_policy: wire.sla_policy.as_ref().map(SlaPolicy::try_from).transpose()?,
            container: wire.container.as_ref().map_or_else(
                || Ok(Container::Mesos { image: None, volumes: Vec::new() }),
                Container::try_from,
            )?,
        })
    }
}

impl From<&TaskConfig> for thrift::TaskConfig {
    fn from(config: &TaskConfig) -> Self {
        Self {
            job: Some(thrift::JobKey::from(&config.job)),
            owner: config.owner.as_ref().map(|user| thrift::Identity { user: text(user) }),
            is_service: Some(config.is_service),
            priority: Some(config.priority),
            max_task_failures: Some(config.max_task_failures),
            production: Some(config.production),
            tier: text(&config.tier).filter(|tier| !tier.is_empty()),
            resources: Some(write_resources(&config.resources, &config.ports)),
            constraints: Some(config.constraints.iter().map(thrift::Constraint::from).collect()),
            mesos_fetcher_uris: Some(config.fetcher_uris.iter().map(thrift::MesosFetcherURI::from).collect()),
            task_links: Some(config.task_links.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()),
            contact_email: config.contact_email.as_ref().map(ToString::to_string),
            executor_config: config.executor.as_ref().map(|executor| thrift::ExecutorConfig {
                name: text(&executor.name),
                data: text(&executor.data),
            }),
            metadata: Some(
                config
                    .metadata
                    .iter()
                    .map(|(key, value)| thrift::Metadata { key: text(key), value: text(value) })
                    .collect(),
            ),
            partition_policy: config.partition_policy.map(|policy| thrift::PartitionPolicy {
                reschedule: Some(policy.reschedule),
                delay_secs: Some(policy.delay_secs),
            }),
            sla_policy: config.sla_policy.as_ref().map(thrift::SlaPolicy::from),
            container: Some(thrift::Container::from(&config.container)),
        }
    }
}

fn arc(text: &str) -> Arc<str> {
    Arc::from(text)
}

fn each<'a, W: 'a, T: Ord>(
    wire: Option<&'a [W]>,
    read: impl Fn(&'a W) -> Result<T, ConvertError>,
) -> Result<BTreeSet<T>, ConvertError> {
    wire.unwrap_or_default().iter().map(read).collect()
}

fn read_metadata(pair: &thrift::Metadata) -> Result<(Arc<str>, Arc<str>), ConvertError> {
    let key = required_text(pair.key.as_ref(), "metadata.key")?;
    Ok((key, shared(pair.value.as_ref()).unwrap_or_else(|| Arc::from(""))))
}

/// Reads the set of resources: one amount of each kind, and any number of named ports.
fn read_resources(wire: &[thrift::Resource]) -> Result<(Resources, BTreeSet<Arc<str>>), ConvertError> {
    let (mut resources, mut ports) = (Resources::default(), BTreeSet::new());
    let mut seen = BTreeSet::new();
    for entry in wire {
        let kind = match entry {
            thrift::Resource::NumCpus(cores) => {
                resources.cpus = MilliCpus::from_cores(*cores);
                "numCpus"
            }
            thrift::Resource::RamMb(amount) => {
                resources.ram = Megabytes(*amount);
                "ramMb"
            }
            thrift::Resource::DiskMb(amount) => {
                resources.disk = Megabytes(*amount);
                "diskMb"
            }
            thrift::Resource::NumGpus(count) => {
                resources.gpus = *count;
                "numGpus"
            }
            thrift::Resource::NamedPort(name) => {
                ports.insert(arc(name));
                continue;
            }
        };
        if !seen.insert(kind) {
            return Err(ConvertError::Repeated(kind));
        }
    }
    resources.ports = i64::try_from(ports.len()).unwrap_or(i64::MAX);
    Ok((resources, ports))
}

fn write_resources(resources: &Resources, ports: &BTreeSet<Arc<str>>) -> Vec<thrift::Resource> {
    let mut wire = vec![
        thrift::Resource::NumCpus(resources.cpus.cores()),
        thrift::Resource::RamMb(resources.ram.0),
        thrift::Resource::DiskMb(resources.disk.0),
    ];
    if resources.gpus != 0 {
        wire.push(thrift::Resource::NumGpus(resources.gpus));
    }
    wire.extend(ports.iter().map(|name| thrift::Resource::NamedPort(name.to_string())));
    wire
}

impl TryFrom<&thrift::Constraint> for Constraint {
    type Error = ConvertError;

    fn try_from(wire: &thrift::Constraint) -> Result<Self, ConvertError> {
        let rule = match required(wire.constraint.as_ref(), "constraint")? {
            thrift::TaskConstraint::Value(rule) => ConstraintRule::Value {
                negated: rule.negated.unwrap_or(false),
                values: rule.values.iter().flatten().map(|value| arc(value)).collect(),
            },
            thrift::TaskConstraint::Limit(rule) => ConstraintRule::Limit(rule.limit.unwrap_or(0)),
        };
        Ok(Self { name: required_text(wire.name.as_ref(), "constraint.name")?, rule })
    }
}

impl From<&Constraint> for thrift::Constraint {
    fn from(constraint: &Constraint) -> Self {
        let rule = match &constraint.rule {
            ConstraintRule::Value { negated, values } => {
                thrift::TaskConstraint::Value(thrift::ValueConstraint {
                    negated: Some(*negated),
                    values: Some(values.iter().map(ToString::to_string).collect()),
                })
            }
            ConstraintRule::Limit(limit) => {
                thrift::TaskConstraint::Limit(thrift::LimitConstraint { limit: Some(*limit) })
            }
        };
        Self { name: text(&constraint.name), constraint: Some(rule) }
    }
}

impl TryFrom<&thrift::MesosFetcherURI> for FetcherUri {
    type Error = ConvertError;

    fn try_from(wire: &thrift::MesosFetcherURI) -> Result<Self, ConvertError> {
        Ok(Self {
            value: required_text(wire.value.as_ref(), "mesosFetcherUris.value")?,
            extract: wire.extract.unwrap_or(false),
            cache: wire.cache.unwrap_or(false),
            output_file: shared(wire.output_file.as_ref()),
        })
    }
}

impl From<&FetcherUri> for thrift::MesosFetcherURI {
    fn from(uri: &FetcherUri) -> Self {
        Self {
            value: text(&uri.value),
            extract: Some(uri.extract),
            cache: Some(uri.cache),
            output_file: uri.output_file.as_ref().map(ToString::to_string),
        }
    }
}

impl TryFrom<&thrift::ExecutorConfig> for ExecutorConfig {
    type Error = ConvertError;

    fn try_from(wire: &thrift::ExecutorConfig) -> Result<Self, ConvertError> {
        Ok(Self {
            name: required_text(wire.name.as_ref(), "executorConfig.name")?,
            data: shared(wire.data.as_ref()).unwrap_or_else(|| Arc::from("")),
        })
    }
}

impl From<&thrift::PartitionPolicy> for PartitionPolicy {
    fn from(wire: &thrift::PartitionPolicy) -> Self {
        Self { reschedule: wire.reschedule.unwrap_or(false), delay_secs: wire.delay_secs.unwrap_or(0) }
    }
}

impl TryFrom<&thrift::SlaPolicy> for SlaPolicy {
    type Error = ConvertError;

    fn try_from(wire: &thrift::SlaPolicy) -> Result<Self, ConvertError> {
        Ok(match wire {
            thrift::SlaPolicy::PercentageSlaPolicy(policy) => Self::Percentage {
                percentage: Percentage::new(policy.percentage.unwrap_or(0.0)),
                duration_secs: policy.duration_secs.unwrap_or(0),
            },
            thrift::SlaPolicy::CountSlaPolicy(policy) => Self::Count {
                count: policy.count.unwrap_or(0),
                duration_secs: policy.duration_secs.unwrap_or(0),
            },
            thrift::SlaPolicy::CoordinatorSlaPolicy(policy) => Self::Coordinator {
                url: required_text(policy.coordinator_url.as_ref(), "coordinatorSlaPolicy.coordinatorUrl")?,
                status_key: shared(policy.status_key.as_ref()).unwrap_or_else(|| Arc::from("drain")),
            },
        })
    }
}

impl From<&SlaPolicy> for thrift::SlaPolicy {
    fn from(policy: &SlaPolicy) -> Self {
        match policy {
            SlaPolicy::Percentage { percentage, duration_secs } => {
                Self::PercentageSlaPolicy(thrift::PercentageSlaPolicy {
                    percentage: Some(percentage.value()),
                    duration_secs: Some(*duration_secs),
                })
            }
            SlaPolicy::Count { count, duration_secs } => Self::CountSlaPolicy(thrift::CountSlaPolicy {
                count: Some(*count),
                duration_secs: Some(*duration_secs),
            }),
            SlaPolicy::Coordinator { url, status_key } => {
                Self::CoordinatorSlaPolicy(thrift::CoordinatorSlaPolicy {
                    coordinator_url: text(url),
                    status_key: text(status_key),
                })
            }
        }
    }
}

impl TryFrom<&thrift::Container> for Container {
    type Error = ConvertError;

    fn try_from(wire: &thrift::Container) -> Result<Self, ConvertError> {
        Ok(match wire {
            thrift::Container::Mesos(container) => Self::Mesos {
                image: container.image.as_ref().map(Image::try_from).transpose()?,
                volumes: container
                    .volumes
                    .iter()
                    .flatten()
                    .map(Volume::try_from)
                    .collect::<Result<_, _>>()?,
            },
            thrift::Container::Docker(container) => Self::Docker {
                image: required_text(container.image.as_ref(), "docker.image")?,
                parameters: container
                    .parameters
                    .iter()
                    .flatten()
                    .map(|parameter| {
                        let name = required_text(parameter.name.as_ref(), "docker.parameters.name")?;
                        Ok((name, required_text(parameter.value.as_ref(), "docker.parameters.value")?))
                    })
                    .collect::<Result<_, ConvertError>>()?,
            },
        })
    }
}

impl From<&Container> for thrift::Container {
    fn from(container: &Container) -> Self {
        match container {
            Container::Mesos { image, volumes } => Self::Mesos(thrift::MesosContainer {
                image: image.as_ref().map(thrift::Image::from),
                volumes: Some(volumes.iter().map(thrift::Volume::from).collect()),
            }),
            Container::Docker { image, parameters } => Self::Docker(thrift::DockerContainer {
                image: text(image),
                parameters: Some(
                    parameters
                        .iter()
                        .map(|(name, value)| thrift::DockerParameter { name: text(name), value: text(value) })
                        .collect(),
                ),
            }),
        }
    }
}

impl TryFrom<&thrift::Image> for Image {
    type Error = ConvertError;

    fn try_from(wire: &thrift::Image) -> Result<Self, ConvertError> {
        Ok(match wire {
            thrift::Image::Docker(image) => Self::Docker {
                name: required_text(image.name.as_ref(), "image.docker.name")?,
                tag: required_text(image.tag.as_ref(), "image.docker.tag")?,
            },
            thrift::Image::Appc(image) => Self::Appc {
                name: required_text(image.name.as_ref(), "image.appc.name")?,
                image_id: required_text(image.image_id.as_ref(), "image.appc.imageId")?,
            },
        })
    }
}

impl From<&Image> for thrift::Image {
    fn from(image: &Image) -> Self {
        match image {
            Image::Docker { name, tag } => {
                Self::Docker(thrift::DockerImage { name: text(name), tag: text(tag) })
            }
            Image::Appc { name, image_id } => {
                Self::Appc(thrift::AppcImage { name: text(name), image_id: text(image_id) })
            }
        }
    }
}

impl TryFrom<&thrift::Volume> for Volume {
    type Error = ConvertError;

    fn try_from(wire: &thrift::Volume) -> Result<Self, ConvertError> {
        Ok(Self {
            container_path: required_text(wire.container_path.as_ref(), "volumes.containerPath")?,
            host_path: required_text(wire.host_path.as_ref(), "volumes.hostPath")?,
            read_only: wire.mode != Some(thrift::Mode::Rw),
        })
    }
}

impl From<&Volume> for thrift::Volume {
    fn from(volume: &Volume) -> Self {
        let mode = if volume.read_only { thrift::Mode::Ro } else { thrift::Mode::Rw };
        Self {
            container_path: text(&volume.container_path),
            host_path: text(&volume.host_path),
            mode: Some(mode),
        }
    }
}

/// Port numbers by name, from the wire.
pub(super) fn read_ports(wire: &BTreeMap<String, i32>) -> Result<BTreeMap<Arc<str>, u16>, ConvertError> {
    let read = |(name, number): (&String, &i32)| {
        let number = u16::try_from(*number).map_err(|_| ConvertError::OutOfRange {
            field: "assignedPorts",
            value: i64::from(*number),
            expected: "0 to 65535",
        })?;
        Ok((arc(name), number))
    };
    wire.iter().map(read).collect()
}
