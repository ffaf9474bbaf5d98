//! What is on its way: messages, and things that parts of the cluster do later.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, OfferId, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::MesosEvent;

/// The number of a connection. What was sent over an older one is lost.
pub(crate) type Link = u64;

/// One thing that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The scheduler takes what waits.
    Wake,
    /// A scheduler starts, and recovers.
    Start,
    /// It connects to the master.
    Subscribe { life: u64 },
    /// The master tells the scheduler something.
    ToScheduler(Link, MesosEvent),
    /// The scheduler asks the master for something.
    ToMaster(Link, Call),
    /// The master asks an agent for something.
    ToAgent(AgentId, Link, Order),
    /// An agent tells the master a status, of which it wants an acknowledgement.
    FromAgent(AgentId, Link, Update, TaskId),
    /// The master has not heard of the agent for too long.
    Unheard(AgentId, Link),
    /// A partition ends.
    Heal(AgentId, Link),
    /// The master looks at what it can offer of an agent.
    Allocate(AgentId),
    /// The master takes an offer back that nobody answered.
    OfferTimeout(OfferId),
    /// The master says again that it wants an agent back, for this window.
    WantBack(AgentId, Timestamp),
    /// An executor goes on.
    Executor(AgentId, TaskId, TaskStatus),
    /// An agent sends an update again, unless it was acknowledged.
    Retry(AgentId, TaskId, [u8; 16], Millis),
    /// Something that users or fate do.
    Happening,
}

/// A call of the scheduler.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Accept { offer: OfferId, tasks: Vec<Arc<Task>>, refuse: Millis },
    Decline { offers: Vec<OfferId>, refuse: Millis },
    Kill(TaskId, Option<AgentId>),
    Acknowledge(TaskId, AgentId, [u8; 16]),
    Reconcile(Vec<(TaskId, Option<AgentId>)>),
}

/// What the master wants of an agent.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Launch(Arc<Task>),
    Kill(TaskId),
    Acknowledge(TaskId, [u8; 16]),
}

/// A status as the agent reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    pub(crate) status: TaskStatus,
    pub(crate) uuid: [u8; 16],
}

/// All that will happen, in order of time; what happens at the same time, in the order it was planned.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    events: BTreeMap<(Timestamp, u64), Event>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Timestamp, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.events.pop_first().map(|(_, event)| event)
    }
}
