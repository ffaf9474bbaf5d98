//! What a stream of records adds up to (`spec/thermos.md` §2.5).

use std::collections::BTreeMap;

use super::birth::{Birth, ProcessId};
use super::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};

/// A record that does not fit the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// A second header.
    #[error("Attempting to rebind task with different parameters!")]
    SecondHeader,
    /// A number that is not the next one.
    #[error("Out of order sequence number! process '{process}': {last} => {got}")]
    OutOfOrder {
        /// Whose record.
        process: String,
        /// The number of its record before.
        last: i64,
        /// The number found.
        got: i64,
    },
    /// A record of a process that was never waiting.
    #[error(
        "Encountered potentially out of order process update.  Are you sure this is a full checkpoint stream? (process '{process}')"
    )]
    NeverWaiting {
        /// Whose record.
        process: String,
    },
    /// WAITING while the run before goes on.
    #[error("process '{process}' has a new run while its last one is {state}")]
    RunStillOpen {
        /// Whose record.
        process: String,
        /// State of that last run.
        state: &'static str,
    },
    /// A step that the state machine does not have.
    #[error("Detected invalid state transition {from} => {to} (process '{process}')")]
    InvalidTransition {
        /// Whose record.
        process: String,
        /// State before.
        from: &'static str,
        /// State asked for.
        to: &'static str,
    },
    /// A field that this kind of record must have.
    #[error("Missing field {field} from {record}!")]
    MissingField {
        /// The Thrift name of the field.
        field: &'static str,
        /// The record.
        record: String,
    },
    /// A state number that means nothing.
    #[error("Unknown state = {0}")]
    UnknownState(i32),
    /// A record without content.
    #[error("Empty RunnerCkpt encountered!")]
    Empty,
}

/// One run of a process, as far as its records tell.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessRun {
    /// Number of the latest record.
    pub seq: i64,
    /// The latest state.
    pub state: ProcessState,
    /// Epoch seconds.
    pub fork_time: Option<f64>,
    /// Set from FORKED on.
    pub coordinator_pid: Option<i32>,
    /// Epoch seconds.
    pub start_time: Option<f64>,
    /// The shell, from RUNNING on.
    pub pid: Option<i32>,
    /// Which process the coordinator's number means.
    pub coordinator_birth: Option<Birth>,
    /// Which process the shell's number means.
    pub shell_birth: Option<Birth>,
    /// Epoch seconds.
    pub stop_time: Option<f64>,
    /// Exit status, or minus the signal.
    pub return_code: Option<i32>,
    /// Why it could not start.
    pub reason: Option<String>,
    /// Whether its coordinator stayed with the daemons that it left.
    pub is_guarded: bool,
}

impl ProcessRun {
    /// A run before anything of it exists.
    pub const fn waiting(seq: i64) -> Self {
        Self {
            seq,
            state: ProcessState::Waiting,
            fork_time: None,
            coordinator_pid: None,
            start_time: None,
            pid: None,
            coordinator_birth: None,
            shell_birth: None,
            stop_time: None,
            return_code: None,
            reason: None,
            is_guarded: false,
        }
    }

    /// The coordinator that stayed with its daemons.
    pub fn guard(&self) -> Option<ProcessId> {
        self.coordinator().filter(|_| self.is_guarded)
    }

    /// Its coordinator, from FORKED on.
    pub fn coordinator(&self) -> Option<ProcessId> {
        self.coordinator_pid.map(|pid| ProcessId { pid, birth: self.coordinator_birth })
    }

    /// Its shell, from RUNNING on.
    pub fn shell(&self) -> Option<ProcessId> {
        self.pid.map(|pid| ProcessId { pid, birth: self.shell_birth })
    }
}

/// One step of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskStep {
    /// The state entered.
    pub state: TaskState,
    /// When, epoch milliseconds; 0 when the record does not say.
    pub timestamp_ms: i64,
    /// The runner that wrote it; none when the record does not say.
    pub runner: Option<ProcessId>,
}

/// What a record changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The header is known now.
    Header,
    /// A process went on.
    Process {
        /// Its name.
        process: String,
        /// The state of its latest run.
        state: ProcessState,
    },
    /// The task went on.
    Task(TaskState),
    /// Nothing: a record that was seen before, skipped in recovery.
    Nothing,
}

/// How strictly a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// A record out of order is an error.
    Strict,
    /// A process record out of order is skipped, as a runner does that takes over (`spec/thermos.md` §1.11).
    Recovery,
}

/// The sum of a stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunnerState {
    /// The header, once it was seen.
    pub header: Option<RunnerHeader>,
    /// Every step of the task, oldest first.
    pub statuses: Vec<TaskStep>,
    /// Every run of every process, oldest first.
    pub processes: BTreeMap<String, Vec<ProcessRun>>,
}

impl RunnerState {
    /// The task's state; none before the first record.
    pub fn task_state(&self) -> Option<TaskState> {
        self.statuses.last().map(|step| step.state)
    }

    /// The runner that was last in control.
    pub fn runner(&self) -> Option<ProcessId> {
        self.statuses.last().and_then(|step| step.runner)
    }

    /// The latest run of a process.
    pub fn last_run(&self, process: &str) -> Option<&ProcessRun> {
        self.processes.get(process).and_then(|runs| runs.last())
    }

    /// The latest run of each process with its name and run number.
    pub fn last_runs(&self) -> impl Iterator<Item = (&str, usize, &ProcessRun)> {
        self.processes.iter().filter_map(|(name, runs)| {
            runs.last().map(|run| (name.as_str(), runs.len().saturating_sub(1), run))
        })
    }

    /// Coordinators that stayed with the daemons of their processes, as far as records tell: they may be gone by now.
    pub fn guards(&self) -> impl Iterator<Item = ProcessId> {
        self.processes.values().flatten().filter_map(ProcessRun::guard)
    }

    /// The number that the next record of a process takes.
    pub fn next_seq(&self, process: &str) -> i64 {
        self.last_run(process).map_or(0, |run| run.seq.saturating_add(1))
    }

    /// Whether a record of a coordinator's own stream is news here ("would update" of `spec/thermos.md` §2.5).
    pub fn is_news(&self, status: &ProcessStatus) -> bool {
        let Some(run) = status.process.as_deref().and_then(|process| self.last_run(process)) else {
            return true;
        };
        status.seq.is_some_and(|seq| seq > run.seq)
    }

    /// Adds one record.
    ///
    /// # Errors
    /// [`ReplayError`] when the record does not fit; the state is then unchanged.
    pub fn apply(&mut self, record: &Record, strictness: Strictness) -> Result<Change, ReplayError> {
        match record {
            Record::Empty => Err(ReplayError::Empty),
            Record::Header(header) => {
                if self.header.is_some() {
                    return Err(ReplayError::SecondHeader);
                }
                self.header = Some(header.clone());
                Ok(Change::Header)
            }
            Record::Task(status) => self.apply_task(status),
            Record::Process(status) => self.apply_process(status, strictness),
        }
    }

    fn apply_task(&mut self, status: &TaskStatus) -> Result<Change, ReplayError> {
        let number = status.state.ok_or_else(|| missing("state", status))?;
        let state = TaskState::from_wire(number).ok_or(ReplayError::UnknownState(number))?;
        self.statuses.push(TaskStep {
            state,
            timestamp_ms: status.timestamp_ms.unwrap_or(0),
            runner: status.runner(),
        });
        Ok(Change::Task(state))
    }

    fn apply_process(
        &mut self,
        status: &ProcessStatus,
        strictness: Strictness,
    ) -> Result<Change, ReplayError> {
        let process = status.process.clone().ok_or_else(|| missing("process", status))?;
        let seq = status.seq.ok_or_else(|| missing("seq", status))?;
        let number = status.state.ok_or_else(|| missing("state", status))?;
        let state = ProcessState::from_wire(number).ok_or(ReplayError::UnknownState(number))?;

        let last = self.last_run(&process);
        if let Some(run) = last
            && seq != run.seq.saturating_add(1)
        {
            return match strictness {
                Strictness::Recovery => Ok(Change::Nothing),
                Strictness::Strict => Err(ReplayError::OutOfOrder { process, last: run.seq, got: seq }),
            };
        }
        if state == ProcessState::Waiting {
            if let Some(run) = last
                && !run.state.is_terminal()
            {
                return Err(ReplayError::RunStillOpen { process, state: run.state.name() });
            }
            self.processes.entry(process.clone()).or_default().push(ProcessRun::waiting(seq));
            return Ok(Change::Process { process, state });
        }
        let Some(run) = last else { return Err(ReplayError::NeverWaiting { process }) };
        let next = advanced(run, &process, seq, state, status)?;
        if let Some(open) = self.processes.get_mut(&process).and_then(|runs| runs.last_mut()) {
            *open = next;
        }
        Ok(Change::Process { process, state })
    }
}

/// The run after one more record (`spec/thermos.md` §1.3, column "fields set").
fn advanced(
    run: &ProcessRun,
    process: &str,
    seq: i64,
    state: ProcessState,
    status: &ProcessStatus,
) -> Result<ProcessRun, ReplayError> {
    if !run.state.may_become(state) {
        return Err(ReplayError::InvalidTransition {
            process: process.to_owned(),
            from: run.state.name(),
            to: state.name(),
        });
    }
    let mut next = run.clone();
    next.seq = seq;
    next.state = state;
    match state {
        ProcessState::Forked => {
            next.fork_time = Some(status.fork_time.ok_or_else(|| missing("fork_time", status))?);
            next.coordinator_pid =
                Some(status.coordinator_pid.ok_or_else(|| missing("coordinator_pid", status))?);
            next.coordinator_birth = status.birth();
        }
        ProcessState::Running => {
            next.start_time = Some(status.start_time.ok_or_else(|| missing("start_time", status))?);
            next.pid = Some(status.pid.ok_or_else(|| missing("pid", status))?);
            next.shell_birth = status.birth();
        }
        ProcessState::Success | ProcessState::Killed => {
            next.stop_time = Some(status.stop_time.ok_or_else(|| missing("stop_time", status))?);
            next.return_code = Some(status.return_code.ok_or_else(|| missing("return_code", status))?);
        }
        // A launch that failed has neither (WAITING to FAILED); an exit has both, and they are kept (D14).
        ProcessState::Failed => {
            next.stop_time = status.stop_time;
            next.return_code = status.return_code;
        }
        ProcessState::Lost | ProcessState::Waiting => {}
    }
    next.is_guarded = status.guarded.unwrap_or(false);
    if status.reason.is_some() {
        next.reason.clone_from(&status.reason);
    }
    Ok(next)
}

fn missing(field: &'static str, record: &impl std::fmt::Debug) -> ReplayError {
    ReplayError::MissingField { field, record: format!("{record:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(seq: i64) -> Record {
        Record::Process(ProcessStatus::new("a", seq, ProcessState::Waiting))
    }

    fn forked(seq: i64) -> Record {
        Record::Process(ProcessStatus {
            fork_time: Some(1.5),
            coordinator_pid: Some(43),
            ..ProcessStatus::new("a", seq, ProcessState::Forked)
        })
    }

    fn running(seq: i64) -> Record {
        Record::Process(ProcessStatus {
            start_time: Some(2.0),
            pid: Some(44),
            ..ProcessStatus::new("a", seq, ProcessState::Running)
        })
    }

    fn ended(seq: i64, state: ProcessState, return_code: i32) -> Record {
        Record::Process(ProcessStatus {
            stop_time: Some(2.5),
            return_code: Some(return_code),
            ..ProcessStatus::new("a", seq, state)
        })
    }

    fn replay(records: &[Record]) -> Result<RunnerState, ReplayError> {
        let mut state = RunnerState::default();
        for record in records {
            state.apply(record, Strictness::Strict)?;
        }
        Ok(state)
    }

    #[test]
    fn th_82_a_failed_run_keeps_its_exit_code_and_stop_time() {
        let state = replay(&[waiting(0), forked(1), running(2), ended(3, ProcessState::Failed, 7)]).unwrap();
        let run = state.last_run("a").unwrap();
        assert_eq!((run.return_code, run.stop_time), (Some(7), Some(2.5)));
        assert_eq!((run.pid, run.coordinator_pid), (Some(44), Some(43)));
    }

    #[test]
    fn th_84_each_record_that_does_not_fit_has_its_error() {
        let header = Record::Header(RunnerHeader::default());
        assert_eq!(
            replay(&[header.clone(), header]).unwrap_err().to_string(),
            "Attempting to rebind task with different parameters!"
        );
        assert_eq!(
            replay(&[waiting(0), forked(2)]).unwrap_err().to_string(),
            "Out of order sequence number! process 'a': 0 => 2"
        );
        let after_success =
            [waiting(0), forked(1), running(2), ended(3, ProcessState::Success, 0), running(4)];
        assert!(
            replay(&after_success)
                .unwrap_err()
                .to_string()
                .starts_with("Detected invalid state transition SUCCESS => RUNNING")
        );
        assert!(
            replay(&[running(0)])
                .unwrap_err()
                .to_string()
                .starts_with("Encountered potentially out of order process update.  Are you sure this is a full checkpoint stream?")
        );
        let no_pid = Record::Process(ProcessStatus {
            start_time: Some(2.0),
            ..ProcessStatus::new("a", 2, ProcessState::Running)
        });
        assert!(
            replay(&[waiting(0), forked(1), no_pid])
                .unwrap_err()
                .to_string()
                .starts_with("Missing field pid from ")
        );
        assert_eq!(replay(&[Record::Empty]).unwrap_err().to_string(), "Empty RunnerCkpt encountered!");
        let unknown = Record::Process(ProcessStatus {
            state: Some(99),
            ..ProcessStatus::new("a", 1, ProcessState::Forked)
        });
        assert_eq!(replay(&[waiting(0), unknown]).unwrap_err().to_string(), "Unknown state = 99");
    }

    #[test]
    fn th_87_process_records_after_the_terminal_task_record_are_accepted() {
        let lost = Record::Task(TaskStatus { state: Some(TaskState::Lost.wire()), ..TaskStatus::default() });
        let state =
            replay(&[waiting(0), forked(1), running(2), lost, ended(3, ProcessState::Killed, -1)]).unwrap();
        assert_eq!(state.last_run("a").unwrap().state, ProcessState::Killed);
        assert_eq!(state.task_state(), Some(TaskState::Lost));
    }

    #[test]
    fn recovery_skips_what_it_has_seen() {
        let mut state = replay(&[waiting(0), forked(1), running(2)]).unwrap();
        assert_eq!(state.apply(&forked(1), Strictness::Recovery), Ok(Change::Nothing));
        assert_eq!(state.next_seq("a"), 3);
        assert_eq!(state.next_seq("b"), 0);
    }
}
