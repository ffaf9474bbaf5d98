//! Where durable operations go: a log of records and, now and then, a snapshot that makes the older ones unnecessary.
//!
//! The journal knows bytes only; what they mean is `scheduler-core`'s business. One implementation exists, [`local`],
//! for one machine; the trait is the seam where another one joins.

pub mod local;
mod record;
mod snapshot;

use std::path::PathBuf;

pub use local::LocalJournal;
pub use snapshot::Compressed;

use crate::flags::amounts::TimeAmount;

/// Where the state is kept.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Journal")]
pub struct JournalFlags {
    /// The folder of the journal, which holds everything the scheduler must not forget.
    #[arg(long = "native_log_file_path", value_name = "FOLDER", default_value = "/var/lib/aurora-scheduler")]
    pub native_log_file_path: PathBuf,
    /// How often the journal is replaced by a snapshot.
    #[arg(long = "dlog_snapshot_interval", default_value = "1hrs")]
    pub dlog_snapshot_interval: TimeAmount,
}

/// Where the scheduler's operations become durable. Owned by the driver's thread alone.
pub trait Journal: Send {
    /// Makes all records durable, in this order, all or none. When it returns they survive any crash.
    ///
    /// # Errors
    /// Whether the records are durable is then unknown: the caller must end the process and recover.
    fn commit(&mut self, records: &[Vec<u8>]) -> Result<(), JournalError>;

    /// The number of the last committed record; they are numbered without gaps.
    fn last_record(&self) -> u64;

    /// Makes a snapshot of the state after the record `covered` durable, and forgets the records up to it. Later ones may
    /// have been committed meanwhile: they stay.
    ///
    /// # Errors
    /// As for [`Journal::commit`].
    fn snapshot(&mut self, covered: u64, state: &Compressed) -> Result<(), JournalError>;

    /// How many records a recovery would replay now.
    fn records_since_snapshot(&self) -> u64;
}

/// What a journal held when it was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The newest snapshot, as it was given.
    pub snapshot: Option<Vec<u8>>,
    /// The records after it, oldest first.
    pub records: Vec<Vec<u8>>,
}

/// What the journal could not do, with the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder is not there and cannot be made.
    #[error("cannot create the journal's folder {}: check that the user may write there, or name another with -native_log_file_path", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "another scheduler has the journal {} open: end it first, or give this one another -native_log_file_path",
        file.display()
    )]
    Locked {
        /// The file.
        file: PathBuf,
    },
    /// The file was written by a version that is too new, or is another program's.
    #[error(
        "the journal {} has format {found}, but this scheduler reads {expected}: start the version that wrote it",
        file.display()
    )]
    WrongFormat {
        /// The file.
        file: PathBuf,
        /// Its format number.
        found: u64,
        /// Ours.
        expected: u64,
    },
    /// The file does not hold what was written to it.
    #[error(
        "the journal {} is damaged at {place}: {detail}; keep a copy of the file, then restore it from a copy of the \
         folder or move it away and start with an empty journal (tasks that run now are then unknown and will be \
         killed)",
        file.display()
    )]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The record, part of the snapshot, or page.
        place: String,
        /// What is wrong there.
        detail: String,
    },
    /// The disk or the file system refused.
    #[error("cannot {action} the journal {}: check the disk and its free space", file.display())]
    Storage {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What the storage said.
        #[source]
        source: Box<redb::Error>,
    },
    /// No thread could be started to prepare a snapshot.
    #[error("cannot start a thread for a snapshot of the journal: check the limit of threads of this user")]
    Thread(#[source] std::io::Error),
    /// A test made it fail.
    #[cfg(test)]
    #[error("this commit was made to fail")]
    Simulated,
}
