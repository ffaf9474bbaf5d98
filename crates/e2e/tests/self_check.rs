//! What an executor finds wrong before and while a task runs, told through the whole cluster (`spec/thermos.md` §7.4): the rows that
//! `starts.rs`, `containers.rs` and `images.rs` do not provoke.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aurora_api::thrift::ScheduleStatus::{Failed, Lost, Running};
use aurora_api::thrift::ScheduledTask;
use e2e::{Backend, PATIENCE, PortBlock, Testbed, events, executor_flag, executor_wrapper, wait_until};

/// Lets one call of the kernel fail for a program and all it starts.
const DENY: &str = include_str!("../../thermos-executor/tests/executor/deny.py");

/// Adds the fields of the constructor of a job, and of its task.
fn create(testbed: &Testbed, role: &str, cmdline: &str, task: &str, job: &str) {
    let config = format!(
        "main = Process(name = 'main', cmdline = '''{cmdline}''')\n\
         task = Task(processes = [main], resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB), {task})\n\
         jobs = [Job(cluster = 'e2e', role = '{role}', environment = 'prod', name = 'it', task = task, {job})]\n"
    );
    let path = testbed.write_config("it", &config);
    let key = format!("e2e/{role}/prod/it");
    testbed.aurora(&["job", "create", &key, path.to_str().unwrap()]).expect_code(0);
}

/// Waits for a task of a role whose last event fits, and answers with all its events.
fn wait_for_event(
    testbed: &Testbed,
    role: &str,
    what: &str,
    fits: impl Fn(&ScheduledTask, &str) -> bool,
) -> String {
    wait_until(what, PATIENCE, || {
        let tasks = testbed.scheduler.tasks(role, "prod", "it")?;
        let told: Vec<String> = tasks.iter().flat_map(events).collect();
        let found = tasks.iter().find_map(|task| events(task).pop().filter(|last| fits(task, last)));
        found.ok_or_else(|| format!("{told:#?}"))
    })
}

/// A program that runs `script` before it becomes the executor. `$DENY` lets calls of the kernel fail.
fn wrapper(folder: &Path, script: &str) -> PathBuf {
    let deny = folder.join("deny.py");
    std::fs::write(&deny, DENY).unwrap();
    executor_wrapper(folder, &format!("DENY=\"/usr/bin/env python3 {}\"\n{script}", deny.display()))
}

/// Row 2, its second half: `starts.rs` has the first.
fn a_disk_that_does_not_sync(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let path = wrapper(folder.path(), "exec $DENY fsync - 5 \"$EXECUTOR\" \"$@\"");
    let testbed = Testbed::start_with_flags(backend, &[executor_flag(&path)]);
    create(&testbed, "www", "exec sleep 86399", "", "");
    let last = wait_for_event(&testbed, "www", "the loss", |task, _| task.status == Some(Lost));
    assert!(
        last.starts_with("Lost: Task cannot run on agent-1: fsync does not work below the checkpoint root ")
            && last.contains("Input/output error"),
        "{last}"
    );
}

/// Rows 8, 11, 12 and 13, and the warnings of row 4: the task runs, and its event names each of them.
fn what_is_odd_is_told_once_the_task_runs(backend: Backend) {
    const PR_SET_CHILD_SUBREAPER: u8 = 36;
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "export AURORA_ASSIGNED_MS=$(($(date +%s%3N) + 7200000))\n\
         exec $DENY prctl {PR_SET_CHILD_SUBREAPER} 1 /usr/bin/env PATH=/nonexistent \"$EXECUTOR\" \"$@\""
    );
    let testbed = Testbed::start_with_flags(backend, &[executor_flag(&wrapper(folder.path(), &script))]);
    let lifecycle = "lifecycle = LifecycleConfig(http = HttpLifecycleConfig(port = 'admin'))";
    create(&testbed, "www", "exec /bin/sleep 86399", "finalization_wait = 60", lifecycle);
    let last = wait_for_event(&testbed, "www", "the task to run", |task, _| task.status == Some(Running));
    for part in [
        "Running: No health-check defined, task is assumed healthy. Warning: ",
        "PATH '/nonexistent' names no folder",
        "PR_SET_CHILD_SUBREAPER is refused",
        "the clock of this host is 7",
        "the task may take 60 s to end, and the agent gives it ",
        "the HTTP lifecycle names port 'admin', which no process uses",
    ] {
        assert!(last.contains(part), "{part:?} in {last}");
    }
}

/// Waits for a task to run, and answers with its last event.
fn runs(testbed: &Testbed, role: &str) -> String {
    create(testbed, role, "exec sleep 86399", "", "");
    wait_for_event(testbed, role, "the task to run", |task, _| task.status == Some(Running))
}

/// Row 11, the pid namespace: the executor is in one of its own, and sees the processes of the machine's.
fn another_pid_namespace(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let path = wrapper(folder.path(), "exec unshare --pid --fork --kill-child \"$EXECUTOR\" \"$@\"");
    let testbed = Testbed::start_with_flags(backend, &[executor_flag(&path)]);
    let last = runs(&testbed, "www");
    assert!(last.contains("/proc shows another pid namespace than this one: processes that leave"), "{last}");
    assert!(!last.contains("/proc/self/cgroup"), "{last}");
}

/// Row 11, the cgroup: a container without a /proc.
fn a_cgroup_that_cannot_be_read(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let without_proc = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let script = format!("exec unshare --mount sh -c '{without_proc}' \"$EXECUTOR\" \"$@\"");
    let testbed = Testbed::start_with_flags(backend, &[executor_flag(&wrapper(folder.path(), &script))]);
    let last = runs(&testbed, "www");
    assert!(
        last.contains("/proc/self/cgroup is not readable: ") && last.contains("want of memory"),
        "{last}"
    );
}

/// A task has the groups of its role's user, and none of those of the executor (`spec/thermos.md` §1.8).
fn groups_are_those_of_the_roles_user(backend: Backend) {
    const GROUPS: &str = "root:x:0:\nnogroup:x:65534:\nextra:x:54321:daemon,nobody\nother:x:54322:daemon\n";
    let folder = tempfile::tempdir().unwrap();
    let group_file = folder.path().join("group");
    std::fs::write(&group_file, GROUPS).unwrap();
    let script = format!(
        "exec unshare --mount setpriv --groups=0,54323 \
         sh -c 'mount --bind {} /etc/group && exec \"$0\" --nosetuid-health-checks' \"$EXECUTOR\"",
        group_file.display()
    );
    let testbed = Testbed::start_with_flags(backend, &[executor_flag(&wrapper(folder.path(), &script))]);
    create(&testbed, "nobody", "id -G > groups; exec sleep 86399", "", "");
    let told = wait_until("the groups of the task", PATIENCE, || {
        let file = testbed.sandbox_files("groups").pop().ok_or("no such file")?;
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        if text.ends_with('\n') { Ok(text) } else { Err(text) }
    });
    assert_eq!(told, "65534 54321\n");
}

/// Row 4: what the client would not send.
fn a_port_without_a_number(backend: Backend) {
    let testbed = Testbed::start(backend);
    let resources = serde_json::json!({"cpu": 1.0, "ram": 1 << 26, "disk": 1 << 26});
    let process = serde_json::json!({"name": "main", "cmdline": "serve {{thermos.ports[http]}}"});
    let data = serde_json::json!({
        "task": {"name": "it", "processes": [process], "resources": resources},
        "name": "it", "role": "www", "environment": "prod", "cluster": "e2e",
    });
    testbed.create_with_data("it", &data.to_string());
    let last = wait_for_event(&testbed, "www", "the failure", |task, _| task.status == Some(Failed));
    assert!(last.contains("Thermos failed with internal error.") && last.contains("http"), "{last}");
}

/// Row 6: nobody may pass through the folder of the test, which is its owner's alone.
fn a_sandbox_that_the_user_cannot_reach(backend: Backend) {
    let testbed =
        Testbed::start_with_flags(backend, &["-thermos_executor_flags=--nosetuid-health-checks".to_owned()]);
    std::fs::set_permissions(testbed.directory(), std::fs::Permissions::from_mode(0o700)).unwrap();
    create(&testbed, "nobody", "true", "", "");
    let last = wait_for_event(&testbed, "nobody", "the failure", |task, _| task.status == Some(Failed));
    let folder = testbed.directory().display().to_string();
    assert!(last.contains("nobody") && last.contains(&folder) && last.contains("0700"), "{last}");
}

/// Row 10, a configuration that is none.
fn servers_that_are_none(backend: Backend) {
    let flags = "-thermos_executor_flags=--nosetuid --announcer-ensemble=zk1:port";
    let testbed = Testbed::start_with_flags(backend, &[flags.to_owned()]);
    create(&testbed, "www", "exec sleep 86399", "", "announce = Announcer()");
    let last = wait_for_event(&testbed, "www", "the failure", |task, _| task.status == Some(Failed));
    assert!(last.contains("--announcer-ensemble of the executor: ") && last.contains("zk1:port"), "{last}");
}

/// Row 10, servers that nobody reaches: the task says so while it tries, and then fails for it.
fn servers_that_do_not_answer(backend: Backend) {
    let block = PortBlock::take();
    let [first, second] = [0, 1].map(|number| format!("127.0.0.1:{}", block.free(number)));
    let flags = format!("-thermos_executor_flags=--nosetuid --announcer-ensemble={first},{second}");
    let testbed = Testbed::start_with_flags(backend, &[flags]);
    let job = "announce = Announcer(), health_check_config = HealthCheckConfig(initial_interval_secs = 20)";
    create(&testbed, "www", "exec sleep 86399", "", job);
    let each = [first, second].map(|server| format!("{server}: Connection refused"));
    let names_each = |text: &str| each.iter().all(|part| text.contains(part));
    let last = wait_for_event(&testbed, "www", "the failure", |task, _| task.status == Some(Failed));
    let tasks = testbed.scheduler.tasks("www", "prod", "it").unwrap();
    let told: Vec<String> = tasks.iter().flat_map(events).collect();
    let is_trying = |event: &String| {
        event.starts_with("Running: ")
            && event.contains("Not announced yet, trying again: no ZooKeeper server of ")
            && names_each(event)
    };
    assert!(told.iter().any(is_trying), "{told:#?}");
    assert!(last.contains("Creating Announcer Serverset timed out. ") && names_each(&last), "{last}");
}

e2e::on_both_clusters! {
    a_disk_that_does_not_sync,
    what_is_odd_is_told_once_the_task_runs,
    another_pid_namespace,
    a_cgroup_that_cannot_be_read,
    groups_are_those_of_the_roles_user,
    a_port_without_a_number,
    a_sandbox_that_the_user_cannot_reach,
    servers_that_are_none,
    servers_that_do_not_answer,
}
