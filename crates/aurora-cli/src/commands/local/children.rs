//! The programs that `aurora local up` starts: how each is called, and when it answers.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::programs::Programs;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::local_state::{CLUSTER, ProcessIdentity};

/// How long a program may take until it answers.
pub const START_LIMIT: Duration = Duration::from_secs(120);
/// How much of a log is shown when its program has failed.
const SHOWN_LINES: usize = 15;
/// Attempts in a second that no machine makes.
const UNLIMITED: u32 = 1_000_000;
/// Tasks that are placed together, and so launched by one call.
const TASKS_PER_ATTEMPT: u32 = 50;
const MESOS: &str = "mesos-local";
const SCHEDULER: &str = "aurora-scheduler";
const OBSERVER: &str = "thermos_observer";

/// How the cluster is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The state directory.
    pub dir: PathBuf,
    /// How many agents.
    pub agents: u16,
    /// Port of the scheduler.
    pub http_port: u16,
    /// Port of the observer.
    pub observer_port: u16,
    /// Port of the master; agents have those after it.
    pub mesos_port: u16,
    /// Whether agents may come back with other settings than they had.
    pub accept_agent_changes: bool,
    /// Whether services are spread over hosts and racks by default, as upstream does.
    pub legacy_constraints: bool,
    /// What each agent advertises, if not the default.
    pub resources: Option<String>,
    /// Whether launches have no limit in time.
    pub no_launch_limit: bool,
}

impl Plan {
    /// The observer's address.
    #[must_use]
    pub fn observer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.observer_port)
    }
}

/// A program that was started.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    child: Child,
    /// The process, told from later ones with its id.
    pub identity: ProcessIdentity,
    log: PathBuf,
}

impl Running {
    /// An error if the program has ended.
    ///
    /// # Errors
    /// If it has.
    pub fn check(&mut self) -> Result<(), Failure> {
        match self.child.try_wait().transpose() {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// The end of a program that should not have ended.
    fn ended(&self, status: io::Result<std::process::ExitStatus>) -> Failure {
        let how = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  | ");
        Failure::new(
            ExitCode::CommandFailure,
            format!(
                "{} has ended by itself ({how}); the end of {}:\n  | {shown}",
                self.name,
                self.log.display()
            ),
        )
    }
}

/// Starts the embedded Mesos.
///
/// # Errors
/// If it cannot be started.
pub fn spawn_mesos(programs: &Programs, plan: &Plan) -> Result<Running, Failure> {
    let mut command = Command::new(&programs.mesos_local);
    command
        .arg("run")
        .arg(format!("--dir={}", plan.dir.join("mesos").display()))
        .arg(format!("--agents={}", plan.agents))
        .arg(format!("--port={}", plan.mesos_port))
        // Whoever starts the cluster runs its tasks, root too.
        .arg("--switch-user=false")
        // The engine is asked only when a job wants a Docker container.
        .arg("--containerizers=docker,mesos")
        .stdout(Stdio::piped());
    if plan.accept_agent_changes {
        command.arg("--accept-agent-changes");
    }
    command.args(plan.resources.iter().map(|resources| format!("--resources={resources}")));
    spawn(MESOS, &mut command, &plan.dir)
}

/// Waits until the agents are registered; answers with the master's address.
///
/// # Errors
/// If the program ends, or takes too long.
pub async fn mesos_ready(running: Option<&mut Running>) -> Result<String, Failure> {
    let Some((running, stdout)) =
        running.and_then(|running| running.child.stdout.take().map(|stdout| (running, stdout)))
    else {
        return Err(failed(MESOS, "it has no output"));
    };
    let mut lines = BufReader::new(stdout).lines();
    let ready = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(master) = master_address(&line) {
                return Some(master);
            }
        }
        None
    };
    match tokio::time::timeout(START_LIMIT, ready).await {
        Ok(Some(master)) => {
            // What else it may print must find a reader, or it would stop there.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            Ok(master)
        }
        Ok(None) => {
            let status = running.child.wait().await;
            Err(running.ended(status))
        }
        Err(_) => Err(failed(
            MESOS,
            &format!(
                "its agents have not registered in {} s; see {}",
                START_LIMIT.as_secs(),
                running.log.display()
            ),
        )),
    }
}

/// The master's address in the line by which `mesos-local` says that it is ready.
fn master_address(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    (words.next() == Some("ready")).then_some(())?;
    words.find_map(|word| word.strip_prefix("master=")).map(str::to_owned)
}

/// Starts the scheduler.
///
/// # Errors
/// If it cannot be started.
pub fn spawn_scheduler(programs: &Programs, plan: &Plan, master: &str) -> Result<Running, Failure> {
    let mut command = Command::new(&programs.scheduler);
    command
        .arg(format!("-cluster_name={CLUSTER}"))
        .arg(format!("-http_port={}", plan.http_port))
        .arg(format!("-mesos_master_address={master}"))
        .arg(format!("-native_log_file_path={}", plan.dir.join("journal").display()))
        .arg(format!("-backup_dir={}", plan.dir.join("backups").display()))
        .arg(format!("-thermos_executor_path={}", programs.executor.display()))
        .arg("-thermos_executor_in_place")
        .arg(format!("-thermos_observer_url={}", plan.observer_url()))
        .arg("-thermos_executor_flags=--nosetuid --nosetuid-health-checks");
    // By default Mesos holds what a launch leaves of an offer back for 5 s: on one agent, the next job would wait so long.
    command.arg("-offer_filter_duration=100ms");
    command.arg("-allowed_container_types=MESOS,DOCKER");
    if plan.no_launch_limit {
        command.arg(format!("-max_schedule_attempts_per_sec={UNLIMITED}"));
        command.arg(format!("-max_tasks_per_schedule_attempt={TASKS_PER_ATTEMPT}"));
    }
    if !plan.legacy_constraints {
        command.arg("-enable_legacy_constraints=false");
    }
    command.stdout(Stdio::null());
    spawn(SCHEDULER, &mut command, &plan.dir)
}

/// Starts the observer, one for all agents of this machine.
///
/// # Errors
/// If it cannot be started.
pub fn spawn_observer(programs: &Programs, plan: &Plan) -> Result<Running, Failure> {
    let mut command = Command::new(&programs.observer);
    let root =
        |agent| format!("--mesos-root={}", plan.dir.join("mesos").join(format!("agent-{agent}")).display());
    command
        .args((1..=plan.agents).map(root))
        .arg(format!("--port={}", plan.observer_port))
        .arg("--polling_interval_secs=1")
        .stdout(Stdio::null());
    spawn(OBSERVER, &mut command, &plan.dir)
}

/// Starts a program in a process group of its own, so that Ctrl-C reaches it only through us, in the right order.
fn spawn(name: &'static str, command: &mut Command, dir: &Path) -> Result<Running, Failure> {
    let log = dir.join(format!("{name}.log"));
    let stderr =
        open_log(&log).map_err(|error| failed(name, &format!("cannot write {}: {error}", log.display())))?;
    let child = command
        .stdin(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|error| failed(name, &error.to_string()))?;
    let identity = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(ProcessIdentity::of);
    match identity {
        Some(identity) => Ok(Running { name, child, identity, log }),
        None => Err(failed(name, &format!("it ended at once; see {}", log.display()))),
    }
}

/// Opens a log for a new run; that of the run before gets another name.
fn open_log(path: &Path) -> io::Result<File> {
    if path.exists() {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

fn failed(name: &str, reason: &str) -> Failure {
    Failure::new(ExitCode::CommandFailure, format!("cannot start {name}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_master() {
        assert_eq!(
            master_address("ready master=127.0.0.1:5050 agent-1=127.0.0.1:5051"),
            Some("127.0.0.1:5050".to_owned())
        );
        assert_eq!(master_address("getting ready master=x"), None);
    }

    #[test]
    fn the_log_of_the_run_before_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        std::fs::write(&log, "old").unwrap();
        open_log(&log).unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
        let before = std::fs::read_to_string(dir.path().join("x.log.1")).unwrap();
        assert_eq!(before, "old");
    }
}
