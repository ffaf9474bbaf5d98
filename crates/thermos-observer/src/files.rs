//! Reading files of tasks: pieces of logs, listings of sandboxes, downloads (`spec/thermos.md` §§4.4, 4.5).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use serde_json::{Value, json};
use thermos::os::beneath::{BeneathError, Directory};

use crate::html::escape_data;
use crate::reply::Part;

/// The most that one answer holds.
const MAX_CHUNK_BYTES: u64 = 16 << 20;

/// Which bytes of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// From where; none asks for the end.
    pub offset: Option<u64>,
    /// How many; none is all there are.
    pub length: Option<u64>,
}

/// A piece of a file with its place in it.
pub fn chunk(file: &mut File, wanted: Wanted) -> std::io::Result<Value> {
    let Some(offset) = wanted.offset else {
        return Ok(json!({"offset": file.metadata()?.len(), "length": 0}));
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    let length = wanted.length.unwrap_or(MAX_CHUNK_BYTES).min(MAX_CHUNK_BYTES);
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(json!({"offset": offset, "length": 0}));
    }
    let data = escape_data(&String::from_utf8_lossy(&bytes));
    Ok(json!({"offset": offset, "length": bytes.len(), "data": data}))
}

/// The last bytes of a file as text, and how many there are before them.
pub fn last_bytes(file: &mut File, limit: u64) -> std::io::Result<(String, u64)> {
    let size = file.metadata()?.len();
    let start = size.saturating_sub(limit);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok((String::from_utf8_lossy(&bytes).into_owned(), start))
}

/// The part of a file that a `Range` header asks for; all of it without one. None when it asks for what is not there.
pub fn part(size: u64, range: Option<&str>) -> Option<Part> {
    let whole = Part { start: 0, length: size, size, is_partial: false };
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else { return Some(whole) };
    // Several parts may be answered with all.
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Some(whole);
    };
    let last_byte = size.checked_sub(1)?;
    let (start, end) = match (first.trim(), last.trim()) {
        ("", count) => (size.saturating_sub(count.parse().ok()?), last_byte),
        (start, "") => (start.parse().ok()?, last_byte),
        (start, end) => (start.parse().ok()?, end.parse::<u64>().ok()?.min(last_byte)),
    };
    (start <= end).then(|| Part { start, length: end - start + 1, size, is_partial: true })
}

/// A line of a listing.
#[derive(Debug, Clone)]
pub struct Line {
    /// As `ls -l` shows it.
    pub mode: String,
    /// Links.
    pub links: u64,
    /// Owner and group, numbers.
    pub owner: (u32, u32),
    /// Bytes.
    pub size: u64,
    /// Last change.
    pub modified: Option<SystemTime>,
    /// Its name.
    pub name: String,
    /// Whether it can be gone into.
    pub is_folder: bool,
    /// Whether it can be read.
    pub is_file: bool,
}

/// What stands in a folder, folders first.
pub fn listing(folder: &Directory) -> Result<Vec<Line>, BeneathError> {
    use std::os::unix::fs::MetadataExt;
    let mut lines: Vec<Line> = folder
        .entries()?
        .into_iter()
        .map(|entry| Line {
            mode: mode_text(entry.metadata.mode()),
            links: entry.metadata.nlink(),
            owner: (entry.metadata.uid(), entry.metadata.gid()),
            size: entry.metadata.len(),
            modified: entry.metadata.modified().ok(),
            name: entry.name.to_string_lossy().into_owned(),
            is_folder: entry.metadata.is_dir(),
            is_file: entry.metadata.is_file(),
        })
        .collect();
    lines.sort_by(|a, b| b.is_folder.cmp(&a.is_folder).then_with(|| a.name.cmp(&b.name)));
    Ok(lines)
}

fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        0o060_000 => 'b',
        0o020_000 => 'c',
        _ => '-',
    };
    let rights = (0..9).map(|bit| {
        let is_set = mode & (0o400 >> bit) != 0;
        if is_set { ['r', 'w', 'x'][bit % 3] } else { '-' }
    });
    std::iter::once(kind).chain(rights).collect()
}

/// Opens a file below a folder for a download, at the part that is wanted.
pub fn open_part(folder: &Directory, path: &Path, range: Option<&str>) -> Option<(File, Part)> {
    let mut file = folder.open_file(path).ok()?;
    let part = part(file.metadata().ok()?.len(), range)?;
    file.seek(SeekFrom::Start(part.start)).ok()?;
    Some((file, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parts_of_the_file() {
        let bytes = |range| part(10, range).map(|part| (part.start, part.length, part.is_partial));
        assert_eq!(bytes(None), Some((0, 10, false)));
        assert_eq!(bytes(Some("bytes=2-4")), Some((2, 3, true)));
        assert_eq!(bytes(Some("bytes=2-")), Some((2, 8, true)));
        assert_eq!(bytes(Some("bytes=-3")), Some((7, 3, true)));
        assert_eq!(bytes(Some("bytes=2-100")), Some((2, 8, true)));
        assert_eq!(bytes(Some("bytes=0-1,3-4")), Some((0, 10, false)));
        assert_eq!(bytes(Some("bytes=10-")), None);
        assert_eq!(bytes(Some("bytes=x-")), None);
        assert_eq!(part(0, Some("bytes=0-")), None);
    }

    #[test]
    fn rights_look_like_those_of_ls() {
        assert_eq!(mode_text(0o040_755), "drwxr-xr-x");
        assert_eq!(mode_text(0o100_640), "-rw-r-----");
        assert_eq!(mode_text(0o120_777), "lrwxrwxrwx");
    }
}
