//! A scheduler and agents that do at once what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, InstanceKey, OfferId, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::backup::Backup;
use scheduler_core::effect::{Batch, Reply};
use scheduler_core::input::{Offer, Request, StatusUpdate};
use scheduler_core::operation::{Capacity, HostAttributes};
use scheduler_core::{Change, Core, CoreConfig, Effect, Input, MesosEvent, RequestId, View};

use super::WhatIfError;
use crate::timers::Timers;
use crate::world::identity;

/// How long nothing may move until it is believed that nothing will: longer than a search for tasks to preempt, the time
/// their room is kept, and the longest wait between two attempts together.
const REST: Millis = Millis::from_secs(20 * 60);
/// A cluster that never comes to rest is looked at after this.
const LONGEST: Millis = Millis::from_secs(24 * 3600);

/// The first port that an agent offers; only how many there are matters.
const FIRST_PORT: u16 = 31_000;

/// The cluster.
pub(super) struct Cluster {
    core: Core,
    config: CoreConfig,
    now: Timestamp,
    timers: Timers,
    agents: BTreeMap<AgentId, HostAttributes>,
    /// What each agent offers at the moment.
    offered: BTreeMap<AgentId, OfferId>,
    /// Agents of which more can be offered than is.
    changed: BTreeSet<AgentId>,
    displaced: BTreeSet<TaskId>,
    inbox: Vec<Input>,
    offers: u64,
    requests: u64,
    reply: Option<Reply>,
    moved_at: Timestamp,
    /// Instances that had to go for others.
    pub(super) preempted: BTreeSet<InstanceKey>,
}

impl Cluster {
    /// Loads the state; the displaced tasks are lost.
    pub(super) fn start(
        backup: &Backup,
        config: CoreConfig,
        displaced: &BTreeSet<TaskId>,
    ) -> Result<Self, WhatIfError> {
        let snapshot = backup.snapshot().map_err(WhatIfError::Backup)?;
        let now = backup.taken_at;
        let none: [&[u8]; 0] = [];
        let mut batch = Batch::default();
        let core = Core::recover(config.clone(), identity(), 0, Some(&snapshot), none, now, &mut batch)
            .map_err(WhatIfError::Recover)?;
        let agents: BTreeMap<AgentId, HostAttributes> =
            backup.hosts.values().map(|host| (host.agent.clone(), host.clone())).collect();
        let mut cluster = Self {
            core,
            config,
            now,
            timers: Timers::default(),
            changed: agents.keys().cloned().collect(),
            agents,
            offered: BTreeMap::new(),
            displaced: displaced.clone(),
            inbox: Vec::new(),
            offers: 0,
            requests: 0,
            reply: None,
            moved_at: now,
            preempted: BTreeSet::new(),
        };
        cluster.release(batch);
        let framework = backup.framework.clone().unwrap_or_else(|| FrameworkId::new("simulated"));
        cluster.handle(Input::Mesos(MesosEvent::Subscribed { framework }));
        for task in displaced {
            cluster.tell(task, TaskStatus::Lost);
        }
        Ok(cluster)
    }

    /// Creates a job.
    pub(super) fn create(&mut self, job: JobConfiguration) -> Result<(), Vec<String>> {
        self.requests += 1;
        let (id, user) = (RequestId(self.requests), Arc::from("simulate"));
        self.reply = None;
        self.handle(Input::Request(Request { id, user, change: Change::CreateJob(job) }));
        match self.reply.take() {
            Some(Reply::Invalid(lines) | Reply::Updating(lines)) => Err(lines),
            Some(Reply::Done(_)) | None => Ok(()),
        }
    }

    /// The state as it is now.
    pub(super) fn view(&self) -> View {
        self.core.view()
    }

    /// Time passes until nothing moves any more.
    pub(super) fn settle(&mut self) {
        let end = self.now + LONGEST;
        self.moved_at = self.now;
        while self.now < end {
            if !self.inbox.is_empty() {
                for input in std::mem::take(&mut self.inbox) {
                    self.handle(input);
                }
                continue;
            }
            if self.make_offers() {
                continue;
            }
            let Some(next) = self.timers.next().filter(|next| next.since(self.moved_at) < REST) else {
                break;
            };
            self.now = self.now.max(next);
            for key in self.timers.take_due(self.now) {
                self.handle(Input::Timer(key));
            }
        }
    }

    fn handle(&mut self, input: Input) {
        let mut batch = Batch::default();
        self.core.handle(input, self.now, &mut batch);
        self.release(batch);
    }

    fn release(&mut self, batch: Batch) {
        for effect in batch.effects {
            match effect {
                Effect::SetTimer { key, at } => self.timers.set(key, at),
                Effect::CancelTimer(key) => self.timers.cancel(&key),
                Effect::Reply(_, reply) => self.reply = Some(reply),
                Effect::Launch { agent, tasks, .. } => {
                    self.moved_at = self.now;
                    self.offered.remove(&agent);
                    self.changed.insert(agent);
                    tasks.iter().for_each(|task| self.tell(&task.id, TaskStatus::Running));
                }
                Effect::Decline { offers, .. } => {
                    let gone = |offer: &OfferId| offers.contains(offer);
                    let agents: Vec<AgentId> = self
                        .offered
                        .iter()
                        .filter(|(_, offer)| gone(offer))
                        .map(|(agent, _)| agent.clone())
                        .collect();
                    for agent in agents {
                        self.offered.remove(&agent);
                        self.changed.insert(agent);
                    }
                }
                Effect::Kill { task, .. } => self.tell(&task, TaskStatus::Killed),
                Effect::Reconcile(tasks) => {
                    for (task, _) in tasks {
                        self.answer_for(&task);
                    }
                }
                Effect::StatusChanged { task, from } => self.note_change(&task, from),
                _ => {}
            }
        }
    }

    /// Tells what became of a task that the scheduler asks about: tasks that were starting run.
    fn answer_for(&mut self, id: &TaskId) {
        let Some(task) = self.core.view().task(id).cloned() else { return };
        let status = match task.status {
            _ if self.displaced.contains(id) => TaskStatus::Lost,
            TaskStatus::Assigned | TaskStatus::Starting => TaskStatus::Running,
            TaskStatus::Killing | TaskStatus::Restarting | TaskStatus::Draining | TaskStatus::Preempting => {
                TaskStatus::Killed
            }
            _ => return,
        };
        self.tell(id, status);
    }

    fn tell(&mut self, task: &TaskId, status: TaskStatus) {
        let update =
            StatusUpdate { task: task.clone(), status, message: None, reason: None, agent: None, uuid: None };
        self.inbox.push(Input::Mesos(MesosEvent::Status(update)));
    }

    fn note_change(&mut self, task: &Task, from: TaskStatus) {
        if task.status == TaskStatus::Preempting {
            self.preempted.insert(task.instance_key());
        }
        if from.is_assigned() && !task.status.is_assigned() {
            self.moved_at = self.now;
            if let Some(place) = &task.assignment {
                self.take_back(&place.agent.clone());
            }
        }
    }

    /// There is more on an agent than it offers: the offer is void.
    fn take_back(&mut self, agent: &AgentId) {
        if let Some(offer) = self.offered.remove(agent) {
            self.inbox.push(Input::Mesos(MesosEvent::Rescinded(offer)));
        }
        self.changed.insert(agent.clone());
    }

    /// Offers what is free; says whether anything is new.
    fn make_offers(&mut self) -> bool {
        let view = self.core.view();
        let mut offers = Vec::new();
        for agent in std::mem::take(&mut self.changed) {
            let Some(host) = self.agents.get(&agent) else { continue };
            let Some(free) = free(&view, host, &self.config) else { continue };
            self.offers += 1;
            let id = OfferId::new(format!("offer-{}", self.offers));
            let ports = u16::try_from(free.regular.ports.clamp(0, 30_000)).unwrap_or(0);
            offers.push(Offer {
                id: id.clone(),
                agent: agent.clone(),
                host: host.host.clone(),
                attributes: host.attributes.clone(),
                resources: Resources { ports: i64::from(ports), ..free.regular },
                revocable: Resources { ports: i64::from(ports), ..free.revocable },
                ports: if ports > 0 { vec![(FIRST_PORT, FIRST_PORT + ports - 1)] } else { Vec::new() },
                unavailable_from: None,
            });
            self.offered.insert(agent, id);
        }
        if offers.is_empty() {
            return false;
        }
        self.handle(Input::Mesos(MesosEvent::Offers(offers)));
        true
    }
}

/// What is free on an agent; nothing if it is not known what it has.
fn free(view: &View, host: &HostAttributes, config: &CoreConfig) -> Option<Capacity> {
    let mut free = host.capacity?;
    for task in view.tasks_on_host(&host.host) {
        let is_there = task.assignment.as_ref().is_some_and(|place| place.agent == host.agent);
        if !is_there || !task.status.is_assigned() {
            continue;
        }
        let taken = config.footprint(&task.config);
        let is_revocable = config.tiers.is_revocable(&task.config.tier);
        for (pool, is_own) in [(&mut free.regular, !is_revocable), (&mut free.revocable, is_revocable)] {
            // Of what Mesos has no revocable kind there is one pool.
            let takes_cpus = is_own || !config.revocable_cpus;
            let takes_ram = is_own || !config.revocable_ram;
            *pool = *pool
                - Resources {
                    cpus: if takes_cpus { taken.cpus } else { MilliCpus::ZERO },
                    ram: if takes_ram { taken.ram } else { Megabytes::ZERO },
                    ..taken
                };
        }
    }
    Some(free)
}
