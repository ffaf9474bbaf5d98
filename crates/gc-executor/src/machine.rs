//! The tasks of this machine: found, compared, killed and removed (`spec/thermos.md` §6.2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aurora_api::thrift::ScheduleStatus;
use mesos_v1::messages::TaskState as MesosState;
use thermos::detect::{FoundTask, Root, Secured, Standing, mesos_roots};
use thermos::garbage::{
    Erase, EraseError, Policy, Scope, erase_data, erase_logs, erase_metadata, measure, select,
};
use thermos::os::identity::Look;
use thermos::plan::record::TaskState;
use thermos::plan::replay::RunnerState;
use thermos::run::{Killed, kill_task, kill_with_runner};
use tracing::{error, info, warn};

use crate::flags::Flags;
use crate::matrix::{Action, Local, Remote, decide};

/// A runner touches its stream now and then; one that has not for so long is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(3600);

/// How long an executor whose runner is known to be gone has to end the task itself.
const EXECUTOR_LIMIT: Duration = Duration::from_secs(300);

/// Folders between an agent's work folder and a run directory.
const RUN_DEPTH: usize = 8;

/// What the scheduler believes, and when it told.
#[derive(Debug, Clone)]
pub struct Request {
    /// Each task of this host with its status.
    pub retained: BTreeMap<String, ScheduleStatus>,
    /// When it arrived.
    pub arrival: SystemTime,
}

/// A status to send to the scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of which task.
    pub task_id: String,
    /// Its real state.
    pub state: MesosState,
    /// In words.
    pub message: &'static str,
}

/// This machine.
#[derive(Debug, Clone)]
pub struct Machine {
    plain: Vec<Root>,
    mesos_root: Option<PathBuf>,
    framework: String,
    policy: Policy,
    is_dry_run: bool,
}

/// A task with what its stream says.
struct Task {
    found: FoundTask,
    state: RunnerState,
    last_sign: SystemTime,
    /// Of the cluster that asks, and not of a person or another framework.
    is_clusters: bool,
}

impl Machine {
    /// From the flags, and from where the agent put this program.
    pub fn new(flags: &Flags, run_directory: &Path, framework: &str) -> Self {
        let own_work = run_directory.ancestors().nth(RUN_DEPTH).map(Path::to_owned);
        let mesos_root = flags.mesos_root.clone().or(own_work).filter(|path| path.join("slaves").is_dir());
        if mesos_root.is_none() {
            error!(
                run_directory = %run_directory.display(),
                "the agent's work folder is not found: no task is reported or killed; name it with --mesos-root"
            );
        }
        Self {
            plain: flags.root.iter().cloned().map(Root::plain).collect(),
            mesos_root,
            framework: framework.to_owned(),
            policy: flags.policy(),
            is_dry_run: flags.dryrun,
        }
    }

    /// Carries out a request. Returns what the scheduler has to be told.
    pub fn collect(&self, request: &Request) -> Vec<Report> {
        let mut reports = Vec::new();
        let tasks = self.tasks();
        let is_complete = self.mesos_root.is_some();
        for task in tasks.iter().filter(|task| task.is_clusters && is_complete) {
            let id = &task.found.task_id;
            let remote = Remote::of(request.retained.get(id).copied());
            match decide(task.local(request.arrival), remote) {
                Action::Nothing => {}
                Action::Kill => self.kill(task),
                Action::Delete => self.delete(task),
                Action::Report(state, message) => {
                    reports.push(Report { task_id: id.clone(), state, message });
                }
            }
        }
        if is_complete {
            reports.extend(self.missing(request, &tasks));
        }
        self.delete_strangers(request.arrival);
        reports
    }

    /// Ends active tasks whose runner is dead and silent. Returns what the scheduler has to be told.
    pub fn clean_orphans(&self, now: SystemTime) -> Vec<Report> {
        let mut reports = Vec::new();
        let look = Look::default();
        for task in self.tasks().iter().filter(|task| task.is_clusters) {
            let silence = age(task.last_sign, now);
            let is_candidate = task.found.standing == Standing::Active && silence > EXECUTOR_LIMIT;
            if !is_candidate || silence <= SILENCE_LIMIT && look.abandoned(&task.state).is_none() {
                continue;
            }
            let id = &task.found.task_id;
            info!(
                task = id,
                seconds = silence.as_secs(),
                "its runner is dead, by its identity or its silence"
            );
            // A runner that lives holds the stream, and then nothing is done.
            let lost = self.secured(task).and_then(|secured| {
                self.unless_dry("lose", id, || {
                    kill_task(&secured.paths, TaskState::Lost).map_err(|error| error.to_string())
                })
            });
            match lost {
                Ok(Some(Killed::Now { runs })) => {
                    warn!(task = id, runs, "lost: its runner was dead");
                    let message = "GC executor detected failed task runner.";
                    reports.push(Report { task_id: id.clone(), state: MesosState::TaskLost, message });
                }
                Ok(Some(Killed::AlreadyOver(_)) | None) => {}
                Err(error) => warn!(task = id, error, "cannot be lost"),
            }
        }
        reports
    }

    /// Tasks that the scheduler believes to run and that left no trace.
    fn missing(&self, request: &Request, tasks: &[Task]) -> Vec<Report> {
        let known: BTreeSet<&str> = tasks.iter().map(|task| task.found.task_id.as_str()).collect();
        let executors = self.executors();
        let is_missing = |id: &str| {
            // Other executors keep no checkpoints, but their folder has the task's id at its end.
            !known.contains(id) && !executors.iter().any(|name| name.ends_with(id))
        };
        let believed = request.retained.iter().filter(|(id, _)| is_missing(id));
        believed
            .filter_map(|(id, status)| match decide(Local::Absent, Remote::of(Some(*status))) {
                Action::Report(state, message) => Some(Report { task_id: id.clone(), state, message }),
                _ => None,
            })
            .collect()
    }

    fn tasks(&self) -> Vec<Task> {
        let runs = self.mesos_root.iter().flat_map(|work| mesos_roots(work));
        let own_runs = runs.filter(|root| root.run().is_some_and(|run| self.is_own_run(run)));
        let roots: Vec<Root> = self.plain.iter().cloned().chain(own_runs).collect();
        let found = roots.iter().flat_map(Root::tasks);
        found
            .map(|found| {
                let state = found.root.load(&found.task_id).map(|loaded| loaded.state).unwrap_or_default();
                let last_sign = found.root.last_sign(&found.task_id).unwrap_or(found.modified);
                let is_clusters = found.root.run().is_some()
                    || self.is_in_work(&state)
                    || self.has_executor(&found.task_id);
                Task { found, state, last_sign, is_clusters }
            })
            .collect()
    }

    /// Whether a run directory is one of the framework that asks: another cluster's tasks are not ours to judge.
    fn is_own_run(&self, run: &Path) -> bool {
        let framework = run.ancestors().nth(4).and_then(Path::file_name);
        framework.is_some_and(|name| name == self.framework.as_str())
    }

    fn is_in_work(&self, state: &RunnerState) -> bool {
        let sandbox = state.header.as_ref().and_then(|header| header.sandbox.as_ref());
        sandbox
            .zip(self.mesos_root.as_ref())
            .is_some_and(|(sandbox, work)| Path::new(sandbox).starts_with(work))
    }

    /// The executors whose run directories the agent still has.
    fn executors(&self) -> BTreeSet<String> {
        let Some(work) = &self.mesos_root else { return BTreeSet::new() };
        let mut folders = vec![work.join("slaves")];
        for step in ["", "frameworks", "executors"] {
            folders = folders.iter().flat_map(|folder| subfolders(&folder.join(step))).collect();
        }
        let has_run = |executor: &PathBuf| !subfolders(&executor.join("runs")).is_empty();
        folders
            .into_iter()
            .filter(has_run)
            .filter_map(|executor| Some(executor.file_name()?.to_string_lossy().into_owned()))
            .collect()
    }

    fn has_executor(&self, task_id: &str) -> bool {
        self.executors().contains(&format!("thermos-{task_id}"))
    }

    fn kill(&self, task: &Task) {
        let id = &task.found.task_id;
        info!(task = id, "the scheduler does not want it: it is killed");
        let killed = self.secured(task).and_then(|secured| {
            self.unless_dry("kill", id, || {
                kill_with_runner(&secured.paths, TaskState::Killed).map_err(|error| error.to_string())
            })
        });
        if let Err(error) = killed {
            warn!(task = id, error, "cannot be killed");
        }
    }

    /// Removes a finished task unless the agent still has its folder, in which case the agent removes it.
    fn delete(&self, task: &Task) {
        let id = &task.found.task_id;
        if task.found.root.run().is_some() || self.has_executor(id) {
            return;
        }
        let deleted = self.unless_dry("remove", id, || {
            if task.found.standing == Standing::Active {
                // Unreadable, and no runner holds it, or this fails: what is left is over.
                let secured = self.secured(task)?;
                kill_task(&secured.paths, TaskState::Lost).map_err(|error| error.to_string())?;
            }
            self.erase(&task.found.root, id)
        });
        match deleted {
            Ok(_) => info!(task = id, "removed"),
            Err(error) => warn!(task = id, error, "cannot be removed"),
        }
    }

    fn erase(&self, root: &Root, id: &str) -> Result<(), String> {
        let mut folders: Vec<PathBuf> = vec![root.path()];
        folders.extend(self.mesos_root.iter().cloned());
        folders.push(PathBuf::from(SANDBOXES));
        let scope = Scope::Below(folders);
        for part in [erase_data(root, id, &scope), erase_logs(root, id, &scope)] {
            match part {
                Ok(()) => {}
                // What lies elsewhere stays; the task is forgotten all the same.
                Err(error @ EraseError::Guarded { .. }) => warn!(task = id, "{error}"),
                Err(error) => return Err(error.to_string()),
            }
        }
        erase_metadata(root, id).map_err(|error| error.to_string())
    }

    /// Finished tasks that no cluster knows go by the policy of the flags.
    fn delete_strangers(&self, now: SystemTime) {
        let strangers = self.tasks().into_iter().filter(|task| !task.is_clusters);
        let finished = strangers.filter(|task| task.found.standing == Standing::Finished);
        let measured = finished.map(|task| measure(&task.found.root, &task.found.task_id, now)).collect();
        let everything = Erase { data: true, logs: true, metadata: true };
        for task in select(&self.policy, everything, measured).tasks {
            let id = &task.task_id;
            match self.unless_dry("remove", id, || self.erase(&task.root, id)) {
                Ok(_) => info!(task = id, "removed: it is too old, or there are too many"),
                Err(error) => warn!(task = id, error, "cannot be removed"),
            }
        }
    }

    fn secured(&self, task: &Task) -> Result<Secured, String> {
        task.found.root.secure(&task.found.task_id).map_err(|error| error.to_string())
    }

    fn unless_dry<T>(
        &self,
        what: &str,
        id: &str,
        act: impl FnOnce() -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        if self.is_dry_run {
            info!(task = id, what, "would be done");
            return Ok(None);
        }
        act().map(Some)
    }
}

/// Where `thermos run` puts sandboxes.
const SANDBOXES: &str = "/var/lib/thermos";

impl Task {
    /// As the table wants it.
    fn local(&self, arrival: SystemTime) -> Local {
        let is_active = self.found.standing == Standing::Active;
        let first = self.state.statuses.first().filter(|_| self.state.header.is_some());
        let Some(first) = first else {
            return Local::Unreadable { is_active, since: age(self.last_sign, arrival) };
        };
        if is_active {
            let began = u64::try_from(first.timestamp_ms).unwrap_or(0);
            return Local::Active { since: age(UNIX_EPOCH + Duration::from_millis(began), arrival) };
        }
        let outcome = self.state.task_state().filter(|state| state.is_terminal());
        Local::Finished { outcome, since: age(self.found.modified, arrival) }
    }
}

fn age(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // The type of the entry itself, so the link `latest` is none.
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
