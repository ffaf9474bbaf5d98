//! A task as Mesos is asked to run it (`spec/mesos.md` §5.5, §5.6, §5.8).

use aurora_api::amounts::Resources;
use aurora_api::task::{self, Task, TaskConfig, TaskStatus};
use aurora_api::thrift;
use mesos_v1::messages::command_info::Uri;
use mesos_v1::messages::container_info::{DockerInfo, MesosInfo, Type as ContainerType};
use mesos_v1::messages::discovery_info::Visibility;
use mesos_v1::messages::environment::Variable;
use mesos_v1::messages::image::{Appc, Docker, Type as ImageType};
use mesos_v1::messages::volume::Mode;
use mesos_v1::messages::{
    CommandInfo, ContainerInfo, DiscoveryInfo, Environment, ExecutorInfo, Image, Label, Labels, Offer,
    Parameter, Port, Ports, TaskInfo, Volume,
};
use scheduler_core::config::Tiers;

use super::collection::CollectorSettings;
use super::custom_executor::CustomExecutor;
use super::executor::{AURORA_EXECUTOR, ExecutorSettings, TASK_PREFIX};
use super::offer::Revocable;
use super::split::{Shares, TooLittle, split};

/// Where an image is mounted in the sandbox (`TASK_FILESYSTEM_MOUNT_POINT` of `spec/api.md` §1.2).
const TASK_FILESYSTEM: &str = "taskfs";

/// The variable that tells the executor when its task was assigned, in milliseconds since the epoch: it compares its host's clock
/// with it. Ours, not upstream's.
const ASSIGNED_VARIABLE: &str = "AURORA_ASSIGNED_MS";

/// What descriptions of tasks depend on besides the task.
#[derive(Clone, Debug)]
pub struct LaunchSettings {
    /// The built-in executor.
    pub executor: ExecutorSettings,
    /// Which tiers are revocable.
    pub tiers: Tiers,
    /// Which resources they take.
    pub revocable: Revocable,
    /// What collects old task state.
    pub collector: CollectorSettings,
    /// `-cluster_name`, the location in discovery information.
    pub cluster: String,
}

/// Why a task cannot be described.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LaunchError {
    /// The core counted on more than there is.
    #[error(transparent)]
    TooLittle(#[from] TooLittle),
    /// The operator did not say what runs tasks.
    #[error("no executor program is set: start the scheduler with -thermos_executor_path")]
    NoExecutor,
    /// The task's executor is not known here.
    #[error("the executor `{0}` is not configured: add it to the file of -custom_executor_config")]
    UnknownExecutor(String),
    /// The core must assign a task before it launches it.
    #[error("task {0} has no assignment")]
    NotAssigned(String),
}

/// Describes an assigned task, taking its resources from the offer.
///
/// # Errors
/// The offer is too small, or the task's executor is not set up.
pub fn task_info(task: &Task, offer: &Offer, settings: &LaunchSettings) -> Result<TaskInfo, LaunchError> {
    let config = &*task.config;
    let place = task.assignment.as_ref().ok_or_else(|| LaunchError::NotAssigned(task.id.to_string()))?;
    let ports: Vec<u16> = place.ports.values().copied().collect();
    let custom = config.executor.as_ref().and_then(|executor| settings.executor.custom.get(&executor.name));
    let overhead = match (&config.executor, custom) {
        (None, _) => Resources::default(),
        (Some(_), Some(custom)) => custom.overhead,
        (Some(_), None) => settings.executor.overhead,
    };
    let is_revocable = settings.tiers.is_revocable(&config.tier);
    let Shares { task: task_share, executor: executor_share } =
        split(offer, &config.resources, &overhead, &ports, is_revocable, settings.revocable)?;
    let mut info = TaskInfo {
        name: config.job.to_string(),
        task_id: task.id.as_str().into(),
        agent_id: offer.agent_id.clone(),
        resources: task_share,
        labels: Some(labels(config)),
        discovery: settings.executor.discovery.then(|| discovery(task, &settings.cluster)),
        ..TaskInfo::default()
    };
    match (&config.executor, custom) {
        (Some(executor), Some(custom)) => {
            info.executor = Some(ExecutorInfo {
                resources: executor_share,
                ..custom_executor_info(task, &executor.name, custom)
            });
            info.data = Some(thrift::encode_binary(&thrift::AssignedTask::from(task)));
        }
        (Some(executor), None) if &*executor.name == AURORA_EXECUTOR => {
            let path = settings.executor.path.as_deref().ok_or(LaunchError::NoExecutor)?;
            info.executor = Some(ExecutorInfo {
                resources: executor_share,
                ..executor_info(task, path, &settings.executor)
            });
            info.data = Some(thrift::encode_binary(&thrift::AssignedTask::from(task)));
        }
        (Some(executor), None) => return Err(LaunchError::UnknownExecutor(executor.name.to_string())),
        (None, _) => {
            info.container = container(config, mounts(&settings.executor));
            info.command = Some(CommandInfo { shell: Some(false), ..CommandInfo::default() });
        }
    }
    Ok(info)
}

fn labels(config: &TaskConfig) -> Labels {
    let label = |key: String, value: &str| Label { key, value: Some(value.to_owned()) };
    let tier = std::iter::once(label("org.apache.aurora.tier".to_owned(), &config.tier));
    let metadata =
        config.metadata.iter().map(|(key, value)| label(format!("org.apache.aurora.metadata.{key}"), value));
    Labels { labels: tier.chain(metadata).collect() }
}

fn discovery(task: &Task, cluster: &str) -> DiscoveryInfo {
    let job = &task.config.job;
    let ports = task.assignment.iter().flat_map(|place| &place.ports);
    DiscoveryInfo {
        visibility: Visibility::Cluster.into(),
        name: Some(format!("{}.{}.{}", job.name(), job.environment(), job.role())),
        environment: Some(job.environment().to_owned()),
        location: Some(cluster.to_owned()),
        ports: Some(Ports {
            ports: ports
                .map(|(name, number)| Port {
                    number: u32::from(*number),
                    name: Some(name.to_string()),
                    protocol: Some("TCP".to_owned()),
                    ..Port::default()
                })
                .collect(),
        }),
        ..DiscoveryInfo::default()
    }
}

fn executor_info(task: &Task, path: &str, settings: &ExecutorSettings) -> ExecutorInfo {
    let container = container(&task.config, mounts(settings));
    let is_docker = container.as_ref().is_some_and(|container| container.r#type() == ContainerType::Docker);
    let assignment = task.events.iter().rev().find(|event| event.status == TaskStatus::Assigned);
    let variables = assignment.map(|event| Variable {
        name: ASSIGNED_VARIABLE.to_owned(),
        value: Some(event.at.0.to_string()),
        ..Variable::default()
    });
    ExecutorInfo {
        executor_id: format!("{TASK_PREFIX}{}", task.id).into(),
        command: Some(CommandInfo {
            environment: Some(Environment { variables: variables.into_iter().collect() }),
            ..settings.command(path, is_docker, task_files(task))
        }),
        container,
        ..named(task, AURORA_EXECUTOR)
    }
}

fn custom_executor_info(task: &Task, name: &str, custom: &CustomExecutor) -> ExecutorInfo {
    let mut command = custom.command.clone();
    command.uris.extend(task_files(task));
    ExecutorInfo {
        executor_id: format!("{}{}", custom.task_prefix, task.id).into(),
        command: Some(command),
        container: container(&task.config, custom.mounts.clone()),
        ..named(task, name)
    }
}

/// What all executors of a job have in common.
fn named(task: &Task, name: &str) -> ExecutorInfo {
    let job = &task.config.job;
    let source = format!("{}.{}.{}.{}", job.role(), job.environment(), job.name(), task.instance);
    let label = Label { key: "source".to_owned(), value: Some(source.clone()) };
    ExecutorInfo {
        name: Some(name.to_owned()),
        labels: Some(Labels { labels: vec![label] }),
        source: Some(source),
        ..ExecutorInfo::default()
    }
}

/// What the job wants to find in the sandbox.
fn task_files(task: &Task) -> impl Iterator<Item = Uri> + '_ {
    task.config.fetcher_uris.iter().map(|uri| Uri {
        value: uri.value.to_string(),
        executable: Some(false),
        extract: Some(uri.extract),
        cache: Some(uri.cache),
        output_file: uri.output_file.as_ref().map(ToString::to_string),
    })
}

fn mounts(settings: &ExecutorSettings) -> Vec<Volume> {
    settings.mounts.iter().map(super::executor::Mount::volume).collect()
}

fn container(config: &TaskConfig, mounts: Vec<Volume>) -> Option<ContainerInfo> {
    match &config.container {
        task::Container::Mesos { image: None, .. } => None,
        task::Container::Mesos { image: Some(image), volumes } => {
            let own = volumes.iter().map(|volume| Volume {
                container_path: volume.container_path.to_string(),
                host_path: Some(volume.host_path.to_string()),
                mode: if volume.read_only { Mode::Ro } else { Mode::Rw }.into(),
                ..Volume::default()
            });
            let filesystem = Volume {
                container_path: TASK_FILESYSTEM.to_owned(),
                mode: Mode::Ro.into(),
                image: Some(mesos_image(image)),
                ..Volume::default()
            };
            Some(ContainerInfo {
                r#type: ContainerType::Mesos.into(),
                mesos: Some(MesosInfo::default()),
                volumes: mounts.into_iter().chain(own).chain(std::iter::once(filesystem)).collect(),
                ..ContainerInfo::default()
            })
        }
        task::Container::Docker { image, parameters } => Some(ContainerInfo {
            r#type: ContainerType::Docker.into(),
            docker: Some(DockerInfo {
                image: image.to_string(),
                parameters: parameters
                    .iter()
                    .map(|(key, value)| Parameter { key: key.to_string(), value: value.to_string() })
                    .collect(),
                ..DockerInfo::default()
            }),
            volumes: if config.executor.is_some() { mounts } else { Vec::new() },
            ..ContainerInfo::default()
        }),
    }
}

fn mesos_image(image: &task::Image) -> Image {
    match image {
        task::Image::Docker { name, tag } => Image {
            r#type: ImageType::Docker.into(),
            docker: Some(Docker { name: format!("{name}:{tag}"), ..Docker::default() }),
            ..Image::default()
        },
        task::Image::Appc { name, image_id } => Image {
            r#type: ImageType::Appc.into(),
            appc: Some(Appc { name: name.to_string(), id: Some(image_id.to_string()), ..Appc::default() }),
            ..Image::default()
        },
    }
}

#[cfg(test)]
#[path = "task_info_tests.rs"]
mod tests;
