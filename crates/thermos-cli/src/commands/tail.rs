//! `thermos tail`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thermos::detect::Root;
use thermos::os::beneath::Directory;
use thermos::plan::record::ProcessState;

use crate::failure::Failure;
use crate::output;
use crate::places::Places;

/// Tail the logs of a task process.
#[derive(clap::Args, Debug)]
pub struct Tail {
    /// Tail stderr instead of stdout.
    #[arg(long)]
    stderr: bool,

    /// The task's id.
    #[arg(value_name = "TASK")]
    task: Option<String>,

    /// The process; needed if the task has several.
    #[arg(value_name = "PROCESS")]
    process: Option<String>,
}

/// Lines shown of what is there already.
const LINES: usize = 10;

/// The most that is looked through for them.
const LAST_BYTES: u64 = 1 << 20;

/// Between two looks at a growing log.
const POLL: Duration = Duration::from_millis(250);

/// Between two looks at whether the process still runs.
const CHECK: Duration = Duration::from_secs(5);

/// A run and its log.
struct Log {
    root: Root,
    task_id: String,
    process: String,
    run: usize,
    folder: PathBuf,
    file: PathBuf,
}

impl Tail {
    /// Runs the command.
    pub fn run(self, places: &Places) -> Result<(), Failure> {
        let Some(task_id) = &self.task else {
            return Err(Failure::Usage("Expected a task to tail, got nothing!".to_owned()));
        };
        let found = places.roots().into_iter().find_map(|root| Some((root.load(task_id).ok()?.state, root)));
        let Some((state, root)) = found else {
            output::line("ERROR: Could not find task.");
            return Err(Failure::Silent);
        };
        let said = state.header.as_ref().and_then(|header| header.log_dir.clone());
        let folder = said.map_or_else(|| root.path().join("logs").join(task_id), PathBuf::from);
        let is_meant = |name: &String| self.process.as_ref().is_none_or(|process| process == name);
        let candidates: Vec<(&String, usize)> = state
            .processes
            .iter()
            .filter(|(name, _)| is_meant(name))
            .filter_map(|(name, runs)| {
                let latest =
                    (0..runs.len()).rev().find(|run| folder.join(name).join(run.to_string()).is_dir());
                Some((name, latest?))
            })
            .collect();
        let (process, run) = match candidates.as_slice() {
            [] => {
                eprintln!("ERROR: No processes found.");
                return Err(Failure::Silent);
            }
            [(process, run)] => ((*process).clone(), *run),
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
                eprintln!("ERROR: More than one process matches query.");
                eprintln!("name one of: {}", names.join(", "));
                return Err(Failure::Silent);
            }
        };
        let stream = if self.stderr { "stderr" } else { "stdout" };
        let file = Path::new(&process).join(run.to_string()).join(stream);
        let log = Log { root, task_id: task_id.clone(), process, run, folder, file };
        log.show()
    }
}

impl Log {
    fn show(&self) -> Result<(), Failure> {
        let path = self.folder.join(&self.file);
        if !self.is_active() {
            output::line(format!("Tail of terminal log {}", path.display()));
            let mut file = self.open()?;
            show_last_lines(&mut file)?;
            return Ok(());
        }
        output::line(format!("Tail of active log {}", path.display()));
        self.follow()
    }

    fn open(&self) -> Result<File, Failure> {
        Directory::open(&self.folder)
            .and_then(|folder| folder.open_file(&self.file))
            .map_err(|error| Failure::Failed(format!("ERROR: {error}")))
    }

    fn is_active(&self) -> bool {
        self.root.load(&self.task_id).is_ok_and(|loaded| {
            let runs = loaded.state.processes.get(&self.process);
            runs.and_then(|runs| runs.get(self.run)).is_some_and(|run| run.state == ProcessState::Running)
        })
    }

    fn follow(&self) -> Result<(), Failure> {
        let mut file = self.open()?;
        show_last_lines(&mut file)?;
        let mut checked = Instant::now();
        let mut is_over = false;
        loop {
            let count = copy_rest(&mut file)?;
            let Some(count) = count else { return Ok(()) };
            if count > 0 {
                continue;
            }
            if is_over {
                return Ok(());
            }
            // A rotated log goes on in a new file; the old one was read to its end.
            if let Ok(newer) = self.open()
                && !is_same(&newer, &file)
            {
                file = newer;
                continue;
            }
            if checked.elapsed() >= CHECK {
                is_over = !self.is_active();
                checked = Instant::now();
                continue;
            }
            std::thread::sleep(POLL);
        }
    }
}

fn is_same(a: &File, b: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).ok();
    identity(a) == identity(b)
}

/// Copies what is there; none when nobody reads it any more.
fn copy_rest(file: &mut File) -> Result<Option<usize>, Failure> {
    let mut chunk = vec![0; 64 << 10];
    let count = file.read(&mut chunk).map_err(|error| Failure::failed(&error))?;
    Ok(output::bytes(chunk.get(..count).unwrap_or_default()).then_some(count))
}

/// Shows the last lines and leaves the file at its end.
fn show_last_lines(file: &mut File) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(&error);
    let size = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LAST_BYTES))).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    let is_whole = bytes.last().is_none_or(|byte| *byte == b'\n');
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    let lines_before = if is_whole { LINES } else { LINES - 1 };
    let begin = ends.len().checked_sub(lines_before + 1).and_then(|index| ends.get(index)).copied();
    output::bytes(bytes.get(begin.unwrap_or(0)..).unwrap_or_default());
    Ok(())
}
