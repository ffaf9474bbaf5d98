//! Executors of others: the file of `-custom_executor_config` (`spec/mesos.md` §5.6), a JSON list of
//! `{executor, task_prefix, volume_mounts}` with an `ExecutorInfo` of Mesos in each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use mesos_v1::messages::command_info::Uri;
use mesos_v1::messages::volume::Mode;
use mesos_v1::messages::{CommandInfo, Environment, Volume, environment};
use serde::{Deserialize, Deserializer};

/// Why the file cannot be used. All of it is checked before the scheduler starts.
#[derive(Debug, thiserror::Error)]
pub enum CustomExecutorError {
    /// No file.
    #[error("cannot read -custom_executor_config {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not such a list.
    #[error(
        "-custom_executor_config {}: {source}; it must be a list like [{{\"executor\": {{\"name\": \"mine\", \"command\": {{\"value\": \"./mine\"}}, \"resources\": []}}, \"task_prefix\": \"mine-\"}}]",
        file.display()
    )]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// An entry that cannot work.
    #[error("-custom_executor_config {}: executor `{executor}`: {problem}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// Its name.
        executor: String,
        /// What is wrong.
        problem: String,
    },
}

/// An executor that a job can name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomExecutor {
    /// How an agent starts it.
    pub command: CommandInfo,
    /// What it needs besides its task.
    pub overhead: Resources,
    /// What stands before a task's id in its id.
    pub task_prefix: String,
    /// Directories of the agents that it sees in a container.
    pub mounts: Vec<Volume>,
}

/// Executors by their names.
pub type CustomExecutors = BTreeMap<Arc<str>, CustomExecutor>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    executor: Executor,
    #[serde(default)]
    task_prefix: String,
    #[serde(default)]
    volume_mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Executor {
    name: String,
    command: Command,
    #[serde(default)]
    resources: Vec<Scalar>,
    /// Given anew for each task.
    #[serde(default, rename = "executor_id")]
    _executor_id: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    value: String,
    #[serde(default = "yes", deserialize_with = "flexible_bool")]
    shell: bool,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    uris: Vec<File>,
    #[serde(default)]
    environment: Variables,
    #[serde(default)]
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    value: String,
    #[serde(default, deserialize_with = "flexible_bool")]
    executable: bool,
    #[serde(default = "yes", deserialize_with = "flexible_bool")]
    extract: bool,
    #[serde(default, deserialize_with = "flexible_bool")]
    cache: bool,
    #[serde(default)]
    output_file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variables {
    #[serde(default)]
    variables: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scalar {
    name: String,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    scalar: Amount,
}

#[derive(Deserialize)]
struct Amount {
    value: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    host_path: String,
    container_path: String,
    mode: MountMode,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum MountMode {
    Rw,
    Ro,
}

const fn yes() -> bool {
    true
}

/// Upstream's own example has `"true"` between quotes.
fn flexible_bool<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Bool(bool),
        Text(String),
    }
    match Given::deserialize(from)? {
        Given::Bool(value) => Ok(value),
        Given::Text(text) => {
            text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` is neither true nor false")))
        }
    }
}

/// Reads the file.
///
/// # Errors
/// [`CustomExecutorError`].
pub fn read_custom_executors(file: &Path) -> Result<CustomExecutors, CustomExecutorError> {
    let text = std::fs::read(file)
        .map_err(|source| CustomExecutorError::Unreadable { file: file.to_owned(), source })?;
    let entries: Vec<Entry> = serde_json::from_slice(&text)
        .map_err(|source| CustomExecutorError::Malformed { file: file.to_owned(), source })?;
    let mut executors = CustomExecutors::new();
    for entry in entries {
        let name = entry.executor.name.clone();
        let wrong = |problem: String| CustomExecutorError::Entry {
            file: file.to_owned(),
            executor: name.clone(),
            problem,
        };
        if name.is_empty() {
            return Err(wrong("it needs a name, by which jobs choose it".to_owned()));
        }
        let executor = executor(entry).map_err(wrong)?;
        if executors.insert(Arc::from(name.as_str()), executor).is_some() {
            return Err(wrong("it is there twice".to_owned()));
        }
    }
    Ok(executors)
}

fn executor(entry: Entry) -> Result<CustomExecutor, String> {
    let Command { value, shell, arguments, uris, environment, user } = entry.executor.command;
    let uris = uris.into_iter().map(|uri| Uri {
        value: uri.value,
        executable: Some(uri.executable),
        extract: Some(uri.extract),
        cache: Some(uri.cache),
        output_file: uri.output_file,
    });
    let variables: Vec<environment::Variable> = environment
        .variables
        .into_iter()
        .map(|variable| environment::Variable {
            name: variable.name,
            value: Some(variable.value),
            ..environment::Variable::default()
        })
        .collect();
    let mounts = entry.volume_mounts.into_iter().map(|mount| Volume {
        container_path: mount.container_path,
        host_path: Some(mount.host_path),
        mode: match mount.mode {
            MountMode::Rw => Mode::Rw,
            MountMode::Ro => Mode::Ro,
        }
        .into(),
        ..Volume::default()
    });
    Ok(CustomExecutor {
        command: CommandInfo {
            value: Some(value),
            shell: Some(shell),
            arguments,
            uris: uris.collect(),
            environment: (!variables.is_empty()).then_some(Environment { variables }),
            user,
        },
        overhead: overhead(&entry.executor.resources)?,
        task_prefix: entry.task_prefix,
        mounts: mounts.collect(),
    })
}

fn overhead(resources: &[Scalar]) -> Result<Resources, String> {
    let mut overhead = Resources::default();
    for Scalar { name, scalar, .. } in resources {
        let value = scalar.value;
        if !value.is_finite() || value < 0.0 {
            return Err(format!("{value} is no amount of {name}"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates")]
        let whole = value.ceil() as i64;
        match name.as_str() {
            "cpus" => overhead.cpus = MilliCpus::from_cores(value),
            "mem" => overhead.ram = Megabytes(whole),
            "disk" => overhead.disk = Megabytes(whole),
            "gpus" => overhead.gpus = whole,
            _ => return Err(format!("`{name}` is none of the resources cpus, mem, disk, gpus")),
        }
    }
    Ok(overhead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CustomExecutors, CustomExecutorError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("executors.json");
        std::fs::write(&file, text).unwrap();
        read_custom_executors(&file)
    }

    #[test]
    fn upstreams_example_is_understood() {
        let executors = read(
            r#"[{
              "executor": {
                "command": {
                  "value": "echo hello", "shell": "true", "arguments": ["arg1"],
                  "uris": [{"value": "/bin/x", "executable": true, "extract": false, "cache": true}],
                  "environment": {"variables": [{"name": "A", "value": "1"}]}
                },
                "name": "CustomExecutor",
                "resources": [
                  {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}},
                  {"name": "mem", "type": "SCALAR", "scalar": {"value": 512}}
                ]
              },
              "task_prefix": "my-executor-",
              "volume_mounts": [{"mode": "RO", "container_path": "/path1", "host_path": "/mnt"}]
            }]"#,
        )
        .unwrap();
        let executor = &executors["CustomExecutor"];
        assert_eq!((executor.overhead.cpus.0, executor.overhead.ram.0), (1500, 512));
        assert_eq!((executor.task_prefix.as_str(), executor.command.shell), ("my-executor-", Some(true)));
        assert_eq!(executor.mounts[0].container_path, "/path1");
        assert_eq!(executor.command.uris[0].cache, Some(true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("{}", "it must be a list"),
            (r#"[{"executor": {"name": "a", "command": {"value": "x"}, "container": {}}}]"#, "`container`"),
            (r#"[{"executor": {"name": "", "command": {"value": "x"}}}]"#, "it needs a name"),
            (
                r#"[{"executor": {"name": "a", "command": {"value": "x"}, "resources": [{"name": "ports", "scalar": {"value": 1}}]}}]"#,
                "executor `a`: `ports` is none of the resources",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(matches!(
            read_custom_executors(Path::new("/nonexistent")),
            Err(CustomExecutorError::Unreadable { .. })
        ));
    }
}
