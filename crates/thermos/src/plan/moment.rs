//! A point of wall-clock time, as checkpoints store it.

use std::time::Duration;

/// Microseconds since the epoch. Checkpoints hold times as epoch seconds (double) and epoch milliseconds (`spec/thermos.md` §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment {
    micros: i64,
}

const MICROS_PER_SECOND: f64 = 1_000_000.0;

impl Moment {
    /// From whole seconds since the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self { micros: seconds.saturating_mul(1_000_000) }
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self { micros: millis.saturating_mul(1_000) }
    }

    /// From a time span since the epoch.
    pub fn from_epoch(since_epoch: Duration) -> Self {
        Self { micros: i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX) }
    }

    /// From epoch seconds with a fraction, as records hold them.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float to integer cast saturates; times are far below 2^53 microseconds"
    )]
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self { micros: (seconds * MICROS_PER_SECOND).round() as i64 }
    }

    /// Epoch seconds with a fraction.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 microseconds")]
    pub fn as_secs_f64(self) -> f64 {
        self.micros as f64 / MICROS_PER_SECOND
    }

    /// Epoch milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.micros.div_euclid(1_000)
    }

    /// The time `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self { micros: self.micros.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)) }
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.micros.saturating_sub(earlier.micros)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_a_fraction_round_trip() {
        assert_eq!(Moment::from_secs_f64(1.5).as_millis(), 1500);
        assert!((Moment::from_millis(2500).as_secs_f64() - 2.5).abs() < 1e-9);
    }

    #[test]
    fn a_span_that_would_be_negative_is_zero() {
        assert_eq!(Moment::from_secs(1).since(Moment::from_secs(2)), Duration::ZERO);
        assert_eq!(Moment::from_secs(3).since(Moment::from_secs(1)), Duration::from_secs(2));
        assert_eq!(Moment::from_secs(3).plus(Duration::from_secs(2)), Moment::from_secs(5));
    }
}
