//! How much disk a task uses, and the end of one that uses too much (`spec/thermos.md` §3.11).

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use thermos::usage::{DISK_INTERVAL_SECS, disk_bytes, disk_bytes_of_few};
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// Between two measurements.
const INTERVAL: Duration = Duration::from_secs(DISK_INTERVAL_SECS);

/// A sandbox with no more files and folders is measured at once, which takes less than the start of a thread for it.
const FEW_ENTRIES: usize = 64;

/// Measures the sandbox for ever, and ends with the reason when it is too large. Without a limit nothing is measured.
///
/// Executors of a machine measure small sandboxes at the same moments: what a processor does when it wakes costs more than a
/// measurement. Large ones are measured each at a time of its own, to spare the disk.
pub async fn watch(sandbox: PathBuf, limit_bytes: Option<u64>) -> String {
    let Some(limit) = limit_bytes else { return std::future::pending().await };
    let mut moments = match CommonMoments::new() {
        Ok(moments) => Some(moments),
        Err(error) => {
            tracing::warn!(%error, "no timer to be had: the sandbox is measured at other times than those of other tasks");
            None
        }
    };
    loop {
        let (used, is_small) = match disk_bytes_of_few(&sandbox, FEW_ENTRIES) {
            Some(used) => (Some(used), true),
            None => (measure_beside(&sandbox).await, false),
        };
        if let Some(used) = used.filter(|used| *used > limit) {
            return format!("Disk limit exceeded.  Reserved {limit} bytes vs used {used} bytes.");
        }
        match &mut moments {
            Some(moments) if is_small => moments.next().await,
            _ => sleep(INTERVAL).await,
        }
    }
}

async fn measure_beside(sandbox: &Path) -> Option<u64> {
    let measured = sandbox.to_owned();
    match tokio::task::spawn_blocking(move || disk_bytes(&measured)).await {
        Ok(used) => Some(used),
        Err(error) => {
            tracing::error!(%error, "cannot measure the sandbox");
            None
        }
    }
}

/// Moments that are an interval apart, the same ones in all processes of a machine. The kernel's own timer: the runtime's would
/// wake several times on the way to each.
struct CommonMoments {
    timer: AsyncFd<OwnedFd>,
}

impl CommonMoments {
    #[expect(unsafe_code, reason = "the runtime has no timer of the kernel's")]
    fn new() -> io::Result<Self> {
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let now = Duration::from(clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?);
        let first = Duration::from_secs((now.as_secs() / INTERVAL.as_secs() + 1) * INTERVAL.as_secs());
        timer.set(
            Expiration::IntervalDelayed(TimeSpec::from(first), TimeSpec::from(INTERVAL)),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )?;
        // SAFETY: an `OwnedFd` names the same open file as long as it lives.
        Ok(Self { timer: unsafe { AsyncFd::register(OwnedFd::from(timer)) }? })
    }

    /// Waits for the next one. One that passed meanwhile counts.
    async fn next(&mut self) {
        loop {
            let Ok(mut ready) = self.timer.readable().await else {
                // The runtime ends.
                return std::future::pending().await;
            };
            let read = |timer: &AsyncFd<OwnedFd>| Ok(nix::unistd::read(timer.get_ref(), &mut [0; 8])?);
            if ready.try_io(read).is_ok() {
                return;
            }
        }
    }
}
