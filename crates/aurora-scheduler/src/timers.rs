//! The core's timers: which are due, and how long until the next. One of each key; nothing here fires by itself.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::Timestamp;
use scheduler_core::effect::TimerKey;

/// Timers that were asked for and are not due yet.
#[derive(Debug, Default)]
pub struct Timers {
    at: BTreeMap<TimerKey, Timestamp>,
    order: BTreeSet<(Timestamp, TimerKey)>,
}

impl Timers {
    /// Sets a timer, in place of one with the same key.
    pub fn set(&mut self, key: TimerKey, at: Timestamp) {
        self.cancel(&key);
        self.order.insert((at, key.clone()));
        self.at.insert(key, at);
    }

    /// Forgets a timer, if it is set.
    pub fn cancel(&mut self, key: &TimerKey) {
        if let Some(at) = self.at.remove(key) {
            self.order.remove(&(at, key.clone()));
        }
    }

    /// When the next timer is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes all timers that are due, earliest first.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<TimerKey> {
        let mut due = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some((_, key)) = self.order.pop_first() {
                self.at.remove(&key);
                due.push(key);
            }
        }
        due
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_in_order_and_each_key_once() {
        let mut timers = Timers::default();
        timers.set(TimerKey::ScheduleGroup(1), Timestamp(30));
        timers.set(TimerKey::Prune, Timestamp(20));
        timers.set(TimerKey::ReconcileExplicit, Timestamp(10));
        timers.set(TimerKey::ScheduleGroup(1), Timestamp(5));
        timers.cancel(&TimerKey::ReconcileExplicit);
        timers.cancel(&TimerKey::ReconcileImplicit);
        assert_eq!((timers.len(), timers.next()), (2, Some(Timestamp(5))));
        assert_eq!(timers.take_due(Timestamp(4)), []);
        assert_eq!(timers.take_due(Timestamp(20)), [TimerKey::ScheduleGroup(1), TimerKey::Prune]);
        assert!(timers.is_empty());
        assert_eq!(timers.next(), None);
    }
}
