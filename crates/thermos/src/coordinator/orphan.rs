//! What a coordinator does when those above it are gone.
//!
//! The lifeline ends with the executor. A runner that is still there then brings the whole task to its end, so the
//! coordinator only watches it; without one the coordinator ends its process itself: SIGTERM, a while, SIGKILL.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::os::kernel::{Kernel, Linux};
use crate::os::signals::descendants;
use crate::plan::escalation::Strength;

/// From SIGTERM to SIGKILL when nobody is left to ask.
pub const ORPHAN_GRACE: Duration = Duration::from_secs(5);

/// How often the runner is looked for once the executor is gone, in milliseconds.
const WATCH_INTERVAL_MS: u16 = 250;

/// Rounds of looking for, and killing, what is left. Each sees everything that existed when it began.
const KILL_ROUNDS: usize = 20;

enum Stage {
    Guarded,
    RunnerAlone,
    Abandoned { since: Instant },
}

/// Where this coordinator stands.
pub struct Orphanhood<'a> {
    lifeline: Option<BorrowedFd<'a>>,
    runner_pid: i32,
    /// As long as it lives.
    shell_pid: Option<i32>,
    stage: Stage,
}

impl<'a> Orphanhood<'a> {
    pub const fn new(lifeline: Option<BorrowedFd<'a>>, runner_pid: i32, shell_pid: i32) -> Self {
        Self { lifeline, runner_pid, shell_pid: Some(shell_pid), stage: Stage::Guarded }
    }

    /// The process is over, and only daemons of it are left.
    pub const fn on_shell_end(&mut self) {
        self.shell_pid = None;
    }

    /// The file to watch, as long as it says nothing.
    pub const fn lifeline(&self) -> Option<BorrowedFd<'a>> {
        self.lifeline
    }

    /// The executor is gone.
    pub fn on_lifeline_end(&mut self) {
        self.lifeline = None;
        self.stage = Stage::RunnerAlone;
    }

    /// How long to wait at most, in milliseconds.
    pub const fn timeout(&self) -> Option<u16> {
        match self.stage {
            Stage::Guarded => None,
            Stage::RunnerAlone | Stage::Abandoned { .. } => Some(WATCH_INTERVAL_MS),
        }
    }

    /// Whether the process has to be killed now. Asks it to end when the runner is found gone.
    pub fn is_overdue(&mut self) -> bool {
        match self.stage {
            Stage::Guarded => false,
            Stage::RunnerAlone => {
                if nix::unistd::getppid().as_raw() != self.runner_pid {
                    self.terminate();
                    self.stage = Stage::Abandoned { since: Instant::now() };
                }
                false
            }
            Stage::Abandoned { since } => since.elapsed() >= ORPHAN_GRACE,
        }
    }

    /// Asks the process to end, or what is left of it.
    fn terminate(&self) {
        let own_pid = nix::unistd::getpid().as_raw();
        let asked = match self.shell_pid {
            Some(shell) => vec![shell],
            None => descendants(&Linux.processes(), own_pid),
        };
        for pid in asked {
            Linux.signal(pid, Strength::Terminate);
        }
    }

    /// Whether the coordinator clears up after its process by itself. The runner would do it, but once the executor is gone
    /// nobody does it for a runner that is killed as well.
    pub fn clears_up(&self) -> bool {
        match (&self.stage, &self.lifeline) {
            (Stage::RunnerAlone | Stage::Abandoned { .. }, _) => true,
            (Stage::Guarded, Some(lifeline)) => {
                let mut files = [PollFd::new(*lifeline, PollFlags::POLLIN)];
                poll(&mut files, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
            }
            // Nobody promised an executor: the next runner will clear up.
            (Stage::Guarded, None) => false,
        }
    }

    /// Kills everything below the coordinator and in its session, and the session's escapees that were seen below it.
    pub fn kill_all(&self) {
        let own_pid = nix::unistd::getpid().as_raw();
        for _ in 0..KILL_ROUNDS {
            let table = Linux.processes();
            let mut victims: BTreeSet<i32> = descendants(&table, own_pid).into_iter().collect();
            victims.extend(table.values().filter(|p| p.session == own_pid && !p.is_zombie).map(|p| p.pid));
            victims.remove(&own_pid);
            if victims.is_empty() {
                return;
            }
            for pid in victims {
                Linux.signal(pid, Strength::Kill);
            }
        }
    }
}
