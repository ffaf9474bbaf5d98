//! What a user lives through, from the configuration file to the processes, on both clusters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use aurora_api::thrift::ScheduleStatus::{Failed, Finished, Killed, Lost, Pending, Running};
use e2e::{
    Backend, FINDS_MASTER_SOON, PATIENCE, Signal, Testbed, TestbedOptions, events, flags, processes, task_id,
    wait_for, wait_until,
};

/// A command that runs until it is killed and is found by its name in a list of processes.
const SERVICE: &str = "exec sleep 86399";

fn create_run_and_kill(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create("Service", "hello", 2, SERVICE);
    let tasks = testbed.wait_for_statuses("hello", &[(Running, 2)]);
    for task in &tasks {
        let statuses: Vec<_> =
            events(task).iter().map(|event| event.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(statuses, ["Pending", "Assigned", "Starting", "Running"]);
    }
    wait_for_processes(&testbed, 2);
    let key = testbed.key("hello");
    let listed = testbed.aurora(&["job", "list", "e2e/www"]).expect_code(0);
    assert_eq!(listed.stdout.trim(), key);
    let status = testbed.aurora(&["job", "status", &key]).expect_code(0);
    assert!(status.stdout.contains("Active tasks (2)"), "{status:?}");
    assert!(status.stdout.contains("instance: 1, status: RUNNING on"), "{status:?}");
    let (code, page) = testbed.job_page("hello");
    assert!(code == 200 && page.contains("RUNNING"), "{code}: {page}");

    let killed = testbed.aurora(&["job", "killall", &key]).expect_code(0);
    assert!(killed.stdout.contains("Job killall succeeded"), "{killed:?}");
    testbed.wait_for_statuses("hello", &[(Killed, 2)]);
    testbed.wait_for_empty_sandboxes();
    assert_eq!(testbed.aurora(&["job", "list", "e2e/www"]).expect_code(0).stdout, "");
}

fn finish_and_fail(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create("Job", "good", 1, "echo said before the end");
    testbed.create("Job", "bad", 1, "echo complained of >&2; exit 3");
    testbed.wait_for_statuses("good", &[(Finished, 1)]);
    let failed = testbed.wait_for_statuses("bad", &[(Failed, 1)]);
    let message = events(&failed[0]).pop().unwrap();
    assert!(message.len() > "Failed: ".len(), "no message: {message}");
    assert_logged(&testbed, "stdout", "said before the end");
    assert_logged(&testbed, "stderr", "complained of");
    testbed.wait_for_empty_sandboxes();
}

fn a_service_restarts_after_a_failure(backend: Backend) {
    let testbed = Testbed::start(backend);
    let mark = testbed.directory().join("has-failed");
    let command = format!("test -e {0} && {SERVICE}; touch {0}; exit 1", mark.display());
    testbed.create("Service", "hello", 1, &command);
    let tasks = testbed.wait_for_statuses("hello", &[(Failed, 1), (Running, 1)]);
    assert_eq!(tasks[1].ancestor_id.as_deref(), Some(task_id(&tasks[0])));
    assert_eq!(tasks[1].failure_count, Some(1));
}

fn the_scheduler_crashes_and_carries_on(backend: Backend) {
    let mut testbed = Testbed::start(backend);
    let gate = testbed.directory().join("gate");
    testbed.create("Service", "hello", 1, SERVICE);
    testbed.create("Job", "once", 1, &format!("until test -e {}; do sleep 0.1; done", gate.display()));
    let before = testbed.wait_for_running("hello", 1);
    testbed.wait_for_running("once", 1);
    wait_for("the job's process", PATIENCE, || {
        (!testbed.sandbox_processes("until test").is_empty()).then_some(())
    });

    testbed.scheduler.crash();
    std::fs::write(&gate, "").unwrap();
    wait_for("the job to end without a scheduler", PATIENCE, || {
        testbed.sandbox_processes("until test").is_empty().then_some(())
    });
    testbed.scheduler.start_again();

    let after = testbed.wait_for_running("hello", 1);
    assert_eq!(task_id(&after[0]), task_id(&before[0]));
    testbed.wait_for_statuses("once", &[(Finished, 1)]);
    testbed.aurora(&["job", "killall", &testbed.key("hello")]).expect_code(0);
    testbed.wait_for_statuses("hello", &[(Killed, 1)]);
    testbed.wait_for_empty_sandboxes();
}

fn the_scheduler_stops_and_tasks_run_on(backend: Backend) {
    let mut testbed = Testbed::start(backend);
    testbed.create("Service", "hello", 1, SERVICE);
    let before = testbed.wait_for_running("hello", 1);
    wait_for_processes(&testbed, 1);
    let status = testbed.scheduler.stop();
    assert!(status.success(), "{status}");
    assert_eq!(testbed.sandbox_processes("sleep 86399").len(), 1);
    testbed.scheduler.start_again();
    let after = testbed.wait_for_running("hello", 1);
    assert_eq!(task_id(&after[0]), task_id(&before[0]));
}

fn an_executor_is_killed_and_its_task_runs_elsewhere(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create("Service", "hello", 1, SERVICE);
    let before = testbed.wait_for_running("hello", 1);
    let executor = wait_for("the executor", PATIENCE, || {
        testbed.sandbox_processes("thermos_executor").into_iter().find(is_executor)
    });
    processes::kill_at_once(executor.pid);
    let tasks = wait_until("the loss and a new run", PATIENCE, || {
        let tasks = testbed.tasks("hello");
        let statuses: Vec<_> = tasks.iter().filter_map(|task| task.status).collect();
        match statuses[..] {
            [Lost | Failed, Running] => Ok(tasks),
            _ => Err(format!("{statuses:?}")),
        }
    });
    assert_eq!(task_id(&tasks[0]), task_id(&before[0]));
    let message = events(&tasks[0]).pop().unwrap();
    assert!(message.to_lowercase().contains("executor"), "{message}");
    // The old run's ends, the new one's is there.
    wait_for_processes(&testbed, 1);
}

fn an_agent_crashes_and_its_tasks_survive(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create("Service", "hello", 2, SERVICE);
    let before = testbed.wait_for_statuses("hello", &[(Running, 2)]);
    wait_for_processes(&testbed, 2);
    testbed.cluster.stop("1", Signal::Kill);
    assert_eq!(testbed.sandbox_processes("sleep 86399").len(), 2);
    testbed.cluster.start_again("1");
    let after = testbed.wait_for_statuses("hello", &[(Running, 2)]);
    let ids = |tasks: &[_]| tasks.iter().map(|task| task_id(task).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    // The executors have come back too: they can be told to end.
    testbed.aurora(&["job", "killall", &testbed.key("hello")]).expect_code(0);
    testbed.wait_for_statuses("hello", &[(Killed, 2)]);
    testbed.wait_for_empty_sandboxes();
}

fn the_master_crashes_and_tasks_survive(backend: Backend) {
    let mesos_flags = flags([FINDS_MASTER_SOON]);
    let testbed = Testbed::start_with(backend, TestbedOptions { mesos_flags, ..TestbedOptions::default() });
    testbed.create("Service", "hello", 1, SERVICE);
    let before = testbed.wait_for_running("hello", 1);
    testbed.cluster.stop("master", Signal::Kill);
    testbed.cluster.start_again("master");
    // A new instance needs an offer of the new master.
    testbed.create("Service", "later", 1, SERVICE);
    testbed.wait_for_running("later", 1);
    let after = testbed.wait_for_running("hello", 1);
    assert_eq!(task_id(&after[0]), task_id(&before[0]));
}

fn instances_that_do_not_fit_wait_and_say_why(backend: Backend) {
    let testbed = Testbed::start(backend);
    testbed.create("Service", "hello", 5, SERVICE);
    testbed.wait_for_statuses("hello", &[(Running, 3), (Pending, 2)]);
    wait_until("the reason on the job's page", PATIENCE, || {
        let (_, page) = testbed.job_page("hello");
        // Three CPUs of tasks and 0.3 of executors leave 0.7 of four; a task and its executor take 1.1.
        let reason = "not enough CPU (need 1.1 cores, best has 0.7 cores)";
        if page.contains(reason) { Ok(()) } else { Err(page) }
    });
    let running = testbed.tasks("hello").into_iter().find(|task| task.status == Some(Running)).unwrap();
    let instance = running.assigned_task.unwrap().instance_id.unwrap();
    let key = format!("{}/{instance}", testbed.key("hello"));
    testbed.aurora(&["job", "kill", &key]).expect_code(0);
    testbed.wait_for_statuses("hello", &[(Killed, 1), (Running, 3), (Pending, 1)]);
}

fn a_config_with_an_error_creates_nothing(backend: Backend) {
    let testbed = Testbed::start(backend);
    let config = "main = Process(name = 'main', cmdline = 'sleep 1')\n\
                  task = SequentialTask(processes = [main],\n\
                  \x20   resources = Resources(cpu = 'many', ram = 64*MB, disk = 64*MB))\n\
                  jobs = [Service(cluster = 'e2e', role = 'www', environment = 'prod', name = 'hello', task = task)]\n";
    let path = testbed.write_config("hello", config);
    let created =
        testbed.aurora(&["job", "create", &testbed.key("hello"), path.to_str().unwrap()]).expect_code(3);
    assert!(created.stderr.contains("hello.aurora:3"), "no file and line: {created:?}");
    assert_eq!(testbed.tasks("hello"), []);
    assert_eq!(testbed.aurora(&["job", "list", "e2e/www"]).expect_code(0).stdout, "");
}

/// Waits until so many instances have a process: a task is RUNNING a moment before its command runs.
fn wait_for_processes(testbed: &Testbed, instances: usize) {
    wait_until("one process for each instance", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86399");
        if found.len() == instances { Ok(()) } else { Err(format!("{found:#?}")) }
    });
}

/// Waits until a log of a process, in one of the sandboxes, has a text.
fn assert_logged(testbed: &Testbed, file: &str, text: &str) {
    wait_until(&format!("{text:?} in a {file}"), PATIENCE, || {
        let logs = testbed.sandbox_files(file);
        let in_log = |path: &&std::path::PathBuf| {
            path.components().any(|part| part.as_os_str() == ".logs")
                && std::fs::read_to_string(path).is_ok_and(|content| content.contains(text))
        };
        if logs.iter().any(|path| in_log(&path)) { Ok(()) } else { Err(format!("{logs:#?}")) }
    });
}

/// Whether a process is an executor itself, not its runner or a coordinator, which are the same file under other names.
fn is_executor(process: &processes::Process) -> bool {
    let mut words = process.command.split(' ');
    let program = words.next().and_then(|program| Path::new(program).file_name()?.to_str());
    program == Some("thermos_executor") && !process.command.contains(" __")
}

e2e::on_both_clusters! {
    create_run_and_kill,
    finish_and_fail,
    a_service_restarts_after_a_failure,
    the_scheduler_crashes_and_carries_on,
    the_scheduler_stops_and_tasks_run_on,
    an_executor_is_killed_and_its_task_runs_elsewhere,
    an_agent_crashes_and_its_tasks_survive,
    the_master_crashes_and_tasks_survive,
    instances_that_do_not_fit_wait_and_say_why,
    a_config_with_an_error_creates_nothing,
}
