//! How much disk a task uses, and the end of one that uses too much (`spec/thermos.md` §3.11).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

/// Between two measurements.
const INTERVAL: Duration = Duration::from_secs(60);

/// Bytes of a block as the file system counts them.
const BLOCK_BYTES: u64 = 512;

/// Measures the sandbox for ever, and ends with the reason when it is too large. Without a limit nothing is measured.
pub async fn watch(sandbox: PathBuf, limit_bytes: Option<u64>) -> String {
    let Some(limit) = limit_bytes else { return std::future::pending().await };
    loop {
        let measured = sandbox.clone();
        match tokio::task::spawn_blocking(move || used_bytes(&measured)).await {
            Ok(used) if used > limit => {
                return format!("Disk limit exceeded.  Reserved {limit} bytes vs used {used} bytes.");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "cannot measure the sandbox"),
        }
        sleep(INTERVAL).await;
    }
}

/// Blocks of regular files, the length of links, nothing for folders. What vanishes meanwhile counts nothing.
fn used_bytes(root: &Path) -> u64 {
    let mut used = 0_u64;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            // Of the entry itself: a link out of the sandbox is not followed.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_symlink() {
                used = used.saturating_add(metadata.len());
            } else if metadata.is_file() {
                used = used.saturating_add(metadata.blocks().saturating_mul(BLOCK_BYTES));
            }
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("sandbox/a/b");
        fs::create_dir_all(&inside).unwrap();
        let outside = folder.path().join("big");
        fs::write(&outside, vec![1; 1 << 20]).unwrap();
        fs::write(inside.join("small"), vec![1; 4096]).unwrap();
        std::os::unix::fs::symlink(folder.path(), inside.join("link")).unwrap();
        let used = used_bytes(&folder.path().join("sandbox"));
        assert!((4096..100_000).contains(&used), "{used}");
    }
}
