use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::plan::birth::{Birth, BootId, Place, ProcessId};
use crate::plan::record::{ProcessState, TaskState};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn golden() -> Vec<(Record, &'static str)> {
    vec![
        (
            Record::Task(TaskStatus {
                state: Some(TaskState::Active.wire()),
                timestamp_ms: Some(1000),
                runner_pid: Some(42),
                runner_uid: Some(0),
                ..TaskStatus::default()
            }),
            "000000250c0003080001000000000a000200000000000003e80800030000002a080004000000000000",
        ),
        (
            Record::Process(ProcessStatus::new("a", 0, ProcessState::Waiting)),
            "0000001f0c00020a000100000000000000000b00030000000161080005000000000000",
        ),
        (
            Record::Process(ProcessStatus {
                coordinator_pid: Some(43),
                fork_time: Some(1.5),
                ..ProcessStatus::new("a", 1, ProcessState::Forked)
            }),
            "000000310c00020a000100000000000000010b000300000001610800050000000108000a0000002b04000b3ff80000000000000000",
        ),
        (
            Record::Process(ProcessStatus {
                start_time: Some(2.0),
                pid: Some(44),
                ..ProcessStatus::new("a", 2, ProcessState::Running)
            }),
            "000000310c00020a000100000000000000020b000300000001610800050000000204000640000000000000000800070000002c0000",
        ),
        (
            Record::Process(ProcessStatus {
                stop_time: Some(2.5),
                return_code: Some(7),
                ..ProcessStatus::new("a", 3, ProcessState::Failed)
            }),
            "000000310c00020a000100000000000000030b00030000000161080005000000050400084004000000000000080009000000070000",
        ),
        (
            Record::Header(RunnerHeader {
                task_id: Some("t".into()),
                launch_time_ms: Some(999),
                sandbox: Some("/s".into()),
                hostname: Some("h".into()),
                user: Some("u".into()),
                ports: Some(BTreeMap::from([("http".into(), 8080)])),
                log_dir: Some("/s/.logs".into()),
                uid: Some(1000),
            }),
            "000000600c00010b000100000001740a000200000000000003e70b0003000000022f730b000400000001680b000500000001750d00060b0a0000000100000004687474700000000000001f900b0007000000082f732f2e6c6f6773080008000003e80000",
        ),
    ]
}

#[test]
fn th_80_the_golden_records_decode_and_encode() {
    for (record, hex) in golden() {
        let expected = bytes(hex);
        assert_eq!(encode_record(&record).unwrap(), expected, "{record:?}");
        assert_eq!(decode_record(&expected).unwrap(), Some((record, expected.len())));
    }
}

#[test]
fn th_81_a_header_without_its_newer_fields_loads() {
    // The golden header without its last two fields, after the record that goes before it.
    let (whole, fields) = (golden()[5].1, "0b0007000000082f732f2e6c6f6773080008000003e8");
    let older = whole.replace("00000060", "0000004a").replace(fields, "");
    assert_eq!(older.len() + fields.len(), whole.len());
    let folder = tempfile::tempdir().unwrap();
    let stream = folder.path().join("runner");
    std::fs::write(&stream, [bytes(golden()[0].1), bytes(&older)].concat()).unwrap();
    let loaded = crate::checkpoint::load(&stream).unwrap();
    assert!(loaded.damage.is_none() && loaded.torn_at.is_none());
    let header = loaded.state.header.unwrap();
    assert_eq!((header.log_dir, header.uid), (None, None));
    assert_eq!((header.task_id.as_deref(), header.user.as_deref()), (Some("t"), Some("u")));
    assert_eq!(header.ports, Some(BTreeMap::from([("http".into(), 8080)])));
}

#[test]
fn th_86_a_record_over_the_limit_is_refused() {
    let error = decode_record(&[0x04, 0, 0, 1]).unwrap_err();
    assert!(error.to_string().starts_with("Record exceeds maximum allowable size"));
    assert_eq!(decode_record(&[0x04, 0, 0, 0]), Ok(None));
}

#[test]
fn th_88_unknown_fields_are_skipped() {
    let mut encoded =
        encode_record(&Record::Process(ProcessStatus::new("a", 0, ProcessState::Waiting))).unwrap();
    // Before the two stop bytes: field 42, an i32.
    let at = encoded.len() - 2;
    encoded.splice(at..at, [8, 0, 42, 0, 0, 0, 9]);
    encoded[3] += 7;
    let (record, _) = decode_record(&encoded).unwrap().unwrap();
    assert_eq!(record, Record::Process(ProcessStatus::new("a", 0, ProcessState::Waiting)));
}

#[test]
fn d17_what_identifies_a_process_follows_all_that_upstream_writes() {
    let birth = Birth {
        place: Place {
            boot: BootId::parse("0c1d9a5e-0001-4000-8000-00000000abcd").unwrap(),
            namespace: 4026531836,
        },
        start_ticks: 77,
    };
    let old = ProcessStatus {
        start_time: Some(2.0),
        pid: Some(44),
        ..ProcessStatus::new("a", 2, ProcessState::Running)
    };
    let mut new = old.clone();
    new.set_birth(Some(birth));
    let upstream = encode_record(&Record::Process(old)).unwrap();
    let ours = encode_record(&Record::Process(new.clone())).unwrap();
    // Behind the length, up to the two stop bytes. What follows has ids that upstream's readers skip (TH-88).
    assert_eq!(ours[4..upstream.len() - 2], upstream[4..upstream.len() - 2]);
    assert_eq!(ours[upstream.len() - 2..upstream.len() + 1], [11, 0, 21]);
    assert_eq!(decode_record(&ours).unwrap(), Some((Record::Process(new.clone()), ours.len())));
    assert_eq!(new.birth(), Some(birth));

    let runner = ProcessId { pid: 42, birth: Some(birth) };
    let status = TaskStatus::new(TaskState::Active, 1000, runner, 0);
    let ours = encode_record(&Record::Task(status.clone())).unwrap();
    let upstream = bytes(golden()[0].1);
    assert_eq!(ours[4..upstream.len() - 2], upstream[4..upstream.len() - 2]);
    assert_eq!(status.runner(), Some(runner));
}

#[test]
fn an_empty_union_is_its_own_record() {
    assert_eq!(decode_record(&[0, 0, 0, 1, 0]).unwrap(), Some((Record::Empty, 5)));
}

proptest! {
    #[test]
    fn any_bytes_decode_or_fail_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_record(&bytes);
    }

    #[test]
    fn records_round_trip(seq in any::<i64>(), name in ".{0,20}", state in any::<i32>(), time in -1e12f64..1e12) {
        let record = Record::Process(ProcessStatus {
            seq: Some(seq),
            process: Some(name),
            state: Some(state),
            start_time: Some(time),
            ..ProcessStatus::default()
        });
        let encoded = encode_record(&record).unwrap();
        prop_assert_eq!(decode_record(&encoded).unwrap(), Some((record, encoded.len())));
    }
}
