//! Hosts in maintenance, but for draining them (`spec/cli.md` §10.2).

use std::collections::BTreeSet;

use aurora_api::thrift::{MaintenanceMode, ResponseCode, ScheduleStatus};

use crate::stub::{Stub, task};

/// A stub with hosts `a` and `b` in service.
pub fn two_hosts() -> Stub {
    let stub = Stub::start();
    stub.world().hosts =
        ["a", "b"].into_iter().map(|host| (host.to_owned(), MaintenanceMode::None)).collect();
    stub
}

pub fn set(hosts: &[&str]) -> BTreeSet<String> {
    hosts.iter().map(|&host| host.to_owned()).collect()
}

#[test]
fn cli_94_hosts_are_named_in_one_way() {
    let stub = two_hosts();
    let file = stub.file("hosts", "a\n");
    let filename = format!("--filename={}", file.display());
    for command in ["host_status", "host_deactivate", "host_activate", "host_drain", "host_wait"] {
        for arguments in [
            &[command, "west"][..],
            &[command, "--hosts=a", &filename, "west"],
            &[command, "--hosts=", "west"],
        ] {
            stub.admin(arguments).exits(1).err_has("Please specify either --filename or --hosts");
        }
    }
    assert!(stub.methods().is_empty());
}

#[test]
fn hosts_are_listed_or_in_a_file() {
    let stub = two_hosts();
    let blank = stub.file("blank", " \n\n");
    let blank = format!("--filename={}", blank.display());
    stub.admin(&["host_status", &blank, "west"])
        .exits(1)
        .err_has("No valid hosts found in ")
        .err_has("blank.");
    stub.admin(&["host_status", "--hosts= , ", "west"]).exits(1).err_has("No valid hosts found.");
    stub.admin(&["host_status", "--filename=missing", "west"]).exits(1).err_has("cannot read missing: ");
    let both = stub.file("both", "  b \n\na\nb\n");
    let outcome = stub.admin(&["host_status", "--filename", &both.display().to_string(), "west"]).exits(0);
    assert_eq!(outcome.out, "a is in state: NONE\nb is in state: NONE\n");
}

#[test]
fn cli_95_the_last_line_of_the_log_has_the_mode_as_its_sixth_field() {
    let stub = two_hosts();
    stub.world().hosts.insert("a".to_owned(), MaintenanceMode::Drained);
    for (hosts, mode) in [("--hosts=b", "NONE"), ("--hosts=a", "DRAINED"), ("--hosts=unknown,a", "DRAINED")] {
        let outcome = stub.admin(&["host_status", hosts, "west"]).exits(0);
        let last = outcome.err.lines().last().unwrap();
        assert_eq!(last.split_whitespace().nth(5), Some(mode), "{outcome:?}");
        assert_eq!(outcome.out.split_whitespace().nth(4), Some(mode), "{outcome:?}");
    }
}

#[test]
fn a_draining_host_tells_what_is_still_there() {
    let stub = two_hosts();
    let mut killing = task(3, ScheduleStatus::Killing);
    killing.assigned_task.as_mut().unwrap().slave_host = Some("a".to_owned());
    killing.task_events.as_mut().unwrap()[0].message = Some("Draining machine for maintenance.".to_owned());
    let mut world = stub.world();
    world.tasks = vec![killing];
    world.hosts.insert("a".to_owned(), MaintenanceMode::Draining);
    world.looks_until_drained.insert("a", 10);
    drop(world);
    stub.admin(&["host_status", "--hosts=a,b", "west"]).exits(0).err_has(
        " INFO] still on a: bozo/test/hello/3 is KILLING since 1970-01-01 00:00:01: Draining machine for maintenance.",
    );
}

#[test]
fn unknown_hosts_are_told_with_where_the_known_ones_are() {
    let stub = two_hosts();
    for command in ["host_status", "host_deactivate", "host_activate", "host_wait", "host_drain"] {
        stub.admin(&[command, "--hosts=x,y", "west"])
            .exits(1)
            .err_has("The scheduler knows none of these hosts: x, y")
            .err_has(&format!("{}/agents", stub.address));
    }
    stub.admin(&["host_deactivate", "--hosts=a,x", "west"])
        .exits(0)
        .err_has(" WARN] Skipping maintenance for unknown hosts: x")
        .err_has("a is in state: SCHEDULED");
    stub.admin(&["host_wait", "--hosts=a,x", "--mode=scheduled", "west"]).exits(1).err_has("Not waiting");
}

#[test]
fn hosts_go_out_of_service_and_back() {
    let stub = two_hosts();
    stub.admin(&["host_deactivate", "--hosts=a,b", "west"])
        .exits(0)
        .err_has("Response from scheduler: OK (message: )")
        .err_has(" INFO] b is in state: SCHEDULED");
    stub.admin(&["host_activate", "--hosts=a", "west"]).exits(0).err_has(" INFO] a is in state: NONE");
    let expected = [("startMaintenance", set(&["a", "b"])), ("endMaintenance", set(&["a"]))];
    assert_eq!(stub.world().maintained, expected);
    assert_eq!(stub.methods().last().unwrap(), "maintenanceStatus");
}

#[test]
fn what_is_drained_is_not_opened_again_by_deactivating_it() {
    let stub = two_hosts();
    stub.world().hosts.insert("a".to_owned(), MaintenanceMode::Drained);
    stub.admin(&["host_deactivate", "--hosts=a,b", "west"])
        .exits(0)
        .err_has("a is DRAINED already and stays so")
        .err_has("b is in state: SCHEDULED");
    assert_eq!(stub.world().maintained, [("startMaintenance", set(&["b"]))]);
}

#[test]
fn a_host_that_is_not_back_is_told() {
    let stub = two_hosts();
    stub.world().hosts.insert("a".to_owned(), MaintenanceMode::Drained);
    stub.world().answers.insert("endMaintenance", (ResponseCode::Ok, ""));
    stub.admin(&["host_activate", "--hosts=a", "west"])
        .exits(0)
        .err_has(" WARN] a is DRAINING or in DRAINED");
}

#[test]
fn a_refusal_is_told() {
    let stub = two_hosts();
    for (command, method) in [
        ("host_status", "maintenanceStatus"),
        ("host_activate", "endMaintenance"),
        ("host_deactivate", "startMaintenance"),
        ("host_drain", "drainHosts"),
    ] {
        stub.world().answers.clear();
        stub.world().answers.insert(method, (ResponseCode::InvalidRequest, "Whoops"));
        stub.admin(&[command, "--hosts=a", "west"])
            .exits(1)
            .err_has("Response from scheduler: INVALID_REQUEST (message: Whoops)");
    }
}

#[test]
fn hosts_are_waited_for() {
    let stub = two_hosts();
    let mut world = stub.world();
    world.hosts.insert("a".to_owned(), MaintenanceMode::Draining);
    world.hosts.insert("b".to_owned(), MaintenanceMode::Drained);
    world.looks_until_drained.insert("a", 3);
    world.hang_ups.insert("maintenanceStatus", 0);
    drop(world);
    stub.admin(&["host_wait", "--hosts=a,b", "--interval=0s", "--timeout=60s", "west"])
        .exits(0)
        .err_has("Waiting for hosts to be in DRAINED: a\n")
        .err_has("b is in state: DRAINED");
    stub.admin(&["host_wait", "--hosts=a,b", "--mode=NONE", "--timeout=0s", "west"])
        .exits(1)
        .err_has("Not all hosts were NONE within 0s:\n\tHost:a\tStatus:DRAINED\n");
    stub.admin(&["host_wait", "--hosts=a", "--mode=GONE", "west"]).exits(2).err_has("invalid choice: 'GONE'");
}
