//! Who gets which signal, and when: one table for the whole runner (`spec/thermos.md` §1.10).

use super::replay::{ProcessRun, RunnerState};

/// How hard a signal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// SIGTERM: please end.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Daemons that forked twice and were re-parented: to their coordinator, or to the runner once that is gone.
    OrphanedChildren,
    /// The shell of a run, not its group. Its number alone may be another's by now: it must still belong to its coordinator.
    Shell {
        /// Its number.
        pid: i32,
        /// Its coordinator, whose child and session it is in.
        coordinator: i32,
    },
    /// Everything below the shell of a run, wherever it moved itself.
    BelowShell {
        /// The shell's number.
        pid: i32,
        /// Its coordinator.
        coordinator: i32,
    },
    /// The session and process group that a coordinator leads.
    Session(i32),
    /// A coordinator itself.
    Coordinator(i32),
}

/// One signal to be sent. Orders are carried out in their order; the pids of all are collected before the first is sent,
/// because a dead shell has no descendants any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalOrder {
    /// For whom.
    pub target: Target,
    /// Which.
    pub strength: Strength,
}

const fn order(target: Target, strength: Strength) -> SignalOrder {
    SignalOrder { target, strength }
}

/// Entering CLEANING: ask everything that runs to end.
pub fn on_cleaning(state: &RunnerState) -> Vec<SignalOrder> {
    let mut orders = vec![order(Target::OrphanedChildren, Strength::Terminate)];
    orders.extend(
        state
            .last_runs()
            .filter(|(_, _, run)| run.state.is_live())
            .flat_map(|(_, _, run)| on_stray_start(run)),
    );
    orders
}

/// A process that comes up only after CLEANING was entered: it was asked to end before it could hear it.
pub fn on_stray_start(run: &ProcessRun) -> Vec<SignalOrder> {
    let shell = run.pid.zip(run.coordinator_pid);
    shell
        .map(|(pid, coordinator)| order(Target::Shell { pid, coordinator }, Strength::Terminate))
        .into_iter()
        .collect()
}

/// A run ended, or is ended by force: nothing of its session stays.
pub fn on_run_end(run: &ProcessRun) -> Vec<SignalOrder> {
    let Some(coordinator) = run.coordinator_pid else { return Vec::new() };
    let mut targets = Vec::new();
    targets.extend(run.pid.map(|pid| Target::BelowShell { pid, coordinator }));
    targets.extend([Target::Session(coordinator), Target::Coordinator(coordinator)]);
    targets.extend(run.pid.map(|pid| Target::Shell { pid, coordinator }));
    targets.into_iter().map(|target| order(target, Strength::Kill)).collect()
}

/// The task ended: re-parented daemons go too.
pub fn on_task_end() -> Vec<SignalOrder> {
    vec![order(Target::OrphanedChildren, Strength::Kill)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::record::ProcessState;

    fn run(state: ProcessState, pid: Option<i32>) -> ProcessRun {
        ProcessRun {
            seq: 2,
            state,
            fork_time: Some(1.0),
            coordinator_pid: Some(10),
            start_time: None,
            pid,
            stop_time: None,
            return_code: None,
            reason: None,
        }
    }

    #[test]
    fn cleaning_asks_daemons_first_and_then_each_shell_alone() {
        let mut state = RunnerState::default();
        state.processes.insert("done".into(), vec![run(ProcessState::Success, Some(11))]);
        state.processes.insert("forked".into(), vec![run(ProcessState::Forked, None)]);
        state.processes.insert("live".into(), vec![run(ProcessState::Running, Some(12))]);
        assert_eq!(
            on_cleaning(&state),
            [
                order(Target::OrphanedChildren, Strength::Terminate),
                order(Target::Shell { pid: 12, coordinator: 10 }, Strength::Terminate)
            ]
        );
    }

    #[test]
    fn the_end_of_a_run_takes_its_whole_session() {
        let targets: Vec<_> =
            on_run_end(&run(ProcessState::Success, Some(12))).into_iter().map(|order| order.target).collect();
        assert_eq!(
            targets,
            [
                Target::BelowShell { pid: 12, coordinator: 10 },
                Target::Session(10),
                Target::Coordinator(10),
                Target::Shell { pid: 12, coordinator: 10 }
            ]
        );
    }
}
