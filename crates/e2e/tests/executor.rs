//! What an executor owes the task it runs, on both clusters: order, logs, ports, health, and an end that leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;
use std::path::{Path, PathBuf};

use aurora_api::thrift::ScheduleStatus::{Failed, Finished, Killed, Starting};
use e2e::{
    Backend, PATIENCE, PortBlock, Signal, Testbed, TestbedOptions, events, executor_flag, executor_wrapper,
    flags, processes, task_id, wait_for, wait_until,
};

/// Answers 200 and `ok` to every request on the port of its first argument. Notes the path of a POST in `asked` and ends.
const SERVER: &str = "\
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def do_POST(self):
        with open('asked', 'a') as asked:
            asked.write(self.path)
        self.do_GET()
        os._exit(0)
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

/// A job whose configuration a scenario writes itself, but for what is the same in all of them.
struct Job<'a> {
    kind: &'a str,
    /// Processes by name, in their order.
    processes: &'a [(&'a str, &'a str)],
    /// The command of the finalizer `last`; none if empty.
    finalizer: &'a str,
    finalization_wait: u32,
    /// Further fields of the job.
    fields: &'a str,
}

impl Default for Job<'_> {
    fn default() -> Self {
        Job { kind: "Service", processes: &[], finalizer: "", finalization_wait: 60, fields: "" }
    }
}

impl Job<'_> {
    fn create(&self, testbed: &Testbed) {
        let mut config = String::new();
        for (name, command) in self.processes {
            config += &format!("{name} = Process(name = '{name}', cmdline = '''{command}''')\n");
        }
        let ordered: Vec<&str> = self.processes.iter().map(|(name, _)| *name).collect();
        let mut all = ordered.clone();
        if !self.finalizer.is_empty() {
            config +=
                &format!("last = Process(name = 'last', final = True, cmdline = '{}')\n", self.finalizer);
            all.push("last");
        }
        config += &format!(
            "task = Task(processes = [{}], constraints = order({}), finalization_wait = {}, \
             resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
             jobs = [{}(cluster = 'e2e', role = 'www', environment = 'prod', name = 'it', task = task, {})]\n",
            all.join(", "),
            ordered.join(", "),
            self.finalization_wait,
            self.kind,
            self.fields,
        );
        let path = testbed.write_config("it", &config);
        testbed.aurora(&["job", "create", &testbed.key("it"), path.to_str().unwrap()]).expect_code(0);
    }
}

fn kill(testbed: &Testbed) {
    testbed.aurora(&["job", "killall", &testbed.key("it")]).expect_code(0);
    let tasks = testbed.wait_for_statuses("it", &[(Killed, 1)]);
    assert!(events(&tasks[0]).pop().unwrap().contains("Instructed to kill task."), "{tasks:#?}");
    testbed.wait_for_empty_sandboxes();
}

/// A testbed whose agent offers two ports only, which are free: those of the default are the same in all tests.
fn start_with_ports(backend: Backend, block: &PortBlock, flags: &[String]) -> (Testbed, Vec<u16>) {
    let ports = vec![block.free(0), block.free(1)];
    let resources = format!("cpus:4;mem:4096;disk:20000;ports:[{}-{}]", ports[0], ports[1]);
    // Lives as long as the test's process, as the default does.
    let resources = Box::leak(resources.into_boxed_str());
    let scheduler_flags = flags.to_vec();
    let options = TestbedOptions { resources, scheduler_flags, ..TestbedOptions::default() };
    (Testbed::start_with(backend, options), ports)
}

/// The only file of this name below the sandboxes, once it is there.
fn file(testbed: &Testbed, name: &str) -> PathBuf {
    let mut found = wait_for(name, PATIENCE, || {
        let found = testbed.sandbox_files(name);
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn processes_run_in_order_and_log_where_they_should(backend: Backend) {
    let testbed = Testbed::start(backend);
    Job {
        kind: "Job",
        processes: &[
            ("first", "sleep 0.3; echo first >> order; echo said"),
            ("second", "echo second >> order; echo complained >&2"),
        ],
        finalizer: "echo last >> order",
        ..Job::default()
    }
    .create(&testbed);
    let tasks = testbed.wait_for_statuses("it", &[(Finished, 1)]);
    let order = file(&testbed, "order");
    assert_eq!(read(&order), "first\nsecond\nlast\n");
    let sandbox = order.parent().unwrap();
    assert!(sandbox.ends_with("sandbox"), "{}", sandbox.display());
    assert_eq!(read(&sandbox.join(".logs/first/0/stdout")), "said\n");
    assert_eq!(read(&sandbox.join(".logs/second/0/stderr")), "complained\n");
    let checkpoints = sandbox.parent().unwrap().join("checkpoints");
    assert!(checkpoints.join("checkpoints").join(task_id(&tasks[0])).join("runner").is_file());
    assert!(checkpoints.join("tasks/finished").join(task_id(&tasks[0])).is_file());
}

fn a_finalizer_runs_after_a_kill(backend: Backend) {
    let testbed = Testbed::start(backend);
    let main = [("main", "exec sleep 86399")];
    Job { processes: &main, finalizer: "echo done > finalized", ..Job::default() }.create(&testbed);
    testbed.wait_for_running("it", 1);
    assert!(testbed.sandbox_files("finalized").is_empty());
    kill(&testbed);
    assert_eq!(read(&file(&testbed, "finalized")), "done\n");
}

fn a_task_is_killed_while_it_starts(backend: Backend) {
    let testbed = Testbed::start(backend);
    let fields = "health_check_config = HealthCheckConfig(initial_interval_secs = 600, interval_secs = 1, \
                  health_checker = HealthCheckerConfig(shell = ShellHealthChecker(shell_command = 'false')))";
    Job { processes: &[("main", "touch begun; exec sleep 86399")], fields, ..Job::default() }
        .create(&testbed);
    testbed.wait_for_statuses("it", &[(Starting, 1)]);
    file(&testbed, "begun");
    kill(&testbed);
    let told = events(&testbed.tasks("it")[0]);
    assert!(!told.iter().any(|event| event.starts_with("Running")), "{told:?}");
}

fn a_process_that_ignores_the_signal_is_killed(backend: Backend) {
    let testbed = Testbed::start(backend);
    let stubborn = "trap 'touch asked' TERM; touch ready; while true; do sleep 0.1; done";
    // Time enough to note that it was asked.
    Job { processes: &[("main", stubborn)], finalization_wait: 15, ..Job::default() }.create(&testbed);
    testbed.wait_for_running("it", 1);
    file(&testbed, "ready");
    kill(&testbed);
    file(&testbed, "asked");
}

fn nothing_outlives_executor_and_runner(backend: Backend) {
    let testbed = Testbed::start(backend);
    // The first process is over and left a daemon in a session of its own.
    let daemon = "setsid sh -c \"touch begun; exec sleep 86397\" & until test -e begun; do sleep 0.05; done";
    let processes = [("daemon", daemon), ("main", "sleep 86398 & exec sleep 86399")];
    Job { processes: &processes, ..Job::default() }.create(&testbed);
    let before = testbed.wait_for_running("it", 1);
    let of_the_task = wait_for("all processes", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 8639");
        let is_complete = ["sleep 86397", "sleep 86398", "sleep 86399"]
            .iter()
            .all(|command| found.iter().any(|process| process.command == *command));
        is_complete.then_some(found)
    });
    for process in testbed.sandbox_processes("") {
        let is_coordinator = process.command.contains("thermos_coordinator");
        if !is_coordinator && process.command.contains("thermos_") {
            processes::kill_at_once(process.pid);
        }
    }
    wait_until("the processes to be gone", PATIENCE, || {
        let left: Vec<_> = of_the_task.iter().filter(|process| is_alive(process)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
    });
    wait_until("another run", PATIENCE, || {
        let tasks = testbed.wait_for_running("it", 1);
        if task_id(&tasks[0]) == task_id(&before[0]) { Err("the old one".to_owned()) } else { Ok(()) }
    });
}

/// Whether the process still runs: neither gone, nor a zombie, nor another one with its number.
fn is_alive(process: &processes::Process) -> bool {
    std::fs::read_link(format!("/proc/{}/cwd", process.pid)).is_ok_and(|cwd| cwd == process.cwd)
}

fn a_task_gets_the_ports_assigned_and_is_asked_over_http_to_end(backend: Backend) {
    let block = PortBlock::take();
    let folder = tempfile::tempdir().unwrap();
    // What asks the task to end waits a second for its answer unless told otherwise.
    let script = "AURORA_HTTP_SIGNALER_TIMEOUT_SECS=60 exec \"$EXECUTOR\" \"$@\"";
    let executor = executor_flag(&executor_wrapper(folder.path(), script));
    let (testbed, ports) = start_with_ports(backend, &block, &[executor]);
    let server = testbed.directory().join("server.py");
    std::fs::write(&server, SERVER).unwrap();
    let serve = |port: &str| format!("exec python3 {} {{{{thermos.ports[{port}]}}}}", server.display());
    let command = format!("{} & {}", serve("http"), serve("health"));
    let fields = "lifecycle = LifecycleConfig(http = HttpLifecycleConfig(graceful_shutdown_wait_secs = 30)), \
                  health_check_config = HealthCheckConfig(interval_secs = 0.1, initial_interval_secs = 120, \
                  timeout_secs = 60, max_consecutive_failures = 1000)";
    Job { processes: &[("main", &command)], fields, ..Job::default() }.create(&testbed);
    let tasks = testbed.wait_for_running("it", 1);
    assert!(events(&tasks[0]).pop().unwrap().contains("Task is healthy."), "{:?}", events(&tasks[0]));
    let assigned = tasks[0].assigned_task.as_ref().unwrap().assigned_ports.clone().unwrap();
    let mut numbers: Vec<u16> = assigned.values().map(|port| u16::try_from(*port).unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ports);
    let http = u16::try_from(assigned["http"]).unwrap();
    wait_for("the server", PATIENCE, || TcpStream::connect(("127.0.0.1", http)).ok());
    kill(&testbed);
    assert_eq!(read(&file(&testbed, "asked")), "/quitquitquit");
}

fn an_unhealthy_task_fails_and_says_why(backend: Backend) {
    let testbed = Testbed::start(backend);
    let fields = "health_check_config = HealthCheckConfig(initial_interval_secs = 0, interval_secs = 1, \
                  timeout_secs = 120, health_checker = HealthCheckerConfig(shell = ShellHealthChecker(shell_command = 'echo sick; exit 4')))";
    Job { kind: "Job", processes: &[("main", "exec sleep 86399")], fields, ..Job::default() }
        .create(&testbed);
    let tasks = testbed.wait_for_statuses("it", &[(Failed, 1)]);
    let message = events(&tasks[0]).pop().unwrap();
    let reason =
        "Failed health check! Command 'echo sick; exit 4' returned non-zero exit status 4 with output 'sick ";
    assert!(message.contains(reason), "{message}");
    testbed.wait_for_empty_sandboxes();
}

fn a_task_ends_when_its_agent_stays_away(backend: Backend) {
    let options = TestbedOptions {
        // Time enough for the order of the end.
        mesos_flags: flags([
            ("MESOS_RECOVERY_TIMEOUT", "2secs"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "2mins"),
        ]),
        ..TestbedOptions::default()
    };
    let testbed = Testbed::start_with(backend, options);
    Job { processes: &[("main", "exec sleep 86399")], finalizer: "echo done > finalized", ..Job::default() }
        .create(&testbed);
    testbed.wait_for_running("it", 1);
    testbed.cluster.stop("1", Signal::Kill);
    // The order of the end is kept: the finalizer runs, and nothing stays.
    testbed.wait_for_empty_sandboxes();
    assert_eq!(read(&file(&testbed, "finalized")), "done\n");
}

e2e::on_both_clusters! {
    a_task_ends_when_its_agent_stays_away,
    processes_run_in_order_and_log_where_they_should,
    a_finalizer_runs_after_a_kill,
    a_task_is_killed_while_it_starts,
    a_process_that_ignores_the_signal_is_killed,
    nothing_outlives_executor_and_runner,
    a_task_gets_the_ports_assigned_and_is_asked_over_http_to_end,
    an_unhealthy_task_fails_and_says_why,
}
