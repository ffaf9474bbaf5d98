//! Whether a process number in a record still means the process it meant (`spec/thermos.md` §1.10, D17).

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use super::kernel::{Kernel, Linux, ProcessFacts, ProcessTable};
use super::pseudo;
use super::users::UserDatabase;
use crate::plan::birth::{Birth, BootId, Place, ProcessId};
use crate::plan::record::RunnerHeader;
use crate::plan::replay::{ProcessRun, RunnerState};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const OWN_NAMESPACE: &str = "/proc/self/ns/pid";

/// Which field of `/proc/PID/stat` is the start, counted from the one behind the name.
const START_FIELD: usize = 19;

/// Where this process counts processes; none when the kernel does not tell.
pub fn here() -> Option<Place> {
    // A copy of this process is at the same place.
    static HERE: OnceLock<Option<Place>> = OnceLock::new();
    *HERE.get_or_init(|| {
        let boot = BootId::parse(&pseudo::read(BOOT_ID).ok()?)?;
        let namespace = i64::try_from(fs::metadata(OWN_NAMESPACE).ok()?.ino()).ok()?;
        Some(Place { boot, namespace })
    })
}

/// A process of this namespace with its birth, for a record.
pub fn identify(pid: i32) -> ProcessId {
    ProcessId { pid, birth: birth(pid).map(|(birth, _)| birth) }
}

/// When and where a process of this namespace began, and whether it is a zombie.
fn birth(pid: i32) -> Option<(Birth, bool)> {
    let stat = pseudo::read(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and brackets itself.
    let (_, fields) = stat.rsplit_once(')')?;
    let start_ticks = fields.split_ascii_whitespace().nth(START_FIELD)?.parse().ok()?;
    let is_zombie = fields.trim_start().starts_with(['Z', 'X', 'x']);
    Some((Birth { place: here()?, start_ticks }, is_zombie))
}

/// What became of a process that a record names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It lives.
    Lives,
    /// It is gone. Its number may be another's by now.
    Gone,
    /// It was in another pid namespace, into which nobody can see from here.
    OutOfSight,
}

/// What became of a process whose birth was recorded. A zombie is gone.
pub fn fate_of(table: &ProcessTable, place: Option<Place>, pid: i32, birth: Birth) -> Fate {
    match place {
        Some(place) if place.boot != birth.place.boot => Fate::Gone,
        Some(place) if place == birth.place => match table.get(&pid) {
            Some(process) if process.start_ticks == birth.start_ticks && !process.is_zombie => Fate::Lives,
            _ => Fate::Gone,
        },
        _ => Fate::OutOfSight,
    }
}

/// Tells the processes of one task from others.
#[derive(Debug)]
pub struct Witness {
    header: RunnerHeader,
    users: UserDatabase,
    place: Option<Place>,
}

impl Witness {
    /// For the task with this header.
    pub fn new(header: Option<&RunnerHeader>) -> Self {
        Self { header: header.cloned().unwrap_or_default(), users: UserDatabase::default(), place: here() }
    }

    /// What became of a process, exactly if its birth was recorded, and otherwise by user and start (epoch seconds).
    pub fn fate(&self, table: &ProcessTable, id: ProcessId, recorded_start: Option<f64>) -> Fate {
        if let Some(birth) = id.birth {
            return fate_of(table, self.place, id.pid, birth);
        }
        let (Some(process), Some(recorded_start)) = (table.get(&id.pid), recorded_start) else {
            return Fate::Gone;
        };
        let name = process.uid.and_then(|uid| self.users.by_uid(uid).ok()).map(|user| user.name);
        // A coordinator is still root while its process is the user's already.
        let as_root = RunnerHeader { uid: Some(0), ..self.header.clone() };
        let is_same = is_ours(process, name.as_deref(), &self.header, recorded_start)
            || process.uid == Some(0) && is_ours(process, name.as_deref(), &as_root, recorded_start);
        if is_same && !process.is_zombie { Fate::Lives } else { Fate::Gone }
    }

    /// What became of the coordinator of a run.
    pub fn coordinator(&self, table: &ProcessTable, run: &ProcessRun) -> Fate {
        run.coordinator().map_or(Fate::Gone, |id| self.fate(table, id, run.fork_time))
    }

    /// What became of the shell of a run.
    pub fn shell(&self, table: &ProcessTable, run: &ProcessRun) -> Fate {
        run.shell().map_or(Fate::Gone, |id| self.fate(table, id, run.start_time))
    }
}

/// Whether this very process lives, without a look at others. One that cannot be told from others is taken for gone.
pub fn lives(id: ProcessId) -> bool {
    id.birth.is_some_and(|recorded| birth(id.pid) == Some((recorded, false)))
}

/// What is left of a task whose runner is gone without having ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abandoned {
    /// The runner that was last in control.
    pub runner_pid: i32,
    /// Processes of the task that live on: their coordinator or their shell does.
    pub live_processes: usize,
}

impl std::fmt::Display for Abandoned {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "its runner (process {}) is gone without having ended it; ", self.runner_pid)?;
        match self.live_processes {
            0 => write!(out, "nothing of it runs any more"),
            1 => write!(out, "1 of its processes still runs"),
            count => write!(out, "{count} of its processes still run"),
        }
    }
}

/// One look at the processes of this machine, taken once it is needed.
#[derive(Debug, Default)]
pub struct Look {
    table: OnceCell<ProcessTable>,
}

impl Look {
    /// Whether the runner of a task is gone without having ended it. Streams that do not say exactly who the runner was, or
    /// where it cannot be seen, tell nothing.
    pub fn abandoned(&self, state: &RunnerState) -> Option<Abandoned> {
        if state.task_state()?.is_terminal() {
            return None;
        }
        let runner = state.runner()?;
        let birth = runner.birth?;
        // Most runners live, and are found without a look at all processes. A dead one may not be collected yet.
        if lives(runner) {
            return None;
        }
        let table = self.table.get_or_init(|| Linux.processes());
        if fate_of(table, here(), runner.pid, birth) != Fate::Gone {
            return None;
        }
        let witness = Witness::new(state.header.as_ref());
        let lives = |run: &ProcessRun| {
            [witness.coordinator(table, run), witness.shell(table, run)].contains(&Fate::Lives)
        };
        let live_processes =
            state.last_runs().filter(|(_, _, run)| run.state.is_live() && lives(run)).count();
        Some(Abandoned { runner_pid: runner.pid, live_processes })
    }
}

/// Seconds that a start time may differ from the recorded one.
const START_TOLERANCE_SECS: f64 = 10.0;

/// Whether this is the process that a task recorded with `recorded_start` (epoch seconds). `user_name` names the owner of the
/// process, if it is known.
pub fn is_ours(
    process: &ProcessFacts,
    user_name: Option<&str>,
    header: &RunnerHeader,
    recorded_start: f64,
) -> bool {
    if (process.start_secs - recorded_start).abs() >= START_TOLERANCE_SECS {
        return false;
    }
    match header.uid {
        // A process of a root task may have given up its rights.
        Some(0) => process.uid.is_some(),
        Some(uid) => process.uid.is_some_and(|found| i64::from(found) == i64::from(uid)),
        None => user_name.is_some() && user_name == header.user.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(uid: Option<u32>, start_secs: f64) -> ProcessFacts {
        ProcessFacts { start_secs, uid, ..ProcessFacts::for_tests(1, 0, 1) }
    }

    fn header(uid: Option<i32>) -> RunnerHeader {
        RunnerHeader { uid, user: Some("w".into()), ..RunnerHeader::default() }
    }

    #[test]
    fn th_77_a_root_task_owns_processes_that_gave_up_root() {
        assert!(is_ours(&process(Some(567), 100.0), None, &header(Some(0)), 100.0));
    }

    #[test]
    fn th_78_uid_and_start_time_decide() {
        let ours = |uid, start| is_ours(&process(Some(uid), start), Some("other"), &header(Some(567)), 100.0);
        assert!(ours(567, 100.0));
        assert!(!ours(568, 100.0));
        assert!(ours(567, 109.0) && ours(567, 91.0));
        assert!(!ours(567, 111.0) && !ours(567, 89.0));
    }

    #[test]
    fn th_79_old_headers_go_by_name() {
        let ours = |name| is_ours(&process(Some(567), 100.0), name, &header(None), 100.0);
        assert!(ours(Some("w")));
        assert!(!ours(Some("x")));
        assert!(!ours(None));
        let late = process(Some(567), 111.0);
        assert!(!is_ours(&late, Some("w"), &header(None), 100.0), "the start time counts all the same");
        assert!(!is_ours(&process(None, 100.0), Some("w"), &header(Some(567)), 100.0));
    }
}
