//! An agent: fetches, starts, watches and ends executors, and carries calls and updates between them and the master.
//!
//! One task owns the state (`state`) and takes one `Input` after the other: calls of executors
//! (`server`), orders of the master (`uplink`), ends of containers and timers. What an executor or a task needs after a
//! restart of the agent is on disk before anyone is told (`recover`). Sandboxes lie where a real agent puts them
//! (`spec/mesos.md` §4.2); the other files have a form of their own.

mod actor;
mod changes;
mod containers;
mod ends;
mod executor_calls;
mod files;
mod garbage;
mod launch;
mod operator;
mod paths;
mod recover;
mod server;
mod state;
mod updates;
mod uplink;
mod view;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mesos_v1::messages as v1;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use changes::ReconfigurationPolicy;
pub use recover::kill_containers;

use crate::checkpoint::CheckpointError;
use crate::container::docker::DockerConfig;
use crate::http::ListenError;
use crate::lock::{DirLock, LockError};
use crate::resources::{Resources, Value};

/// How an agent is set up.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The master's `host:port`.
    pub master: String,
    /// Where it listens.
    pub ip: IpAddr,
    /// Where it listens; 0 for any free port.
    pub port: u16,
    /// Where its sandboxes and checkpoints are.
    pub work_dir: PathBuf,
    /// What it calls itself.
    pub hostname: String,
    /// What it offers.
    pub resources: Resources,
    /// Its attributes, in order.
    pub attributes: Vec<(String, Value)>,
    /// What may change between two starts.
    pub reconfiguration_policy: ReconfigurationPolicy,
    /// Whether it only ends the executors of before, and never registers.
    pub is_cleanup: bool,
    /// Takes every change, at the price of a new id and of all that runs.
    pub accept_changes: bool,
    /// How long an executor may take from its launch to its subscription.
    pub executor_registration_timeout: Duration,
    /// How long executors may take to subscribe again after a restart of the agent.
    pub executor_reregistration_timeout: Duration,
    /// How long an executor may take to end after SHUTDOWN.
    pub executor_shutdown_grace_period: Duration,
    /// How long executors wait for a dead agent.
    pub recovery_timeout: Duration,
    /// Whether executors run as the user they name, when the agent is root.
    pub switch_user: bool,
    /// How Docker containers are run, if they are.
    pub docker: Option<DockerConfig>,
    /// Variables of every executor.
    pub executor_environment: BTreeMap<String, String>,
    /// How old the sandbox of an ended executor may become, on an empty disk.
    pub gc_delay: Duration,
    /// The part of the disk, from 0 to 1, that must stay free; the fuller it is, the younger sandboxes go.
    pub gc_disk_headroom: f64,
    /// How often old sandboxes are looked for.
    pub disk_watch_interval: Duration,
    /// The program that knows the sub-commands of the fetch helper and the launch helper.
    pub launcher: PathBuf,
}

impl AgentConfig {
    /// An agent with Mesos's settings, for the helpers in this very program.
    #[must_use]
    pub fn new(master: String, work_dir: PathBuf, hostname: String) -> Self {
        Self {
            master,
            ip: IpAddr::from([127, 0, 0, 1]),
            port: 5051,
            work_dir,
            hostname,
            resources: Resources::default(),
            attributes: Vec::new(),
            reconfiguration_policy: ReconfigurationPolicy::Equal,
            is_cleanup: false,
            accept_changes: false,
            executor_registration_timeout: Duration::from_secs(60),
            executor_reregistration_timeout: Duration::from_secs(2),
            executor_shutdown_grace_period: Duration::from_secs(5),
            recovery_timeout: Duration::from_secs(900),
            switch_user: true,
            docker: None,
            executor_environment: BTreeMap::new(),
            gc_delay: Duration::from_secs(7 * 86_400),
            gc_disk_headroom: 0.1,
            disk_watch_interval: Duration::from_secs(60),
            launcher: PathBuf::from("/proc/self/exe"),
        }
    }

    fn info(&self, port: u16) -> v1::AgentInfo {
        v1::AgentInfo {
            hostname: self.hostname.clone(),
            resources: crate::resources::resources_to_offer(&self.resources, None),
            attributes: self.attributes.iter().map(|(name, value)| value.to_attribute(name)).collect(),
            id: None,
            port: Some(i32::from(port)),
            domain: None,
        }
    }
}

/// An agent could not start, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Its port is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its work directory is in use or unusable.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A checkpoint cannot be read or written.
    #[error("{host} cannot keep its checkpoints")]
    Checkpoint {
        /// The agent.
        host: String,
        /// Which, and why.
        #[source]
        source: CheckpointError,
    },
    /// A checkpoint has the right checksum and the wrong content.
    #[error("{host} cannot decode its checkpoint {}: remove it and lose what it recorded", path.display())]
    Decode {
        /// The agent.
        host: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: prost::DecodeError,
    },
    /// It was registered with other attributes or resources.
    #[error(
        "{host} in {} was registered with other settings, and under its id they cannot change:\n{}\n\
         {running} of its executors run. Start it with the old settings, or accept the new ones with \
         --accept-agent-changes: it then gets a new id, its executors are killed and their tasks are lost",
        work_dir.display(),
        changes.iter().map(|change| format!("  {change}")).collect::<Vec<_>>().join("\n")
    )]
    Changed {
        /// The agent.
        host: String,
        /// Its work directory.
        work_dir: PathBuf,
        /// What changed, from what to what.
        changes: Vec<String>,
        /// How many executors would be lost.
        running: usize,
    },
    /// The master does not want it.
    #[error("the master at {master} refused {host}: {reason}")]
    Refused {
        /// The agent.
        host: String,
        /// The master.
        master: String,
        /// Why.
        reason: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up an HTTP client")]
    Client(#[source] reqwest::Error),
    /// Its HTTP server failed.
    #[error("{host}'s server on {address} failed")]
    Serve {
        /// The agent.
        host: String,
        /// Where it listened.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// How an agent ends on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Shuts its executors down; what they report is kept for the next start.
    ShutDownExecutors,
    /// The same, and tells the master that it leaves for good.
    Unregister,
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it calls itself.
    pub hostname: String,
    registered: watch::Receiver<Option<v1::AgentId>>,
    inputs: mpsc::Sender<actor::Input>,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), AgentError>>,
}

impl Agent {
    /// Starts an agent; it runs until [`Agent::stop`], or until it fails.
    ///
    /// # Errors
    /// Its port or work directory is in use, a checkpoint is damaged, or its settings changed.
    pub async fn start(config: AgentConfig) -> Result<Self, AgentError> {
        let host = config.hostname.clone();
        let lock = DirLock::take(&host, &config.work_dir)?;
        // Executors of before look for the agent where it was: any free port is first of all that one.
        let former = if config.port == 0 { recover::former_port(&config.work_dir) } else { None };
        let (listener, address) = match former {
            Some(port) => match crate::http::listen(&host, config.ip, port).await {
                Ok(listening) => listening,
                Err(_) => crate::http::listen(&host, config.ip, 0).await?,
            },
            None if lock.was_awaited => crate::http::listen_again(&host, config.ip, config.port).await?,
            None => crate::http::listen(&host, config.ip, config.port).await?,
        };
        let client = mesos_v1::plain_http()
            .connect_timeout(Duration::from_secs(5))
            .build()
            .map_err(AgentError::Client)?;
        let stop = CancellationToken::new();
        let (inputs, receiver) = mpsc::channel(actor::MAX_WAITING_INPUTS);
        let (id, registered) = watch::channel(None);
        let (master, is_cleanup) = (config.master.clone(), config.is_cleanup);
        let mut state = state::State::new(config, address, inputs.clone(), id);
        state.recover()?;

        let mut tasks = JoinSet::new();
        let router = server::router(inputs.clone(), state.paths.root().to_owned());
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        let serving_host = host.clone();
        tasks.spawn(async move {
            served.await.map_err(|source| AgentError::Serve { host: serving_host, address, source })
        });
        if !is_cleanup {
            tasks.spawn(uplink::run(client, master, host.clone(), inputs.clone(), stop.clone()));
        }
        let until = stop.clone();
        tasks.spawn(async move {
            let _lock = lock;
            actor::run(state, receiver, until).await
        });
        Ok(Self { address, hostname: host, registered, inputs, stop, tasks })
    }

    /// Ends when the master has registered the agent, with its id; never, if it stops before.
    pub fn registered(&self) -> impl Future<Output = v1::AgentId> + use<> {
        let mut registered = self.registered.clone();
        async move {
            let id = registered.wait_for(Option::is_some).await.ok().and_then(|id| id.clone());
            match id {
                Some(id) => id,
                None => std::future::pending().await,
            }
        }
    }

    /// Ends when the agent fails, with the reason; never otherwise.
    pub async fn failed(&mut self) -> AgentError {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Shuts all executors down and ends when the last is gone, at most their grace period later.
    pub async fn farewell(&self, farewell: Farewell) {
        let (reply, done) = tokio::sync::oneshot::channel();
        if self.inputs.send(actor::Input::Farewell { farewell, reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Ends when no executor is left.
    pub async fn emptied(&self) {
        let (reply, done) = tokio::sync::oneshot::channel();
        if self.inputs.send(actor::Input::Emptied { reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    /// Stops it as a crash would: executors go on.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
    }
}
