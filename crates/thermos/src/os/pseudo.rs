//! Files that the kernel makes up while they are read, as those of `/proc` are. They tell no size, so a reader that goes by it asks many
//! times for a little.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What such files hold usually.
const USUAL_BYTES: usize = 1024;

/// The content of such a file.
///
/// # Errors
/// What the system says; bytes that are no text.
pub fn read(path: impl AsRef<Path>) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    // Without an end: otherwise the file would be asked for its size.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, USUAL_BYTES, 10 * USUAL_BYTES + 1] {
            let text = "x".repeat(length);
            std::fs::write(&path, &text).unwrap();
            assert_eq!(read(&path).unwrap(), text);
        }
        assert!(read("/proc/self/stat").unwrap().starts_with(&std::process::id().to_string()));
    }
}
