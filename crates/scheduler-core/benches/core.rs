//! The workloads of upstream's own benchmarks (`spec/scheduler.md` §11.3), in the same shapes, put to the whole core.
//!
//! `cargo bench -p scheduler-core --bench core [-- WORD…]` runs those whose name holds one of the words, or all.
//! An operation is what upstream's is: the inputs go through [`scheduler_core::Core::handle`], with state machine, indexes,
//! durable operations and effects; then the view for readers is published, as the driver does after each batch. Only disk
//! and network are left out. Time is that of the processor, so a busy machine does not matter much.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

#[path = "core/allocations.rs"]
mod allocations;
#[path = "core/cluster.rs"]
mod cluster;
#[path = "core/memory.rs"]
mod memory;
#[path = "core/preemption.rs"]
mod preemption;
#[path = "core/report.rs"]
mod report;
#[path = "core/scaling.rs"]
mod scaling;
#[path = "core/scheduling.rs"]
mod scheduling;
#[path = "core/tasks.rs"]
mod tasks;

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
    ("InsertPendingTasks", tasks::insert_pending),
    ("DeleteTasks", tasks::delete),
    ("StatusUpdate", tasks::status_updates),
    ("FetchAll", tasks::fetch_all),
    ("IndexedFetchAndFilter", tasks::indexed_fetch),
    ("RestoreSnapshot", tasks::restore_snapshot),
    ("Scaling", scaling::run),
    ("MillionTasks", memory::million_tasks),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut report = Report::begin();
    for (name, run) in BENCHMARKS {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            run(&mut report);
        }
    }
}
