//! What a process leaves behind: everything that it started is below its coordinator, wherever it moved itself.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::os::kernel::{Kernel, Linux};
use crate::run::reap;

/// Between two looks at what was killed.
const CLEAR_POLL: Duration = Duration::from_millis(2);

/// How often the end of a process looks whether what it left in its session is gone: for five seconds, in which this process runs.
const CLEAR_LOOKS: usize = 2500;

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
    let mut looks = 0;
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
        looks += 1;
        if killed == 0 || looks > CLEAR_LOOKS {
            return is_left();
        }
        std::thread::sleep(CLEAR_POLL);
    }
}
