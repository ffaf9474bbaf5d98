//! The journal of one machine: a redb file in a folder of its own, locked while it is open.
//!
//! A batch is one transaction with one sync. Records are numbered without gaps from 1; a snapshot carries the number of
//! the last record it covers, and replaces both the one before and those records in the same transaction. Opening checks
//! every page and every record, so damage is found at the start and never replayed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    TableError, WriteTransaction,
};

use super::{Compressed, Journal, JournalError, Recovered, record};

/// The file's name within the folder.
const FILE_NAME: &str = "journal.redb";

/// The layout of tables and records. A later layout gets the next number.
const FORMAT: u64 = 1;

/// Memory for pages, which are read once and then only appended: little helps.
const CACHE_BYTES: usize = 32 << 20;

const HEADER: TableDefinition<&str, u64> = TableDefinition::new("header");
const HEADER_FORMAT: &str = "format";
/// Number of the last record that the snapshot covers; 0 without a snapshot.
const HEADER_SNAPSHOT: &str = "snapshot";
/// Number of the snapshot's parts.
const HEADER_PARTS: &str = "snapshot_parts";

const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
const SNAPSHOT: TableDefinition<u64, &[u8]> = TableDefinition::new("snapshot");

/// See the module.
#[derive(Debug)]
pub struct LocalJournal {
    file: PathBuf,
    database: Database,
    last_record: u64,
    snapshot_at: u64,
}

impl LocalJournal {
    /// Opens the journal in `folder`, or begins one there, and reads what it holds.
    ///
    /// # Errors
    /// Another scheduler has it open, it is damaged, or the disk fails: the error says which, and what to do.
    pub fn open(folder: &Path) -> Result<(Self, Recovered), JournalError> {
        fs::create_dir_all(folder)
            .map_err(|source| JournalError::Folder { folder: folder.to_owned(), source })?;
        let file = folder.join(FILE_NAME);
        // A build with debug assertions panics where a release build reports a damaged page, so both are caught.
        match catch_unwind(AssertUnwindSafe(|| open_file(&file))) {
            Ok(opened) => opened,
            Err(_) => Err(damaged(&file, "an unknown page", "its structure cannot be followed")),
        }
    }

    /// Where the journal is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn transact(
        &mut self,
        action: &'static str,
        write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), JournalError> {
        let storage =
            |source| JournalError::Storage { action, file: self.file.clone(), source: Box::new(source) };
        let mut transaction = self.database.begin_write().map_err(|error| storage(error.into()))?;
        // With one phase a damaged newest header would pass for a commit that a crash cut short, and the last batch would
        // silently be gone. With two it is reported.
        transaction.set_two_phase_commit(true);
        write(&transaction).map_err(storage)?;
        transaction.commit().map_err(|error| storage(error.into()))
    }
}

impl Journal for LocalJournal {
    fn commit(&mut self, records: &[Vec<u8>]) -> Result<(), JournalError> {
        if records.is_empty() {
            return Ok(());
        }
        let first = self.last_record + 1;
        self.transact("write to", |transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            for (number, payload) in (first..).zip(records) {
                table.insert(number, record::seal(number, payload).as_slice())?;
            }
            Ok(())
        })?;
        self.last_record += records.len() as u64;
        Ok(())
    }

    fn last_record(&self) -> u64 {
        self.last_record
    }

    fn snapshot(&mut self, covered: u64, state: &Compressed) -> Result<(), JournalError> {
        let covers_all = covered == self.last_record;
        self.transact("write a snapshot to", |transaction| {
            transaction.delete_table(SNAPSHOT)?;
            if covers_all {
                transaction.delete_table(RECORDS)?;
            }
            transaction.open_table(RECORDS)?.retain_in(..=covered, |_, _| false)?;
            let mut parts = 0;
            let mut table = transaction.open_table(SNAPSHOT)?;
            for (number, part) in (0_u64..).zip(state.parts()) {
                table.insert(number, record::seal(number, part).as_slice())?;
                parts = number + 1;
            }
            let mut header = transaction.open_table(HEADER)?;
            header.insert(HEADER_SNAPSHOT, covered)?;
            header.insert(HEADER_PARTS, parts)?;
            Ok(())
        })?;
        self.snapshot_at = covered;
        Ok(())
    }

    fn records_since_snapshot(&self) -> u64 {
        self.last_record - self.snapshot_at
    }
}

fn damaged(file: &Path, place: impl Into<String>, detail: impl Into<String>) -> JournalError {
    JournalError::Damaged { file: file.to_owned(), place: place.into(), detail: detail.into() }
}

fn open_file(file: &Path) -> Result<(LocalJournal, Recovered), JournalError> {
    let is_new = !file.exists();
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .create(file)
        .map_err(|error| open_error(file, error))?;
    let mut journal = LocalJournal { file: file.to_owned(), database, last_record: 0, snapshot_at: 0 };
    if is_new {
        journal.transact("begin", |transaction| {
            transaction.open_table(RECORDS)?;
            transaction.open_table(SNAPSHOT)?;
            let mut header = transaction.open_table(HEADER)?;
            header.insert(HEADER_FORMAT, FORMAT)?;
            header.insert(HEADER_SNAPSHOT, 0)?;
            header.insert(HEADER_PARTS, 0)?;
            Ok(())
        })?;
        sync_folder(file)?;
    }
    let recovered = journal.load()?;
    Ok((journal, recovered))
}

/// Makes the new file's name durable: without it a power failure may lose the whole file, synced or not.
fn sync_folder(file: &Path) -> Result<(), JournalError> {
    let folder = file.parent().unwrap_or(file);
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| JournalError::Folder { folder: folder.to_owned(), source })
}

fn open_error(file: &Path, error: DatabaseError) -> JournalError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            JournalError::Locked { file: file.to_owned() }
        }
        DatabaseError::Storage(StorageError::Corrupted(detail)) => damaged(file, "a page", detail),
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            damaged(file, "its beginning or end", error.to_string())
        }
        other => {
            JournalError::Storage { action: "open", file: file.to_owned(), source: Box::new(other.into()) }
        }
    }
}

impl LocalJournal {
    /// Reads the snapshot and the records after it, checking each.
    fn load(&mut self) -> Result<Recovered, JournalError> {
        let file = self.file.clone();
        let unreadable = |error: redb::Error| match error {
            redb::Error::Corrupted(detail) => damaged(&file, "a page", detail),
            redb::Error::TableDoesNotExist(name) => damaged(&file, format!("table {name}"), "it is missing"),
            source => JournalError::Storage { action: "read", file: file.clone(), source: Box::new(source) },
        };
        let transaction = self.database.begin_read().map_err(|error| unreadable(error.into()))?;
        let header = transaction.open_table(HEADER).map_err(|error| unreadable(error.into()))?;
        let field = |name: &'static str| match header.get(name) {
            Ok(Some(value)) => Ok(value.value()),
            Ok(None) => Err(damaged(&file, format!("header field {name}"), "it is missing")),
            Err(error) => Err(unreadable(error.into())),
        };
        let format = field(HEADER_FORMAT)?;
        if format != FORMAT {
            return Err(JournalError::WrongFormat { file: file.clone(), found: format, expected: FORMAT });
        }
        let (snapshot_at, parts) = (field(HEADER_SNAPSHOT)?, field(HEADER_PARTS)?);
        let table = |definition| {
            transaction.open_table(definition).map_err(|error: TableError| unreadable(error.into()))
        };
        let numbered = |definition, first: u64, what: &'static str| -> Result<Vec<Vec<u8>>, JournalError> {
            let mut payloads = Vec::new();
            let table: redb::ReadOnlyTable<u64, &[u8]> = table(definition)?;
            for (expected, entry) in (first..).zip(table.iter().map_err(|error| unreadable(error.into()))?) {
                let (number, bytes) = entry.map_err(|error| unreadable(error.into()))?;
                if number.value() != expected {
                    let detail = format!("number {} follows instead", number.value());
                    return Err(damaged(&file, format!("{what} {expected}"), detail));
                }
                let payload = record::open(expected, bytes.value())
                    .map_err(|error| damaged(&file, format!("{what} {expected}"), error.to_string()))?;
                payloads.push(payload.to_vec());
            }
            Ok(payloads)
        };
        let snapshot_parts = numbered(SNAPSHOT, 0, "snapshot part")?;
        if snapshot_parts.len() as u64 != parts {
            return Err(damaged(&file, format!("snapshot part {}", snapshot_parts.len()), "it is missing"));
        }
        let records = numbered(RECORDS, snapshot_at + 1, "record")?;
        let snapshot = if snapshot_parts.is_empty() {
            None
        } else {
            let state = Compressed::decompress(&snapshot_parts.concat())
                .map_err(|error| damaged(&file, "the snapshot", error.to_string()))?;
            Some(state)
        };
        self.snapshot_at = snapshot_at;
        self.last_record = snapshot_at + records.len() as u64;
        Ok(Recovered { snapshot, records })
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
