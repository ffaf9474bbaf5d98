//! The output of processes: where it goes, rotation, and its last lines (`spec/thermos.md` §1.9).

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::task::Rotation;

/// The most that is read from a pipe, and so written to a file, at a time.
pub const CHUNK_BYTES: usize = 64 << 10;

/// A file of limited size with numbered predecessors.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    written: i64,
    rotation: Rotation,
}

impl RotatingFile {
    /// Starts an empty file.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path, rotation: Rotation) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, path: path.to_owned(), written: 0, rotation })
    }

    /// Writes a chunk, and closes the file when it is full then. A file can be over its limit by one chunk (D18).
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)?;
        self.written = self.written.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
        if self.written >= self.rotation.log_bytes { self.rotate() } else { Ok(()) }
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: i64| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        // Renaming onto the oldest removes it.
        for number in (1..self.rotation.backups).rev() {
            rename_if_there(&numbered(number), &numbered(number + 1))?;
        }
        rename_if_there(&self.path, &numbered(1))?;
        self.file = File::create(&self.path)?;
        self.written = 0;
        Ok(())
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file of unlimited size for appending.
///
/// # Errors
/// What the system says.
pub fn open_standard(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Lines and bytes that a message may quote (`spec/thermos.md` §7.3).
const QUOTED_LINES: usize = 5;
const QUOTED_BYTES: u64 = 512;

/// The last lines of a file in one line, without control characters; nothing when there are none.
pub fn last_lines(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(QUOTED_BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(QUOTED_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let quoted = lines.get(lines.len().saturating_sub(QUOTED_LINES)..)?.join(" | ");
    let clean: String = quoted.chars().filter(|c| !c.is_control()).collect();
    (!clean.is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn th_71_thirty_one_lines_rotate_into_three_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let mut log = RotatingFile::create(&path, Rotation { log_bytes: 70, backups: 2 }).unwrap();
        for byte in b"123456\n".repeat(31) {
            log.write(&[byte]).unwrap();
        }
        let lines = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("stdout"), lines("stdout.1"), lines("stdout.2")), (1, 10, 10));
        assert!(!folder.path().join("stdout.3").exists());
    }

    #[test]
    fn the_last_lines_of_a_log_fit_into_a_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr");
        std::fs::write(&path, "1\n2\n3\n4\n5\n6\u{7}\n\n").unwrap();
        assert_eq!(last_lines(&path).as_deref(), Some("2 | 3 | 4 | 5 | 6"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(last_lines(&path), None);
        assert_eq!(last_lines(&folder.path().join("absent")), None);
    }
}
