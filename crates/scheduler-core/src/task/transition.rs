//! The task state machine as one total table (`spec/scheduler.md` §1.3, §1.4).
//!
//! It knows statuses only. What depends on the task (is it a service? has it retries left?) stays symbolic in the actions
//! and is resolved by `apply`, which has the task.

use aurora_api::task::TaskStatus;

/// What a transition owes. Their order here is the order they are done in: deleting before rescheduling would lose the
/// task to copy (`spec/scheduler.md` §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The task failed once more.
    CountFailure,
    /// Store the new status with its event.
    Save,
    /// Create a replacement.
    Reschedule,
    /// Create one if the task is a service.
    RescheduleIfService,
    /// Create one if the task is a service or may fail again (`spec/scheduler.md` §1.5).
    RescheduleIfRetriesLeft,
    /// Create one unless the task was being killed for good.
    RescheduleUnlessKilled,
    /// Nobody can act on a task whose agent is unreachable: count it as lost at once.
    MarkLost,
    /// Tell Mesos to kill it.
    Kill,
    /// Forget it.
    Delete,
}

/// What becomes of a wish to change a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there already; nothing happens.
    Same,
    /// It changes, and this is owed.
    Legal(&'static [Action]),
    /// It stays as it is. At most a kill is owed: something lives that must not.
    Illegal(&'static [Action]),
}

/// What a transition from one status to another owes. `None` is a task that is not stored: unknown, or deleted.
pub const fn transition(from: Option<TaskStatus>, to: Option<TaskStatus>) -> Outcome {
    use Action::{
        CountFailure, Delete, Kill, MarkLost, Reschedule, RescheduleIfRetriesLeft, RescheduleIfService,
        RescheduleUnlessKilled, Save,
    };
    use Outcome::{Illegal, Legal, Same};
    use TaskStatus::{
        Assigned, Draining, Failed, Finished, Init, Killed, Killing, Lost, Partitioned, Pending, Preempting,
        Restarting, Running, Starting, Throttled,
    };

    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (None, None) => return Same,
        // The cluster reports life in a task we do not know: it must not live on.
        (None, Some(Assigned | Starting | Running)) => return Illegal(&[Kill]),
        (None, Some(_)) => return Illegal(&[]),
        (Some(Killing | Finished | Failed | Killed | Lost), None) => return Legal(&[Delete]),
        (Some(_), None) => return Illegal(&[]),
    };
    match (from, to) {
        _ if from as u8 == to as u8 => Same,

        (Init, Pending | Throttled) | (Throttled, Pending) | (Pending, Assigned) => Legal(&[Save]),
        // Nothing was launched for it, so nothing is left to wait for.
        (Pending | Throttled, Killing) => Legal(&[Delete]),

        (Assigned, Starting | Running) | (Starting, Running) => Legal(&[Save]),
        (Assigned | Starting | Running, Finished) => Legal(&[Save, RescheduleIfService]),
        (Assigned | Starting | Running, Failed) => Legal(&[CountFailure, Save, RescheduleIfRetriesLeft]),
        (Assigned | Starting | Running, Restarting | Draining | Preempting | Killing) => Legal(&[Save, Kill]),
        // Not killed by us, or it would be KILLING: whatever the job is, it is owed another run.
        (Assigned | Starting | Running, Killed) => Legal(&[Save, Reschedule]),
        // An ASSIGNED task may still be on its way to the agent.
        (Assigned, Lost) => Legal(&[Save, Reschedule, Kill]),
        (Starting | Running, Lost) => Legal(&[Save, Reschedule]),
        (Starting | Running, Partitioned) => Legal(&[Save]),

        (Preempting | Restarting | Draining, Finished | Failed | Killed) => Legal(&[Save, Reschedule]),
        (Preempting | Restarting | Draining, Lost) => Legal(&[Save, Reschedule, Kill]),
        (Preempting | Restarting | Draining, Killing) => Legal(&[Save]),
        (Preempting | Restarting | Draining, Partitioned) => Legal(&[Save, MarkLost]),

        (Partitioned, Assigned | Starting | Running) => Legal(&[Save]),
        // Upstream never reschedules here, which loses services (T1).
        (Partitioned, Finished) => Legal(&[Save, RescheduleIfService]),
        (Partitioned, Failed) => Legal(&[CountFailure, Save, RescheduleIfRetriesLeft]),
        (Partitioned, Lost) => Legal(&[Save, RescheduleUnlessKilled, Kill]),
        (Partitioned, Restarting | Draining | Preempting | Killing) => Legal(&[Save, MarkLost]),

        (Killing, Finished | Failed | Killed | Lost) => Legal(&[Save]),
        (Killing, Partitioned) => Legal(&[Save, MarkLost]),

        // The cluster reports life in a task we have given up on: it must not live on.
        (
            Killing | Preempting | Restarting | Draining | Finished | Failed | Killed | Lost,
            Assigned | Starting | Running,
        ) => Illegal(&[Kill]),
        _ => Illegal(&[]),
    }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
