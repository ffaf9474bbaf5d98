//! Parts that run in this process, until a signal.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use futures_util::future::{join_all, select_all};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::flags::{AgentFlags, ClusterFlags, MasterFlags};
use crate::agent::{Agent, AgentConfig, AgentError, Farewell, kill_containers};
use crate::master::{Master, MasterConfig};
use crate::resources::{agent_resources, parse_attributes};

/// How long agents may take to register once the executors of before are back. Owner: this file; it takes a moment.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(60);

/// Master and agents in this process.
#[derive(Args, Debug)]
pub struct RunCommand {
    /// Where work directories are
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    master: MasterFlags,
    #[command(flatten)]
    agent: AgentFlags,
}

impl RunCommand {
    pub async fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.agent.is_cleanup(),
            "--recover=cleanup is for one agent that is a process of its own: `mesos-local agent`"
        );
        let mut signals = Signals::listen()?;
        let count = self.cluster.agents.unwrap_or(1);
        let config = MasterConfig { port: self.cluster.port, ..self.master.config(self.dir.join("master"))? };
        let mut master = Master::start(config).await?;
        let mut agents = Vec::new();
        for i in 1..=count {
            agents.push(self.start_agent(&master, i, count).await?);
        }
        let patience = REGISTRATION_PATIENCE.saturating_add(self.agent.longest_recovery());
        let announcement = announce(self.dir.clone(), master.address, &agents, patience);
        let announced_then_for_ever = async {
            match announcement.await {
                Ok(()) => std::future::pending().await,
                Err(error) => error,
            }
        };
        tokio::select! {
            biased;
            () = signals.stop() => {}
            error = master.failed() => return Err(error.into()),
            error = any_failed(&mut agents) => return Err(error.into()),
            error = announced_then_for_ever => return Err(error),
        }
        info!("stopping: executors get their grace period");
        // Without a master no scheduler replaces what is about to end; reports of it are kept for the next start.
        master.stop().await;
        tokio::select! {
            biased;
            () = signals.stop() => {
                for i in 1..=count {
                    kill_containers(&self.dir.join(format!("agent-{i}")));
                }
            }
            _ = join_all(agents.iter().map(|agent| agent.farewell(Farewell::ShutDownExecutors))) => {}
        }
        join_all(agents.into_iter().map(Agent::stop)).await;
        Ok(())
    }

    async fn start_agent(&self, master: &Master, i: u16, count: u16) -> anyhow::Result<Agent> {
        let hostname = format!("agent-{i}");
        let mut config = self.agent.config(master.address.to_string(), self.dir.join(&hostname), hostname)?;
        config.port = if self.cluster.port == 0 { 0 } else { self.cluster.port.saturating_add(i) };
        config.resources = agent_resources(&self.cluster.resources_of(i, count), &self.dir)?;
        config.attributes = parse_attributes(&self.cluster.attributes_of(i))?;
        if let Some(path) = std::env::var("PATH").ok().filter(|path| !path.is_empty()) {
            config.executor_environment.entry("PATH".to_owned()).or_insert(path);
        }
        Ok(Agent::start(config).await?)
    }
}

async fn any_failed(agents: &mut [Agent]) -> AgentError {
    if agents.is_empty() {
        return std::future::pending().await;
    }
    select_all(agents.iter_mut().map(|agent| Box::pin(agent.failed()))).await.0
}

/// Waits for all registrations and says so on stdout.
fn announce(
    dir: PathBuf,
    master: std::net::SocketAddr,
    agents: &[Agent],
    patience: Duration,
) -> impl Future<Output = anyhow::Result<()>> + use<> {
    let registered = join_all(agents.iter().map(Agent::registered));
    let parts: String = agents.iter().map(|agent| format!(" {}={}", agent.hostname, agent.address)).collect();
    async move {
        tokio::time::timeout(patience, registered).await.with_context(|| {
            let patience = patience.as_secs();
            format!(
                "not all agents in {} registered within {patience} s: the log above says why",
                dir.display()
            )
        })?;
        let mut stdout = std::io::stdout();
        // Whoever started this may not be reading.
        let _ = writeln!(stdout, "ready master={master}{parts}");
        let _ = stdout.flush();
        Ok(())
    }
}

/// A master alone.
pub async fn run_master(config: MasterConfig) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut master = Master::start(config).await?;
    info!(address = %master.address, "the master listens");
    tokio::select! {
        biased;
        () = signals.stop() => {}
        error = master.failed() => return Err(error.into()),
    }
    master.stop().await;
    Ok(())
}

/// An agent alone. SIGUSR1 has it leave the cluster; other signals leave its executors running.
pub async fn run_agent(config: AgentConfig) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let is_cleanup = config.is_cleanup;
    let mut agent = Agent::start(config).await?;
    if is_cleanup {
        agent.emptied().await;
        info!(host = agent.hostname, "no executor is left");
        agent.stop().await;
        return Ok(());
    }
    info!(host = agent.hostname, address = %agent.address, "the agent listens");
    let Signals { terminate, interrupt, leave } = &mut signals;
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = leave.recv() => agent.farewell(Farewell::Unregister).await,
        error = agent.failed() => return Err(error.into()),
    }
    agent.stop().await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    leave: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            leave: listen(SignalKind::user_defined1())?,
        })
    }

    /// Ends with the next signal to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
