//! The program itself: `run`, and the verbs that start, crash and stop parts.

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use mesos_v1::messages as v1;
use mesos_v1::messages::executor::event::Type as ExecutorEvent;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::harness::*;

use v1::TaskState::*;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-local"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    // As long as a test takes to have an executor come back, on a busy machine.
    command.env("MESOS_EXECUTOR_REREGISTRATION_TIMEOUT", "90secs");
    command
}

/// Starts `run` and reads its one line.
async fn run(dir: &Path, port: u16) -> (Child, SocketAddr, SocketAddr) {
    run_as(program(), dir, port, Stdio::null()).await
}

async fn run_as(mut program: Command, dir: &Path, port: u16, log: Stdio) -> (Child, SocketAddr, SocketAddr) {
    let mut child = program
        .args(["run", "--executor_shutdown_grace_period=200ms", &format!("--port={port}"), "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("a line").unwrap().unwrap();
    let mut parts = line.split(' ');
    assert_eq!(parts.next(), Some("ready"));
    let mut address = |name: &str| parts.next().unwrap().strip_prefix(name).unwrap().parse().unwrap();
    let (master, agent) = (address("master="), address("agent-1="));
    (child, master, agent)
}

async fn launch(master: SocketAddr, agent: SocketAddr) -> (Scheduler, Executor) {
    let mut scheduler = Scheduler::subscribe_at(master, framework()).await;
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, "t")]).await;
    let mut executor = Executor::at(agent, &scheduler, "t");
    executor.subscribe().await;
    executor.launched().await;
    executor.update("t", TaskRunning).await;
    scheduler.taken(TaskRunning).await;
    (scheduler, executor)
}

#[tokio::test]
async fn it_goes_on_when_the_reader_of_its_log_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = program();
    // It has something to say to everything.
    program.env("RUST_LOG", "trace");
    let (reader, log) = std::io::pipe().unwrap();
    let reading = std::thread::spawn(move || BufRead::lines(std::io::BufReader::new(reader)).next());
    let (mut child, master, agent) = run_as(program, dir.path(), free_port(), log.into()).await;
    assert!(reading.join().unwrap().is_some(), "one line is read, and then nobody reads any more");
    let (_scheduler, _executor) = launch(master, agent).await;
    assert!(child.try_wait().unwrap().is_none());
    signal(&child, Signal::SIGTERM);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), signal).unwrap();
}

#[tokio::test]
async fn run_ends_its_executors_on_sigterm_and_finds_them_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let (mut child, master, agent) = run(dir.path(), port).await;
    let (scheduler, mut executor) = launch(master, agent).await;
    quiet_process(dir.path()).await;
    let before = processes_in(dir.path());

    signal(&child, Signal::SIGKILL);
    child.wait().await.unwrap();
    assert_eq!(processes_in(dir.path()), before);
    let (mut child, master, again) = run_until_recovered(dir.path(), port, &mut executor).await;
    assert_eq!(again, agent, "executors look for the agent where it was");
    let info = v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..framework() };
    let mut scheduler = Scheduler::subscribe_at(master, info).await;
    executor.update("t", TaskRunning).await;
    scheduler.taken(TaskRunning).await;

    signal(&child, Signal::SIGTERM);
    assert_eq!(executor.next().await.r#type(), ExecutorEvent::Shutdown);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    assert!(status.success(), "{status}");
    assert!(processes_in(dir.path()).is_empty(), "nothing is left behind");
}

/// Starts `run` on a directory with an executor, which subscribes again.
async fn run_until_recovered(
    dir: &Path,
    port: u16,
    executor: &mut Executor,
) -> (Child, SocketAddr, SocketAddr) {
    let (started, ()) = tokio::join!(run(dir, port), async {
        executor.subscribe().await;
    });
    started
}

#[tokio::test]
async fn a_second_run_of_a_directory_in_use_says_whose_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (child, ..) = run(dir.path(), free_port()).await;
    let output = program().args(["run", "--port=0", "--dir"]).arg(dir.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("process {} works there", child.id().unwrap())), "{text}");
}

async fn verb(arguments: &[&str], dir: &Path) -> (bool, String) {
    let mut command = program();
    command.arg(arguments[0]).arg(dir).args(&arguments[1..]);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn parts_are_crashed_and_started_again_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let port = free_port();
    let (is_up, text) = verb(&["up", "--agents=1", &format!("--port={port}")], dir).await;
    assert!(is_up, "{text}");
    assert!(text.contains(&format!("agent 1: 127.0.0.1:{} pid ", port + 1)), "{text}");
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let (mut scheduler, mut executor) = launch(at(port), at(port + 1)).await;
    quiet_process(dir).await;

    assert!(verb(&["stop", "1", "--signal=KILL"], dir).await.1.contains("stopped"));
    let (started, ()) = tokio::join!(verb(&["start", "1"], dir), async {
        executor.subscribe().await;
    });
    assert!(started.0, "{}", started.1);
    executor.update("t", TaskRunning).await;
    scheduler.taken(TaskRunning).await;

    assert!(verb(&["stop", "master", "--signal=KILL"], dir).await.0);
    assert!(scheduler.event_or_end().await.is_none());
    assert!(verb(&["start", "master"], dir).await.0);
    let info = v1::FrameworkInfo { id: Some(scheduler.id.clone()), ..framework() };
    let mut scheduler = Scheduler::subscribe_at(at(port), info).await;
    executor.update("t", TaskFinished).await;
    let status = scheduler.update().await;
    assert_eq!(status.state(), TaskFinished);

    assert!(verb(&["stop", "1"], dir).await.0);
    let (is_started, text) = verb(&["start", "1", "--attributes=rack:z"], dir).await;
    assert!(!is_started && text.contains("attribute rack changed from a to z"), "{text}");
    assert!(verb(&["status"], dir).await.1.contains("gone (was pid "));
    assert_eq!(processes_in(dir).len(), 1, "the executor");
    assert!(verb(&["down"], dir).await.0);
    assert!(processes_in(dir).is_empty());
}
