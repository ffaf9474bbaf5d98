//! `/vars` and `/vars.json`: counters, timings, and gauges read from the state (`spec/scheduler.md` §10.3).

use std::collections::BTreeMap;
use std::fmt::Write;

use aurora_api::task::TaskStatus;
use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use crate::app::{App, AppState};
use crate::stats::StatValue;

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
    let view = app.view();
    let mut gauge = |name: String, value: usize| {
        all.insert(name, StatValue::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    };
    for status in TaskStatus::ALL {
        gauge(format!("task_store_{status}"), view.count(status));
    }
    gauge("outstanding_offers".to_owned(), view.offers().count());
    gauge("agents_missing".to_owned(), view.missing_hosts().count());
    gauge("mem_storage_attribute_size".to_owned(), view.hosts().count());
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg")
        && let Some(load) = load.split(' ').next().and_then(|first| first.parse().ok())
    {
        all.insert("system_load_avg".to_owned(), StatValue::Fraction(load));
    }
    all
}
