//! A Mesos cluster of either kind.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::programs::{program, root};
use crate::{PortBlock, processes};

/// Which cluster a scenario runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `mesos-local`.
    Embedded,
    /// Mesos 1.11, installed and run by `dev/mesos/`.
    RealMesos,
}

/// What is done to a part of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A clean exit.
    Term,
    /// A crash.
    Kill,
    /// It hangs: its process stays and does nothing.
    Hang,
    /// It goes on after a hang.
    Continue,
    /// An agent leaves its master and ends.
    Unregister,
}

impl Signal {
    fn as_str(self) -> &'static str {
        match self {
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Hang => "STOP",
            Signal::Continue => "CONT",
            Signal::Unregister => "USR1",
        }
    }
}

/// Mesos's flag with which agents find a restarted master soon. A real agent looks for another one when it has not been pinged
/// for as long as the master would wait for it, so this is for tests that restart the only master, while they do.
pub const FINDS_MASTER_SOON: (&str, &str) = ("MESOS_MAX_AGENT_PING_TIMEOUTS", "20");

/// Mesos's flag with which agents wait as long for their executors as Mesos allows: for tests that speak for an executor, and
/// for those with very many.
pub const WAITS_FOR_EXECUTORS: (&str, &str) = ("MESOS_EXECUTOR_REREGISTRATION_TIMEOUT", "15secs");

/// These flags as a cluster takes them.
pub fn flags<const N: usize>(flags: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    flags.map(|(name, value)| (name, value.to_owned())).into()
}

/// A running cluster. Dropping it stops all of it, executors included.
#[derive(Debug)]
pub struct Cluster {
    backend: Backend,
    directory: PathBuf,
    master_port: u16,
    /// Where its masters are elected, if they are: `zk://…`.
    ensemble: Option<String>,
    /// Flags of Mesos beside those that all tests want, as names of environment variables and values.
    flags: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Starts a master and agents `1..=agents`, each with the resources given, and waits until they are registered.
    ///
    /// # Panics
    /// If they do not start; for want of a real Mesos, with the command that installs one.
    pub fn start(
        backend: Backend,
        directory: &Path,
        ports: &PortBlock,
        agents: u32,
        resources: &str,
    ) -> Cluster {
        Cluster::start_with_flags(backend, directory, ports, agents, resources, Vec::new())
    }

    /// Like [`Cluster::start`], with flags of Mesos as `MESOS_NAME` and value, which restarted parts get too.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn start_with_flags(
        backend: Backend,
        directory: &Path,
        ports: &PortBlock,
        agents: u32,
        resources: &str,
        flags: Vec<(&'static str, String)>,
    ) -> Cluster {
        if backend == Backend::RealMesos {
            assert_installed();
        }
        let cluster = Cluster {
            backend,
            directory: directory.to_owned(),
            master_port: ports.master(),
            ensemble: None,
            flags,
        };
        let agents = agents.to_string();
        let port = ports.master().to_string();
        cluster.run(&["up"], &["--agents", &agents, "--port", &port, "--resources", resources]);
        cluster
    }

    /// Starts a real Mesos with three masters, of which ZooKeeper elects one, and agents `1..=agents`.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    pub fn start_elected(
        directory: &Path,
        ports: &PortBlock,
        agents: u32,
        resources: &str,
        ensemble: &str,
    ) -> Cluster {
        assert_installed();
        let cluster = Cluster {
            backend: Backend::RealMesos,
            directory: directory.to_owned(),
            master_port: ports.master(),
            ensemble: Some(ensemble.to_owned()),
            flags: Vec::new(),
        };
        let agents = agents.to_string();
        let port = ports.master().to_string();
        let arguments = ["--agents", &agents, "--port", &port, "--resources", resources, "--zk", ensemble];
        cluster.run(&["up"], &arguments);
        cluster
    }

    /// How a scheduler finds the master: `host:port`, or where masters are elected.
    pub fn master(&self) -> String {
        self.ensemble.clone().unwrap_or_else(|| self.master_address("master"))
    }

    /// `host:port` of one of the masters.
    ///
    /// # Panics
    /// If it is called neither `master` nor `master-2` or `master-3`.
    pub fn master_address(&self, part: &str) -> String {
        let offset = match part {
            "master" => 0,
            "master-2" => 12,
            "master-3" => 13,
            other => panic!("no master is called {other}"),
        };
        format!("127.0.0.1:{}", self.master_port + offset)
    }

    /// `host:port` of an agent.
    pub fn agent(&self, number: u16) -> String {
        format!("127.0.0.1:{}", self.master_port + number)
    }

    /// Where the cluster keeps its files, sandboxes included.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Sends a signal to `master` or an agent by its number. After `Term` and `Kill` it has ended.
    ///
    /// # Panics
    /// If that fails.
    pub fn stop(&self, part: &str, signal: Signal) {
        self.run(&["stop"], &[part, "--signal", signal.as_str()]);
    }

    /// Starts a stopped part again and waits until it is registered.
    ///
    /// # Panics
    /// If that fails.
    pub fn start_again(&self, part: &str) {
        self.run(&["start"], &[part]);
    }

    /// Starts a stopped part again, with more arguments (`--attributes`, `--resources`) and flags of Mesos. An agent that
    /// does not register is an error, with its log.
    ///
    /// # Panics
    /// If the command cannot be run at all.
    pub fn try_start_again(
        &self,
        part: &str,
        arguments: &[&str],
        flags: &[(&str, &str)],
    ) -> Result<(), String> {
        let arguments = [&[part], arguments].concat();
        let output = self.command(&["start"], &arguments).envs(flags.iter().copied()).output().unwrap();
        if output.status.success() {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.directory.join(format!("agent-{part}.log")));
        Err(format!("{}{}", String::from_utf8_lossy(&output.stderr), log.unwrap_or_default()))
    }

    /// Begins to start a stopped part again, with flags of Mesos. The process ends once the part is registered; until then
    /// executors can come back to their agent.
    ///
    /// # Panics
    /// If the command cannot be run.
    pub fn begin_start(&self, part: &str, flags: &[(&str, &str)]) -> Child {
        let mut command = self.command(&["start"], &[part]);
        command.envs(flags.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts a stopped agent in spite of its changed attributes, in the way that its refusal names.
    ///
    /// # Panics
    /// If that fails.
    pub fn start_in_spite(&self, part: &str) {
        match self.backend {
            Backend::Embedded => self.run(&["start"], &[part, "--accept-agent-changes"]),
            Backend::RealMesos => {
                let latest = self.directory.join(format!("agent-{part}/meta/slaves/latest"));
                std::fs::remove_file(latest).unwrap();
                self.start_again(part);
            }
        }
    }

    /// Waits until a part has ended by itself.
    ///
    /// # Panics
    /// If it does not.
    pub fn wait_for_end(&self, part: &str) {
        let line = if part.starts_with("master") { format!("{part}: ") } else { format!("agent {part}: ") };
        crate::wait_until(&format!("the end of {part}"), crate::PATIENCE, || {
            let output = self.command(&["status"], &[]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_over = text.lines().any(|it| it.starts_with(&line) && !it.contains(" pid "));
            let is_gone = text.lines().any(|it| it.starts_with(&line) && it.contains("gone (was pid"));
            if is_over || is_gone { Ok(()) } else { Err(text) }
        });
    }

    /// Prints the ends of the logs of master and agents: what a failed test leaves to look at.
    fn show_logs(&self) {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let logs =
            entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "log"));
        for log in logs {
            let text = std::fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
            eprintln!("the end of {}:\n{}\n", log.display(), tail.join("\n"));
        }
    }

    fn run(&self, verb: &[&str], arguments: &[&str]) {
        let output = self.command(verb, arguments).output().unwrap();
        assert!(
            output.status.success(),
            "`{verb:?} {arguments:?}` of the {:?} cluster in {} ended with {}:\n{}{}",
            self.backend,
            self.directory.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }

    fn command(&self, verb: &[&str], arguments: &[&str]) -> Command {
        let tool = match self.backend {
            Backend::Embedded => program("mesos-local"),
            Backend::RealMesos => root().join("dev/mesos/cluster"),
        };
        let mut command = Command::new(tool);
        command.args(verb).arg(&self.directory).args(arguments);
        // An agent counts as lost after longer than any machine keeps it from answering, whatever a test does to it meanwhile.
        command.env("MESOS_AGENT_PING_TIMEOUT", "1secs").env("MESOS_MAX_AGENT_PING_TIMEOUTS", "180");
        // Room for executors to start, and to come back, on a busy machine.
        command.env("MESOS_EXECUTOR_REGISTRATION_TIMEOUT", "5mins");
        command.env("MESOS_EXECUTOR_REREGISTRATION_TIMEOUT", "8secs");
        command.env("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "3secs");
        // A real master ends when its disk takes longer than this, and an agent clears sandboxes when the disk is full.
        command.env("MESOS_REGISTRY_STORE_TIMEOUT", "5mins").env("MESOS_REGISTRY_FETCH_TIMEOUT", "5mins");
        command.env("MESOS_GC_DISK_HEADROOM", "0");
        command.envs(self.flags.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// How much of each log a failed test shows.
const LOG_TAIL_LINES: usize = 60;

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        let ended = self.command(&["down"], &[]).output();
        if !ended.is_ok_and(|output| output.status.success()) {
            eprintln!("the cluster in {} did not go down cleanly", self.directory.display());
        }
        for process in processes::below(&self.directory) {
            processes::kill_at_once(process.pid);
        }
    }
}

fn assert_installed() {
    let home = std::env::var_os("MESOS_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/mesos-1.11.0"),
        PathBuf::from,
    );
    assert!(
        home.join("ready").is_file(),
        "there is no real Mesos in {}: install one with `{}` (or `cargo xtask setup`)",
        home.display(),
        root().join("dev/mesos/install").display()
    );
}
