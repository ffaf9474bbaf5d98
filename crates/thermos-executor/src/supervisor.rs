//! Carries the task through its life: sandbox, runner, health, end (`spec/thermos.md` §§3.3–3.5).

mod prepare;

use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mesos_v1::messages::TaskState;
use mesos_v1::{ExecutorEnvironment, ExecutorHandle, StatusUpdate};
use thermos::checkpoint::{TaskPaths, load};
use thermos::os::users::UserDatabase;
use thermos::plan::record::TaskState as Checkpointed;
use thermos::plan::replay::RunnerState;
use thermos::run::Standby;
use thermos::usage::full_disk;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::announcer::{News, Presence};
use crate::assignment::{Assigned, Assignment, AssignmentError};
use crate::disk;
use crate::flags::Flags;
use crate::health::{Counter, Gauges, HealthCheck, Verdict as Health};
use crate::http_lifecycle::LifecycleConfig;
use crate::oom::OomWatch;
use crate::progress::Progress;
use crate::runner::{FirstNews, Runner, RunnerOrder};
use crate::self_check::{Finding, check_sync, utc};
use crate::status::{RunnerEnd, Verdict, of_runner, one_line, with_detail};

/// Limit for the runner to be in control.
const RUNNER_START_LIMIT: Duration = Duration::from_secs(60);

/// How long a runner that was asked to end the task may take. It gives processes a minute at most (`plan::machine`).
const RUNNER_STOP_LIMIT: Duration = Duration::from_secs(65);

/// Kept free at the end of the agent's grace period for ending by force and for the last update (D30).
const GRACE_RESERVE: Duration = Duration::from_secs(2);

/// Of the thread that tries the disk, which does little else.
const SYNC_STACK_BYTES: usize = 64 << 10;

/// Who wants the task to end, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The scheduler killed the task.
    Kill,
    /// The agent shuts this executor down and kills it at this time.
    Shutdown {
        /// The end of the agent's grace period.
        deadline: Instant,
    },
}

impl Stop {
    const fn reason(self) -> &'static str {
        match self {
            Self::Kill => "Instructed to kill task.",
            Self::Shutdown { .. } => "Told to shut down executor.",
        }
    }
}

/// The owner of one task.
pub struct Supervisor {
    pub environment: ExecutorEnvironment,
    pub flags: Flags,
    pub handle: ExecutorHandle,
    pub assigned: Assigned,
    pub stop: watch::Receiver<Option<Stop>>,
    pub users: UserDatabase,
    /// What Mesos mounted for the task, by the paths it has here.
    pub volumes: Vec<PathBuf>,
    /// The runner that waits for the task; none once it has it.
    pub standby: Option<std::io::Result<Standby>>,
    /// Whether orphans come to this process.
    pub subreaper: nix::Result<()>,
    /// When the scheduler assigned the task, if it says so.
    pub assigned_at: Option<SystemTime>,
    /// What the self-check found that does not keep the task from running.
    pub warnings: Vec<String>,
}

/// Why the supervision of a running task ended.
enum Turn {
    RunnerEnded(RunnerEnd),
    Stopped(Stop),
    /// Unhealthy, or over its disk: the reason as it is reported.
    Condemned(String),
    /// This host turned out to be unfit.
    Unfit(Verdict),
}

impl Supervisor {
    /// Runs the task to its end and reports everything, the verdict last and once.
    pub async fn run(mut self) {
        let oom = OomWatch::start();
        let verdict = match self.carry_out(oom.blind.as_ref()).await {
            Ok(verdict) | Err(verdict) => verdict,
        };
        let verdict = match verdict.state {
            TaskState::TaskFinished => verdict,
            _ => verdict.because(oom.evidence()),
        };
        // Daemons that no runner ended came to this process.
        let _ = tokio::task::spawn_blocking(thermos::run::kill_orphans).await;
        if verdict.is_failure() {
            self.write_failure(&verdict);
        }
        tracing::info!(state = verdict.state.as_str_name(), message = verdict.message, "task ended");
        self.report(verdict.state, verdict.message);
    }

    async fn carry_out(&mut self, blind: Option<&std::io::Error>) -> Result<Verdict, Verdict> {
        self.report(TaskState::TaskStarting, None);
        let checkpoint_root = self.checkpoint_root();
        let file = self.check_host(&checkpoint_root, blind)?;
        let synced = sync_in_background(file, &checkpoint_root);
        let sandbox = self.make_sandbox().await?;
        self.unless_killed()?;
        self.check_user(&sandbox)?;
        let process_user = self.process_user();
        let user_name = process_user.clone().unwrap_or_else(|| self.own_user());
        let mut assignment = self
            .assigned
            .unpack(&user_name, &self.flags)
            .map_err(|error| Verdict::new(TaskState::TaskFailed, error.to_string()))?;
        for warning in &assignment.warnings {
            tracing::warn!("{warning}");
        }
        assignment.warnings.append(&mut self.warnings);
        assignment.warnings.extend(self.compare_waits(&assignment));
        let announcer = self.prepare_announcer(assignment.announcement.clone())?;
        let health = self.prepare_health(&assignment.health, sandbox.clone())?;
        let task_file = self.write_task(&assignment)?;
        let order = RunnerOrder {
            task_file,
            sandbox,
            checkpoint_root: checkpoint_root.clone(),
            task_id: self.assigned.task_id.clone(),
            host: self.assigned.host.clone(),
            user: process_user,
            ports: assignment.ports.clone(),
            working_dir: self.environment.directory.clone(),
            container_sandbox: self.assigned.has_image.then(|| self.flags.sandbox_mount_point.clone()),
        };
        let paths = TaskPaths::new(&checkpoint_root, &self.assigned.task_id);
        let mut runner = self.start_runner(&order, &paths).await?;
        let running_words = watch::Sender::new(None);
        let mut presence = announcer.map(|announcer| announcer.start(running_words.subscribe()));
        let turn =
            self.watch(&mut runner, health, &assignment, presence.as_mut(), &running_words, synced).await;
        // Nobody is to be sent to a task that ends.
        if let Some(presence) = presence {
            presence.leave().await;
        }
        Ok(self.end(turn, runner, &paths, assignment.lifecycle.as_ref()).await)
    }

    /// D20: a task that was killed while it was prepared is not started.
    fn unless_killed(&self) -> Result<(), Verdict> {
        match *self.stop.borrow() {
            None => Ok(()),
            Some(_) => Err(Verdict::new(TaskState::TaskKilled, "Task killed during initialization.")),
        }
    }

    async fn start_runner(&mut self, order: &RunnerOrder, paths: &TaskPaths) -> Result<Runner, Verdict> {
        self.unless_killed()?;
        let standby =
            self.standby.take().unwrap_or_else(|| Err(std::io::Error::other("it was started before")));
        let mut runner = Runner::start(standby, order, &self.flags).map_err(|error| cannot_start(&error))?;
        match timeout(RUNNER_START_LIMIT, runner.first_news()).await {
            Ok(FirstNews::Active) => Ok(runner),
            Ok(FirstNews::Ended(RunnerEnd::Code(0))) => Ok(runner),
            Ok(FirstNews::Ended(RunnerEnd::Signal(signal))) => {
                let text = "Task initialization failed: Task did not start within deadline.";
                let detail = format!("the runner was killed by signal {signal} on {}", self.assigned.host);
                Err(Verdict::new(TaskState::TaskFailed, text).because(Some(detail)))
            }
            Ok(FirstNews::Ended(end)) => {
                let checkpoint = load(&paths.runner()).ok().map(|loaded| loaded.state);
                let verdict = of_runner(end, checkpoint.as_ref(), runner.error(), &self.assigned.host);
                let text = format!("Task initialization failed: Task failed: {}", verdict.message);
                Err(Verdict::new(TaskState::TaskFailed, text))
            }
            Err(_) => {
                runner.kill();
                runner.ended().await;
                self.kill_remains(paths).await;
                Err(Verdict::new(TaskState::TaskLost, "Timed out waiting for task to start!"))
            }
        }
    }

    /// Waits for the first thing that ends the task. Reports RUNNING on the way.
    async fn watch(
        &mut self,
        runner: &mut Runner,
        check: Option<HealthCheck>,
        assignment: &Assignment,
        presence: Option<&mut Presence>,
        running_words: &watch::Sender<Option<String>>,
        synced: oneshot::Receiver<Finding>,
    ) -> Turn {
        let handle = self.handle.clone();
        let task_id = self.assigned.task_id.clone();
        let tell = move |state, message: String| {
            if state == TaskState::TaskRunning {
                running_words.send_replace(Some(message.clone()));
            }
            report_to(&handle, StatusUpdate::new(task_id.as_str(), state).with_message(message));
        };
        if check.is_none() {
            // Before anything else is looked at: a task that is over already has run all the same.
            tracing::info!("No health-checks defined, will use a no-op health-checker.");
            let text = with_warnings(assignment, "No health-check defined, task is assumed healthy.");
            tell(TaskState::TaskRunning, text);
        }
        let health = watch_health(check, assignment, &self.environment.directory, tell);
        let limit = assignment.task.as_ref().and_then(|task| u64::try_from(task.disk_bytes?).ok());
        let disk = disk::watch(self.environment.directory.join("sandbox"), limit);
        let news = tell_news(presence.as_ref().map(|presence| presence.news()), |text| {
            let (state, words) = match &*running_words.borrow() {
                Some(words) => (TaskState::TaskRunning, Some(words.clone())),
                None => (TaskState::TaskStarting, None),
            };
            let words = match (words, text) {
                (Some(words), Some(text)) => with_detail(&words, &text),
                (words, text) => words.or(text).unwrap_or_default(),
            };
            if !words.is_empty() {
                self.report(state, one_line(words));
            }
        });
        let unannounced = async {
            match presence {
                Some(presence) => presence.failed().await,
                None => std::future::pending().await,
            }
        };
        let unsynced = async {
            match synced.await {
                Ok(finding) => self.unfit(&[finding.text.as_str()]),
                // Nothing was found.
                Err(_) => std::future::pending().await,
            }
        };
        let mut stop = self.stop.clone();
        // What has happened goes before what is asked for, and both before an opinion.
        tokio::select! {
            biased;
            end = runner.ended() => Turn::RunnerEnded(end),
            stop = stopped(&mut stop) => Turn::Stopped(stop),
            verdict = unsynced => Turn::Unfit(verdict),
            reason = health => Turn::Condemned(format!("Failed health check! {reason}")),
            reason = disk => Turn::Condemned(reason),
            reason = unannounced => Turn::Condemned(reason),
            never = news => match never {},
        }
    }

    async fn end(
        &mut self,
        turn: Turn,
        mut runner: Runner,
        paths: &TaskPaths,
        lifecycle: Option<&LifecycleConfig>,
    ) -> Verdict {
        match turn {
            Turn::RunnerEnded(end) => {
                if end != RunnerEnd::Code(0) {
                    self.kill_remains(paths).await;
                }
                let checkpoint = self.read_checkpoint(paths);
                let verdict = of_runner(end, checkpoint.as_ref(), runner.error(), &self.assigned.host);
                if verdict.is_failure() {
                    verdict.because(full_disk(&self.environment.sandbox))
                } else {
                    verdict
                }
            }
            Turn::Stopped(stop) => {
                self.stop_runner(&mut runner, paths, lifecycle).await;
                Verdict::new(TaskState::TaskKilled, stop.reason())
            }
            Turn::Condemned(reason) => {
                self.stop_runner(&mut runner, paths, lifecycle).await;
                Verdict::new(TaskState::TaskFailed, reason)
            }
            Turn::Unfit(verdict) => {
                self.stop_runner(&mut runner, paths, lifecycle).await;
                verdict
            }
        }
    }

    /// HTTP first, then the runner's own order of events, then force. A shutdown by the agent, even one that comes later,
    /// shortens everything to its grace period.
    async fn stop_runner(
        &mut self,
        runner: &mut Runner,
        paths: &TaskPaths,
        lifecycle: Option<&LifecycleConfig>,
    ) {
        let step_limit = Duration::from_secs(self.flags.stop_timeout_in_secs);
        let mut stop = self.stop.clone();
        let is_over = tokio::select! {
            biased;
            is_over = timeout(step_limit, ask_to_end(runner, lifecycle)) => is_over.unwrap_or_else(|_| {
                tracing::warn!("Failed to stop runner within deadline.");
                false
            }),
            () = grace_end(&mut stop) => false,
        };
        if !is_over {
            tracing::warn!("Thermos task did not shut down cleanly, rebinding to kill.");
            runner.kill();
            runner.ended().await;
        }
        self.kill_remains(paths).await;
    }

    /// Ends by force what a runner left, which is nothing if it went in order.
    async fn kill_remains(&self, paths: &TaskPaths) {
        let paths = paths.clone();
        let killed = tokio::task::spawn_blocking(move || {
            paths.runner().exists().then(|| thermos::run::kill_task(&paths, Checkpointed::Killed))
        });
        match killed.await {
            Ok(Some(Err(error))) => tracing::error!(%error, "cannot end what is left of the task"),
            Ok(Some(Ok(killed))) => tracing::debug!(?killed, "looked for what is left of the task"),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "cannot end what is left of the task"),
        }
    }

    fn read_checkpoint(&self, paths: &TaskPaths) -> Option<RunnerState> {
        match load(&paths.runner()) {
            Ok(loaded) => {
                if let Some(damage) = loaded.damage {
                    tracing::error!(error = %damage, "the checkpoint is damaged");
                }
                Some(loaded.state)
            }
            Err(error) => {
                tracing::error!(%error, "the checkpoint cannot be read");
                None
            }
        }
    }

    /// The verdict as a file, which stays with the sandbox when the update gets lost.
    fn write_failure(&self, verdict: &Verdict) {
        let failure = serde_json::json!({
            "state": verdict.state.as_str_name(),
            "message": verdict.message,
            "host": self.assigned.host,
            "time": utc(SystemTime::now()),
            "task_id": self.assigned.task_id,
        });
        eprintln!("thermos_executor: {}: {}", verdict.state.as_str_name(), verdict.message);
        let path = self.environment.sandbox.join("failure.json");
        if let Err(error) = std::fs::write(&path, failure.to_string()) {
            tracing::warn!(%error, path = %path.display(), "cannot write the failure down");
        }
    }

    fn report(&self, state: TaskState, message: impl Into<Option<String>>) {
        let update = StatusUpdate::new(self.assigned.task_id.as_str(), state);
        report_to(
            &self.handle,
            match message.into() {
                Some(message) => update.with_message(message),
                None => update,
            },
        );
    }
}

/// Tries the disk beside everything else. Says something only if it found something.
fn sync_in_background(file: Option<File>, root: &Path) -> oneshot::Receiver<Finding> {
    let (tell, told) = oneshot::channel();
    let Some(file) = file else { return told };
    let root = root.to_owned();
    let started = std::thread::Builder::new().stack_size(SYNC_STACK_BYTES).spawn(move || {
        if let Some(finding) = check_sync(&file, &root) {
            // The task may be over.
            let _ = tell.send(finding);
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "cannot find out whether fsync works");
    }
    told
}

/// The verdict on a task that could not even be read.
pub fn undecodable(error: &AssignmentError) -> Verdict {
    Verdict::new(TaskState::TaskFailed, error.to_string())
}

/// Queues an update; a session that is over takes none, and then nobody is left to hear it.
pub fn report_to(handle: &ExecutorHandle, update: StatusUpdate) {
    let state = update.state.as_str_name();
    if let Err(error) = handle.update(update) {
        tracing::error!(%error, state, "cannot report");
    }
}

async fn stopped(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    loop {
        if let Some(stop) = *stop.borrow_and_update() {
            return stop;
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ends when the agent's grace period is nearly over; never without a shutdown.
async fn grace_end(stop: &mut watch::Receiver<Option<Stop>>) {
    loop {
        let current = *stop.borrow_and_update();
        if let Some(Stop::Shutdown { deadline }) = current {
            sleep(before_force(deadline.saturating_duration_since(Instant::now()))).await;
            return;
        }
        if stop.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// How long the task may end by itself when so much is left of the agent's grace period.
fn before_force(left: Duration) -> Duration {
    left.saturating_sub(GRACE_RESERVE.min(left / 2))
}

/// Whether the runner ended.
async fn ask_to_end(runner: &mut Runner, lifecycle: Option<&LifecycleConfig>) -> bool {
    if let Some(lifecycle) = lifecycle {
        for appeal in &lifecycle.appeals {
            if lifecycle.appeal(appeal).await && timeout(appeal.wait, runner.ended()).await.is_ok() {
                return true;
            }
        }
    }
    if runner.end().is_none() {
        runner.request_kill();
    }
    timeout_at(Instant::now() + RUNNER_STOP_LIMIT, runner.ended()).await.is_ok()
}

fn cannot_start(error: &std::io::Error) -> Verdict {
    let text =
        format!("Unknown exception starting runner: {error}; the host may be out of processes or memory");
    Verdict::new(TaskState::TaskFailed, text)
}

/// Tells what there is to say of the announcement, now and then, and once that nothing is left to say.
async fn tell_news(news: Option<watch::Receiver<News>>, tell: impl Fn(Option<String>)) -> Infallible {
    let Some(mut news) = news else { return std::future::pending().await };
    let mut told = None;
    let mut next = Instant::now() + crate::progress::INTERVAL;
    loop {
        if news.changed().await.is_err() {
            return std::future::pending().await;
        }
        sleep_until(next).await;
        let text = news.borrow_and_update().clone();
        if text != told {
            next = Instant::now() + crate::progress::INTERVAL;
            tell(text.clone());
            told = text;
        }
    }
}

/// What is told when the task runs.
fn with_warnings(assignment: &Assignment, text: &str) -> String {
    match assignment.warnings.as_slice() {
        [] => text.to_owned(),
        warnings => with_detail(text, &format!("warning: {}", warnings.join("; warning: "))),
    }
}

/// Checks the task's health for ever, and ends with the reason when it is bad; never, without a check. Tells once that the task
/// runs, and until then what it waits for.
async fn watch_health(
    check: Option<HealthCheck>,
    assignment: &Assignment,
    directory: &Path,
    tell: impl Fn(TaskState, String),
) -> String {
    let Some(check) = check else { return std::future::pending().await };
    let mut counter = Counter::new(&assignment.health);
    let mut gauges = Gauges::new(directory);
    let mut is_announced = false;
    let mut progress = Progress::told_at(Instant::now());
    loop {
        if counter.begin_attempt() {
            let begin = Instant::now();
            let result = check.make().await;
            let took = begin.elapsed();
            match &result {
                Ok(_) => counter.on_success(),
                Err(reason) => {
                    tracing::warn!(reason, "health check failed");
                    counter.on_failure(reason);
                    if *counter.verdict() == Health::Starting && progress.is_due(Instant::now()) {
                        let (attempt, most) = counter.attempts();
                        let text =
                            format!("Task is not healthy yet, check {attempt} of at most {most}: {reason}");
                        tell(TaskState::TaskStarting, one_line(text));
                    }
                }
            }
            gauges.on_check(&result, took, counter.failures());
        }
        match counter.verdict() {
            Health::Unhealthy(reason) => return reason.clone(),
            Health::Running if !is_announced => {
                is_announced = true;
                tell(TaskState::TaskRunning, with_warnings(assignment, "Task is healthy."));
            }
            Health::Running | Health::Starting => {}
        }
        sleep(assignment.health.interval).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_comes_before_the_grace_is_over() {
        for (left_ms, before_ms) in [(5000, 3000), (60_000, 58_000), (4000, 2000), (1000, 500), (0, 0)] {
            assert_eq!(before_force(Duration::from_millis(left_ms)), Duration::from_millis(before_ms));
        }
    }

    #[tokio::test]
    async fn th_102_a_runner_that_cannot_be_started_says_so_in_upstreams_words() {
        let order = RunnerOrder {
            task_file: "task.json".into(),
            sandbox: "/".into(),
            checkpoint_root: "/".into(),
            task_id: "t".into(),
            host: "h".into(),
            user: None,
            ports: std::collections::BTreeMap::new(),
            working_dir: "/nonexistent".into(),
            container_sandbox: None,
        };
        let flags = Flags::try_read(std::iter::once("thermos_executor".into())).unwrap();
        // A process with several threads, as the harness of this test is, cannot be copied.
        let verdict = cannot_start(&Runner::start(Standby::new(), &order, &flags).unwrap_err());
        assert_eq!(verdict.state, TaskState::TaskFailed);
        assert!(
            verdict.message.starts_with("Unknown exception starting runner: a process with several threads"),
            "{verdict:?}"
        );
    }
}
