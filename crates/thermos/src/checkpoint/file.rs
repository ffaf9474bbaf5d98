//! Reading, tailing and appending to streams.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::frame::{DecodeRecordError, decode_record, encode_record};
use crate::plan::record::Record;
use crate::plan::replay::{ReplayError, RunnerState, Strictness};

/// Between two looks at a lock.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A stream that cannot be appended to.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The file cannot be made or opened.
    #[error("cannot open checkpoint {}: {source}; free the disk or make its folder writable", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else writes it.
    #[error("Could not acquire checkpoint permission or lock for {}!", path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The write did not go through.
    #[error("cannot write checkpoint {}: {source}; look for a full disk", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The record is too large.
    #[error(transparent)]
    Encode(#[from] DecodeRecordError),
}

/// A stream that this process alone may append to, held by a file lock.
///
/// A record is handed to the kernel in one write and not synchronised to the disk: it has to outlive its writer, not the
/// machine, since nothing of a task outlives the machine. Readers deal with a torn tail.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Opens a stream and takes its lock.
    ///
    /// # Errors
    /// [`AppendError::Open`] and [`AppendError::Locked`].
    pub fn open(path: &Path) -> Result<Self, AppendError> {
        let open = |source| AppendError::Open { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(open)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(AppendError::Locked { path: path.to_owned() }),
            Err(std::fs::TryLockError::Error(source)) => Err(open(source)),
        }
    }

    /// As [`Appender::open`], and waits a while for a writer that is about to be gone.
    ///
    /// # Errors
    /// [`AppendError::Open`] and [`AppendError::Locked`].
    pub fn open_within(path: &Path, patience: Duration) -> Result<Self, AppendError> {
        let begin = Instant::now();
        loop {
            match Self::open(path) {
                Err(AppendError::Locked { .. }) if begin.elapsed() < patience => {
                    std::thread::sleep(LOCK_POLL)
                }
                other => return other,
            }
        }
    }

    /// A stream whose open and locked file was handed over by another process.
    pub fn inherited(path: PathBuf, file: File) -> Self {
        Self { path, file }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`AppendError::Write`] and [`AppendError::Encode`].
    pub fn append(&mut self, record: &Record) -> Result<(), AppendError> {
        let bytes = encode_record(record)?;
        self.file.write_all(&bytes).map_err(|source| AppendError::Write { path: self.path.clone(), source })
    }

    /// Sets the modification time to now: garbage collection leaves streams alone that were touched lately.
    ///
    /// # Errors
    /// What the system says.
    pub fn touch(&self) -> io::Result<()> {
        self.file.set_modified(std::time::SystemTime::now())
    }

    /// Lets others write: this process has written its last record.
    ///
    /// # Errors
    /// What the system says.
    pub fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    /// The open file, to be handed to another process together with its lock.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Cuts off what follows this byte: part of a record, or damage, behind which nothing could be read.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut(&self, offset: u64) -> io::Result<()> {
        self.file.set_len(offset)
    }

    /// The bytes written so far.
    ///
    /// # Errors
    /// What the system says.
    pub fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// A stream that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there or not readable.
    #[error("Could not read from checkpoint {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A record in the middle cannot be decoded.
    #[error("Failed to recover from {} at byte {offset}: {source}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Where the bad record begins.
        offset: u64,
        /// What is wrong with it.
        source: DecodeRecordError,
    },
    /// A record does not follow from those before it.
    #[error("Checkpoint stream is corrupt: {source} ({} at byte {offset})", path.display())]
    Replay {
        /// Which file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        source: ReplayError,
    },
}

/// What a stream held.
#[derive(Debug)]
pub struct Loaded {
    /// Its sum, up to the first damage.
    pub state: RunnerState,
    /// Where the first damage begins and what it is.
    pub damage: Option<LoadError>,
    /// Where a record begins that is not whole: a writer died in it, or is in it now.
    pub torn_at: Option<u64>,
}

impl Loaded {
    /// Where the part ends that can be gone on from; none when that is the whole stream.
    pub const fn intact_bytes(&self) -> Option<u64> {
        match (&self.damage, self.torn_at) {
            (Some(LoadError::Record { offset, .. } | LoadError::Replay { offset, .. }), _) => Some(*offset),
            (_, torn_at) => torn_at,
        }
    }
}

/// Reads a whole stream and keeps its intact beginning (D15).
///
/// # Errors
/// [`LoadError::Read`] when there is nothing to read at all.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    load_tail(Tail::open(path)?)
}

/// Reads the rest of an open stream as [`load`] does.
///
/// # Errors
/// [`LoadError::Read`] when there is nothing to read at all.
pub fn load_tail(mut tail: Tail) -> Result<Loaded, LoadError> {
    let path = tail.path.clone();
    let mut state = RunnerState::default();
    let damage = loop {
        let offset = tail.offset();
        match tail.next_record() {
            Ok(Some(record)) => {
                if let Err(source) = state.apply(&record, Strictness::Strict) {
                    break Some(LoadError::Replay { path, offset, source });
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let torn_at = (damage.is_none() && tail.has_partial()).then(|| tail.offset());
    Ok(Loaded { state, damage, torn_at })
}

/// Follows a stream as it grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
    /// Bytes read and not decoded yet.
    pending: Vec<u8>,
    /// Where `pending` begins in the file.
    offset: u64,
}

const READ_CHUNK_BYTES: usize = 16 << 10;

impl Tail {
    /// Starts at the beginning of a stream.
    ///
    /// # Errors
    /// [`LoadError::Read`].
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        Self::open_at(path, 0)
    }

    /// Starts at a byte of a stream, which must be where a record begins.
    ///
    /// # Errors
    /// [`LoadError::Read`].
    pub fn open_at(path: &Path, offset: u64) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, pending: Vec::new(), offset })
    }

    /// Follows a stream that somebody else opened, at its beginning.
    pub fn of(path: &Path, file: File) -> Self {
        Self { path: path.to_owned(), file, pending: Vec::new(), offset: 0 }
    }

    /// Where the next record begins.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether part of a record is there.
    pub fn has_partial(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next record, or nothing as long as it is not there whole.
    ///
    /// # Errors
    /// [`LoadError::Record`] for damage, which stays; [`LoadError::Read`].
    pub fn next_record(&mut self) -> Result<Option<Record>, LoadError> {
        loop {
            let decoded = decode_record(&self.pending).map_err(|source| LoadError::Record {
                path: self.path.clone(),
                offset: self.offset,
                source,
            })?;
            if let Some((record, length)) = decoded {
                self.pending.drain(..length);
                self.offset += u64::try_from(length).unwrap_or(0);
                return Ok(Some(record));
            }
            let mut chunk = [0; READ_CHUNK_BYTES];
            match self.file.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(LoadError::Read { path: self.path.clone(), source }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::record::{ProcessState, ProcessStatus};

    fn waiting(seq: i64) -> Record {
        Record::Process(ProcessStatus::new("a", seq, ProcessState::Waiting))
    }

    #[test]
    fn th_83_a_torn_last_record_leaves_the_ones_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        let mut bytes = encode_record(&waiting(0)).unwrap();
        let whole = bytes.len();
        bytes.extend(&encode_record(&waiting(1)).unwrap()[..9]);
        std::fs::write(&path, bytes).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.state.last_run("a").unwrap().seq, 0);
        assert_eq!(loaded.torn_at, Some(u64::try_from(whole).unwrap()));
        assert_eq!(loaded.intact_bytes(), loaded.torn_at);
        assert!(loaded.damage.is_none());
    }

    #[test]
    fn th_85_tailing_waits_for_the_whole_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        let bytes = encode_record(&waiting(0)).unwrap();
        // Wherever it is cut: within its length, right after it, and within what follows.
        for cut in 1..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let mut tail = Tail::open(&path).unwrap();
            for _ in 0..2 {
                assert_eq!(tail.next_record().unwrap(), None, "{cut}");
                assert!(tail.has_partial(), "{cut}");
            }
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(&bytes[cut..]).unwrap();
            assert_eq!(tail.next_record().unwrap(), Some(waiting(0)), "{cut}");
            assert_eq!(tail.next_record().unwrap(), None, "{cut}");
            assert!(!tail.has_partial(), "{cut}");
        }
    }

    #[test]
    fn damage_in_the_middle_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        let mut bytes = encode_record(&waiting(0)).unwrap();
        let whole = bytes.len();
        bytes.extend(encode_record(&waiting(5)).unwrap());
        std::fs::write(&path, bytes).unwrap();
        let loaded = load(&path).unwrap();
        let Some(LoadError::Replay { offset, .. }) = loaded.damage else { panic!("{:?}", loaded.damage) };
        assert_eq!(offset, u64::try_from(whole).unwrap());
        assert_eq!(loaded.state.last_run("a").unwrap().seq, 0);
    }

    #[test]
    fn a_stream_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        let first = Appender::open(&path).unwrap();
        assert!(matches!(Appender::open(&path), Err(AppendError::Locked { .. })));
        drop(first);
        // A process that another test starts at this moment may have the file open still, until its program runs.
        assert!(Appender::open_within(&path, Duration::from_secs(90)).is_ok());
    }
}
