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
        collector: CollectorSettings::default(),
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

/// The sum of a task's scalars and the number of its ports, its executor's included.
fn sums(info: &TaskInfo) -> (f64, f64, f64, u64) {
    let executor = info.executor.as_ref().map(|executor| executor.resources.as_slice()).unwrap_or_default();
    let all = || info.resources.iter().chain(executor);
    let scalar = |name: &str| -> f64 {
        all()
            .filter(|entry| entry.name == name)
            .filter_map(|entry| entry.scalar.as_ref())
            .map(|it| it.value)
            .sum()
    };
    let ranges = all().filter_map(|entry| entry.ranges.as_ref()).flat_map(|ranges| &ranges.range);
    let ports = ranges.map(|range| range.end - range.begin + 1).sum();
    (scalar("cpus"), scalar("mem"), scalar("disk"), ports)
}

#[test]
fn sched_135_task_and_executor_share_what_both_need() {
    let mut task = assigned_task();
    let mut config = config();
    config.resources.cpus = aurora_api::amounts::MilliCpus(1000);
    config.resources.ram = aurora_api::amounts::Megabytes(1024);
    config.resources.disk = aurora_api::amounts::Megabytes(1024);
    task.config = Arc::new(config);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    assert_eq!(sums(&info), (1.25, 1152.0, 1024.0, 1));
    let executor = info.executor.unwrap();
    assert_eq!(executor.executor_id.value, "thermos-www-prod-hello-0-x");
    assert_eq!(executor.source.as_deref(), Some("www.prod.hello.0"));
    let label = executor.labels.unwrap().labels.remove(0);
    assert_eq!((label.key.as_str(), label.value.as_deref()), ("source", Some("www.prod.hello.0")));

    let mut without = settings();
    without.executor.overhead = aurora_api::amounts::Resources::default();
    let info = task_info(&task, &offer(), &without).unwrap();
    assert_eq!(sums(&info), (1.0, 1024.0, 1024.0, 1));
    assert!(info.executor.unwrap().resources.is_empty());
}

#[test]
fn sched_136_labels_files_and_discovery() {
    let mut task = assigned_task();
    let mut described = config();
    described.tier = Arc::from("preferred");
    described.metadata.insert((Arc::from("key"), Arc::from("value")));
    described.fetcher_uris.insert(task::FetcherUri {
        value: Arc::from("http://host/file"),
        extract: true,
        cache: true,
        output_file: Some(Arc::from("out")),
    });
    task.config = Arc::new(described.clone());
    task.assignment.as_mut().unwrap().ports = [(Arc::from("http"), 31_080)].into();
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let labels: Vec<_> =
        info.labels.unwrap().labels.into_iter().map(|label| (label.key, label.value.unwrap())).collect();
    assert_eq!(
        labels,
        [
            ("org.apache.aurora.tier".into(), "preferred".into()),
            ("org.apache.aurora.metadata.key".into(), "value".into())
        ]
    );
    let uris = info.executor.unwrap().command.unwrap().uris;
    assert_eq!((uris[0].value.as_str(), uris[0].executable), ("/bin/thermos_executor", Some(true)));
    let own = &uris[1];
    assert_eq!(
        (own.value.as_str(), own.executable, own.extract, own.cache, own.output_file.as_deref()),
        ("http://host/file", Some(false), Some(true), Some(true), Some("out"))
    );
    let discovery = info.discovery.unwrap();
    assert_eq!(discovery.visibility(), Visibility::Cluster);
    assert_eq!(
        (discovery.name.as_deref(), discovery.environment.as_deref(), discovery.location.as_deref()),
        (Some("hello.prod.www"), Some("prod"), Some("devcluster"))
    );
    let port = discovery.ports.unwrap().ports.remove(0);
    assert_eq!(
        (port.name.as_deref(), port.number, port.protocol.as_deref()),
        (Some("http"), 31_080, Some("TCP"))
    );

    let mut off = settings();
    off.executor.discovery = false;
    assert!(task_info(&task, &offer(), &off).unwrap().discovery.is_none());
    described.ports.clear();
    described.resources.ports = 0;
    task.config = Arc::new(described);
    task.assignment.as_mut().unwrap().ports.clear();
    let portless = task_info(&task, &offer(), &settings()).unwrap().discovery.unwrap();
    assert!(portless.ports.is_none_or(|ports| ports.ports.is_empty()));
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
fn sched_138_an_image_is_mounted_beside_the_sandbox() {
    let mut task = assigned_task();
    let mut image = config();
    image.container = task::Container::Mesos {
        image: Some(task::Image::Docker { name: Arc::from("debian"), tag: Arc::from("12") }),
        volumes: vec![task::Volume {
            container_path: Arc::from("/d"),
            host_path: Arc::from("/h"),
            read_only: true,
        }],
    };
    task.config = Arc::new(image.clone());
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let container = info.executor.unwrap().container.unwrap();
    let modes: Vec<_> = container.volumes.iter().map(Volume::mode).collect();
    assert_eq!(modes, [Mode::Ro; 3]);
    assert_eq!(container.volumes[1].host_path.as_deref(), Some("/h"));
    let paths: Vec<_> = container.volumes.iter().map(|volume| volume.container_path.as_str()).collect();
    assert_eq!(paths, ["/etc", "/d", "taskfs"]);
    let docker = container.volumes[2].image.clone().unwrap().docker.unwrap();
    assert_eq!(docker.name, "debian:12");
    assert!(container.mesos.is_some());

    image.container = task::Container::Mesos {
        image: Some(task::Image::Appc { name: Arc::from("n"), image_id: Arc::from("id") }),
        volumes: vec![],
    };
    task.config = Arc::new(image.clone());
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let appc = info.executor.unwrap().container.unwrap().volumes[1].image.clone().unwrap().appc.unwrap();
    assert_eq!((appc.name.as_str(), appc.id.as_deref()), ("n", Some("id")));

    image.container = task::Container::Mesos { image: None, volumes: vec![] };
    task.config = Arc::new(image);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    assert!(info.executor.unwrap().container.is_none());
}

#[test]
fn sched_137_docker_runs_alone_or_with_the_executor() {
    let mut task = assigned_task();
    let mut docker = config();
    docker.container = task::Container::Docker {
        image: Arc::from("nginx"),
        parameters: vec![(Arc::from("label"), Arc::from("x"))],
    };
    task.config = Arc::new(docker.clone());
    let info = task_info(&task, &offer(), &settings()).unwrap();
    let container = info.executor.unwrap().container.unwrap();
    let told = container.docker.unwrap();
    assert_eq!((told.image.as_str(), container.volumes.len()), ("nginx", 1));
    assert_eq!((told.parameters[0].key.as_str(), told.parameters[0].value.as_str()), ("label", "x"));

    docker.executor = None;
    task.config = Arc::new(docker);
    let info = task_info(&task, &offer(), &settings()).unwrap();
    assert!(info.executor.is_none() && info.data.is_none());
    assert_eq!(info.command.unwrap().shell, Some(false));
    let container = info.container.unwrap();
    assert_eq!(container.r#type(), ContainerType::Docker);
    assert!(container.volumes.is_empty() && container.docker.unwrap().parameters.len() == 1);
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

#[test]
fn a_custom_executor_brings_its_command_its_prefix_and_its_share() {
    let mut settings = settings();
    let custom = crate::mesos::custom_executor::CustomExecutor {
        command: CommandInfo {
            value: Some("./mine".to_owned()),
            shell: Some(true),
            ..CommandInfo::default()
        },
        overhead: aurora_api::amounts::Resources {
            cpus: aurora_api::amounts::MilliCpus(100),
            ..Default::default()
        },
        task_prefix: "mine-".to_owned(),
        mounts: Vec::new(),
    };
    settings.executor.custom.insert(Arc::from("mine"), custom);
    let mut task = assigned_task();
    let mut config = config();
    config.executor.as_mut().unwrap().name = Arc::from("mine");
    config.fetcher_uris = [task::FetcherUri {
        value: Arc::from("http://h/data.tgz"),
        extract: true,
        cache: false,
        output_file: None,
    }]
    .into_iter()
    .collect();
    task.config = Arc::new(config);
    let info = task_info(&task, &offer(), &settings).unwrap();
    let executor = info.executor.unwrap();
    assert_eq!(executor.executor_id.value, "mine-www-prod-hello-0-x");
    assert_eq!(executor.name.as_deref(), Some("mine"));
    assert_eq!((executor.resources.len(), executor.resources[0].name.as_str()), (1, "cpus"));
    let command = executor.command.unwrap();
    assert_eq!(command.value.as_deref(), Some("./mine"));
    assert_eq!((command.uris[0].executable, command.uris[0].extract), (Some(false), Some(true)));
    assert!(info.data.is_some());
}
