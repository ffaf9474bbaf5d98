//! The tasks found on disk, published as a whole after each look (`spec/thermos.md` §4.2).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use thermos::binding::{Context, Escapes, bind};
use thermos::detect::{Root, Standing, mesos_roots};
use thermos::os::beneath::{BeneathError, Directory};
use thermos::plan::record::{ProcessState, RunnerHeader};
use thermos::plan::replay::{ProcessRun, RunnerState};
use tracing::{info, warn};

use crate::Observer;
use crate::flags::Places;

/// Where a task is, and its id: two roots may hold the same id (D33).
pub type Key = (Root, String);

/// A task as it was last seen.
#[derive(Debug)]
pub struct Task {
    /// Where it is.
    pub root: Root,
    /// Its id.
    pub task_id: String,
    /// Whether it is over.
    pub standing: Standing,
    /// When it began, or once it is over, when it ended.
    pub modified: SystemTime,
    /// What its stream adds up to.
    pub state: RunnerState,
    /// What is wrong with its stream.
    pub damage: Option<String>,
    /// Its Task JSON with ports, id and user bound; null when it is not readable.
    pub json: Value,
    stamp: Option<(u64, u64)>,
}

/// What changed between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It runs.
    Active,
    /// It is over.
    Finished,
    /// It is not there any more.
    Removed,
}

type Published = BTreeMap<Key, Arc<Task>>;

/// All tasks.
#[derive(Debug)]
pub struct Tasks {
    places: Places,
    published: RwLock<Arc<Published>>,
}

impl Tasks {
    /// Nothing was looked for yet.
    pub fn new(places: Places) -> Self {
        Self { places, published: RwLock::default() }
    }

    /// The tasks as of the last look.
    pub fn all(&self) -> Arc<Published> {
        Arc::clone(&self.published.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A task by its id, the newest of several; or by the id of the run whose directory it is in.
    pub fn find(&self, name: &str) -> Option<Arc<Task>> {
        let all = self.all();
        let newest = all.values().filter(|task| task.task_id == name).max_by_key(|task| task.modified);
        let of_run = || {
            all.values().find(|task| {
                task.root.run().and_then(Path::file_name).is_some_and(|run| run.to_str() == Some(name))
            })
        };
        newest.or_else(of_run).cloned()
    }

    /// Tasks of a kind, newest first.
    pub fn listed(&self, standing: Option<Standing>) -> Vec<Arc<Task>> {
        let all = self.all();
        let mut tasks: Vec<Arc<Task>> = all
            .values()
            .filter(|task| standing.is_none_or(|wanted| task.standing == wanted))
            .cloned()
            .collect();
        tasks.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.task_id.cmp(&b.task_id)));
        tasks
    }

    /// Looks for tasks and publishes what is found.
    pub fn refresh(&self) {
        let before = self.all();
        let mut roots: Vec<Root> = self.places.plain.iter().cloned().map(Root::plain).collect();
        roots.extend(self.places.mesos_roots.iter().flat_map(|folder| mesos_roots(folder)));
        let found = roots.iter().flat_map(Root::tasks);
        let mut now: Published = BTreeMap::new();
        for found in found {
            let key = (found.root.clone(), found.task_id.clone());
            let known = before.get(&key);
            // Caught in the middle of its move, a task is in both halves: it is over then.
            if now.get(&key).is_some_and(|task| task.standing == Standing::Finished) {
                continue;
            }
            let task = match known {
                Some(known) if known.is_still(found.standing, found.modified) => Arc::clone(known),
                _ => Arc::new(Task::read(found.root, found.task_id, found.standing, found.modified, known)),
            };
            now.insert(key, task);
        }
        for (key, event) in events(&standings(&before), &standings(&now)) {
            info!(task = key.1, root = %key.0.path().display(), ?event, "task");
        }
        for (key, task) in &now {
            let is_new = before.get(key).is_none_or(|known| known.damage != task.damage);
            if let Some(damage) = task.damage.as_ref().filter(|_| is_new) {
                warn!(task = key.1, damage, "a checkpoint is damaged: what comes before is shown");
            }
        }
        *self.published.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(now);
    }
}

fn standings(tasks: &Published) -> BTreeMap<Key, Standing> {
    tasks.iter().map(|(key, task)| (key.clone(), task.standing)).collect()
}

/// What happened between two looks; one that vanished while it ran was over before.
pub fn events(before: &BTreeMap<Key, Standing>, now: &BTreeMap<Key, Standing>) -> Vec<(Key, Event)> {
    let mut events = Vec::new();
    let mut tell = |key: &Key, list: &[Event]| events.extend(list.iter().map(|event| (key.clone(), *event)));
    for (key, standing) in before {
        match (standing, now.get(key)) {
            (Standing::Active, None) => tell(key, &[Event::Finished, Event::Removed]),
            (Standing::Finished, None) => tell(key, &[Event::Removed]),
            (Standing::Active, Some(Standing::Finished)) => tell(key, &[Event::Finished]),
            (Standing::Finished, Some(Standing::Active)) => tell(key, &[Event::Active]),
            (Standing::Active, Some(Standing::Active)) | (Standing::Finished, Some(Standing::Finished)) => {}
        }
    }
    for (key, standing) in now.iter().filter(|(key, _)| !before.contains_key(*key)) {
        match standing {
            Standing::Active => tell(key, &[Event::Active]),
            Standing::Finished => tell(key, &[Event::Active, Event::Finished]),
        }
    }
    events
}

impl Task {
    fn is_still(&self, standing: Standing, modified: SystemTime) -> bool {
        let is_unchanged = self.standing == standing && self.modified == modified && !self.json.is_null();
        // What is over does not change; what runs may have written more.
        let is_over = standing == Standing::Finished
            && self.state.task_state().is_some_and(|state| state.is_terminal());
        is_unchanged && (is_over || self.root.stamp(&self.task_id) == self.stamp)
    }

    fn read(
        root: Root,
        task_id: String,
        standing: Standing,
        modified: SystemTime,
        known: Option<&Arc<Self>>,
    ) -> Self {
        let stamp = root.stamp(&task_id);
        let (state, damage) = match root.load(&task_id) {
            Ok(loaded) => (loaded.state, loaded.damage.map(|damage| damage.to_string())),
            // Not there yet, most often.
            Err(error) => (RunnerState::default(), stamp.map(|_| error.to_string())),
        };
        let raw = match known.filter(|known| !known.json.is_null()) {
            Some(known) => Ok(known.json.clone()),
            None => root.task_json(&task_id, standing),
        };
        let json = raw.map_or(Value::Null, |raw| bound(&raw, &task_id, state.header.as_ref()));
        Self { root, task_id, standing, modified, state, damage, json, stamp }
    }

    #[cfg(test)]
    pub fn for_tests(root: &Root, task_id: &str) -> Self {
        Self {
            root: root.clone(),
            task_id: task_id.to_owned(),
            standing: Standing::Active,
            modified: SystemTime::now(),
            state: RunnerState::default(),
            damage: None,
            json: Value::Null,
            stamp: None,
        }
    }

    /// What the header says, once there is one.
    pub fn header(&self) -> Option<&RunnerHeader> {
        self.state.header.as_ref()
    }

    /// A run of a process; a negative number counts from the end.
    pub fn run(&self, process: &str, number: i64) -> Option<(usize, &ProcessRun)> {
        let runs = self.state.processes.get(process)?;
        let index = match usize::try_from(number) {
            Ok(index) => index,
            Err(_) => runs.len().checked_sub(usize::try_from(number.unsigned_abs()).ok()?)?,
        };
        runs.get(index).map(|run| (index, run))
    }

    /// The processes that run, with their shells.
    pub fn running(&self) -> impl Iterator<Item = (&str, &ProcessRun)> {
        self.state
            .last_runs()
            .filter(|(_, _, run)| run.state == ProcessState::Running)
            .map(|(name, _, run)| (name, run))
    }

    /// Its sandbox, opened so that nothing outside of it can be reached.
    pub fn open_sandbox(&self) -> Result<Directory, BeneathError> {
        self.open_said(self.header().and_then(|header| header.sandbox.as_deref()))
    }

    /// The folder of its logs, likewise.
    pub fn open_logs(&self) -> Result<Directory, BeneathError> {
        let said = self.header().and_then(|header| header.log_dir.clone());
        let said =
            said.unwrap_or_else(|| self.root.path().join("logs").join(&self.task_id).display().to_string());
        self.open_said(Some(&said))
    }

    /// A folder that the header names. In a run directory it must be below that; by itself a root is trusted.
    fn open_said(&self, said: Option<&str>) -> Result<Directory, BeneathError> {
        let path = PathBuf::from(said.unwrap_or_default());
        let Some(run) = self.root.run() else { return Directory::open(&path) };
        let outside = || BeneathError::Outside { path: path.clone(), folder: run.to_owned() };
        let relative = match path.strip_prefix(run) {
            Ok(relative) => relative.to_owned(),
            // The agent may know its work folder by another name than we do.
            Err(_) => {
                let real = run.canonicalize().map_err(|_| outside())?;
                path.strip_prefix(&real).map_err(|_| outside())?.to_owned()
            }
        };
        Directory::open(run)?.open_directory(&relative)
    }
}

fn bound(raw: &Value, task_id: &str, header: Option<&RunnerHeader>) -> Value {
    let Some(header) = header else { return raw.clone() };
    let ports = header.ports.iter().flatten();
    let ports = ports.filter_map(|(name, port)| Some((name.clone(), u16::try_from(*port).ok()?))).collect();
    let context = Context::thermos(task_id, header.user.as_deref().unwrap_or_default(), &ports);
    bind(raw, &context, Escapes::Keep).value
}

/// Looks again and again.
pub async fn keep_fresh(observer: Arc<Observer>) {
    let interval = Duration::from_secs(observer.flags.polling_interval_secs);
    loop {
        tokio::time::sleep(interval).await;
        let looking = Arc::clone(&observer);
        if let Err(error) = tokio::task::spawn_blocking(move || looking.tasks.refresh()).await {
            tracing::error!(%error, "cannot look for tasks");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn th_142_what_happened_is_told_from_two_looks() {
        use Event::{Active, Finished, Removed};
        let key = || (Root::plain("/r"), "t".to_owned());
        let seen = |standing: Option<Standing>| -> BTreeMap<Key, Standing> {
            standing.into_iter().map(|standing| (key(), standing)).collect()
        };
        let told = |before, now| -> Vec<Event> {
            events(&seen(before), &seen(now)).into_iter().map(|(_, event)| event).collect()
        };
        assert_eq!(told(None, Some(Standing::Active)), [Active]);
        assert_eq!(told(Some(Standing::Active), None), [Finished, Removed]);
        assert_eq!(told(None, Some(Standing::Finished)), [Active, Finished]);
        assert_eq!(told(Some(Standing::Finished), None), [Removed]);
        assert_eq!(told(Some(Standing::Active), Some(Standing::Finished)), [Finished]);
        assert_eq!(told(Some(Standing::Finished), Some(Standing::Active)), [Active]);
        assert!(told(Some(Standing::Active), Some(Standing::Active)).is_empty());
    }
}
