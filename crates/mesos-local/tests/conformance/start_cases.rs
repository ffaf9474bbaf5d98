//! Starting executors: many at once, and on machines that lack what most have.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::event::Type as Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::*;

/// As many as an agent of this machine would hardly start in the same moment.
const EXECUTORS: usize = 40;

/// A fetched program must be free to run however many other executors are started while it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_executors_that_start_at_once_all_run_what_was_fetched() {
    let cluster = Cluster::start(1).await;
    let source = cluster.dir.path().join("go");
    // Large, so that it takes a while to write.
    let script = format!("#!/bin/sh\nexit 0\n{}", "#".repeat(1 << 20));
    std::fs::write(&source, script).unwrap();
    std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let tasks = (0..EXECUTORS).map(|i| {
        let mut task = task_with(&offer, &format!("t{i}"), "exec ./go");
        task.resources = vec![v1::Resource::scalar("cpus", 0.01), v1::Resource::scalar("mem", 1.0)];
        let executor = task.executor.as_mut().unwrap();
        executor.resources.clone_from(&task.resources);
        executor.command.as_mut().unwrap().uris = vec![v1::command_info::Uri {
            value: source.display().to_string(),
            executable: Some(true),
            ..Default::default()
        }];
        task
    });
    scheduler.launch(&offer, tasks.collect()).await;
    for _ in 0..EXECUTORS {
        let failure = scheduler.event(Event::Failure).await.failure.unwrap();
        let executor = failure.executor_id.unwrap();
        assert_eq!(failure.status, Some(0), "{executor} ended otherwise than the program it runs");
    }
}

/// Whatever process forks while a program is being written hands the open file on to its child for a moment, and until
/// the child closes it the program cannot be executed (ETXTBSY). So the agent, which forks, must not be the one who writes.
#[tokio::test]
async fn the_agent_holds_no_file_that_is_being_fetched() {
    let cluster = Cluster::start(1).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/go", listener.local_addr().unwrap());
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // An answer that comes before the request would be refused.
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let (first, rest) = ("#!/bin/sh\n", "exit 0\n");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", first.len() + rest.len());
        stream.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
        released.await.unwrap();
        stream.write_all(rest.as_bytes()).await.unwrap();
    });
    let mut scheduler = Scheduler::subscribe(&cluster, framework()).await;
    let offer = scheduler.offer().await;
    let mut task = task_with(&offer, "t", "exec ./go");
    task.executor.as_mut().unwrap().command.as_mut().unwrap().uris =
        vec![v1::command_info::Uri { value: url, executable: Some(true), ..Default::default() }];
    scheduler.launch(&offer, vec![task]).await;
    let file = sandbox(&cluster, &offer, &scheduler, "t").join("go");
    wait_for("half of the file", || async { std::fs::metadata(&file).is_ok_and(|file| file.len() > 0) })
        .await;
    let file = file.canonicalize().unwrap();
    let is_open = |descriptor: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_link(descriptor.unwrap().path()).is_ok_and(|target| target == file)
    };
    // The agent is in this process.
    assert!(!std::fs::read_dir("/proc/self/fd").unwrap().any(is_open), "the agent writes {}", file.display());
    release.send(()).unwrap();
    server.await.unwrap();
    let failure = scheduler.event(Event::Failure).await.failure.unwrap();
    assert_eq!(failure.status, Some(0), "how the program ended");
}

/// A container image, and a fresh installation of some distributions, have none.
#[tokio::test]
async fn a_machine_without_certificates_is_good_enough_for_http() {
    let dir = tempfile::tempdir().unwrap();
    // An agent's port is the next one.
    let port = free_port();
    let mesos_local = |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_mesos-local"));
        command.args(arguments).arg(dir.path());
        command.env("SSL_CERT_FILE", "/nonexistent").env("SSL_CERT_DIR", "/nonexistent");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    };
    let up = mesos_local(&["up", "--agents=1", &format!("--port={port}")]).output();
    let up = tokio::time::timeout(PATIENCE, up).await.expect("an end of `up`").unwrap();
    let down = mesos_local(&["down"]).output();
    tokio::time::timeout(PATIENCE, down).await.expect("an end of `down`").unwrap();
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let log = std::fs::read_to_string(dir.path().join("agent-1.log")).unwrap();
    assert!(log.contains("listens"), "{log}");
    assert!(!log.contains('\u{1b}'), "colours are for terminals: {log}");
}
