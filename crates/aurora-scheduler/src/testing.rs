//! Values that several unit tests need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName, JobKey, TaskId};
use aurora_api::task::{Assignment, Container, ExecutorConfig, Task, TaskConfig, TaskEvent, TaskStatus};

/// A small service with an executor.
pub fn config() -> TaskConfig {
    TaskConfig {
        job: JobKey::new("www", "prod", "hello").unwrap(),
        owner: None,
        is_service: true,
        priority: 0,
        max_task_failures: 1,
        production: false,
        tier: Arc::from("preemptible"),
        resources: Resources {
            cpus: MilliCpus(500),
            ram: Megabytes(64),
            disk: Megabytes(32),
            gpus: 0,
            ports: 1,
        },
        ports: BTreeSet::from([Arc::from("http")]),
        constraints: BTreeSet::new(),
        fetcher_uris: BTreeSet::new(),
        task_links: BTreeMap::new(),
        contact_email: None,
        executor: Some(ExecutorConfig { name: Arc::from("AuroraExecutor"), data: Arc::from("{}") }),
        metadata: BTreeSet::new(),
        partition_policy: None,
        sla_policy: None,
        container: Container::Mesos { image: None, volumes: Vec::new() },
    }
}

/// An assigned task of [`config`].
pub fn assigned_task() -> Task {
    Task {
        id: TaskId::new("www-prod-hello-0-x"),
        instance: 0,
        config: Arc::new(config()),
        status: TaskStatus::Assigned,
        assignment: Some(Assignment {
            agent: AgentId::new("a1"),
            host: HostName::new("h1"),
            ports: BTreeMap::from([(Arc::from("http"), 31000)]),
        }),
        failure_count: 0,
        times_partitioned: 0,
        events: vec![TaskEvent {
            at: Timestamp(1_700_000_000_000),
            status: TaskStatus::Assigned,
            message: None,
            scheduler: Some(Arc::from("s1")),
        }],
        ancestor: None,
    }
}
