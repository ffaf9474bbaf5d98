//! The promise of the loop: nothing leaves before it is durable, and what left survives.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use aurora_api::ids::JobKey;
use aurora_api::job::JobConfiguration;
use aurora_api::task::{TaskConfig, TaskStatus};
use proptest::prelude::*;
use scheduler_core::Identity;
use scheduler_core::config::CoreConfig;
use scheduler_core::effect::Reply;
use scheduler_core::input::{Change, Request, RequestId};
use tempfile::TempDir;

use super::*;
use crate::journal::{Compressed, LocalJournal};
use crate::queue::input_queue;
use crate::testing::config;

/// A journal that fails at a certain commit: before anything is written, or after all is, as a crash can do.
struct Failing {
    journal: LocalJournal,
    commits_left: usize,
    writes_the_last: bool,
}

impl Journal for Failing {
    fn commit(&mut self, records: &[Vec<u8>]) -> Result<(), JournalError> {
        if self.commits_left == 0 {
            if self.writes_the_last {
                self.journal.commit(records)?;
            }
            return Err(JournalError::Simulated);
        }
        self.commits_left -= 1;
        self.journal.commit(records)
    }

    fn last_record(&self) -> u64 {
        self.journal.last_record()
    }

    fn snapshot(&mut self, covered: u64, state: &Compressed) -> Result<(), JournalError> {
        self.journal.snapshot(covered, state)
    }

    fn records_since_snapshot(&self) -> u64 {
        self.journal.records_since_snapshot()
    }
}

struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

/// Remembers the replies that left.
#[derive(Clone, Default)]
struct Replies(Arc<Mutex<Vec<(RequestId, Reply)>>>);

impl Outbox for Replies {
    fn release(&mut self, effect: Effect) {
        if let Effect::Reply(id, reply) = effect {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((id, reply));
        }
    }
}

fn core_config() -> CoreConfig {
    let mut config = CoreConfig::default();
    config.policy.legacy_constraints = false;
    config
}

fn recovered(folder: &Path) -> (Core, Batch, LocalJournal) {
    let (journal, held) = LocalJournal::open(folder).unwrap();
    let mut batch = Batch::default();
    let identity = Identity { host: Arc::from("here") };
    let core = Core::recover(
        core_config(),
        identity,
        7,
        held.snapshot.as_deref(),
        &held.records,
        TestClock.now(),
        &mut batch,
    )
    .unwrap();
    (core, batch, journal)
}

fn create(name: u64) -> Input {
    let job = JobKey::new("r", "prod", format!("job-{name}")).unwrap();
    let task = Arc::new(TaskConfig { job, ..config() });
    let change = Change::CreateJob(JobConfiguration { task, instance_count: 2, cron: None });
    Input::Request(Request { id: RequestId(name), user: Arc::from("u"), change })
}

/// Runs one life of a scheduler: jobs are created until all are, or the journal fails. Gives the names of the jobs whose
/// creation was acknowledged.
fn live(
    folder: &Path,
    jobs: std::ops::Range<u64>,
    fail_at: usize,
    writes_the_last: bool,
    every: u64,
) -> BTreeSet<u64> {
    let (core, owed, journal) = recovered(folder);
    let replies = Replies::default();
    let shell = Shell {
        journal: Failing { journal, commits_left: fail_at, writes_the_last },
        outbox: replies.clone(),
        clock: TestClock,
        views: Arc::new(ArcSwap::from_pointee(core.view())),
        stats: Stats::default(),
        snapshots: SnapshotPolicy { records: every, interval: Millis::from_secs(3600) },
    };
    let driver = Driver::start(core, owed, shell).unwrap();
    let (sender, receiver) = input_queue();
    let thread = std::thread::spawn(move || driver.run(&receiver));
    for job in jobs {
        sender.send_now(create(job));
        // Some batches hold one job, some several.
        if job % 3 == 0 {
            std::thread::yield_now();
        }
    }
    sender.close();
    // A failed journal is the point of the test.
    let _ = thread.join().unwrap();
    let replies = replies.0.lock().unwrap();
    replies.iter().filter(|(_, reply)| *reply == Reply::Done(Vec::new())).map(|(id, _)| id.0).collect()
}

fn stored(folder: &Path) -> BTreeSet<u64> {
    let (core, _, _) = recovered(folder);
    let view = core.view();
    view.jobs()
        .map(|(key, job)| {
            assert_eq!(job.active_count(), 2, "half a job was recovered: {key}");
            key.name().trim_start_matches("job-").parse().unwrap()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Several lives, each ended by a journal that fails: whatever was acknowledged in any of them is there, whole.
    #[test]
    fn nothing_acknowledged_is_ever_lost(
        lives in prop::collection::vec((0_usize..8, any::<bool>(), 1_u64..40), 1..5)
    ) {
        let folder = TempDir::new().unwrap();
        let mut acknowledged = BTreeSet::new();
        for (life, (fail_at, writes_the_last, every)) in (0_u64..).zip(lives) {
            let jobs = life * 100..life * 100 + 20;
            acknowledged.extend(live(folder.path(), jobs, fail_at, writes_the_last, every));
            let stored = stored(folder.path());
            prop_assert!(acknowledged.is_subset(&stored), "lost {:?}", acknowledged.difference(&stored));
        }
    }
}

#[test]
fn a_failed_commit_ends_the_driver_and_nothing_leaves() {
    let folder = TempDir::new().unwrap();
    assert!(live(folder.path(), 0..5, 0, false, 1000).is_empty());
    assert!(stored(folder.path()).is_empty());
}

#[test]
fn a_snapshot_takes_the_place_of_many_records() {
    let folder = TempDir::new().unwrap();
    assert_eq!(live(folder.path(), 0..10, 100, false, 5).len(), 10);
    let (journal, held) = LocalJournal::open(folder.path()).unwrap();
    assert!(held.snapshot.is_some());
    assert!(journal.records_since_snapshot() < 50);
    drop(journal);
    assert_eq!(stored(folder.path()).len(), 10);
}

#[test]
fn a_snapshot_is_answered_once_it_is_durable() {
    let folder = TempDir::new().unwrap();
    let (core, owed, journal) = recovered(folder.path());
    let replies = Replies::default();
    let shell = Shell {
        journal,
        outbox: replies.clone(),
        clock: TestClock,
        views: Arc::new(ArcSwap::from_pointee(core.view())),
        stats: Stats::default(),
        snapshots: SnapshotPolicy { records: 1_000_000, interval: Millis::from_secs(3600) },
    };
    let driver = Driver::start(core, owed, shell).unwrap();
    let (sender, receiver) = input_queue();
    sender.send_now(create(1));
    for id in [2, 3] {
        let user = Arc::from("u");
        sender.send_now(Input::Request(Request { id: RequestId(id), user, change: Change::Snapshot }));
    }
    sender.send_now(create(4));
    sender.close();
    driver.run(&receiver).unwrap();
    let answered: BTreeSet<u64> = replies.0.lock().unwrap().iter().map(|(id, _)| id.0).collect();
    assert_eq!(answered, BTreeSet::from([1, 2, 3, 4]));
    let (journal, held) = LocalJournal::open(folder.path()).unwrap();
    assert!(held.snapshot.is_some());
    drop(journal);
    assert_eq!(stored(folder.path()), BTreeSet::from([1, 4]));
}

/// Remembers how counters grew.
#[derive(Clone, Default)]
struct Counters(Arc<Mutex<std::collections::BTreeMap<String, u64>>>);

impl Outbox for Counters {
    fn release(&mut self, effect: Effect) {
        if let Effect::Count { name, by } = effect {
            *self.0.lock().unwrap().entry(name.into_owned()).or_default() += by;
        }
    }
}

/// A driver over a core with two ended tasks that are to be forgotten now.
fn about_to_prune(folder: &Path, commits: usize) -> (Driver<Failing, Counters, TestClock>, Counters, Views) {
    let (journal, _) = LocalJournal::open(folder).unwrap();
    let mut config = core_config();
    config.history_max_age = Millis::ZERO;
    config.history_min_retention = Millis::ZERO;
    let mut core = Core::new(config, Identity { host: Arc::from("here") }, 7);
    let mut owed = Batch::default();
    core.handle(create(1), TestClock.now(), &mut owed);
    let ids: Vec<_> = core.view().tasks().map(|task| task.id.clone()).collect();
    for (task, status) in ids.iter().flat_map(|id| [(id, TaskStatus::Assigned), (id, TaskStatus::Lost)]) {
        let change = Change::ForceStatus { task: task.clone(), status };
        let request = Request { id: RequestId(2), user: Arc::from("u"), change };
        core.handle(Input::Request(request), TestClock.now(), &mut owed);
    }
    assert_eq!(core.view().count(TaskStatus::Lost), 2);
    let counters = Counters::default();
    let views = Arc::new(ArcSwap::from_pointee(core.view()));
    let shell = Shell {
        journal: Failing { journal, commits_left: commits, writes_the_last: false },
        outbox: counters.clone(),
        clock: TestClock,
        views: Arc::clone(&views),
        stats: Stats::default(),
        snapshots: SnapshotPolicy { records: 1_000_000, interval: Millis::from_secs(3600) },
    };
    (Driver::start(core, owed, shell).unwrap(), counters, views)
}

#[test]
fn sched_155_pruning_that_fails_ends_the_driver_and_counts_nothing() {
    let folder = TempDir::new().unwrap();
    let (driver, counters, _) = about_to_prune(folder.path(), 1);
    let (_sender, receiver) = input_queue();
    assert!(matches!(driver.run(&receiver), Err(JournalError::Simulated)));
    assert_eq!(counters.0.lock().unwrap().get("tasks_pruned"), None);

    let folder = TempDir::new().unwrap();
    let (driver, counters, views) = about_to_prune(folder.path(), 100);
    let (sender, receiver) = input_queue();
    let thread = std::thread::spawn(move || driver.run(&receiver));
    while views.load().count(TaskStatus::Lost) > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    sender.close();
    thread.join().unwrap().unwrap();
    assert_eq!(counters.0.lock().unwrap().get("tasks_pruned"), Some(&2));
}
