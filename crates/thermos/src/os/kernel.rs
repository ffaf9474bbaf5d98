//! The kernel calls that decide over life and death, behind one trait, with a fake that records them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::plan::birth::Place;
use crate::plan::escalation::Strength;
use crate::plan::moment::Moment;

/// What is known of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessFacts {
    /// Its number.
    pub pid: i32,
    /// The number of its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// Dead and not collected yet.
    pub is_zombie: bool,
    /// Epoch seconds.
    pub start_secs: f64,
    /// Clock ticks from the start of the machine to its own.
    pub start_ticks: i64,
    /// Its real user; none when it cannot be read.
    pub uid: Option<u32>,
}

impl ProcessFacts {
    /// A process with these numbers, for tests.
    #[cfg(test)]
    pub const fn for_tests(pid: i32, parent: i32, session: i32) -> Self {
        Self {
            pid,
            parent,
            group: session,
            session,
            is_zombie: false,
            start_secs: 0.0,
            start_ticks: 0,
            uid: Some(0),
        }
    }
}

/// The processes of this machine, or of this container.
pub type ProcessTable = BTreeMap<i32, ProcessFacts>;

/// What the runner asks of the kernel.
pub trait Kernel {
    /// The time.
    fn now(&self) -> Moment;
    /// All processes that can be seen.
    fn processes(&self) -> ProcessTable;
    /// Where their numbers are counted; none when that is not known.
    fn place(&self) -> Option<Place>;
    /// Signals one process. One that is gone, or not ours to signal, is left alone.
    fn signal(&self, pid: i32, strength: Strength);
    /// Signals a process group likewise.
    fn signal_group(&self, group: i32, strength: Strength);
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Linux;

const fn signal_of(strength: Strength) -> Signal {
    match strength {
        Strength::Terminate => Signal::SIGTERM,
        Strength::Kill => Signal::SIGKILL,
    }
}

impl Kernel for Linux {
    fn now(&self) -> Moment {
        Moment::from_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn processes(&self) -> ProcessTable {
        let boot = procfs::boot_time_secs().unwrap_or(0);
        let ticks = procfs::ticks_per_second();
        let Ok(all) = procfs::process::all_processes() else { return ProcessTable::new() };
        all.filter_map(|process| facts(&process.ok()?, boot, ticks)).map(|facts| (facts.pid, facts)).collect()
    }

    fn place(&self) -> Option<Place> {
        super::identity::here()
    }

    fn signal(&self, pid: i32, strength: Strength) {
        // 0 and below address groups, 1 is init: never ours.
        if pid > 1 {
            let _ = kill(Pid::from_raw(pid), signal_of(strength));
        }
    }

    fn signal_group(&self, group: i32, strength: Strength) {
        if group > 1 {
            let _ = killpg(Pid::from_raw(group), signal_of(strength));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "epoch seconds and clock ticks are far below 2^53")]
fn facts(process: &procfs::process::Process, boot: u64, ticks: u64) -> Option<ProcessFacts> {
    let stat = process.stat().ok()?;
    Some(ProcessFacts {
        pid: stat.pid,
        parent: stat.ppid,
        group: stat.pgrp,
        session: stat.session,
        is_zombie: matches!(stat.state, 'Z' | 'X' | 'x'),
        start_secs: boot as f64 + stat.starttime as f64 / ticks.max(1) as f64,
        start_ticks: i64::try_from(stat.starttime).unwrap_or(i64::MAX),
        uid: process.uid().ok(),
    })
}

/// A kernel that only writes down what it is asked to do.
#[derive(Debug, Default)]
pub struct RecordedKernel {
    /// The processes it shows.
    pub table: ProcessTable,
    /// Where it says to be.
    pub place: Option<Place>,
    /// The time it shows.
    pub time: Moment,
    /// What it was asked to signal: positive numbers are processes, negative ones are groups.
    pub sent: RefCell<Vec<(i32, Strength)>>,
}

impl Kernel for RecordedKernel {
    fn now(&self) -> Moment {
        self.time
    }

    fn processes(&self) -> ProcessTable {
        self.table.clone()
    }

    fn place(&self) -> Option<Place> {
        self.place
    }

    fn signal(&self, pid: i32, strength: Strength) {
        self.sent.borrow_mut().push((pid, strength));
    }

    fn signal_group(&self, group: i32, strength: Strength) {
        self.sent.borrow_mut().push((-group, strength));
    }
}
