//! The timers of the simulated scheduler.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::Timestamp;
use scheduler_core::TimerKey;

/// Timers that were asked for and have not fired. They die with the process.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: BTreeMap<TimerKey, Timestamp>,
    order: BTreeSet<(Timestamp, TimerKey)>,
}

impl Timers {
    pub(crate) fn set(&mut self, key: TimerKey, at: Timestamp) {
        self.cancel(&key);
        self.order.insert((at, key.clone()));
        self.at.insert(key, at);
    }

    pub(crate) fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.at.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<TimerKey> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some((_, key)) = self.order.pop_first() else { break };
            self.at.remove(&key);
            due.push(key);
        }
        due
    }

    pub(crate) fn is_set(&self, key: &TimerKey) -> bool {
        self.at.contains_key(key)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &TimerKey> {
        self.at.keys()
    }
}
