//! What is told of health checks as numbers (`spec/thermos.md` §3.7): a file in the run directory, written anew after each check.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Checked;

/// The file, as executors of old name it.
pub const FILE: &str = "executor_vars.json";

/// The numbers so far.
pub struct Gauges {
    path: PathBuf,
    checks: u64,
    consecutive_failures: u64,
    is_snoozed: bool,
    total_latency: Duration,
    can_write: bool,
}

impl Gauges {
    /// For a file in this folder.
    pub fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE),
            checks: 0,
            consecutive_failures: 0,
            is_snoozed: false,
            total_latency: Duration::ZERO,
            can_write: true,
        }
    }

    /// Counts a check with its result and the failures in a row that count. One that was snoozed was not made.
    pub fn on_check(&mut self, result: &Result<Checked, String>, took: Duration, consecutive_failures: u64) {
        self.is_snoozed = *result == Ok(Checked::Snoozed);
        self.consecutive_failures = consecutive_failures;
        if !self.is_snoozed {
            self.checks += 1;
            self.total_latency += took;
        }
        self.write();
    }

    fn write(&mut self) {
        let gauges = serde_json::json!({
            "health_checker.checks": self.checks,
            "health_checker.consecutive_failures": self.consecutive_failures,
            "health_checker.snoozed": u8::from(self.is_snoozed),
            "health_checker.total_latency_secs": self.total_latency.as_secs_f64(),
        });
        // Beside it first: nobody reads half of it.
        let beside = self.path.with_extension("new");
        let written =
            std::fs::write(&beside, gauges.to_string()).and_then(|()| std::fs::rename(&beside, &self.path));
        if let Err(error) = &written
            && self.can_write
        {
            tracing::warn!(%error, path = %self.path.display(), "cannot write the numbers of health checks; the task goes on");
        }
        self.can_write = written.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn checks_and_their_time_are_counted_and_snoozed_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut gauges = Gauges::new(folder.path());
        let read = || -> Value {
            serde_json::from_slice(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap()
        };
        let told = |checks: u64, failures: u64, snoozed: u64, latency: f64| {
            json!({
                "health_checker.checks": checks,
                "health_checker.consecutive_failures": failures,
                "health_checker.snoozed": snoozed,
                "health_checker.total_latency_secs": latency,
            })
        };
        gauges.on_check(&Err("x".into()), Duration::from_millis(500), 1);
        assert_eq!(read(), told(1, 1, 0, 0.5));
        gauges.on_check(&Ok(Checked::Snoozed), Duration::from_secs(9), 0);
        assert_eq!(read(), told(1, 0, 1, 0.5));
        gauges.on_check(&Ok(Checked::Healthy), Duration::from_millis(250), 0);
        assert_eq!(read(), told(2, 0, 0, 0.75));
    }
}
