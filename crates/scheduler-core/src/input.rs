//! What goes into the core: requests of users, events of Mesos, timers that fired.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use aurora_api::amounts::{Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, JobKey, OfferId, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::TaskStatus;

use crate::effect::TimerKey;
use crate::quota::Quota;

/// One thing that happened. The core handles them one by one, each with the time it was taken from the queue.
#[derive(Clone, Debug)]
pub enum Input {
    /// A user asks for a change; answered by exactly one `Effect::Reply` of the same id.
    Request(Request),
    /// Mesos told something.
    Mesos(MesosEvent),
    /// A timer that the core asked for is due. Late and duplicate firings are harmless.
    Timer(TimerKey),
}

/// Names a request until it is answered. Made by the shell; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A change a user asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Comes back with the reply.
    pub id: RequestId,
    /// Who asks; `UNSECURE` without authentication (`spec/scheduler.md` §1.8).
    pub user: Arc<str>,
    /// What is asked.
    pub change: Change,
}

/// The changes users can ask for, one for each writing RPC (`spec/api.md` §2.4, §2.5).
#[derive(Clone, Debug)]
pub enum Change {
    /// `createJob`: what [`crate::validate::validate_job`] accepted, with its defaults; no cron job.
    CreateJob(JobConfiguration),
    /// `killTasks`: all active instances, or those named.
    KillTasks {
        /// The job.
        job: JobKey,
        /// Which instances; `None` is all of them.
        instances: Option<BTreeSet<u32>>,
        /// The user's words, for the tasks' events.
        message: Option<Arc<str>>,
    },
    /// `restartShards`: all of these, which must be active.
    RestartInstances {
        /// The job.
        job: JobKey,
        /// Which instances.
        instances: BTreeSet<u32>,
    },
    /// `addInstances`: more of the kind of an active one.
    AddInstances {
        /// The job.
        job: JobKey,
        /// Whose configuration they get.
        instance: u32,
        /// How many.
        count: u32,
    },
    /// `setQuota`.
    SetQuota {
        /// The role.
        role: Arc<str>,
        /// What its production tasks may take together.
        quota: Quota,
    },
    /// `forceTaskState`: as if Mesos had told so.
    ForceStatus {
        /// The task.
        task: TaskId,
        /// Its new status.
        status: TaskStatus,
    },
    /// `pruneTasks`: forget those of these tasks that have ended.
    PruneTasks(Vec<TaskId>),
    /// `triggerExplicitTaskReconciliation`.
    ReconcileExplicit {
        /// How many tasks to ask about at once; `None` is the flag's number.
        batch_size: Option<NonZeroUsize>,
    },
    /// `startMaintenance`, `drainHosts`, `endMaintenance`: unknown hosts are passed over.
    Maintain {
        /// The hosts.
        hosts: BTreeSet<HostName>,
        /// What to do with them.
        call: MaintenanceCall,
    },
    /// `triggerImplicitTaskReconciliation`.
    ReconcileImplicit,
    /// `snapshot`: answered by the shell, once a snapshot that holds all before it is durable.
    Snapshot,
}

/// What is to become of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintenanceCall {
    /// They will be drained: tasks go elsewhere if they can.
    Start,
    /// Their tasks go elsewhere now, whatever SLAs say.
    Drain,
    /// They are back in service.
    End,
}

/// What Mesos told, in the scheduler's terms.
#[derive(Clone, Debug)]
pub enum MesosEvent {
    /// The session stands. The id is to be kept for ever.
    Subscribed {
        /// Our registration.
        framework: FrameworkId,
    },
    /// The session broke: held offers are void.
    Disconnected,
    /// Offers to hold.
    Offers(Vec<Offer>),
    /// An offer is void.
    Rescinded(OfferId),
    /// Agents are to be left, because their machines go down.
    InverseOffers(Vec<InverseOffer>),
    /// A task's status, to be acknowledged once durable.
    Status(StatusUpdate),
    /// An agent is gone, with everything on it.
    AgentLost(AgentId),
    /// Mesos did not take a call; nothing of it took effect.
    CallFailed {
        /// What was asked.
        call: FailedCall,
        /// Why it was not done, in words.
        reason: Arc<str>,
    },
}

/// A call to Mesos that failed for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailedCall {
    /// The tasks of an ACCEPT: they were not launched.
    Launch(Vec<TaskId>),
    /// A KILL; the kill timer tries again.
    Kill(TaskId),
}

/// Resources of one agent, offered to us until used, declined or rescinded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub id: OfferId,
    /// The agent.
    pub agent: AgentId,
    /// The agent's host name.
    pub host: HostName,
    /// What the agent says of itself (`spec/scheduler.md` §2.10): name to values.
    pub attributes: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// What a task of a non-revocable tier can have; `ports` is their number.
    pub resources: Resources,
    /// What a task of a revocable tier can have.
    pub revocable: Resources,
    /// Offered ports as closed ranges, ascending and disjoint.
    pub ports: Vec<(u16, u16)>,
    /// When the agent's machine goes down for maintenance, if it does.
    pub unavailable_from: Option<Timestamp>,
}

/// Mesos wants an agent back: its machine goes down for maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InverseOffer {
    /// The agent, if it is said.
    pub agent: Option<AgentId>,
    /// Its host name, if it is said.
    pub host: Option<HostName>,
    /// When it goes down.
    pub unavailable_from: Timestamp,
}

/// A status that Mesos reports for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusUpdate {
    /// Which task.
    pub task: TaskId,
    /// In the scheduler's terms (`spec/scheduler.md` §1.1, last paragraph).
    pub status: TaskStatus,
    /// Mesos's or the executor's words, already completed by `spec/scheduler.md` §1.8 (last row).
    pub message: Option<Arc<str>>,
    /// `REASON_…` of Mesos.
    pub reason: Option<&'static str>,
    /// The agent it came from, if it names one.
    pub agent: Option<AgentId>,
    /// Present if it must be acknowledged.
    pub uuid: Option<[u8; 16]>,
}
