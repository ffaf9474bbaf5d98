//! The state machine of a task: what has to be done next (`spec/thermos.md` §§1.4–1.6).

use std::time::Duration;

use super::moment::Moment;
use super::planner::{PlanError, Planner, Schedule};
use super::record::{ProcessState, Record, TaskState};
use super::replay::{Change, ReplayError, RunnerState, Strictness};

/// The longest a kill waits before it is carried out by force (`spec/thermos.md` §1.4, D5).
pub const MAX_KILL_WAIT: Duration = Duration::from_secs(60);

/// The longest a run may stay FORKED (`LOST_TIMEOUT`, `spec/thermos.md` §1.4).
pub const FORKED_TIMEOUT: Duration = Duration::from_secs(60);

/// What the machine needs to know of a task.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Processes of the regular plan.
    pub regular: Vec<Schedule>,
    /// Processes of the finalizing plan.
    pub finalizing: Vec<Schedule>,
    /// The `order` lists of the task's constraints.
    pub orders: Vec<Vec<String>>,
    /// Failed processes that fail the task; 0 = no limit.
    pub max_failures: i64,
    /// Processes at a time in each plan; 0 = unlimited.
    pub max_concurrency: i64,
    /// Time for CLEANING and FINALIZING together.
    pub finalization_wait: Duration,
    /// Runs that failed or were lost after which a process is given up.
    pub run_limit: Option<u32>,
}

/// What has to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Record WAITING for each and start it.
    Launch(Vec<String>),
    /// Record this state of the task and do what goes with its entry.
    Enter(TaskState),
    /// Nothing before a record comes, or before this time is over.
    Wait(Option<Duration>),
    /// The task is over.
    Done,
}

#[derive(Debug, Clone, Copy)]
struct KillOrder {
    outcome: TaskState,
    deadline: Moment,
}

/// A task on its way.
#[derive(Debug, Clone)]
pub struct Machine {
    shape: Shape,
    regular: Planner,
    finalizing: Planner,
    state: RunnerState,
    kill: Option<KillOrder>,
    finalization_start: Option<Moment>,
}

impl Machine {
    /// A machine before its first record.
    ///
    /// # Errors
    /// [`PlanError`] of the regular plan, then of the finalizing one.
    pub fn new(shape: Shape) -> Result<Self, PlanError> {
        let regular = Planner::new(shape.regular.clone(), &shape.orders, shape.run_limit)?;
        let finalizing = Planner::new(shape.finalizing.clone(), &shape.orders, shape.run_limit)?;
        Ok(Self {
            shape,
            regular,
            finalizing,
            state: RunnerState::default(),
            kill: None,
            finalization_start: None,
        })
    }

    /// The sum of all records so far.
    pub fn state(&self) -> &RunnerState {
        &self.state
    }

    /// The task's state; ACTIVE before the first record.
    pub fn task_state(&self) -> TaskState {
        self.state.task_state().unwrap_or(TaskState::Active)
    }

    /// Processes of the regular plan that failed for good.
    pub fn failed_processes(&self) -> Vec<String> {
        self.regular.failed().into_iter().map(str::to_owned).collect()
    }

    /// Adds a record, old or new. `now` is the time that waits count from where the record holds none.
    ///
    /// # Errors
    /// [`ReplayError`] when it does not fit.
    pub fn apply(
        &mut self,
        record: &Record,
        strictness: Strictness,
        now: Moment,
    ) -> Result<Change, ReplayError> {
        let change = self.state.apply(record, strictness)?;
        match &change {
            Change::Process { process, state } => self.plan_for(process, *state, now),
            // The first CLEANING (or FINALIZING, when CLEANING was left out) starts the clock; a runner that takes over
            // writes it again and must not win time by that (D7).
            Change::Task(TaskState::Cleaning | TaskState::Finalizing)
                if self.finalization_start.is_none() =>
            {
                self.finalization_start =
                    Some(self.state.statuses.last().map_or(now, |step| match step.timestamp_ms {
                        0 => now,
                        millis => Moment::from_millis(millis),
                    }));
            }
            Change::Task(_) | Change::Header | Change::Nothing => {}
        }
        Ok(change)
    }

    /// Somebody wants the task to end with `outcome`. Each process gets `finalization_wait`, at most a minute and at most
    /// `patience`, before force is used; a second order can only shorten that.
    pub fn order_kill(&mut self, outcome: TaskState, patience: Duration, now: Moment) {
        let wait = self.shape.finalization_wait.min(MAX_KILL_WAIT).min(patience);
        let mut deadline = now.plus(wait);
        if let Some(before) = self.finalization_deadline() {
            deadline = deadline.min(before);
        }
        let outcome = self.kill.map_or(outcome, |order| order.outcome);
        self.kill = Some(KillOrder { outcome, deadline });
    }

    /// Whether a kill was ordered.
    pub fn is_kill_ordered(&self) -> bool {
        self.kill.is_some()
    }

    /// Runs that are FORKED for too long: their coordinators never came up.
    pub fn overdue_forks(&self, now: Moment) -> Vec<String> {
        self.state
            .last_runs()
            .filter(|(_, _, run)| run.state == ProcessState::Forked)
            .filter(|(_, _, run)| {
                run.fork_time.is_some_and(|time| now.since(Moment::from_secs_f64(time)) > FORKED_TIMEOUT)
            })
            .map(|(name, _, _)| name.to_owned())
            .collect()
    }

    /// The next thing to do.
    pub fn step(&self, now: Moment) -> Step {
        match self.task_state() {
            TaskState::Active => self.step_active(now),
            TaskState::Cleaning => self.step_cleaning(now),
            TaskState::Finalizing => self.step_finalizing(now),
            TaskState::Success | TaskState::Failed | TaskState::Killed | TaskState::Lost => Step::Done,
        }
    }

    fn step_active(&self, now: Moment) -> Step {
        if self.kill.is_some() || !self.is_healthy() {
            return Step::Enter(TaskState::Cleaning);
        }
        let ephemerals = self.regular.unstarted_ephemerals(now);
        if !ephemerals.is_empty() {
            let chosen = self.within_concurrency(&self.regular, ephemerals);
            return if chosen.is_empty() { Step::Wait(None) } else { Step::Launch(chosen) };
        }
        if self.regular.is_complete() {
            return Step::Enter(TaskState::Cleaning);
        }
        self.run_plan(&self.regular, now)
    }

    fn step_cleaning(&self, now: Moment) -> Step {
        if self.is_time_up(now) {
            return Step::Enter(self.outcome());
        }
        if self.state.last_runs().any(|(_, _, run)| run.state.is_live()) {
            return Step::Wait(self.time_left(now));
        }
        Step::Enter(TaskState::Finalizing)
    }

    fn step_finalizing(&self, now: Moment) -> Step {
        if self.is_time_up(now) || self.finalizing.is_complete() || self.finalizing.is_deadlocked() {
            return Step::Enter(self.outcome());
        }
        match self.run_plan(&self.finalizing, now) {
            Step::Wait(wait) => Step::Wait(wait.into_iter().chain(self.time_left(now)).min()),
            other => other,
        }
    }

    fn run_plan(&self, plan: &Planner, now: Moment) -> Step {
        let chosen = self.within_concurrency(plan, plan.runnable(now));
        if chosen.is_empty() {
            // What waits for a free place is woken by the record of a run's end, not by a timer.
            let wait = plan.waiting(now).into_iter().map(|(_, wait)| wait).min();
            return Step::Wait(wait);
        }
        Step::Launch(chosen)
    }

    fn within_concurrency(&self, plan: &Planner, runnable: Vec<&str>) -> Vec<String> {
        let places = match usize::try_from(self.shape.max_concurrency) {
            Ok(limit) if limit > 0 => limit.saturating_sub(plan.running().len()),
            _ => usize::MAX,
        };
        runnable.into_iter().take(places).map(str::to_owned).collect()
    }

    fn is_healthy(&self) -> bool {
        let failed = i64::try_from(self.regular.failed().len()).unwrap_or(i64::MAX);
        !self.regular.is_deadlocked() && (self.shape.max_failures == 0 || failed < self.shape.max_failures)
    }

    fn outcome(&self) -> TaskState {
        match self.kill {
            Some(order) => order.outcome,
            None if self.is_healthy() => TaskState::Success,
            None => TaskState::Failed,
        }
    }

    fn finalization_deadline(&self) -> Option<Moment> {
        match (self.kill, self.finalization_start) {
            (Some(order), _) => Some(order.deadline),
            (None, Some(start)) => Some(start.plus(self.shape.finalization_wait)),
            (None, None) => None,
        }
    }

    fn is_time_up(&self, now: Moment) -> bool {
        self.finalization_deadline().is_some_and(|deadline| now >= deadline)
    }

    fn time_left(&self, now: Moment) -> Option<Duration> {
        self.finalization_deadline().map(|deadline| deadline.since(now))
    }

    fn plan_for(&mut self, process: &str, state: ProcessState, now: Moment) {
        let stop_time = self.state.last_run(process).and_then(|run| run.stop_time);
        let end = stop_time.map_or(now, Moment::from_secs_f64);
        let plan = if self.regular.contains(process) { &mut self.regular } else { &mut self.finalizing };
        match state {
            ProcessState::Waiting => {}
            ProcessState::Forked | ProcessState::Running => plan.set_running(process),
            ProcessState::Success => plan.add_success(process, end),
            ProcessState::Failed => plan.add_failure(process, end),
            ProcessState::Killed | ProcessState::Lost => plan.add_loss(process, end),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
