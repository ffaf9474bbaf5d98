//! The workloads of upstream's own benchmarks (`spec/scheduler.md` §11.3), in the same shapes, put to the whole core.
//!
//! `cargo bench -p scheduler-core --bench core [-- WORD…]` runs those whose name holds one of the words, or all. Each runs in
//! a process of its own, and once unmeasured before: what it measures depends on no other, and not on who asks the machine for
//! memory first. Upstream's harness warms up before it measures, too, in a process for each.
//! An operation is what upstream's is: the inputs go through [`scheduler_core::Core::handle`], with state machine, indexes,
//! durable operations and effects; then the view for readers is published, as the driver does after each batch. Only disk
//! and network are left out. Time is that of the processor, so a busy machine does not matter much.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

#[path = "core/allocations.rs"]
mod allocations;
#[path = "core/cluster.rs"]
mod cluster;
#[path = "core/different.rs"]
mod different;
#[path = "core/memory.rs"]
mod memory;
#[path = "core/preemption.rs"]
mod preemption;
#[path = "core/racks.rs"]
mod racks;
#[path = "core/report.rs"]
mod report;
#[path = "core/scaling.rs"]
mod scaling;
#[path = "core/scheduling.rs"]
mod scheduling;
#[path = "core/tasks.rs"]
mod tasks;

use std::process::{Command, ExitCode};

use report::Report;

/// Runs benchmarks and writes down what they take.
type Run = fn(&mut Report);

/// All of them, by the name of upstream's class, or by what they measure.
const BENCHMARKS: &[(&str, Run)] = &[
    ("FillCluster", scheduling::fill_cluster),
    ("InsufficientResources", scheduling::insufficient_resources),
    ("ValueConstraintMismatch", scheduling::value_constraint_mismatch),
    ("LimitConstraintMismatch", scheduling::limit_constraint_mismatch),
    ("ClusterFullUtilization", scheduling::cluster_full_utilization),
    ("PreemptorSlotSearch", preemption::slot_search),
    ("InsertPendingTasks (1000)", |report| tasks::insert_pending(report, 1000, Some(7.3))),
    ("InsertPendingTasks (10000)", |report| tasks::insert_pending(report, 10_000, None)),
    ("InsertPendingTasks (50000)", |report| tasks::insert_pending(report, 50_000, None)),
    ("DeleteTasks (1000)", |report| tasks::delete(report, 1000, None)),
    ("DeleteTasks (10000)", |report| tasks::delete(report, 10_000, Some(1.29))),
    ("DeleteTasks (50000)", |report| tasks::delete(report, 50_000, None)),
    ("StatusUpdate", tasks::status_updates),
    ("FetchAll", tasks::fetch_all),
    ("IndexedFetchAndFilter", tasks::indexed_fetch),
    ("RestoreSnapshot", tasks::restore_snapshot),
    ("Scaling", scaling::run),
    ("ScalingDifferent", scaling::run_different),
    ("ScalingRacks", scaling::run_racks),
    ("MillionTasks", memory::million_tasks),
];

/// What the run before the measured one frees stays with the process, as the heap of upstream's does: a machine may take a
/// hundred microseconds to give a page back.
const KEEPS_MEMORY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// Before the name of the only benchmark of a process.
const ONLY: &str = "--only";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    if let Some(place) = arguments.iter().position(|argument| argument == ONLY) {
        let name = arguments.get(place + 1).map_or("", String::as_str);
        let (_, run) = BENCHMARKS.iter().find(|(known, _)| *known == name).unwrap();
        run(&mut Report::warm_up());
        run(&mut Report::measured());
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    report::print_head();
    let mut has_failed = false;
    for (name, _) in BENCHMARKS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            let this = std::env::current_exe().unwrap();
            let mut process = Command::new(this);
            process.args(["--bench", ONLY, name]).env(KEEPS_MEMORY.0, KEEPS_MEMORY.1);
            let status = process.status().unwrap();
            has_failed |= !status.success();
        }
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
