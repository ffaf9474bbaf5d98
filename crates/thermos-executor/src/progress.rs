//! News of a task that is still starting (`spec/thermos.md` §7.3): repeated STARTING updates, few enough to be cheap.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two updates.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// When the next update is due.
#[derive(Debug)]
pub struct Progress {
    told: Instant,
}

impl Progress {
    /// The scheduler was told just now.
    pub const fn told_at(now: Instant) -> Self {
        Self { told: now }
    }

    /// Whether to tell now, which counts as told.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now.saturating_duration_since(self.told) >= INTERVAL;
        if is_due {
            self.told = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_comes_every_five_seconds_at_most() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut progress = Progress::told_at(begin);
        let due: Vec<u64> = (0..13).filter(|second| progress.is_due(at(*second))).collect();
        assert_eq!(due, [5, 10]);
    }
}
