//! The command line: one part, all parts in one process, or all parts in processes of their own.

mod cluster;
mod flags;
mod run;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use flags::normalise;

use flags::{AgentFlags, ClusterFlags, MasterFlags};

/// The embedded Mesos cluster for one machine.
#[derive(Debug, Parser)]
#[command(
    name = "mesos-local",
    version,
    about = "An embedded Mesos cluster: a master and agents for one machine, serving the Mesos v1 HTTP API",
    after_help = "Flags that Mesos has under the same name can also be set in the environment, as \
                  MESOS_AGENT_PING_TIMEOUT=1secs.\nDurations: 100ms, 5secs, 15mins, 1hrs.\n\
                  Log: RUST_LOG=mesos_local=debug."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run master and agents in this process, in the foreground, until SIGINT or SIGTERM
    ///
    /// Prints `ready master=IP:PORT agent-1=IP:PORT …` to stdout when every agent is registered. The signal shuts the
    /// executors down, within their grace period; a second one kills them. After a crash, the next run of the same
    /// directory takes the executors back.
    Run(run::RunCommand),
    /// Start master and agents as processes of their own, and wait until they are registered
    Up {
        /// Where logs, work directories and pids are
        dir: PathBuf,
        #[command(flatten)]
        cluster: ClusterFlags,
        /// Accept changed attributes or resources: the agent gets a new id, and what runs there is lost
        #[arg(long)]
        accept_agent_changes: bool,
    },
    /// Start one part of a cluster again
    Start {
        /// The directory that was given to `up`
        dir: PathBuf,
        /// `master`, or the number of an agent
        part: String,
        /// Attributes from now on
        #[arg(long)]
        attributes: Option<String>,
        /// Resources from now on
        #[arg(long)]
        resources: Option<String>,
        /// Accept changed attributes or resources: the agent gets a new id, and what runs there is lost
        #[arg(long)]
        accept_agent_changes: bool,
    },
    /// Stop one part of a cluster, as a crash or as a clean exit
    Stop {
        /// The directory that was given to `up`
        dir: PathBuf,
        /// `master`, or the number of an agent
        part: String,
        /// TERM and KILL leave executors running; STOP and CONT make the part hang and go on; USR1 unregisters an agent
        #[arg(long, default_value = "TERM", value_parser = ["TERM", "KILL", "STOP", "CONT", "USR1"])]
        signal: String,
    },
    /// Show what runs, and where
    Status {
        /// The directory that was given to `up`
        dir: PathBuf,
    },
    /// Stop everything that `up` and `start` started, executors too
    Down {
        /// The directory that was given to `up`
        dir: PathBuf,
    },
    /// Run a master in the foreground
    Master {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1")]
        ip: IpAddr,
        /// Where to listen; 0 for any free port
        #[arg(long, default_value_t = 5050)]
        port: u16,
        /// Where its registry is
        #[arg(long)]
        work_dir: PathBuf,
        #[command(flatten)]
        flags: MasterFlags,
    },
    /// Run one agent in the foreground
    Agent {
        /// The master's host:port
        #[arg(long)]
        master: String,
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1")]
        ip: IpAddr,
        /// Where to listen; 0 for any free port
        #[arg(long, default_value_t = 5051)]
        port: u16,
        /// Where its sandboxes and checkpoints are
        #[arg(long)]
        work_dir: PathBuf,
        /// What it calls itself
        #[arg(long, default_value = "localhost")]
        hostname: String,
        /// What it offers
        #[arg(long, default_value = flags::DEFAULT_RESOURCES)]
        resources: String,
        /// Its attributes, as in rack:a;host:agent-1
        #[arg(long, default_value = "")]
        attributes: String,
        #[command(flatten)]
        flags: AgentFlags,
    },
}

impl Cli {
    /// Does what the command line says, and ends when that has ended.
    ///
    /// # Errors
    /// Whatever kept it from that, with the remedy.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Run(command) => command.run().await,
            Command::Up { dir, cluster, accept_agent_changes } => {
                cluster::Cluster::open(&dir)?.up(&cluster, accept_agent_changes).await
            }
            Command::Start { dir, part, attributes, resources, accept_agent_changes } => {
                let mut cluster = cluster::Cluster::open(&dir)?;
                cluster.change(&part, "attributes", attributes);
                cluster.change(&part, "resources", resources);
                cluster.start(&part, accept_agent_changes).await?;
                cluster.print_status();
                Ok(())
            }
            Command::Stop { dir, part, signal } => {
                let mut cluster = cluster::Cluster::open(&dir)?;
                cluster.stop(&part, &signal).await?;
                cluster.print_status();
                Ok(())
            }
            Command::Status { dir } => {
                cluster::Cluster::open(&dir)?.print_status();
                Ok(())
            }
            Command::Down { dir } => cluster::Cluster::open(&dir)?.down().await,
            Command::Master { ip, port, work_dir, flags } => {
                run::run_master(crate::master::MasterConfig { ip, port, ..flags.config(work_dir)? }).await
            }
            Command::Agent { master, ip, port, work_dir, hostname, resources, attributes, flags } => {
                let mut config = flags.config(master, work_dir, hostname)?;
                config.ip = ip;
                config.port = port;
                config.resources = crate::resources::agent_resources(&resources, &config.work_dir)?;
                config.attributes = crate::resources::parse_attributes(&attributes)?;
                run::run_agent(config).await
            }
        }
    }
}
