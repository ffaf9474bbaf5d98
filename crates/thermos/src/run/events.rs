//! What can wake a runner: doorbells of coordinators, signals, the end of children, the end of its executor.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::pipe2;

use crate::os::fd;

/// What somebody wants of the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// SIGUSR1 or SIGTERM: end the task in order.
    Kill,
    /// SIGINT: the same.
    Interrupt,
    /// SIGUSR2: give it up at once.
    Lose,
    /// Nobody is left to report to.
    ExecutorGone,
}

/// The sources of wake-ups.
pub struct Events {
    signals: SignalFd,
    doorbell: File,
    bell_rope: OwnedFd,
    lifeline: Option<OwnedFd>,
    is_lifeline_cut: bool,
    requests: Vec<Request>,
}

const BELL_CHUNK_BYTES: usize = 256;

impl Events {
    /// Blocks the signals that are wanted as events, and takes over the lifeline.
    pub fn new(lifeline_fd: Option<RawFd>) -> io::Result<Self> {
        let lifeline = lifeline_fd.map(fd::adopt).transpose()?;
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGCHLD, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGINT, Signal::SIGTERM] {
            mask.add(signal);
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let (doorbell, bell_rope) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self {
            signals,
            doorbell: File::from(doorbell),
            bell_rope,
            lifeline,
            is_lifeline_cut: false,
            requests: Vec::new(),
        })
    }

    /// What coordinators ring.
    pub const fn bell_rope(&self) -> &OwnedFd {
        &self.bell_rope
    }

    /// What coordinators watch.
    pub const fn lifeline(&self) -> Option<&OwnedFd> {
        self.lifeline.as_ref()
    }

    /// What was asked for since the last time.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Sleeps until something happens. Whether it did before the time was over.
    pub fn wait(&mut self, longest: Duration) -> bool {
        // Rounded up: waking early would only mean another round.
        let millis = i32::try_from(longest.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut files = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.doorbell.as_fd(), PollFlags::POLLIN),
        ];
        if let (Some(lifeline), false) = (&self.lifeline, self.is_lifeline_cut) {
            files.push(PollFd::new(lifeline.as_fd(), PollFlags::POLLIN));
        }
        let ready = poll(&mut files, timeout).unwrap_or(0);
        let is_cut = files.get(2).is_some_and(|file| file.revents().is_some_and(|events| !events.is_empty()));
        drop(files);
        if is_cut {
            self.is_lifeline_cut = true;
            self.requests.push(Request::ExecutorGone);
        }
        let mut rings = [0; BELL_CHUNK_BYTES];
        while matches!(self.doorbell.read(&mut rings), Ok(count) if count == BELL_CHUNK_BYTES) {}
        while let Ok(Some(signal)) = self.signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).ok();
            match number.and_then(|number| Signal::try_from(number).ok()) {
                Some(Signal::SIGUSR1 | Signal::SIGTERM) => self.requests.push(Request::Kill),
                Some(Signal::SIGINT) => self.requests.push(Request::Interrupt),
                Some(Signal::SIGUSR2) => self.requests.push(Request::Lose),
                _ => {}
            }
        }
        ready > 0
    }
}

/// Tells the starter of the runner how it is going: `active`, or `error {text}`, a line each.
pub struct Report {
    pipe: Option<File>,
}

impl Report {
    /// Takes over the pipe that the starter left open, if it did.
    pub fn open(status_fd: Option<RawFd>) -> Self {
        Self { pipe: status_fd.and_then(|number| fd::adopt(number).ok()).map(File::from) }
    }

    /// Says one thing. Nobody may listen any more.
    pub fn tell(&mut self, text: &str) {
        if let Some(pipe) = &mut self.pipe {
            let line = format!("{}\n", text.replace(['\n', '\r'], " "));
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}
