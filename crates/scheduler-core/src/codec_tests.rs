use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName, JobKey};
use aurora_api::task::TaskStatus::Running;
use aurora_api::task::{Assignment, TaskEvent};

use super::*;
use crate::bench::*;
use crate::operation::{Capacity, Gone, HostAttributes, MaintenanceMode};
use crate::quota::Quota;

fn task() -> Arc<Task> {
    Arc::new(Task {
        id: TaskId::new("r-prod-j-3-x"),
        instance: 3,
        config: Arc::new(service("r/prod/j")),
        status: Running,
        assignment: Some(Assignment {
            agent: AgentId::new("agent"),
            host: HostName::new("host"),
            ports: BTreeMap::from([(Arc::from("http"), 31_000)]),
        }),
        failure_count: 2,
        times_partitioned: 1,
        events: vec![TaskEvent {
            at: Timestamp(5),
            status: Running,
            message: Some(Arc::from("up")),
            scheduler: None,
        }],
        ancestor: Some(TaskId::new("older")),
    })
}

fn operations() -> Vec<Operation> {
    let host = HostAttributes {
        host: HostName::new("host"),
        agent: AgentId::new("agent"),
        attributes: BTreeMap::from([(Arc::from("rack"), [Arc::from("r1"), Arc::from("r2")].into())]),
        mode: MaintenanceMode::Draining,
        capacity: None,
        gone: None,
    };
    let amounts = |cpus, gpus| Resources {
        cpus: MilliCpus(cpus),
        ram: Megabytes(2048),
        disk: Megabytes(4096),
        gpus,
        ports: 100,
    };
    let capacity = Capacity { regular: amounts(4000, 1), revocable: amounts(500, 1) };
    let measured = HostAttributes { capacity: Some(capacity), ..host.clone() };
    let same = Capacity { regular: amounts(4000, 0), revocable: amounts(4000, 0) };
    let all_alike = HostAttributes { capacity: Some(same), ..host.clone() };
    let ran = BTreeSet::from(["r/prod/j".parse::<JobKey>().unwrap().instance(3)]);
    let gone = HostAttributes { gone: Some(Gone { since: Timestamp(7), ran }), ..host.clone() };
    vec![
        Operation::SaveFramework(FrameworkId::new("f")),
        Operation::SaveConfig { id: ConfigId(7), config: Arc::new(service("r/prod/j")) },
        Operation::SaveHost(Arc::new(host)),
        Operation::SaveTask { task: task(), config: ConfigId(7) },
        Operation::RemoveTask(TaskId::new("r-prod-j-3-x")),
        Operation::RemoveConfig(ConfigId(7)),
        Operation::SaveQuota {
            role: Arc::from("r"),
            quota: Quota { cpus: MilliCpus(1500), ram: Megabytes(64), disk: Megabytes(32) },
        },
        Operation::SaveHost(Arc::new(measured)),
        Operation::SaveHost(Arc::new(all_alike)),
        Operation::SaveHost(Arc::new(gone)),
    ]
}

#[test]
fn every_operation_reads_back_as_it_is_written() {
    let mut state = State::default();
    for operation in operations() {
        let read = decode_operation(&encode_operation(&operation), &state).unwrap();
        assert_eq!(read, operation);
        state.apply(&read).unwrap();
    }
}

#[test]
fn a_snapshot_reads_back_as_it_is_written() {
    let mut state = State::default();
    operations()[..4].iter().for_each(|operation| state.apply(operation).unwrap());
    operations()[6..8].iter().for_each(|operation| state.apply(operation).unwrap());
    let bytes = encode_snapshot(&state);
    let read = decode_snapshot(&bytes).unwrap();
    assert_eq!(encode_snapshot(&read), bytes);
    assert_eq!(read.task(&task().id), Some(&task()));
    assert_eq!(read.configs().uses(ConfigId(7)), 1);
    assert_eq!(read.tables().quota("r").cpus, MilliCpus(1500));
    let host = read.tables().host(&HostName::new("host")).unwrap();
    assert_eq!(host.capacity.unwrap().revocable.cpus, MilliCpus(500));
}

#[test]
fn damage_is_told_and_nothing_panics() {
    let mut state = State::default();
    operations()[..4].iter().for_each(|operation| state.apply(operation).unwrap());
    let snapshot = encode_snapshot(&state);
    let mut refused = 0;
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        damaged[at] ^= 0x55;
        refused += usize::from(decode_snapshot(&damaged).is_err());
        let _ = decode_snapshot(&snapshot[..at]).unwrap_err();
    }
    assert!(refused > snapshot.len() / 4, "{refused} of {}", snapshot.len());

    let newer = encode_binary(&Snapshot { version: Some(SNAPSHOT_VERSION + 1), ..Snapshot::default() });
    assert_eq!(decode_snapshot(&newer).unwrap_err(), CodecError::NewerVersion { found: 2 });
    assert_eq!(
        decode_operation(&encode_operation(&operations()[3]), &State::default()).unwrap_err().to_string(),
        "the record contradicts what came before it"
    );
}

/// What was written once must be readable for ever: these bytes are never to change.
#[test]
fn the_format_of_operations_is_fixed() {
    let hex = |operation: &Operation| {
        let bytes: Vec<String> =
            encode_operation(operation).iter().map(|byte| format!("{byte:02x}")).collect();
        let lines: Vec<String> = bytes.chunks(32).map(|line| line.join(" ")).collect();
        lines.join("\n")
    };
    let all: Vec<String> = operations().iter().map(hex).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}
