//! Limits scheduling attempts over the whole cluster (`spec/scheduler.md` §2.1).

use aurora_api::amounts::{Millis, Timestamp};

/// Microseconds in which permits may pile up: one second of burst.
const BURST_US: i64 = 1_000_000;

/// A bucket of permits that fills evenly. A permit may be taken before it is there; it says how long to wait then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimiter {
    /// One permit's share of time.
    interval_us: i64,
    /// The time up to which permits are given away, in microseconds. Never more than a burst in the past.
    taken_until_us: i64,
}

impl RateLimiter {
    pub(crate) fn new(permits_per_1000_s: u64) -> Self {
        let interval_us = 1_000_000_000 / i64::try_from(permits_per_1000_s.max(1)).unwrap_or(i64::MAX);
        Self { interval_us, taken_until_us: i64::MIN }
    }

    /// Takes one permit; it is valid after the returned wait.
    pub(crate) fn acquire(&mut self, now: Timestamp) -> Millis {
        let now_us = now.0.saturating_mul(1000);
        // At least one permit can pile up, however rare they are.
        let from = self.taken_until_us.max(now_us - BURST_US.max(self.interval_us));
        self.taken_until_us = from + self.interval_us;
        let wait_us = (self.taken_until_us - now_us).max(0);
        Millis((wait_us + 999) / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_is_spread() {
        let mut limiter = RateLimiter::new(40_000);
        let now = Timestamp(1_000_000);
        for _ in 0..40 {
            assert_eq!(limiter.acquire(now), Millis::ZERO);
        }
        assert_eq!(limiter.acquire(now), Millis(25));
        assert_eq!(limiter.acquire(now), Millis(50));
        assert_eq!(limiter.acquire(now + Millis(10_000)), Millis::ZERO);
    }

    #[test]
    fn one_attempt_in_ten_seconds_is_possible() {
        let mut limiter = RateLimiter::new(100);
        let now = Timestamp(1_000_000);
        let waits: Vec<_> = (0..3).map(|_| limiter.acquire(now).0).collect();
        assert_eq!(waits, [0, 10_000, 20_000]);
    }
}
