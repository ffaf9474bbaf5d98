//! How a job is updated (`spec/config.md` §4.3 and §5.7).

use aurora_api::thrift::{
    BatchJobUpdateStrategy, JobUpdateSettings, JobUpdateStrategy, QueueJobUpdateStrategy,
    VariableBatchJobUpdateStrategy,
};
use aurora_model::Value;

use super::task::i32_field;
use crate::check::view;
use crate::diagnostic::Diagnostic;

/// Pulses may not be asked for more often than this, in seconds.
const PULSE_SECS_MIN: i64 = 60;

/// The settings of an update of all instances.
pub(crate) fn update_settings(job: &Value) -> Result<JobUpdateSettings, Vec<Diagnostic>> {
    let Some(config) = job.raw_field("update_config") else {
        return Err(vec![Diagnostic::error("update", "the job has no update_config")]);
    };
    let problems = problems(config);
    if !problems.is_empty() {
        return Err(problems);
    }
    let batch_size = i32_field(config, "batch_size")?.unwrap_or(1);
    let waits = view::flag(config, "wait_for_batch_completion").unwrap_or(false);
    let (group_size, is_batch, strategy) = match view::object(config, "update_strategy") {
        Some(strategy) => explicit(&strategy)?,
        None if waits => (batch_size, true, batches(batch_size, false)),
        None => (batch_size, false, queue(batch_size)),
    };
    Ok(JobUpdateSettings {
        update_group_size: Some(group_size),
        max_per_instance_failures: Some(i32_field(config, "max_per_shard_failures")?.unwrap_or(0)),
        max_failed_instances: Some(i32_field(config, "max_total_failures")?.unwrap_or(0)),
        min_wait_in_instance_running_ms: Some(millis(config, "watch_secs")?.unwrap_or(45_000)),
        rollback_on_failure: Some(view::flag(config, "rollback_on_failure").unwrap_or(true)),
        wait_for_batch_completion: Some(is_batch),
        block_if_no_pulses_after_ms: millis(config, "pulse_interval_secs")?,
        sla_aware: Some(view::flag(config, "sla_aware").unwrap_or(false)),
        update_strategy: Some(strategy),
        ..JobUpdateSettings::default()
    })
}

/// What makes an update impossible (`spec/config.md` §4.3).
fn problems(config: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut report = |field: &str, message: &str, help: &str| {
        let problem = Diagnostic::error("update", message).help(help);
        found.push(problem.at_maybe(view::place(config, field)).field(format!("update_config > {field}")));
    };
    let batch_size = view::int(config, "batch_size").unwrap_or(1);
    if batch_size <= 0 {
        report("batch_size", "Batch size should be greater than 0", "1 updates one instance at a time");
    }
    if view::int(config, "watch_secs").is_some_and(|seconds| seconds < 0) {
        report(
            "watch_secs",
            "Watch seconds should be greater than or equal to 0",
            "0 leaves it to the health checks",
        );
    }
    if view::int(config, "pulse_interval_secs").is_some_and(|seconds| seconds < PULSE_SECS_MIN) {
        report(
            "pulse_interval_secs",
            "Pulse interval seconds must be at least 60 seconds.",
            "leave it out to update without pulses",
        );
    }
    if config.raw_field("update_strategy").is_some() {
        if view::flag(config, "wait_for_batch_completion") == Some(true) {
            report(
                "wait_for_batch_completion",
                "Ambiguous update configuration. Cannot combine wait_batch_completion with an explicit update strategy.",
                "write update_strategy=BatchUpdateStrategy(batch_size=...) alone",
            );
        }
        if batch_size > 1 {
            report(
                "batch_size",
                "Ambiguous update configuration. Cannot combine update strategy with batch size. Please set batchsize inside of update strategy instead.",
                "move batch_size into the strategy",
            );
        }
    }
    found
}

/// Size of a group, whether a whole group is waited for, and the strategy.
///
/// Compat: upstream's client fails on an explicit queue or batch; this is what it meant to do.
fn explicit(strategy: &Value) -> Result<(i32, bool, JobUpdateStrategy), Vec<Diagnostic>> {
    let pauses = view::flag(strategy, "autopause_after_batch").unwrap_or(false);
    let size = i32_field(strategy, "batch_size")?.unwrap_or(1);
    let kind = view::kind(strategy);
    let sizes = match kind.as_str() {
        "VariableBatchUpdateStrategy" => {
            let sizes = view::list(strategy, "batch_sizes").iter().filter_map(view::scalar_text);
            sizes.map(|size| size.parse().unwrap_or(0)).collect()
        }
        _ => vec![size],
    };
    if sizes.is_empty() || sizes.iter().any(|size: &i32| *size <= 0) {
        let problem = Diagnostic::error("update", "All update group sizes must be positive.");
        let field = if sizes.len() == 1 { "batch_size" } else { "batch_sizes" };
        let problem = problem
            .at_maybe(view::place(strategy, field))
            .field(format!("update_config > update_strategy > {field}"))
            .help("write a number of instances, at least 1");
        return Err(vec![problem]);
    }
    Ok(match kind.as_str() {
        "QueueUpdateStrategy" => (size, false, queue(size)),
        "BatchUpdateStrategy" => (size, true, batches(size, pauses)),
        _ => {
            let strategy = VariableBatchJobUpdateStrategy {
                group_sizes: Some(sizes.clone()),
                autopause_after_batch: Some(pauses),
            };
            (sizes[0], false, JobUpdateStrategy::VarBatchStrategy(strategy))
        }
    })
}

fn queue(size: i32) -> JobUpdateStrategy {
    JobUpdateStrategy::QueueStrategy(QueueJobUpdateStrategy { group_size: Some(size) })
}

fn batches(size: i32, pauses: bool) -> JobUpdateStrategy {
    let strategy = BatchJobUpdateStrategy { group_size: Some(size), autopause_after_batch: Some(pauses) };
    JobUpdateStrategy::BatchStrategy(strategy)
}

/// Seconds as milliseconds, which thrift carries in 32 bits.
fn millis(object: &Value, field: &str) -> Result<Option<i32>, Vec<Diagnostic>> {
    let Some(seconds) = view::int(object, field) else { return Ok(None) };
    let millis = seconds.checked_mul(1000).and_then(|millis| i32::try_from(millis).ok());
    millis.map(Some).ok_or_else(|| {
        let message = format!("{field} is {seconds}, which is out of range");
        vec![Diagnostic::error("number", message).at_maybe(view::place(object, field))]
    })
}
