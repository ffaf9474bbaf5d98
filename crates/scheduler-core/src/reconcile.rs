//! Asking Mesos for the truth (`spec/scheduler.md` §8.1).

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::TaskId;

use crate::effect::{Effect, TimerKey};
use crate::handle::{Core, Session, Step};

/// What remains to be asked, and when to ask again.
#[derive(Debug, Default)]
pub(crate) struct Reconciliation {
    waiting: VecDeque<TaskId>,
    /// How many are asked about at once, this time.
    batch_size: usize,
    next_explicit: Timestamp,
    next_implicit: Timestamp,
    next_batch: Timestamp,
}

impl Core {
    /// Sets the periods going. On the first subscription, as nothing can be asked before.
    pub(crate) fn start_reconciliation(&mut self, step: &mut Step<'_>) {
        self.reconciliation.next_explicit = step.now + self.config.reconciliation_initial_delay;
        self.reconciliation.next_implicit =
            self.reconciliation.next_explicit + self.config.reconciliation_spread;
        step.set_timer(TimerKey::ReconcileExplicit, self.reconciliation.next_explicit);
        step.set_timer(TimerKey::ReconcileImplicit, self.reconciliation.next_implicit);
    }

    pub(crate) fn on_reconcile_explicit(&mut self, step: &mut Step<'_>) {
        if self.session == Session::Never || self.reconciliation.next_explicit > step.now {
            return;
        }
        self.reconciliation.next_explicit = step.now + self.config.reconciliation_explicit_interval;
        step.set_timer(TimerKey::ReconcileExplicit, self.reconciliation.next_explicit);
        self.reconcile_explicit(None, step);
    }

    pub(crate) fn on_reconcile_implicit(&mut self, step: &mut Step<'_>) {
        if self.session == Session::Never || self.reconciliation.next_implicit > step.now {
            return;
        }
        self.reconciliation.next_implicit = step.now + self.config.reconciliation_implicit_interval;
        step.set_timer(TimerKey::ReconcileImplicit, self.reconciliation.next_implicit);
        self.reconcile_implicit(step);
    }

    /// Asks about every task that Mesos knows of us.
    pub(crate) fn reconcile_implicit(&mut self, step: &mut Step<'_>) {
        step.count("reconciliation_implicit_runs", 1);
        if self.session == Session::Open {
            step.batch.effects.push(Effect::Reconcile(Vec::new()));
        }
    }

    /// Asks about every task that should be on an agent, a batch now and the others one by one.
    pub(crate) fn reconcile_explicit(&mut self, batch_size: Option<NonZeroUsize>, step: &mut Step<'_>) {
        step.count("reconciliation_explicit_runs", 1);
        self.reconciliation.waiting = self.state.tables().assigned().map(|task| task.id.clone()).collect();
        self.reconciliation.batch_size =
            batch_size.map_or(self.config.reconciliation_batch_size, NonZeroUsize::get);
        self.reconciliation.next_batch = step.now;
        self.send_reconciliation_batch(step);
    }

    pub(crate) fn send_reconciliation_batch(&mut self, step: &mut Step<'_>) {
        if self.session != Session::Open {
            // The next subscription asks about all again.
            self.reconciliation.waiting.clear();
            return;
        }
        if self.reconciliation.waiting.is_empty() || self.reconciliation.next_batch > step.now {
            return;
        }
        let count = self.reconciliation.batch_size.min(self.reconciliation.waiting.len());
        let tasks: Vec<_> = self
            .reconciliation
            .waiting
            .drain(..count)
            .filter_map(|id| self.state.task(&id))
            .filter(|task| task.status.is_assigned())
            .map(|task| {
                (task.id.clone(), task.assignment.as_ref().map(|assignment| assignment.agent.clone()))
            })
            .collect();
        // An empty list would ask for everything.
        if !tasks.is_empty() {
            step.batch.effects.push(Effect::Reconcile(tasks));
        }
        if !self.reconciliation.waiting.is_empty() {
            self.reconciliation.next_batch = step.now + self.config.reconciliation_batch_interval;
            step.set_timer(TimerKey::ReconcileBatch, self.reconciliation.next_batch);
        }
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
