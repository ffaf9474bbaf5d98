//! Growing delays between attempts.

use aurora_api::amounts::Millis;

use crate::rng::CoreRng;

/// The delay after `last`: once to twice as long, at most `max`; the first one is once to twice `min`.
pub(crate) fn backoff(last: Millis, min: Millis, max: Millis, rng: &mut CoreRng) -> Millis {
    assert!(last >= Millis::ZERO, "a delay is never negative");
    let base = if last == Millis::ZERO { min } else { last };
    (base + rng.time_below(base + Millis(1))).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sched_46_a_backoff_grows_within_its_bounds() {
        let mut rng = CoreRng::new(1);
        for (last, low, high) in [(0, 1, 2), (1, 1, 2), (2, 2, 4), (4, 4, 8), (8, 8, 12), (16, 12, 12)] {
            for _ in 0..100 {
                let next = backoff(Millis(last), Millis(1), Millis(12), &mut rng);
                assert!((low..=high).contains(&next.0), "{last} -> {next:?}");
            }
        }
        let negative =
            std::panic::catch_unwind(|| backoff(Millis(-1), Millis(1), Millis(12), &mut CoreRng::new(1)));
        assert!(negative.is_err());

        let config = crate::CoreConfig::default;
        let zero = crate::CoreConfig { flapping_delay_min: Millis::ZERO, ..config() };
        let inverted = crate::CoreConfig { schedule_penalty_max: Millis(1), ..config() };
        assert!(config().check().is_ok());
        assert!(zero.check().is_err());
        assert!(inverted.check().is_err());
    }
}
