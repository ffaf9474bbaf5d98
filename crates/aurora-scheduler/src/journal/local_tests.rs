//! What the local journal promises, on real files.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn records(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A copy of a journal that is still open: what a crash leaves.
fn crashed_copy(journal: &LocalJournal) -> TempDir {
    let copy = TempDir::new().unwrap();
    fs::copy(journal.file(), copy.path().join(FILE_NAME)).unwrap();
    copy
}

#[test]
fn a_new_journal_is_empty() {
    let folder = TempDir::new().unwrap();
    let (journal, recovered) = LocalJournal::open(&folder.path().join("new")).unwrap();
    assert_eq!(recovered, Recovered::default());
    assert_eq!(journal.records_since_snapshot(), 0);
}

fn snapshot_now(journal: &mut LocalJournal, state: &[u8]) -> Result<(), JournalError> {
    journal.snapshot(journal.last_record(), &Compressed::of(state))
}

#[test]
fn records_made_while_a_snapshot_was_prepared_are_kept() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal.commit(&records(&["a", "b"])).unwrap();
    let covered = journal.last_record();
    journal.commit(&records(&["c", "d"])).unwrap();
    journal.snapshot(covered, &Compressed::of(b"ab")).unwrap();
    assert_eq!(journal.records_since_snapshot(), 2);
    drop(journal);
    let (_, recovered) = LocalJournal::open(folder.path()).unwrap();
    assert_eq!(recovered, Recovered { snapshot: Some(b"ab".to_vec()), records: records(&["c", "d"]) });
}

#[test]
fn committed_records_and_snapshots_are_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal.commit(&records(&["a", "b"])).unwrap();
    journal.commit(&[]).unwrap();
    journal.commit(&records(&["c"])).unwrap();
    assert_eq!(journal.records_since_snapshot(), 3);
    drop(journal);

    let (mut journal, recovered) = LocalJournal::open(folder.path()).unwrap();
    assert_eq!(recovered, Recovered { snapshot: None, records: records(&["a", "b", "c"]) });
    snapshot_now(&mut journal, b"abc").unwrap();
    assert_eq!(journal.records_since_snapshot(), 0);
    journal.commit(&records(&["d"])).unwrap();
    drop(journal);

    let (journal, recovered) = LocalJournal::open(folder.path()).unwrap();
    assert_eq!(recovered, Recovered { snapshot: Some(b"abc".to_vec()), records: records(&["d"]) });
    assert_eq!(journal.records_since_snapshot(), 1);
}

#[test]
fn an_empty_state_is_a_snapshot_too() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    snapshot_now(&mut journal, b"").unwrap();
    drop(journal);
    let (_, recovered) = LocalJournal::open(folder.path()).unwrap();
    assert_eq!(recovered.snapshot, Some(Vec::new()));
}

#[test]
fn a_second_scheduler_is_told_that_the_journal_is_taken() {
    let folder = TempDir::new().unwrap();
    let _open = LocalJournal::open(folder.path()).unwrap();
    let error = LocalJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("-native_log_file_path"), "{error}");
}

#[test]
fn a_file_of_another_program_or_version_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(FILE_NAME), "this is no journal, and it is long enough to be looked at")
        .unwrap();
    let error = LocalJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(FILE_NAME), "{error}");

    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal
        .transact("change", |transaction| {
            transaction.open_table(HEADER)?.insert(HEADER_FORMAT, 99)?;
            Ok(())
        })
        .unwrap();
    drop(journal);
    let error = LocalJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::WrongFormat { found: 99, .. }), "{error}");
}

#[test]
fn a_missing_or_changed_record_is_named() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal.commit(&records(&["a", "b", "c"])).unwrap();
    journal
        .transact("change", |transaction| {
            transaction.open_table(RECORDS)?.insert(2, record::seal(3, b"b").as_slice())?;
            Ok(())
        })
        .unwrap();
    let error = journal.load().unwrap_err();
    assert!(error.to_string().contains("damaged at record 2: its checksum"), "{error}");
    journal
        .transact("change", |transaction| {
            transaction.open_table(RECORDS)?.remove(2)?;
            Ok(())
        })
        .unwrap();
    let error = journal.load().unwrap_err();
    assert!(error.to_string().contains("damaged at record 2: number 3 follows"), "{error}");
}

#[test]
fn a_truncated_file_is_reported_as_damaged() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal.commit(&vec![vec![7; 10_000]; 50]).unwrap();
    let length = fs::metadata(journal.file()).unwrap().len();
    for kept in [length / 2, length - 1] {
        let copy = crashed_copy(&journal);
        let file = OpenOptions::new().write(true).open(copy.path().join(FILE_NAME)).unwrap();
        file.set_len(kept).unwrap();
        let error = LocalJournal::open(copy.path()).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { .. }), "{kept} of {length}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any sequence of batches and snapshots, with a crash anywhere: everything committed is there, in order.
    #[test]
    fn whatever_was_committed_is_recovered(
        batches in prop::collection::vec(
            (prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), prop::bool::weighted(0.2), prop::bool::weighted(0.3)),
            1..12,
        )
    ) {
        let mut folder = TempDir::new().unwrap();
        let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
        let (mut state, mut since): (Option<Vec<u8>>, Vec<Vec<u8>>) = (None, Vec::new());
        for (batch, snapshot, crash) in batches {
            journal.commit(&batch).unwrap();
            since.extend(batch);
            if snapshot {
                let taken: Vec<u8> = state.unwrap_or_default().into_iter().chain(since.concat()).collect();
                snapshot_now(&mut journal, &taken).unwrap();
                state = Some(taken);
                since.clear();
            }
            if crash {
                let copy = crashed_copy(&journal);
                drop(journal);
                folder = copy;
                let (reopened, recovered) = LocalJournal::open(folder.path()).unwrap();
                journal = reopened;
                prop_assert_eq!(&recovered, &Recovered { snapshot: state.clone(), records: since.clone() });
            }
        }
        drop(journal);
        let (_, recovered) = LocalJournal::open(folder.path()).unwrap();
        prop_assert_eq!(recovered, Recovered { snapshot: state, records: since });
    }

    /// A flipped bit anywhere in the file of a running journal never changes what is recovered: it is harmless (free
    /// space), or it is reported.
    #[test]
    fn a_flipped_bit_is_harmless_or_reported(place: prop::sample::Index, bit in 0_u8..8) {
        let folder = TempDir::new().unwrap();
        let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
        let written: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 500]).collect();
        journal.commit(&written).unwrap();
        drop(journal);
        let path = folder.path().join(FILE_NAME);
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        // Past the header page, whose two commit slots back each other up.
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let offset = 4096 + place.index(length - 4096) as u64;
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
        match LocalJournal::open(folder.path()) {
            Ok((_, recovered)) => prop_assert_eq!(recovered.records, written),
            Err(error) => prop_assert!(matches!(error, JournalError::Damaged { .. }), "{}", error),
        }
    }
}

/// The newest of the two commit slots in the header rots: the batch it committed must not be forgotten silently.
#[test]
fn a_damaged_header_never_loses_a_batch_silently() {
    let folder = TempDir::new().unwrap();
    let (mut journal, _) = LocalJournal::open(folder.path()).unwrap();
    journal.commit(&records(&["a"])).unwrap();
    journal.commit(&records(&["b"])).unwrap();
    // An orderly end would write the header once more.
    let folder = crashed_copy(&journal);
    let path = folder.path().join(FILE_NAME);
    let intact = fs::read(&path).unwrap();
    for offset in (0..512).step_by(5) {
        let mut damaged = intact.clone();
        damaged[offset] = !damaged[offset];
        fs::write(&path, damaged).unwrap();
        if let Ok((_, recovered)) = LocalJournal::open(folder.path()) {
            assert_eq!(recovered.records, records(&["a", "b"]), "byte {offset} of the header");
        }
    }
}
