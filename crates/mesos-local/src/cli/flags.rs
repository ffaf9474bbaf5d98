//! Flags that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use crate::agent::{AgentConfig, ReconfigurationPolicy};
use crate::container::docker::DockerConfig;
use crate::duration::parse_duration;
use crate::master::{Credentials, MasterConfig};

/// What one agent offers by default, but for its ports.
const SCALARS: &str = "cpus:4;mem:4096;disk:20000";
/// What an agent offers by default.
pub const DEFAULT_RESOURCES: &str = "cpus:4;mem:4096;disk:20000;ports:[31000-32000]";

/// Flags of Mesos that may come from the environment as `MESOS_NAME`.
const FROM_ENVIRONMENT: [&str; 27] = [
    "allocation_interval",
    "agent_ping_timeout",
    "max_agent_ping_timeouts",
    "agent_reregister_timeout",
    "reconfiguration_policy",
    "recover",
    "executor_registration_timeout",
    "executor_reregistration_timeout",
    "executor_shutdown_grace_period",
    "recovery_timeout",
    "gc_delay",
    "gc_disk_headroom",
    "disk_watch_interval",
    "authenticate_http_frameworks",
    "http_framework_authenticators",
    "credentials",
    "switch_user",
    "containerizers",
    "docker",
    "docker_socket",
    "docker_remove_delay",
    "docker_stop_timeout",
    "docker_kill_orphans",
    "executor_environment_variables",
    "hostname",
    "attributes",
    "resources",
];

/// Which of them each command takes.
fn takes(command: &str, flag: &str) -> bool {
    let is_of_master = matches!(
        flag,
        "allocation_interval"
            | "agent_ping_timeout"
            | "max_agent_ping_timeouts"
            | "agent_reregister_timeout"
            | "authenticate_http_frameworks"
            | "http_framework_authenticators"
            | "credentials"
    );
    match command {
        "master" => is_of_master,
        "agent" => !is_of_master,
        "run" => flag != "hostname",
        _ => false,
    }
}

/// Writes flags with dashes, and adds those that only the environment names.
pub fn normalise(
    arguments: impl IntoIterator<Item = String>,
    environment: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut normal: Vec<String> = arguments
        .into_iter()
        .map(|argument| {
            let Some(flag) = argument.strip_prefix("--") else { return argument };
            let (name, value) =
                flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            let name = name.replace('_', "-");
            value.map_or_else(|| format!("--{name}"), |value| format!("--{name}={value}"))
        })
        .collect();
    let Some(command) = normal.get(1).cloned() else { return normal };
    for flag in FROM_ENVIRONMENT.into_iter().filter(|flag| takes(&command, flag)) {
        let name = format!("--{}", flag.replace('_', "-"));
        let is_given =
            normal.iter().any(|argument| *argument == name || argument.starts_with(&format!("{name}=")));
        if let (false, Some(value)) = (is_given, environment(&format!("MESOS_{}", flag.to_uppercase()))) {
            normal.push(format!("{name}={value}"));
        }
    }
    normal
}

/// Settings of the master.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Master")]
pub struct MasterFlags {
    /// How often free resources are offered
    #[arg(long, default_value = "100ms", value_parser = parse_duration)]
    allocation_interval: Duration,
    /// How often schedulers hear a heartbeat
    #[arg(long, default_value = "15secs", value_parser = parse_duration)]
    heartbeat_interval: Duration,
    /// How long an agent may take to answer a ping
    #[arg(long, default_value = "15secs", value_parser = parse_duration)]
    agent_ping_timeout: Duration,
    /// After how many unanswered pings in a row an agent is unreachable
    #[arg(long, default_value_t = 5)]
    max_agent_ping_timeouts: u32,
    /// How long agents may take to come back after a restart of the master
    #[arg(long, default_value = "10mins", value_parser = parse_duration)]
    agent_reregister_timeout: Duration,
    /// Let only frameworks in that prove to be one of the principals of --credentials
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set)]
    authenticate_http_frameworks: bool,
    /// How they prove it: basic is all there is
    #[arg(long, default_value = "basic", value_parser = ["basic"])]
    http_framework_authenticators: String,
    /// A file: {"credentials": [{"principal": "NAME", "secret": "SECRET"}]}
    #[arg(long)]
    credentials: Option<PathBuf>,
}

impl MasterFlags {
    pub fn config(&self, work_dir: PathBuf) -> anyhow::Result<MasterConfig> {
        let credentials = match (&self.credentials, self.authenticate_http_frameworks) {
            (Some(path), true) => Some(Credentials::read(path)?),
            (None, true) => {
                bail!("--authenticate-http-frameworks needs --credentials: a file that says who is known")
            }
            (Some(_), false) => {
                bail!("--credentials changes nothing without --authenticate-http-frameworks: add it")
            }
            (None, false) => None,
        };
        Ok(MasterConfig {
            credentials,
            allocation_interval: self.allocation_interval.max(Duration::from_millis(1)),
            heartbeat_interval: self.heartbeat_interval.max(Duration::from_millis(1)),
            agent_ping_timeout: self.agent_ping_timeout.max(Duration::from_millis(1)),
            max_agent_ping_timeouts: self.max_agent_ping_timeouts.max(1),
            agent_reregister_timeout: self.agent_reregister_timeout,
            ..MasterConfig::new(work_dir)
        })
    }
}

/// Settings of every agent.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Agents")]
pub struct AgentFlags {
    /// Which changes of attributes and resources keep an agent's id: equal (none) or additive
    #[arg(long, default_value = "equal")]
    reconfiguration_policy: ReconfigurationPolicy,
    /// reconnect takes the executors of before back; cleanup ends them, and then the agent, which never registers
    #[arg(long, default_value = "reconnect", value_parser = ["reconnect", "cleanup"])]
    recover: String,
    /// Accept all changes: the agent gets a new id, its executors are killed and their tasks are lost
    #[arg(long)]
    accept_agent_changes: bool,
    /// How long an executor may take from its launch to its subscription
    #[arg(long, default_value = "1mins", value_parser = parse_duration)]
    executor_registration_timeout: Duration,
    /// How long executors may take to subscribe again after a restart of the agent
    #[arg(long, default_value = "2secs", value_parser = parse_duration)]
    executor_reregistration_timeout: Duration,
    /// How long an executor may take to end after SHUTDOWN
    #[arg(long, default_value = "5secs", value_parser = parse_duration)]
    executor_shutdown_grace_period: Duration,
    /// How long executors wait for a dead agent
    #[arg(long, default_value = "15mins", value_parser = parse_duration)]
    recovery_timeout: Duration,
    /// How old the sandbox of an ended executor may become, on an empty disk
    #[arg(long, default_value = "1weeks", value_parser = parse_duration)]
    gc_delay: Duration,
    /// The part of the disk that must stay free: the fuller it is, the younger sandboxes go
    #[arg(long, default_value_t = 0.1)]
    gc_disk_headroom: f64,
    /// How often old sandboxes are looked for
    #[arg(long, default_value = "1mins", value_parser = parse_duration)]
    disk_watch_interval: Duration,
    /// As root, run executors as the user they name, if this machine has it
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    switch_user: bool,
    /// What containers there are: mesos (processes of this machine), or docker,mesos
    #[arg(long, default_value = "mesos", value_parser = parse_containerizers)]
    containerizers: Containerizers,
    /// The command of the Docker engine
    #[arg(long, default_value = "docker")]
    docker: PathBuf,
    /// The socket of the Docker engine
    #[arg(long, default_value = "/var/run/docker.sock")]
    docker_socket: PathBuf,
    /// How long an ended Docker container can still be looked at
    #[arg(long, default_value = "6hrs", value_parser = parse_duration)]
    docker_remove_delay: Duration,
    /// How long a Docker container may take to end after SIGTERM
    #[arg(long, default_value = "0secs", value_parser = parse_duration)]
    docker_stop_timeout: Duration,
    /// Remove Docker containers that earlier runs of the agent left
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    docker_kill_orphans: bool,
    /// Variables of every executor, as a JSON object
    #[arg(long)]
    executor_environment_variables: Option<String>,
}

impl AgentFlags {
    pub fn is_cleanup(&self) -> bool {
        self.recover == "cleanup"
    }

    /// How long an agent waits for executors of before, before it registers.
    pub const fn longest_recovery(&self) -> Duration {
        self.executor_reregistration_timeout
    }

    pub fn config(&self, master: String, work_dir: PathBuf, hostname: String) -> anyhow::Result<AgentConfig> {
        let executor_environment = match &self.executor_environment_variables {
            None => std::collections::BTreeMap::new(),
            Some(text) => serde_json::from_str(text).with_context(|| {
                format!("--executor-environment-variables wants a JSON object of strings, not {text:?}")
            })?,
        };
        ensure!(
            (0.0..=1.0).contains(&self.gc_disk_headroom),
            "--gc-disk-headroom is a part of the disk, from 0 to 1, not {}",
            self.gc_disk_headroom
        );
        Ok(AgentConfig {
            gc_delay: self.gc_delay,
            gc_disk_headroom: self.gc_disk_headroom,
            disk_watch_interval: self.disk_watch_interval,
            reconfiguration_policy: self.reconfiguration_policy,
            is_cleanup: self.is_cleanup(),
            accept_changes: self.accept_agent_changes,
            executor_registration_timeout: self.executor_registration_timeout,
            executor_reregistration_timeout: self.executor_reregistration_timeout,
            executor_shutdown_grace_period: self.executor_shutdown_grace_period,
            recovery_timeout: self.recovery_timeout,
            switch_user: self.switch_user,
            docker: self.containerizers.docker.then(|| DockerConfig {
                program: self.docker.clone(),
                socket: self.docker_socket.clone(),
                remove_delay: self.docker_remove_delay,
                stop_timeout: self.docker_stop_timeout,
                kill_orphans: self.docker_kill_orphans,
            }),
            executor_environment,
            ..AgentConfig::new(master, work_dir, hostname)
        })
    }
}

/// The value of `--containerizers`. Processes of this machine are always among them.
#[derive(Clone, Copy, Debug)]
struct Containerizers {
    docker: bool,
}

fn parse_containerizers(text: &str) -> Result<Containerizers, String> {
    let mut docker = false;
    for name in text.split(',').map(str::trim) {
        match name {
            "docker" => docker = true,
            "mesos" => {}
            other => return Err(format!("{other:?} is no kind of container: there are docker and mesos")),
        }
    }
    Ok(Containerizers { docker })
}

/// The shape of a cluster.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterFlags {
    /// How many agents (`run`: 1, `up`: 3)
    #[arg(long)]
    pub agents: Option<u16>,
    /// The master's port; agent i listens on the i-th port after it. 0 for any free ports (`run` only)
    #[arg(long, default_value_t = 5050)]
    pub port: u16,
    /// Agents take these racks in turn; '' for no attributes at all
    #[arg(long, default_value = "a,b")]
    pub racks: String,
    /// Attributes of every agent, in place of host:agent-i;rack:R
    #[arg(long)]
    pub attributes: Option<String>,
    /// Resources of every agent, in place of cpus:4;mem:4096;disk:20000 and its ports
    #[arg(long)]
    pub resources: Option<String>,
    /// Ports for tasks, as in 20000-20999, divided among the agents
    #[arg(long, value_parser = parse_ports)]
    pub ports: Option<(u16, u16)>,
}

fn parse_ports(text: &str) -> Result<(u16, u16), String> {
    let error = || format!("{text:?} is no range of ports: write it as in 20000-20999");
    let (first, last) = text.split_once('-').ok_or_else(error)?;
    let ports = (first.parse().map_err(|_| error())?, last.parse().map_err(|_| error())?);
    if ports.0 <= ports.1 { Ok(ports) } else { Err(error()) }
}

impl ClusterFlags {
    /// Attributes of agent `i`, counted from 1.
    pub fn attributes_of(&self, i: u16) -> String {
        let racks: Vec<&str> = self.racks.split(',').filter(|rack| !rack.is_empty()).collect();
        match (&self.attributes, racks.as_slice()) {
            (Some(attributes), _) => attributes.clone(),
            (None, []) => String::new(),
            (None, racks) => {
                format!("host:agent-{i};rack:{}", racks[usize::from(i.saturating_sub(1)) % racks.len()])
            }
        }
    }

    /// Resources of agent `i` of `count`, counted from 1. Tasks of one machine share its network, so no two agents
    /// offer the same port.
    pub fn resources_of(&self, i: u16, count: u16) -> String {
        if let Some(resources) = &self.resources {
            return resources.clone();
        }
        let (i, count) = (u32::from(i.max(1)), u32::from(count.max(1)));
        let (first, last) = match self.ports {
            Some((first, last)) => {
                let width = ((u32::from(last) - u32::from(first) + 1) / count).max(1);
                let begin = u32::from(first) + (i - 1) * width;
                (begin, if i == count { u32::from(last).max(begin) } else { begin + width - 1 })
            }
            None if i == 1 => (31_000, 32_000),
            // Downwards, away from the ports that the kernel gives to outgoing connections (from 32768).
            None => {
                let width = (28_000 / count).min(1_000);
                (31_000 - (i - 1) * width, 31_000 - (i - 2) * width - 1)
            }
        };
        format!("{SCALARS};ports:[{first}-{last}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> ClusterFlags {
        ClusterFlags {
            agents: None,
            port: 5050,
            racks: "a,b".to_owned(),
            attributes: None,
            resources: None,
            ports: None,
        }
    }

    #[test]
    fn no_two_agents_offer_the_same_port() {
        let flags = flags();
        assert_eq!(flags.resources_of(1, 3), DEFAULT_RESOURCES);
        assert!(flags.resources_of(2, 3).ends_with("ports:[30000-30999]"));
        // The number of agents may change without touching those that are there.
        assert_eq!(flags.resources_of(2, 3), flags.resources_of(2, 20));
        for count in [1, 5, 28, 100] {
            let mut seen = crate::resources::Resources::default();
            for i in 1..=count {
                let own = crate::resources::parse_resources(&flags.resources_of(i, count), "*").unwrap();
                let before = seen.by_name().get("ports").cloned();
                seen.add(&own);
                let (before, after) =
                    (before.map(|ports| ports.to_string()), seen.by_name()["ports"].to_string());
                assert_ne!(before, Some(after), "agent {i} of {count}");
            }
        }
        let flags = ClusterFlags { ports: Some((20_000, 20_009)), ..flags };
        assert!(flags.resources_of(1, 3).ends_with("ports:[20000-20002]"));
        assert!(flags.resources_of(3, 3).ends_with("ports:[20006-20009]"));
    }

    #[test]
    fn agents_take_racks_in_turn() {
        assert_eq!(flags().attributes_of(1), "host:agent-1;rack:a");
        assert_eq!(flags().attributes_of(3), "host:agent-3;rack:a");
        assert_eq!(ClusterFlags { racks: String::new(), ..flags() }.attributes_of(1), "");
    }

    #[test]
    fn flags_come_with_dashes_underscores_or_from_the_environment() {
        let environment = |name: &str| (name == "MESOS_AGENT_PING_TIMEOUT").then(|| "1secs".to_owned());
        let normal =
            |arguments: &[&str]| normalise(arguments.iter().map(|one| (*one).to_owned()), environment);
        assert_eq!(
            normal(&["x", "master", "--work_dir=/a_b", "--port", "1"]),
            ["x", "master", "--work-dir=/a_b", "--port", "1", "--agent-ping-timeout=1secs"]
        );
        assert_eq!(
            normal(&["x", "run", "--agent_ping_timeout", "2secs"]),
            ["x", "run", "--agent-ping-timeout", "2secs"]
        );
        assert_eq!(normal(&["x", "agent"]), ["x", "agent"]);
    }
}
