//! `aurora local up`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::Place;
use super::children::Plan;
use super::programs::Programs;
use super::supervise::{Screen, supervise};
use super::{jobs, ports};
use crate::arguments::{ConfigOptions, Verbosity, port};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local_state::{HTTP_PORT, LocalState, ProcessIdentity};
use crate::output;

const POLL: Duration = Duration::from_millis(20);
/// What the detached cluster tells, in its state directory.
const UP_LOG: &str = "up.log";

/// Starts a cluster on this machine: an embedded Mesos, the scheduler with its page, and the jobs of the files.
///
/// Tells each step and what becomes of each instance, stays until Ctrl-C, and then stops everything it started. What it
/// leaves is its state directory, from which the next start takes the jobs up again. It needs no root: tasks run as the
/// person who starts it, whatever their role.
///
/// One machine has not what a cluster of Mesos has: tasks are not kept from each other's CPU, memory, files and processes,
/// nothing divides the machine among several frameworks, and a machine that goes takes everything with it. For those, run
/// the scheduler on a real Mesos.
#[derive(clap::Args, Debug)]
pub struct Up {
    /// Config files; all their jobs for cluster `local` are created, those that exist already are left alone.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Come back when everything runs, and leave it running.
    #[arg(long)]
    detach: bool,

    #[command(flatten)]
    place: Place,

    /// How many Mesos agents.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    agents: u16,

    /// Port of the scheduler's page and API; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = HTTP_PORT, value_parser = port)]
    http_port: u16,

    /// Port of the observer, which shows tasks with their output; 0 is any free one. By default 1338, if it is free.
    #[arg(long, value_name = "PORT", value_parser = port)]
    observer_port: Option<u16>,

    /// Port of the Mesos master; agents have those after it. By default 15050, or the next that are free.
    #[arg(long, value_name = "PORT", value_parser = port)]
    mesos_port: Option<u16>,

    /// Start agents whose attributes, resources or ports are not those of before, and lose what still runs there.
    #[arg(long)]
    accept_agent_changes: bool,

    /// Give tasks upstream's default constraints, one instance per host and so on; a machine is one host.
    #[arg(long)]
    legacy_constraints: bool,

    /// What each agent advertises, as in `cpus:64;mem:65536;disk:100000;ports:[31000-32000]`; more than the machine has, if you
    /// like: nothing is reserved. By default 4 CPUs, 4 GB of memory, 20 GB of disk.
    #[arg(long, value_name = "RESOURCES")]
    resources: Option<String>,

    /// Launch tasks as fast as the machine can; by default, as on a cluster, 200 a second.
    #[arg(long)]
    no_launch_limit: bool,

    #[command(flatten)]
    config: ConfigOptions,

    #[command(flatten)]
    _verbosity: Verbosity,

    /// This is the process that another one has detached.
    #[arg(long, hide = true)]
    detached: bool,
}

impl Up {
    /// Runs the verb.
    pub async fn run(self) -> Result<(), Failure> {
        let dir = self.place.dir();
        std::fs::create_dir_all(&dir).map_err(|error| {
            failure(format!(
                "cannot make the state directory {}: {error}; choose another with --dir",
                dir.display()
            ))
        })?;
        let programs = Programs::find()?;
        if self.detach && !self.detached {
            return detach(&programs, &dir).await;
        }
        if self.detached {
            // Away from the terminal, whose end would be ours. It fails only if that is so already.
            let _ = nix::unistd::setsid();
        }
        let _lock = lock(&dir)?;
        let screen = Screen::start();
        screen.print(&format!("local cluster in {}", dir.display()));
        let jobs = jobs::load(&self.files, &self.config, &screen)?;
        let before = LocalState::read(&dir);
        if let Some(before) = &before {
            stop_leftovers(before, &screen).await;
        }
        let former_port = before.map(|before| before.mesos_port);
        let mesos_port = ports::mesos_port(self.mesos_port, former_port, self.agents)?;
        let plan = Plan {
            http_port: ports::http_port(self.http_port)?,
            observer_port: ports::observer_port(self.observer_port)?,
            mesos_port,
            // After a clean end nothing runs that could be lost, and executors find no agent at another port than before.
            accept_agent_changes: self.accept_agent_changes
                || former_port.is_none_or(|port| port != mesos_port),
            agents: self.agents,
            legacy_constraints: self.legacy_constraints,
            resources: self.resources,
            no_launch_limit: self.no_launch_limit,
            dir,
        };
        supervise(&programs, &plan, jobs, &screen).await
    }
}

/// Keeps others out of the directory for as long as the file is open.
fn lock(dir: &std::path::Path) -> Result<nix::fcntl::Flock<File>, Failure> {
    let path = dir.join("lock");
    let file =
        File::create(&path).map_err(|error| failure(format!("cannot write {}: {error}", path.display())))?;
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock).map_err(|_| {
        let running = LocalState::read(dir).map(|state| {
            format!(
                " (pid {}, {}/scheduler)",
                state.supervisor.pid, state.scheduler_uri
            )
        });
        failure(format!(
            "a local cluster is running in {} already{}\n  see it with `aurora local status`, stop it with `aurora \
             local down`, or start another with --dir, --http-port and --mesos-port",
            dir.display(),
            running.unwrap_or_default()
        ))
    })
}

/// Stops what a cluster has left that ended without doing so.
async fn stop_leftovers(before: &LocalState, screen: &Screen) {
    let left = [before.scheduler, before.mesos, before.observer];
    if left.into_iter().flatten().any(ProcessIdentity::is_alive) {
        screen.step("stopping what an earlier cluster left behind");
        super::shutdown::stop_programs(before, std::future::pending()).await;
    }
}

/// Starts the same command again in the background, and shows what it tells until it is ready.
async fn detach(programs: &Programs, dir: &std::path::Path) -> Result<(), Failure> {
    let log_path = dir.join(UP_LOG);
    // The lock is tried here too, so that the log of a running cluster is not overwritten.
    drop(lock(dir)?);
    let cannot_write = |error| failure(format!("cannot write {}: {error}", log_path.display()));
    let log = File::create(&log_path).map_err(cannot_write)?;
    let errors = log.try_clone().map_err(cannot_write)?;
    let mut child = Command::new(&programs.aurora)
        .args(std::env::args_os().skip(1))
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| failure(format!("cannot start {}: {error}", programs.aurora.display())))?;
    let mut log = File::open(&log_path).map_err(cannot_write)?;
    let mut shown = 0;
    let mut show = |log: &mut File| {
        let mut text = Vec::new();
        if log.seek(SeekFrom::Start(shown)).is_ok() && log.read_to_end(&mut text).is_ok() {
            shown += u64::try_from(text.len()).unwrap_or_default();
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&text).and_then(|()| out.flush());
        }
    };
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let is_ready = || LocalState::read(dir).is_some_and(|state| state.ready && state.supervisor.pid == pid);
    let interrupted = tokio::signal::ctrl_c();
    let mut interrupted = std::pin::pin!(interrupted);
    loop {
        let ready = is_ready();
        show(&mut log);
        if ready {
            output::print(&format!(
                "running in the background (pid {pid}); stop it with `aurora local down`"
            ));
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            show(&mut log);
            let code = match status.code() {
                Some(3) => ExitCode::InvalidConfiguration,
                Some(9) => ExitCode::Timeout,
                _ => ExitCode::CommandFailure,
            };
            let text = format!("the cluster was not started ({status})");
            return Err(Failure::new(code, text));
        }
        tokio::select! {
            biased;
            _ = &mut interrupted => {
                if let Some(child) = ProcessIdentity::of(pid) {
                    child.signal(Signal::SIGTERM);
                }
                return Err(Failure::new(ExitCode::Interrupted, "interrupted; the cluster is being stopped"));
            }
            () = sleep(POLL) => {}
        }
    }
}

fn failure(text: String) -> Failure {
    Failure::new(ExitCode::CommandFailure, text)
}
