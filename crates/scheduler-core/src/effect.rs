//! What leaves the core, owed once the operations of the same batch are durable.

use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, HostName, OfferId, TaskId};
use aurora_api::task::{Task, TaskStatus};

use crate::away::{MissingHost, RenewedHost};
use crate::input::RequestId;
use crate::operation::Operation;

/// What handling inputs yields: operations to make durable, then effects to release.
#[derive(Debug, Default)]
pub struct Batch {
    /// To make durable, in this order, all or none.
    pub operations: Vec<Operation>,
    /// Owed once they are.
    pub effects: Vec<Effect>,
}

/// Something the shell does for the core.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The answer to a request.
    Reply(RequestId, Reply),
    /// ACCEPT an offer with these tasks, each with its assignment set.
    Launch {
        /// The offer, used up by this.
        offer: OfferId,
        /// Its agent.
        agent: AgentId,
        /// What to launch there.
        tasks: Vec<Arc<Task>>,
        /// How long Mesos keeps the rest of the offer to itself; zero while other tasks wait for resources.
        refuse: Millis,
    },
    /// ACCEPT an offer with a collection of old task state (`spec/scheduler.md` §12.3).
    Collect {
        /// The offer, used up by this.
        offer: OfferId,
        /// Its host.
        host: HostName,
        /// The collection's id.
        task: TaskId,
        /// Every task we know on that host, with its status.
        retained: Vec<(TaskId, TaskStatus)>,
    },
    /// DECLINE offers.
    Decline {
        /// Which.
        offers: Vec<OfferId>,
        /// For how long Mesos must not offer the same again.
        refuse: Millis,
    },
    /// KILL a task, known or not.
    Kill {
        /// Which.
        task: TaskId,
        /// Where, if that is known.
        agent: Option<AgentId>,
    },
    /// ACKNOWLEDGE a status update: it is durable now.
    Acknowledge {
        /// Of which task.
        task: TaskId,
        /// From which agent.
        agent: AgentId,
        /// Which update.
        uuid: [u8; 16],
    },
    /// RECONCILE: ask for the status of these tasks; none at all asks for every task.
    Reconcile(Vec<(TaskId, Option<AgentId>)>),
    /// Give back `Input::Timer(key)` at this time. A second one of the same key replaces the first.
    SetTimer {
        /// Which.
        key: TimerKey,
        /// When.
        at: Timestamp,
    },
    /// The timer is not needed any more.
    CancelTimer(TimerKey),
    /// A task changed its status, or is new (`from` is `Init`): for logs, streams and webhooks.
    StatusChanged {
        /// The task as it is now.
        task: Arc<Task>,
        /// What it was.
        from: TaskStatus,
    },
    /// Tasks were deleted from the history, or while nothing had been launched for them: for logs and streams.
    TasksRemoved(Vec<Arc<Task>>),
    /// Make a snapshot of the state as it is with this batch, then answer the request.
    Snapshot(RequestId),
    /// Something for the operator's log.
    Notice(Notice),
    /// A counter of `/vars` grows (`spec/scheduler.md` §10.3).
    Count {
        /// Its name.
        name: CounterName,
        /// By how much.
        by: u64,
    },
}

/// What an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Mesos has given an agent up.
    AgentGone(Arc<MissingHost>),
    /// It is back.
    AgentBack {
        /// What was said of it.
        missing: Arc<MissingHost>,
        /// The id it came back with.
        agent: AgentId,
        /// When.
        at: Timestamp,
    },
    /// An agent came back under another id.
    AgentRenewed {
        /// Which.
        host: Arc<RenewedHost>,
        /// How many tasks we still count to the old id; Mesos is asked about them.
        orphans: usize,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AgentGone(missing) => missing.fmt(formatter),
            Self::AgentBack { missing, agent, at } => {
                let MissingHost { host, since, .. } = &**missing;
                let seconds = at.since(*since).0 / 1000;
                write!(formatter, "host {host} is back after {seconds} s, as agent {agent}")
            }
            Self::AgentRenewed { host, orphans } => {
                let RenewedHost { host, old, new, .. } = &**host;
                write!(
                    formatter,
                    "the agent of host {host} came back under a new id, {new} after {old}: what ran there before has ended, \
                     or is reported lost and starts again"
                )?;
                match orphans {
                    0 => Ok(()),
                    1 => write!(formatter, "; Mesos is asked about 1 task of the old id"),
                    many => write!(formatter, "; Mesos is asked about {many} tasks of the old id"),
                }
            }
        }
    }
}

/// A counter's name: most are fixed, a few carry a status or a job.
pub type CounterName = std::borrow::Cow<'static, str>;

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done. The lines are shown to the user.
    Done(Vec<String>),
    /// Refused, and nothing changed: `INVALID_REQUEST` with these lines.
    Invalid(Vec<String>),
    /// Refused because the job is being updated: `JOB_UPDATING_ERROR`.
    Updating(Vec<String>),
}

/// Names a timer. The core checks it against its state when it fires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// Try to schedule a group of pending tasks.
    ScheduleGroup(u64),
    /// A transient status has lasted too long.
    TransientTimeout(TaskId, TaskStatus),
    /// Send a kill again.
    KillRetry(TaskId),
    /// A throttled task has served its penalty.
    Throttle(TaskId),
    /// A partitioned task has waited long enough.
    Partition(TaskId),
    /// An offer has been held long enough.
    OfferHold(OfferId),
    /// Ask Mesos about all tasks we know.
    ReconcileExplicit,
    /// Ask Mesos about all tasks it knows.
    ReconcileImplicit,
    /// Send the next part of an explicit reconciliation.
    ReconcileBatch,
    /// Forget old ended tasks.
    Prune,
    /// Look for tasks that could make room for others.
    PreemptionSearch,
}
