//! The loop: the one thread that owns the core and decides the order of things.
//!
//! Take all inputs that wait, handle them, make the batch durable, publish the view, then release the effects. Nothing
//! leaves before its batch is durable. If the journal fails, memory is ahead of it: the thread ends, and with it the
//! process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aurora_api::amounts::{Millis, Timestamp};
use scheduler_core::effect::{Batch, Effect};
use scheduler_core::input::Input;
use scheduler_core::{Core, View, encode_operation};
use tracing::{debug, info};

use crate::clock::Clock;
use crate::journal::{Journal, JournalError};
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
    /// The core's time never goes back, whatever the system's clock does.
    latest: Timestamp,
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
            if handled == 0 {
                continue;
            }
            self.settle(&mut batch)?;
            self.stats.count("driver_inputs", handled);
            self.stats.time("driver_batch", started.elapsed());
            self.snapshot_if_due(now)?;
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
                other => self.outbox.release(other),
            }
        }
        Ok(())
    }

    fn snapshot_if_due(&mut self, now: Timestamp) -> Result<(), JournalError> {
        let records = self.journal.records_since_snapshot();
        let is_late = now.since(self.snapshot_at) >= self.snapshots.interval;
        if records < self.snapshots.records && !(is_late && records > 0) {
            return Ok(());
        }
        let started = Instant::now();
        let state = self.core.snapshot();
        self.journal.snapshot(&state)?;
        self.snapshot_at = now;
        self.stats.count("scheduler_log_snapshots", 1);
        self.stats.time("scheduler_log_snapshot", started.elapsed());
        debug!(records, bytes = state.len(), "snapshot taken");
        Ok(())
    }

    fn now(&mut self) -> Timestamp {
        self.latest = self.latest.max(self.clock.now());
        self.latest
    }

    fn until_next_timer(&mut self) -> Option<Duration> {
        let now = self.now();
        let next = self.timers.next()?;
        Some(Duration::from_millis(u64::try_from(next.since(now).0).unwrap_or(0)))
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
