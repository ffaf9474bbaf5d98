//! The executor between the agent and its one task (`spec/thermos.md` §3.3).

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use mesos_v1::messages::{TaskId, TaskInfo, TaskState};
use mesos_v1::{ExecutorEnvironment, ExecutorEvent, ExecutorHandle, StatusUpdate};
use thermos::os::users::UserDatabase;
use thermos::run::Standby;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::assignment::Assigned;
use crate::flags::Flags;
use crate::supervisor::{Stop, Supervisor, report_to, undecodable};

/// How long a subscribed executor waits for its task.
const LAUNCH_LIMIT: Duration = Duration::from_secs(10);

/// Says when the scheduler assigned the task, in milliseconds since the epoch.
const ASSIGNED_VARIABLE: &str = "AURORA_ASSIGNED_MS";

/// How long nothing is reported before memory is given back.
const REST_AFTER: Duration = Duration::from_secs(1);

/// Where the executor stands.
enum Stage {
    /// No task yet; the time when it gives up, once subscribed.
    Idle { gives_up: Option<Instant> },
    /// One task; the time when memory is given back, once the agent has taken an update and nothing else happens.
    Working { work: Pin<Box<dyn Future<Output = ()>>>, rests: Option<Instant> },
    /// The last update is on its way.
    Leaving { until: Option<Instant> },
}

/// One executor.
pub struct Executor {
    environment: ExecutorEnvironment,
    flags: Flags,
    handle: ExecutorHandle,
    events: mpsc::Receiver<ExecutorEvent>,
    stage: Stage,
    task_id: Option<String>,
    /// What the agent mounted for this executor, by the paths it has here.
    volumes: Vec<PathBuf>,
    standby: Option<std::io::Result<Standby>>,
    subreaper: nix::Result<()>,
    stop: watch::Sender<Option<Stop>>,
    is_connected: bool,
    is_session_over: bool,
}

impl Executor {
    pub fn new(
        environment: ExecutorEnvironment,
        flags: Flags,
        handle: ExecutorHandle,
        events: mpsc::Receiver<ExecutorEvent>,
        standby: std::io::Result<Standby>,
        subreaper: nix::Result<()>,
    ) -> Self {
        Self {
            environment,
            flags,
            handle,
            events,
            stage: Stage::Idle { gives_up: None },
            task_id: None,
            volumes: Vec::new(),
            standby: Some(standby),
            subreaper,
            stop: watch::Sender::new(None),
            is_connected: false,
            is_session_over: false,
        }
    }

    /// Runs until the task is over and the agent knows.
    pub async fn run(mut self) -> ExitCode {
        loop {
            let is_listening = !self.is_session_over;
            let handle = self.handle.clone();
            let is_leaving = matches!(self.stage, Stage::Leaving { .. });
            let next = {
                let timer = self.timer();
                let stage = &mut self.stage;
                let events = &mut self.events;
                let work = async move {
                    match stage {
                        Stage::Working { work, .. } => work.await,
                        Stage::Idle { .. } | Stage::Leaving { .. } => std::future::pending().await,
                    }
                };
                // The end of the task first: what is asked of it afterwards has no meaning.
                tokio::select! {
                    biased;
                    () = work => Next::TaskEnded,
                    () = handle.acknowledged(), if is_leaving => Next::Acknowledged,
                    event = events.recv(), if is_listening => Next::Event(event),
                    () = wait_until(timer) => Next::TimeUp,
                }
            };
            match next {
                Next::TaskEnded => self.leave(),
                Next::Acknowledged => return ExitCode::SUCCESS,
                Next::Event(Some(event)) => {
                    if let Some(code) = self.on_event(event) {
                        return code;
                    }
                }
                Next::Event(None) => self.is_session_over = true,
                Next::TimeUp if matches!(self.stage, Stage::Working { .. }) => {
                    self.rest_at(None);
                    self.handle.rest();
                    // What ends the connection is done by a task of its own, which then needs no text any more.
                    tokio::task::yield_now().await;
                    thermos::os::memory::release_program();
                }
                Next::TimeUp if matches!(self.stage, Stage::Idle { .. }) => {
                    tracing::error!("Executor timing out. No task came within {} s.", LAUNCH_LIMIT.as_secs());
                    return ExitCode::SUCCESS;
                }
                Next::TimeUp => {
                    tracing::error!(
                        "the agent at {} has not taken the last update of the task within {} s",
                        self.environment.agent_endpoint,
                        self.environment.recovery_timeout.as_secs()
                    );
                    return ExitCode::FAILURE;
                }
            }
            if self.is_session_over && !matches!(self.stage, Stage::Working { .. }) {
                return ExitCode::FAILURE;
            }
        }
    }

    fn timer(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Idle { gives_up } => *gives_up,
            Stage::Working { rests, .. } => *rests,
            // An agent that is away may come back and ask for the update.
            Stage::Leaving { until } => until.filter(|_| self.is_connected),
        }
    }

    /// Until when an agent that is there may keep the last update unacknowledged: it hangs or is in trouble, and is given as
    /// long as one that is away. What is lost here makes a task that ended well fail.
    fn patience(&self) -> Instant {
        Instant::now() + self.environment.recovery_timeout
    }

    fn rest_at(&mut self, time: Option<Instant>) {
        if let Stage::Working { rests, .. } = &mut self.stage {
            *rests = time;
        }
    }

    fn leave(&mut self) {
        self.stage = Stage::Leaving { until: Some(self.patience()) };
    }

    fn on_event(&mut self, event: ExecutorEvent) -> Option<ExitCode> {
        match event {
            ExecutorEvent::Subscribed(subscribed) => {
                let container = subscribed.executor_info.container.unwrap_or_default();
                self.volumes =
                    container.volumes.into_iter().map(|volume| volume.container_path.into()).collect();
                tracing::info!("subscribed with the agent at {}", self.environment.agent_endpoint);
                self.is_connected = true;
                let patience = self.patience();
                match &mut self.stage {
                    Stage::Idle { gives_up } => *gives_up = Some(Instant::now() + LAUNCH_LIMIT),
                    Stage::Leaving { until } => *until = Some(patience),
                    Stage::Working { .. } => {}
                }
            }
            ExecutorEvent::Disconnected { reason } => {
                self.is_connected = false;
                tracing::warn!(error = %Chain(&reason), "the agent is away; the task goes on");
            }
            ExecutorEvent::Launch(info) => self.launch(&info),
            ExecutorEvent::LaunchGroup(group) => {
                for info in group.tasks {
                    let update = StatusUpdate::new(info.task_id, TaskState::TaskFailed)
                        .with_message("this executor runs one task and knows no task groups");
                    report_to(&self.handle, update);
                }
            }
            ExecutorEvent::Kill { task_id, .. } => self.kill(&task_id),
            ExecutorEvent::Shutdown => {
                tracing::info!("told to shut down");
                if self.task_id.is_none() {
                    return Some(ExitCode::SUCCESS);
                }
                self.shut_down(self.environment.shutdown_grace_period);
            }
            ExecutorEvent::UpdateRejected { task_id, state, error } => {
                let state = state.as_str_name();
                tracing::error!(%task_id, state, error = %Chain(&error), "the agent refuses an update");
            }
            ExecutorEvent::Ended { error } => {
                eprintln!("thermos_executor: {}", Chain(&error));
                self.is_session_over = true;
                self.shut_down(self.environment.shutdown_grace_period);
            }
            ExecutorEvent::Acknowledged { task_id, .. } => {
                tracing::debug!(%task_id, "update acknowledged");
                self.rest_at(Some(Instant::now() + REST_AFTER));
            }
            ExecutorEvent::Message(data) => {
                tracing::info!(bytes = data.len(), "message of the framework ignored")
            }
        }
        None
    }

    fn launch(&mut self, info: &TaskInfo) {
        let new_id = info.task_id.value.clone();
        match &self.task_id {
            Some(current) if *current == new_id => {
                tracing::info!(task_id = new_id, "launch repeated by the agent, ignored");
                return;
            }
            Some(current) => {
                let text = format!("Task already running on this executor: {current}");
                report_to(&self.handle, StatusUpdate::new(new_id, TaskState::TaskLost).with_message(text));
                return;
            }
            None => {}
        }
        tracing::info!(task_id = new_id, "launch");
        self.task_id = Some(new_id.clone());
        let mut assigned = match Assigned::decode(info.data.as_deref().unwrap_or_default()) {
            Ok(assigned) => assigned,
            Err(error) => {
                let verdict = undecodable(&error);
                eprintln!("thermos_executor: {}", verdict.message);
                report_to(
                    &self.handle,
                    StatusUpdate::new(new_id, verdict.state).with_message(verdict.message),
                );
                self.leave();
                return;
            }
        };
        // The agent knows the task by this id alone.
        assigned.task_id = new_id;
        let supervisor = Supervisor {
            environment: self.environment.clone(),
            flags: self.flags.clone(),
            handle: self.handle.clone(),
            assigned,
            stop: self.stop.subscribe(),
            users: UserDatabase::default(),
            volumes: self.volumes.clone(),
            standby: self.standby.take(),
            subreaper: self.subreaper,
            assigned_at: assigned_at(),
            warnings: Vec::new(),
        };
        self.stage = Stage::Working { work: Box::pin(supervisor.run()), rests: None };
    }

    fn kill(&self, task_id: &TaskId) {
        if self.task_id.as_deref() != Some(task_id.value.as_str()) {
            tracing::warn!(%task_id, "kill for a task that is not here, ignored");
            return;
        }
        tracing::info!(%task_id, "kill");
        self.stop.send_if_modified(|stop| {
            let is_first = stop.is_none();
            stop.get_or_insert(Stop::Kill);
            is_first
        });
    }

    /// The first reason to stop stays the one that is reported; a shutdown adds its time limit.
    fn shut_down(&self, grace: Duration) {
        self.stop.send_replace(Some(Stop::Shutdown { deadline: Instant::now() + grace }));
    }
}

/// When the scheduler assigned the task, if it says so.
fn assigned_at() -> Option<SystemTime> {
    let millis = std::env::var(ASSIGNED_VARIABLE).ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

enum Next {
    TaskEnded,
    Acknowledged,
    Event(Option<ExecutorEvent>),
    TimeUp,
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// An error with its causes, in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
