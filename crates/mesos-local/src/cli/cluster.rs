//! A cluster of processes, remembered in `DIR/cluster.json`: started, crashed and started again one by one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::flags::ClusterFlags;
use crate::agent::kill_containers;
use crate::container::process::ProcessId;

/// How long a part may take to register, and how long to end. Owner: this file.
const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    port: u16,
    /// `master`, and the numbers of agents.
    parts: BTreeMap<String, Part>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Part {
    #[serde(default)]
    flags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_ticks: Option<u64>,
}

impl Part {
    fn process(&self) -> Option<ProcessId> {
        Some(ProcessId { pid: self.pid?, start_ticks: self.start_ticks? })
    }

    fn is_running(&self) -> bool {
        self.process().is_some_and(|process| process.is_running())
    }
}

impl Record {
    fn read(dir: &Path) -> anyhow::Result<Record> {
        let file = dir.join("cluster.json");
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged: remove it after `mesos-local down`", file.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Record { port: 5050, ..Record::default() })
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot write cluster.json")?;
        crate::checkpoint::write_text(&dir.join("cluster.json"), &text)?;
        Ok(())
    }
}

/// The cluster of one directory.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    record: Record,
}

impl Cluster {
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let dir = std::path::absolute(dir).with_context(|| format!("{} is no path", dir.display()))?;
        fs::create_dir_all(&dir).with_context(|| format!("cannot create the directory {}", dir.display()))?;
        let record = Record::read(&dir)?;
        Ok(Self { dir, record })
    }

    /// Changes one part and remembers it. Others may change other parts of this cluster meanwhile.
    fn remember(&mut self, name: &str, change: impl FnOnce(&mut Part)) -> anyhow::Result<()> {
        let _lock = self.lock()?;
        let mut part = self.record.parts.get(name).cloned().unwrap_or_default();
        change(&mut part);
        self.record = Record { port: self.record.port, ..Record::read(&self.dir)? };
        self.record.parts.insert(name.to_owned(), part);
        self.record.write(&self.dir)
    }

    fn lock(&self) -> anyhow::Result<Flock<File>> {
        let path = self.dir.join("cluster.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .with_context(|| format!("cannot lock {}", path.display()))
    }

    pub async fn up(&mut self, flags: &ClusterFlags, accept_changes: bool) -> anyhow::Result<()> {
        if flags.port == 0 {
            bail!("`up` needs a port: name a free one with --port");
        }
        let running: Vec<&String> =
            self.record.parts.iter().filter(|(_, part)| part.is_running()).map(|(name, _)| name).collect();
        if !running.is_empty() {
            bail!("a cluster runs in {} ({running:?}): `mesos-local down {0}` stops it", self.dir.display());
        }
        let count = flags.agents.unwrap_or(3);
        self.record.port = flags.port;
        self.record.parts.retain(|name, _| name.parse::<u16>().is_ok_and(|i| i <= count));
        self.record.parts.insert("master".to_owned(), Part::default());
        self.record.write(&self.dir)?;
        self.start("master", false).await?;
        for i in 1..=count {
            let name = i.to_string();
            self.record.parts.entry(name.clone()).or_default();
            self.change(&name, "attributes", Some(flags.attributes_of(i)));
            self.change(&name, "resources", Some(flags.resources_of(i, count)));
            self.start(&name, accept_changes).await?;
        }
        self.print_status();
        Ok(())
    }

    /// Sets a flag of a part from now on.
    pub fn change(&mut self, name: &str, flag: &str, value: Option<String>) {
        if let (Some(part), Some(value)) = (self.record.parts.get_mut(name), value) {
            part.flags.insert(flag.to_owned(), value);
        }
    }

    fn part(&self, name: &str) -> anyhow::Result<&Part> {
        self.record.parts.get(name).with_context(|| {
            let known: Vec<&str> = self.record.parts.keys().map(String::as_str).collect();
            format!(
                "{} has no part {name:?}, only {known:?}: see `mesos-local up --help`",
                self.dir.display()
            )
        })
    }

    fn work_dir(&self, name: &str) -> PathBuf {
        self.dir.join(if name == "master" { "master".to_owned() } else { format!("agent-{name}") })
    }

    fn log(&self, name: &str) -> PathBuf {
        self.work_dir(name).with_extension("log")
    }

    fn port_of(&self, name: &str) -> u16 {
        self.record.port.saturating_add(name.parse().unwrap_or(0))
    }

    /// Starts a part and waits until it is registered.
    pub async fn start(&mut self, name: &str, accept_changes: bool) -> anyhow::Result<()> {
        let part = self.part(name)?.clone();
        if part.is_running() {
            bail!("{name} runs already, as process {}", part.pid.unwrap_or_default());
        }
        let mut child = self.spawn(name, &part, accept_changes)?;
        let process = i32::try_from(child.id()).ok().and_then(ProcessId::of);
        self.remember(name, |part| {
            part.pid = process.map(|process| process.pid);
            part.start_ticks = process.map(|process| process.start_ticks);
        })?;
        self.wait_until_registered(name, &mut child).await
    }

    fn spawn(&self, name: &str, part: &Part, accept_changes: bool) -> anyhow::Result<Child> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let work_dir = self.work_dir(name);
        let log_path = self.log(name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log_path)
            .with_context(|| format!("cannot write the log {}", log_path.display()))?;
        let errors = log.try_clone().context("cannot duplicate the log")?;
        let mut command = Command::new(program);
        if name == "master" {
            command.arg("master");
        } else {
            command.arg("agent");
            command.arg(format!("--master=127.0.0.1:{}", self.record.port));
            command.arg(format!("--hostname=agent-{name}"));
            for (flag, value) in &part.flags {
                command.arg(format!("--{flag}={value}"));
            }
            if accept_changes {
                command.arg("--accept-agent-changes");
            }
            if std::env::var_os("MESOS_EXECUTOR_ENVIRONMENT_VARIABLES").is_none()
                && let Ok(path) = std::env::var("PATH")
            {
                let variables = serde_json::json!({ "PATH": path });
                command.arg(format!("--executor-environment-variables={variables}"));
            }
        }
        command.arg(format!("--port={}", self.port_of(name)));
        command.arg("--work-dir").arg(&work_dir);
        // A group of its own, so that Ctrl-C at the terminal of `up` does not reach it.
        command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
        command.spawn().with_context(|| format!("cannot start {name}"))
    }

    async fn wait_until_registered(&self, name: &str, child: &mut Child) -> anyhow::Result<()> {
        let client = mesos_v1::plain_http().timeout(Duration::from_secs(2)).build()?;
        let url = format!("http://127.0.0.1:{}/slaves", self.record.port);
        let deadline = Instant::now() + START_PATIENCE;
        let log = self.log(name);
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for {name}"))? {
                bail!("{name} ended with {status}: {}", last_error(&log));
            }
            if let Ok(answer) = client.get(&url).send().await
                && let Ok(view) = answer.json::<serde_json::Value>().await
            {
                let is_there = name == "master"
                    || view["slaves"].as_array().is_some_and(|agents| {
                        let host = format!("agent-{name}");
                        agents
                            .iter()
                            .any(|agent| agent["hostname"] == host.as_str() && agent["active"] == true)
                    });
                if is_there {
                    return Ok(());
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        bail!("{name} did not register within {} s: see {}", START_PATIENCE.as_secs(), log.display())
    }

    /// Stops a part with a signal.
    pub async fn stop(&mut self, name: &str, signal: &str) -> anyhow::Result<()> {
        let Some(process) = self.part(name)?.process() else { return Ok(()) };
        let signal = match signal {
            "KILL" => Signal::SIGKILL,
            "STOP" => Signal::SIGSTOP,
            "CONT" => Signal::SIGCONT,
            "USR1" => Signal::SIGUSR1,
            _ => Signal::SIGTERM,
        };
        if process.is_running() {
            kill(Pid::from_raw(process.pid), signal)
                .with_context(|| format!("cannot send {signal} to {name}"))?;
        }
        if matches!(signal, Signal::SIGSTOP | Signal::SIGCONT) {
            return Ok(());
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        while process.is_running() {
            if Instant::now() > deadline {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        self.remember(name, |part| {
            part.pid = None;
            part.start_ticks = None;
        })
    }

    pub async fn down(&mut self) -> anyhow::Result<()> {
        let names: Vec<String> = self.record.parts.keys().cloned().collect();
        for name in &names {
            self.stop(name, "KILL").await?;
        }
        for name in names.iter().filter(|name| *name != "master") {
            kill_containers(&self.work_dir(name));
        }
        self.print_status();
        Ok(())
    }

    pub fn print_status(&self) {
        let master = self.record.parts.get_key_value("master");
        let agents = self.record.parts.iter().filter(|(name, _)| *name != "master");
        for (name, part) in master.into_iter().chain(agents) {
            let what = if name == "master" { "master".to_owned() } else { format!("agent {name}") };
            let state = match part.pid {
                None => "stopped".to_owned(),
                Some(pid) if part.is_running() => format!("pid {pid}"),
                Some(pid) => format!("gone (was pid {pid})"),
            };
            println!("{what}: 127.0.0.1:{} {state}", self.port_of(name));
        }
    }
}

/// What the part said last: the reason for its end.
fn last_error(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    match text.rfind("mesos-local: ") {
        Some(at) => text[at..].trim().to_owned(),
        None => format!("see {}", log.display()),
    }
}
