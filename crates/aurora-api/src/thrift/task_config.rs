//! What a task runs and what it needs (`spec/api.md` §1.4).

use super::enums::Mode;
use super::keys::{Constraint, Identity, JobKey, Metadata};
use super::protocol::{List, Map, Set};
use crate::{thrift_struct, thrift_union};

thrift_struct! {
    /// A file that the agent fetches into the sandbox.
    pub struct MesosFetcherURI {
        /// Where it comes from.
        1 "value" => value: String,
        /// Whether an archive is unpacked.
        2 "extract" => extract: bool,
        /// Whether the agent's cache is used.
        3 "cache" => cache: bool,
        /// The name it gets.
        4 "outputFile" => output_file: String,
    }
}

thrift_struct! {
    /// What the executor gets to run.
    pub struct ExecutorConfig {
        /// Name of a configured executor; `AuroraExecutor` always exists.
        1 "name" => name: String,
        /// What it is given; for Thermos a JSON document.
        2 "data" => data: String,
    }
}

thrift_struct! {
    /// A directory of the host seen inside a container.
    pub struct Volume {
        /// Path inside.
        1 "containerPath" => container_path: String,
        /// Path outside.
        2 "hostPath" => host_path: String,
        /// Read-write or read-only.
        3 "mode" => mode: Mode,
    }
}

thrift_struct! {
    /// An image in the docker format, run by the Mesos containerizer.
    pub struct DockerImage {
        /// Repository.
        1 "name" => name: String,
        /// Tag.
        2 "tag" => tag: String,
    }
}

thrift_struct! {
    /// An image in the appc format, run by the Mesos containerizer.
    pub struct AppcImage {
        /// Name.
        1 "name" => name: String,
        /// Image id.
        2 "imageId" => image_id: String,
    }
}

thrift_union! {
    /// Either kind of image.
    pub enum Image {
        /// Docker format.
        1 "docker" => Docker(DockerImage),
        /// Appc format.
        2 "appc" => Appc(AppcImage),
    }
}

thrift_struct! {
    /// The container of the Mesos containerizer.
    pub struct MesosContainer {
        /// The root file system; the host's when unset.
        1 "image" => image: Image,
        /// What is mounted.
        2 "volumes" => volumes: List<Volume>,
    }
}

thrift_struct! {
    /// One parameter for the docker client.
    pub struct DockerParameter {
        /// Name.
        1 "name" => name: String,
        /// Value.
        2 "value" => value: String,
    }
}

thrift_struct! {
    /// A container run by docker.
    pub struct DockerContainer {
        /// Image, needed in practice.
        1 "image" => image: String,
        /// Parameters; the scheduler's defaults when empty.
        2 "parameters" => parameters: List<DockerParameter>,
    }
}

thrift_union! {
    /// What a task is contained in.
    pub enum Container {
        /// The default.
        1 "mesos" => Mesos(MesosContainer),
        /// Docker.
        2 "docker" => Docker(DockerContainer),
    }
}

thrift_union! {
    /// An amount of one resource.
    pub enum Resource {
        /// CPUs, one entry per task.
        1 "numCpus" => NumCpus(f64),
        /// Memory in MB, one entry per task.
        2 "ramMb" => RamMb(i64),
        /// Disk in MB, one entry per task.
        3 "diskMb" => DiskMb(i64),
        /// A port by name, several per task.
        4 "namedPort" => NamedPort(String),
        /// GPUs, one entry per task.
        5 "numGpus" => NumGpus(i64),
    }
}

thrift_struct! {
    /// What happens when the agent of a task is partitioned away.
    pub struct PartitionPolicy {
        /// Whether the task is rescheduled.
        1 "reschedule" => reschedule: bool,
        /// Seconds to wait before.
        2 "delaySecs" => delay_secs: i64,
    }
}

thrift_struct! {
    /// A share of the instances must stay up.
    pub struct PercentageSlaPolicy {
        /// The share, 0 to 100.
        1 "percentage" => percentage: f64,
        /// Seconds an instance must run to count as up.
        2 "durationSecs" => duration_secs: i64,
    }
}

thrift_struct! {
    /// A number of instances must stay up.
    pub struct CountSlaPolicy {
        /// The number.
        1 "count" => count: i64,
        /// Seconds an instance must run to count as up.
        2 "durationSecs" => duration_secs: i64,
    }
}

thrift_struct! {
    /// An outside service decides whether an instance may be stopped.
    pub struct CoordinatorSlaPolicy {
        /// Where it is asked.
        1 "coordinatorUrl" => coordinator_url: String,
        /// The key of its answer that decides; `drain` when unset.
        2 "statusKey" => status_key: String,
    }
}

thrift_union! {
    /// A rule that maintenance and updates must respect.
    pub enum SlaPolicy {
        /// By share.
        1 "percentageSlaPolicy" => PercentageSlaPolicy(PercentageSlaPolicy),
        /// By number.
        2 "countSlaPolicy" => CountSlaPolicy(CountSlaPolicy),
        /// By an outside service.
        3 "coordinatorSlaPolicy" => CoordinatorSlaPolicy(CoordinatorSlaPolicy),
    }
}

thrift_struct! {
    /// What a task runs and what it needs.
    pub struct TaskConfig {
        /// Whether it restarts for ever.
        7 "isService" => is_service: bool,
        /// Order of preemption within a role.
        11 "priority" => priority: i32,
        /// Failures until the task has failed for good; -1 is no limit.
        13 "maxTaskFailures" => max_task_failures: i32,
        /// Deprecated and ignored.
        17 "owner" => owner: Identity,
        /// Deprecated: the tier decides it.
        18 "production" => production: bool,
        /// Where it may run.
        20 "constraints" => constraints: Set<Constraint>,
        /// Links by label; `%host%` and `%port:NAME%` are filled in by viewers.
        22 "taskLinks" => task_links: Map<String, String>,
        /// Whom to write to.
        23 "contactEmail" => contact_email: String,
        /// What runs; required unless the container is docker.
        25 "executorConfig" => executor_config: ExecutorConfig,
        /// Notes.
        27 "metadata" => metadata: Set<Metadata>,
        /// The job the task belongs to.
        28 "job" => job: JobKey,
        /// Where it runs; a Mesos container when absent on the wire.
        29 "container" => container: Container = Container::Mesos(MesosContainer::default()),
        /// Tier; the default tier when unset.
        30 "tier" => tier: String,
        /// What it needs.
        32 "resources" => resources: Set<Resource>,
        /// What the agent fetches first.
        33 "mesosFetcherUris" => mesos_fetcher_uris: Set<MesosFetcherURI>,
        /// What a partition means for it.
        34 "partitionPolicy" => partition_policy: PartitionPolicy,
        /// What maintenance must respect.
        35 "slaPolicy" => sla_policy: SlaPolicy,
    }
}
