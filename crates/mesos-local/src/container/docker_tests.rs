use super::*;
use crate::resources::parse_resources;

fn docker() -> Docker {
    Docker { config: DockerConfig::default(), work_dir: PathBuf::from("/w") }
}

fn container(info: v1::container_info::DockerInfo) -> v1::ContainerInfo {
    v1::ContainerInfo {
        r#type: v1::container_info::Type::Docker.into(),
        docker: Some(info),
        ..v1::ContainerInfo::default()
    }
}

fn call(container: &v1::ContainerInfo) -> Result<DockerCommand, String> {
    let command = v1::CommandInfo { value: Some("exec run".to_owned()), ..v1::CommandInfo::default() };
    docker().run_command(DockerTask {
        id: "c",
        container,
        command: &command,
        resources: &parse_resources("cpus:0.5;mem:64;ports:[31000-31001]", "*").unwrap(),
        environment: [("PATH", "/bin"), ("SECRET", "s")].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
        sandbox: Path::new("/s"),
    })
}

#[test]
fn the_arguments_are_mesoss_in_its_order() {
    let parameter = |key: &str, value: &str| v1::Parameter { key: key.to_owned(), value: value.to_owned() };
    let info = v1::container_info::DockerInfo {
        image: "registry:5000/team/app".to_owned(),
        parameters: vec![parameter("env", "A=b"), parameter("read-only", "true")],
        ..Default::default()
    };
    let volume = |outside: Option<&str>, inside: &str| v1::Volume {
        container_path: inside.to_owned(),
        host_path: outside.map(str::to_owned),
        mode: v1::volume::Mode::Ro.into(),
        ..v1::Volume::default()
    };
    let wanted = v1::ContainerInfo {
        volumes: vec![volume(Some("/etc/x"), "x"), volume(Some("data"), "/data")],
        ..container(info)
    };
    let DockerCommand { argv, environment } = call(&wanted).unwrap();
    assert_eq!(
        argv.join(" "),
        "docker -H unix:///var/run/docker.sock run --cpu-shares 512 --memory 67108864 -e MESOS_CONTAINER_NAME \
         -e MESOS_SANDBOX -e PATH=/bin -e SECRET -v /etc/x:/mnt/mesos/sandbox/x:ro -v /s/data:/data:ro \
         -v /s:/mnt/mesos/sandbox --net host --entrypoint /bin/sh --label mesos-local.work-dir=/w --name mesos-c \
         --env=A=b --read-only=true registry:5000/team/app:latest -c exec run"
    );
    assert_eq!(environment["SECRET"], "s");
    assert_eq!(environment["MESOS_CONTAINER_NAME"], "mesos-c");
    let both = v1::ContainerInfo { volumes: vec![volume(Some("a"), "b")], ..wanted };
    assert!(call(&both).unwrap_err().contains("both relative"));
}

#[test]
fn networks_and_ports() {
    use v1::container_info::docker_info::{Network, PortMapping};
    let mapped = |port| v1::container_info::DockerInfo {
        image: "a:1".to_owned(),
        network: Some(Network::Bridge.into()),
        port_mappings: vec![PortMapping {
            host_port: port,
            container_port: 80,
            protocol: Some("tcp".to_owned()),
        }],
        ..Default::default()
    };
    let text = call(&container(mapped(31_001))).unwrap().argv.join(" ");
    assert!(text.contains("--net bridge -p 31001:80/tcp") && text.contains(" a:1 "), "{text}");
    assert_eq!(call(&container(mapped(80))).unwrap_err(), "Port mappings require port resources");
    let named = v1::container_info::DockerInfo {
        image: "a".to_owned(),
        parameters: vec![v1::Parameter { key: "network".to_owned(), value: "mine".to_owned() }],
        ..Default::default()
    };
    let text = call(&container(named)).unwrap().argv.join(" ");
    assert!(text.contains("--network=mine") && !text.contains("--net host"), "{text}");
    let forbidden = v1::container_info::DockerInfo {
        image: "a".to_owned(),
        parameters: vec![v1::Parameter { key: "name".to_owned(), value: "x".to_owned() }],
        ..Default::default()
    };
    assert!(call(&container(forbidden)).unwrap_err().contains("'name'"));
}

#[test]
fn an_image_without_a_tag_is_the_latest() {
    assert_eq!(image_with_tag("a"), "a:latest");
    assert_eq!(image_with_tag("r:5000/a"), "r:5000/a:latest");
    assert_eq!(image_with_tag("r:5000/a:1"), "r:5000/a:1");
    assert_eq!(image_with_tag("a@sha256:0"), "a@sha256:0");
}

#[test]
fn only_the_engines_own_failure_is_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("stderr"),
        "x\ndocker: Error response: no such image.\nSee 'docker run --help'.\n",
    )
    .unwrap();
    assert_eq!(
        refusal(Some(125 << 8), dir.path()).as_deref(),
        Some("docker: Error response: no such image.")
    );
    assert_eq!(refusal(Some(9), dir.path()), None);
    assert_eq!(refusal(None, dir.path()), None);
}
