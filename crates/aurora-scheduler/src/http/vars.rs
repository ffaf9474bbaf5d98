//! `/vars` and `/vars.json`: counters, timings, and gauges read from the state (`spec/scheduler.md` §10.3).

use std::collections::BTreeMap;
use std::fmt::Write;

use aurora_api::task::TaskStatus;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use crate::app::{App, AppState};
use crate::stats::StatValue;

/// Counters that are told from the start, with 0, so that dashboards and alarms find them before their first event.
const COUNTERS: &[&str] = &[
    "agents_gone",
    "agents_returned",
    "agents_returned_under_new_id",
    "assigner_launch_failures",
    "http_500_responses_events",
    "mesos_scheduler_subscription_attempts",
    "offer_accept_races",
    "offer_cancel_failures",
    "offers_rescinded",
    "preemption_slot_cache_expiration_removals",
    "preemption_slot_cache_explicit_removals",
    "preemption_slot_cache_removals",
    "preemptor_missing_attributes",
    "preemptor_slot_search_attempts_for_non_prod",
    "preemptor_slot_search_attempts_for_prod",
    "preemptor_slot_search_failed_for_non_prod",
    "preemptor_slot_search_failed_for_prod",
    "preemptor_slot_search_successful_for_non_prod",
    "preemptor_slot_search_successful_for_prod",
    "preemptor_slot_validation_failed",
    "preemptor_slot_validation_successful",
    "preemptor_task_processor_runs",
    "preemptor_tasks_preempted_non_prod",
    "preemptor_tasks_preempted_prod",
    "preemptor_unmatched_tasks",
    "reconciliation_explicit_runs",
    "reconciliation_implicit_runs",
    "reservation_cache_expiration_removals",
    "reservation_cache_explicit_removals",
    "reservation_cache_removals",
    "schedule_attempts_blocks",
    "schedule_attempts_failed",
    "schedule_attempts_fired",
    "schedule_attempts_no_match",
    "scheduled_task_penalty_events",
    "scheduled_task_penalty_ms_total",
    "scheduler_driver_kill_failures",
    "scheduler_framework_disconnects",
    "scheduler_framework_message",
    "scheduler_framework_reregisters",
    "scheduler_illegal_task_state_transitions",
    "scheduler_inverse_offers",
    "scheduler_lost_executors",
    "scheduler_resource_offers",
    "scheduler_status_update",
    "scheduling_veto_constraint_mismatch",
    "scheduling_veto_dedicated_constraint_mismatch",
    "scheduling_veto_dynamic",
    "scheduling_veto_insufficient_resources",
    "scheduling_veto_limit_not_satisfied",
    "scheduling_veto_maintenance",
    "scheduling_veto_mixed",
    "scheduling_veto_static",
    "slaves_lost",
    "task_kill_retries",
    "task_throttle_events",
    "task_throttle_ms_total",
    "tasks_pruned",
    "timed_out_tasks",
    "update_affinity_cache_expiration_removals",
    "update_affinity_cache_explicit_removals",
    "update_affinity_cache_removals",
    "veto_evaluated_offers",
];

/// Lines of name and value.
pub async fn text(State(app): State<AppState>) -> String {
    let mut text = String::new();
    for (name, value) in all(&app) {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a text cannot fail.
        let _ = match value {
            StatValue::Integer(number) => write!(text, "{name} {number}"),
            StatValue::Fraction(number) => write!(text, "{name} {number}"),
            StatValue::Text(value) => write!(text, "{name} {value}"),
        };
    }
    text
}

/// One object of them.
pub async fn json(State(app): State<AppState>) -> Json<Map<String, Value>> {
    let value = |value| match value {
        StatValue::Integer(number) => Value::from(number),
        StatValue::Fraction(number) => Value::from(number),
        StatValue::Text(text) => Value::from(text),
    };
    Json(all(&app).into_iter().map(|(name, stat)| (name, value(stat))).collect())
}

fn all(app: &App) -> BTreeMap<String, StatValue> {
    let mut all = app.stats.all();
    for name in COUNTERS {
        all.entry((*name).to_owned()).or_insert(StatValue::Integer(0));
    }
    let view = app.view();
    let mut gauge = |name: String, value: usize| {
        all.insert(name, StatValue::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    };
    for status in TaskStatus::ALL {
        gauge(format!("task_store_{status}"), view.count(status));
    }
    let sizes = view.sizes();
    for (name, size) in [
        ("outstanding_offers", sizes.offers),
        ("offer_splits", sizes.offer_splits),
        ("globally_banned_offers_size", sizes.globally_banned_offers),
        ("statically_banned_offers_size", sizes.statically_banned_offers),
        ("reservation_cache_size", sizes.reservations),
        ("preemption_slot_cache_size", sizes.preemption_slots),
        ("update_affinity_cache_size", sizes.update_affinities),
    ] {
        gauge(name.to_owned(), size);
    }
    for (name, count) in super::slots::empty_slots(view.offers().map(|offer| &**offer)) {
        gauge(name, count);
    }
    gauge("agents_missing".to_owned(), view.missing_hosts().count());
    gauge("mem_storage_attribute_size".to_owned(), view.host_count());
    let hits = app.stats.counter("statically_banned_offers_hits");
    let looked_up = hits + app.stats.counter("veto_evaluated_offers");
    all.insert("statically_banned_offers_hit_rate".to_owned(), StatValue::Fraction(rate(hits, looked_up)));
    all.extend(
        super::resources::gauges(&view).into_iter().map(|(name, value)| (name, StatValue::Integer(value))),
    );
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg")
        && let Some(load) = load.split(' ').next().and_then(|first| first.parse().ok())
    {
        all.insert("system_load_avg".to_owned(), StatValue::Fraction(load));
    }
    all
}

/// Which part `of` all these are; all, if there are none (as upstream's cache has it).
#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
fn rate(part: u64, of: u64) -> f64 {
    if of == 0 { 1.0 } else { part as f64 / of as f64 }
}
