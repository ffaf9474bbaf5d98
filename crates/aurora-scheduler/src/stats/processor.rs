//! How busy this process keeps the processors: upstream's sign of overload (`spec/scheduler.md` §10.3).

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Between two looks less would say more about chance than about load.
const LEAST: Duration = Duration::from_secs(1);

/// What was used when somebody looked last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processor {
    at: Instant,
    used: Option<Duration>,
    cores: Option<f64>,
}

impl Processor {
    pub(super) fn since(started: Instant) -> Self {
        Self { at: started, used: Some(Duration::ZERO), cores: None }
    }

    /// Cores in use on average since the last look that was long enough ago; nothing if the system does not tell.
    pub(super) fn cores(&mut self, now: Instant) -> Option<f64> {
        self.look(now, used())
    }

    fn look(&mut self, now: Instant, used: Option<Duration>) -> Option<f64> {
        let time = now.saturating_duration_since(self.at);
        if time >= LEAST {
            self.cores =
                used.zip(self.used).map(|(used, before)| used.saturating_sub(before).div_duration_f64(time));
            (self.at, self.used) = (now, used);
        }
        self.cores
    }
}

/// Processor time of this process so far, its own and the system's for it.
fn used() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_between_two_looks_is_told() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let mut processor = Processor::since(start);
        assert_eq!(processor.look(after(999), seconds(5)), None, "too soon");
        assert_eq!(processor.look(after(2000), seconds(1)), Some(0.5));
        assert_eq!(processor.look(after(2500), seconds(9)), Some(0.5), "the same until a second is over");
        assert_eq!(processor.look(after(4000), seconds(4)), Some(1.5));
        assert_eq!(processor.look(after(6000), None), None);
    }

    #[test]
    fn what_this_process_uses_grows() {
        let before = used().unwrap();
        while used().unwrap() == before {}
        assert!(used().unwrap() > before);
    }
}
