//! What one load may spend. Every builtin pays too, so that a hostile file ends in an error and not in an abort.

use super::error::{Eval, Stop};
use crate::diagnostic::Diagnostic;

/// Expressions, statements and elements touched. A job costs some 100; this is below a second's work.
const STEPS_MAX: u64 = 6_000_000;
/// Bytes of texts, lists and dicts made, whether still alive or not.
const BYTES_MAX: u64 = 96 << 20;
/// Evaluations inside one another: calls, nested expressions, nested values.
const DEPTH_MAX: usize = 5_000;
/// Calls inside one another.
const CALLS_MAX: usize = 400;

pub(crate) struct Budget {
    steps: u64,
    bytes: u64,
    depth: usize,
    calls: usize,
}

impl Budget {
    pub fn new() -> Self {
        Self { steps: STEPS_MAX, bytes: BYTES_MAX, depth: 0, calls: 0 }
    }

    pub fn step(&mut self) -> Eval<()> {
        self.steps(1)
    }

    pub fn steps(&mut self, count: usize) -> Eval<()> {
        match self.steps.checked_sub(count as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(fatal("the configuration does too much work", "does a loop never end?"))
            }
        }
    }

    pub fn bytes(&mut self, count: usize) -> Eval<()> {
        match self.bytes.checked_sub(count as u64) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => {
                self.bytes = 0;
                Err(fatal(
                    "the configuration uses too much memory",
                    "does a loop build an ever longer text or list?",
                ))
            }
        }
    }

    /// Pays for a container of that many values.
    pub fn values(&mut self, count: usize) -> Eval<()> {
        self.steps(count / 4)?;
        self.bytes(count.saturating_mul(40).saturating_add(48))
    }

    pub fn enter(&mut self) -> Eval<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(fatal(
                "the configuration nests too deep",
                "does a function call itself without end?",
            ));
        }
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    pub fn enter_call(&mut self) -> bool {
        self.calls += 1;
        self.calls <= CALLS_MAX
    }

    pub fn leave_call(&mut self) {
        self.calls -= 1;
    }
}

fn fatal(message: &str, help: &str) -> Stop {
    Stop::Fatal(Box::new(Diagnostic::error("budget", message).help(help)))
}
