//! What an agent finds of its earlier runs (`spec/mesos.md` §4.3).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use mesos_v1::messages as v1;
use prost::Message;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::AgentError;
use super::changes::forbidden_changes;
use super::containers::Container;
use super::launch::is_docker;
use super::paths::{AgentPaths, RunPaths};
use super::state::{EndCause, Executor, ExecutorKey, ExecutorStatus, Phase, State, Task, Timer};
use super::updates::LogRecord;
use super::uplink::{MAX_WAITING_MESSAGES, Uplink};
use crate::checkpoint::{self, CheckpointError, Durability, Log};
use crate::container::docker::{Docker, container_name};
use crate::container::launcher::read_pid;
use crate::container::process::{ProcessId, boot_id, kill_below, kill_container};
use crate::link::Register;

/// How long a started helper may take to record itself. Owner: this file.
const HELPER_PATIENCE: Duration = Duration::from_secs(5);

impl State {
    /// Takes back what is there. Must come before anything else happens to the state.
    pub fn recover(&mut self) -> Result<(), AgentError> {
        let present = boot_id();
        let was_rebooted =
            std::fs::read_to_string(self.paths.boot_id()).is_ok_and(|old| old.trim() != present);
        checkpoint::write_text(&self.paths.boot_id(), &present)
            .map_err(|source| self.checkpoint_error(source))?;
        self.phase = Phase::Running;
        let Some(id) = std::fs::read_link(self.paths.latest_agent()).ok().and_then(|link| name_of(&link))
        else {
            return Ok(());
        };
        let id = v1::AgentId::from(id);
        let Some(mut old) = self.load::<v1::AgentInfo>(&self.paths.agent_info(&id))? else { return Ok(()) };
        if self.config.port == 0 {
            old.port = self.info.port;
        }
        let changes = forbidden_changes(&old, &self.info, self.config.reconfiguration_policy);
        if !changes.is_empty() {
            if !was_rebooted && !self.config.accept_changes {
                let running = runs_of(&self.paths, &id).iter().filter(|(_, run)| is_running(run)).count();
                return Err(AgentError::Changed {
                    host: self.config.hostname.clone(),
                    work_dir: self.config.work_dir.clone(),
                    changes,
                    running,
                });
            }
            warn!(
                host = self.config.hostname,
                ?changes,
                "settings changed: a new id, and nothing of the old one"
            );
            return self.abandon(&id);
        }
        self.info.id = Some(id.clone());
        if old != self.info {
            // The next start is compared with this one, not with the first of all: a real agent forgets that it was changed.
            self.save_info(&id).map_err(|source| self.checkpoint_error(source))?;
        }
        for framework in names_in(&self.paths.agent_meta(&id).join("frameworks")) {
            let framework_id = v1::FrameworkId::from(framework);
            let path = self.paths.framework_meta(&id, &framework_id).join("framework.info");
            if let Some(info) = self.load::<v1::FrameworkInfo>(&path)? {
                self.frameworks.insert(framework_id, info);
            }
        }
        for (key, run) in runs_of(&self.paths, &id) {
            self.recover_run(&key, run)?;
        }
        self.remove_docker_orphans();
        if !self.executors.is_empty() {
            info!(
                host = self.config.hostname,
                executors = self.executors.len(),
                "waiting for executors to come back"
            );
            self.phase = Phase::Recovering;
            self.timers.add(self.config.executor_reregistration_timeout, Timer::RecoveryEnded);
        }
        Ok(())
    }

    /// Of Docker containers that earlier runs of this agent left, only those of executors that are known go on.
    fn remove_docker_orphans(&self) {
        let Some(docker) = self.docker().filter(|docker| docker.config.kill_orphans) else { return };
        if Docker::recorded(self.paths.root()).is_none() {
            return;
        }
        let known: Vec<String> =
            self.executors.values().map(|executor| container_name(&executor.container)).collect();
        let host = self.config.hostname.clone();
        tokio::spawn(async move {
            match docker.remove_orphans(&known).await {
                Ok(0) => {}
                Ok(count) => info!(host, count, "removed Docker containers that nobody knows"),
                Err(problem) => warn!(host, problem, "Docker containers of before may be left"),
            }
        });
    }

    fn checkpoint_error(&self, source: CheckpointError) -> AgentError {
        AgentError::Checkpoint { host: self.config.hostname.clone(), source }
    }

    fn load<M: Message + Default>(&self, path: &Path) -> Result<Option<M>, AgentError> {
        match checkpoint::read(path).map_err(|source| self.checkpoint_error(source))? {
            None => Ok(None),
            Some(bytes) => self.decode(path, &bytes).map(Some),
        }
    }

    fn decode<M: Message + Default>(&self, path: &Path, bytes: &[u8]) -> Result<M, AgentError> {
        M::decode(bytes).map_err(|source| AgentError::Decode {
            host: self.config.hostname.clone(),
            path: path.to_owned(),
            source,
        })
    }

    fn recover_run(&mut self, key: &ExecutorKey, run: RunPaths) -> Result<(), AgentError> {
        let Some(container) = name_of(&run.meta) else { return Ok(()) };
        if !self.frameworks.contains_key(&key.0) {
            // Without checkpoints an executor does not outlive its agent.
            kill_container(read_pid(&run.helper_pid()), &run.sandbox);
            let _ = std::fs::remove_dir_all(&run.meta);
            return Ok(());
        }
        let has_ended = run.sentinel().exists();
        let has_subscribed = run.http_marker().exists();
        let mut has_reported = false;
        for name in names_in(&run.meta.join("tasks")) {
            let task_id = v1::TaskId::from(name);
            let Some(mut task) = self.recover_task(&run, &task_id, &container)? else { continue };
            has_reported |= task.sent.as_ref().is_some_and(|sent| {
                sent.source() == v1::task_status::Source::Executor && sent.source.is_some()
            });
            // An executor that never subscribed was given nothing.
            task.is_delivered = has_subscribed;
            if !task.latest_state.is_terminal() || !task.pending.is_empty() {
                self.tasks.insert((key.0.clone(), task_id), task);
            }
        }
        let info_path = self.paths.executor_meta(&self.id(), &key.0, &key.1).join("executor.info");
        let info = self.load::<v1::ExecutorInfo>(&info_path)?;
        let (false, Some(info)) = (has_ended, info) else {
            self.forget_run(&key.0, Some(&key.1), &container);
            return Ok(());
        };
        let kill = CancellationToken::new();
        let executor = Executor {
            info,
            container: container.clone(),
            helper: read_pid(&run.helper_pid()),
            status: ExecutorStatus::Registering,
            records: None,
            has_subscribed,
            has_reported,
            kill: kill.clone(),
            run: run.clone(),
        };
        self.executors.insert(key.clone(), executor);
        let is_docker = self.executors[key].info.container.as_ref().is_some_and(is_docker);
        let docker = self.docker().filter(|_| is_docker);
        let inputs = self.inputs.clone();
        let container = Container { key: key.clone(), id: container, run, kill, docker, inputs };
        // It ends with its container, and reports that; the agent may be gone by then.
        tokio::spawn(container.attend_recovered());
        Ok(())
    }

    fn recover_task(
        &self,
        run: &RunPaths,
        task_id: &v1::TaskId,
        container: &str,
    ) -> Result<Option<Task>, AgentError> {
        let Some(info) = self.load::<v1::TaskInfo>(&run.task_info(task_id))? else { return Ok(None) };
        let mut task = Task::new(info, container.to_owned());
        let path = run.task_updates(task_id);
        let (log, records) = Log::open(&path).map_err(|source| self.checkpoint_error(source))?;
        for bytes in records {
            let record: LogRecord = self.decode(&path, &bytes)?;
            if let Some(status) = record.update {
                task.latest_state = status.state();
                task.uuids.extend(status.uuid.clone());
                task.pending.push_back(status);
            }
            if let Some(uuid) = record.acknowledged
                && task.pending.front().is_some_and(|status| status.uuid.as_ref() == Some(&uuid))
            {
                task.sent = task.pending.pop_front();
            }
        }
        if let Some(first) = task.pending.front() {
            task.sent = Some(first.clone());
        }
        task.log = Some(log);
        Ok(Some(task))
    }

    /// Gives up an id with everything that runs under it.
    fn abandon(&mut self, id: &v1::AgentId) -> Result<(), AgentError> {
        for (_, run) in runs_of(&self.paths, id) {
            kill_container(read_pid(&run.helper_pid()), &run.sandbox);
        }
        self.remove_docker_orphans();
        let latest = self.paths.latest_agent();
        std::fs::remove_file(&latest).map_err(|source| {
            self.checkpoint_error(CheckpointError::Io { action: "remove", path: latest.clone(), source })
        })
    }

    /// Ends the recovery as soon as every executor is back or gone.
    pub fn check_recovery(&mut self) {
        let is_waiting =
            self.executors.values().any(|executor| executor.status == ExecutorStatus::Registering);
        if self.phase == Phase::Recovering && !is_waiting {
            self.end_recovery();
        }
    }

    /// Executors that did not come back in time are killed.
    pub fn on_recovery_ended(&mut self) {
        if self.phase != Phase::Recovering {
            return;
        }
        for executor in self.executors.values_mut() {
            if executor.status == ExecutorStatus::Registering {
                executor.status = ExecutorStatus::Terminating(EndCause::ReregistrationTimeout);
                executor.kill.cancel();
            }
        }
        self.end_recovery();
    }

    fn end_recovery(&mut self) {
        self.phase = Phase::Running;
        if let Some(reply) = self.waiting_uplink.take() {
            self.open_uplink(reply);
        }
    }

    /// The uplink may open a stream once recovery is over.
    pub fn on_uplink_ready(&mut self, reply: oneshot::Sender<Uplink>) {
        if self.phase == Phase::Recovering {
            self.waiting_uplink = Some(reply);
        } else {
            self.open_uplink(reply);
        }
    }

    /// Hands out everything the master must know. What happens from now on goes through the channel, after it.
    fn open_uplink(&mut self, reply: oneshot::Sender<Uplink>) {
        let (sender, messages) = tokio::sync::mpsc::channel(MAX_WAITING_MESSAGES);
        let register = Register {
            agent: self.info.clone(),
            frameworks: self.frameworks.values().cloned().collect(),
            executors: self.executors.values().map(|executor| executor.info.clone()).collect(),
            tasks: self.task_records(),
        };
        self.to_master = Some(sender);
        if reply.send(Uplink { register, messages }).is_ok() {
            self.send_pending(None);
        }
    }

    /// The master knows the agent: its id stays.
    pub fn on_registered(&mut self, id: v1::AgentId) {
        if self.info.id.is_none() {
            self.info.id = Some(id.clone());
            if let Err(error) = self.record_id(&id) {
                return self.fail(error);
            }
        }
        self.registered.send_replace(Some(id));
    }

    fn save_info(&self, id: &v1::AgentId) -> Result<(), CheckpointError> {
        checkpoint::write(&self.paths.agent_info(id), &self.info.encode_to_vec(), Durability::Machine)
    }

    fn record_id(&self, id: &v1::AgentId) -> Result<(), CheckpointError> {
        self.save_info(id)?;
        let latest = self.paths.latest_agent();
        let _ = std::fs::remove_file(&latest);
        std::os::unix::fs::symlink(&id.value, &latest).map_err(|source| CheckpointError::Io {
            action: "link",
            path: latest,
            source,
        })
    }
}

/// The port of the last registration.
pub fn former_port(work_dir: &Path) -> Option<u16> {
    let paths = AgentPaths::new(work_dir);
    let id = v1::AgentId::from(name_of(&std::fs::read_link(paths.latest_agent()).ok()?)?);
    let bytes = checkpoint::read(&paths.agent_info(&id)).ok()??;
    u16::try_from(v1::AgentInfo::decode(bytes.as_slice()).ok()?.port()).ok()
}

/// Kills every container that an agent left behind in its work directory, whether or not it is running itself.
pub fn kill_containers(work_dir: &Path) {
    let paths = AgentPaths::new(work_dir);
    for agent in names_in(&work_dir.join("meta/slaves")) {
        for (_, run) in runs_of(&paths, &v1::AgentId::from(agent)) {
            kill_container(helper_of(&run), &run.sandbox);
        }
    }
    kill_below(&work_dir.join("slaves"));
    if let Some(docker) = Docker::recorded(paths.root()) {
        docker.remove_all();
    }
}

/// The helper of a run. One whose agent was killed a moment after its start may still be about to record itself.
fn helper_of(run: &RunPaths) -> Option<ProcessId> {
    let deadline = Instant::now() + HELPER_PATIENCE;
    loop {
        let helper = read_pid(&run.helper_pid());
        let may_come = run.launch_spec().exists() && !run.sentinel().exists() && Instant::now() < deadline;
        if helper.is_some() || !may_come {
            return helper;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// All runs that are recorded.
fn runs_of(paths: &AgentPaths, id: &v1::AgentId) -> Vec<(ExecutorKey, RunPaths)> {
    let mut runs = Vec::new();
    for framework in names_in(&paths.agent_meta(id).join("frameworks")) {
        let framework_id = v1::FrameworkId::from(framework);
        for executor in names_in(&paths.framework_meta(id, &framework_id).join("executors")) {
            let key = (framework_id.clone(), v1::ExecutorId::from(executor));
            for container in names_in(&paths.executor_meta(id, &key.0, &key.1).join("runs")) {
                runs.push((key.clone(), paths.run(id, &key.0, &key.1, &container)));
            }
        }
    }
    runs
}

fn is_running(run: &RunPaths) -> bool {
    read_pid(&run.helper_pid()).is_some_and(|helper| helper.is_running())
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// The folders in a folder, in order; links such as `latest` are not among them.
fn names_in(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeSet::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
