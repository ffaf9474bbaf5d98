//! Descriptions of tasks, against the tables of `spec/mesos.md` §5.

use std::sync::Arc;

use mesos_v1::messages::Resource;

use super::*;
use crate::testing::{assigned_task, config};

fn settings() -> LaunchSettings {
    LaunchSettings {
        executor: ExecutorSettings {
            path: Some("/bin/thermos_executor".to_owned()),
            overhead: aurora_api::amounts::Resources {
                cpus: aurora_api::amounts::MilliCpus(250),
                ram: aurora_api::amounts::Megabytes(128),
                ..Default::default()
            },
            mounts: vec!["/etc:/etc:ro".parse().unwrap()],
            discovery: true,
            ..ExecutorSettings::default()
        },
        tiers: Tiers::default(),
        revocable: Revocable { cpus: true, ram: false },
        cluster: "devcluster".to_owned(),
    }
}

fn offer() -> Offer {
    Offer {
        agent_id: "a1".into(),
        resources: vec![
            Resource::scalar("cpus", 4.0),
            Resource::scalar("mem", 4096.0),
            Resource::scalar("disk", 4096.0),
            Resource::ranges("ports", [(31000, 32000)]),
        ],
        ..Offer::default()
    }
}

#[test]
fn a_task_with_the_built_in_executor() {
    let mut task = assigned_task();
    let mut with_metadata = config();
    with_metadata.metadata.insert((Arc::from("git"), Arc::from("a1")));
    task.config = Arc::new(with_metadata);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    assert_eq!((info.name.as_str(), info.task_id.value.as_str()), ("www/prod/hello", "www-prod-hello-0-x"));
    let labels: Vec<_> =
        info.labels.unwrap().labels.into_iter().map(|label| (label.key, label.value.unwrap())).collect();
    assert_eq!(
        labels,
        [
            ("org.apache.aurora.tier".into(), "preemptible".into()),
            ("org.apache.aurora.metadata.git".into(), "a1".into())
        ]
    );
    let discovery = info.discovery.unwrap();
    assert_eq!(
        (discovery.name.as_deref(), discovery.location.as_deref()),
        (Some("hello.prod.www"), Some("devcluster"))
    );
    assert_eq!(discovery.ports.unwrap().ports[0].number, 31000);
    assert!(info.command.is_none() && info.container.is_none());

    let data: thrift::AssignedTask = thrift::decode_binary(&info.data.unwrap()).unwrap();
    assert_eq!(data.slave_host.as_deref(), Some("h1"));
    assert_eq!(data.assigned_ports.unwrap()["http"], 31000);

    let executor = info.executor.unwrap();
    assert_eq!(executor.executor_id.value, "thermos-www-prod-hello-0-x");
    assert_eq!(executor.name.as_deref(), Some("AuroraExecutor"));
    assert_eq!(executor.source.as_deref(), Some("www.prod.hello.0"));
    assert_eq!(executor.resources.len(), 2);
    assert!(executor.container.is_none() && executor.r#type.is_none() && executor.framework_id.is_none());
}

#[test]
fn an_image_is_mounted_beside_the_sandbox() {
    let mut task = assigned_task();
    let mut image = config();
    image.container = task::Container::Mesos {
        image: Some(task::Image::Docker { name: Arc::from("debian"), tag: Arc::from("12") }),
        volumes: vec![task::Volume {
            container_path: Arc::from("/d"),
            host_path: Arc::from("/h"),
            read_only: false,
        }],
    };
    task.config = Arc::new(image);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let container = info.executor.unwrap().container.unwrap();
    let paths: Vec<_> = container.volumes.iter().map(|volume| volume.container_path.as_str()).collect();
    assert_eq!(paths, ["/etc", "/d", "taskfs"]);
    let docker = container.volumes[2].image.clone().unwrap().docker.unwrap();
    assert_eq!(docker.name, "debian:12");
    assert!(container.mesos.is_some());
}

#[test]
fn docker_runs_alone_or_with_the_executor() {
    let mut task = assigned_task();
    let mut docker = config();
    docker.container = task::Container::Docker {
        image: Arc::from("nginx"),
        parameters: vec![(Arc::from("env"), Arc::from("A=1"))],
    };
    task.config = Arc::new(docker.clone());
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let container = info.executor.unwrap().container.unwrap();
    assert_eq!((container.docker.unwrap().image.as_str(), container.volumes.len()), ("nginx", 1));

    docker.executor = None;
    task.config = Arc::new(docker);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    assert!(info.executor.is_none() && info.data.is_none());
    assert_eq!(info.command.unwrap().shell, Some(false));
    assert!(info.container.unwrap().volumes.is_empty());
}

#[test]
fn what_cannot_be_launched_says_why() {
    let mut no_path = settings();
    no_path.executor.path = None;
    let error = task_info(&assigned_task(), &offer(), &no_path).unwrap_err();
    assert!(error.to_string().contains("-thermos_executor_path"), "{error}");
    let empty = Offer { agent_id: "a1".into(), ..Offer::default() };
    let error = task_info(&assigned_task(), &empty, &settings()).unwrap_err();
    assert_eq!(error.to_string(), "the offer of agent a1 lacks 0.5 cpus");
}
