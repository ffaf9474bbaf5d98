//! The runner: carries out one task to its end (`spec/thermos.md` §1).
//!
//! One thread, one loop: collect what coordinators recorded, ask the machine (`plan::machine`) what is next, do it, wait
//! for a doorbell, a signal, the end of a child or a timer. Whatever happened is in the checkpoint stream before it is acted
//! upon, so that a runner that dies at any point is replaced by one that goes on.

mod control;
mod events;
mod exit;
mod flags;
mod kill;
mod launch;
pub(crate) mod reap;
mod standby;
mod strays;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use crate::checkpoint::{Appender, Tail, TaskPaths};
use crate::os::identity::{self, Fate, Witness};
use crate::os::kernel::{Kernel, Linux};
use crate::os::memory::release_program;
use crate::os::signals::{Sender, carry_out};
use crate::os::users::{User, UserDatabase};
use crate::plan::birth::ProcessId;
use crate::plan::escalation::{self, SignalOrder};
use crate::plan::machine::{Machine, Step};
use crate::plan::record::{ProcessState, ProcessStatus, Record, TaskState, TaskStatus};
use crate::plan::replay::{Change, Strictness};
use crate::task::Task;
use control::Control;
use events::{Events, Report, Request};
pub use exit::{RunError, RunnerExit};
pub use flags::{RunnerConfig, UsageError, check_task_id};
pub use kill::{KillError, Killed, ask_runner, kill_task, kill_with_runner};
pub use reap::kill_orphans;
pub use standby::{Standby, Started};

/// How long nothing happens before memory is given back.
const REST_AFTER: Duration = Duration::from_secs(1);

/// The longest sleep without a sign of life: garbage collection takes a stream that was not touched for an hour for that of a
/// dead runner (`spec/thermos.md` §6.2).
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The longest sleep while a coordinator has not said that its process runs.
const FORKED_POLL: Duration = Duration::from_secs(60);

/// How often coordinators of an earlier runner are looked at: they ring that one's doorbell.
const ADOPTED_POLL: Duration = Duration::from_millis(500);

/// The longest each process gets to end once the executor is gone.
const PATIENCE_WITHOUT_EXECUTOR: Duration = Duration::from_secs(5);

/// A run that goes on.
struct Live {
    coordinator: i32,
    /// The coordinator's stream.
    tail: Tail,
    /// Started by an earlier runner, so not a child of this one.
    is_adopted: bool,
}

/// A coordinator that stayed with the daemons of its process, which is over.
#[derive(Clone, Copy)]
struct Guard {
    id: ProcessId,
    /// Started by an earlier runner, so not a child of this one.
    is_adopted: bool,
}

/// Who found out about the end of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Author {
    /// Its coordinator, which has cleared up after its process.
    Coordinator,
    /// The runner: nobody has cleared up.
    Runner,
}

/// A runner at work.
struct Runner {
    /// This process, as its records name it.
    id: ProcessId,
    config: RunnerConfig,
    paths: TaskPaths,
    task: Task,
    user: User,
    users: UserDatabase,
    machine: Machine,
    stream: Appender,
    live: BTreeMap<String, Live>,
    guards: Vec<Guard>,
    events: Events,
    kernel: Linux,
    /// Whether nothing has happened for a while, and memory was given back.
    is_resting: bool,
}

/// Runs a runner with the arguments that follow its name.
pub fn main(arguments: &[String]) -> ExitCode {
    obey(arguments).code()
}

fn obey(arguments: &[String]) -> RunnerExit {
    let config = match RunnerConfig::parse(arguments) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("thermos runner: {error}");
            return RunnerExit::Usage;
        }
    };
    if config.is_detached {
        // The leader of a group cannot, and has no starter to leave.
        let _ = nix::unistd::setsid();
    }
    let mut report = Report::open(config.status_fd);
    supervise(config, &mut report).unwrap_or_else(|error| {
        eprintln!("{error}");
        report.tell(&format!("error {error}"));
        error.exit()
    })
}

/// Carries out a task in this process, which must have no other thread and no child of its own.
///
/// # Errors
/// [`RunError`].
pub fn run(config: RunnerConfig) -> Result<RunnerExit, RunError> {
    supervise(config, &mut Report::open(None))
}

fn supervise(config: RunnerConfig, report: &mut Report) -> Result<RunnerExit, RunError> {
    match control::take(config)? {
        Control::AlreadyFinished => Ok(RunnerExit::Done),
        Control::Runner { mut runner, was_terminal } => {
            report.tell("active");
            for warning in &runner.task.warnings {
                eprintln!("thermos runner: {warning}");
            }
            match runner.run() {
                Ok(()) if was_terminal => Ok(RunnerExit::TerminalTask),
                Ok(()) => Ok(RunnerExit::Done),
                Err(error) => {
                    // Nothing can be recorded any more; at least nothing may be left behind (D3).
                    runner.kill_everything();
                    Err(error)
                }
            }
        }
    }
}

impl Runner {
    fn run(&mut self) -> Result<(), RunError> {
        loop {
            self.heed_requests();
            self.collect()?;
            match self.machine.step(self.kernel.now()) {
                Step::Launch(processes) => {
                    for process in processes {
                        self.launch(&process)?;
                    }
                }
                Step::Enter(state) => self.enter(state)?,
                Step::Wait(limit) => self.wait(limit),
                Step::Done => return self.finish(),
            }
        }
    }

    fn heed_requests(&mut self) {
        let now = self.kernel.now();
        for request in self.events.take_requests() {
            let (outcome, patience, why) = match request {
                Request::Interrupt if self.config.is_foreground => {
                    println!("Got keyboard interrupt, killing job!");
                    (TaskState::Killed, Duration::MAX, "interrupted")
                }
                Request::Kill | Request::Interrupt => {
                    (TaskState::Killed, Duration::MAX, "asked to kill the task")
                }
                Request::Lose => (TaskState::Lost, Duration::ZERO, "asked to lose the task"),
                Request::ExecutorGone => (
                    TaskState::Lost,
                    PATIENCE_WITHOUT_EXECUTOR,
                    "the executor is gone: the task ends with it",
                ),
            };
            eprintln!("thermos runner: {why}");
            self.machine.order_kill(outcome, patience, now);
        }
    }

    /// Takes in what coordinators recorded since the last look, and notices those that vanished.
    fn collect(&mut self) -> Result<(), RunError> {
        let adopted = self.live.values().any(|live| live.is_adopted).then(|| {
            let header = self.machine.state().header.as_ref();
            (self.kernel.processes(), Witness::new(header))
        });
        for process in self.live.keys().cloned().collect::<Vec<_>>() {
            let Some(live) = self.live.get(&process) else { continue };
            // Dead first, stream second: what a coordinator wrote before its end is then seen in any case.
            let is_gone = match (&adopted, self.machine.state().last_run(&process)) {
                (Some((table, witness)), Some(run)) if live.is_adopted => {
                    witness.coordinator(table, run) != Fate::Lives
                }
                _ => reap::is_over(live.coordinator),
            };
            self.read_coordinator(&process)?;
            if is_gone && self.live.contains_key(&process) {
                self.record_process(&process, ProcessState::Lost, |_| {})?;
            }
        }
        for process in self.machine.overdue_forks(self.kernel.now()) {
            self.record_process(&process, ProcessState::Lost, |_| {})?;
        }
        let ended = reap::strangers(&self.live.values().map(|live| live.coordinator).collect::<Vec<_>>());
        self.guards.retain(|guard| guard.is_adopted || !ended.contains(&guard.id.pid));
        Ok(())
    }

    fn read_coordinator(&mut self, process: &str) -> Result<(), RunError> {
        loop {
            let Some(live) = self.live.get_mut(process) else { return Ok(()) };
            let Some(record) = live.tail.next_record()? else { return Ok(()) };
            let Record::Process(status) = &record else { continue };
            if status.process.as_deref() == Some(process) && self.machine.state().is_news(status) {
                self.record(&record, Author::Coordinator)?;
            }
        }
    }

    /// Appends a record and does what follows from it at once.
    fn record(&mut self, record: &Record, author: Author) -> Result<(), RunError> {
        self.stream.append(record)?;
        let change = self.machine.apply(record, Strictness::Strict, self.kernel.now())?;
        let Change::Process { process, state } = change else { return Ok(()) };
        let Some(run) = self.machine.state().last_run(&process).cloned() else { return Ok(()) };
        if state.is_terminal() {
            if author == Author::Runner {
                self.carry_out(&escalation::on_run_end(&run));
            }
            let live = self.live.remove(&process);
            let is_adopted = live.as_ref().is_none_or(|live| live.is_adopted);
            match (run.guard(), live) {
                (Some(id), _) => {
                    // What the rights of the process did not suffice for.
                    self.carry_out(&[escalation::on_run_end_beside(id)]);
                    self.guards.push(Guard { id, is_adopted });
                }
                (None, Some(live)) if !is_adopted => reap::collect(live.coordinator),
                (None, _) => {}
            }
            if let Some(reason) = &run.reason {
                eprintln!("thermos runner: process '{process}': {reason}");
            }
        } else if state == ProcessState::Running && self.machine.task_state() == TaskState::Cleaning {
            self.carry_out(&escalation::on_stray_start(&run));
        }
        Ok(())
    }

    fn record_process(
        &mut self,
        process: &str,
        state: ProcessState,
        fill: impl FnOnce(&mut ProcessStatus),
    ) -> Result<(), RunError> {
        let mut status = ProcessStatus::new(process, self.machine.state().next_seq(process), state);
        fill(&mut status);
        self.record(&Record::Process(status), Author::Runner)
    }

    fn record_task(&mut self, state: TaskState) -> Result<(), RunError> {
        let now = self.kernel.now().as_millis();
        let status = TaskStatus::new(state, now, self.id, nix::unistd::getuid().as_raw());
        self.record(&Record::Task(status), Author::Runner)
    }

    fn enter(&mut self, state: TaskState) -> Result<(), RunError> {
        if state.is_terminal()
            && self.machine.task_state() == TaskState::Cleaning
            && self.machine.state().last_runs().any(|(_, _, run)| run.state.is_live())
        {
            eprintln!("thermos runner: Exceeded finalization wait, skipping finalization.");
        }
        self.record_task(state)?;
        match state {
            TaskState::Active => {}
            TaskState::Cleaning => self.carry_out(&escalation::on_cleaning(self.machine.state())),
            TaskState::Finalizing
            | TaskState::Success
            | TaskState::Failed
            | TaskState::Killed
            | TaskState::Lost => {
                self.end_all_runs()?;
            }
        }
        Ok(())
    }

    /// Ends by force what still lives, and records it (`spec/thermos.md` §1.10).
    fn end_all_runs(&mut self) -> Result<(), RunError> {
        let live: Vec<String> = self
            .machine
            .state()
            .last_runs()
            .filter(|(_, _, run)| run.state.is_live())
            .map(|(name, _, _)| name.to_owned())
            .collect();
        for process in live {
            // It may have ended by itself meanwhile.
            self.read_coordinator(&process)?;
            if self.machine.state().last_run(&process).is_some_and(|run| run.state.is_live()) {
                let now = self.kernel.now().as_secs_f64();
                self.record_process(&process, ProcessState::Killed, |status| {
                    status.stop_time = Some(now);
                    status.return_code = Some(-1);
                })?;
            }
        }
        Ok(())
    }

    /// The task is over: nothing of it stays, and its files say so.
    fn finish(&mut self) -> Result<(), RunError> {
        self.end_all_runs()?;
        self.kill_everything();
        let (active, finished) = (self.paths.active(), self.paths.finished());
        let moved = std::fs::rename(&active, &finished);
        if let Err(source) = moved
            && !finished.exists()
        {
            return Err(RunError::Layout { path: finished, source });
        }
        if let Ok(file) = std::fs::File::options().append(true).open(&finished) {
            let _ = file.set_modified(std::time::SystemTime::now());
        }
        Ok(())
    }

    /// SIGKILL to every run and every orphan, until none is left.
    fn kill_everything(&mut self) {
        let mut orders: Vec<SignalOrder> = self
            .machine
            .state()
            .last_runs()
            .filter(|(_, _, run)| run.state.is_live())
            .flat_map(|(_, _, run)| escalation::on_run_end(run))
            .collect();
        orders.extend(escalation::on_task_end());
        orders.extend(self.guards.iter().map(|guard| escalation::on_end_of_guarded(guard.id)));
        reap::until_childless(|| self.carry_out(&orders));
        let adopted: Vec<ProcessId> =
            self.guards.iter().filter(|guard| guard.is_adopted).map(|guard| guard.id).collect();
        reap::until_gone(&adopted, || self.carry_out(&orders));
    }

    fn carry_out(&self, orders: &[SignalOrder]) {
        if orders.is_empty() {
            return;
        }
        let guards = self.guards.iter().filter(|guard| !guard.is_adopted || identity::lives(guard.id));
        let live = self.live.values().map(|live| live.coordinator);
        let shells = self.live.keys().filter_map(|process| self.machine.state().last_run(process)?.pid);
        let sender = Sender {
            own_pid: own_pid(),
            coordinators: live.chain(guards.map(|guard| guard.id.pid)).collect(),
            shells: shells.collect(),
        };
        carry_out(&self.kernel, &sender, orders);
    }

    fn wait(&mut self, limit: Option<Duration>) {
        let mut longest = limit.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
        if self.machine.state().last_runs().any(|(_, _, run)| run.state == ProcessState::Forked) {
            longest = longest.min(FORKED_POLL);
        }
        if self.live.values().any(|live| live.is_adopted) {
            longest = longest.min(ADOPTED_POLL);
        }
        if !self.is_resting && longest > REST_AFTER {
            self.is_resting = !self.events.wait(REST_AFTER);
            if self.is_resting {
                release_program();
            }
            return;
        }
        if self.events.wait(longest) {
            self.is_resting = false;
        } else {
            let _ = self.stream.touch();
        }
    }
}

fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}
