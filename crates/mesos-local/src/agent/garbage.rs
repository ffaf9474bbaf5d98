//! Sandboxes of executors that ended are removed by age, and sooner when the disk fills (`spec/mesos.md` §4.5).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use super::actor::Input;
use super::state::{State, Timer};
use mesos_v1::chain;

/// A run this young may have begun after the list of those that live was made. Owner: this file.
const FRESH: Duration = Duration::from_secs(1);
/// The least time between two looks at the disk. Owner: this file.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// What a look at the disk found and removed.
#[derive(Debug, Default)]
pub struct Swept {
    /// The age that sandboxes may reach now.
    pub max_allowed_age: Duration,
    /// The sandboxes that are gone.
    pub removed: Vec<PathBuf>,
}

/// What a sweep needs to know.
struct Sweep {
    slaves: PathBuf,
    live: BTreeSet<PathBuf>,
    delay: Duration,
    headroom: f64,
}

impl State {
    /// Looks for old sandboxes in the background; what it finds comes as an input.
    pub fn on_disk_watch(&mut self) {
        let sweep = Sweep {
            slaves: self.paths.sandboxes(),
            live: self.executors.values().map(|executor| executor.run.sandbox.clone()).collect(),
            delay: self.config.gc_delay,
            headroom: self.config.gc_disk_headroom,
        };
        let (inputs, unswept) = (self.inputs.clone(), self.max_allowed_age);
        // It ends by itself, and the agent may be gone by then.
        tokio::spawn(async move {
            let swept = tokio::task::spawn_blocking(move || sweep.run()).await;
            let swept = swept.unwrap_or(Swept { max_allowed_age: unswept, removed: Vec::new() });
            let _ = inputs.send(Input::Swept(swept)).await;
        });
    }

    /// Removes the folders that a sweep left empty. Only the actor makes such folders, so none is in use meanwhile.
    pub fn on_swept(&mut self, swept: Swept) {
        self.max_allowed_age = swept.max_allowed_age;
        for sandbox in &swept.removed {
            info!(host = self.config.hostname, sandbox = %sandbox.display(), "removed an old sandbox");
            self.remove_empty_parents(sandbox);
        }
        let interval = self.config.disk_watch_interval.min(self.config.gc_delay).max(MIN_INTERVAL);
        self.timers.add(interval, Timer::DiskWatch);
    }

    fn remove_empty_parents(&self, sandbox: &Path) {
        let (Some(runs), sandboxes) = (sandbox.parent(), self.paths.sandboxes()) else { return };
        if !folders_in(runs).is_empty() {
            return;
        }
        // With its target it has lost its sense.
        let _ = fs::remove_file(runs.join("latest"));
        if let Some(executor) = runs.parent()
            && let Ok(relative) = executor.strip_prefix(&sandboxes)
        {
            let records = self.paths.root().join("meta/slaves").join(relative);
            // The records of a run live as long as updates of its tasks wait for their acknowledgement.
            if folders_in(&records.join("runs")).is_empty() {
                let _ = fs::remove_dir_all(records);
            }
        }
        for folder in runs.ancestors().take_while(|folder| **folder != *sandboxes) {
            // The first that is not empty ends it.
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

impl Sweep {
    fn run(self) -> Swept {
        let usage = disk_usage(&self.slaves);
        let max_allowed_age = allowed_age(self.delay, self.headroom, usage);
        let now = SystemTime::now();
        let mut removed = Vec::new();
        for sandbox in sandboxes_below(&self.slaves) {
            let Ok(changed) = fs::metadata(&sandbox).and_then(|folder| folder.modified()) else { continue };
            let age = now.duration_since(changed).unwrap_or_default();
            if age < max_allowed_age.max(FRESH) || self.live.contains(&sandbox) {
                continue;
            }
            match fs::remove_dir_all(&sandbox) {
                Ok(()) => removed.push(sandbox),
                Err(error) => {
                    warn!(sandbox = %sandbox.display(), error = chain(&error), "cannot remove an old sandbox");
                }
            }
        }
        Swept { max_allowed_age, removed }
    }
}

/// How old a sandbox may become; `usage` and `headroom` are parts of the disk, from 0 to 1.
fn allowed_age(delay: Duration, headroom: f64, usage: f64) -> Duration {
    delay.mul_f64((1.0 - headroom - usage).clamp(0.0, 1.0))
}

/// The used part of the disk, from 0 to 1; 0 if nobody knows.
fn disk_usage(folder: &Path) -> f64 {
    let Ok(disk) = nix::sys::statvfs::statvfs(folder) else { return 0.0 };
    let (all, free) = (disk.blocks(), disk.blocks_free());
    if all == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than a double's precision")]
    let usage = all.saturating_sub(free) as f64 / all as f64;
    usage
}

/// `AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/CONTAINER`, for all of them.
fn sandboxes_below(slaves: &Path) -> Vec<PathBuf> {
    let mut folders = vec![slaves.to_owned()];
    for below in ["", "frameworks", "executors", "runs"] {
        folders = folders.iter().flat_map(|folder| folders_in(&folder.join(below))).collect();
    }
    folders
}

/// The folders in a folder, without links such as `latest`.
fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.filter_map(Result::ok).filter(is_folder).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mesos_a10_the_allowed_age_shrinks_as_the_disk_fills() {
        let day = Duration::from_secs(86_400);
        assert_eq!(allowed_age(day, 0.1, 0.0), day.mul_f64(0.9));
        assert_eq!(allowed_age(day, 0.0, 0.5), day / 2);
        assert_eq!(allowed_age(day, 0.1, 0.95), Duration::ZERO);
        assert_eq!(allowed_age(day, 1.0, 0.0), Duration::ZERO);
    }
}
