//! One run, from its plan to its report.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aurora_api::amounts::Millis;

use crate::plan::Plan;
use crate::tally::Tally;
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
