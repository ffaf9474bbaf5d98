//! `aurora_admin host_drain` and `sla_probe_hosts` (`spec/cli.md` §10.5, §10.6).

use std::os::unix::fs::PermissionsExt;

use aurora_api::thrift::{MaintenanceMode, ResponseCode, ScheduleStatus, ScheduledTask, TaskEvent};

use crate::hosts::{set, two_hosts};
use crate::stub::{K, Outcome, Stub, task};

/// A production task that has been up for decades.
fn production(instance: i32, host: &str) -> ScheduledTask {
    let mut task = task(instance, ScheduleStatus::Running);
    let assigned = task.assigned_task.as_mut().unwrap();
    assigned.slave_host = Some(host.to_owned());
    assigned.task.as_mut().unwrap().production = Some(true);
    task
}

/// Hosts `a`, with two of the 20 instances of a production job, and `b`, with one of a small job.
fn a_is_needed() -> Stub {
    let stub = two_hosts();
    stub.world().tasks = (0..20).map(|id| production(id, if id < 2 { "a" } else { "elsewhere" })).collect();
    stub
}

fn drained(stub: &Stub) -> Vec<std::collections::BTreeSet<String>> {
    let world = stub.world();
    world
        .maintained
        .iter()
        .filter(|(method, _)| *method == "drainHosts")
        .map(|(_, hosts)| hosts.clone())
        .collect()
}

fn script(stub: &Stub, text: &str) -> String {
    let path = stub.file("script", &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("--post_drain_script={}", path.display())
}

fn interrupt(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
}

#[test]
fn cli_97_a_percentage_has_bounds() {
    let stub = two_hosts();
    for bad in ["101", "0", "x", "nan"] {
        stub.admin(&["sla_probe_hosts", "--hosts=h", "west", bad, "1m"])
            .exits(1)
            .err_has(&format!("Invalid percentage {bad}. Must be within (0, 100]."));
        let overridden = format!("--override_percentage={bad}");
        stub.admin(&[
            "host_drain",
            &overridden,
            "--override_duration=1m",
            "--override_reason=x",
            "--hosts=a",
            "west",
        ])
        .exits(1)
        .err_has(&format!("Invalid percentage {bad}. Must be within (0, 100]."));
    }
    assert!(stub.methods().is_empty());
}

#[test]
fn hosts_are_probed_alone_or_together() {
    let stub = two_hosts();
    let on = |id| production(id, ["a", "b", "c", "d"][usize::try_from(id).unwrap() % 4]);
    stub.world().tasks = (0..12).map(on).collect();
    let probe = |further: &[&str]| {
        let arguments = [&["sla_probe_hosts", "--hosts=b,a,idle", "west", "70", "30m"], further].concat();
        stub.admin(&arguments).exits(0).out
    };
    assert_eq!(probe(&[]), format!("a\t{K}\t75.00\tTrue\t0\nb\t{K}\t75.00\tTrue\t0\n"));
    let together = format!("a\t{K}\t50.00\tFalse\tn/a\nb\t{K}\t50.00\tFalse\tn/a\n");
    assert_eq!(probe(&["--grouping=none"]), together);
    assert_eq!(probe(&["--min_job_instance_count=13"]), "");
    stub.admin(&["sla_probe_hosts", "--hosts=a", "--grouping=by_rack", "west", "70", "30m"])
        .exits(1)
        .err_has("Unknown grouping function by_rack. Must be one of: by_host, none");
}

#[test]
fn cli_99_an_override_is_whole() {
    let stub = two_hosts();
    let all = ["--override_percentage=90", "--override_duration=10m", "--override_reason=because"];
    for missing in 0..3 {
        let mut given = all.to_vec();
        given[missing] = "--hosts=a";
        for options in [&given[..], &[all[missing], "--hosts=a"]] {
            stub.admin(&[&["host_drain"], options, &["west"]].concat())
                .exits(1)
                .err_has("All --override_* options are required");
        }
    }
    assert!(stub.methods().is_empty());
    let bad = ["--override_percentage=90", "--override_duration=soon", "--override_reason=because"];
    stub.admin(&[&["host_drain", "--hosts=a", "west"], &bad[..]].concat())
        .exits(1)
        .err_has("Invalid time span: soon");
}

#[test]
fn hosts_are_drained_one_after_the_other_and_the_script_runs_for_each() {
    let stub = two_hosts();
    let script = script(&stub, "echo $# $1 >> done");
    let outcome = stub.admin(&["host_drain", "--hosts=b,a", &script, "west"]).exits(0);
    assert_eq!(outcome.out, "");
    for text in [
        "Beginning SLA check for a\n",
        "All hosts passed SLA check.",
        "DRAINED: a, b\n",
        "The hosts stay in maintenance until: aurora_admin host_activate west --hosts=b,a\n",
    ] {
        assert!(outcome.err.contains(text), "no {text:?} in {outcome:?}");
    }
    assert!(!outcome.err.contains("NOT DRAINED"), "{outcome:?}");
    let expected =
        [("startMaintenance", set(&["a", "b"])), ("drainHosts", set(&["a"])), ("drainHosts", set(&["b"]))];
    assert_eq!(stub.world().maintained, expected);
    assert_eq!(std::fs::read_to_string(stub.home.path().join("done")).unwrap(), "1 a\n1 b\n");
}

#[test]
fn all_hosts_are_one_group_if_asked_for() {
    let stub = two_hosts();
    stub.admin(&["host_drain", "--hosts=a,b", "--grouping=none", "west"])
        .exits(0)
        .err_has("Beginning SLA check for a, b");
    assert_eq!(drained(&stub), [set(&["a", "b"])]);
}

#[test]
fn hosts_that_jobs_need_are_left_alone_and_told() {
    let stub = a_is_needed();
    for (arguments, code) in [(&["--grouping=none"][..], 0), (&["--strict-exit"], 4)] {
        let file = stub.home.path().join("unsafe");
        let file_option = format!("--unsafe_hosts_file={}", file.display());
        let arguments = [&["host_drain", "--hosts=a,b", &file_option, "west"], arguments].concat();
        let outcome = stub.admin(&arguments).exits(code);
        assert_eq!(outcome.out, format!("a\t{K}\t90.00\tFalse\tn/a\na\n"));
        let fewer = if arguments.contains(&"--grouping=none") { ", drain fewer hosts at once" } else { "" };
        outcome
            .err_has(" WARN] Some hosts did not pass SLA check and will not be drained! Skipping hosts: a\n")
            .err_has(&format!(
                "less of a job is on a host{fewer}, or override the SLA with --override_percentage"
            ))
            .err_has("The following hosts WERE NOT DRAINED due to failed SLA check or external failures:\n")
            .err_has(" INFO]   a: did not pass the SLA check; tasks run on")
            .err_has("DRAINED: b\n")
            .err_has(&format!("Written unsafe host names into: {}", file.display()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\n");
    }
    assert!(drained(&stub).iter().all(|group| *group == set(&["b"])));
}

#[test]
fn an_instance_that_is_too_young_is_waited_for() {
    let stub = a_is_needed();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let mut world = stub.world();
    world.tasks[1].assigned_task.as_mut().unwrap().slave_host = Some("elsewhere".to_owned());
    world.tasks[1].task_events = Some(vec![TaskEvent {
        timestamp: Some(i64::try_from(now).unwrap()),
        status: Some(ScheduleStatus::Running),
        ..TaskEvent::default()
    }]);
    drop(world);
    let outcome = stub.admin(&["host_drain", "--hosts=a", "west"]).exits(0);
    let fields: Vec<&str> = outcome.out.lines().next().unwrap().split('\t').collect();
    assert_eq!(fields[2..4], ["90.00", "False"]);
    let wait: u64 = fields[4].parse().unwrap();
    assert!((1..=1800).contains(&wait), "{outcome:?}");
    outcome.err_has("they could be drained, if nothing changes until then");
}

#[test]
fn an_override_lets_hosts_go_and_is_logged() {
    let stub = a_is_needed();
    let override_options =
        ["--override_percentage=90", "--override_duration=1h", "--override_reason=disk is dying"];
    stub.admin(&[&["host_drain", "--hosts=a", "west"], &override_options[..]].concat())
        .exits(0)
        .err_has(" WARN] Default SLA values (percentage: 95, duration: 30m) are overridden for the following hosts: a. ")
        .err_has("New percentage: 90, duration: 1h, override reason: disk is dying")
        .err_has("DRAINED: a\n");
}

#[test]
fn small_jobs_are_not_looked_at() {
    let stub = a_is_needed();
    stub.world().tasks.pop();
    stub.admin(&["host_drain", "--hosts=a", "--strict-exit", "west"])
        .exits(0)
        .err_has("All hosts passed SLA check.");
}

#[test]
fn a_host_that_takes_its_time_is_waited_for() {
    let stub = two_hosts();
    stub.world().looks_until_drained.insert("a", 3);
    stub.world().refused_looks = 2;
    stub.admin(&["host_drain", "--hosts=a,b", "--interval=0s", "--timeout=60s", "west"])
        .exits(0)
        .err_has("Waiting for hosts to be in DRAINED: a\n")
        .err_has(" WARN] cannot see how the hosts are")
        .err_has("DRAINED: a, b\n");
}

#[test]
fn a_host_that_does_not_get_empty_tells_what_is_there_and_the_next_one_follows() {
    let stub = two_hosts();
    let mut killing = production(7, "a");
    killing.status = Some(ScheduleStatus::Draining);
    stub.world().tasks = vec![killing];
    stub.world().looks_until_drained.insert("a", usize::MAX);
    let script = script(&stub, "echo $1 >> done");
    let arguments = ["host_drain", "--hosts=a,b", "--timeout=0s", &script, "west"];
    let outcome = stub.admin(&arguments).exits(0);
    assert_eq!(outcome.out, "a\n");
    outcome
        .err_has(
            " WARN] Failed to move all hosts into DRAINED within 0s:\n WARN] \tHost:a\tStatus:DRAINING\n",
        )
        .err_has("still on a: bozo/test/hello/7 is DRAINING since 1970-01-01 00:00:01")
        .err_has(" INFO]   a: told to drain, see host_status")
        .err_has("DRAINED: b\n");
    assert_eq!(std::fs::read_to_string(stub.home.path().join("done")).unwrap(), "b\n");
    assert_eq!(drained(&stub), [set(&["a"]), set(&["b"])]);
}

#[test]
fn what_is_drained_already_is_not_opened_again() {
    let stub = two_hosts();
    stub.world().hosts.insert("a".to_owned(), MaintenanceMode::Drained);
    let script = script(&stub, "echo $1 >> done");
    stub.admin(&["host_drain", "--hosts=a,b", &script, "west"]).exits(0).err_has("DRAINED: a, b\n");
    assert_eq!(stub.world().maintained[0], ("startMaintenance", set(&["b"])));
    assert_eq!(std::fs::read_to_string(stub.home.path().join("done")).unwrap(), "a\nb\n");
}

#[test]
fn an_unknown_host_is_not_drained() {
    let stub = two_hosts();
    let outcome = stub.admin(&["host_drain", "--hosts=a,typo", "--strict-exit", "west"]).exits(4);
    assert_eq!(outcome.out, "typo\n");
    outcome.err_has(" WARN] Skipping maintenance for unknown hosts: typo").err_has("DRAINED: a\n");
    assert_eq!(stub.world().hosts["a"], MaintenanceMode::Drained);
}

#[test]
fn what_cannot_work_is_told_before_a_host_is_touched() {
    let stub = two_hosts();
    stub.file("plain", "text");
    for (option, complaint) in [
        ("--post_drain_script=missing", "No such file: missing"),
        ("--post_drain_script=.", "cannot run .: it is not a file"),
        ("--post_drain_script=plain", "cannot run plain: it is not executable"),
        ("--unsafe_hosts_file=missing/file", "cannot write --unsafe_hosts_file missing/file: "),
        ("--grouping=by_rack", "Unknown grouping function by_rack. Must be one of: by_host, none"),
    ] {
        stub.admin(&["host_drain", "--hosts=a", option, "west"]).exits(1).err_has(complaint);
    }
    assert!(stub.methods().is_empty());
}

#[test]
fn a_script_that_fails_is_told_and_stops_nothing() {
    let stub = two_hosts();
    let failing = script(&stub, "exit 3");
    stub.admin(&["host_drain", "--hosts=a,b", &failing, "west"])
        .exits(0)
        .err_has("/script a failed: exit status: 3; the host is drained all the same")
        .err_has("DRAINED: a, b\n");
    stub.file("script", "#!/nonexistent\n");
    stub.admin(&["host_drain", "--hosts=a", &failing, "west"]).exits(0).err_has(" WARN] cannot run ");
}

#[test]
fn without_unsafe_hosts_no_file_tells_of_some() {
    let stub = two_hosts();
    let drain = |file: &str| {
        let option = format!("--unsafe_hosts_file={file}");
        stub.admin(&["host_drain", "--hosts=a", &option, "west"]).exits(0).err_has("DRAINED: a\n");
    };
    drain("new");
    assert!(!stub.home.path().join("new").exists());
    let old = stub.file("old", "b\n");
    drain("old");
    assert_eq!(std::fs::read_to_string(old).unwrap(), "");
    drain("/dev/null");
}

#[test]
fn a_refusal_says_what_was_not_drained() {
    let stub = two_hosts();
    stub.world().answers.insert("drainHosts", (ResponseCode::Error, "Whoops"));
    let outcome = stub.admin(&["host_drain", "--hosts=a,b", "west"]).exits(1);
    assert_eq!(outcome.out, "a\nb\n");
    outcome
        .err_has("Response from scheduler: ERROR (message: Whoops)")
        .err_has(" INFO]   b: not begun with")
        .err_has("The hosts stay in maintenance until: ");
}

#[test]
fn an_interrupted_drain_says_how_far_it_got() {
    let stub = two_hosts();
    stub.world().looks_until_drained.insert("a", usize::MAX);
    let file = stub.home.path().join("unsafe");
    let option = format!("--unsafe_hosts_file={}", file.display());
    let child = stub.spawn_admin(&["host_drain", "--hosts=a,b", &option, "west"]);
    stub.wait_for_call("drainHosts");
    interrupt(child.id());
    let outcome = Outcome::of(child).exits(130);
    assert_eq!(outcome.out, "a\nb\n");
    outcome
        .err_has("ERROR] Command interrupted by user")
        .err_has(" INFO]   a: told to drain, see host_status")
        .err_has(" INFO]   b: not begun with")
        .err_has("The hosts stay in maintenance until: aurora_admin host_activate west --hosts=a,b");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a\nb\n");
}

#[test]
fn an_interrupted_script_is_told() {
    let stub = two_hosts();
    // It tells that it runs, then waits.
    let waiting = script(&stub, "echo $$ > pid.new; mv pid.new pid; exec sleep 600");
    let mut child = stub.spawn_admin(&["host_drain", "--hosts=a,b", "--grouping=none", &waiting, "west"]);
    let pid_file = stub.home.path().join("pid");
    let start = std::time::Instant::now();
    while !pid_file.exists() {
        assert!(start.elapsed() < std::time::Duration::from_secs(60), "the script does not run");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    interrupt(child.id());
    child.wait().unwrap();
    // Its output is the command's, and ends with it.
    let sleeping = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    interrupt(sleeping);
    let outcome = Outcome::of(child).exits(130);
    outcome.err_has("DRAINED: a, b\n").err_has(" WARN] The script has not run to its end for: a, b\n");
}
