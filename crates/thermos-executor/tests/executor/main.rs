//! The built executor against a stub agent: the conformance cases of `spec/thermos.md` §9.5.

#![allow(clippy::unwrap_used, missing_docs)]

mod agent;
mod announce;
mod bare_root;
mod image;
mod self_check;
mod trouble;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use agent::{
    PROGRAM, Rig, assigned, assigned_text, healthy_server, job_of, task_of, wait_for, with_image,
    write_program,
};
use mesos_v1::messages::TaskState::{
    TaskFailed, TaskFinished, TaskKilled, TaskLost, TaskRunning, TaskStarting,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use thermos::checkpoint::{TaskPaths, load};
use thermos::plan::record::TaskState as Checkpointed;

/// Every test runs without rights.
const OWN_USER: &[&str] = &["--nosetuid", "--nosetuid-health-checks"];

const FOREVER: &str = "touch ready; exec sleep 1000";
const STUBBORN: &str = "trap '' TERM; touch ready; while true; do sleep 0.1; done";

fn kill_process(pid: i32) {
    signal_process(pid, Signal::SIGKILL);
}

fn stop_process(pid: i32) {
    signal_process(pid, Signal::SIGSTOP);
}

fn signal_process(pid: i32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// The runner of a rig's task.
fn runner_of(rig: &Rig) -> i32 {
    let paths = TaskPaths::new(rig.folder.path().join("checkpoints"), "t");
    wait_for("the runner", || Some(load(&paths.runner()).ok()?.state.runner()?.pid))
}

/// What is told of a task that ends well.
fn a_good_end() -> [(mesos_v1::messages::TaskState, String); 3] {
    [
        (TaskStarting, String::new()),
        (TaskRunning, "No health-check defined, task is assumed healthy.".to_owned()),
        (TaskFinished, "Task finished.".to_owned()),
    ]
}

#[test]
fn th_89_a_task_that_ends_well() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of("true"));
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.updates(), a_good_end());
}

#[test]
fn th_90_an_instance_instead_of_a_job() {
    let mut rig = Rig::start(OWN_USER);
    let instance = json!({"instance": 0, "role": "nobody", "environment": "devel", "task": job_of(&[json!({"name": "p", "cmdline": "true"})])["task"]});
    rig.launch(assigned(&instance));
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.updates(), a_good_end());
}

#[test]
fn th_91_a_task_that_fails_says_why() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of("echo the database is away >&2; exit 3"));
    let message = rig.wait_state(TaskFailed);
    assert!(
        message.starts_with("Task failed. Process 'p' (run 0) exited with status 3; its output is in "),
        "{message}"
    );
    assert!(message.ends_with("on localhost, stderr ends: the database is away"), "{message}");
    assert_eq!(rig.end(), Some(0));
    let failure = fs::read_to_string(rig.folder.path().join("failure.json")).unwrap();
    let time = serde_json::from_str::<Value>(&failure).unwrap()["time"].as_str().unwrap().to_owned();
    assert!(time.ends_with(" UTC") && time.len() == "2026-01-01 00:00:00 UTC".len(), "{time}");
    assert!(failure.contains("TASK_FAILED"), "{failure}");
}

#[test]
fn th_92_a_kill_is_told_once() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(FOREVER));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    rig.kill("t");
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskKilled]);
    assert_eq!(rig.wait_state(TaskKilled), "Instructed to kill task.");
    assert!(!rig.is_inhabited());
}

#[test]
fn th_93_a_shutdown_kills_the_task() {
    // Time for the task to end by itself, however busy the machine is.
    let mut rig = Rig::start_with(OWN_USER, &[("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5mins")]);
    // Checks are made beside the task all the time, until it is asked to end: not while it does.
    let (command, checks) = (
        "trap 'cp ../checks at-term; sleep 1; cp ../checks at-end; exit' TERM; touch ready; \
         while true; do sleep 0.1; done",
        json!({"shell": {"shell_command": "echo >> checks"}}),
    );
    let mut job = job_of(&[json!({"name": "p", "cmdline": command})]);
    job["task"]["finalization_wait"] = json!(300);
    job["health_check_config"] = json!({"initial_interval_secs": 600, "interval_secs": 0.05, "timeout_secs": 90.0, "health_checker": checks});
    rig.launch(assigned(&job));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    rig.shut_down();
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.wait_state(TaskKilled), "Told to shut down executor.");
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskKilled]);
    let read = |name: &str| fs::read_to_string(rig.sandbox().join(name)).unwrap();
    assert!(!read("at-term").is_empty());
    assert_eq!(read("at-term"), read("at-end"), "a check was made while the task ended");
}

#[test]
fn th_94_a_killed_runner_takes_the_task_along() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(&format!("(setsid sleep 1000 &); {STUBBORN}")));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    kill_process(runner_of(&rig));
    assert!(rig.wait_state(TaskKilled).starts_with("Task killed by signal 9."));
    assert_eq!(rig.end(), Some(0));
    assert!(!rig.is_inhabited(), "something was left behind");
    let paths = TaskPaths::new(rig.folder.path().join("checkpoints"), "t");
    assert_eq!(load(&paths.runner()).unwrap().state.task_state(), Some(Checkpointed::Killed));
    assert!(paths.finished().exists());
}

#[test]
fn th_96_kills_of_others_are_ignored() {
    let mut rig = Rig::start(OWN_USER);
    rig.kill("t");
    rig.launch(task_of("until test -e go; do sleep 0.05; done"));
    rig.wait_state(TaskRunning);
    rig.kill("other");
    fs::write(rig.sandbox().join("go"), "").unwrap();
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.updates(), a_good_end());
    let log = rig.log();
    for id in ["t", "other"] {
        assert!(log.contains(&format!("kill for a task that is not here, ignored task_id={id}\n")), "{log}");
    }
}

#[test]
fn th_97_a_kill_while_the_sandbox_is_made_starts_nothing() {
    let programs = tempfile::tempdir().unwrap();
    let script = programs.path().join("mount");
    let (begun, go) = (programs.path().join("begun"), programs.path().join("go"));
    let text = format!(
        "#!/bin/bash\ntouch {}; until test -e {}; do sleep 0.05; done\n",
        begun.display(),
        go.display()
    );
    write_program(&script, &text);
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    let flags = ["--nosetuid", "--nosetuid-health-checks", "--mesos-containerizer-path=/bin/true"];
    let mut rig = Rig::start_with(&flags, &[("PATH", &path)]);
    fs::create_dir(rig.folder.path().join("taskfs")).unwrap();
    rig.launch(with_image(&job_of(&[json!({"name": "p", "cmdline": FOREVER})])));
    wait_for("the sandbox to be begun", || begun.exists().then_some(()));
    rig.kill("t");
    wait_for("the kill to be heard", || rig.log().contains("kill task_id=t").then_some(()));
    fs::write(&go, "").unwrap();
    assert_eq!(rig.end(), Some(0));
    let told = [(TaskStarting, String::new()), (TaskKilled, "Task killed during initialization.".to_owned())];
    assert_eq!(rig.updates(), told);
    assert!(!rig.is_inhabited());
    let paths = TaskPaths::new(rig.folder.path().join("checkpoints"), "t");
    assert!(!paths.runner().exists() && !paths.active().exists() && !paths.finished().exists());
}

#[test]
fn a_kill_right_behind_the_launch_ends_the_task() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(FOREVER));
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
    let updates = rig.updates();
    assert_eq!(updates.first().map(|(state, _)| *state), Some(TaskStarting));
    let (state, message) = updates.last().unwrap();
    assert_eq!(*state, TaskKilled);
    assert!(
        message == "Task killed during initialization." || message == "Instructed to kill task.",
        "{message}"
    );
    assert!(!rig.is_inhabited());
}

#[test]
fn th_98_undecodable_data() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(vec![1, 2, 3]);
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskFailed]);
    assert!(rig.wait_state(TaskFailed).starts_with("Could not deserialize task."));
}

#[test]
fn th_99_undecodable_executor_data() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(assigned_text("{nope", "nobody", &[]));
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskFailed]);
    let start =
        "Could not deserialize Thermos task from AssignedTask: Could not deserialize thermos config: ";
    assert!(rig.wait_state(TaskFailed).starts_with(start));
}

#[test]
fn th_100_an_unknown_role() {
    let mut rig = Rig::start(&[]);
    rig.launch(assigned_text(
        &job_of(&[json!({"name": "p", "cmdline": "true"})]).to_string(),
        "nosuch-role",
        &[],
    ));
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskFailed]);
    let start =
        "Failed to initialize sandbox: Could not create sandbox because user does not exist: nosuch-role";
    assert!(rig.wait_state(TaskFailed).starts_with(start), "{}", rig.wait_state(TaskFailed));
}

#[test]
fn th_103_a_port_that_was_not_assigned() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of("{{thermos.ports[http]}}"));
    assert_eq!(rig.end(), Some(0));
    let message = rig.wait_state(TaskFailed);
    let start = "Task initialization failed: Task failed: Thermos failed with internal error.";
    assert!(message.starts_with(start) && message.contains("Unbound ports: http"), "{message}");
}

#[test]
fn th_105_a_second_launch_is_lost() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(FOREVER));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    rig.launch_as("t2", task_of("true"));
    assert_eq!(rig.wait_state(TaskLost), "Task already running on this executor: t");
    assert_eq!(rig.told_of("t2"), [TaskLost]);
    assert!(rig.is_inhabited(), "the first goes on");
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.told_of("t"), [TaskStarting, TaskRunning, TaskKilled]);
    assert_eq!(rig.told_of("t2"), [TaskLost]);
}

#[test]
fn th_106_an_executor_without_a_task_gives_up() {
    let begin = Instant::now();
    let mut rig = Rig::start(OWN_USER);
    assert_eq!(rig.end(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(rig.updates().is_empty() && rig.log().contains("Executor timing out."));
}

#[test]
fn th_108_unbound_references() {
    for (command, refs) in [
        ("{{unbound_cmd}} {{unbound}}", "{{unbound_cmd}} {{unbound}}"),
        ("{{hello_{{thermos.ports[health]}}}}", "{{hello_0}}"),
    ] {
        let mut rig = Rig::start(OWN_USER);
        rig.launch(task_of(command));
        assert_eq!(rig.end(), Some(0));
        assert_eq!(rig.states(), [TaskStarting, TaskFailed]);
        let message = rig.wait_state(TaskFailed);
        let expected =
            format!("Unexpected unbound refs: {refs}. Make sure you are not nesting template variables.");
        assert!(message.contains(&expected), "{message}");
    }
}

/// A run directory whose sandbox holds a file of 3 MiB.
fn with_big_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let big = folder.path().join("sandbox/big");
    fs::create_dir(folder.path().join("sandbox")).unwrap();
    fs::write(&big, vec![1; 3 << 20]).unwrap();
    (folder, big)
}

#[test]
fn th_109_a_task_that_takes_too_much_disk() {
    let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
    job["task"]["resources"]["disk"] = json!(1 << 20);
    // There before the first measurement.
    let (folder, big) = with_big_file();
    fs::File::open(&big).unwrap().sync_all().unwrap();
    // Some file systems need a little more than what is in the file.
    let used = fs::metadata(&big).unwrap().blocks() * 512;
    let mut rig = Rig::start_in(folder, OWN_USER, &[]);
    rig.launch(assigned(&job));
    let message = rig.wait_state(TaskFailed);
    assert_eq!(message, format!("Disk limit exceeded.  Reserved 1048576 bytes vs used {used} bytes."));
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskFailed]);
    assert!(!rig.is_inhabited());
}

#[test]
fn th_111_a_shutdown_is_over_before_the_grace() {
    let mut rig = Rig::start(OWN_USER);
    // Without a shutdown it would have all this time, or the minute that a kill gives at most.
    let mut job = job_of(&[json!({"name": "p", "cmdline": STUBBORN})]);
    job["task"]["finalization_wait"] = json!(300);
    rig.launch(assigned(&job));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    let begin = Instant::now();
    rig.shut_down();
    rig.wait_state(TaskKilled);
    // The grace is 5 s. How much of it is kept for the end is in the executor's own tests.
    assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
    assert_eq!(rig.end(), Some(0));
    assert!(!rig.is_inhabited());
}

#[test]
fn th_110_the_first_bad_verdict_stands() {
    // Running or starting, it is over its disk limit from the beginning.
    for (check, states) in [
        (json!({}), vec![TaskStarting, TaskRunning, TaskFailed]),
        (json!({"shell": {"shell_command": "false"}}), vec![TaskStarting, TaskFailed]),
        // It would be healthy a little later.
        (json!({"shell": {"shell_command": "sleep 300"}}), vec![TaskStarting, TaskFailed]),
    ] {
        let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
        job["task"]["resources"]["disk"] = json!(1 << 20);
        job["health_check_config"] =
            json!({"initial_interval_secs": 600, "timeout_secs": 600.0, "health_checker": check});
        let mut rig = Rig::start_in(with_big_file().0, OWN_USER, &[]);
        rig.launch(assigned(&job));
        assert_eq!(rig.end(), Some(0));
        assert_eq!(rig.states(), states);
        assert!(rig.wait_state(TaskFailed).starts_with("Disk limit exceeded."));
    }
}

#[test]
fn th_128_a_shell_check_runs_as_the_role_or_as_the_executor() {
    let own = thermos::os::users::UserDatabase::default()
        .by_uid(nix::unistd::geteuid().as_raw())
        .map(|user| user.name)
        .unwrap();
    // Without rights, the only role that can be had is one's own.
    let role = if own == "root" { "nobody" } else { own.as_str() };
    for (flags, user) in
        [(&[][..], role), (&["--nosetuid-health-checks"][..], &own), (OWN_USER, own.as_str())]
    {
        let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
        let check = json!({"shell": {"shell_command": "id -un; exit 1"}});
        job["health_check_config"] =
            json!({"initial_interval_secs": 0, "timeout_secs": 90.0, "health_checker": check});
        // With both flags nobody is looked up: the role need not exist.
        let role = if flags == OWN_USER { "nosuch-role" } else { role };
        let mut rig = Rig::start(flags);
        rig.launch(assigned_text(&job.to_string(), role, &[]));
        let message = rig.wait_state(TaskFailed);
        assert!(message.ends_with(&format!("with output '{user} '")), "{flags:?}: {message}");
        assert_eq!(rig.end(), Some(0));
    }
}

#[test]
fn a_task_that_takes_long_to_get_healthy_says_why() {
    let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
    let check = json!({"shell": {"shell_command": "echo no database; exit 1"}});
    job["health_check_config"] = json!({
        "initial_interval_secs": 600, "interval_secs": 1, "timeout_secs": 90.0, "health_checker": check,
    });
    let mut rig = Rig::start(OWN_USER);
    rig.launch(assigned(&job));
    let told = wait_for("news", || rig.updates().into_iter().nth(1));
    assert_eq!(told.0, TaskStarting);
    assert!(
        told.1.starts_with("Task is not healthy yet, check ") && told.1.contains(" of at most 601: "),
        "{}",
        told.1
    );
    assert!(told.1.ends_with("with output 'no database '"), "{}", told.1);
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

/// A server on which every request is answered in turn, or not at all, and what was asked for.
fn server_of(
    answers: &'static [bool],
    on_request: impl Fn(usize) + Send + 'static,
) -> (i32, std::sync::mpsc::Receiver<String>) {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = i32::from(server.local_addr().unwrap().port());
    let (sender, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (number, mut connection) in server.incoming().flatten().enumerate() {
            let mut line = String::new();
            let _ = BufReader::new(&connection).read_line(&mut line);
            let _ = sender.send(line.trim().to_owned());
            if answers.get(number) == Some(&true) {
                let _ = connection
                    .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
            on_request(number);
        }
    });
    (port, requests)
}

#[test]
fn th_130_a_task_that_ends_when_asked_gets_no_signal() {
    let mut rig = Rig::start(OWN_USER);
    let go = rig.sandbox().join("go");
    let (port, requests) = server_of(&[false, true], move |number| {
        if number == 1 {
            fs::write(&go, "").unwrap();
        }
    });
    let command = "trap 'touch signalled' TERM; touch ready; until test -e go; do sleep 0.05; done";
    let mut job = job_of(&[json!({"name": "p", "cmdline": command})]);
    job["lifecycle"] =
        json!({"http": {"port": "admin", "graceful_shutdown_wait_secs": 600, "shutdown_wait_secs": 600}});
    rig.launch(assigned_text(&job.to_string(), "nobody", &[("admin", port)]));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    rig.kill("t");
    // Neither wait is sat through: the first request is refused, and the second is obeyed.
    assert_eq!(rig.end(), Some(0));
    let asked: Vec<String> = requests.try_iter().collect();
    assert_eq!(asked, ["POST /quitquitquit HTTP/1.1", "POST /abortabortabort HTTP/1.1"]);
    assert!(!rig.sandbox().join("signalled").exists());
    assert_eq!(rig.wait_state(TaskKilled), "Instructed to kill task.");
}

#[test]
fn th_131_a_task_is_asked_over_http_before_it_is_killed() {
    let (port, requests) = server_of(&[true, true], |_| {});
    let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
    job["lifecycle"] =
        json!({"http": {"port": "admin", "graceful_shutdown_wait_secs": 1, "shutdown_wait_secs": 2}});
    let mut rig = Rig::start(OWN_USER);
    rig.launch(assigned_text(&job.to_string(), "nobody", &[("admin", port)]));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    let begin = Instant::now();
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
    assert!(begin.elapsed() >= Duration::from_secs(3), "both waits are sat through: {:?}", begin.elapsed());
    let asked: Vec<String> = requests.try_iter().collect();
    assert_eq!(asked, ["POST /quitquitquit HTTP/1.1", "POST /abortabortabort HTTP/1.1"]);
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskKilled]);
}

#[test]
fn th_104_an_image_needs_the_containerizer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesos-containerizer");
    let flag = format!("--mesos-containerizer-path={}", path.display());
    let start = "Cannot launch task using a filesystem image: ";
    let missing = format!("{start}mesos_containerizer_path  {} does not exist.", path.display());
    let dead = format!("{start}mesos_containerizer_path  {} is not marked as executable.", path.display());
    for (flag, text) in [
        ("--mesos-containerizer-path=", format!("{start}no mesos_containerizer_path was set.")),
        (&flag, missing),
        (&flag, dead),
    ] {
        let mut rig = Rig::start(&["--nosetuid", flag]);
        rig.launch(with_image(&job_of(&[json!({"name": "p", "cmdline": "true"})])));
        assert_eq!(rig.end(), Some(0));
        assert_eq!(rig.states(), [TaskStarting, TaskFailed]);
        let message = rig.wait_state(TaskFailed);
        assert!(message.starts_with(&text), "{message}");
        // For the next round: there, and not executable.
        if !flag.ends_with('=') {
            fs::write(&path, "").unwrap();
        }
    }
}

#[test]
fn th_112_an_image_can_be_checked_beforehand() {
    let image = tempfile::tempdir().unwrap();
    let check = |root: &std::path::Path| {
        Command::new(PROGRAM).arg("--check").arg(format!("--image-root={}", root.display())).output().unwrap()
    };
    let output = check(image.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("/bin/bash"));
    assert_eq!(check(std::path::Path::new("/")).status.code(), Some(0));
}

#[test]
fn a_healthy_task_runs_and_an_unhealthy_one_fails() {
    let health = |command: &str| {
        let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
        job["health_check_config"] = json!({
            "initial_interval_secs": 0.5, "interval_secs": 0.1, "timeout_secs": 90.0, "max_consecutive_failures": 0,
            "health_checker": {"shell": {"shell_command": command}},
        });
        let rig = Rig::start(OWN_USER);
        rig.launch(assigned(&job));
        rig
    };
    let mut good = health("true");
    assert_eq!(good.wait_state(TaskRunning), "Task is healthy.");
    good.kill("t");
    assert_eq!(good.end(), Some(0));

    let mut bad = health("echo no; exit 4");
    let message = bad.wait_state(TaskFailed);
    assert_eq!(
        message,
        "Failed health check! Command 'echo no; exit 4' returned non-zero exit status 4 with output 'no '"
    );
    assert_eq!(bad.end(), Some(0));
    assert_eq!(bad.states(), [TaskStarting, TaskFailed]);
    assert!(!bad.is_inhabited());
}

#[test]
fn a_snoozed_task_runs_and_its_numbers_say_so() {
    let mut job = job_of(&[json!({"name": "p", "cmdline": format!("touch .healthchecksnooze; {FOREVER}")})]);
    job["health_check_config"] = json!({
        "initial_interval_secs": 600, "interval_secs": 0.05, "timeout_secs": 90.0,
        "health_checker": {"shell": {"shell_command": "exit 1"}},
    });
    let mut rig = Rig::start(OWN_USER);
    rig.launch(assigned(&job));
    assert_eq!(rig.wait_state(TaskRunning), "Task is healthy.");
    let path = rig.sandbox().parent().unwrap().join("executor_vars.json");
    let told: serde_json::Value = wait_for("the numbers", || {
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        (told["health_checker.snoozed"] == 1).then_some(told)
    });
    assert_eq!(told["health_checker.consecutive_failures"], 0);
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn health_is_asked_over_http_where_there_are_no_certificates() {
    let none = [("SSL_CERT_FILE", "/nonexistent/cert.pem"), ("SSL_CERT_DIR", "/nonexistent")];
    let mut rig = Rig::start_with(OWN_USER, &none);
    let mut job = job_of(&[json!({"name": "p", "cmdline": FOREVER})]);
    job["lifecycle"] = json!({});
    job["health_check_config"] = json!({"timeout_secs": 90.0});
    rig.launch(assigned_text(&job.to_string(), "nobody", &[("health", healthy_server())]));
    assert_eq!(rig.wait_state(TaskRunning), "Task is healthy.");
    rig.kill("t");
    assert_eq!(rig.end(), Some(0));
}

#[test]
fn the_task_goes_on_while_the_agent_restarts() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of("until test -e go; do sleep 0.05; done"));
    rig.wait_state(TaskRunning);
    rig.set_mute(true);
    rig.cut();
    rig.wait_subscriptions(2);
    fs::write(rig.sandbox().join("go"), "").unwrap();
    rig.wait_state(TaskFinished);
    // Nobody has acknowledged it: the next agent is told again.
    rig.set_mute(false);
    rig.cut();
    assert_eq!(rig.end(), Some(0));
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskFinished]);
}

#[test]
fn nothing_outlives_a_killed_executor() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(&format!("(setsid sleep 1000 &); {STUBBORN}")));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    kill_process(rig.executor_pid());
    rig.end();
    rig.wait_deserted();
}

#[test]
fn nothing_outlives_an_executor_killed_together_with_its_runner() {
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(STUBBORN));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    let runner = runner_of(&rig);
    // It cannot end the task meanwhile.
    stop_process(runner);
    kill_process(rig.executor_pid());
    kill_process(runner);
    rig.end();
    rig.wait_deserted();
}

#[test]
fn no_daemon_outlives_an_executor_killed_together_with_its_runner() {
    // Out of the session, and double-forked: it is below its coordinator, if anywhere.
    let daemon = "(setsid sleep 1000 &); ";
    let mut rig = Rig::start(OWN_USER);
    rig.launch(task_of(&format!("{daemon}{STUBBORN}")));
    rig.wait_file("ready");
    rig.wait_state(TaskRunning);
    let runner = runner_of(&rig);
    let executor = rig.executor_pid();
    for pid in [executor, runner] {
        stop_process(pid);
    }
    kill_process(runner);
    kill_process(executor);
    rig.end();
    rig.wait_deserted();
}

#[test]
fn the_agents_token_stays_with_the_executor() {
    let mut rig = Rig::start(&["--nosetuid", "--preserve_env"]);
    rig.launch(task_of("test -z \"$MESOS_EXECUTOR_AUTHENTICATION_TOKEN\" && test -n \"$MESOS_SANDBOX\""));
    assert_eq!(rig.end(), Some(0));
    rig.wait_state(TaskFinished);
}

#[test]
fn what_is_not_done_is_said_when_running() {
    let mut job = job_of(&[json!({"name": "p", "cmdline": "true"})]);
    job["announce"] = json!({"primary_port": "http"});
    let mut rig = Rig::start(OWN_USER);
    rig.launch(assigned(&job));
    assert_eq!(rig.end(), Some(0));
    let message = rig.wait_state(TaskRunning);
    assert!(message.starts_with(
        "No health-check defined, task is assumed healthy. Warning: the job asks to be announced"
    ));
}

#[test]
fn an_executor_without_an_agent_says_so() {
    let output =
        Command::new(PROGRAM).env_remove("MESOS_DIRECTORY").env_remove("MESOS_SLAVE_PID").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is started by a Mesos agent"));
}
