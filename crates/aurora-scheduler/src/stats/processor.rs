//! How busy this process keeps the processors: upstream's sign of overload (`spec/scheduler.md` §10.3).

use std::time::{Duration, Instant};

/// Between two looks less would say more about chance than about load.
const LEAST: Duration = Duration::from_secs(1);

/// Clock ticks a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// What was used when somebody looked last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processor {
    at: Instant,
    used: Option<f64>,
    cores: Option<f64>,
}

impl Processor {
    pub(super) fn since(started: Instant) -> Self {
        Self { at: started, used: Some(0.0), cores: None }
    }

    /// Cores in use on average since the last look that was long enough ago; nothing if the system does not tell.
    pub(super) fn cores(&mut self, now: Instant) -> Option<f64> {
        let used = std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(seconds);
        self.look(now, used)
    }

    fn look(&mut self, now: Instant, used: Option<f64>) -> Option<f64> {
        let time = now.saturating_duration_since(self.at);
        if time >= LEAST {
            self.cores =
                used.zip(self.used).map(|(used, before)| (used - before).max(0.0) / time.as_secs_f64());
            (self.at, self.used) = (now, used);
        }
        self.cores
    }
}

/// Seconds of processor time, own and the system's for us, of a line of `/proc/PID/stat`.
fn seconds(line: &str) -> Option<f64> {
    // The name, in parentheses, may hold blanks. The first field behind it is the third of all.
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_between_two_looks_is_told() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut processor = Processor::since(start);
        assert_eq!(processor.look(after(999), Some(5.0)), None, "too soon");
        assert_eq!(processor.look(after(2000), Some(1.0)), Some(0.5));
        assert_eq!(processor.look(after(2500), Some(9.0)), Some(0.5), "the same until a second is over");
        assert_eq!(processor.look(after(4000), Some(4.0)), Some(1.5));
        assert_eq!(processor.look(after(6000), None), None);
    }

    #[test]
    fn own_time_and_the_systems_are_added() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1000 10";
        assert_eq!(seconds(line), Some(3.0));
        assert_eq!(seconds("7 (a"), None);
        assert!(std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(seconds).is_some());
    }
}
