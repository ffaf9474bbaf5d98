//! Children of the runner: coordinators, and daemons that were re-parented to it.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use crate::os::identity;
use crate::os::kernel::Linux;
use crate::os::signals::{Sender, carry_out};
use crate::plan::birth::ProcessId;
use crate::plan::escalation;

/// Between two looks at children that were killed.
const REAP_POLL: Duration = Duration::from_millis(10);

/// How often the end of a task looks whether what it killed is gone: for five seconds. Looks are counted, and not time, which goes
/// on while a busy machine lets nobody do anything.
const REAP_LOOKS: usize = 500;

/// Whether this child has ended. It stays a zombie, so that its number, which names a session, is not given to another.
pub fn is_over(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(Pid::from_raw(pid)), flags) {
        Ok(WaitStatus::StillAlive) => false,
        Err(Errno::EINTR) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Collects a child that was killed or has ended.
pub fn collect(pid: i32) {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Err(Errno::EINTR) => {}
            _ => return,
        }
    }
}

/// Collects ended children that are none of these coordinators. Answers with their numbers.
pub fn strangers(coordinators: &[i32]) -> Vec<i32> {
    let mut collected = Vec::new();
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, flags) {
        match status.pid() {
            // A coordinator in front hides those behind it until its own end is dealt with, which is the next thing done.
            Some(pid) if !coordinators.contains(&pid.as_raw()) => {
                collect(pid.as_raw());
                collected.push(pid.as_raw());
            }
            _ => break,
        }
    }
    collected
}

/// Repeats `kill` until this process has no child left, or gives up on those in uninterruptible sleep.
pub fn until_childless(mut kill: impl FnMut()) {
    let mut looks = 0;
    while looks < REAP_LOOKS {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => {
                kill();
                looks += 1;
                std::thread::sleep(REAP_POLL);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// Repeats `kill` until these processes are gone, which are nobody's children here, or gives up.
pub fn until_gone(processes: &[ProcessId], mut kill: impl FnMut()) {
    until_nobody(|| {
        let left = processes.iter().filter(|id| identity::lives(**id)).count();
        if left > 0 {
            kill();
        }
        left
    });
}

/// Repeats `kill`, which tells how many were there, until that is nobody, or gives up.
pub fn until_nobody(mut kill: impl FnMut() -> usize) {
    for _ in 0..REAP_LOOKS {
        if kill() == 0 {
            return;
        }
        std::thread::sleep(REAP_POLL);
    }
}

/// Kills and collects every child of this process that is left: daemons of a task whose runner is gone come to the executor.
/// To be called only when this process waits for no child of its own any more.
pub fn kill_orphans() {
    let sender = Sender { own_pid: nix::unistd::getpid().as_raw(), ..Sender::default() };
    until_childless(|| {
        carry_out(&Linux, &sender, &escalation::on_task_end());
    });
}
