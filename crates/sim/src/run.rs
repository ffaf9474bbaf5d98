//! One run, from its plan to its report.

use std::fmt;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aurora_api::amounts::Millis;

use crate::plan::Plan;
use crate::world::World;

/// What a run that held came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Of everything that happened in it.
    pub hash: u64,
    /// How many batches the scheduler made durable.
    pub batches: u64,
    /// What happened how often.
    pub tally: Tally,
    /// How many agents there were.
    pub agents: usize,
    /// How long it lasted, in virtual time.
    pub lasted: Millis,
}

/// How often things happened that a run is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The scheduler crashed.
    pub crashes: u64,
    /// A task was launched.
    pub launches: u64,
    /// A task was killed for another.
    pub preempted: u64,
    /// A task was moved off its host.
    pub drained: u64,
    /// A host became DRAINED.
    pub emptied: u64,
    /// A task was forgotten.
    pub forgotten: u64,
    /// A request was refused for want of quota.
    pub over_quota: u64,
    /// An offer that tells of maintenance was used.
    pub before_window: u64,
    /// A task had to leave because Mesos wanted its agent back.
    pub left: u64,
    /// A task was killed that Mesos knew and we did not want.
    pub rogues: u64,
    /// An updated instance got the agent it kept.
    pub kept: u64,
    /// A task was delayed because those before it flapped.
    pub throttled: u64,
    /// Another master took over.
    pub failovers: u64,
    /// A message was lost.
    pub lost: u64,
    /// A message came twice.
    pub repeated: u64,
    /// A machine died with all on it.
    pub died: u64,
    /// A machine came back.
    pub returned: u64,
    /// An agent could not be reached for a while.
    pub cut_off: u64,
    /// An offer was taken back.
    pub rescinded: u64,
    /// The session with the master broke.
    pub disconnected: u64,
    /// An executor took minutes to start or stop.
    pub slow: u64,
    /// A task was to end too early.
    pub failing: u64,
    /// An agent could not do a launch.
    pub impossible: u64,
    /// The master refused a call.
    pub refused: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.launches += other.launches;
        self.preempted += other.preempted;
        self.drained += other.drained;
        self.emptied += other.emptied;
        self.forgotten += other.forgotten;
        self.over_quota += other.over_quota;
        self.before_window += other.before_window;
        self.left += other.left;
        self.rogues += other.rogues;
        self.kept += other.kept;
        self.throttled += other.throttled;
        self.failovers += other.failovers;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.died += other.died;
        self.returned += other.returned;
        self.cut_off += other.cut_off;
        self.rescinded += other.rescinded;
        self.disconnected += other.disconnected;
        self.slow += other.slow;
        self.failing += other.failing;
        self.impossible += other.impossible;
        self.refused += other.refused;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} crashes, {} launches, {} tasks preempted, {} drained ({} hosts emptied), {} forgotten, {} requests over \
             quota, {} offers used before a window, {} tasks \
             sent away for one, {} rogue tasks killed, {} updated in their places, {} throttled, {} masters failed; faults: {} messages \
             lost, {} came twice, {} machines died ({} came back), {} agents cut off, {} offers taken back, {} sessions \
             broken, {} slow executors, {} tasks failing, {} launches impossible, {} calls refused",
            self.crashes,
            self.launches,
            self.preempted,
            self.drained,
            self.emptied,
            self.forgotten,
            self.over_quota,
            self.before_window,
            self.left,
            self.rogues,
            self.kept,
            self.throttled,
            self.failovers,
            self.lost,
            self.repeated,
            self.died,
            self.returned,
            self.cut_off,
            self.rescinded,
            self.disconnected,
            self.slow,
            self.failing,
            self.impossible,
            self.refused
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "seed {}: {} agents, {} batches in {} virtual minutes: {}; hash {:016x}",
            self.seed,
            self.agents,
            self.batches,
            self.lasted.0 / 60_000,
            self.tally,
            self.hash
        )
    }
}

/// A run in which something does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "seed {seed} fails after {} virtual seconds: {what}\n  replay: cargo xtask sim --seed {seed} --trace",
    at.0 / 1000
)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// How long after the start, in virtual time.
    pub at: Millis,
    /// The invariant and how it is broken, or the panic.
    pub what: String,
}

/// Runs a plan; with `is_shown`, what happens goes to stderr.
///
/// # Errors
/// An invariant does not hold, the core panics, or the cluster does not converge.
pub fn run(plan: &Plan, is_shown: bool) -> Result<Report, Failure> {
    let mut world = World::new(plan, is_shown);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.run()));
    let what = match outcome {
        Ok(Ok(())) => return Ok(world.report()),
        Ok(Err(violation)) => violation.to_string(),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            format!("panic: {text}")
        }
    };
    Err(Failure { seed: plan.seed, at: world.age(), what })
}
