//! What the agent tells an executor through its environment (spec/mesos.md §2.6).

use std::path::PathBuf;
use std::time::Duration;

use crate::messages::{AgentId, ExecutorId, FrameworkId};

/// The grace period of an agent that names none (spec/mesos.md §2.7).
const SHUTDOWN_GRACE_PERIOD: Duration = Duration::from_secs(5);
/// The recovery timeout of an agent that names none (spec/mesos.md §4.1).
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The longest wait between two attempts to subscribe, if the agent names none (spec/mesos.md §2.8).
const SUBSCRIPTION_BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The environment of an executor.
#[derive(Debug, Clone)]
pub struct ExecutorEnvironment {
    /// `MESOS_FRAMEWORK_ID`
    pub framework_id: FrameworkId,
    /// `MESOS_EXECUTOR_ID`
    pub executor_id: ExecutorId,
    /// `MESOS_SLAVE_ID`
    pub agent_id: AgentId,
    /// `MESOS_AGENT_ENDPOINT`, `ip:port`
    pub agent_endpoint: String,
    /// `MESOS_DIRECTORY`: the sandbox as the host sees it.
    pub directory: PathBuf,
    /// `MESOS_SANDBOX`: the sandbox as this process sees it.
    pub sandbox: PathBuf,
    /// `MESOS_CHECKPOINT`: whether tasks outlive a restart of the agent.
    pub checkpoint: bool,
    /// `MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD`: after SHUTDOWN the agent kills the executor's whole tree when it is over.
    pub shutdown_grace_period: Duration,
    /// `MESOS_RECOVERY_TIMEOUT`: how long to wait for a lost agent.
    pub recovery_timeout: Duration,
    /// `MESOS_SUBSCRIPTION_BACKOFF_MAX`: attempts to subscribe come at random intervals up to it.
    pub subscription_backoff_max: Duration,
    /// `MESOS_EXECUTOR_AUTHENTICATION_TOKEN`. Not to be passed on to processes of the task.
    pub authentication_token: Option<String>,
}

/// Why a process cannot be an executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is not there.
    #[error("{name} is not set: an executor is started by a Mesos agent, which sets it")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A variable has an impossible value.
    #[error(
        "{name} is {value:?}, which is not {expected}: the Mesos agent that started this executor is at fault"
    )]
    Malformed {
        /// Its name.
        name: &'static str,
        /// What it has.
        value: String,
        /// What it should have.
        expected: &'static str,
    },
}

impl ExecutorEnvironment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// A variable is missing or malformed.
    pub fn from_process() -> Result<ExecutorEnvironment, EnvironmentError> {
        ExecutorEnvironment::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads an environment given as a function from name to value.
    ///
    /// # Errors
    /// A variable is missing or malformed.
    pub fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<ExecutorEnvironment, EnvironmentError> {
        let optional = |name| lookup(name).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or(EnvironmentError::Missing { name });
        let duration = |name, default| match optional(name) {
            None => Ok(default),
            Some(value) => parse_duration(&value).ok_or(EnvironmentError::Malformed {
                name,
                value,
                expected: "a duration such as 5secs",
            }),
        };
        let directory = PathBuf::from(required("MESOS_DIRECTORY")?);
        let agent_endpoint = match optional("MESOS_AGENT_ENDPOINT") {
            Some(endpoint) => endpoint,
            None => endpoint_of_pid(required("MESOS_SLAVE_PID")?)?,
        };
        Ok(ExecutorEnvironment {
            framework_id: required("MESOS_FRAMEWORK_ID")?.into(),
            executor_id: required("MESOS_EXECUTOR_ID")?.into(),
            agent_id: required("MESOS_SLAVE_ID")?.into(),
            agent_endpoint,
            sandbox: optional("MESOS_SANDBOX").map_or_else(|| directory.clone(), PathBuf::from),
            directory,
            checkpoint: optional("MESOS_CHECKPOINT").is_some_and(|value| value == "1"),
            shutdown_grace_period: duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", SHUTDOWN_GRACE_PERIOD)?,
            recovery_timeout: duration("MESOS_RECOVERY_TIMEOUT", RECOVERY_TIMEOUT)?,
            subscription_backoff_max: duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", SUBSCRIPTION_BACKOFF_MAX)?,
            authentication_token: optional("MESOS_EXECUTOR_AUTHENTICATION_TOKEN"),
        })
    }
}

/// `slave(1)@ip:port` to `ip:port`.
fn endpoint_of_pid(pid: String) -> Result<String, EnvironmentError> {
    match pid.split_once('@') {
        Some((_, endpoint)) if endpoint.contains(':') => Ok(endpoint.to_owned()),
        _ => Err(EnvironmentError::Malformed {
            name: "MESOS_SLAVE_PID",
            value: pid,
            expected: "of the form slave(1)@ip:port",
        }),
    }
}

/// Reads a duration as Mesos writes it, `1500ms` or `1.5mins` for example (spec/mesos.md §2.6).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit_start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_start);
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "secs" => 1.0,
        "mins" => 60.0,
        "hrs" => 3600.0,
        "days" => 86_400.0,
        "weeks" => 604_800.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(changes: &[(&'static str, Option<&str>)]) -> Result<ExecutorEnvironment, EnvironmentError> {
        let mut variables: HashMap<&str, String> = [
            ("MESOS_FRAMEWORK_ID", "m1-0000"),
            ("MESOS_EXECUTOR_ID", "thermos-a"),
            ("MESOS_SLAVE_ID", "m1-S0"),
            ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
            ("MESOS_AGENT_ENDPOINT", "127.0.0.1:5052"),
            ("MESOS_DIRECTORY", "/work/runs/latest"),
            ("MESOS_SANDBOX", "/mnt/mesos/sandbox"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
            ("MESOS_RECOVERY_TIMEOUT", "15mins"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        for (name, value) in changes {
            match value {
                Some(value) => variables.insert(name, (*value).to_owned()),
                None => variables.remove(name),
            };
        }
        ExecutorEnvironment::from_lookup(|name| variables.get(name).cloned())
    }

    #[test]
    fn mesos_e10_the_agents_variables_are_read() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment.agent_endpoint, "127.0.0.1:5052");
        assert_eq!(environment.sandbox, PathBuf::from("/mnt/mesos/sandbox"));
        assert!(environment.checkpoint);
        assert_eq!(environment.shutdown_grace_period, Duration::from_secs(5));
        assert_eq!(environment.recovery_timeout, Duration::from_secs(900));
        assert_eq!(environment.subscription_backoff_max, Duration::from_secs(2));

        let without = read(&[
            ("MESOS_AGENT_ENDPOINT", None),
            ("MESOS_SANDBOX", None),
            ("MESOS_CHECKPOINT", Some("0")),
            ("MESOS_RECOVERY_TIMEOUT", None),
        ])
        .unwrap();
        assert_eq!(without.agent_endpoint, "127.0.0.1:5051");
        assert_eq!(without.sandbox, without.directory);
        assert!(!without.checkpoint);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let missing = read(&[("MESOS_SLAVE_ID", None)]).unwrap_err();
        assert_eq!(missing, EnvironmentError::Missing { name: "MESOS_SLAVE_ID" });
        let malformed = read(&[("MESOS_RECOVERY_TIMEOUT", Some("15 minutes"))]).unwrap_err().to_string();
        assert!(malformed.contains("MESOS_RECOVERY_TIMEOUT is \"15 minutes\""), "{malformed}");
    }

    #[test]
    fn durations_are_read_as_mesos_writes_them() {
        for (text, milliseconds) in [
            ("5secs", 5000),
            ("1mins", 60_000),
            ("1500ms", 1500),
            ("1.5secs", 1500),
            ("1weeks", 604_800_000),
            ("10days", 864_000_000),
            ("0ns", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "secs", "5 secs", "-5secs", "5sec", "5m", "1.2.3secs", "1e3secs"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
