//! Which process may run next: one plan over a set of ordered processes (`spec/thermos.md` §1.5).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::moment::Moment;

/// Runs after which the runner gives a process up, whatever its `max_failures` (`spec/thermos.md` §1.5).
pub const RUN_LIMIT: u32 = 100;

/// What the planner knows of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Runs again after success too.
    pub daemon: bool,
    /// Not waited for.
    pub ephemeral: bool,
    /// Failed runs until it is failed for good; 0 = never.
    pub max_failures: i64,
    /// Least time between the end of a run and the next start.
    pub min_duration: Duration,
}

/// A plan that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// An `order` that mixes this plan's processes with others, or is empty.
    #[error("Invalid process dependencies!")]
    InvalidDependencies,
    /// An `order` puts a process behind a daemon.
    #[error("Process {process} may not depend upon daemon process {daemon}")]
    DependsOnDaemon {
        /// Who waits.
        process: String,
        /// For whom.
        daemon: String,
    },
    /// An `order` puts a process that counts behind one that does not.
    #[error("Non-ephemeral process {process} may not depend upon ephemeral process {ephemeral}")]
    DependsOnEphemeral {
        /// Who waits.
        process: String,
        /// For whom.
        ephemeral: String,
    },
    /// The orders lead back to their start.
    #[error("Cycles detected in the task schedule!")]
    Cycle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Idle,
    Running,
    Finished,
    Failed,
}

#[derive(Debug, Clone)]
struct Entry {
    schedule: Schedule,
    predecessors: BTreeSet<String>,
    standing: Standing,
    failures: u32,
    losses: u32,
    has_run: bool,
    last_end: Option<Moment>,
}

/// The bookkeeping of one plan.
#[derive(Debug, Clone)]
pub struct Planner {
    entries: BTreeMap<String, Entry>,
    run_limit: Option<u32>,
}

impl Planner {
    /// A plan over `schedules`, ordered by those of `orders` that speak of them. `run_limit` gives a process up after so many
    /// runs that failed or were lost (a success never counts, D9).
    ///
    /// Orders that name no process of this plan are left out: they belong to the other plan, or to none (D2).
    ///
    /// # Errors
    /// [`PlanError`] when no plan can follow the orders.
    pub fn new(
        schedules: Vec<Schedule>,
        orders: &[Vec<String>],
        run_limit: Option<u32>,
    ) -> Result<Self, PlanError> {
        let mut entries: BTreeMap<String, Entry> = schedules
            .into_iter()
            .map(|schedule| {
                let entry = Entry {
                    schedule: schedule.clone(),
                    predecessors: BTreeSet::new(),
                    standing: Standing::Idle,
                    failures: 0,
                    losses: 0,
                    has_run: false,
                    last_end: None,
                };
                (schedule.name, entry)
            })
            .collect();
        for order in orders {
            let known = order.iter().filter(|name| entries.contains_key(*name)).count();
            if order.is_empty() || (known != 0 && known != order.len()) {
                return Err(PlanError::InvalidDependencies);
            }
            if known == 0 {
                continue;
            }
            for pair in order.windows(2) {
                let [before, after] = pair else { continue };
                check_pair(&entries, before, after)?;
                if let Some(entry) = entries.get_mut(after) {
                    entry.predecessors.insert(before.clone());
                }
            }
        }
        let planner = Self { entries, run_limit };
        if planner.has_cycle() { Err(PlanError::Cycle) } else { Ok(planner) }
    }

    /// Whether a process belongs to this plan.
    pub fn contains(&self, process: &str) -> bool {
        self.entries.contains_key(process)
    }

    /// Processes that may start now.
    pub fn runnable(&self, now: Moment) -> Vec<&str> {
        self.candidates()
            .filter(|entry| wait_of(entry, now).is_zero())
            .map(|entry| entry.schedule.name.as_str())
            .collect()
    }

    /// Processes that may start once their `min_duration` is over, with the time left.
    pub fn waiting(&self, now: Moment) -> Vec<(&str, Duration)> {
        self.candidates()
            .map(|entry| (entry.schedule.name.as_str(), wait_of(entry, now)))
            .filter(|(_, wait)| !wait.is_zero())
            .collect()
    }

    /// The shortest time until a process that could run may; zero when one may now, none when none can.
    pub fn min_wait(&self, now: Moment) -> Option<Duration> {
        self.candidates().map(|entry| wait_of(entry, now)).min()
    }

    /// Names of running processes.
    pub fn running(&self) -> BTreeSet<&str> {
        self.standing(Standing::Running)
    }

    /// Names of processes that are done.
    pub fn finished(&self) -> BTreeSet<&str> {
        self.standing(Standing::Finished)
    }

    /// Names of processes that failed for good.
    pub fn failed(&self) -> BTreeSet<&str> {
        self.standing(Standing::Failed)
    }

    /// Whether nothing is left that the plan waits for.
    pub fn is_complete(&self) -> bool {
        self.entries.values().all(|entry| entry.schedule.ephemeral || entry.is_over())
    }

    /// Whether the plan waits for something that can never come: ephemerals do not count (D10).
    pub fn is_deadlocked(&self) -> bool {
        let counts = |entry: &&Entry| !entry.schedule.ephemeral;
        let alive = self.entries.values().filter(counts).any(|entry| entry.standing == Standing::Running)
            || self.candidates().any(|entry| !entry.schedule.ephemeral);
        !alive && !self.is_complete()
    }

    /// Processes of a plan of ephemerals alone that never had a run and may now. Such a plan is complete at once, and still
    /// each of its processes is to run (D8).
    pub fn unstarted_ephemerals(&self, now: Moment) -> Vec<&str> {
        if self.entries.values().any(|entry| !entry.schedule.ephemeral) {
            return Vec::new();
        }
        self.candidates()
            .filter(|entry| !entry.has_run && wait_of(entry, now).is_zero())
            .map(|entry| entry.schedule.name.as_str())
            .collect()
    }

    /// A run began.
    pub fn set_running(&mut self, process: &str) {
        if let Some(entry) = self.entries.get_mut(process) {
            entry.standing = Standing::Running;
            entry.has_run = true;
        }
    }

    /// A run succeeded.
    pub fn add_success(&mut self, process: &str, now: Moment) {
        let Some(entry) = self.entries.get_mut(process) else { return };
        entry.last_end = Some(now);
        entry.has_run = true;
        entry.standing = if entry.schedule.daemon { Standing::Idle } else { Standing::Finished };
    }

    /// A run failed.
    pub fn add_failure(&mut self, process: &str, now: Moment) {
        let Some(entry) = self.entries.get_mut(process) else { return };
        entry.failures += 1;
        entry.has_run = true;
        entry.last_end = Some(now);
        entry.standing = if self.run_limit.is_some_and(|limit| entry.runs() >= limit) {
            Standing::Failed
        } else if entry.schedule.max_failures == 0 || i64::from(entry.failures) < entry.schedule.max_failures
        {
            Standing::Idle
        } else if entry.schedule.ephemeral {
            Standing::Finished
        } else {
            Standing::Failed
        };
    }

    /// A run was lost or killed from outside: not the process's fault.
    pub fn add_loss(&mut self, process: &str, now: Moment) {
        let Some(entry) = self.entries.get_mut(process) else { return };
        entry.losses += 1;
        entry.has_run = true;
        entry.last_end = Some(now);
        entry.standing = if self.run_limit.is_some_and(|limit| entry.runs() >= limit) {
            Standing::Failed
        } else {
            Standing::Idle
        };
    }

    fn standing(&self, standing: Standing) -> BTreeSet<&str> {
        self.entries
            .values()
            .filter(|entry| entry.standing == standing)
            .map(|entry| entry.schedule.name.as_str())
            .collect()
    }

    /// Not running, not over, and every predecessor finished. A failed predecessor blocks its successors for ever.
    fn candidates(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| {
            entry.standing == Standing::Idle
                && entry.predecessors.iter().all(|name| {
                    self.entries.get(name).is_some_and(|before| before.standing == Standing::Finished)
                })
        })
    }

    fn has_cycle(&self) -> bool {
        let mut settled: BTreeSet<&str> = BTreeSet::new();
        loop {
            let next: Vec<&str> = self
                .entries
                .values()
                .filter(|entry| !settled.contains(entry.schedule.name.as_str()))
                .filter(|entry| entry.predecessors.iter().all(|name| settled.contains(name.as_str())))
                .map(|entry| entry.schedule.name.as_str())
                .collect();
            if next.is_empty() {
                return settled.len() != self.entries.len();
            }
            settled.extend(next);
        }
    }
}

impl Entry {
    const fn is_over(&self) -> bool {
        matches!(self.standing, Standing::Finished | Standing::Failed)
    }

    /// Runs that count towards the run limit.
    const fn runs(&self) -> u32 {
        self.failures + self.losses
    }
}

fn wait_of(entry: &Entry, now: Moment) -> Duration {
    entry.last_end.map_or(Duration::ZERO, |end| entry.schedule.min_duration.saturating_sub(now.since(end)))
}

fn check_pair(entries: &BTreeMap<String, Entry>, before: &str, after: &str) -> Result<(), PlanError> {
    let (Some(first), Some(second)) = (entries.get(before), entries.get(after)) else { return Ok(()) };
    if first.schedule.daemon {
        return Err(PlanError::DependsOnDaemon { process: after.to_owned(), daemon: before.to_owned() });
    }
    if first.schedule.ephemeral && !second.schedule.ephemeral {
        return Err(PlanError::DependsOnEphemeral {
            process: after.to_owned(),
            ephemeral: before.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
