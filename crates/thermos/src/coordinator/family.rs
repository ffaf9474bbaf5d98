//! What a process leaves behind: everything that it started is below its coordinator, wherever it moved itself.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::os::kernel::{Kernel, Linux};
use crate::run::reap;

/// How long the end of a process waits for what it left in its session to be gone.
const CLEAR_LIMIT: Duration = Duration::from_secs(5);

/// Between two looks at what was killed.
const CLEAR_POLL: Duration = Duration::from_millis(2);

/// Collects children that have ended. Whether there are others.
pub fn is_left() -> bool {
    let _ = reap::strangers(&[]);
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, flags), Err(Errno::ECHILD))
}

/// Kills what is left of the session, and waits until it is gone. Whether anything else is left: daemons that began sessions of
/// their own, which belong to the task and not to the process; or what this process has no right to kill.
///
/// With everything below this process (`is_subreaper`), having no child proves that nobody is left.
pub fn clear_session(is_subreaper: bool) -> bool {
    let own_pid = nix::unistd::getpid().as_raw();
    let begin = Instant::now();
    loop {
        if !is_left() && is_subreaper {
            return false;
        }
        let table = Linux.processes();
        let in_session = table
            .values()
            .filter(|process| process.session == own_pid && process.pid != own_pid && !process.is_zombie);
        // All of them, and not up to the first.
        let killed =
            in_session.filter(|process| kill(Pid::from_raw(process.pid), Signal::SIGKILL).is_ok()).count();
        if killed == 0 || begin.elapsed() > CLEAR_LIMIT {
            return is_left();
        }
        std::thread::sleep(CLEAR_POLL);
    }
}
