//! RUN: a task arrives, and with the first of an executor the executor starts (`spec/mesos.md` §§2.6, 2.7).

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use mesos_v1::messages as v1;
use mesos_v1::messages::executor;
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::actor::Input;
use super::containers::{Container, ContainerEnd, Launch};
use super::paths::RunPaths;
use super::state::{Executor, ExecutorKey, ExecutorStatus, Phase, State, Task, Timer};
use crate::checkpoint::{self, CheckpointError, Durability, Log};
use crate::container::docker::{Docker, DockerTask};
use crate::container::launcher::{LaunchSpec, LaunchUser};
use crate::container::users::{User, find_user};
use crate::duration::format_duration;
use crate::link::RunTask;
use crate::resources::{UNRESERVED, resources_from_messages};

use v1::task_status::Reason;

/// Where programs are looked for when nobody says (`spec/mesos.md` §2.6).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    /// Takes a task: records it, then gives it to its executor, which is started if it is not there.
    pub fn on_run_task(&mut self, run: RunTask) {
        let framework_id = run.framework.id.clone().unwrap_or_default();
        let Some(info) = run.task.executor.clone() else { return };
        let key = (framework_id.clone(), info.executor_id.clone());
        self.remember_framework(run.framework);
        let status = self.executors.get(&key).map(|executor| executor.status);
        let refusal = match status {
            _ if self.phase == Phase::Leaving => Some("The agent is shutting down".to_owned()),
            Some(ExecutorStatus::Terminating(_)) => Some(format!("Executor '{}' is terminating", key.1)),
            _ => None,
        };
        if let Some(message) = refusal {
            let state = self.state_for(&framework_id, v1::TaskState::TaskDropped);
            self.add_stray_update(&framework_id, run.task, state, Reason::ExecutorTerminated, message);
            return;
        }
        let is_new = status.is_none();
        if is_new && let Err(problem) = self.add_executor(&key, &info) {
            let state = self.state_for(&framework_id, v1::TaskState::TaskDropped);
            let message = format!("cannot prepare executor '{}': {}", key.1, mesos_v1::chain(&problem));
            self.add_stray_update(&framework_id, run.task, state, Reason::ExecutorTerminated, message);
            return;
        }
        let task_id = run.task.task_id.clone();
        let task = match self.record_task(&key, run.task) {
            Ok(task) => task,
            Err(error) => return self.fail(error),
        };
        self.tasks.insert((framework_id, task_id), task);
        if is_new {
            self.start_container(&key);
        } else if status == Some(ExecutorStatus::Running) {
            self.deliver_tasks(&key);
        }
    }

    /// Keeps what a framework is, for as long as something of it is here.
    pub fn remember_framework(&mut self, info: v1::FrameworkInfo) {
        let Some(id) = info.id.clone() else { return };
        if info.checkpoint() {
            let path = self.paths.framework_meta(&self.id(), &id).join("framework.info");
            if let Err(error) = checkpoint::write(&path, &info.encode_to_vec(), Durability::Process) {
                self.fail(error);
            }
        }
        self.frameworks.insert(id, info);
    }

    fn record_task(&self, key: &ExecutorKey, info: v1::TaskInfo) -> Result<Task, CheckpointError> {
        let executor = &self.executors[key];
        let mut task = Task::new(info, executor.container.clone());
        if self.has_checkpoints(&key.0) {
            let id = &task.info.task_id;
            checkpoint::write(&executor.run.task_info(id), &task.info.encode_to_vec(), Durability::Process)?;
            task.log = Some(Log::open(&executor.run.task_updates(id))?.0);
        }
        Ok(task)
    }

    /// Makes the folders of a new run, and records the executor.
    fn add_executor(&mut self, key: &ExecutorKey, info: &v1::ExecutorInfo) -> Result<(), CheckpointError> {
        let container = uuid::Uuid::new_v4().to_string();
        let run = self.paths.run(&self.id(), &key.0, &key.1, &container);
        checkpoint::create_dir(&run.sandbox)?;
        let io = |action, path: &std::path::Path| {
            let path = path.to_owned();
            move |source| CheckpointError::Io { action, path, source }
        };
        std::fs::set_permissions(&run.sandbox, std::fs::Permissions::from_mode(0o750))
            .map_err(io("restrict", &run.sandbox))?;
        link_latest(&run.sandbox)?;
        checkpoint::create_dir(&run.meta)?;
        link_latest(&run.meta)?;
        let info_path = self.paths.executor_meta(&self.id(), &key.0, &key.1).join("executor.info");
        checkpoint::write(&info_path, &info.encode_to_vec(), Durability::Process)?;
        let executor = Executor {
            info: info.clone(),
            container,
            run,
            status: ExecutorStatus::Registering,
            helper: None,
            records: None,
            has_subscribed: false,
            has_reported: false,
            kill: CancellationToken::new(),
        };
        self.executors.insert(key.clone(), executor);
        Ok(())
    }

    fn start_container(&mut self, key: &ExecutorKey) {
        let executor = &self.executors[key];
        let command = executor.info.command.clone().unwrap_or_default();
        let owner = self.user_of(key, &command);
        if executor.info.container.as_ref().is_some_and(is_docker) {
            return self.start_docker_container(key, owner);
        }
        let program_and_argv = match (command.shell(), command.value.clone()) {
            (true, value) => {
                let argv = vec!["sh".to_owned(), "-c".to_owned(), value.unwrap_or_default()];
                ("/bin/sh".to_owned(), argv)
            }
            (false, value) => {
                let program = value.unwrap_or_default();
                let argv = if command.arguments.is_empty() {
                    vec![program.clone()]
                } else {
                    command.arguments.clone()
                };
                (program, argv)
            }
        };
        let spec = LaunchSpec {
            sandbox: executor.run.sandbox.clone(),
            program: program_and_argv.0,
            argv: program_and_argv.1,
            environment: self.environment_of(key, &executor.run, &command),
            user: owner.as_ref().map(|user| LaunchUser {
                uid: user.uid,
                gid: user.gid,
                groups: user.groups.clone(),
            }),
            pid_file: executor.run.helper_pid(),
            status_file: executor.run.status(),
        };
        let launcher = self.config.launcher.clone();
        self.start(key, None, Launch { uris: command.uris, spec, owner, launcher, image: None });
    }

    /// Runs the executor in a Docker container; one that cannot be is reported like one that did not start.
    fn start_docker_container(&mut self, key: &ExecutorKey, owner: Option<User>) {
        let executor = &self.executors[key];
        let command = executor.info.command.clone().unwrap_or_default();
        let container = executor.info.container.clone().unwrap_or_default();
        let image = container.docker.clone().unwrap_or_default();
        let mut resources = resources_from_messages(&executor.info.resources).unwrap_or_default();
        let own = self.tasks.values().filter(|task| task.container == executor.container);
        for task in own {
            resources.add(&resources_from_messages(&task.info.resources).unwrap_or_default());
        }
        let mut environment = self.config.executor_environment.clone();
        environment.extend(self.environment_of(key, &executor.run, &command));
        // The container's own folders of programs are the usual ones, whatever this machine's are.
        environment.insert("PATH".to_owned(), DEFAULT_PATH.to_owned());
        environment.insert("MESOS_ALLOCATION_ROLE".to_owned(), UNRESERVED.to_owned());
        let prepared = match self.docker() {
            None => Err("this agent runs no Docker containers: start it with --containerizers=docker,mesos"
                .to_owned()),
            Some(docker) => docker
                .run_command(DockerTask {
                    id: &executor.container,
                    container: &container,
                    command: &command,
                    resources: &resources,
                    environment,
                    sandbox: &executor.run.sandbox,
                })
                .map(|command| (docker, command)),
        };
        let (docker, run) = match prepared {
            Ok((docker, run)) => (docker, run),
            Err(problem) => {
                let ended = Input::ContainerEnded {
                    key: key.clone(),
                    container: executor.container.clone(),
                    end: ContainerEnd::NotStarted(problem),
                };
                let inputs = self.inputs.clone();
                // The agent itself takes it, once it has done with this.
                tokio::spawn(async move { inputs.send(ended).await });
                return;
            }
        };
        let spec = LaunchSpec {
            sandbox: executor.run.sandbox.clone(),
            program: run.argv[0].clone(),
            argv: run.argv,
            environment: run.environment,
            // The client talks to the engine as the agent does; the image says who runs inside.
            user: None,
            pid_file: executor.run.helper_pid(),
            status_file: executor.run.status(),
        };
        let launch = Launch {
            uris: command.uris,
            spec,
            owner,
            launcher: self.config.launcher.clone(),
            image: Some((image.image.clone(), image.force_pull_image())),
        };
        self.start(key, Some(docker), launch);
    }

    fn start(&mut self, key: &ExecutorKey, docker: Option<Docker>, launch: Launch) {
        let executor = &self.executors[key];
        info!(host = self.config.hostname, executor = %key.1, sandbox = %executor.run.sandbox.display(), "starting");
        let container = Container {
            key: key.clone(),
            id: executor.container.clone(),
            run: executor.run.clone(),
            kill: executor.kill.clone(),
            docker,
            inputs: self.inputs.clone(),
        };
        let ended = Timer::RegistrationEnded { key: key.clone(), container: executor.container.clone() };
        self.timers.add(self.config.executor_registration_timeout, ended);
        // It ends with its container, and reports that; the agent may be gone by then.
        tokio::spawn(container.launch(launch));
    }

    /// The way to the Docker engine, if this agent has one.
    pub fn docker(&self) -> Option<Docker> {
        let config = self.config.docker.clone()?;
        Some(Docker { config, work_dir: self.paths.root().to_owned() })
    }

    /// Whom to run as: nobody else than now unless the agent is root and the named user exists.
    fn user_of(&self, key: &ExecutorKey, command: &v1::CommandInfo) -> Option<User> {
        if !self.config.switch_user || !nix::unistd::geteuid().is_root() {
            return None;
        }
        let framework_user = self.frameworks.get(&key.0).map(|info| info.user.as_str());
        let name = command.user.as_deref().or(framework_user)?;
        find_user(name).filter(|user| user.uid != 0)
    }

    /// The executor's environment (`spec/mesos.md` §2.6).
    fn environment_of(
        &self,
        key: &ExecutorKey,
        run: &RunPaths,
        command: &v1::CommandInfo,
    ) -> BTreeMap<String, String> {
        let has_checkpoints = self.has_checkpoints(&key.0);
        let sandbox = run.sandbox.display().to_string();
        let grace = self.shutdown_grace(key);
        let mut environment = self.config.executor_environment.clone();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("MESOS_FRAMEWORK_ID", key.0.value.clone());
        set("MESOS_EXECUTOR_ID", key.1.value.clone());
        set("MESOS_SLAVE_ID", self.id().value);
        set("MESOS_SLAVE_PID", format!("slave(1)@{}", self.address));
        set("MESOS_AGENT_ENDPOINT", self.address.to_string());
        set("MESOS_DIRECTORY", sandbox.clone());
        set("MESOS_SANDBOX", sandbox);
        set("MESOS_CHECKPOINT", if has_checkpoints { "1" } else { "0" }.to_owned());
        set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", format_duration(grace));
        if has_checkpoints {
            set("MESOS_RECOVERY_TIMEOUT", format_duration(self.config.recovery_timeout));
            let backoff = format_duration(self.config.executor_reregistration_timeout);
            set("MESOS_SUBSCRIPTION_BACKOFF_MAX", backoff);
        }
        set("MESOS_HTTP_COMMAND_EXECUTOR", "0".to_owned());
        set("LIBPROCESS_PORT", "0".to_owned());
        environment.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
        for variable in command.environment.iter().flat_map(|environment| &environment.variables) {
            let secret = variable.secret.as_ref().and_then(|secret| secret.value.as_ref());
            let value = match (&variable.value, secret) {
                (Some(value), _) => value.clone(),
                (None, Some(secret)) => String::from_utf8_lossy(&secret.data).into_owned(),
                (None, None) => continue,
            };
            environment.insert(variable.name.clone(), value);
        }
        environment
    }

    /// How long the executor may take to end.
    pub fn shutdown_grace(&self, key: &ExecutorKey) -> std::time::Duration {
        let own = self.executors.get(key).and_then(|executor| executor.info.shutdown_grace_period);
        own.and_then(|grace| u64::try_from(grace.nanoseconds).ok())
            .map_or(self.config.executor_shutdown_grace_period, std::time::Duration::from_nanos)
    }

    /// Gives an executor the tasks it was not given yet, in the order of their arrival, and kills that had to wait.
    pub fn deliver_tasks(&mut self, key: &ExecutorKey) {
        let live = self.live_tasks_of(key);
        for task_id in live {
            let task_key = (key.0.clone(), task_id.clone());
            let Some(task) = self.tasks.get(&task_key) else { continue };
            if task.is_delivered {
                continue;
            }
            let event = executor::Event {
                r#type: Some(executor::event::Type::Launch.into()),
                launch: Some(executor::event::Launch { task: task.info.clone() }),
                ..executor::Event::default()
            };
            if !self.tell_executor(key, &event) {
                return;
            }
            if let Some(task) = self.tasks.get_mut(&task_key) {
                task.is_delivered = true;
            }
        }
    }
}

/// Whether a container is the Docker engine's business.
pub fn is_docker(container: &v1::ContainerInfo) -> bool {
    container.r#type() == v1::container_info::Type::Docker
}

/// Points `runs/latest` to this run.
fn link_latest(run: &std::path::Path) -> Result<(), CheckpointError> {
    let (Some(parent), Some(name)) = (run.parent(), run.file_name()) else { return Ok(()) };
    let latest = parent.join("latest");
    let _ = std::fs::remove_file(&latest);
    std::os::unix::fs::symlink(name, &latest).map_err(|source| CheckpointError::Io {
        action: "link",
        path: latest,
        source,
    })
}
