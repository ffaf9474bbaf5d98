//! The loop: the one thread that owns the core and decides the order of things.
//!
//! Take all inputs that wait, handle them, make the batch durable, publish the view, then release the effects. Nothing
//! leaves before its batch is durable. If the journal fails, memory is ahead of it: the thread ends, and with it the
//! process.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aurora_api::amounts::{Millis, Timestamp};
use scheduler_core::effect::{Batch, Effect, Reply};
use scheduler_core::input::{Input, RequestId};
use scheduler_core::{Core, View, encode_operation};
use tracing::{debug, info};

use crate::clock::Clock;
use crate::journal::{Compressed, Journal, JournalError};
use crate::outbox::Outbox;
use crate::queue::InputReceiver;
use crate::stats::Stats;
use crate::timers::Timers;

/// The state as readers see it. Cheap to clone; all clones share it.
pub type Views = Arc<ArcSwap<View>>;

/// When the journal is replaced by a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPolicy {
    /// After so many records, which bounds the time of a recovery.
    pub records: u64,
    /// After so long, if anything changed.
    pub interval: Millis,
}

/// The core with everything it needs to run.
pub struct Driver<J, O, C> {
    core: Core,
    journal: J,
    outbox: O,
    clock: C,
    views: Views,
    stats: Stats,
    timers: Timers,
    snapshots: SnapshotPolicy,
    snapshot_at: Timestamp,
    /// The snapshot that is being prepared on a thread of its own.
    preparing: Option<Preparing>,
    /// Who asked for a snapshot that has not begun.
    asked: Vec<RequestId>,
    /// The core's time never goes back, whatever the system's clock does.
    latest: Timestamp,
}

/// How often a snapshot that is being prepared is looked after, if nothing else happens.
const PREPARING_POLL: Duration = Duration::from_millis(20);

/// A snapshot on its way: encoding and compressing go on beside the loop, which commits further records meanwhile.
struct Preparing {
    /// The last record whose effect it holds.
    covered: u64,
    started: Instant,
    thread: JoinHandle<Compressed>,
    /// Who waits for it.
    waiting: Vec<RequestId>,
}

/// The parts of a driver that are not the core.
pub struct Shell<J, O, C> {
    /// Where operations become durable.
    pub journal: J,
    /// Where effects go.
    pub outbox: O,
    /// What time it is.
    pub clock: C,
    /// Where readers look.
    pub views: Views,
    /// Counters and timings.
    pub stats: Stats,
    /// When to take snapshots.
    pub snapshots: SnapshotPolicy,
}

impl<J: Journal, O: Outbox, C: Clock> Driver<J, O, C> {
    /// A driver of a core that is new or recovered. `owed` is what recovering it left to do.
    ///
    /// # Errors
    /// The journal failed to take what recovery changed.
    pub fn start(core: Core, mut owed: Batch, shell: Shell<J, O, C>) -> Result<Self, JournalError> {
        let Shell { journal, outbox, clock, views, stats, snapshots } = shell;
        let now = clock.now();
        let mut driver = Self {
            core,
            journal,
            outbox,
            clock,
            views,
            stats,
            timers: Timers::default(),
            snapshots,
            snapshot_at: now,
            preparing: None,
            asked: Vec::new(),
            latest: now,
        };
        driver.settle(&mut owed)?;
        Ok(driver)
    }

    /// Runs until the queue is closed and empty.
    ///
    /// # Errors
    /// The journal failed. The process must end: memory holds what may never become durable.
    pub fn run(mut self, inputs: &InputReceiver) -> Result<(), JournalError> {
        let mut batch = Batch::default();
        while let Some(waiting) = inputs.take_all(self.until_next_timer()) {
            let started = Instant::now();
            let now = self.now();
            let due = self.timers.take_due(now).into_iter().map(Input::Timer);
            let mut handled = 0;
            for input in waiting.into_iter().chain(due) {
                self.core.handle(input, now, &mut batch);
                handled += 1;
            }
            if handled > 0 {
                self.settle(&mut batch)?;
                self.stats.count("driver_inputs", handled);
                self.stats.time("driver_batch", started.elapsed());
            }
            if self.preparing.as_ref().is_some_and(|preparing| preparing.thread.is_finished()) {
                self.finish_snapshot()?;
            }
            self.snapshot_if_due(now)?;
        }
        while self.preparing.is_some() {
            self.finish_snapshot()?;
            self.snapshot_if_asked()?;
        }
        info!("the driver has handled its last input");
        Ok(())
    }

    /// Makes a batch durable, shows it, and releases its effects.
    fn settle(&mut self, batch: &mut Batch) -> Result<(), JournalError> {
        if !batch.operations.is_empty() {
            let started = Instant::now();
            let records: Vec<Vec<u8>> =
                batch.operations.drain(..).map(|operation| encode_operation(&operation)).collect();
            self.journal.commit(&records)?;
            self.stats.count("scheduler_log_entries_written", records.len() as u64);
            let bytes: usize = records.iter().map(Vec::len).sum();
            self.stats.count("scheduler_log_bytes_written", bytes as u64);
            self.stats.time("scheduler_log_native_append", started.elapsed());
        }
        // Also without operations: offers and explanations are part of the view.
        self.views.store(Arc::new(self.core.view()));
        for effect in batch.effects.drain(..) {
            match effect {
                Effect::SetTimer { key, at } => self.timers.set(key, at),
                Effect::CancelTimer(key) => self.timers.cancel(&key),
                Effect::Snapshot(id) => self.asked.push(id),
                other => self.outbox.release(other),
            }
        }
        Ok(())
    }

    fn snapshot_if_due(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let records = self.journal.records_since_snapshot();
        let is_late = now.since(self.snapshot_at) >= self.snapshots.interval;
        let is_due = records >= self.snapshots.records || (is_late && records > 0);
        if is_due && self.preparing.is_none() {
            self.snapshot_at = now;
            return self.begin_snapshot();
        }
        self.snapshot_if_asked()
    }

    fn snapshot_if_asked(&mut self) -> Result<(), JournalError> {
        if self.asked.is_empty() || self.preparing.is_some() {
            return Ok(());
        }
        self.begin_snapshot()
    }

    /// Begins a snapshot of the state as it is, which is committed: this runs only after [`Self::settle`].
    fn begin_snapshot(&mut self) -> Result<(), JournalError> {
        let frozen = self.core.freeze();
        let thread = std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || Compressed::of(&frozen.encode()))
            .map_err(JournalError::Thread)?;
        self.preparing = Some(Preparing {
            covered: self.journal.last_record(),
            started: Instant::now(),
            thread,
            waiting: std::mem::take(&mut self.asked),
        });
        Ok(())
    }

    /// Waits for the snapshot that is being prepared and writes it.
    fn finish_snapshot(&mut self) -> Result<(), JournalError> {
        let Some(Preparing { covered, started, thread, waiting }) = self.preparing.take() else {
            return Ok(());
        };
        let state = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let prepared = started.elapsed();
        self.journal.snapshot(covered, &state)?;
        self.stats.count("scheduler_log_snapshots", 1);
        self.stats.time("scheduler_log_snapshot", started.elapsed());
        self.stats.time("scheduler_log_snapshot_persist", started.elapsed() - prepared);
        debug!(covered, bytes = state.size(), "snapshot taken");
        for id in waiting {
            self.outbox.release(Effect::Reply(id, Reply::Done(Vec::new())));
        }
        Ok(())
    }

    fn now(&mut self) -> Timestamp {
        self.latest = self.latest.max(self.clock.now());
        self.latest
    }

    fn until_next_timer(&mut self) -> Option<Duration> {
        let now = self.now();
        let next = self
            .timers
            .next()
            .map(|next| Duration::from_millis(u64::try_from(next.since(now).0).unwrap_or(0)));
        if self.preparing.is_none() {
            return next;
        }
        Some(next.map_or(PREPARING_POLL, |next| next.min(PREPARING_POLL)))
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
