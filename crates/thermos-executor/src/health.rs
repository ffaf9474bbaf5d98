//! Health checks: what they are, and what their results mean (`spec/thermos.md` §3.7).

mod check;
mod counter;
mod gauges;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use thermos::binding::{Context, Escapes, bind_text};

pub use check::{Checked, HealthCheck, ShellUser};
pub use counter::{Counter, Verdict};
pub use gauges::Gauges;

/// While this file is in the sandbox every check counts as success and is not made.
pub const SNOOZE_FILE: &str = ".healthchecksnooze";

const DEFAULT_INTERVAL_SECS: f64 = 10.0;
const DEFAULT_TIMEOUT_SECS: f64 = 1.0;

/// The port that HTTP checks go to.
const HEALTH_PORT: &str = "health";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// GET, with what is expected.
    Http {
        /// Port number.
        port: u16,
        /// Path.
        endpoint: String,
        /// Body, case and margins ignored; empty: any.
        expected_response: String,
        /// 0: any.
        expected_code: i64,
    },
    /// A command that must exit with 0.
    Shell {
        /// As configured, for messages.
        configured: String,
        /// As run.
        command: String,
    },
}

/// The health check of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthConfig {
    /// None: the task counts as healthy.
    pub question: Option<Question>,
    /// Between the end of a check and the next.
    pub interval: Duration,
    /// For each check.
    pub timeout: Duration,
    /// Failures are forgiven in this many first attempts.
    pub forgiving_attempts: u64,
    /// One more in a row than this is unhealthy.
    pub max_consecutive_failures: u64,
    /// Needed in a row before RUNNING.
    pub min_consecutive_successes: u64,
    /// What is odd.
    pub warnings: Vec<String>,
}

impl HealthConfig {
    /// Reads `health_check_config` of a job.
    pub fn read(job: &Value, context: &Context, ports: &BTreeMap<String, u16>) -> Self {
        let empty = Value::Null;
        let config = job.get("health_check_config").unwrap_or(&empty);
        let seconds = |name: &str| config.get(name).and_then(Value::as_f64);
        let count = |name: &str| config.get(name).and_then(Value::as_u64);
        let interval = seconds("interval_secs").unwrap_or(DEFAULT_INTERVAL_SECS);
        let mut warnings = Vec::new();
        let question = question(config, context, ports, &mut warnings);
        Self {
            question,
            interval: duration(interval),
            timeout: duration(seconds("timeout_secs").unwrap_or(DEFAULT_TIMEOUT_SECS)),
            forgiving_attempts: forgiving_attempts(seconds("initial_interval_secs"), interval),
            max_consecutive_failures: count("max_consecutive_failures").unwrap_or(0),
            min_consecutive_successes: count("min_consecutive_successes").unwrap_or(1),
            warnings,
        }
    }
}

/// ceil(grace / interval); a grace that is not given is two intervals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
fn forgiving_attempts(grace: Option<f64>, interval: f64) -> u64 {
    match grace {
        None => 2,
        Some(grace) if interval > 0.0 => (grace / interval).ceil() as u64,
        Some(_) => 0,
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

fn question(
    config: &Value,
    context: &Context,
    ports: &BTreeMap<String, u16>,
    warnings: &mut Vec<String>,
) -> Option<Question> {
    let checker = config.get("health_checker");
    let part = |name: &str| checker.and_then(|checker| checker.get(name)).filter(|part| part.is_object());
    if let Some(configured) =
        part("shell").and_then(|shell| shell.get("shell_command")).and_then(Value::as_str)
    {
        let (command, unbound) = bind_text(configured, context, Escapes::Strip);
        warnings.extend(
            unbound.iter().map(|unbound| {
                format!("the shell health check refers to {}, which has no value", unbound.text)
            }),
        );
        return Some(Question::Shell { configured: configured.to_owned(), command });
    }
    let http = part("http");
    let text = |name: &str, default: &str| {
        http.and_then(|http| http.get(name)).and_then(Value::as_str).unwrap_or(default).to_owned()
    };
    let question = |port| Question::Http {
        port,
        endpoint: text("endpoint", "/health"),
        expected_response: text("expected_response", "ok"),
        expected_code: http
            .and_then(|http| http.get("expected_response_code"))
            .and_then(Value::as_i64)
            .unwrap_or(0),
    };
    match ports.get(HEALTH_PORT) {
        Some(&port) => Some(question(port)),
        None => {
            // Every job carries the default settings; only others show that somebody counts on a check.
            if question(0) != default_question() {
                warnings.push(format!(
                    "an HTTP health check is configured, but no process uses a port named '{HEALTH_PORT}': nothing is checked"
                ));
            }
            None
        }
    }
}

fn default_question() -> Question {
    Question::Http {
        port: 0,
        endpoint: "/health".to_owned(),
        expected_response: "ok".to_owned(),
        expected_code: 0,
    }
}

/// What a check needs to know of the task.
#[derive(Debug, Clone)]
pub struct HealthContext {
    /// Where the snooze file is looked for.
    pub sandbox: PathBuf,
    /// Who runs shell checks; none: the executor's own user.
    pub shell_user: Option<ShellUser>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &Value, ports: &[(&str, u16)]) -> HealthConfig {
        let ports: BTreeMap<String, u16> =
            ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect();
        let context = Context::thermos("t", "u", &ports);
        HealthConfig::read(&json!({"health_check_config": config}), &context, &ports)
    }

    #[test]
    fn th_124_no_health_port_and_no_command_mean_no_check() {
        let config = read(&json!({}), &[("http", 80)]);
        assert!(config.question.is_none() && config.warnings.is_empty());
        let config = read(&json!({"health_checker": {"http": {"endpoint": "/up"}}}), &[]);
        assert_eq!(config.warnings.len(), 1);
    }

    #[test]
    fn th_127_ports_are_bound_in_commands() {
        let config = read(
            &json!({"health_checker": {"shell": {"shell_command": "FOO={{thermos.ports[foo]}}"}}}),
            &[("foo", 9001)],
        );
        let Some(Question::Shell { command, .. }) = config.question else { panic!("no shell check") };
        assert_eq!(command, "FOO=9001");
    }

    #[test]
    fn the_grace_is_counted_in_attempts() {
        assert_eq!(read(&json!({}), &[]).forgiving_attempts, 2);
        assert_eq!(
            read(&json!({"initial_interval_secs": 15.0, "interval_secs": 10.0}), &[]).forgiving_attempts,
            2
        );
        assert_eq!(read(&json!({"initial_interval_secs": 0}), &[]).forgiving_attempts, 0);
    }
}
