//! Docker containers through the engine's command line (`spec/mesos.md` §7.1).
//!
//! `docker run` stays in the foreground below the launch helper, as any executor would: so its output is in the sandbox, its
//! exit status is kept while there is no agent, and an agent that comes back finds it. What the client cannot do is end the
//! container: that is asked of the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mesos_v1::messages as v1;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, CheckpointError};
use crate::resources::Resources;

/// Where a container sees its sandbox.
pub const SANDBOX_IN_CONTAINER: &str = "/mnt/mesos/sandbox";
/// The label of all containers of an agent: its work directory.
const LABEL: &str = "mesos-local.work-dir";
/// How long a command may take that the engine does at once.
const COMMAND_PATIENCE: Duration = Duration::from_secs(60);
/// The least a container gets (`spec/mesos.md` §7.1).
const MIN_CPU_SHARES: f64 = 2.0;
const MIN_MEMORY_MB: f64 = 32.0;
/// The client's status when the engine could not do what it was asked.
const ENGINE_FAILED: i32 = 125;

/// How an agent reaches its engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerConfig {
    /// The command.
    pub program: PathBuf,
    /// The engine's socket.
    pub socket: PathBuf,
    /// How long an ended container can still be looked at.
    pub remove_delay: Duration,
    /// How long a container may take to end after SIGTERM.
    pub stop_timeout: Duration,
    /// Whether containers that an earlier run of the agent left are removed.
    pub kill_orphans: bool,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            program: PathBuf::from("docker"),
            socket: PathBuf::from("/var/run/docker.sock"),
            remove_delay: Duration::from_secs(6 * 3600),
            stop_timeout: Duration::ZERO,
            kill_orphans: true,
        }
    }
}

/// An agent's way to the engine.
#[derive(Clone, Debug)]
pub struct Docker {
    /// How to reach it.
    pub config: DockerConfig,
    /// Whose containers these are.
    pub work_dir: PathBuf,
}

/// What `docker run` is to be called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerCommand {
    /// All arguments, the command's name first.
    pub argv: Vec<String>,
    /// The client's environment: `-e NAME` takes its value from there, so that no value shows in a list of processes.
    pub environment: BTreeMap<String, String>,
}

/// What is known of a container before it runs.
#[derive(Debug)]
pub struct DockerTask<'a> {
    /// The container's id.
    pub id: &'a str,
    /// What the framework wants.
    pub container: &'a v1::ContainerInfo,
    /// What runs in it.
    pub command: &'a v1::CommandInfo,
    /// Of the executor and its first task.
    pub resources: &'a Resources,
    /// The executor's environment as it would be outside of a container.
    pub environment: BTreeMap<String, String>,
    /// The sandbox on this host.
    pub sandbox: &'a Path,
}

/// The name of a container.
#[must_use]
pub fn container_name(id: &str) -> String {
    format!("mesos-{id}")
}

/// The image, with its tag.
#[must_use]
pub fn image_with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains(':') || image.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

impl Docker {
    /// The call that runs a container in the foreground.
    ///
    /// # Errors
    /// What it asks for cannot be had, in words.
    pub fn run_command(&self, task: DockerTask<'_>) -> Result<DockerCommand, String> {
        let info = task.container.docker.clone().unwrap_or_default();
        let name = container_name(task.id);
        let mut argv = self.base();
        argv.push("run".to_owned());
        if info.privileged() {
            argv.push("--privileged".to_owned());
        }
        let shares = (task.resources.scalar("cpus") * 1024.0).max(MIN_CPU_SHARES);
        argv.extend(["--cpu-shares".to_owned(), format!("{shares:.0}")]);
        let memory = task.resources.scalar("mem").max(MIN_MEMORY_MB) * f64::from(1 << 20);
        argv.extend(["--memory".to_owned(), format!("{memory:.0}")]);

        let mut environment = task.environment;
        environment.insert("MESOS_SANDBOX".to_owned(), SANDBOX_IN_CONTAINER.to_owned());
        environment.insert("MESOS_CONTAINER_NAME".to_owned(), name.clone());
        for (name, value) in &environment {
            // These the client needs for itself.
            let is_of_client = matches!(name.as_str(), "PATH" | "HOME") || name.starts_with("DOCKER_");
            argv.push("-e".to_owned());
            argv.push(if is_of_client { format!("{name}={value}") } else { name.clone() });
        }
        environment.retain(|name, _| !name.starts_with("DOCKER_"));
        environment.insert("HOME".to_owned(), task.sandbox.display().to_string());
        if let Ok(path) = std::env::var("PATH") {
            environment.insert("PATH".to_owned(), path);
        }

        argv.extend(volumes(&task.container.volumes, task.sandbox)?);
        argv.extend(["-v".to_owned(), format!("{}:{SANDBOX_IN_CONTAINER}", task.sandbox.display())]);
        argv.extend(network(&info, task.container, task.resources)?);
        if task.command.shell() {
            argv.extend(["--entrypoint".to_owned(), "/bin/sh".to_owned()]);
        }
        argv.extend(["--label".to_owned(), format!("{LABEL}={}", self.work_dir.display())]);
        argv.extend(["--name".to_owned(), name]);
        for parameter in &info.parameters {
            if parameter.key == "name" {
                return Err("the Docker parameter 'name' is the agent's own: leave it out".to_owned());
            }
            argv.push(format!("--{}={}", parameter.key, parameter.value));
        }
        argv.push(image_with_tag(&info.image));
        let value = task.command.value.clone();
        if task.command.shell() {
            argv.extend(["-c".to_owned(), value.unwrap_or_default()]);
        } else {
            argv.extend(value);
            argv.extend(task.command.arguments.iter().cloned());
        }
        Ok(DockerCommand { argv, environment })
    }

    fn base(&self) -> Vec<String> {
        let socket = format!("unix://{}", self.config.socket.display());
        vec![self.config.program.display().to_string(), "-H".to_owned(), socket]
    }

    /// Has the engine fetch an image, unless it is there.
    ///
    /// # Errors
    /// The engine cannot be asked, or has not got the image, in its own words.
    pub async fn pull(&self, image: &str, is_forced: bool, sandbox: &Path) -> Result<(), String> {
        let image = image_with_tag(image);
        let is_there = !is_forced && self.ask(&["image", "inspect", &image], None).await.is_ok();
        if is_there {
            return Ok(());
        }
        // Credentials that were fetched into the sandbox are looked for in the home directory.
        self.ask_patiently(&["pull", &image], Some(sandbox)).await.map(|_| ())
    }

    /// Ends a container; one that is gone is as good.
    pub async fn stop(&self, id: &str) {
        let timeout = self.config.stop_timeout.as_secs().to_string();
        let name = container_name(id);
        if self.ask(&["stop", "-t", &timeout, &name], None).await.is_err() {
            let _ = self.ask(&["kill", &name], None).await;
        }
    }

    /// Removes a container and what it wrote; one that is gone is as good.
    pub async fn remove(&self, id: &str) {
        let _ = self.ask(&["rm", "-f", "-v", &container_name(id)], None).await;
    }

    /// The names of all containers of this agent, ended ones too.
    ///
    /// # Errors
    /// The engine cannot be asked.
    pub async fn own_containers(&self) -> Result<Vec<String>, String> {
        let filter = format!("label={LABEL}={}", self.work_dir.display());
        let listed = self.ask(&["ps", "-a", "--filter", &filter, "--format", "{{.Names}}"], None).await?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Removes the agent's containers but for those that are named.
    ///
    /// # Errors
    /// The engine cannot be asked.
    pub async fn remove_orphans(&self, known: &[String]) -> Result<usize, String> {
        let orphans: Vec<String> =
            self.own_containers().await?.into_iter().filter(|name| !known.contains(name)).collect();
        for name in &orphans {
            self.ask(&["rm", "-f", "-v", name], None).await?;
        }
        Ok(orphans.len())
    }

    /// Remembers how the engine is reached, for who cleans up without an agent.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn record(&self) -> Result<(), CheckpointError> {
        let text = serde_json::to_string(&self.config).unwrap_or_default();
        checkpoint::write_text(&record_path(&self.work_dir), &text)
    }

    /// The way to the engine of an agent that has run Docker containers.
    #[must_use]
    pub fn recorded(work_dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(record_path(work_dir)).ok()?;
        Some(Self { config: serde_json::from_str(&text).ok()?, work_dir: work_dir.to_owned() })
    }

    /// Removes all containers of the agent, and waits for it.
    pub fn remove_all(&self) {
        let base = self.base();
        let docker = |arguments: &[&str]| {
            let mut command = std::process::Command::new(&self.config.program);
            command.args(&base[1..]).args(arguments).stdin(Stdio::null()).output()
        };
        let filter = format!("label={LABEL}={}", self.work_dir.display());
        let Ok(listed) = docker(&["ps", "-aq", "--filter", &filter]) else { return };
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let ids: Vec<&str> = listed.split_whitespace().collect();
        if !ids.is_empty() {
            // An engine that does not answer any more has taken its containers with it.
            let _ = docker(&[&["rm", "-f", "-v"], ids.as_slice()].concat());
        }
    }

    async fn ask(&self, arguments: &[&str], home: Option<&Path>) -> Result<String, String> {
        let what = arguments.first().copied().unwrap_or_default();
        tokio::time::timeout(COMMAND_PATIENCE, self.ask_patiently(arguments, home)).await.map_err(|_| {
            format!("the Docker engine has not answered `docker {what}` in {} s", COMMAND_PATIENCE.as_secs())
        })?
    }

    async fn ask_patiently(&self, arguments: &[&str], home: Option<&Path>) -> Result<String, String> {
        let base = self.base();
        let mut command = tokio::process::Command::new(&self.config.program);
        command.args(&base[1..]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(home) = home {
            command.env("HOME", home);
        }
        let output = command.output().await.map_err(|error| {
            format!(
                "cannot run {}: {error}; install the Docker engine, or name its command with --docker",
                self.config.program.display()
            )
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("`docker {}`: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }
}

fn record_path(work_dir: &Path) -> PathBuf {
    work_dir.join("meta/docker.json")
}

/// Why the container never ran, if the client's end says so; its words are the last of the sandbox's `stderr`.
#[must_use]
pub fn refusal(raw: Option<i32>, sandbox: &Path) -> Option<String> {
    if raw != Some(ENGINE_FAILED << 8) {
        return None;
    }
    let text = std::fs::read_to_string(sandbox.join("stderr")).unwrap_or_default();
    let at = text.rfind("docker: ")?;
    Some(text[at..].split("\nSee '").next().unwrap_or_default().trim().to_owned())
}

fn volumes(volumes: &[v1::Volume], sandbox: &Path) -> Result<Vec<String>, String> {
    let mut arguments = Vec::new();
    let mut driver = None;
    for volume in volumes {
        let inside = match volume.container_path.as_str() {
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => format!("{SANDBOX_IN_CONTAINER}/{relative}"),
        };
        let named = volume.source.as_ref().and_then(|source| source.docker_volume.as_ref());
        let outside = match (&volume.host_path, named) {
            (Some(path), _) if path.starts_with('/') => path.clone(),
            (Some(path), _) if volume.container_path.starts_with('/') => {
                sandbox.join(path).display().to_string()
            }
            (Some(path), _) => {
                return Err(format!(
                    "host path '{path}' and container path '{}' of a volume are both relative",
                    volume.container_path
                ));
            }
            (None, Some(named)) => {
                driver = driver.or_else(|| named.driver.clone());
                named.name.clone()
            }
            (None, None) => {
                return Err(format!(
                    "the volume at '{}' has neither a host path nor a Docker volume",
                    volume.container_path
                ));
            }
        };
        let mode = if volume.mode() == v1::volume::Mode::Ro { "ro" } else { "rw" };
        arguments.extend(["-v".to_owned(), format!("{outside}:{inside}:{mode}")]);
    }
    arguments.extend(driver.map(|driver| format!("--volume-driver={driver}")));
    Ok(arguments)
}

fn network(
    info: &v1::container_info::DockerInfo,
    container: &v1::ContainerInfo,
    resources: &Resources,
) -> Result<Vec<String>, String> {
    use v1::container_info::docker_info::Network;
    let is_given = info.parameters.iter().any(|one| matches!(one.key.as_str(), "net" | "network"));
    let network = info.network();
    let name = match network {
        Network::Host => "host".to_owned(),
        Network::Bridge => "bridge".to_owned(),
        Network::None => "none".to_owned(),
        Network::User => match container.network_infos.as_slice() {
            [v1::NetworkInfo { name: Some(name), .. }] => name.clone(),
            _ => return Err("a network of kind USER needs exactly one network info with a name".to_owned()),
        },
    };
    let mut arguments = Vec::new();
    if !is_given {
        arguments.extend(["--net".to_owned(), name]);
    }
    if network != Network::Host
        && let Some(hostname) = &container.hostname
    {
        arguments.extend(["--hostname".to_owned(), hostname.clone()]);
    }
    if matches!(network, Network::Bridge | Network::User) {
        for mapping in &info.port_mappings {
            let port = u64::from(mapping.host_port);
            let wanted = crate::resources::Quantity::ranges(vec![(port, port)]);
            if !resources.by_name().get("ports").is_some_and(|ports| ports.contains(&wanted)) {
                return Err("Port mappings require port resources".to_owned());
            }
            let protocol = mapping.protocol.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
            arguments.push("-p".to_owned());
            arguments.push(format!("{}:{}{protocol}", mapping.host_port, mapping.container_port));
        }
    }
    Ok(arguments)
}

#[cfg(test)]
#[path = "docker_tests.rs"]
mod tests;
