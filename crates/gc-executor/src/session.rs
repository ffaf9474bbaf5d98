//! Between the agent and the queue (`spec/thermos.md` §6.2).

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aurora_api::thrift::{AdjustRetainedTasks, decode_binary};
use mesos_v1::messages::TaskInfo;
use mesos_v1::{ExecutorEnvironment, ExecutorEvent, ExecutorHandle, StatusUpdate};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use crate::machine::{Machine, Report, Request};
use crate::queue::{Queue, Step};

/// Between two looks for orphans.
const POLL_WAIT: Duration = Duration::from_secs(5 * 60);

/// After this an idle executor ends; the scheduler starts another.
const MAXIMUM_EXECUTOR_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// How long the last updates may take to be acknowledged.
const PERSISTENCE_WAIT: Duration = Duration::from_secs(5);

struct Session {
    machine: Machine,
    handle: ExecutorHandle,
    queue: Queue<Request>,
    work: Option<JoinHandle<Vec<Report>>>,
    vars: PathBuf,
    runs: u64,
    reports: u64,
}

/// Carries out requests until the agent, or age, ends this.
pub async fn run(
    machine: Machine,
    environment: &ExecutorEnvironment,
    handle: ExecutorHandle,
    mut events: mpsc::Receiver<ExecutorEvent>,
) {
    let vars = environment.sandbox.join("executor_vars.json");
    let mut session =
        Session { machine, handle, queue: Queue::default(), work: None, vars, runs: 0, reports: 0 };
    let end_of_life = Instant::now() + MAXIMUM_EXECUTOR_LIFETIME;
    let mut next_look = Instant::now() + POLL_WAIT;
    session.write_vars();
    loop {
        let steps = tokio::select! {
            event = events.recv() => match event {
                None => break,
                Some(event) => session.on_event(event),
            },
            reports = finished(&mut session.work) => session.on_work_done(reports),
            () = sleep_until(next_look), if session.work.is_none() => {
                next_look = Instant::now() + POLL_WAIT;
                session.look_for_orphans();
                Vec::new()
            }
            () = sleep_until(end_of_life), if session.work.is_none() => {
                info!("a day is over: the scheduler starts another executor");
                session.queue.on_shutdown()
            }
        };
        if session.carry_out(steps) {
            break;
        }
    }
    let told = timeout(PERSISTENCE_WAIT, session.handle.acknowledged()).await;
    if told.is_err() {
        warn!("the agent did not acknowledge the last updates in time");
    }
}

/// The end of what is under way; never, if nothing is.
async fn finished(work: &mut Option<JoinHandle<Vec<Report>>>) -> Vec<Report> {
    match work {
        None => std::future::pending().await,
        Some(handle) => {
            let reports = handle.await;
            *work = None;
            reports.unwrap_or_else(|error| {
                error!(%error, "a collection broke down");
                Vec::new()
            })
        }
    }
}

impl Session {
    fn on_event(&mut self, event: ExecutorEvent) -> Vec<Step<Request>> {
        match event {
            ExecutorEvent::Launch(task) => {
                let request = read_request(&task);
                self.queue.on_launch(&task.task_id.value, request)
            }
            ExecutorEvent::LaunchGroup(group) => {
                let launched = group.tasks.iter().flat_map(|task| {
                    let request = read_request(task);
                    self.queue.on_launch(&task.task_id.value, request)
                });
                launched.collect()
            }
            ExecutorEvent::Kill { task_id, .. } => {
                self.queue.on_kill(&task_id.value);
                Vec::new()
            }
            ExecutorEvent::Shutdown => self.queue.on_shutdown(),
            ExecutorEvent::Ended { error } => {
                error!("{}", mesos_v1::chain(&error));
                vec![Step::Stop]
            }
            ExecutorEvent::UpdateRejected { task_id, state, error } => {
                warn!(task = task_id.value, ?state, "{}", mesos_v1::chain(&error));
                Vec::new()
            }
            ExecutorEvent::Disconnected { reason } => {
                warn!("{}", mesos_v1::chain(&reason));
                Vec::new()
            }
            ExecutorEvent::Subscribed(_) | ExecutorEvent::Acknowledged { .. } | ExecutorEvent::Message(_) => {
                Vec::new()
            }
        }
    }

    fn on_work_done(&mut self, reports: Vec<Report>) -> Vec<Step<Request>> {
        for report in reports {
            info!(task = report.task_id, state = ?report.state, report.message, "reported");
            self.reports += 1;
            self.tell(&report.task_id, report.state, report.message);
        }
        let steps = if self.queue.is_idle() { Vec::new() } else { self.queue.on_done() };
        self.write_vars();
        steps
    }

    fn look_for_orphans(&mut self) {
        let machine = self.machine.clone();
        self.work = Some(tokio::task::spawn_blocking(move || machine.clean_orphans(SystemTime::now())));
    }

    /// Whether this is the end.
    fn carry_out(&mut self, steps: Vec<Step<Request>>) -> bool {
        for step in steps {
            match step {
                Step::Tell { task, state, message } => self.tell(&task, state, message),
                Step::Begin(request) => self.begin(request),
                Step::Stop => return true,
            }
        }
        false
    }

    fn begin(&mut self, request: Request) {
        self.runs += 1;
        info!(tasks = request.retained.len(), "the scheduler told what it knows of this host");
        let machine = self.machine.clone();
        let before = self.work.take();
        self.work = Some(tokio::spawn(async move {
            // One look at a time.
            let mut reports = match before {
                Some(before) => before.await.unwrap_or_default(),
                None => Vec::new(),
            };
            let collected = tokio::task::spawn_blocking(move || {
                let mut reports = machine.collect(&request);
                reports.extend(machine.clean_orphans(SystemTime::now()));
                reports
            });
            reports.extend(collected.await.unwrap_or_default());
            reports
        }));
    }

    fn tell(&self, task: &str, state: mesos_v1::messages::TaskState, message: &str) {
        let update = StatusUpdate::new(task.to_owned(), state).with_message(message);
        if let Err(error) = self.handle.update(update) {
            error!(task, %error, "cannot be told to the agent");
        }
    }

    fn write_vars(&self) {
        let vars = json!({
            "dropped_tasks": self.queue.dropped(),
            "collections": self.runs,
            "reported_tasks": self.reports,
        });
        if let Err(error) = std::fs::write(&self.vars, format!("{vars:#}\n")) {
            warn!(path = %self.vars.display(), %error, "cannot write");
        }
    }
}

fn read_request(task: &TaskInfo) -> Option<Request> {
    let data = task.data.as_deref()?;
    match decode_binary::<AdjustRetainedTasks>(data) {
        Ok(adjust) => {
            let retained = adjust.retained_tasks.unwrap_or_default().into_iter().collect();
            Some(Request { retained, arrival: SystemTime::now() })
        }
        Err(error) => {
            error!(task = task.task_id.value, %error, "the request cannot be read");
            None
        }
    }
}
