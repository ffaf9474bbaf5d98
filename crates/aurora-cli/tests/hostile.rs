//! Files that mean harm (`hostile/*.aurora`) end in a clear error, and take neither long nor much memory to get there. Those
//! called `bounded_…` look like it, but may be evaluated.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use nix::sys::resource::{UsageWho, getrusage};

/// What one file may take, in KiB.
const MEMORY_MAX: i64 = 256 << 10;
/// What all of them may take, in seconds of CPU. A release build takes a tenth of what one with checks does.
const SECONDS_MAX: i64 = if cfg!(debug_assertions) { 400 } else { 100 };

fn lint(path: &Path) -> Result<(), String> {
    let name = path.file_name().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_aurora"))
        .args(["config", "lint"])
        .arg(name)
        .current_dir(path.parent().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let name = name.to_string_lossy();
    let is_well = match output.status.code() {
        Some(0) => name.starts_with("bounded_"),
        Some(3) => said.contains("error") && !said.contains("bug of aurora"),
        _ => false,
    };
    if is_well { Ok(()) } else { Err(format!("{name}: {}: {said}", output.status)) }
}

#[test]
fn hostile_files_end_in_an_error_within_their_budget() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "aurora"));
    assert!(files.len() > 150, "only {} files", files.len());
    let queue = Mutex::new(files);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(path) = next else { break };
                    let result = lint(&path).and_then(|()| {
                        // Of the largest child so far.
                        let memory = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
                        let is_small = memory <= MEMORY_MAX;
                        if is_small { Ok(()) } else { Err(format!("{}: {memory} KiB", path.display())) }
                    });
                    failed.lock().unwrap().extend(result.err());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let seconds = usage.user_time().tv_sec() + usage.system_time().tv_sec();
    assert!(seconds <= SECONDS_MAX, "{seconds} s of CPU");
}
