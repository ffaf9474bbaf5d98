//! What tasks and processes use, sampled now and then (`spec/thermos.md` §3.11).

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Value, json};
use thermos::detect::Standing;
use thermos::os::identity::here;
use thermos::plan::replay::ProcessRun;
use thermos::usage::{Snapshot, Usage};

use crate::Observer;
use crate::tasks::{Key, Task};

/// A process that began this far from its record is another one under the same number, if the record says no more.
const START_TOLERANCE_SECS: f64 = 10.0;

/// The latest samples.
#[derive(Debug)]
pub struct Samples {
    is_enabled: bool,
    processes: RwLock<Looks>,
    disks: RwLock<BTreeMap<Key, i64>>,
}

#[derive(Debug, Default, Clone)]
struct Looks {
    latest: Option<Arc<Snapshot>>,
    before: Option<Arc<Snapshot>>,
}

impl Samples {
    /// No samples yet; none ever, and zeros for all, when they are not wanted.
    pub fn new(is_enabled: bool) -> Self {
        Self { is_enabled, processes: RwLock::default(), disks: RwLock::default() }
    }

    fn look(&self) {
        let snapshot = Arc::new(Snapshot::take());
        let mut looks = self.processes.write().unwrap_or_else(PoisonError::into_inner);
        looks.before = looks.latest.replace(snapshot);
    }

    /// Keeps the sizes of sandboxes; what is not among them is forgotten.
    pub fn set_disks(&self, disks: BTreeMap<Key, i64>) {
        *self.disks.write().unwrap_or_else(PoisonError::into_inner) = disks;
    }

    /// What a running process uses. One that the latest look has not seen is looked at now.
    pub fn of_run(&self, run: &ProcessRun) -> Usage {
        if !self.is_enabled {
            return Usage::default();
        }
        let looks = self.processes.read().unwrap_or_else(PoisonError::into_inner).clone();
        let seen = looks.latest.as_deref().and_then(|latest| tree(latest, run, looks.before.as_deref()));
        seen.or_else(|| tree(&Snapshot::take(), run, None)).unwrap_or_default()
    }

    /// What all running processes of a task use together, with the bytes of its sandbox.
    pub fn of_task(&self, task: &Task) -> (Usage, i64) {
        if task.standing == Standing::Finished {
            return (Usage::default(), 0);
        }
        let key = (task.root.clone(), task.task_id.clone());
        let disk = self.disks.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let total = task.running().fold(Usage::default(), |mut total, (_, run)| {
            total.add(&self.of_run(run));
            total
        });
        (total, disk.unwrap_or(0))
    }
}

/// The tree of a run's shell, if that shell is there.
fn tree(snapshot: &Snapshot, run: &ProcessRun, before: Option<&Snapshot>) -> Option<Usage> {
    let shell = run.shell()?;
    let is_it = match shell.birth {
        Some(birth) => {
            here() == Some(birth.place) && snapshot.start_ticks(shell.pid) == Some(birth.start_ticks)
        }
        // An old record.
        None => (snapshot.start_secs(shell.pid)? - run.start_time?).abs() < START_TOLERANCE_SECS,
    };
    is_it.then(|| snapshot.tree(shell.pid, before))
}

/// A sample as endpoints show it, without the disk.
pub fn shown(usage: &Usage) -> Value {
    json!({
        "cpu": usage.cpu,
        "ram": usage.ram,
        "user": usage.user,
        "system": usage.system,
        "rss": usage.ram,
        "vms": usage.vms,
        "nice": usage.nice,
        "status": usage.status.unwrap_or("None"),
        "threads": usage.threads,
    })
}

/// The same with the disk.
pub fn shown_with_disk(usage: &Usage, disk: i64) -> Value {
    let mut value = shown(usage);
    value["disk"] = json!(disk);
    value
}

/// Samples again and again.
pub async fn keep_sampling(observer: Arc<Observer>) {
    if !observer.samples.is_enabled {
        return;
    }
    let interval = Duration::from_secs(observer.flags.task_process_collection_interval_secs);
    loop {
        let sampling = Arc::clone(&observer);
        if let Err(error) = tokio::task::spawn_blocking(move || sampling.samples.look()).await {
            tracing::error!(%error, "cannot sample processes");
        }
        tokio::time::sleep(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use serde_json::json;
    use thermos::detect::Root;
    use thermos::os::identity::identify;
    use thermos::os::kernel::{Kernel, Linux};
    use thermos::plan::Birth;

    use super::*;

    fn start(script: &str, processes: u64) -> Child {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let begin = std::time::Instant::now();
        while Snapshot::take().tree(pid, None).processes < processes && begin.elapsed().as_secs() < 90 {
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    /// As it is recorded when nothing takes long.
    fn run(child: &Child) -> ProcessRun {
        let pid = i32::try_from(child.id()).unwrap();
        ProcessRun {
            state: thermos::plan::ProcessState::Running,
            start_time: Snapshot::take().start_secs(pid),
            pid: Some(pid),
            ..ProcessRun::waiting(2)
        }
    }

    fn end(mut child: Child) {
        let pid = i32::try_from(child.id()).unwrap();
        for below in thermos::os::signals::descendants(&Linux.processes(), pid) {
            Linux.signal(below, thermos::plan::Strength::Kill);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn th_150_trees_are_added_and_what_is_not_sampled_yet_is_looked_at_now() {
        let (one, two) = (start("exec sleep 100", 1), start("sleep 100 & wait", 2));
        let samples = Samples::new(true);
        assert_eq!(samples.of_run(&run(&one)).processes, 1, "without any history");
        samples.look();
        let root = Root::plain("/r");
        let mut task = Task::for_tests(&root, "t");
        task.state.processes.insert("a".into(), vec![run(&one)]);
        task.state.processes.insert("b".into(), vec![run(&two)]);
        samples.set_disks(BTreeMap::from([((root, "t".to_owned()), 10)]));
        let (usage, disk) = samples.of_task(&task);
        assert_eq!((usage.processes, disk), (3, 10));
        assert!(usage.ram > 0);
        assert!(task.run("unknown", -1).is_none());
        let shown = shown_with_disk(&usage, disk);
        assert_eq!(shown["ram"], shown["rss"]);

        let disabled = Samples::new(false);
        assert_eq!(disabled.of_task(&task), (Usage::default(), 0));
        // The same number, begun long before the record: another process.
        let stranger = ProcessRun { start_time: Some(1000.0), ..run(&one) };
        assert_eq!(samples.of_run(&stranger), Usage::default());
        // What the record says exactly is believed, whatever the clock said.
        let birth = identify(i32::try_from(one.id()).unwrap()).birth;
        let exact = ProcessRun { shell_birth: birth, ..stranger };
        assert_eq!(samples.of_run(&exact).processes, 1);
        let later = birth.map(|birth| Birth { start_ticks: birth.start_ticks + 1, ..birth });
        assert_eq!(samples.of_run(&ProcessRun { shell_birth: later, ..run(&one) }), Usage::default());
        task.standing = Standing::Finished;
        let (usage, disk) = samples.of_task(&task);
        assert_eq!(shown_with_disk(&usage, disk)["nice"], json!(null));
        end(one);
        end(two);
    }
}
