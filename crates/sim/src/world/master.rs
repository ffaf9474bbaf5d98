//! The Mesos master: agents as it knows them, offers, reconciliation (`spec/mesos.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{MilliCpus, Millis, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, OfferId, TaskId};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::input::{InverseOffer, Offer, StatusUpdate};
use scheduler_core::{CoreConfig, MesosEvent};

use super::World;
use crate::event::{Call, Event, Link, Order, Update};
use crate::invariants::{self, Violation};
use crate::room::Room;

/// How often it is told that an agent is wanted back.
const WANTED_AGAIN: Millis = Millis::from_secs(300);

/// The master's memory.
#[derive(Debug, Default)]
pub(super) struct Master {
    session: Option<Link>,
    agents: BTreeMap<AgentId, Known>,
    offers: BTreeMap<OfferId, Arc<Offer>>,
    /// Where each task is that is known.
    places: BTreeMap<TaskId, AgentId>,
    next_call_at: Timestamp,
    next_event_at: Timestamp,
}

/// An agent as the master knows it.
#[derive(Debug)]
struct Known {
    reach: Reach,
    tasks: BTreeMap<TaskId, KnownTask>,
    offers: BTreeSet<OfferId>,
    refused_until: Timestamp,
    is_allocating: bool,
}

#[derive(Debug)]
struct KnownTask {
    task: Arc<Task>,
    status: TaskStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Registered,
    /// The master is new, and only knows from its registry that the agent is one.
    Expected,
    Unreachable,
    Gone,
}

impl Master {
    pub(super) fn session(&self) -> Option<Link> {
        self.session
    }

    /// Calls of one session arrive in their order.
    pub(super) fn call_arrives(&mut self, at: Timestamp) -> Timestamp {
        self.next_call_at = self.next_call_at.max(at);
        self.next_call_at
    }

    fn event_arrives(&mut self, at: Timestamp) -> Timestamp {
        self.next_event_at = self.next_event_at.max(at);
        self.next_event_at
    }

    pub(super) fn offer_ids(&self) -> Vec<OfferId> {
        self.offers.keys().cloned().collect()
    }

    /// An offer that nobody has answered.
    pub(super) fn offer(&self, id: &OfferId) -> Option<&Arc<Offer>> {
        self.offers.get(id)
    }

    /// The tasks that it takes resources for on an agent.
    pub(super) fn tasks_on(&self, agent: &AgentId) -> impl Iterator<Item = &TaskId> {
        let tasks = self.agents.get(agent).into_iter().flat_map(|known| &known.tasks);
        tasks.filter(|(_, known)| !known.status.is_terminal()).map(|(id, _)| id)
    }

    fn take_offer(&mut self, id: &OfferId) -> Option<Arc<Offer>> {
        let offer = self.offers.remove(id)?;
        if let Some(agent) = self.agents.get_mut(&offer.agent) {
            agent.offers.remove(id);
        }
        Some(offer)
    }
}

impl World {
    /// The scheduler subscribed.
    pub(super) fn pick_up(&mut self, session: Link) {
        self.note(|| format!("session {session}"));
        self.master.session = Some(session);
        let framework = FrameworkId::new("framework");
        self.tell(MesosEvent::Subscribed { framework }, false);
        self.allocate_everywhere();
    }

    /// The scheduler is not there: its offers are void.
    pub(super) fn hang_up(&mut self) {
        self.master.session = None;
        self.master.offers.clear();
        self.master.agents.values_mut().for_each(|agent| agent.offers.clear());
    }

    /// Another master takes over. It knows which agents there are, and which of them are unreachable or gone; what they run,
    /// they tell when they find it. What was on its way to or from the old one is lost.
    pub(super) fn fail_over(&mut self) {
        self.note(|| "the master fails".to_owned());
        self.tally.failovers += 1;
        self.lose_session();
        self.hang_up();
        self.master.places.clear();
        for known in self.master.agents.values_mut() {
            known.tasks.clear();
            if known.reach == Reach::Registered {
                known.reach = Reach::Expected;
            }
        }
        let ids: Vec<AgentId> = self.machines.keys().cloned().collect();
        for id in ids {
            let time = self.chance.millis(10, 30_000);
            self.cut_off(&id, time);
        }
    }

    /// An event for the scheduler; some may be lost or come twice, if `is_fallible`.
    fn tell(&mut self, event: MesosEvent, is_fallible: bool) {
        let Some(session) = self.master.session else { return };
        let mut times = 1;
        if is_fallible && self.chance.permille(self.faults.loss) {
            times = 0;
            self.tally.lost += 1;
        } else if is_fallible && self.chance.permille(self.faults.duplication) {
            times = 2;
            self.tally.repeated += 1;
        }
        for _ in 0..times {
            let delay = self.delay();
            let at = self.master.event_arrives(self.now + delay);
            self.agenda.plan(at, Event::ToScheduler(session, event.clone()));
        }
    }

    /// A status that the master itself tells.
    fn tell_status(&mut self, task: &TaskId, status: TaskStatus, agent: Option<AgentId>) {
        let task = task.clone();
        let update = StatusUpdate { task, status, message: None, reason: None, agent, uuid: None };
        self.tell(MesosEvent::Status(update), true);
    }

    pub(super) fn on_call(&mut self, session: Link, call: Call) -> Result<(), Violation> {
        if self.master.session != Some(session) {
            return Ok(());
        }
        match call {
            Call::Accept { offer, tasks, refuse } => return self.on_accept(&offer, tasks, refuse),
            Call::Decline { offers, refuse } => {
                for offer in offers {
                    if let Some(offer) = self.master.take_offer(&offer) {
                        self.refuse(&offer.agent, refuse);
                    }
                }
            }
            Call::Kill(task, agent) => self.on_kill(task, agent),
            Call::Acknowledge(task, agent, uuid) => {
                self.order(&agent, Order::Acknowledge(task, uuid));
            }
            Call::Reconcile(tasks) => self.on_reconcile(tasks),
        }
        Ok(())
    }

    fn on_accept(&mut self, id: &OfferId, tasks: Vec<Arc<Task>>, refuse: Millis) -> Result<(), Violation> {
        let Some(offer) = self.master.take_offer(id) else {
            for task in tasks {
                let agent = task.assignment.as_ref().map(|place| place.agent.clone());
                self.tell_status(&task.id, TaskStatus::Lost, agent);
            }
            return Ok(());
        };
        invariants::agent_resources::launch(&offer, &tasks, &self.plan.config)?;
        for task in tasks {
            let known = KnownTask { task: Arc::clone(&task), status: TaskStatus::Starting };
            self.master.places.insert(task.id.clone(), offer.agent.clone());
            if let Some(agent) = self.master.agents.get_mut(&offer.agent) {
                agent.tasks.insert(task.id.clone(), known);
            }
            self.order(&offer.agent, Order::Launch(task));
        }
        self.refuse(&offer.agent, refuse);
        Ok(())
    }

    fn on_kill(&mut self, task: TaskId, agent: Option<AgentId>) {
        let place = self.master.places.get(&task).cloned();
        let reach = place.as_ref().and_then(|place| Some(self.master.agents.get(place)?.reach));
        match (place, reach) {
            (Some(place), Some(Reach::Registered)) => self.order(&place, Order::Kill(task)),
            _ => self.on_reconcile(vec![(task, agent)]),
        }
    }

    fn on_reconcile(&mut self, tasks: Vec<(TaskId, Option<AgentId>)>) {
        if tasks.is_empty() {
            let known: Vec<_> = self
                .master
                .agents
                .iter()
                .filter(|(_, agent)| agent.reach == Reach::Registered)
                .flat_map(|(id, agent)| {
                    agent.tasks.iter().map(|(task, known)| (task.clone(), known.status, id.clone()))
                })
                .collect();
            for (task, status, agent) in known {
                self.tell_status(&task, status, Some(agent));
            }
            return;
        }
        let unreachable =
            if self.plan.is_partition_aware { TaskStatus::Partitioned } else { TaskStatus::Lost };
        for (task, told) in tasks {
            let agent = self.master.places.get(&task).cloned().or(told);
            let known = agent.as_ref().and_then(|agent| self.master.agents.get(agent));
            let status = match known {
                Some(known) if known.reach == Reach::Registered => {
                    known.tasks.get(&task).map_or(TaskStatus::Lost, |known| known.status)
                }
                // It will tell itself.
                Some(known) if known.reach == Reach::Expected => continue,
                Some(known) if known.reach == Reach::Gone => TaskStatus::Lost,
                _ => unreachable,
            };
            self.tell_status(&task, status, agent);
        }
    }

    /// What is left of an offer stays unoffered for a while.
    fn refuse(&mut self, agent: &AgentId, refuse: Millis) {
        if let Some(known) = self.master.agents.get_mut(agent) {
            known.refused_until = self.now + refuse;
        }
        self.allocate_soon(agent);
    }

    fn allocate_soon(&mut self, agent: &AgentId) {
        let delay = self.chance.millis(1, 1000);
        let Some(known) = self.master.agents.get_mut(agent).filter(|known| !known.is_allocating) else {
            return;
        };
        known.is_allocating = true;
        let at = (self.now + delay).max(known.refused_until);
        self.agenda.plan(at, Event::Allocate(agent.clone()));
    }

    fn allocate_everywhere(&mut self) {
        let agents: Vec<AgentId> = self.master.agents.keys().cloned().collect();
        for agent in agents {
            if let Some(known) = self.master.agents.get_mut(&agent) {
                known.refused_until = Timestamp::ZERO;
            }
            self.allocate_soon(&agent);
        }
    }

    /// Offers what is free on an agent.
    pub(super) fn on_allocate(&mut self, id: &AgentId) {
        let Some(known) = self.master.agents.get_mut(id) else { return };
        known.is_allocating = false;
        if self.master.session.is_none() || known.reach != Reach::Registered {
            return;
        }
        if known.refused_until > self.now {
            self.allocate_soon(id);
            return;
        }
        let Some(machine) = self.machines.get(id) else { return };
        let config = &self.plan.config;
        let unavailable_from = machine.unavailable_from;
        let offered = known.offers.iter().filter_map(|offer| self.master.offers.get(offer));
        let mut free = machine.total;
        let mut taken: BTreeSet<u16> = BTreeSet::new();
        for known in known.tasks.values().filter(|known| !known.status.is_terminal()) {
            free = free - Room::of(&known.task.config, config);
            taken.extend(known.task.assignment.iter().flat_map(|place| place.ports.values().copied()));
        }
        for offer in offered {
            free = free - room_of(offer, config);
            taken.extend(offer.ports.iter().flat_map(|(low, high)| *low..=*high));
        }
        let has_some = free.regular.cpus.0 > 0 || free.regular.ram.0 > 0 || free.revocable_cpus.0 > 0;
        if !has_some {
            return;
        }
        let (low, high) = machine.ports;
        let ports: Vec<(u16, u16)> =
            (low..=high).filter(|port| !taken.contains(port)).map(|port| (port, port)).collect();
        free.regular.ports = i64::try_from(ports.len()).unwrap_or(0);
        let (resources, revocable) = free.offered(config);
        let (host, attributes) = (machine.host.clone(), machine.attributes.clone());
        let offer_id = OfferId::new(format!("offer-{}", self.unique()));
        let offer = Offer {
            id: offer_id.clone(),
            agent: id.clone(),
            host,
            attributes,
            resources,
            revocable,
            ports,
            unavailable_from,
        };
        if let Some(known) = self.master.agents.get_mut(id) {
            known.offers.insert(offer_id.clone());
        }
        self.master.offers.insert(offer_id.clone(), Arc::new(offer.clone()));
        if self.faults.loss > 0 || self.faults.refused_calls > 0 {
            self.plan_in(Millis::from_secs(600), Event::OfferTimeout(offer_id));
        }
        self.tell(MesosEvent::Offers(vec![offer]), true);
    }

    /// The master takes an offer back.
    pub(super) fn rescind(&mut self, id: &OfferId) {
        let Some(offer) = self.master.take_offer(id) else { return };
        self.tally.rescinded += 1;
        self.tell(MesosEvent::Rescinded(id.clone()), true);
        self.allocate_soon(&offer.agent);
    }

    /// An operator tells when a machine goes down: what was offered of it does not say so, and is taken back.
    pub(super) fn set_window(&mut self, id: &AgentId, window: Option<Timestamp>) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.unavailable_from != window)
        else {
            return;
        };
        machine.unavailable_from = window;
        self.note(|| format!("{id} is unavailable from {window:?}"));
        let offers: Vec<OfferId> = self
            .master
            .agents
            .get(id)
            .map(|known| known.offers.iter().cloned().collect())
            .unwrap_or_default();
        for offer in offers {
            self.rescind(&offer);
        }
        self.want_back(id);
    }

    /// Tells that an agent is wanted back, again and again until it is not.
    pub(super) fn want_back(&mut self, id: &AgentId) {
        let Some(machine) = self.machines.get(id).filter(|machine| machine.is_alive) else { return };
        let Some(unavailable_from) = machine.unavailable_from else { return };
        let offer =
            InverseOffer { agent: Some(id.clone()), host: Some(machine.host.clone()), unavailable_from };
        self.tell(MesosEvent::InverseOffers(vec![offer]), true);
        self.plan_in(WANTED_AGAIN, Event::WantBack(id.clone(), unavailable_from));
    }

    /// It is time to say so again, unless another window is told meanwhile.
    pub(super) fn on_want_back(&mut self, id: &AgentId, window: Timestamp) {
        if self.machines.get(id).is_some_and(|machine| machine.unavailable_from == Some(window)) {
            self.want_back(id);
        }
    }

    /// A status comes from an agent.
    pub(super) fn on_agent_update(&mut self, id: &AgentId, link: Link, update: Update, task: &TaskId) {
        let is_current = self.machines.get(id).is_some_and(|machine| machine.is_reachable_by(link));
        let Some(known) =
            self.master.agents.get_mut(id).filter(|known| is_current && known.reach == Reach::Registered)
        else {
            return;
        };
        let is_known = match known.tasks.get_mut(task) {
            Some(known) => {
                // What the agent repeats may be older than what it told when it registered.
                if !known.status.is_terminal() {
                    known.status = update.status;
                }
                true
            }
            None => false,
        };
        if update.status.is_terminal() && is_known {
            self.allocate_soon(id);
        }
        let update = StatusUpdate {
            task: task.clone(),
            status: update.status,
            message: None,
            reason: None,
            agent: Some(id.clone()),
            uuid: Some(update.uuid),
        };
        self.tell(MesosEvent::Status(update), true);
    }

    /// The agent has nothing left to say of a task that ended.
    pub(super) fn forget_task(&mut self, agent: &AgentId, task: &TaskId) {
        if let Some(known) = self.master.agents.get_mut(agent) {
            known.tasks.remove(task);
        }
        if self.master.places.get(task) == Some(agent) {
            self.master.places.remove(task);
        }
    }

    /// An agent registers, for the first time or again, with all its tasks.
    pub(super) fn register(&mut self, id: &AgentId, tasks: Vec<(Arc<Task>, TaskStatus)>) {
        let fresh = Known {
            reach: Reach::Registered,
            tasks: BTreeMap::new(),
            offers: BTreeSet::new(),
            refused_until: Timestamp::ZERO,
            is_allocating: false,
        };
        let known = self.master.agents.entry(id.clone()).or_insert(fresh);
        let was = std::mem::replace(&mut known.reach, Reach::Registered);
        let before = std::mem::take(&mut known.tasks);
        let mut lost: Vec<TaskId> = before
            .into_iter()
            .filter(|(id, known)| !known.status.is_terminal() && tasks.iter().all(|(task, _)| task.id != *id))
            .map(|(id, _)| id)
            .collect();
        lost.sort();
        for (task, status) in &tasks {
            known.tasks.insert(task.id.clone(), KnownTask { task: Arc::clone(task), status: *status });
            self.master.places.insert(task.id.clone(), id.clone());
        }
        for task in lost {
            self.master.places.remove(&task);
            self.tell_status(&task, TaskStatus::Lost, Some(id.clone()));
        }
        if was == Reach::Unreachable {
            for (task, status) in tasks.into_iter().filter(|(_, status)| !status.is_terminal()) {
                if self.plan.is_partition_aware {
                    self.tell_status(&task.id, status, Some(id.clone()));
                } else {
                    self.order(id, Order::Kill(task.id.clone()));
                }
            }
        }
        self.allocate_soon(id);
    }

    /// The master has not heard of an agent for too long, if the link is still the same.
    pub(super) fn on_unheard(&mut self, id: &AgentId, link: Link) {
        let is_back = self.machines.get(id).is_some_and(|machine| machine.is_reachable_by_other_than(link));
        if !is_back {
            let status =
                if self.plan.is_partition_aware { TaskStatus::Partitioned } else { TaskStatus::Lost };
            self.remove_agent(id, Reach::Unreachable, status);
        }
    }

    /// An operator says that an agent will not come back.
    pub(super) fn mark_gone(&mut self, id: &AgentId) {
        self.remove_agent(id, Reach::Gone, TaskStatus::Lost);
    }

    fn remove_agent(&mut self, id: &AgentId, reach: Reach, status: TaskStatus) {
        let is_removed = |known: &Known| known.reach == reach || known.reach == Reach::Gone;
        let Some(known) = self.master.agents.get_mut(id).filter(|known| !is_removed(known)) else { return };
        let was = std::mem::replace(&mut known.reach, reach);
        let tasks: Vec<TaskId> = known
            .tasks
            .iter()
            .filter(|(_, known)| !known.status.is_terminal())
            .map(|(id, _)| id.clone())
            .collect();
        let offers = std::mem::take(&mut known.offers);
        self.note(|| format!("agent {id} is {reach:?}"));
        for offer in offers {
            self.master.offers.remove(&offer);
            self.tell(MesosEvent::Rescinded(offer), true);
        }
        if matches!(was, Reach::Registered | Reach::Expected) {
            self.tell(MesosEvent::AgentLost(id.clone()), true);
        }
        for task in tasks {
            self.tell_status(&task, status, Some(id.clone()));
        }
    }
}

/// What an offer holds.
pub(crate) fn room_of(offer: &Offer, config: &CoreConfig) -> Room {
    let revocable_cpus = if config.revocable_cpus { offer.revocable.cpus } else { MilliCpus::ZERO };
    Room { regular: offer.resources, revocable_cpus }
}
