//! What an operator does to a host with `aurora_admin`, and what becomes of the tasks there, on both clusters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aurora_api::thrift::ScheduleStatus::{Killed, Pending, Running};
use aurora_api::thrift::{ScheduleStatus, ScheduledTask};
use e2e::{Backend, PATIENCE, Testbed, TestbedOptions, events, wait_until};

const SERVICE: &str = "exec sleep 86396";

fn host(task: &ScheduledTask) -> String {
    task.assigned_task.as_ref().unwrap().slave_host.clone().unwrap()
}

fn tasks_of(testbed: &Testbed, job: &str, status: ScheduleStatus) -> Vec<ScheduledTask> {
    let mut tasks = testbed.tasks(job);
    tasks.retain(|task| task.status == Some(status));
    tasks
}

/// Two agents, a service with an instance on each of them at most, and one that may be anywhere.
fn two_agents(backend: Backend) -> Testbed {
    let testbed = Testbed::start_with(backend, TestbedOptions { agents: 2, ..TestbedOptions::default() });
    let config = format!(
        "task = SequentialTask(processes = [Process(name = 'main', cmdline = '{SERVICE}')], \
         resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
         jobs = [Service(cluster = 'e2e', role = 'www', environment = 'prod', name = 'spread', instances = 2, \
         task = task(name = 'spread'), constraints = {{'host': 'limit:1'}})]\n"
    );
    let path = testbed.write_config("spread", &config);
    testbed.aurora(&["job", "create", &testbed.key("spread"), path.to_str().unwrap()]).expect_code(0);
    testbed.create("Service", "web", 1, SERVICE);
    testbed.wait_for_running("spread", 2);
    testbed.wait_for_running("web", 1);
    testbed
}

fn a_host_is_drained_and_comes_back(backend: Backend) {
    let testbed = two_agents(backend);
    let old = host(&testbed.wait_for_running("web", 1)[0]);
    let hosts = format!("--hosts={old}");
    let admin = |arguments: &[&str]| testbed.admin(&[arguments, &[hosts.as_str(), "e2e"]].concat());
    let status = || admin(&["host_status"]).expect_code(0).stdout;
    assert_eq!(status(), format!("{old} is in state: NONE\n"));
    admin(&["host_deactivate"]).expect_code(0);
    assert_eq!(status(), format!("{old} is in state: SCHEDULED\n"));
    assert!(testbed.tasks("web").iter().all(|task| task.status == Some(Running)), "what runs there runs on");

    let done = testbed.directory().join("done");
    let script = testbed.directory().join("script");
    std::fs::write(&script, format!("#!/bin/sh\necho $1 >> {}\n", done.display())).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = format!("--post_drain_script={}", script.display());
    let drained = admin(&["host_drain", "--interval=1s", "--strict-exit", &script]).expect_code(0);
    assert_eq!(drained.stdout, "");
    assert!(drained.stderr.contains(&format!("DRAINED: {old}\n")), "{drained:?}");
    assert!(drained.stderr.contains("All hosts passed SLA check."), "{drained:?}");
    assert_eq!(std::fs::read_to_string(done).unwrap(), format!("{old}\n"));
    assert_eq!(status(), format!("{old} is in state: DRAINED\n"));

    // What can run elsewhere does, and what cannot says why.
    let moved = testbed.wait_for_running("web", 1);
    assert_ne!(host(&moved[0]), old);
    let ended = &tasks_of(&testbed, "web", Killed)[0];
    assert!(events(ended).contains(&"Draining: Draining machine for maintenance.".to_owned()), "{ended:?}");
    let key = testbed.key("spread");
    wait_until("the reasons of the instance that waits", PATIENCE, || {
        let explained = testbed.aurora(&["job", "explain", &key]).expect_code(0).stdout;
        let reasons = [
            "1 of 2 active instances are RUNNING",
            "1 of 2 agents: in maintenance",
            "1 of 2 agents: limit host:1 reached",
            &format!("last run KILLED on {old}: Draining machine for maintenance."),
        ];
        if reasons.iter().all(|reason| explained.contains(reason)) { Ok(()) } else { Err(explained) }
    });
    assert_eq!(tasks_of(&testbed, "spread", Pending).len(), 1);

    // Draining it once more finds nothing to do and opens it to nobody.
    admin(&["host_drain", "--strict-exit"]).expect_code(0);
    assert_eq!(tasks_of(&testbed, "spread", Pending).len(), 1);
    admin(&["host_activate"]).expect_code(0);
    assert_eq!(status(), format!("{old} is in state: NONE\n"));
    let spread = testbed.wait_for_running("spread", 2);
    assert!(spread.iter().any(|task| host(task) == old), "it has tasks again");
}

fn a_host_that_does_not_get_empty_says_what_is_there(backend: Backend) {
    let testbed = Testbed::start(backend);
    let gate = testbed.directory().join("gate");
    // It ends when the gate opens, whatever it is told.
    let command = format!("trap true TERM; touch deaf; until test -e {}; do sleep 0.1; done", gate.display());
    let config = format!(
        "task = Task(name = 'stubborn', processes = [Process(name = 'main', cmdline = '''{command}''')], \
         finalization_wait = 3600, resources = Resources(cpu = 1.0, ram = 64*MB, disk = 64*MB))\n\
         jobs = [Service(cluster = 'e2e', role = 'www', environment = 'prod', name = 'stubborn', task = task)]\n"
    );
    let path = testbed.write_config("stubborn", &config);
    testbed.aurora(&["job", "create", &testbed.key("stubborn"), path.to_str().unwrap()]).expect_code(0);
    let host = host(&testbed.wait_for_running("stubborn", 1)[0]);
    wait_until("its process to be deaf", PATIENCE, || {
        if testbed.sandbox_files("deaf").is_empty() { Err("not yet".to_owned()) } else { Ok(()) }
    });
    let hosts = format!("--hosts={host}");

    let drained =
        testbed.admin(&["host_drain", &hosts, "--timeout=0s", "--strict-exit", "e2e"]).expect_code(4);
    assert_eq!(drained.stdout, format!("{host}\n"));
    let keeper = format!("still on {host}: www/prod/stubborn/0 is DRAINING since ");
    for text in [keeper.as_str(), &format!("\tHost:{host}\tStatus:DRAINING\n")] {
        assert!(drained.stderr.contains(text), "no {text:?} in {drained:?}");
    }
    let status = testbed.admin(&["host_status", &hosts, "e2e"]).expect_code(0);
    assert!(status.stderr.contains(&keeper) && status.stdout.ends_with("DRAINING\n"), "{status:?}");

    std::fs::write(&gate, "").unwrap();
    testbed.admin(&["host_wait", &hosts, "--mode=DRAINED", "--interval=1s", "e2e"]).expect_code(0);
    let waiting = testbed.wait_for_statuses("stubborn", &[(Killed, 1), (Pending, 1)]);
    assert_eq!(waiting.len(), 2);
}

e2e::on_both_clusters! {
    a_host_is_drained_and_comes_back,
    a_host_that_does_not_get_empty_says_what_is_there,
}
