//! A core with offers and tasks in the shapes of `spec/scheduler.md` §11.3.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources, Timestamp};
use aurora_api::ids::{AgentId, FrameworkId, HostName, OfferId, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{
    Constraint, ConstraintRule, Container, ExecutorConfig, FetcherUri, PartitionPolicy, Percentage,
    SlaPolicy, Task, TaskConfig, TaskStatus,
};
use scheduler_core::config::{OfferOrder, Tier, Tiers};
use scheduler_core::effect::{Batch, Effect, TimerKey};
use scheduler_core::input::{Change, Input, MesosEvent, Offer, Request, RequestId, StatusUpdate};
use scheduler_core::quota::Quota;
use scheduler_core::{Core, CoreConfig, Identity, View};

/// The job of all tasks that are measured.
pub const JOB: &str = "jmh/dev/benchmark";

/// A core and what is around it, as little as there can be.
pub struct Cluster {
    pub core: Core,
    pub now: Timestamp,
    /// What readers hold.
    pub view: View,
    /// The groups that asked for a time.
    pub groups: BTreeSet<u64>,
    /// Tasks launched so far.
    pub launched: u64,
    batch: Batch,
    requests: u64,
}

/// Upstream's settings in its benchmarks: offers are held for ever, in random order; nothing limits the rate, nothing is
/// pruned by itself, no default diversity.
pub fn settings() -> CoreConfig {
    let tier = |name: &str, preemptible, revocable| (Arc::from(name), Tier { preemptible, revocable });
    let mut config = CoreConfig {
        tiers: Tiers {
            default: Arc::from("tier-dev"),
            tiers: [
                tier("tier-prod", false, false),
                tier("tier-dev", true, false),
                tier("tier-revocable", true, true),
            ]
            .into(),
        },
        schedule_attempts_per_1000_s: 1_000_000_000,
        hold_offers_forever: true,
        offer_order: vec![OfferOrder::Random],
        preemption_delay: Millis(1),
        history_max_per_job: usize::MAX,
        ..CoreConfig::default()
    };
    config.policy.legacy_constraints = false;
    config.policy.tasks_per_job_max = u32::MAX;
    config.executor_overhead.insert(
        Arc::from("AuroraExecutor"),
        Resources { cpus: MilliCpus(250), ram: Megabytes(128), ..Resources::default() },
    );
    config
}

impl Cluster {
    /// A core without anything.
    pub fn empty() -> Self {
        Self::new(settings())
    }

    /// A core that holds these offers, and tries them in this order.
    pub fn with_offers(offers: impl Iterator<Item = Offer>, order: &[OfferOrder]) -> Self {
        let mut cluster = Self::new(CoreConfig { offer_order: order.to_vec(), ..settings() });
        for offer in offers {
            cluster.input(Input::Mesos(MesosEvent::Offers(vec![offer])));
        }
        cluster.settle();
        cluster
    }

    fn new(config: CoreConfig) -> Self {
        let identity = Identity { host: Arc::from("scheduler") };
        let mut cluster = Self {
            core: Core::new(config, identity, 42),
            now: Timestamp(1_000_000_000),
            view: View::default(),
            groups: BTreeSet::new(),
            launched: 0,
            batch: Batch::default(),
            requests: 0,
        };
        cluster.mesos(MesosEvent::Subscribed { framework: FrameworkId::new("framework") });
        for role in ["jmh", "victim"] {
            let much = Resources {
                cpus: MilliCpus(1 << 50),
                ram: Megabytes(1 << 50),
                disk: Megabytes(1 << 50),
                ..Resources::default()
            };
            cluster.request(Change::SetQuota { role: Arc::from(role), quota: Quota::of(&much) });
        }
        cluster
    }

    /// Hosts, of which shares are filled with siblings of the measured tasks and with tasks that may be preempted.
    pub fn filled(hosts: u64, siblings: u64, victims: u64) -> Self {
        let mut cluster = Self::empty();
        cluster.offer_hosts(0..hosts);
        if siblings > 0 {
            cluster.create(TaskConfig { tier: Arc::from("tier-prod"), ..task(JOB) }, siblings);
        }
        if victims > 0 {
            cluster.create(task("victim/dev/victim"), victims);
        }
        cluster.schedule_all();
        assert_eq!(cluster.launched, siblings + victims);
        cluster
    }

    /// Every host of the range offers all it has.
    pub fn offer_hosts(&mut self, hosts: std::ops::Range<u64>) {
        for host in hosts {
            self.input(Input::Mesos(MesosEvent::Offers(vec![offer(host)])));
        }
        self.settle();
    }

    /// Hands an input to the core.
    pub fn input(&mut self, input: Input) {
        self.core.handle(input, self.now, &mut self.batch);
    }

    /// Takes what is owed, and publishes the view.
    pub fn settle(&mut self) {
        self.view = self.core.view();
        self.batch.operations.clear();
        for effect in self.batch.effects.drain(..) {
            match effect {
                Effect::SetTimer { key: TimerKey::ScheduleGroup(group), .. } => {
                    self.groups.insert(group);
                }
                Effect::CancelTimer(TimerKey::ScheduleGroup(group)) => {
                    self.groups.remove(&group);
                }
                Effect::Launch { tasks, .. } => self.launched += tasks.len() as u64,
                _ => {}
            }
        }
    }

    pub fn mesos(&mut self, event: MesosEvent) {
        self.input(Input::Mesos(event));
        self.settle();
    }

    pub fn request(&mut self, change: Change) {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.input(Input::Request(Request { id, user: Arc::from("jmh"), change }));
        let is_done = |effect: &Effect| matches!(effect, Effect::Reply(_, scheduler_core::Reply::Done(_)));
        assert!(self.batch.effects.iter().any(is_done), "the request is refused: {:?}", self.batch.effects);
        self.settle();
    }

    /// A job of so many instances.
    pub fn create(&mut self, config: TaskConfig, instances: u64) {
        let instance_count = u32::try_from(instances).unwrap();
        let job = JobConfiguration { task: Arc::new(config), instance_count, cron: None };
        self.request(Change::CreateJob(job));
    }

    /// Time passes for a group to be due, and it is tried.
    pub fn schedule(&mut self, group: u64) {
        self.now = self.now + Millis(61_000);
        self.input(Input::Timer(TimerKey::ScheduleGroup(group)));
        self.settle();
    }

    /// Tries all groups until nothing more can be placed.
    pub fn schedule_all(&mut self) {
        loop {
            let before = self.launched;
            for group in self.groups.clone() {
                self.schedule(group);
            }
            if self.launched == before {
                return;
            }
        }
    }

    /// The only group with pending tasks.
    pub fn group(&self) -> u64 {
        assert_eq!(self.groups.len(), 1);
        *self.groups.first().unwrap()
    }

    /// Tasks in a status.
    pub fn with_status(&self, status: TaskStatus) -> Vec<Arc<Task>> {
        self.view.tasks_with_status(status).cloned().collect()
    }
}

/// A host of upstream's shape with its offer. Two hosts share a rack, apart from the first.
pub fn offer(number: u64) -> Offer {
    let host = format!("host-{number}");
    let rack = format!("rack-{}", number.div_ceil(2));
    let resources = Resources {
        cpus: MilliCpus(8000),
        ram: Megabytes(16 * 1024),
        disk: Megabytes(256 * 1024),
        ports: 1023,
        gpus: 0,
    };
    Offer {
        id: OfferId::new(format!("offer-{number}")),
        agent: AgentId::new(format!("slave-{number}")),
        host: HostName::new(host.as_str()),
        attributes: [("host", host), ("rack", rack)]
            .map(|(name, value)| (Arc::from(name), [Arc::from(value)].into()))
            .into(),
        resources,
        revocable: Resources { cpus: MilliCpus::ZERO, ..resources },
        ports: vec![(1, 1023)],
        unavailable_from: None,
    }
}

/// A task of upstream's shape.
pub fn task(job: &str) -> TaskConfig {
    let uri =
        |name: &str| FetcherUri { value: Arc::from(name), extract: true, cache: true, output_file: None };
    let text = |text: &str| Arc::<str>::from(text);
    TaskConfig {
        job: job.parse().unwrap(),
        owner: Some(text("user")),
        is_service: true,
        priority: 1,
        max_task_failures: -1,
        production: true,
        tier: text("tier-dev"),
        resources: Resources {
            cpus: MilliCpus(6000),
            ram: Megabytes(8 * 1024),
            disk: Megabytes(128 * 1024),
            ..Resources::default()
        },
        ports: BTreeSet::new(),
        constraints: BTreeSet::new(),
        fetcher_uris: [uri("pathA"), uri("pathB")].into(),
        task_links: [(text("http"), text("link")), (text("admin"), text("link"))].into(),
        contact_email: Some(text("foo@bar.com")),
        executor: Some(ExecutorConfig { name: text("AuroraExecutor"), data: text("config") }),
        metadata: [(text("key"), text("value"))].into(),
        partition_policy: Some(PartitionPolicy { reschedule: true, delay_secs: 5 }),
        sla_policy: Some(SlaPolicy::Percentage { percentage: Percentage::new(95.0), duration_secs: 1800 }),
        container: Container::Docker {
            image: text("imagename"),
            parameters: vec![(text("a"), text("b")), (text("c"), text("d"))],
        },
    }
}

/// A task of the tier that preempts others.
pub fn production(job: &str) -> TaskConfig {
    TaskConfig { tier: Arc::from("tier-prod"), ..task(job) }
}

/// The attribute must have this value.
pub fn value(name: &str, value: &str) -> Constraint {
    let values = [Arc::from(value)].into();
    Constraint { name: Arc::from(name), rule: ConstraintRule::Value { negated: false, values } }
}

/// At most so many tasks of the job for each value of the attribute.
pub fn limit(name: &str, limit: i32) -> Constraint {
    Constraint { name: Arc::from(name), rule: ConstraintRule::Limit(limit) }
}

/// What an executor says of its task.
pub fn update(task: &Task, status: TaskStatus) -> Input {
    Input::Mesos(MesosEvent::Status(StatusUpdate {
        task: TaskId::clone(&task.id),
        status,
        message: Some(Arc::from("message")),
        reason: None,
        agent: task.assignment.as_ref().map(|place| place.agent.clone()),
        uuid: Some([7; 16]),
    }))
}
