//! Timers of an actor that owns its state: keys that come due, popped in order.
//!
//! A timer is never cancelled: the owner checks its key against its state when it fires, so a late or repeated one is
//! harmless.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Keys and when they are due.
#[derive(Debug)]
pub struct Deadlines<K> {
    heap: BinaryHeap<Reverse<(Instant, u64)>>,
    keys: std::collections::HashMap<u64, K>,
    next: u64,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), keys: std::collections::HashMap::new(), next: 0 }
    }
}

impl<K> Deadlines<K> {
    /// Makes `key` come due after `delay`.
    pub fn add(&mut self, delay: Duration, key: K) {
        // A delay beyond what the clock can express is as good as never.
        let Some(at) = Instant::now().checked_add(delay) else { return };
        self.heap.push(Reverse((at, self.next)));
        self.keys.insert(self.next, key);
        self.next += 1;
    }

    /// When the next key is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one key that is due, the earliest first.
    pub fn pop_due(&mut self) -> Option<K> {
        if self.next()? > Instant::now() {
            return None;
        }
        let Reverse((_, id)) = self.heap.pop()?;
        self.keys.remove(&id)
    }

    /// Ends when the next key is due; never, without one.
    pub async fn wait(&self) {
        match self.next() {
            Some(at) => tokio::time::sleep_until(at.into()).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_due_in_order_and_once() {
        let mut deadlines = Deadlines::default();
        deadlines.add(Duration::from_secs(3600), "later");
        deadlines.add(Duration::ZERO, "first");
        deadlines.add(Duration::ZERO, "second");
        assert_eq!(deadlines.pop_due(), Some("first"));
        assert_eq!(deadlines.pop_due(), Some("second"));
        assert_eq!(deadlines.pop_due(), None);
        assert!(deadlines.next().is_some());
        deadlines.add(Duration::MAX, "never");
        assert_eq!(deadlines.keys.len(), 1);
    }
}
