//! Files that must survive a crash: every record carries its length and a checksum.
//!
//! Layout of a record: `MLC1`, length and CRC-32 of the payload as little-endian `u32`, payload. A whole file holds one
//! record and is replaced by renaming; a log is a sequence of records, of which an incomplete last one (the writer was
//! killed in the middle) is cut off. Anything else that does not fit is damage, and is reported with its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"MLC1";
const HEADER_BYTES: usize = 12;
/// The largest payload of one record. Owner: this module; a task's description is far below it.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// A checkpoint could not be written or read back.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("{} is damaged at byte {offset} ({what}): restore it, or remove it and lose what it recorded", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Where the first bad record begins.
        offset: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io { action, path, source }
}

/// Whether a file must also survive a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives the end of the writing process. Enough for what dies with the machine anyway, as executors do.
    Process,
    /// Survives the machine.
    Machine,
}

fn record(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&crc(payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn crc(payload: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(payload);
    crc.sum()
}

/// Creates the folder and its parents.
///
/// # Errors
/// The file system refuses.
pub fn create_dir(path: &Path) -> Result<(), CheckpointError> {
    fs::create_dir_all(path).map_err(io_error("create the folder", path))
}

/// Replaces the file by one record, or leaves the old file as it was.
///
/// # Errors
/// The file system refuses.
pub fn write(path: &Path, payload: &[u8], durability: Durability) -> Result<(), CheckpointError> {
    replace(path, &record(payload), durability)
}

/// Replaces the file by plain text, as other programs read it.
///
/// # Errors
/// The file system refuses.
pub fn write_text(path: &Path, text: &str) -> Result<(), CheckpointError> {
    replace(path, text.as_bytes(), Durability::Process)
}

fn replace(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), CheckpointError> {
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = File::create(&new).map_err(io_error("create", &new))?;
    file.write_all(bytes).map_err(io_error("write", &new))?;
    if durability == Durability::Machine {
        file.sync_all().map_err(io_error("sync", &new))?;
    }
    fs::rename(&new, path).map_err(io_error("replace", path))?;
    if durability == Durability::Machine
        && let Some(parent) = path.parent()
    {
        let folder = File::open(parent).map_err(io_error("open the folder", parent))?;
        folder.sync_all().map_err(io_error("sync the folder", parent))?;
    }
    Ok(())
}

/// Reads a file of one record; `None` if there is no such file.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    let Some(bytes) = read_bytes(path)? else { return Ok(None) };
    let mut records = Vec::new();
    let end = split(path, &bytes, &mut records)?;
    let damaged = |what| CheckpointError::Damaged { path: path.to_owned(), offset: end, what };
    if end != bytes.len() {
        return Err(damaged("the record is cut off"));
    }
    match records.len() {
        1 => Ok(records.pop()),
        0 => Err(damaged("the file is empty")),
        _ => Err(damaged("there is more than one record")),
    }
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, CheckpointError> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_end(&mut bytes).map_err(io_error("read", path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open", path)(error)),
    };
    Ok(Some(bytes))
}

/// Appends the records' payloads to `records` and returns where the last complete one ends.
fn split(path: &Path, bytes: &[u8], records: &mut Vec<Vec<u8>>) -> Result<usize, CheckpointError> {
    let mut offset = 0;
    let word = |at: usize| {
        bytes.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
    };
    while offset < bytes.len() {
        let damaged = |what| Err(CheckpointError::Damaged { path: path.to_owned(), offset, what });
        let magic = &bytes[offset..bytes.len().min(offset + MAGIC.len())];
        if !MAGIC.starts_with(magic) {
            return damaged("no record begins here");
        }
        let (Some(length), Some(sum)) = (word(offset + 4), word(offset + 8)) else { break };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_RECORD_BYTES {
            return damaged("its length is impossible");
        }
        let Some(payload) = bytes.get(offset + HEADER_BYTES..offset + HEADER_BYTES + length) else { break };
        if crc(payload) != sum {
            return damaged("its checksum does not match");
        }
        records.push(payload.to_vec());
        offset += HEADER_BYTES + length;
    }
    Ok(offset)
}

/// A file of records that only grows.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens the log, creating it where it is missing, and returns the records it holds.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged anywhere but at its very end.
    pub fn open(path: &Path) -> Result<(Self, Vec<Vec<u8>>), CheckpointError> {
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        let bytes = read_bytes(path)?.unwrap_or_default();
        let mut records = Vec::new();
        let end = split(path, &bytes, &mut records)?;
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(io_error("open", path))?;
        if end != bytes.len() {
            file.set_len(end as u64).map_err(io_error("cut off the incomplete end of", path))?;
        }
        Ok((Self { file, path: path.to_owned() }, records))
    }

    /// Appends one record.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn append(&mut self, payload: &[u8]) -> Result<(), CheckpointError> {
        self.file.write_all(&record(payload)).map_err(io_error("append to", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.info");
        assert!(read(&path).unwrap().is_none());
        write(&path, b"one", Durability::Machine).unwrap();
        write(&path, b"two", Durability::Process).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"two");
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        write(&path, b"payload", Durability::Process).unwrap();
        let good = fs::read(&path).unwrap();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x41;
            fs::write(&path, &bad).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.to_string().contains("is damaged at byte"), "{error}");
        }
    }

    #[test]
    fn a_log_loses_only_its_incomplete_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("task.updates");
        let (mut log, records) = Log::open(&path).unwrap();
        assert!(records.is_empty());
        log.append(b"first").unwrap();
        log.append(b"second").unwrap();
        drop(log);
        let whole = fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (mut log, records) = Log::open(&path).unwrap();
            let expected = usize::from(cut >= HEADER_BYTES + 5) + usize::from(cut == whole.len());
            assert_eq!(records.len(), expected, "cut at {cut}");
            log.append(b"third").unwrap();
            drop(log);
            assert_eq!(Log::open(&path).unwrap().1.last().unwrap(), b"third");
        }
        let mut bad = whole.clone();
        bad[HEADER_BYTES] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(matches!(Log::open(&path), Err(CheckpointError::Damaged { offset: 0, .. })));
    }
}
