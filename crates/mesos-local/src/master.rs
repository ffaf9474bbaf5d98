//! The master: knows agents, frameworks and tasks, makes offers, and carries calls and updates between the two sides.
//!
//! One task owns the state (`state`) and takes one `Input` after the other; the HTTP server (`server`)
//! turns requests into inputs. What must survive a restart is in the registry: agents, frameworks, and the frameworks
//! that ended. Tasks and executors are not: agents name them when they register again.

mod accept;
mod actor;
mod agents;
mod calls;
mod credentials;
mod maintenance;
mod offers;
mod operator;
mod registry;
mod reregister;
mod server;
mod state;
mod subscribe;
mod validate;
mod view;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use credentials::{Credentials, CredentialsError};
pub use registry::RegistryError;

use crate::checkpoint::CheckpointError;
use crate::http::ListenError;
use crate::lock::{DirLock, LockError};

/// How a master is set up. The defaults are Mesos's, but for the allocation interval.
#[derive(Clone, Debug)]
pub struct MasterConfig {
    /// Where it listens.
    pub ip: IpAddr,
    /// Where it listens; 0 for any free port.
    pub port: u16,
    /// Where its registry is.
    pub work_dir: PathBuf,
    /// How often free resources are offered.
    pub allocation_interval: Duration,
    /// How often schedulers hear a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long an agent may take to answer a ping.
    pub agent_ping_timeout: Duration,
    /// After how many unanswered pings in a row it is unreachable.
    pub max_agent_ping_timeouts: u32,
    /// How long agents may take to come back after a restart of the master.
    pub agent_reregister_timeout: Duration,
    /// Who may be a framework; anybody, if absent.
    pub credentials: Option<Credentials>,
}

impl MasterConfig {
    /// A master with the default settings.
    #[must_use]
    pub fn new(work_dir: PathBuf) -> Self {
        Self {
            ip: IpAddr::from([127, 0, 0, 1]),
            port: 5050,
            work_dir,
            allocation_interval: Duration::from_millis(100),
            heartbeat_interval: Duration::from_secs(15),
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_reregister_timeout: Duration::from_secs(600),
            credentials: None,
        }
    }
}

/// A master could not start, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// Its port is taken.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its work directory is in use or unusable.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its registry cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its work directory cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its HTTP server failed.
    #[error("the master's server on {address} failed")]
    Serve {
        /// Where it listened.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A running master.
#[derive(Debug)]
pub struct Master {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), MasterError>>,
}

impl Master {
    /// Starts a master; it runs until [`Master::stop`], or until it fails.
    ///
    /// # Errors
    /// Its port or work directory is in use, or its registry is damaged.
    pub async fn start(config: MasterConfig) -> Result<Self, MasterError> {
        let lock = DirLock::take("master", &config.work_dir)?;
        let (listener, address) = match lock.was_awaited {
            true => crate::http::listen_again("the master", config.ip, config.port).await?,
            false => crate::http::listen("the master", config.ip, config.port).await?,
        };
        let credentials = config.credentials.clone();
        let state = state::State::load(config, address)?;
        let stop = CancellationToken::new();
        let (inputs, receiver) = tokio::sync::mpsc::channel(actor::MAX_WAITING_INPUTS);
        let mut tasks = JoinSet::new();
        let served = axum::serve(listener, server::router(inputs, address, credentials, stop.clone()))
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.spawn(async move { served.await.map_err(|source| MasterError::Serve { address, source }) });
        let until = stop.clone();
        tasks.spawn(async move {
            let _lock = lock;
            actor::run(state, receiver, until).await.map_err(MasterError::from)
        });
        Ok(Self { address, stop, tasks })
    }

    /// Ends when the master fails, with the reason; never otherwise.
    pub async fn failed(&mut self) -> MasterError {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Stops it. Agents and executors go on.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // Open streams keep the server from ending by itself; the actor drops them, so a moment is enough.
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        self.tasks.shutdown().await;
    }
}
