//! Measures, and prints a line for each benchmark.

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};

use crate::allocations;

/// Processor time that a benchmark takes at least, in nanoseconds.
const ENOUGH_NS: u64 = 2_000_000_000;

/// What was measured so far.
#[derive(Debug, Default)]
pub struct Meter {
    operations: u64,
    nanoseconds: u64,
    allocations: u64,
    page_faults: u64,
}

impl Meter {
    /// Measures some operations.
    pub fn time<R>(&mut self, operations: u64, run: impl FnOnce() -> R) -> R {
        let (allocations, faults) = (allocations::count(), page_faults());
        let nanoseconds = processor_ns();
        let result = run();
        self.nanoseconds += processor_ns() - nanoseconds;
        self.allocations += allocations::count() - allocations;
        self.page_faults += page_faults() - faults;
        self.operations += operations;
        result
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.operations == 0
    }

    /// Whether more would tell nothing new.
    pub fn is_enough(&self) -> bool {
        self.nanoseconds >= ENOUGH_NS
    }

    /// Nanoseconds of all.
    pub fn nanoseconds(&self) -> u64 {
        self.nanoseconds
    }

    /// Nanoseconds of one operation.
    pub fn ns_per_operation(&self) -> f64 {
        self.nanoseconds as f64 / self.operations as f64
    }
}

/// The head of the table.
pub fn print_head() {
    println!(
        "{:<44} {:>14} {:>10} {:>9} {:>14} {:>14} {:>12}",
        "benchmark", "operations/s", "upstream", "ratio", "tasks/s", "allocations", "page faults"
    );
}

/// Prints results as they come.
#[derive(Debug)]
pub struct Report {
    is_warm_up: bool,
}

impl Report {
    /// Of a run that nobody looks at.
    pub fn warm_up() -> Self {
        Self { is_warm_up: true }
    }

    /// Of a run that counts.
    pub fn measured() -> Self {
        Self { is_warm_up: false }
    }

    /// Whether nobody looks at it.
    pub fn is_warm_up(&self) -> bool {
        self.is_warm_up
    }

    /// One benchmark: how many tasks an operation is about, and upstream's operations per second, if it published any.
    /// Allocations are told for each task, page faults for each operation.
    pub fn add(&mut self, name: &str, meter: &Meter, tasks: u64, upstream: Option<f64>) {
        let rate = 1e9 / meter.ns_per_operation();
        let (published, ratio) = match upstream {
            Some(upstream) => (format!("{upstream}"), format!("{:.0}x", rate / upstream)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let rate_of_tasks = rate * tasks as f64;
        let allocations = meter.allocations as f64 / (meter.operations * tasks.max(1)) as f64;
        let faults = meter.page_faults as f64 / meter.operations as f64;
        self.say(&format!(
            "{name:<44} {rate:>14.1} {published:>10} {ratio:>9} {rate_of_tasks:>14.0} {allocations:>14.1} {faults:>12.3}"
        ));
    }

    /// A line of words.
    pub fn say(&mut self, line: &str) {
        if !self.is_warm_up {
            println!("{line}");
        }
    }
}

/// How often this thread touched memory that the machine had to give it first.
fn page_faults() -> u64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    u64::try_from(usage.minor_page_faults()).unwrap()
}

/// Time this thread has spent on a processor.
fn processor_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec()).unwrap()
}
