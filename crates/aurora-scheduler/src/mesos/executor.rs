//! The executor that runs tasks on agents: which program, with what, at what cost (`spec/mesos.md` §5.6).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use aurora_api::amounts::{MilliCpus, Resources};
use clap::ArgAction;
use mesos_v1::messages::command_info::Uri;
use mesos_v1::messages::volume::Mode;
use mesos_v1::messages::{CommandInfo, Volume};

use super::custom_executor::{CustomExecutorError, CustomExecutors, read_custom_executors};
use crate::flags::amounts::DataAmount;

/// The name of the built-in executor (`spec/api.md` §1.2).
pub const AURORA_EXECUTOR: &str = "AuroraExecutor";

/// What stands before a task's id in its executor's id.
pub const TASK_PREFIX: &str = "thermos-";

/// What runs tasks on agents.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Executor")]
pub struct ExecutorFlags {
    /// The executor program, as a path on the agents or a URI they can fetch.
    #[arg(long = "thermos_executor_path", value_name = "URI")]
    pub thermos_executor_path: Option<String>,
    /// Start the executor where -thermos_executor_path is on the agents, instead of having it copied into each sandbox: its tasks
    /// then share its memory, and start faster. Not for Docker containers, which do not see the agent's files. Ours, not upstream's.
    #[arg(long = "thermos_executor_in_place", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub thermos_executor_in_place: bool,
    /// More files for the executor's sandbox, separated by commas.
    #[arg(long = "thermos_executor_resources", value_name = "URI", value_delimiter = ',')]
    pub thermos_executor_resources: Vec<String>,
    /// Flags for the executor.
    #[arg(long = "thermos_executor_flags", allow_hyphen_values = true)]
    pub thermos_executor_flags: Option<String>,
    /// Processors that each executor needs besides its task. Ours was measured to take at most 0.0002 of one while its task
    /// runs, checks of health every 10 s included, and 0.03 s of one to start, which is 0.003 over its first 10 s. The double of
    /// that is 0.0004 and 0.006, both below 0.01, the least that Mesos takes without a warning: so that is the default.
    /// Upstream's, for an executor in Python, is 0.25.
    #[arg(long = "thermos_executor_cpu", default_value_t = 0.01)]
    pub thermos_executor_cpu: f64,
    /// Memory that each executor needs besides its task. Ours was measured to use 8 MB with its runner, coordinator and shell,
    /// what they share counted for each; the default is the double of that. Upstream's, for an executor in Python, is 128MB.
    #[arg(long = "thermos_executor_ram", default_value = "16MB")]
    pub thermos_executor_ram: DataAmount,
    /// Let executors have their sandbox as home directory.
    #[arg(long = "thermos_home_in_sandbox", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub thermos_home_in_sandbox: bool,
    /// Directories of the agents that all containers see, as host:container:mode, separated by commas.
    #[arg(long = "global_container_mounts", value_delimiter = ',')]
    pub global_container_mounts: Vec<Mount>,
    /// A file with executors that jobs can name besides the built-in one: a JSON list of executor, task_prefix, volume_mounts.
    #[arg(long = "custom_executor_config", value_name = "FILE")]
    pub custom_executor_config: Option<PathBuf>,
    /// Describe tasks for service discovery.
    #[arg(long = "populate_discovery_info", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub populate_discovery_info: bool,
}

/// A directory of the agents in containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    host: String,
    container: String,
    mode: Mode,
}

/// A text that is no mount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not host:container:mode with the mode rw or ro, as in /etc/ssl:/etc/ssl:ro")]
pub struct MountError(String);

impl FromStr for Mount {
    type Err = MountError;

    fn from_str(text: &str) -> Result<Self, MountError> {
        let parts: Vec<&str> = text.split(':').collect();
        let mode = match parts.get(2) {
            Some(&"rw") => Some(Mode::Rw),
            Some(&"ro") => Some(Mode::Ro),
            _ => None,
        };
        match (parts.as_slice(), mode) {
            ([host, container, _], Some(mode)) if !host.is_empty() && !container.is_empty() => {
                Ok(Self { host: (*host).to_owned(), container: (*container).to_owned(), mode })
            }
            _ => Err(MountError(text.to_owned())),
        }
    }
}

impl Mount {
    /// As Mesos wants it.
    pub fn volume(&self) -> Volume {
        Volume {
            container_path: self.container.clone(),
            host_path: Some(self.host.clone()),
            mode: self.mode.into(),
            ..Volume::default()
        }
    }
}

/// What is needed to describe an executor to Mesos.
#[derive(Clone, Debug, Default)]
pub struct ExecutorSettings {
    /// Its program; without one, no task of the built-in executor can be launched.
    pub path: Option<String>,
    /// Whether the agents start it where it is.
    pub is_in_place: bool,
    /// Files beside the program.
    pub resources: Vec<String>,
    /// Its flags.
    pub flags: String,
    /// What it needs besides the task.
    pub overhead: Resources,
    /// Whether its home is the sandbox.
    pub home_in_sandbox: bool,
    /// Directories in all containers.
    pub mounts: Vec<Mount>,
    /// Whether tasks are described for service discovery.
    pub discovery: bool,
    /// Executors of others, which go before the built-in one.
    pub custom: CustomExecutors,
}

impl ExecutorFlags {
    /// What each executor needs besides its task.
    pub fn overhead(&self) -> Resources {
        Resources {
            cpus: MilliCpus::from_cores(self.thermos_executor_cpu),
            ram: self.thermos_executor_ram.megabytes(),
            ..Resources::default()
        }
    }

    /// As plain settings.
    ///
    /// # Errors
    /// The file of `-custom_executor_config` cannot be used.
    pub fn settings(&self) -> Result<ExecutorSettings, CustomExecutorError> {
        Ok(ExecutorSettings {
            path: self.thermos_executor_path.clone(),
            is_in_place: self.thermos_executor_in_place,
            resources: self
                .thermos_executor_resources
                .iter()
                .filter(|uri| !uri.is_empty())
                .cloned()
                .collect(),
            flags: self.thermos_executor_flags.clone().unwrap_or_default(),
            overhead: self.overhead(),
            home_in_sandbox: self.thermos_home_in_sandbox,
            mounts: self.global_container_mounts.clone(),
            discovery: self.populate_discovery_info,
            custom: self
                .custom_executor_config
                .as_deref()
                .map(read_custom_executors)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

impl ExecutorSettings {
    /// What each executor needs besides its task, by the executor's name.
    pub fn overheads(&self) -> BTreeMap<Arc<str>, Resources> {
        let mut overheads = BTreeMap::from([(Arc::from(AURORA_EXECUTOR), self.overhead)]);
        overheads.extend(self.custom.iter().map(|(name, custom)| (Arc::clone(name), custom.overhead)));
        overheads
    }

    /// How an agent starts the executor, with the files of the task.
    pub fn command(&self, path: &str, is_docker: bool, task_files: impl Iterator<Item = Uri>) -> CommandInfo {
        let executable = |uri: &str| Uri { value: uri.to_owned(), executable: Some(true), ..Uri::default() };
        let resources = self.resources.iter().map(|uri| executable(uri));
        if self.is_in_place && path.starts_with('/') && !is_docker {
            return CommandInfo {
                uris: resources.chain(task_files).collect(),
                ..self.command_in_place(path)
            };
        }
        let program = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
        let value = format!("{}${{MESOS_SANDBOX=.}}/{program} {}", self.home(), self.flags).trim().to_owned();
        CommandInfo {
            uris: std::iter::once(executable(path)).chain(resources).chain(task_files).collect(),
            value: Some(value),
            shell: Some(true),
            ..CommandInfo::default()
        }
    }

    /// Without a shell, unless something in it needs one.
    fn command_in_place(&self, path: &str) -> CommandInfo {
        let is_plain =
            |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " -_./=:,@%+".contains(c));
        if is_plain(path) && !path.contains(' ') && is_plain(&self.flags) && !self.home_in_sandbox {
            let words = std::iter::once(path).chain(self.flags.split_ascii_whitespace());
            return CommandInfo {
                value: Some(path.to_owned()),
                arguments: words.map(str::to_owned).collect(),
                shell: Some(false),
                ..CommandInfo::default()
            };
        }
        let value = format!("{}'{}' {}", self.home(), path.replace('\'', "'\\''"), self.flags);
        CommandInfo { value: Some(value.trim().to_owned()), shell: Some(true), ..CommandInfo::default() }
    }

    const fn home(&self) -> &'static str {
        if self.home_in_sandbox { "HOME=${MESOS_SANDBOX=.} " } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_the_program_in_the_sandbox() {
        let settings = ExecutorSettings {
            flags: "--nosetuid".to_owned(),
            resources: vec!["http://host/extra".to_owned()],
            ..ExecutorSettings::default()
        };
        let command = settings.command("/usr/share/aurora/bin/thermos_executor", false, std::iter::empty());
        assert_eq!(command.value.as_deref(), Some("${MESOS_SANDBOX=.}/thermos_executor --nosetuid"));
        let uris: Vec<_> = command.uris.iter().map(|uri| (uri.value.as_str(), uri.executable)).collect();
        assert_eq!(
            uris,
            [("/usr/share/aurora/bin/thermos_executor", Some(true)), ("http://host/extra", Some(true))]
        );
        let at_home = ExecutorSettings { home_in_sandbox: true, ..ExecutorSettings::default() };
        let command = at_home.command("thermos", false, std::iter::empty());
        assert_eq!(command.value.as_deref(), Some("HOME=${MESOS_SANDBOX=.} ${MESOS_SANDBOX=.}/thermos"));
    }

    #[test]
    fn an_executor_in_place_is_started_where_it_is() {
        let settings = ExecutorSettings {
            is_in_place: true,
            flags: "--nosetuid --announcer-ensemble=zk:2181".to_owned(),
            ..ExecutorSettings::default()
        };
        let path = "/usr/bin/thermos_executor";
        let command = settings.command(path, false, std::iter::empty());
        assert_eq!(
            (command.shell, command.value.as_deref(), command.uris.len()),
            (Some(false), Some(path), 0)
        );
        assert_eq!(command.arguments, [path, "--nosetuid", "--announcer-ensemble=zk:2181"]);
        // A container has no files of the agent, and an address is none of its paths.
        for (path, is_docker) in [(path, true), ("http://host/thermos_executor", false)] {
            let command = settings.command(path, is_docker, std::iter::empty());
            assert_eq!(command.uris[0].value, path);
            assert!(command.value.unwrap().starts_with("${MESOS_SANDBOX=.}/thermos_executor"));
        }
        let quoted = ExecutorSettings { flags: "--log_dir='a b'".to_owned(), ..settings };
        let command = quoted.command("/opt/it's/x", false, std::iter::empty());
        assert_eq!(command.value.as_deref(), Some("'/opt/it'\\''s/x' --log_dir='a b'"));
        assert_eq!(command.shell, Some(true));
    }

    #[test]
    fn mounts_need_all_three_parts() {
        let mount: Mount = "/etc:/mnt/etc:ro".parse().unwrap();
        assert_eq!(mount.volume().container_path, "/mnt/etc");
        for text in ["/etc", "/etc:/etc", "/etc:/etc:rwx", ":/etc:ro", "a:b:c:ro"] {
            assert!(text.parse::<Mount>().is_err(), "{text}");
        }
    }
}
