//! A small cluster around the bench: agents with resources that offer what is free, and run what is launched.

#![allow(dead_code, reason = "every test program uses another part of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::amounts::{Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, OfferId, TaskId};
use aurora_api::task::{ConstraintRule, Task, TaskStatus};
use scheduler_core::effect::Effect;
use scheduler_core::input::{FailedCall, Input, MesosEvent, Offer, StatusUpdate};
use scheduler_core::{Core, CoreConfig};

use super::bench::{Bench, identity};

/// One agent.
pub struct Agent {
    pub host: HostName,
    pub attributes: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    pub total: Resources,
    pub ports: (u16, u16),
    /// What runs on it.
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    pub is_up: bool,
    offered: Option<OfferId>,
    refused_until: Timestamp,
}

/// The cluster.
pub struct Cluster {
    pub bench: Bench,
    pub agents: BTreeMap<AgentId, Agent>,
    /// Effects that the cluster has not seen to yet.
    waiting: VecDeque<Effect>,
    is_absorbing: bool,
    /// Whether launched tasks come up and killed ones end by themselves.
    pub is_obedient: bool,
    next_offer: u64,
}

impl Cluster {
    pub fn new(config: CoreConfig, seed: u64) -> Self {
        let mut bench = Bench::seeded(config, seed);
        bench.mesos(MesosEvent::Subscribed { framework: FrameworkId::new("framework") });
        Self {
            bench,
            agents: BTreeMap::new(),
            waiting: VecDeque::new(),
            is_absorbing: false,
            is_obedient: true,
            next_offer: 0,
        }
    }

    pub fn add_agent(&mut self, name: &str, total: Resources, attributes: &[(&str, &str)]) {
        let attributes = attributes
            .iter()
            .map(|(name, value)| (Arc::from(*name), BTreeSet::from([Arc::from(*value)])))
            .collect();
        let agent = Agent {
            host: HostName::new(name),
            attributes,
            total,
            ports: (31_000, 31_009),
            tasks: BTreeMap::new(),
            is_up: true,
            offered: None,
            refused_until: Timestamp::ZERO,
        };
        self.agents.insert(AgentId::new(name), agent);
    }

    /// Gives the core an input, and sees to what it owes.
    pub fn input(&mut self, input: Input) {
        let effects = self.bench.input(input);
        self.absorb(effects);
    }

    pub fn absorb(&mut self, effects: Vec<Effect>) {
        self.waiting.extend(effects);
        // What seeing to one effect owes joins the queue behind the others.
        if self.is_absorbing {
            return;
        }
        self.is_absorbing = true;
        while let Some(effect) = self.waiting.pop_front() {
            self.see_to(effect);
        }
        self.is_absorbing = false;
    }

    /// Lets time pass second by second; agents offer what is free.
    pub fn tick(&mut self, time: Millis) {
        let end = self.bench.now + time;
        while self.bench.now < end {
            self.make_offers();
            let step = Millis(end.since(self.bench.now).0.min(1000));
            let effects = self.bench.tick(step);
            self.absorb(effects);
        }
        self.make_offers();
    }

    /// Offers what is free on every agent that has no offer out.
    pub fn make_offers(&mut self) {
        let now = self.bench.now;
        let mut offers = Vec::new();
        for (id, agent) in &mut self.agents {
            if !agent.is_up || agent.offered.is_some() || agent.refused_until > now {
                continue;
            }
            let offer =
                agent.offer(id, &self.bench.config, OfferId::new(format!("offer-{}", self.next_offer)));
            self.next_offer += 1;
            agent.offered = Some(offer.id.clone());
            offers.push(offer);
        }
        if !offers.is_empty() {
            self.input(Input::Mesos(MesosEvent::Offers(offers)));
        }
    }

    fn see_to(&mut self, effect: Effect) {
        match effect {
            Effect::Launch { offer, agent, tasks, refuse } => self.on_launch(&offer, &agent, tasks, refuse),
            Effect::Decline { offers, refuse } => {
                let until = self.bench.now + refuse.max(Millis(1));
                for agent in self.agents.values_mut() {
                    if agent.offered.as_ref().is_some_and(|offered| offers.contains(offered)) {
                        agent.offered = None;
                        agent.refused_until = until;
                    }
                }
            }
            Effect::Kill { task, .. } if self.is_obedient => {
                if self.end(&task) {
                    self.report(&task, TaskStatus::Killed);
                } else {
                    self.report(&task, TaskStatus::Lost);
                }
            }
            Effect::Reconcile(tasks) => {
                for (task, _) in tasks {
                    let runs =
                        self.agents.values().any(|agent| agent.is_up && agent.tasks.contains_key(&task));
                    self.report(&task, if runs { TaskStatus::Running } else { TaskStatus::Lost });
                }
            }
            _ => {}
        }
    }

    fn on_launch(&mut self, offer: &OfferId, agent_id: &AgentId, tasks: Vec<Arc<Task>>, refuse: Millis) {
        let until = self.bench.now + refuse.max(Millis(1));
        let Some(agent) = self.agents.get_mut(agent_id).filter(|agent| agent.offered.as_ref() == Some(offer))
        else {
            let ids = tasks.iter().map(|task| task.id.clone()).collect();
            let call = FailedCall::Launch(ids);
            self.input(Input::Mesos(MesosEvent::CallFailed { call, reason: Arc::from("offer gone") }));
            return;
        };
        agent.offered = None;
        agent.refused_until = until;
        for task in &tasks {
            agent.tasks.insert(task.id.clone(), Arc::clone(task));
        }
        if self.is_obedient {
            for task in tasks {
                self.report(&task.id, TaskStatus::Starting);
                self.report(&task.id, TaskStatus::Running);
            }
        }
    }

    /// Removes a task from its agent. Says whether it was there.
    pub fn end(&mut self, task: &TaskId) -> bool {
        self.agents.values_mut().any(|agent| agent.tasks.remove(task).is_some())
    }

    pub fn report(&mut self, task: &TaskId, status: TaskStatus) {
        let agent = self.bench.task(task).and_then(|task| Some(task.assignment.as_ref()?.agent.clone()));
        self.input(Input::Mesos(MesosEvent::Status(StatusUpdate {
            task: task.clone(),
            status,
            message: None,
            reason: None,
            agent,
            uuid: None,
        })));
    }

    /// An agent and all its tasks are gone.
    pub fn lose_agent(&mut self, name: &str) {
        let agent = self.agents.get_mut(&AgentId::new(name)).expect("a known agent");
        agent.is_up = false;
        let offer = agent.offered.take();
        let tasks: Vec<TaskId> = std::mem::take(&mut agent.tasks).into_keys().collect();
        if let Some(offer) = offer {
            self.input(Input::Mesos(MesosEvent::Rescinded(offer)));
        }
        self.input(Input::Mesos(MesosEvent::AgentLost(AgentId::new(name))));
        for task in tasks {
            self.report(&task, TaskStatus::Lost);
        }
    }

    pub fn return_agent(&mut self, name: &str) {
        self.agents.get_mut(&AgentId::new(name)).expect("a known agent").is_up = true;
    }

    /// The offers out on agents are void.
    pub fn rescind_all(&mut self) {
        let offers: Vec<OfferId> =
            self.agents.values_mut().filter_map(|agent| agent.offered.take()).collect();
        for offer in offers {
            self.input(Input::Mesos(MesosEvent::Rescinded(offer)));
        }
    }

    /// The scheduler crashes and recovers.
    pub fn restart(&mut self) {
        self.agents.values_mut().for_each(|agent| agent.offered = None);
        let effects = self.bench.restart();
        self.absorb(effects);
        self.input(Input::Mesos(MesosEvent::Subscribed { framework: FrameworkId::new("framework") }));
    }

    /// What must hold after every step.
    pub fn check(&self) {
        let view = self.bench.core.view();
        let mut active = BTreeMap::new();
        for task in view.tasks().filter(|task| task.status.is_active()) {
            if let Some(other) = active.insert(task.instance_key(), task.id.clone()) {
                panic!("two active tasks of {}: {other} and {}", task.instance_key(), task.id);
            }
        }
        for (id, agent) in &self.agents {
            let used: Resources =
                agent.tasks.values().map(|task| self.bench.config.footprint(&task.config)).sum();
            assert!(agent.total.holds(&used), "agent {id} is above its resources: {used:?}");
            let mut ports = BTreeSet::new();
            for port in
                agent.tasks.values().flat_map(|task| task.assignment.iter()).flat_map(|a| a.ports.values())
            {
                assert!(ports.insert(*port), "port {port} of agent {id} is taken twice");
            }
        }
        self.check_limits();
        self.check_indexes();
    }

    /// Tasks of one configuration keep its limits. (Others of the job may come and go with other limits.)
    fn check_limits(&self) {
        let view = self.bench.core.view();
        let mut counts: BTreeMap<(usize, Arc<str>, Arc<str>), i32> = BTreeMap::new();
        for task in view.tasks().filter(|task| task.status.is_assigned()) {
            let Some(host) = task.assignment.as_ref().and_then(|place| view.host(&place.host)) else {
                continue;
            };
            for constraint in &task.config.constraints {
                let ConstraintRule::Limit(limit) = constraint.rule else { continue };
                for value in host.attributes.get(&constraint.name).into_iter().flatten() {
                    let config = Arc::as_ptr(&task.config) as usize;
                    let count =
                        counts.entry((config, Arc::clone(&constraint.name), Arc::clone(value))).or_default();
                    *count += 1;
                    assert!(*count <= limit, "{}: {count} tasks on {value}, limit {limit}", task.id);
                }
            }
        }
    }

    fn check_indexes(&self) {
        let view = self.bench.core.view();
        let by_status: usize = TaskStatus::ALL.into_iter().map(|status| view.count(status)).sum();
        assert_eq!(by_status, view.task_count());
        let by_job: usize = view.jobs().map(|(_, job)| job.active_count() + job.ended_count()).sum();
        assert_eq!(by_job, view.task_count());
        let on_hosts: usize = view.hosts().map(|host| view.tasks_on_host(&host.host).count()).sum();
        let placed = view
            .tasks()
            .filter(|task| task.status.is_assigned())
            .filter(|task| task.assignment.as_ref().is_some_and(|place| view.host(&place.host).is_some()));
        assert_eq!(on_hosts, placed.count());
    }

    /// The journal gives back what memory holds, byte for byte.
    pub fn check_recovery(&self) {
        let recovered = Core::recover(
            self.bench.config.clone(),
            identity(),
            0,
            None,
            &self.bench.journal,
            // Nothing is old enough to be pruned then.
            Timestamp::ZERO,
            &mut scheduler_core::Batch::default(),
        );
        assert_eq!(recovered.expect("the journal is intact").snapshot(), self.bench.core.snapshot());
    }
}

impl Agent {
    fn offer(&self, id: &AgentId, config: &CoreConfig, offer: OfferId) -> Offer {
        let used: Resources = self.tasks.values().map(|task| config.footprint(&task.config)).sum();
        let taken: BTreeSet<u16> = self
            .tasks
            .values()
            .flat_map(|task| task.assignment.iter())
            .flat_map(|place| place.ports.values().copied())
            .collect();
        let (low, high) = self.ports;
        let ports: Vec<(u16, u16)> =
            (low..=high).filter(|port| !taken.contains(port)).map(|port| (port, port)).collect();
        let mut resources = self.total - used;
        resources.ports = i64::try_from(ports.len()).expect("few ports");
        Offer {
            id: offer,
            agent: id.clone(),
            host: self.host.clone(),
            attributes: self.attributes.clone(),
            resources,
            revocable: Resources::default(),
            ports,
            unavailable_from: None,
        }
    }
}
