//! The runner's command line (`spec/thermos.md` §1.2).

use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::path::PathBuf;

use crate::task::{Destination, LogMode, Logger, Rotation};

/// A command line that says nothing useful.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// No task.
    #[error("No tasks specified!")]
    NoTask,
    /// A flag that must be there.
    #[error("--{0} is required")]
    Missing(&'static str),
    /// A flag nobody knows.
    #[error("unknown option {0}")]
    Unknown(String),
    /// A flag without its value.
    #[error("--{0} needs a value")]
    NoValue(String),
    /// A port without a number.
    #[error("Invalid value for --port: {0} should be of form NAME:PORT")]
    PortForm(String),
    /// A port that is no number.
    #[error("Port does not appear to be an integer: {0}")]
    PortNumber(String),
    /// Any other bad value.
    #[error("--{flag}: {detail}")]
    Value {
        /// Which flag.
        flag: String,
        /// What is wrong.
        detail: String,
    },
}

/// What a runner is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunnerConfig {
    /// Task JSON.
    pub thermos_json: PathBuf,
    /// Host path of the sandbox.
    pub sandbox: PathBuf,
    /// Sandbox path inside a file system image.
    pub container_sandbox: Option<PathBuf>,
    /// Root of the checkpoint layout.
    pub checkpoint_root: PathBuf,
    /// The task.
    pub task_id: Option<String>,
    /// Whom processes run as.
    pub setuid: Option<String>,
    /// Make the sandbox the root.
    pub enable_chroot: bool,
    /// Pass on the whole environment.
    pub preserve_env: bool,
    /// Ports by name.
    pub ports: BTreeMap<String, u16>,
    /// Name of this host.
    pub hostname: Option<String>,
    /// For processes without a logger of their own.
    pub logger: Logger,
    /// Starts tasks in file system images.
    pub mesos_containerizer_path: Option<PathBuf>,
    /// Ours: no limit on the runs of a process, as upstream's command line has none.
    pub is_unlimited: bool,
    /// Ours: a person watches, so an interrupt is answered in upstream's words.
    pub is_foreground: bool,
    /// Ours: leave the session of the starter.
    pub is_detached: bool,
    /// Ours: ends when the executor does.
    pub lifeline_fd: Option<RawFd>,
    /// Ours: where the runner tells its starter how it is going, a line each.
    pub status_fd: Option<RawFd>,
}

/// Flags of upstream that are accepted and say nothing here: the runner logs to its stderr.
const LOGGING_FLAGS: [&str; 4] = ["log_dir", "log_to_disk", "log_to_stderr", "log_simple"];

const MIB: i64 = 1 << 20;

impl RunnerConfig {
    /// Reads `--name=value`, `--name value`, and the same with one dash or with dashes in the name.
    ///
    /// # Errors
    /// [`UsageError`].
    pub fn parse(arguments: &[String]) -> Result<Self, UsageError> {
        let mut config = Self::default();
        let mut rotation = Rotation::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                return Err(UsageError::Unknown(argument.clone()));
            };
            let (name, inline) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            let name = name.replace('-', "_");
            match name.as_str() {
                "enable_chroot" => config.enable_chroot = true,
                "preserve_env" => config.preserve_env = true,
                "unlimited" => config.is_unlimited = true,
                "detach" => config.is_detached = true,
                _ => {
                    let value = inline
                        .or_else(|| rest.next().cloned())
                        .ok_or_else(|| UsageError::NoValue(name.clone()))?;
                    config.set(&name, value, &mut rotation, argument)?;
                }
            }
        }
        config.logger.rotation = rotation;
        config.checked()
    }

    fn set(
        &mut self,
        name: &str,
        value: String,
        rotation: &mut Rotation,
        argument: &str,
    ) -> Result<(), UsageError> {
        let wrong = |detail: String| UsageError::Value { flag: name.to_owned(), detail };
        match name {
            "thermos_json" => self.thermos_json = value.into(),
            "sandbox" => self.sandbox = value.into(),
            "container_sandbox" => self.container_sandbox = Some(value.into()),
            "checkpoint_root" => self.checkpoint_root = value.into(),
            "task_id" => self.task_id = Some(value),
            "setuid" => self.setuid = Some(value),
            "mesos_containerizer_path" => self.mesos_containerizer_path = Some(value.into()),
            "hostname" => self.hostname = Some(value),
            "port" => {
                let (name, port) = parse_port(&value)?;
                self.ports.insert(name, port);
            }
            "process_logger_destination" => {
                self.logger.destination =
                    Destination::parse(&value).map_err(|error| wrong(error.to_string()))?;
            }
            "process_logger_mode" => {
                self.logger.mode = LogMode::parse(&value).map_err(|error| wrong(error.to_string()))?;
            }
            "rotate_log_size_mb" => {
                let mebibytes: i64 = value.parse().map_err(|_| wrong(format!("{value} is no number")))?;
                rotation.log_bytes = mebibytes.saturating_mul(MIB);
            }
            "rotate_log_backups" => {
                rotation.backups = value.parse().map_err(|_| wrong(format!("{value} is no number")))?;
            }
            "lifeline_fd" => {
                self.lifeline_fd = Some(value.parse().map_err(|_| wrong("not a file".to_owned()))?)
            }
            "status_fd" => self.status_fd = Some(value.parse().map_err(|_| wrong("not a file".to_owned()))?),
            other if LOGGING_FLAGS.contains(&other) => {}
            _ => return Err(UsageError::Unknown(argument.to_owned())),
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, UsageError> {
        if self.thermos_json.as_os_str().is_empty() {
            return Err(UsageError::NoTask);
        }
        if self.sandbox.as_os_str().is_empty() {
            return Err(UsageError::Missing("sandbox"));
        }
        if self.checkpoint_root.as_os_str().is_empty() {
            return Err(UsageError::Missing("checkpoint_root"));
        }
        if let Some(task_id) = &self.task_id {
            check_task_id(task_id)?;
        }
        if self.mesos_containerizer_path.is_some() && self.container_sandbox.is_none() {
            let detail = "If using mesos-containerizer, container_sandbox must be set.".to_owned();
            return Err(UsageError::Value { flag: "mesos_containerizer_path".into(), detail });
        }
        Ok(self)
    }
}

/// A task's id names its files.
///
/// # Errors
/// [`UsageError::Value`].
pub fn check_task_id(task_id: &str) -> Result<(), UsageError> {
    let is_name = !task_id.is_empty() && !task_id.starts_with('.') && !task_id.contains(['/', '\0']);
    let detail =
        || format!("{task_id:?} cannot name a file: it must not be empty, begin with a dot or hold a slash");
    if is_name { Ok(()) } else { Err(UsageError::Value { flag: "task_id".into(), detail: detail() }) }
}

fn parse_port(value: &str) -> Result<(String, u16), UsageError> {
    let (name, port) = value.split_once(':').ok_or_else(|| UsageError::PortForm(value.to_owned()))?;
    let port = port.parse().map_err(|_| UsageError::PortNumber(port.to_owned()))?;
    Ok((name.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<RunnerConfig, UsageError> {
        let required = ["--thermos_json=task.json", "--sandbox=/s", "--checkpoint_root", "/c"];
        let all: Vec<String> =
            required.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
        RunnerConfig::parse(&all)
    }

    #[test]
    fn both_ways_to_write_a_value_are_read() {
        let config =
            parse(&["--port=http:80", "--port", "admin:81", "--preserve_env", "--log_dir=x"]).unwrap();
        assert_eq!(config.ports, BTreeMap::from([("http".into(), 80), ("admin".into(), 81)]));
        assert!(config.preserve_env && !config.enable_chroot);
        assert_eq!((config.checkpoint_root, config.logger), (PathBuf::from("/c"), Logger::default()));
    }

    #[test]
    fn th_66_ports_that_are_none() {
        assert_eq!(
            parse(&["--port=http:x"]).unwrap_err().to_string(),
            "Port does not appear to be an integer: x"
        );
        let text = parse(&["--port=http"]).unwrap_err().to_string();
        assert_eq!(text, "Invalid value for --port: http should be of form NAME:PORT");
    }

    #[test]
    fn a_task_id_stays_in_its_folder() {
        for id in ["../x", "a/b", "", ".hidden", ".."] {
            assert!(parse(&[&format!("--task_id={id}")]).is_err(), "{id}");
        }
        assert!(parse(&["--task_id=a b.c-1"]).is_ok());
    }

    #[test]
    fn no_task_is_a_usage_error() {
        assert_eq!(RunnerConfig::parse(&[]).unwrap_err().to_string(), "No tasks specified!");
    }
}
