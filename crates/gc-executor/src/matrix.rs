//! What becomes of a task, from what is found here and what the scheduler believes (`spec/thermos.md` §6.2).

use std::time::Duration;

use aurora_api::thrift::ScheduleStatus;
use mesos_v1::messages::TaskState as MesosState;
use thermos::plan::record::TaskState;

/// The scheduler's view was made before the request arrived: younger tasks may not be in it.
const RACE_GUARD: Duration = Duration::from_secs(10 * 60);

/// An executor tells the end of its task itself, a moment after the checkpoint has it.
const FINISH_GUARD: Duration = Duration::from_secs(60);

/// What is found here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// It runs, since so long before the request.
    Active {
        /// Since its first record.
        since: Duration,
    },
    /// It is over, since so long before the request.
    Finished {
        /// How it ended; none when its checkpoint does not say.
        outcome: Option<TaskState>,
        /// Since its end.
        since: Duration,
    },
    /// Its checkpoint says nothing.
    Unreadable {
        /// Whether it should be running.
        is_active: bool,
        /// Since anything was written.
        since: Duration,
    },
    /// There is no trace of it.
    Absent,
}

/// What the scheduler believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// It runs.
    Active,
    /// It is about to run.
    Starting,
    /// It is over.
    Terminal,
    /// It knows no such task.
    Absent,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// It is killed.
    Kill,
    /// What is left of it is removed.
    Delete,
    /// The scheduler is told.
    Report(MesosState, &'static str),
}

impl Remote {
    /// From a status of the scheduler.
    pub const fn of(status: Option<ScheduleStatus>) -> Self {
        match status {
            None => Self::Absent,
            Some(ScheduleStatus::Starting | ScheduleStatus::Assigned) => Self::Starting,
            Some(
                ScheduleStatus::Finished
                | ScheduleStatus::Failed
                | ScheduleStatus::Killed
                | ScheduleStatus::Lost,
            ) => Self::Terminal,
            Some(_) => Self::Active,
        }
    }
}

/// One row of the table.
pub fn decide(local: Local, remote: Remote) -> Action {
    let is_wanted = matches!(remote, Remote::Active | Remote::Starting);
    match local {
        Local::Active { since } if !is_wanted && since > RACE_GUARD => Action::Kill,
        Local::Active { .. } => Action::Nothing,
        Local::Unreadable { is_active, since } => {
            // One that runs and is believed to run is left alone, readable or not.
            let is_fine = if is_active { is_wanted } else { remote == Remote::Terminal };
            if !is_fine && since > RACE_GUARD { Action::Delete } else { Action::Nothing }
        }
        Local::Finished { outcome, since } if is_wanted && since > FINISH_GUARD => {
            Action::Report(reported(outcome), "Task finish detected by GC executor.")
        }
        Local::Finished { .. } if remote == Remote::Absent => Action::Delete,
        Local::Finished { .. } => Action::Nothing,
        Local::Absent if remote == Remote::Active => {
            Action::Report(MesosState::TaskLost, "GC executor found no trace of task.")
        }
        Local::Absent => Action::Nothing,
    }
}

const fn reported(outcome: Option<TaskState>) -> MesosState {
    match outcome {
        Some(TaskState::Success) => MesosState::TaskFinished,
        Some(TaskState::Failed) => MesosState::TaskFailed,
        Some(TaskState::Killed) => MesosState::TaskKilled,
        _ => MesosState::TaskLost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_secs(30);
    const LOST: Action = Action::Report(MesosState::TaskLost, "GC executor found no trace of task.");

    const fn ended(state: MesosState) -> Action {
        Action::Report(state, "Task finish detected by GC executor.")
    }

    #[test]
    fn th_156_every_row_of_the_table() {
        use Remote::{Absent, Active, Starting, Terminal};
        let all = [Active, Starting, Terminal, Absent];
        let row = |local: Local| all.map(|remote| decide(local, remote));
        let nothing = [Action::Nothing; 4];
        assert_eq!(
            row(Local::Active { since: LONG }),
            [Action::Nothing, Action::Nothing, Action::Kill, Action::Kill]
        );
        assert_eq!(row(Local::Active { since: SHORT }), nothing);
        assert_eq!(
            row(Local::Unreadable { is_active: true, since: LONG }),
            [Action::Nothing, Action::Nothing, Action::Delete, Action::Delete]
        );
        assert_eq!(row(Local::Unreadable { is_active: true, since: SHORT }), nothing);
        assert_eq!(
            row(Local::Unreadable { is_active: false, since: LONG }),
            [Action::Delete, Action::Delete, Action::Nothing, Action::Delete]
        );
        for (outcome, state) in [
            (Some(TaskState::Success), MesosState::TaskFinished),
            (Some(TaskState::Failed), MesosState::TaskFailed),
            (Some(TaskState::Killed), MesosState::TaskKilled),
            (Some(TaskState::Lost), MesosState::TaskLost),
            (None, MesosState::TaskLost),
        ] {
            assert_eq!(
                row(Local::Finished { outcome, since: LONG }),
                [ended(state), ended(state), Action::Nothing, Action::Delete]
            );
        }
        let just_now = Local::Finished { outcome: Some(TaskState::Success), since: SHORT };
        assert_eq!(row(just_now)[..2], [Action::Nothing, Action::Nothing], "its executor tells that itself");
        assert_eq!(row(Local::Absent), [LOST, Action::Nothing, Action::Nothing, Action::Nothing]);
    }

    #[test]
    fn statuses_are_sorted_into_four_kinds() {
        use ScheduleStatus::{
            Assigned, Draining, Failed, Finished, Killed, Killing, Lost, Partitioned, Running, Starting,
        };
        assert_eq!(Remote::of(None), Remote::Absent);
        for status in [Starting, Assigned] {
            assert_eq!(Remote::of(Some(status)), Remote::Starting);
        }
        for status in [Finished, Failed, Killed, Lost] {
            assert_eq!(Remote::of(Some(status)), Remote::Terminal);
        }
        for status in [Running, Killing, Draining, Partitioned] {
            assert_eq!(Remote::of(Some(status)), Remote::Active);
        }
    }
}
