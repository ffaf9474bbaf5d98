use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName};
use serde_json::Value;
use sim::what_if::{Backup, Capacity, HostAttributes, MaintenanceMode};

use crate::stub::Stub;

const JOBS: &str = "
def service(name, cpu, instances):
  process = Process(name = 'sleep', cmdline = 'sleep 1000')
  task = Task(processes = [process], resources = Resources(cpu = cpu, ram = 64*MB, disk = 64*MB))
  return Service(cluster = 'west', role = 'www', environment = 'prod', name = name, task = task, instances = instances)

jobs = [service('web', 1, 3), service('huge', 100, 1)]
";

fn host(name: &str, capacity: Option<Capacity>) -> (HostName, HostAttributes) {
    let host = HostName::new(name);
    let values = BTreeSet::from([Arc::from(name)]);
    let stored = HostAttributes {
        host: host.clone(),
        agent: AgentId::new(format!("agent-{name}")),
        attributes: BTreeMap::from([(Arc::from("host"), values)]),
        mode: MaintenanceMode::None,
        capacity,
        gone: None,
    };
    (host, stored)
}

/// A backup of two hosts, in a file.
fn backup(stub: &Stub, is_measured: bool) -> PathBuf {
    let regular =
        Resources { cpus: MilliCpus(4000), ram: Megabytes(8192), disk: Megabytes(8192), gpus: 0, ports: 10 };
    let capacity = is_measured.then_some(Capacity { regular, revocable: regular });
    let backup = Backup {
        taken_at: Timestamp(1_700_000_000_000),
        hosts: [host("a", capacity), host("b", capacity)].into(),
        ..Backup::default()
    };
    let path = stub.file("backup", "");
    std::fs::write(&path, backup.encode()).unwrap();
    path
}

#[test]
fn a_simulation_says_what_fits_and_what_waits() {
    let stub = Stub::start();
    backup(&stub, true);
    stub.file("jobs.aurora", JOBS);
    let outcome = stub.admin(&["simulate", "--snapshot", "backup", "--add-job", "jobs.aurora"]).exits(0);
    // Which of the two instances is where is chance.
    let out = outcome.out.replace("instance 1 on a\n  instance 0 on b", "instance 0 on a\n  instance 1 on b");
    assert_eq!(
        out,
        "\
snapshot of 2023-11-14 22:13:20 UTC: 2 hosts, 0 active tasks (0 pending)

www/prod/huge, added: 1 stays pending
  instance 0 pending:
    2 of 2 agents: not enough CPU (need 100.01 cores, best has 2.99 cores)
    what helps: less CPU per instance or more agents that suit

www/prod/web, added: 2 fit, 1 stays pending
  instance 0 on a
  instance 1 on b
  instance 2 pending:
    2 of 2 agents: limit host:1 reached
    what helps: a higher limit on 'host' or more agents that suit

2 tasks stay pending
"
    );
    assert!(stub.methods().is_empty(), "nobody is asked");
}

#[test]
fn options_of_a_simulation_and_its_json() {
    let stub = Stub::start();
    backup(&stub, true);
    stub.file("jobs.aurora", JOBS);
    let arguments = [
        "simulate",
        "--snapshot=backup",
        "--add-job=jobs.aurora",
        "--cluster=west",
        "--legacy-constraints=false",
        "--executor-cpus=0.5",
        "--executor-ram=32mb",
        "--remove-hosts=a",
        "-o",
        "json",
    ];
    let json: Value = serde_json::from_str(&stub.admin(&arguments).exits(0).out).unwrap();
    assert_eq!(json["removed_hosts"], serde_json::json!(["a"]));
    assert_eq!(json["pending_tasks"], 2);
    assert_eq!(json["jobs"][1]["job"], "www/prod/web");
    assert_eq!(json["jobs"][1]["why"], "added");
    assert_eq!(json["jobs"][1]["placed"], serde_json::json!([{"host": "b", "instances": [0, 1]}]));
    let reason = json["jobs"][1]["pending"][0]["reasons"][0].as_str().unwrap();
    assert_eq!(reason, "1 of 1 agents: not enough CPU (need 1.5 cores, best has 1 core)");
}

#[test]
fn agents_are_read_as_the_master_tells_them() {
    let stub = Stub::start();
    backup(&stub, false);
    stub.file("jobs.aurora", JOBS);
    stub.admin(&["simulate", "--snapshot=backup"])
        .exits(1)
        .err_has("does not say what its 2 hosts have")
        .err_has("http://MASTER:5050/slaves");
    stub.file(
        "slaves.json",
        r#"{"slaves": [{"id": "S1", "hostname": "a", "active": true, "attributes": {"host": "a"},
            "resources": {"cpus": 200, "mem": 9000.0, "disk": 9000.0, "gpus": 0, "ports": "[31000-32000]"}}]}"#,
    );
    stub.admin(&["simulate", "--snapshot=backup", "--agents=slaves.json", "--add-job=jobs.aurora"])
        .exits(0)
        .out_has("nothing is placed on 1 host of which it is not known what they have")
        .out_has("www/prod/huge, added: 1 fits\n  instance 0 on a")
        .out_has("www/prod/web, added: 1 fits, 2 stay pending");
}

#[test]
fn what_cannot_be_simulated_is_said() {
    let stub = Stub::start();
    backup(&stub, true);
    stub.file("other", "no backup");
    stub.file("jobs.aurora", JOBS);
    stub.admin(&["simulate"]).exits(1).err_has("--snapshot <FILE>");
    stub.admin(&["simulate", "--snapshot=backup", "--executor-cpus=-1"])
        .exits(2)
        .err_has("an executor cannot take -1 cores");
    stub.admin(&["simulate", "--snapshot=backup", "--add-job=jobs.aurora", "--remove-hosts=a,b"])
        .exits(0)
        .out_has("no host is left: name others with --agents");
    stub.admin(&["simulate", "--snapshot=nowhere"])
        .exits(1)
        .err_has("cannot read nowhere: No such file")
        .err_has("`aurora_admin scheduler_backup_now CLUSTER` makes one");
    stub.admin(&["simulate", "--snapshot=other"])
        .exits(1)
        .err_has("cannot use other: it is no backup of a scheduler, or it is cut short");
    stub.admin(&["simulate", "--snapshot=backup", "--agents=other"]).exits(1).err_has("cannot use other:");
    stub.admin(&["simulate", "--snapshot=backup", "--agents=nowhere"])
        .exits(1)
        .err_has("curl http://MASTER:5050/slaves > nowhere");
    stub.file(
        "less.json",
        r#"{"slaves": [{"hostname": "a", "resources": {"cpus": 1, "mem": -1, "disk": 1}}]}"#,
    );
    stub.admin(&["simulate", "--snapshot=backup", "--agents=less.json"])
        .exits(1)
        .err_has("cannot use less.json: the mem of a are -1, less than nothing");
    stub.admin(&["simulate", "--snapshot=backup", "--remove-hosts="])
        .exits(2)
        .err_has("--remove-hosts")
        .err_has("a host has a name, such as node-7");
    stub.admin(&["simulate", "--snapshot=backup", "--remove-hosts=c"])
        .exits(1)
        .err_has("there is no host c to remove; the snapshot has a, b");
    stub.admin(&["simulate", "--snapshot=backup", "--add-job=nowhere.aurora"])
        .exits(1)
        .err_has("nowhere.aurora");
    stub.admin(&["simulate", "--snapshot=backup", "--add-job=jobs.aurora", "--cluster=east"])
        .exits(1)
        .err_has("jobs.aurora has no job of cluster east");
}

#[test]
fn cli_93_backups_are_listed() {
    let stub = Stub::start();
    stub.world().backups = vec!["scheduler-backup-2".to_owned(), "scheduler-backup-1".to_owned()];
    let outcome = stub.admin(&["scheduler_list_backups", "west"]).exits(0);
    assert_eq!(outcome.out, "2 available backups:\nscheduler-backup-1\nscheduler-backup-2\n");
    stub.admin(&["scheduler_backup_now", "west"]).exits(0).err_has("Response from scheduler: OK");
    assert_eq!(stub.methods(), ["listBackups", "performBackup"]);
}
