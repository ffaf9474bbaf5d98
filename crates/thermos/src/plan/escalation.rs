//! Who gets which signal, and when: one table for the whole runner (`spec/thermos.md` §1.10).

use super::birth::ProcessId;
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
    /// The shell of a run, not its group. Without its birth it must still belong to its coordinator.
    Shell {
        /// The shell.
        shell: ProcessId,
        /// Its coordinator, whose child and session it is in.
        coordinator: ProcessId,
    },
    /// Everything below the shell of a run, wherever it moved itself.
    BelowShell {
        /// The shell.
        shell: ProcessId,
        /// Its coordinator.
        coordinator: ProcessId,
    },
    /// The session and process group that a coordinator leads.
    Session {
        /// The coordinator.
        coordinator: ProcessId,
        /// The shell in it, if it came up. With it, the session is known again once the coordinator is gone.
        shell: Option<ProcessId>,
    },
    /// A coordinator itself.
    Coordinator(ProcessId),
    /// Everything below a coordinator, most often one that stayed with the daemons of its process, which is over.
    BelowGuard(ProcessId),
    /// Everything in the session of such a coordinator but itself.
    BesideGuard(ProcessId),
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
    let shell = run.shell().zip(run.coordinator());
    shell
        .map(|(shell, coordinator)| order(Target::Shell { shell, coordinator }, Strength::Terminate))
        .into_iter()
        .collect()
}

/// A run ended, or is ended by force: nothing of its session stays.
pub fn on_run_end(run: &ProcessRun) -> Vec<SignalOrder> {
    let Some(coordinator) = run.coordinator() else { return Vec::new() };
    let shell = run.shell();
    let mut targets = Vec::new();
    targets.extend(shell.map(|shell| Target::BelowShell { shell, coordinator }));
    targets.extend([Target::Session { coordinator, shell }, Target::Coordinator(coordinator)]);
    targets.extend(shell.map(|shell| Target::Shell { shell, coordinator }));
    targets.into_iter().map(|target| order(target, Strength::Kill)).collect()
}

/// The task ended: re-parented daemons go too.
pub fn on_task_end() -> Vec<SignalOrder> {
    vec![order(Target::OrphanedChildren, Strength::Kill)]
}

/// A run ended and its coordinator stays with daemons: nothing else of its session stays.
pub const fn on_run_end_beside(guard: ProcessId) -> SignalOrder {
    order(Target::BesideGuard(guard), Strength::Kill)
}

/// The task ended: what a guard stayed for goes, and then the guard by itself. So does what is below any other coordinator.
pub const fn on_end_of_guarded(guard: ProcessId) -> SignalOrder {
    order(Target::BelowGuard(guard), Strength::Kill)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::record::ProcessState;

    fn run(state: ProcessState, pid: Option<i32>) -> ProcessRun {
        ProcessRun { state, fork_time: Some(1.0), coordinator_pid: Some(10), pid, ..ProcessRun::waiting(2) }
    }

    const fn id(pid: i32) -> ProcessId {
        ProcessId { pid, birth: None }
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
                order(Target::Shell { shell: id(12), coordinator: id(10) }, Strength::Terminate)
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
                Target::BelowShell { shell: id(12), coordinator: id(10) },
                Target::Session { coordinator: id(10), shell: Some(id(12)) },
                Target::Coordinator(id(10)),
                Target::Shell { shell: id(12), coordinator: id(10) }
            ]
        );
    }
}
