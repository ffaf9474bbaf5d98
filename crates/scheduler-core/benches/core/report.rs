//! Measures, and prints a line for each benchmark.

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
}

impl Meter {
    /// Measures some operations.
    pub fn time<R>(&mut self, operations: u64, run: impl FnOnce() -> R) -> R {
        let (allocations, nanoseconds) = (allocations::count(), processor_ns());
        let result = run();
        self.nanoseconds += processor_ns() - nanoseconds;
        self.allocations += allocations::count() - allocations;
        self.operations += operations;
        result
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

/// Prints results as they come.
#[derive(Debug)]
pub struct Report(());

impl Report {
    /// The head of the table.
    pub fn begin() -> Self {
        println!(
            "{:<44} {:>14} {:>10} {:>9} {:>14} {:>14}",
            "benchmark", "operations/s", "upstream", "ratio", "tasks/s", "allocations"
        );
        Self(())
    }

    /// One benchmark: how many tasks an operation is about, and upstream's operations per second, if it published any.
    /// Allocations are told for each task.
    pub fn add(&mut self, name: &str, meter: &Meter, tasks: u64, upstream: Option<f64>) {
        let rate = 1e9 / meter.ns_per_operation();
        let (published, ratio) = match upstream {
            Some(upstream) => (format!("{upstream}"), format!("{:.0}x", rate / upstream)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let rate_of_tasks = rate * tasks as f64;
        let allocations = meter.allocations as f64 / (meter.operations * tasks.max(1)) as f64;
        println!(
            "{name:<44} {rate:>14.1} {published:>10} {ratio:>9} {rate_of_tasks:>14.0} {allocations:>14.1}"
        );
    }

    /// A line of words.
    pub fn say(&mut self, line: &str) {
        println!("{line}");
    }
}

/// Time this thread has spent on a processor.
fn processor_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_nsec()).unwrap()
}
