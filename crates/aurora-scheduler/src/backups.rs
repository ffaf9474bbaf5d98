//! Backups: copies of the state in a folder, for people, for recovery and for `aurora_admin simulate`
//! (`spec/scheduler.md` §8.7).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use aurora_api::amounts::{Millis, Timestamp};
use jiff::tz::TimeZone;
use mesos_v1::chain;
use scheduler_core::backup::Backup;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error};

use crate::app::{App, AppState};
use crate::flags::amounts::TimeAmount;

/// Their folder in that of the journal.
const FOLDER: &str = "backups";

const PREFIX: &str = "scheduler-backup-";
const UNFINISHED: &str = "temp_";

/// When and where backups are made.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Backups")]
pub struct BackupFlags {
    /// The folder of backups; if not given, `backups` in that of the journal.
    #[arg(long = "backup_dir", value_name = "FOLDER")]
    pub backup_dir: Option<PathBuf>,
    /// How often a backup is made.
    #[arg(long = "backup_interval", default_value = "1hrs")]
    pub backup_interval: TimeAmount,
    /// How many backups are kept.
    #[arg(
        long = "max_saved_backups",
        default_value_t = 48,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub max_saved_backups: u16,
}

/// The folder of backups.
#[derive(Clone, Debug)]
pub struct Backups {
    folder: PathBuf,
    kept: usize,
}

/// What could not be done with the folder of backups.
#[derive(Debug, thiserror::Error)]
pub enum BackupFailure {
    /// The system refused.
    #[error("cannot {action} {}: check -backup_dir, its owner and the free space", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Backups {
    /// The folder of the flags, or the usual one beside the journal, created if it is not there.
    ///
    /// # Errors
    /// It cannot be created or written.
    pub fn open(flags: &BackupFlags, journal: &Path) -> Result<Self, BackupFailure> {
        let folder = flags.backup_dir.clone().unwrap_or_else(|| journal.join(FOLDER));
        fs::create_dir_all(&folder).map_err(failed("create", &folder))?;
        let probe = folder.join(format!("{UNFINISHED}probe"));
        File::create(&probe).map_err(failed("write to", &folder))?;
        fs::remove_file(&probe).map_err(failed("write to", &folder))?;
        Ok(Self { folder, kept: usize::from(flags.max_saved_backups) })
    }

    /// Writes a backup, and removes those that are too many. The name has the minute it is of: a second one of the same
    /// minute replaces the first.
    ///
    /// # Errors
    /// The disk refuses; older backups stay.
    pub fn write(&self, backup: &Backup) -> Result<String, BackupFailure> {
        let name = file_name(backup.taken_at);
        let unfinished = self.folder.join(format!("{UNFINISHED}{name}"));
        let mut file = File::create(&unfinished).map_err(failed("create", &unfinished))?;
        file.write_all(&backup.encode())
            .and_then(|()| file.sync_all())
            .map_err(failed("write", &unfinished))?;
        let path = self.folder.join(&name);
        fs::rename(&unfinished, &path).map_err(failed("write", &path))?;
        for old in self.list()?.iter().rev().skip(self.kept) {
            let path = self.folder.join(old);
            fs::remove_file(&path).map_err(failed("remove the old", &path))?;
        }
        Ok(name)
    }

    /// The names of all backups, the oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<String>, BackupFailure> {
        let entries = fs::read_dir(&self.folder).map_err(failed("list", &self.folder))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("list", &self.folder))?.file_name();
            names.extend(name.to_str().filter(|name| name.starts_with(PREFIX)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupFailure {
    let path = path.to_owned();
    move |source| BackupFailure::File { action, path, source }
}

/// As upstream names it: `scheduler-backup-2026-01-31-23-59`, in local time.
fn file_name(taken_at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(taken_at.0).unwrap_or_default();
    let local = at.to_zoned(TimeZone::system());
    format!("{PREFIX}{}", local.strftime("%Y-%m-%d-%H-%M"))
}

/// Makes a backup of the state as it is published, which is durable.
///
/// # Errors
/// The disk refuses.
pub async fn back_up(app: &App) -> Result<String, BackupFailure> {
    let (backups, view, config, now) = (app.backups.clone(), app.view(), app.core.clone(), app.now());
    let written = tokio::task::spawn_blocking(move || backups.write(&Backup::of(&view, &config, now)));
    let written = written.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    app.stats.count(if written.is_ok() { "scheduler_backup_success" } else { "scheduler_backup_failed" }, 1);
    written
}

/// Makes backups until it is cancelled. One that fails is told and counted; the next is tried in its time.
///
/// # Errors
/// None: a full disk must not end the scheduler.
pub async fn run(app: AppState, interval: Millis, stopping: CancellationToken) -> anyhow::Result<()> {
    let period = std::time::Duration::from_millis(interval.0.max(1).unsigned_abs());
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while stopping.run_until_cancelled(ticks.tick()).await.is_some() {
        match back_up(&app).await {
            Ok(name) => debug!(name, "backup made"),
            Err(failure) => error!("no backup was made: {}", chain(&failure)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("backups");
        let flags = BackupFlags {
            backup_dir: Some(dir.clone()),
            backup_interval: "1hrs".parse().unwrap(),
            max_saved_backups: 2,
        };
        let backups = Backups::open(&flags, folder.path()).unwrap();
        let names: Vec<String> = [0, 60_000, 120_000]
            .into_iter()
            .map(|at| backups.write(&Backup { taken_at: Timestamp(at), ..Backup::default() }).unwrap())
            .collect();
        assert_eq!(backups.list().unwrap(), names[1..]);
        let read = Backup::decode(&fs::read(dir.join(&names[2])).unwrap()).unwrap();
        assert_eq!(read.taken_at, Timestamp(120_000));
        assert!(names[0].starts_with("scheduler-backup-19"), "{}", names[0]);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        File::create(&file).unwrap();
        let flags = BackupFlags {
            backup_dir: Some(file),
            backup_interval: "1hrs".parse().unwrap(),
            max_saved_backups: 2,
        };
        let message = Backups::open(&flags, folder.path()).unwrap_err().to_string();
        assert!(message.contains("check -backup_dir"), "{message}");
    }
}
