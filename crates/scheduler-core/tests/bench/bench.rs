//! A core on the bench: a clock that the test moves, timers that fire when it passes them, a journal in memory.

#![allow(dead_code, reason = "every test program uses another part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, JobKey, OfferId, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{Constraint, ConstraintRule, Task, TaskConfig, TaskStatus};
use scheduler_core::effect::{Batch, Effect, Reply, TimerKey};
use scheduler_core::input::{Change, Input, MesosEvent, Offer, Request, RequestId, StatusUpdate};
use scheduler_core::quota::Quota;
use scheduler_core::{Core, CoreConfig, Identity, Operation, encode_operation};

/// When the bench's clock starts.
pub const START: Timestamp = Timestamp(1_000_000_000);

/// The core, and what is around it.
pub struct Bench {
    pub config: CoreConfig,
    pub core: Core,
    pub now: Timestamp,
    pub seed: u64,
    /// Timers that were asked for and have not fired.
    pub timers: BTreeMap<TimerKey, Timestamp>,
    pub counters: BTreeMap<String, u64>,
    /// Every operation so far, encoded.
    pub journal: Vec<Vec<u8>>,
    /// Every operation so far.
    pub operations: Vec<Operation>,
    requests: u64,
}

/// Settings under which tests know what happens: no jitter, no default constraints.
pub fn quiet_config() -> CoreConfig {
    let mut config = CoreConfig {
        offer_hold_jitter: Millis::ZERO,
        startup_delay_max: Millis::ZERO,
        ..CoreConfig::default()
    };
    config.policy.legacy_constraints = false;
    config
}

pub fn identity() -> Identity {
    Identity { host: Arc::from("scheduler-host") }
}

impl Bench {
    pub fn new(config: CoreConfig) -> Self {
        Self::seeded(config, 42)
    }

    pub fn seeded(config: CoreConfig, seed: u64) -> Self {
        Self {
            core: Core::new(config.clone(), identity(), seed),
            config,
            now: START,
            seed,
            timers: BTreeMap::new(),
            counters: BTreeMap::new(),
            journal: Vec::new(),
            operations: Vec::new(),
            requests: 0,
        }
    }

    /// A bench whose session with Mesos stands.
    pub fn subscribed(config: CoreConfig) -> Self {
        let mut bench = Self::new(config);
        bench.mesos(MesosEvent::Subscribed { framework: FrameworkId::new("framework") });
        bench
    }

    /// Gives the core one input and returns what it owes, timers and counters apart.
    pub fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut batch = Batch::default();
        self.core.handle(input, self.now, &mut batch);
        self.settle(batch)
    }

    fn settle(&mut self, batch: Batch) -> Vec<Effect> {
        for operation in batch.operations {
            self.journal.push(encode_operation(&operation));
            self.operations.push(operation);
        }
        let mut effects = Vec::new();
        for effect in batch.effects {
            match effect {
                Effect::SetTimer { key, at } => {
                    self.timers.insert(key, at);
                }
                Effect::CancelTimer(key) => {
                    self.timers.remove(&key);
                }
                Effect::Count { name, by } => *self.counters.entry(name.into_owned()).or_default() += by,
                effect => effects.push(effect),
            }
        }
        effects
    }

    pub fn mesos(&mut self, event: MesosEvent) -> Vec<Effect> {
        self.input(Input::Mesos(event))
    }

    pub fn status(&mut self, task: &TaskId, status: TaskStatus) -> Vec<Effect> {
        self.mesos(MesosEvent::Status(update(task, status)))
    }

    pub fn offer(&mut self, offer: Offer) -> Vec<Effect> {
        self.mesos(MesosEvent::Offers(vec![offer]))
    }

    /// Asks for a change; the reply is not among the effects.
    pub fn request(&mut self, change: Change) -> (Reply, Vec<Effect>) {
        self.requests += 1;
        let id = RequestId(self.requests);
        let effects = self.input(Input::Request(Request { id, user: Arc::from("alice"), change }));
        let (mut replies, mut rest) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Reply(to, reply) => {
                    assert_eq!(to, id);
                    replies.push(reply);
                }
                effect => rest.push(effect),
            }
        }
        assert_eq!(replies.len(), 1, "exactly one reply");
        (replies.remove(0), rest)
    }

    pub fn create(&mut self, config: TaskConfig, instances: u32) -> Reply {
        self.request(Change::CreateJob(job(config, instances))).0
    }

    /// Gives a role quota for more production tasks than a test has.
    pub fn grant_quota(&mut self, role: &str) {
        let quota = Quota::of(&resources(1e6, 1 << 40, 1 << 40));
        let (reply, _) = self.request(Change::SetQuota { role: Arc::from(role), quota });
        assert_eq!(reply, Reply::Done(Vec::new()));
    }

    pub fn kill_job(&mut self, key: &JobKey) -> (Reply, Vec<Effect>) {
        self.request(Change::KillTasks { job: key.clone(), instances: None, message: None })
    }

    /// Lets time pass; every timer fires when it is due. Returns what was owed on the way.
    pub fn tick(&mut self, time: Millis) -> Vec<Effect> {
        let end = self.now + time;
        let mut effects = Vec::new();
        while let Some((key, at)) = self.next_timer().filter(|(_, at)| *at <= end) {
            self.now = self.now.max(at);
            self.timers.remove(&key);
            effects.extend(self.input(Input::Timer(key)));
        }
        self.now = end;
        effects
    }

    fn next_timer(&self) -> Option<(TimerKey, Timestamp)> {
        self.timers.iter().min_by_key(|(key, at)| (**at, (*key).clone())).map(|(key, at)| (key.clone(), *at))
    }

    /// How long until the timer fires.
    pub fn timer_in(&self, key: &TimerKey) -> Option<i64> {
        self.timers.get(key).map(|at| at.since(self.now).0)
    }

    /// The core crashes and another recovers from the journal. Returns what is owed.
    pub fn restart(&mut self) -> Vec<Effect> {
        self.seed += 1;
        self.timers.clear();
        let mut batch = Batch::default();
        self.core = Core::recover(
            self.config.clone(),
            identity(),
            self.seed,
            None,
            &self.journal,
            self.now,
            &mut batch,
        )
        .unwrap();
        self.settle(batch)
    }

    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    pub fn task(&self, id: &TaskId) -> Option<Arc<Task>> {
        self.core.view().task(id).cloned()
    }

    /// The active task of an instance.
    pub fn active(&self, key: &JobKey, instance: u32) -> Option<Arc<Task>> {
        self.core.view().job(key)?.active_of(instance).cloned()
    }

    pub fn tasks(&self, status: TaskStatus) -> Vec<Arc<Task>> {
        self.core.view().tasks_with_status(status).cloned().collect()
    }

    /// Brings a task to a status, whoever would do so.
    pub fn change(&mut self, id: &TaskId, status: TaskStatus) {
        self.status(id, status);
        assert_eq!(self.task(id).map(|task| task.status), Some(status));
    }

    /// The same several times; a task that was never launched vanishes when it is killed.
    pub fn change_all(&mut self, id: &TaskId, path: &[TaskStatus]) {
        for status in path {
            self.status(id, *status);
        }
    }

    /// Creates a job of one instance, and brings its task to a status.
    pub fn task_in(&mut self, config: TaskConfig, path: &[TaskStatus]) -> TaskId {
        let key = config.job.clone();
        assert_eq!(self.create(config, 1), Reply::Done(Vec::new()));
        let id = self.active(&key, 0).unwrap().id.clone();
        for status in path {
            self.status(&id, *status);
        }
        id
    }
}

pub fn update(task: &TaskId, status: TaskStatus) -> StatusUpdate {
    StatusUpdate {
        task: task.clone(),
        status,
        message: None,
        reason: None,
        agent: Some(AgentId::new("told-by")),
        uuid: Some([7; 16]),
    }
}

pub fn job_key(text: &str) -> JobKey {
    text.parse().unwrap()
}

pub fn job(config: TaskConfig, instance_count: u32) -> JobConfiguration {
    JobConfiguration { task: Arc::new(config), instance_count, cron: None }
}

pub fn resources(cpus: f64, ram: i64, disk: i64) -> Resources {
    Resources {
        cpus: MilliCpus::from_cores(cpus),
        ram: Megabytes(ram),
        disk: Megabytes(disk),
        ..Resources::default()
    }
}

/// A service of 1 core, 1 GB of memory and of disk.
pub fn service(key: &str) -> TaskConfig {
    aurora_api::testing::service(job_key(key))
}

/// The same that may end.
pub fn ad_hoc(key: &str) -> TaskConfig {
    TaskConfig { is_service: false, ..service(key) }
}

pub fn limit(name: &str, limit: i32) -> Constraint {
    Constraint { name: Arc::from(name), rule: ConstraintRule::Limit(limit) }
}

pub fn value(name: &str, negated: bool, values: &[&str]) -> Constraint {
    let values = values.iter().map(|value| Arc::from(*value)).collect();
    Constraint { name: Arc::from(name), rule: ConstraintRule::Value { negated, values } }
}

/// An offer `o-<name>` of agent `<name>` on host `<name>`.
pub fn offer(name: &str, resources: Resources, attributes: &[(&str, &[&str])]) -> Offer {
    Offer {
        id: OfferId::new(format!("o-{name}")),
        agent: AgentId::new(name),
        host: HostName::new(name),
        attributes: attributes
            .iter()
            .map(|(name, values)| (Arc::from(*name), values.iter().map(|value| Arc::from(*value)).collect()))
            .collect(),
        resources,
        revocable: Resources { cpus: MilliCpus::ZERO, ..resources },
        ports: Vec::new(),
        unavailable_from: None,
    }
}

/// The same, with another id.
pub fn again(offer: Offer, id: &str) -> Offer {
    Offer { id: OfferId::new(id), ..offer }
}

/// The same, with ports.
pub fn with_ports(mut offer: Offer, ranges: &[(u16, u16)]) -> Offer {
    offer.ports = ranges.to_vec();
    let count = ranges.iter().map(|(low, high)| i64::from(*high) - i64::from(*low) + 1).sum();
    offer.resources.ports = count;
    offer.revocable.ports = count;
    offer
}

/// Ids of the tasks that are launched, by agent.
pub fn launched(effects: &[Effect]) -> Vec<(String, Vec<TaskId>)> {
    let launch = |effect: &Effect| match effect {
        Effect::Launch { agent, tasks, .. } => {
            Some((agent.to_string(), tasks.iter().map(|task| task.id.clone()).collect()))
        }
        _ => None,
    };
    effects.iter().filter_map(launch).collect()
}

/// Ids of the tasks that Mesos is told to kill.
pub fn kills(effects: &[Effect]) -> Vec<TaskId> {
    let kill = |effect: &Effect| match effect {
        Effect::Kill { task, .. } => Some(task.clone()),
        _ => None,
    };
    effects.iter().filter_map(kill).collect()
}

/// Offers that are declined, with the time in ms.
pub fn declined(effects: &[Effect]) -> Vec<(Vec<String>, i64)> {
    let decline = |effect: &Effect| match effect {
        Effect::Decline { offers, refuse } => {
            Some((offers.iter().map(ToString::to_string).collect(), refuse.0))
        }
        _ => None,
    };
    effects.iter().filter_map(decline).collect()
}

/// Status changes in order: from, to.
pub fn changes(effects: &[Effect]) -> Vec<(TaskStatus, TaskStatus)> {
    let change = |effect: &Effect| match effect {
        Effect::StatusChanged { task, from } => Some((*from, task.status)),
        _ => None,
    };
    effects.iter().filter_map(change).collect()
}

/// The statuses of a task's history.
pub fn history(task: &Task) -> Vec<TaskStatus> {
    task.events.iter().map(|event| event.status).collect()
}
