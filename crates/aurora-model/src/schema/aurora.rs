//! What makes a task a job of a cluster (`spec/config.md` §3.2, §3.4 to §3.6).

use super::policy::{
    COORDINATOR_SLA_POLICY, COUNT_SLA_POLICY, METADATA, PARTITION_POLICY, PERCENTAGE_SLA_POLICY,
    UPDATE_CONFIG,
};
use super::table::Constant::{Bool, EmptyList, Entries, Float as Decimal, Int, Text};
use super::table::TypeTable::{Boolean, Choice, Enum, Float, Integer, List, Map, String, Struct};
use super::table::{Constant, EnumTable, FieldTable, Layer, StructTable};
use super::thermos::TASK;

type F = FieldTable;

/// A struct with all its defaults.
const DEFAULTS: Constant = Entries(&[]);
/// `DefaultHealthChecker` and `DefaultLifecycleConfig`: both choose HTTP.
const HTTP: Constant = Entries(&[("http", DEFAULTS)]);

pub(super) static MODE: EnumTable = EnumTable {
    name: "Mode",
    doc: "Whether a volume can be written to.",
    layer: Layer::Aurora,
    values: &["RO", "RW"],
};

pub(super) static MESOS_CONTEXT: StructTable = StructTable {
    name: "MesosContext",
    doc: "What the executor binds as `mesos`.",
    layer: Layer::Aurora,
    fields: &[
        F::required("instance", Integer, "0.7", "Number of the instance, from 0."),
        F::required("hostname", String, "0.10", "Name of the host it runs on."),
    ],
};

pub(super) static HTTP_HEALTH_CHECKER: StructTable = StructTable {
    name: "HttpHealthChecker",
    doc: "Asks the task itself, at its port `health`.",
    layer: Layer::Aurora,
    fields: &[
        F::default("endpoint", String, Text("/health"), "0.11", "Path that is fetched."),
        F::default(
            "expected_response",
            String,
            Text("ok"),
            "0.11",
            "Answer of a healthy task, in any case and trimmed; empty means any.",
        ),
        F::default(
            "expected_response_code",
            Integer,
            Int(0),
            "0.11",
            "Status code of a healthy task; 0 means any.",
        ),
    ],
};

pub(super) static SHELL_HEALTH_CHECKER: StructTable = StructTable {
    name: "ShellHealthChecker",
    doc: "Runs a command; a healthy task makes it succeed.",
    layer: Layer::Aurora,
    fields: &[F::required("shell_command", String, "0.11", "What is run, by `/bin/bash -c`.")],
};

pub(super) static HEALTH_CHECKER_CONFIG: StructTable = StructTable {
    name: "HealthCheckerConfig",
    doc: "How health is found out.",
    layer: Layer::Aurora,
    fields: &[
        F::optional(
            "http",
            Struct(&HTTP_HEALTH_CHECKER),
            "0.11",
            "By HTTP, if the task has a port `health`.",
        ),
        F::optional("shell", Struct(&SHELL_HEALTH_CHECKER), "0.11", "By a command; wins over `http`."),
    ],
};

pub(super) static HEALTH_CHECK_CONFIG: StructTable = StructTable {
    name: "HealthCheckConfig",
    doc: "When and how often health is checked.",
    layer: Layer::Aurora,
    fields: &[
        F::default(
            "health_checker",
            Struct(&HEALTH_CHECKER_CONFIG),
            HTTP,
            "0.11",
            "How health is found out.",
        ),
        F::default(
            "initial_interval_secs",
            Float,
            Decimal(15.0),
            "0.7",
            "Time in which failed checks do not count, in seconds.",
        ),
        F::default("interval_secs", Float, Decimal(10.0), "0.7", "Time between checks, in seconds."),
        F::default(
            "max_consecutive_failures",
            Integer,
            Int(0),
            "0.7",
            "Failed checks in a row that are tolerated.",
        ),
        F::default(
            "min_consecutive_successes",
            Integer,
            Int(1),
            "0.17",
            "Successful checks in a row that make a task healthy.",
        ),
        F::default("timeout_secs", Float, Decimal(1.0), "0.7", "Time a check may take, in seconds."),
    ],
};

pub(super) static HTTP_LIFECYCLE_CONFIG: StructTable = StructTable {
    name: "HttpLifecycleConfig",
    doc: "Asks the task over HTTP to stop before it is killed.",
    layer: Layer::Aurora,
    fields: &[
        F::default("port", String, Text("health"), "post-0.7", "Name of the port."),
        F::default(
            "graceful_shutdown_endpoint",
            String,
            Text("/quitquitquit"),
            "post-0.7",
            "Path of the first request, a POST.",
        ),
        F::default(
            "shutdown_endpoint",
            String,
            Text("/abortabortabort"),
            "post-0.7",
            "Path of the second request, a POST.",
        ),
        F::default(
            "graceful_shutdown_wait_secs",
            Integer,
            Int(5),
            "0.19",
            "Time after the first request, in seconds.",
        ),
        F::default(
            "shutdown_wait_secs",
            Integer,
            Int(5),
            "0.19",
            "Time after the second request, in seconds.",
        ),
    ],
};

pub(super) static LIFECYCLE_CONFIG: StructTable = StructTable {
    name: "LifecycleConfig",
    doc: "How a task is told to stop.",
    layer: Layer::Aurora,
    fields: &[F::optional(
        "http",
        Struct(&HTTP_LIFECYCLE_CONFIG),
        "post-0.7",
        "Over HTTP; unset means by signals only.",
    )],
};

pub(super) static ANNOUNCER: StructTable = StructTable {
    name: "Announcer",
    doc: "Registers every running instance in a ServerSet.",
    layer: Layer::Aurora,
    fields: &[
        F::default(
            "primary_port",
            String,
            Text("http"),
            "0.7",
            "Name of the port that is announced as the service's.",
        ),
        F::default(
            "portmap",
            Map(&String, &String),
            Entries(&[("aurora", Text("{{primary_port}}"))]),
            "0.7",
            "Other names for ports, or fixed port numbers on dedicated hosts.",
        ),
        F::optional("zk_path", String, "0.12", "ZooKeeper path to use instead; the executor must allow it."),
    ],
};

pub(super) static PARAMETER: StructTable = StructTable {
    name: "Parameter",
    doc: "An option of the docker program.",
    layer: Layer::Aurora,
    fields: &[
        F::required("name", String, "post-0.7", "Long name of the option, without dashes."),
        F::required("value", String, "post-0.7", "Its value."),
    ],
};

pub(super) static DOCKER: StructTable = StructTable {
    name: "Docker",
    doc: "Runs the task in a container of the Docker daemon.",
    layer: Layer::Aurora,
    fields: &[
        F::required("image", String, "0.7", "The image."),
        F::default(
            "parameters",
            List(&Struct(&PARAMETER)),
            EmptyList,
            "post-0.7",
            "Options of the docker program, if the scheduler allows them.",
        ),
    ],
};

pub(super) static CONTAINER: StructTable = StructTable {
    name: "Container",
    doc: "Older way to say `Docker(...)`.",
    layer: Layer::Aurora,
    fields: &[F::optional("docker", Struct(&DOCKER), "0.7", "The container.")],
};

pub(super) static DOCKER_IMAGE: StructTable = StructTable {
    name: "DockerImage",
    doc: "A Docker image as the file system of a Mesos container.",
    layer: Layer::Aurora,
    fields: &[
        F::required("name", String, "0.14", "Name of the image, perhaps with its registry."),
        F::required("tag", String, "0.14", "Its tag."),
    ],
};

pub(super) static APPC_IMAGE: StructTable = StructTable {
    name: "AppcImage",
    doc: "An AppC image as the file system of a Mesos container.",
    layer: Layer::Aurora,
    fields: &[
        F::required("name", String, "0.14", "Name of the image."),
        F::required("image_id", String, "0.14", "Its id: `sha512-` and the digest."),
    ],
};

pub(super) static VOLUME: StructTable = StructTable {
    name: "Volume",
    doc: "A directory of the host in the container.",
    layer: Layer::Aurora,
    fields: &[
        F::required("container_path", String, "0.18", "Where it is in the container."),
        F::required("host_path", String, "0.18", "Where it is on the host."),
        F::required("mode", Enum(&MODE), "0.18", "Whether it can be written to."),
    ],
};

pub(super) static MESOS: StructTable = StructTable {
    name: "Mesos",
    doc: "Runs the task in a container of Mesos itself.",
    layer: Layer::Aurora,
    fields: &[
        F::optional(
            "image",
            Choice(&[Struct(&APPC_IMAGE), Struct(&DOCKER_IMAGE)]),
            "0.14",
            "Its file system; unset means the host's.",
        ),
        F::default("volumes", List(&Struct(&VOLUME)), EmptyList, "0.18", "Directories of the host."),
    ],
};

pub(super) static EXECUTOR_CONFIG: StructTable = StructTable {
    name: "ExecutorConfig",
    doc: "Which executor runs the task.",
    layer: Layer::Aurora,
    fields: &[
        F::default(
            "name",
            String,
            Text(super::EXECUTOR_NAME),
            "0.20",
            "Name of an executor that the scheduler knows.",
        ),
        F::default("data", String, Text(""), "0.20", "What another executor is given."),
    ],
};

pub(super) static MESOS_TASK_INSTANCE: StructTable = StructTable {
    name: "MesosTaskInstance",
    doc: "One instance of a job, as an executor knows it.",
    layer: Layer::Aurora,
    fields: &[
        F::required("task", Struct(&TASK), "0.7", "What it runs."),
        F::required("instance", Integer, "0.7", "Its number, from 0."),
        F::required("role", String, "0.7", "Account it runs as."),
        F::optional("announce", Struct(&ANNOUNCER), "0.7", "How it is registered."),
        F::required("environment", String, "0.7", "The job's environment."),
        F::default(
            "health_check_config",
            Struct(&HEALTH_CHECK_CONFIG),
            DEFAULTS,
            "0.7",
            "How its health is checked.",
        ),
        F::optional("lifecycle", Struct(&LIFECYCLE_CONFIG), "post-0.7", "How it is told to stop."),
    ],
};

pub(super) static MESOS_JOB: StructTable = StructTable {
    name: "MesosJob",
    doc: "A task, how many instances of it run, where, and under which rules.",
    layer: Layer::Aurora,
    fields: &[
        F::default("name", String, Text("{{task.name}}"), "0.7", "Name of the job; part of its key."),
        F::required("role", String, "0.7", "Account its tasks run as; part of its key."),
        F::required("cluster", String, "0.7", "Cluster it runs on; part of its key."),
        F::required(
            "environment",
            String,
            "0.7",
            "`prod`, `devel`, `test`, `staging` or what the cluster allows; part of its key.",
        ),
        F::required("task", Struct(&TASK), "0.7", "What every instance runs."),
        F::optional("contact", String, "0.7", "Mail address of its owners."),
        F::default("instances", Integer, Int(1), "0.7", "How many instances run."),
        F::optional("announce", Struct(&ANNOUNCER), "0.7", "Registers its instances in a ServerSet."),
        F::optional(
            "tier",
            String,
            "post-0.7",
            "Scheduling tier: `preferred`, `preemptible`, `revocable` or what the cluster has.",
        ),
        F::optional(
            "cron_schedule",
            String,
            "0.7",
            "Makes it a cron job: minute, hour, day of month, month, day of week.",
        ),
        F::default(
            "cron_collision_policy",
            String,
            Text("KILL_EXISTING"),
            "0.7",
            "What a cron run does when the one before still runs: `KILL_EXISTING` or `CANCEL_NEW`.",
        ),
        F::default(
            "update_config",
            Struct(&UPDATE_CONFIG),
            DEFAULTS,
            "0.7",
            "How its instances are updated.",
        ),
        F::optional(
            "constraints",
            Map(&String, &String),
            "0.7",
            "Which hosts it may run on, by attribute: `a,b`, `!a`, `limit:2`.",
        ),
        F::default("metadata", List(&Struct(&METADATA)), EmptyList, "0.19", "Labels."),
        F::default("service", Boolean, Bool(false), "0.7", "Start instances again whenever they end."),
        F::default(
            "max_task_failures",
            Integer,
            Int(1),
            "0.7",
            "Failures of an instance after which it is given up; -1 means never.",
        ),
        F::default("production", Boolean, Bool(false), "0.7", "Older way to choose a tier."),
        F::default("priority", Integer, Int(0), "0.7", "Higher ones preempt lower ones of the same role."),
        F::default(
            "health_check_config",
            Struct(&HEALTH_CHECK_CONFIG),
            DEFAULTS,
            "0.7",
            "How health is checked.",
        ),
        F::default(
            "lifecycle",
            Struct(&LIFECYCLE_CONFIG),
            HTTP,
            "post-0.7",
            "How tasks are told to stop; `DisableLifecycle` turns it off.",
        ),
        F::optional("task_links", Map(&String, &String), "0.7", "Has no effect any more."),
        F::default(
            "executor_config",
            Struct(&EXECUTOR_CONFIG),
            DEFAULTS,
            "0.20",
            "Which executor runs the tasks.",
        ),
        F::default("enable_hooks", Boolean, Bool(false), "0.7", "Call the `hooks` of the file."),
        F::optional(
            "partition_policy",
            Struct(&PARTITION_POLICY),
            "0.20",
            "What happens when an agent is unreachable.",
        ),
        F::optional(
            "sla_policy",
            Choice(&[
                Struct(&COORDINATOR_SLA_POLICY),
                Struct(&COUNT_SLA_POLICY),
                Struct(&PERCENTAGE_SLA_POLICY),
            ]),
            "0.21",
            "What maintenance and updates must keep up.",
        ),
        F::optional(
            "container",
            Choice(&[Struct(&CONTAINER), Struct(&DOCKER), Struct(&MESOS)]),
            "0.7",
            "Which container the tasks run in; unset means the host's file system.",
        ),
    ],
};
