//! One task per container: it fetches, starts the helper, waits for its end, and kills it when asked.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mesos_v1::messages as v1;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::actor::Input;
use super::paths::RunPaths;
use super::state::ExecutorKey;
use crate::checkpoint::{self, Durability};
use crate::container::docker::{self, Docker};
use crate::container::fetch_process::fetch_apart;
use crate::container::launcher::{LAUNCH_COMMAND, LaunchSpec, read_pid, read_status};
use crate::container::process::{ProcessId, kill_container};
use crate::container::users::User;
use mesos_v1::chain;

/// How often a helper that is nobody's child is looked at. Owner: this file.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerEnd {
    /// Its executor was never started.
    NotStarted(String),
    /// Its executor ended with this raw wait status; `None` if nobody saw it.
    Exited(Option<i32>),
}

/// What one container needs.
#[derive(Debug)]
pub struct Container {
    pub key: ExecutorKey,
    pub id: String,
    pub run: RunPaths,
    pub kill: CancellationToken,
    /// For a container of Docker's.
    pub docker: Option<Docker>,
    pub inputs: mpsc::Sender<Input>,
}

/// What a new one needs besides.
#[derive(Debug)]
pub struct Launch {
    pub uris: Vec<v1::command_info::Uri>,
    pub spec: LaunchSpec,
    pub owner: Option<User>,
    pub launcher: PathBuf,
    /// The image of a Docker container, and whether to fetch it anew.
    pub image: Option<(String, bool)>,
}

impl Container {
    /// Starts a new container and stays with it to its end.
    pub async fn launch(self, launch: Launch) {
        let end = match self.start(launch).await {
            Ok(child) => self.attend(child).await,
            Err(problem) => {
                // Of a fetch that was broken off something may still be unpacking.
                self.kill_all(None).await;
                ContainerEnd::NotStarted(problem)
            }
        };
        self.report(end).await;
    }

    async fn start(&self, launch: Launch) -> Result<tokio::process::Child, String> {
        let (list, sandbox) = (self.run.fetch_list(), &self.run.sandbox);
        let fetched = tokio::select! {
            biased;
            () = self.kill.cancelled() => return Err("it was killed while its files were fetched".to_owned()),
            fetched = fetch_apart(&launch.launcher, launch.uris, &list, sandbox) => fetched,
        };
        fetched?;
        if let Some(owner) = launch.owner {
            let sandbox = self.run.sandbox.clone();
            tokio::task::spawn_blocking(move || chown_all(&sandbox, &owner))
                .await
                .map_err(|error| error.to_string())?
                .map_err(|error| format!("cannot give the sandbox to its user: {error}"))?;
        }
        if let (Some(docker), Some((image, is_forced))) = (&self.docker, &launch.image) {
            docker.record().map_err(|error| chain(&error))?;
            tokio::select! {
                biased;
                () = self.kill.cancelled() => return Err(format!("it was killed while the image {image} was fetched")),
                pulled = docker.pull(image, *is_forced, &self.run.sandbox) => pulled?,
            }
        }
        let spec = serde_json::to_vec(&launch.spec).map_err(|error| error.to_string())?;
        let spec_path = self.run.launch_spec();
        checkpoint::write(&spec_path, &spec, Durability::Process).map_err(|error| chain(&error))?;
        let child = tokio::process::Command::new(&launch.launcher)
            .arg(LAUNCH_COMMAND)
            .arg(&spec_path)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.helper_log())
            .current_dir("/")
            .spawn()
            .map_err(|error| {
                format!("cannot start the launch helper {}: {error}", launch.launcher.display())
            })?;
        if let Some(helper) = child.id().and_then(|pid| ProcessId::of(i32::try_from(pid).ok()?)) {
            let started =
                Input::ContainerStarted { key: self.key.clone(), container: self.id.clone(), helper };
            let _ = self.inputs.send(started).await;
        }
        Ok(child)
    }

    /// The helper complains where the executor does.
    fn helper_log(&self) -> Stdio {
        let path = self.run.sandbox.join("stderr");
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_or_else(|_| Stdio::null(), Stdio::from)
    }

    async fn attend(&self, mut child: tokio::process::Child) -> ContainerEnd {
        let status = tokio::select! {
            status = child.wait() => status,
            () = self.kill.cancelled() => {
                let helper = child.id().and_then(|pid| ProcessId::of(i32::try_from(pid).ok()?));
                self.kill_all(helper).await;
                child.wait().await
            }
        };
        self.kill_all(None).await;
        let own = status.ok().map(ExitStatusExt::into_raw);
        self.end_of(read_status(&self.run.status()).or(own))
    }

    /// Stays with a container of before the agent's start, whose helper is not the agent's child.
    pub async fn attend_recovered(self) {
        loop {
            let helper = read_pid(&self.run.helper_pid());
            if helper.is_some_and(|helper| !helper.is_running()) {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = self.kill.cancelled() => {
                    self.kill_all(helper).await;
                    break;
                }
            }
        }
        self.kill_all(None).await;
        let status = read_status(&self.run.status());
        let end = self.end_of(status);
        self.report(end).await;
    }

    fn end_of(&self, raw: Option<i32>) -> ContainerEnd {
        if self.docker.is_none() {
            return ContainerEnd::Exited(raw);
        }
        if let Some(problem) = docker::refusal(raw, &self.run.sandbox) {
            return ContainerEnd::NotStarted(problem);
        }
        // The client ends with 128 and the number of the signal.
        let signal =
            raw.filter(|raw| raw & 0x7f == 0).map(|raw| (raw >> 8) - 128).filter(|number| *number > 0);
        ContainerEnd::Exited(signal.or(raw))
    }

    async fn kill_all(&self, helper: Option<ProcessId>) {
        if let Some(docker) = &self.docker {
            docker.stop(&self.id).await;
        }
        let sandbox = self.run.sandbox.clone();
        let _ = tokio::task::spawn_blocking(move || kill_container(helper, &sandbox)).await;
    }

    async fn report(self, end: ContainerEnd) {
        if let Some(docker) = self.docker {
            let id = self.id.clone();
            tokio::spawn(async move {
                tokio::time::sleep(docker.config.remove_delay).await;
                docker.remove(&id).await;
            });
        }
        let _ = self.inputs.send(Input::ContainerEnded { key: self.key, container: self.id, end }).await;
    }
}

fn chown_all(path: &std::path::Path, owner: &User) -> std::io::Result<()> {
    std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid))?;
    if std::fs::symlink_metadata(path)?.is_dir() {
        for entry in std::fs::read_dir(path)? {
            chown_all(&entry?.path(), owner)?;
        }
    }
    Ok(())
}
