use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use aurora_api::task::TaskStatus::*;

use super::*;
use crate::bench::*;
use crate::effect::Batch;
use crate::input::MaintenanceCall;
use crate::{Change, Core};

/// A bench with running, pending and ended tasks, a quota and a host in maintenance.
fn busy() -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    bench.grant_quota("r");
    bench.create(service("r/prod/j"), 3);
    bench.create(aurora_api::task::TaskConfig { priority: 7, ..service("r/prod/k") }, 1);
    let mut first = offer("a", resources(9.0, 9000, 9000), &[("rack", &["x", "y"]), ("host", &["a"])]);
    first.revocable.cpus = MilliCpus(2500);
    bench.offer(first);
    bench.tick(Millis(10));
    let running = bench.tasks(Assigned);
    bench.status(&running[0].id, Running);
    bench.status(&running[1].id, Failed);
    bench.offer(offer("b", resources(0.1, 10, 10), &[]));
    bench.request(Change::Maintain { hosts: [HostName::new("b")].into(), call: MaintenanceCall::Start });
    bench
}

#[test]
fn a_backup_reads_back_as_it_is_written() {
    let mut bench = busy();
    let overhead = Resources { cpus: MilliCpus(10), ram: Megabytes(16), ..Resources::default() };
    bench.config.executor_overhead.insert(Arc::from("AuroraExecutor"), overhead);
    let backup = Backup::of(&bench.core.view(), &bench.config, bench.now);
    assert_eq!(backup.hosts.len(), 2);
    assert!(backup.tasks.len() >= 5);
    assert_eq!(backup.quotas.len(), 1);
    assert_eq!(Backup::decode(&backup.encode()).unwrap(), backup);
}

#[test]
fn a_core_goes_on_from_a_backup() {
    let bench = busy();
    let backup = Backup::of(&bench.core.view(), &bench.config, bench.now);
    let snapshot = backup.snapshot().unwrap();
    let none: [&[u8]; 0] = [];
    let mut batch = Batch::default();
    let config = bench.config.clone();
    let core = Core::recover(config, identity(), 1, Some(&snapshot), none, bench.now, &mut batch).unwrap();
    let again = Backup::of(&core.view(), &bench.config, bench.now);
    assert_eq!(again, backup);
}

#[test]
fn what_upstream_writes_is_read() {
    let bench = busy();
    let mut backup = Backup::of(&bench.core.view(), &bench.config, bench.now);
    backup.settings = None;
    backup.hosts.values_mut().for_each(|host| host.capacity = None);
    let read = Backup::decode(&backup.encode()).unwrap();
    assert_eq!(read, backup);
    let hosts = [HostName::new("a")].into();
    assert!(read.tasks_on(&hosts).count() >= 2);
}

#[test]
fn damage_is_told() {
    let bytes = {
        let bench = busy();
        Backup::of(&bench.core.view(), &bench.config, bench.now).encode()
    };
    assert!(matches!(Backup::decode(b"{}"), Err(BackupError::Malformed(_))));
    assert!(matches!(Backup::decode(&bytes[..bytes.len() / 2]), Err(BackupError::Malformed(_))));
    assert_eq!(Backup::decode(&[0]), Err(BackupError::Missing("timestamp")));
    let bad = Settings::read(&[("aurora-rust.tier.x".to_owned(), "maybe".to_owned())].into());
    assert!(bad.unwrap_err().to_string().contains("`tier.x` is `maybe`"));
}
