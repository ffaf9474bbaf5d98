//! The JSON form (`spec/cli.md` §7.6).

use aurora_api::thrift::{ScheduledTask, to_named_json};
use serde_json::{Value, json};

use super::JobTasks;
use crate::arguments::JobPattern;

/// All jobs, as an array.
pub fn render(jobs: &[JobTasks]) -> String {
    let jobs: Vec<Value> = jobs
        .iter()
        .map(|job| {
            json!({
                "job": job.key.to_string(),
                "active": job.active.iter().map(task).collect::<Vec<_>>(),
                "inactive": job.inactive.iter().map(task).collect::<Vec<_>>(),
            })
        })
        .collect();
    format!("{:#}", Value::Array(jobs))
}

/// What is printed when there is no such job. Compat: it is an object, and a success.
pub fn not_found(pattern: &JobPattern) -> String {
    json!({"jobspec": pattern.to_string(), "error": "No matching jobs found"}).to_string()
}

fn task(task: &ScheduledTask) -> Value {
    let mut task = task.clone();
    if let Some(events) = &mut task.task_events {
        events.sort_by_key(|event| event.timestamp);
    }
    let mut value = to_named_json(&task);
    booleans_as_numbers(&mut value, "");
    value
}

/// Compat: all booleans but two are numbers, as they came out of upstream's Thrift library.
fn booleans_as_numbers(value: &mut Value, name: &str) {
    match value {
        Value::Bool(truth) if !matches!(name, "isService" | "production") => {
            *value = Value::from(u8::from(*truth));
        }
        Value::Array(elements) => {
            for element in elements {
                booleans_as_numbers(element, "");
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                booleans_as_numbers(value, name);
            }
        }
        _ => {}
    }
}
