//! What tests make tasks of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::amounts::{Megabytes, MilliCpus, Resources};
use crate::ids::JobKey;
use crate::task::{Container, ExecutorConfig, TaskConfig};

/// A service of 1 core, 1 GB of memory and of disk, with an executor and nothing else.
pub fn service(job: JobKey) -> TaskConfig {
    TaskConfig {
        job,
        owner: None,
        is_service: true,
        priority: 0,
        max_task_failures: 1,
        production: false,
        tier: Arc::from("preemptible"),
        resources: Resources {
            cpus: MilliCpus(1000),
            ram: Megabytes(1024),
            disk: Megabytes(1024),
            ..Resources::default()
        },
        ports: BTreeSet::new(),
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
