//! Tasks in containers: the executor starts in images of any kind, and sandbox, ports, environment and kill work in each
//! (`spec/thermos.md` §3.10, §7.3).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::MetadataExt;

use aurora_api::thrift::ScheduleStatus::{Failed, Killed};
use e2e::{Backend, Dockerd, PATIENCE, Testbed, TestbedOptions, events, wait_until};

fn start(backend: Backend, engine: &Dockerd, scheduler_flags: &[&str]) -> Testbed {
    let mesos_flags = vec![
        ("MESOS_CONTAINERIZERS", "docker,mesos".to_owned()),
        ("MESOS_DOCKER_SOCKET", engine.socket().display().to_string()),
    ];
    let flags = ["-allowed_container_types=MESOS,DOCKER", "-allow_docker_parameters=true"]
        .iter()
        .chain(scheduler_flags);
    let options = TestbedOptions {
        mesos_flags,
        scheduler_flags: flags.map(|flag| (*flag).to_owned()).collect(),
        ..TestbedOptions::default()
    };
    Testbed::start_with(backend, options)
}

/// Creates the job `it` of one process in a Docker container.
fn create(testbed: &Testbed, image: &str, parameters: &str, command: &str) {
    let config = format!(
        "main = Process(name = 'main', cmdline = '''{command}''')\n\
         task = SequentialTask(processes = [main], finalization_wait = 5, \
         resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
         jobs = [Job(cluster = 'e2e', role = 'www', environment = 'prod', name = 'it', task = task, \
         container = Docker(image = '{image}', parameters = [{parameters}]))]\n"
    );
    let path = testbed.write_config("it", &config);
    testbed.aurora(&["job", "create", &testbed.key("it"), path.to_str().unwrap()]).expect_code(0);
}

/// What process `main` has written so far.
fn output(testbed: &Testbed) -> String {
    let files = testbed.sandbox_files("stdout");
    let own = files.iter().find(|path| path.to_string_lossy().contains("/.logs/main/"));
    own.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

fn wait_for_output(testbed: &Testbed, line: &str) -> String {
    wait_until(line, PATIENCE, || {
        let output = output(testbed);
        if output.contains(line) { Ok(output) } else { Err(output) }
    })
}

fn a_task_lives_and_ends_in_an_image(backend: Backend, fill: impl Fn(&Dockerd, &str)) {
    let engine = Dockerd::start();
    fill(&engine, "shell");
    let testbed = start(backend, &engine, &["-global_container_mounts=/etc/hostname:/etc/of-the-host:ro"]);
    let command = "echo port {{thermos.ports[http]}}; echo instance {{mesos.instance}}; echo GREETING=$GREETING; \
                   echo in $PWD; echo home $HOME; echo user $(id -u); touch written && echo written; \
                   cat /etc/of-the-host; cat /data/note; echo ready; exec sleep 86397";
    let data = testbed.directory().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("note"), "of the volume\n").unwrap();
    let parameters = format!(
        "Parameter(name = 'env', value = 'GREETING=hello'), Parameter(name = 'volume', value = '{}:/data:ro')",
        data.display()
    );
    create(&testbed, "shell", &parameters, command);
    let tasks = testbed.wait_for_running("it", 1);
    let output = wait_for_output(&testbed, "ready");
    let port = tasks[0].assigned_task.as_ref().unwrap().assigned_ports.as_ref().unwrap()["http"];
    for line in [
        &format!("port {port}"),
        "instance 0",
        "user 0",
        "written",
        "of the volume",
        std::fs::read_to_string("/etc/hostname").unwrap().trim(),
    ] {
        assert!(output.lines().any(|it| it == line), "{line} in {output}");
    }
    assert!(output.lines().any(|it| it.starts_with("in /") && it.ends_with("/sandbox")), "{output}");
    assert_eq!(testbed.sandbox_files("written").len(), 1);
    let containers = engine.running();
    assert!(containers.len() == 1 && containers[0].starts_with("mesos-"), "{containers:?}");
    testbed.aurora(&["job", "killall", &testbed.key("it")]).expect_code(0);
    let tasks = testbed.wait_for_statuses("it", &[(Killed, 1)]);
    assert!(events(&tasks[0]).pop().unwrap().contains("Instructed to kill task."), "{tasks:#?}");
    wait_until("the container to end", PATIENCE, || match engine.running() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

fn an_image_with_glibc(backend: Backend) {
    a_task_lives_and_ends_in_an_image(backend, Dockerd::image_with_glibc);
}

fn an_image_without_glibc(backend: Backend) {
    a_task_lives_and_ends_in_an_image(backend, Dockerd::image_without_glibc);
}

fn an_image_without_bash_is_named(backend: Backend) {
    let engine = Dockerd::start();
    engine.image_without_bash("shell");
    let testbed = start(backend, &engine, &[]);
    create(&testbed, "shell", "", "true");
    let tasks = testbed.wait_for_statuses("it", &[(Failed, 1)]);
    let told = events(&tasks[0]);
    let last = told.last().unwrap();
    assert!(
        last.contains("/bin/bash") && last.contains("there is only /bin/sh") && last.contains("install it"),
        "{told:?}"
    );
}

fn an_image_without_any_shell_is_named(backend: Backend) {
    let engine = Dockerd::start();
    engine.image_without_shell("none");
    let testbed = start(backend, &engine, &[]);
    create(&testbed, "none", "", "true");
    let last = wait_for_failure(&testbed);
    assert!(last.contains("/bin/sh") && last.contains("an image"), "{last}");
}

fn an_image_that_does_not_exist_is_named(backend: Backend) {
    let engine = Dockerd::start();
    let testbed = start(backend, &engine, &[]);
    create(&testbed, "127.0.0.1:1/nosuch:1", "", "true");
    let last = wait_for_failure(&testbed);
    assert!(last.contains("127.0.0.1:1/nosuch:1") && last.contains("check the image's name"), "{last}");
}

fn a_user_of_the_container(backend: Backend) {
    const NOBODY: &str = "65534";
    let engine = Dockerd::start();
    engine.image_without_glibc("shell");
    let testbed = start(backend, &engine, &["-executor_user=nobody"]);
    let user = format!("Parameter(name = 'user', value = '{NOBODY}:{NOBODY}')");
    create(&testbed, "shell", &user, "echo user $(id -u); touch written; echo ready; exec sleep 86397");
    testbed.wait_for_running("it", 1);
    let output = wait_for_output(&testbed, "ready");
    assert!(output.lines().any(|line| line == format!("user {NOBODY}")), "{output}");
    assert_eq!(std::fs::metadata(&testbed.sandbox_files("written")[0]).unwrap().uid().to_string(), NOBODY);
    testbed.aurora(&["job", "killall", &testbed.key("it")]).expect_code(0);
    testbed.wait_for_statuses("it", &[(Killed, 1)]);
}

fn a_user_without_rights_on_the_sandbox_is_told(backend: Backend) {
    let engine = Dockerd::start();
    engine.image_without_glibc("shell");
    let testbed = start(backend, &engine, &[]);
    create(&testbed, "shell", "Parameter(name = 'user', value = 'guest')", "true");
    let last = wait_for_failure(&testbed);
    assert!(last.contains("-executor_user"), "{last}");
}

fn wait_for_failure(testbed: &Testbed) -> String {
    let tasks = testbed.wait_for_statuses("it", &[(Failed, 1)]);
    events(&tasks[0]).pop().unwrap()
}

e2e::on_both_clusters! {
    an_image_with_glibc,
    an_image_without_glibc,
    an_image_without_bash_is_named,
    an_image_without_any_shell_is_named,
    an_image_that_does_not_exist_is_named,
    a_user_of_the_container,
    a_user_without_rights_on_the_sandbox_is_told,
}
