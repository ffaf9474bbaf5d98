//! The records of a checkpoint stream, field for field as Thrift has them (`spec/thermos.md` §2.3).

use aurora_api::thrift::Map;
use aurora_api::thrift_struct;

use super::birth::{Birth, ProcessId};

/// State of one run of a process. The numbers are on disk and never change (`spec/thermos.md` §1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum ProcessState {
    /// Picked from the plan.
    Waiting = 0,
    /// Its coordinator exists.
    Forked = 1,
    /// Its shell runs.
    Running = 2,
    /// The shell exited with 0.
    Success = 3,
    /// The shell died by a signal, or was torn down.
    Killed = 4,
    /// The shell exited with another status, or could not be started.
    Failed = 5,
    /// Its coordinator vanished.
    Lost = 6,
}

impl ProcessState {
    /// Every state, by its number.
    pub const ALL: [Self; 7] =
        [Self::Waiting, Self::Forked, Self::Running, Self::Success, Self::Killed, Self::Failed, Self::Lost];

    /// The state with this number on disk.
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.wire() == number)
    }

    /// The number on disk.
    pub const fn wire(self) -> i32 {
        self as i32
    }

    /// Whether the run is over.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Killed | Self::Failed | Self::Lost)
    }

    /// Whether processes of this run may exist.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Forked | Self::Running)
    }

    /// The upstream name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Forked => "FORKED",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Killed => "KILLED",
            Self::Failed => "FAILED",
            Self::Lost => "LOST",
        }
    }

    /// Whether a record of `next` may follow this one within a run (`spec/thermos.md` §1.3).
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Forked | Self::Failed),
            Self::Forked => matches!(next, Self::Running | Self::Killed | Self::Lost),
            Self::Running => matches!(next, Self::Success | Self::Failed | Self::Killed | Self::Lost),
            Self::Success | Self::Killed | Self::Failed | Self::Lost => false,
        }
    }
}

/// State of a task. The numbers are on disk and never change (`spec/thermos.md` §1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum TaskState {
    /// The regular plan runs.
    Active = 0,
    /// Ended well.
    Success = 1,
    /// Ended badly.
    Failed = 2,
    /// Ended because somebody asked for it.
    Killed = 3,
    /// Given up.
    Lost = 4,
    /// What lives was asked to end.
    Cleaning = 5,
    /// The finalizing plan runs.
    Finalizing = 6,
}

impl TaskState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Success,
        Self::Failed,
        Self::Killed,
        Self::Lost,
        Self::Cleaning,
        Self::Finalizing,
    ];

    /// The state with this number on disk.
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.wire() == number)
    }

    /// The number on disk.
    pub const fn wire(self) -> i32 {
        self as i32
    }

    /// Whether the task is over.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::Killed | Self::Lost)
    }

    /// The upstream name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Lost => "LOST",
            Self::Cleaning => "CLEANING",
            Self::Finalizing => "FINALIZING",
        }
    }
}

thrift_struct! {
    /// What a stream says about the task as a whole, once.
    pub struct RunnerHeader {
        /// The task.
        1 "task_id" => task_id: String,
        /// Epoch milliseconds.
        2 "launch_time_ms" => launch_time_ms: i64,
        /// Path on the host.
        3 "sandbox" => sandbox: String,
        /// The agent.
        4 "hostname" => hostname: String,
        /// The user processes run as.
        5 "user" => user: String,
        /// Port name to number.
        6 "ports" => ports: Map<String, i64>,
        /// Where logs are; absent in old streams.
        7 "log_dir" => log_dir: String,
        /// The uid processes run as; absent in old streams.
        8 "uid" => uid: i32,
    }
}

thrift_struct! {
    /// One step of one run of a process.
    pub struct ProcessStatus {
        /// Number of the record among those of its process.
        1 "seq" => seq: i64,
        /// The process.
        3 "process" => process: String,
        /// A [`ProcessState`] number.
        5 "state" => state: i32,
        /// Epoch seconds.
        6 "start_time" => start_time: f64,
        /// The shell.
        7 "pid" => pid: i32,
        /// Epoch seconds.
        8 "stop_time" => stop_time: f64,
        /// Exit status, or minus the signal.
        9 "return_code" => return_code: i32,
        /// The coordinator.
        10 "coordinator_pid" => coordinator_pid: i32,
        /// Epoch seconds.
        11 "fork_time" => fork_time: f64,
        /// Ours: why the run could not start. Old readers skip it (`spec/thermos.md` §7.3).
        20 "reason" => reason: String,
        /// Ours: with the next two, which process the number of this record means (D17). The kernel's boot id.
        21 "boot_id" => boot_id: String,
        /// Ours: the pid namespace.
        22 "pid_namespace" => pid_namespace: i64,
        /// Ours: clock ticks from the start of the machine to that of the process.
        23 "start_ticks" => start_ticks: i64,
        /// Ours: the process is over and its coordinator stays with the daemons it left.
        24 "guarded" => guarded: bool,
    }
}

impl ProcessStatus {
    /// A record of `process` entering `state`.
    pub fn new(process: &str, seq: i64, state: ProcessState) -> Self {
        Self {
            seq: Some(seq),
            process: Some(process.to_owned()),
            state: Some(state.wire()),
            ..Self::default()
        }
    }

    /// Says which process the number in this record means.
    pub fn set_birth(&mut self, birth: Option<Birth>) {
        (self.boot_id, self.pid_namespace, self.start_ticks) = Birth::to_wire(birth);
    }

    /// Which process the number in this record means; none in old records.
    pub fn birth(&self) -> Option<Birth> {
        Birth::from_wire(self.boot_id.as_deref(), self.pid_namespace, self.start_ticks)
    }
}

thrift_struct! {
    /// One step of the task.
    pub struct TaskStatus {
        /// A [`TaskState`] number.
        1 "state" => state: i32,
        /// Epoch milliseconds.
        2 "timestamp_ms" => timestamp_ms: i64,
        /// The runner that wrote it.
        3 "runner_pid" => runner_pid: i32,
        /// Its uid.
        4 "runner_uid" => runner_uid: i32,
        /// Ours: with the next two, which process `runner_pid` means (D17). The kernel's boot id.
        21 "boot_id" => boot_id: String,
        /// Ours: the pid namespace.
        22 "pid_namespace" => pid_namespace: i64,
        /// Ours: clock ticks from the start of the machine to that of the runner.
        23 "start_ticks" => start_ticks: i64,
    }
}

impl TaskStatus {
    /// A record of the task entering `state`, at this time (epoch milliseconds), written by this process of this user.
    pub fn new(state: TaskState, timestamp_ms: i64, runner: ProcessId, uid: u32) -> Self {
        let (boot_id, pid_namespace, start_ticks) = Birth::to_wire(runner.birth);
        Self {
            state: Some(state.wire()),
            timestamp_ms: Some(timestamp_ms),
            runner_pid: Some(runner.pid),
            runner_uid: i32::try_from(uid).ok(),
            boot_id,
            pid_namespace,
            start_ticks,
        }
    }

    /// Which process wrote it, as far as the record says.
    pub fn runner(&self) -> Option<ProcessId> {
        let birth = Birth::from_wire(self.boot_id.as_deref(), self.pid_namespace, self.start_ticks);
        self.runner_pid.map(|pid| ProcessId { pid, birth })
    }
}

/// One record of a stream: the union `RunnerCkpt`.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Field 1.
    Header(RunnerHeader),
    /// Field 2.
    Process(ProcessStatus),
    /// Field 3.
    Task(TaskStatus),
    /// No known member set: damage, or a member from the future.
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_keep_their_numbers() {
        assert_eq!(ProcessState::ALL.map(ProcessState::wire), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(TaskState::ALL.map(TaskState::wire), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(ProcessState::from_wire(99), None);
    }

    #[test]
    fn no_state_follows_a_terminal_one() {
        for from in ProcessState::ALL.into_iter().filter(|state| state.is_terminal()) {
            for to in ProcessState::ALL {
                assert!(!from.may_become(to), "{} => {}", from.name(), to.name());
            }
        }
    }
}
