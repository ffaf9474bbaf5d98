//! What a sequence of check results means: a pure count.

use super::HealthConfig;

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not healthy yet.
    Starting,
    /// Healthy often enough.
    Running,
    /// For good, with the reason.
    Unhealthy(String),
}

/// Counts attempts and their results (`spec/thermos.md` §3.7).
#[derive(Debug, Clone)]
pub struct Counter {
    forgiving_attempts: u64,
    max_failures: u64,
    min_successes: u64,
    attempts: u64,
    successes: u64,
    failures: u64,
    verdict: Verdict,
}

impl Counter {
    pub fn new(config: &HealthConfig) -> Self {
        Self {
            forgiving_attempts: config.forgiving_attempts,
            max_failures: config.max_consecutive_failures,
            min_successes: config.min_consecutive_successes,
            attempts: 0,
            successes: 0,
            failures: 0,
            verdict: Verdict::Starting,
        }
    }

    /// How the task stands now.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// The attempts begun so far, and how many there can be before the task must be healthy.
    pub const fn attempts(&self) -> (u64, u64) {
        (self.attempts, self.most_attempts())
    }

    /// The failures in a row that count.
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// A check is about to be made. Whether it still is worth it.
    pub fn begin_attempt(&mut self) -> bool {
        let most = self.most_attempts();
        self.attempts = (self.attempts + 1).min(most + 1);
        if self.verdict == Verdict::Starting && self.attempts > most {
            self.verdict = Verdict::Unhealthy("Not enough successful health checks in time.".to_owned());
        }
        !matches!(self.verdict, Verdict::Unhealthy(_))
    }

    /// It succeeded.
    pub fn on_success(&mut self) {
        self.successes += 1;
        self.failures = 0;
        if self.verdict == Verdict::Starting && self.successes >= self.min_successes {
            self.verdict = Verdict::Running;
        }
    }

    /// It failed.
    pub fn on_failure(&mut self, reason: &str) {
        self.successes = 0;
        if self.attempts <= self.forgiving_attempts {
            return;
        }
        self.failures += 1;
        let left = self.most_attempts().saturating_sub(self.attempts);
        let is_hopeless = self.verdict == Verdict::Starting && left > 1 && self.min_successes > left;
        if is_hopeless || self.failures > self.max_failures {
            self.verdict = Verdict::Unhealthy(reason.to_owned());
        }
    }

    /// Attempts in which the task must have become healthy.
    const fn most_attempts(&self) -> u64 {
        self.forgiving_attempts + self.max_failures + self.min_successes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The verdict after each result of `sequence`: `r`unning or `s`tarting with the failures that count, `f`ailed for the
    /// reason of this attempt, or for another one.
    fn verdicts(forgiving: u64, max: u64, min: u64, sequence: &str) -> String {
        let config = HealthConfig {
            question: None,
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            forgiving_attempts: forgiving,
            max_consecutive_failures: max,
            min_consecutive_successes: min,
            warnings: Vec::new(),
        };
        let mut counter = Counter::new(&config);
        let after = |(index, result): (usize, char)| {
            let reason = format!("reason {}", index + 1);
            if counter.begin_attempt() {
                if result == 'S' { counter.on_success() } else { counter.on_failure(&reason) }
            }
            match counter.verdict() {
                Verdict::Starting => format!("s{}", counter.failures),
                Verdict::Running => format!("r{}", counter.failures),
                Verdict::Unhealthy(told) if *told == reason => "f".to_owned(),
                Verdict::Unhealthy(told) => told.clone(),
            }
        };
        sequence.chars().enumerate().map(after).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn th_113_one_success_is_enough() {
        assert_eq!(verdicts(2, 0, 1, "S"), "r0");
    }

    #[test]
    fn th_114_failures_in_the_grace_are_forgiven() {
        assert_eq!(verdicts(2, 0, 1, "FS"), "s0 r0");
        assert_eq!(verdicts(2, 0, 1, "FFS"), "s0 s0 r0");
    }

    #[test]
    fn th_115_the_third_failure_fails() {
        assert_eq!(verdicts(2, 0, 1, "FFF"), "s0 s0 f");
    }

    #[test]
    fn th_116_a_failure_in_the_grace_is_forgiven_when_running() {
        assert_eq!(verdicts(2, 0, 1, "SF"), "r0 r0");
    }

    #[test]
    fn th_117_a_failure_after_the_grace_fails() {
        assert_eq!(verdicts(2, 0, 1, "SFF"), "r0 r0 f");
    }

    #[test]
    fn th_118_no_grace_forgives_nothing() {
        assert_eq!(verdicts(0, 0, 1, "F"), "f");
    }

    #[test]
    fn th_119_failures_in_a_row_are_counted() {
        assert_eq!(verdicts(2, 4, 1, "FFFFFFSFFFFF"), "s0 s0 s1 s2 s3 s4 r0 r1 r2 r3 r4 f");
    }

    #[test]
    fn th_120_two_successes_are_needed() {
        assert_eq!(verdicts(2, 2, 2, "SSFFF"), "s0 r0 r1 r2 f");
    }

    #[test]
    fn th_121_hopeless_cases_fail_at_once() {
        assert_eq!(verdicts(2, 2, 4, "FFFFF"), "s0 s0 s1 s2 f");
    }

    #[test]
    fn th_122_a_success_between_failures_resets_their_count() {
        assert_eq!(verdicts(2, 1, 2, "FSFF"), "s0 s0 s1 f");
    }

    #[test]
    fn a_task_that_is_never_healthy_long_enough_runs_out_of_attempts() {
        assert_eq!(verdicts(1, 1, 2, "SFSFS"), "s0 s1 s0 s1 Not enough successful health checks in time.");
    }
}
