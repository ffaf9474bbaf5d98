//! A framework without Aurora: the scheduler session itself, on a cluster of either kind.

use mesos_v1::messages::scheduler::Call;
use mesos_v1::messages::{
    CommandInfo, Credential, ExecutorInfo, FrameworkId, FrameworkInfo, Offer, Resource, TaskInfo, TaskState,
    TaskStatus, task_status,
};
use mesos_v1::scheduler::SchedulerTiming;
use mesos_v1::{SchedulerConfig, SchedulerEvent, SchedulerHandle, SchedulerSession};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{Backend, Cluster, PATIENCE, PortBlock, current_user};

/// What the one agent has.
const RESOURCES: &str = "cpus:4;mem:4096;disk:20000;ports:[31000-32000]";

/// A cluster of one agent, for frameworks.
pub struct FrameworkBed {
    /// The cluster.
    pub cluster: Cluster,
    _directory: TempDir,
    _ports: PortBlock,
}

impl FrameworkBed {
    /// Starts a master and one agent of four CPUs.
    pub fn start(backend: Backend) -> FrameworkBed {
        let directory = tempfile::Builder::new().prefix("aurora-e2e-").tempdir().unwrap();
        let ports = PortBlock::take();
        let cluster = Cluster::start(backend, directory.path(), &ports, 1, RESOURCES);
        FrameworkBed { cluster, _directory: directory, _ports: ports }
    }

    /// Starts a master and one agent with flags of Mesos, as `MESOS_NAME` and value.
    pub fn start_with_flags(backend: Backend, flags: Vec<(&'static str, String)>) -> FrameworkBed {
        FrameworkBed::start_agents(backend, 1, RESOURCES, flags)
    }

    /// Starts a master and agents `1..=agents`.
    pub fn start_agents(
        backend: Backend,
        agents: u32,
        resources: &str,
        flags: Vec<(&'static str, String)>,
    ) -> FrameworkBed {
        let directory = tempfile::Builder::new().prefix("aurora-e2e-").tempdir().unwrap();
        let ports = PortBlock::take();
        let cluster = Cluster::start_with_flags(backend, directory.path(), &ports, agents, resources, flags);
        FrameworkBed { cluster, _directory: directory, _ports: ports }
    }

    /// Starts a master that lets only this principal in, and one agent.
    ///
    /// # Panics
    /// If they do not start.
    pub fn start_guarded(backend: Backend, principal: &str, secret: &str) -> FrameworkBed {
        let directory = tempfile::Builder::new().prefix("aurora-e2e-").tempdir().unwrap();
        let ports = PortBlock::take();
        let credentials = directory.path().join("credentials.json");
        let known = serde_json::json!({ "credentials": [{ "principal": principal, "secret": secret }] });
        std::fs::write(&credentials, known.to_string()).unwrap();
        let mut flags = vec![
            ("MESOS_AUTHENTICATE_HTTP_FRAMEWORKS", "true".to_owned()),
            ("MESOS_CREDENTIALS", credentials.display().to_string()),
        ];
        // The embedded master has no other kind to choose from.
        if backend == Backend::RealMesos {
            flags.push(("MESOS_HTTP_FRAMEWORK_AUTHENTICATORS", "basic".to_owned()));
        }
        let cluster = Cluster::start_with_flags(backend, directory.path(), &ports, 1, RESOURCES, flags);
        FrameworkBed { cluster, _directory: directory, _ports: ports }
    }

    /// Starts a session with a credential, or none, without waiting for what becomes of it.
    ///
    /// # Panics
    /// If the credential cannot work.
    pub fn session_with(
        &self,
        credential: Option<Credential>,
    ) -> (SchedulerHandle, mpsc::Receiver<SchedulerEvent>) {
        let config = SchedulerConfig {
            masters: self.cluster.master().parse().unwrap(),
            framework_info: framework_info(),
            credential,
            timing: SchedulerTiming::default(),
        };
        SchedulerSession::start(config).unwrap()
    }

    /// Subscribes a framework; with an id it continues as that one.
    pub async fn subscribe(&self, id: Option<FrameworkId>) -> Framework {
        self.subscribe_as(FrameworkInfo { id, ..framework_info() }).await
    }

    /// Subscribes a framework that describes itself in its own way.
    pub async fn subscribe_as(&self, framework_info: FrameworkInfo) -> Framework {
        let (handle, events) = self.session(framework_info);
        let mut framework = Framework { handle, events, id: FrameworkId::default() };
        framework.id = framework.subscribed().await;
        framework
    }

    /// Starts a session without waiting for what becomes of it.
    pub fn session(
        &self,
        framework_info: FrameworkInfo,
    ) -> (SchedulerHandle, mpsc::Receiver<SchedulerEvent>) {
        let config = SchedulerConfig {
            masters: self.cluster.master().parse().unwrap(),
            framework_info,
            credential: None,
            timing: SchedulerTiming::default(),
        };
        SchedulerSession::start(config).unwrap()
    }
}

/// How the tests' frameworks describe themselves: like Aurora's, not partition aware.
pub fn framework_info() -> FrameworkInfo {
    FrameworkInfo {
        user: current_user(),
        name: "e2e".to_owned(),
        checkpoint: Some(true),
        failover_timeout: Some(600.0),
        ..FrameworkInfo::default()
    }
}

/// A framework that is subscribed.
pub struct Framework {
    /// For calls.
    pub handle: SchedulerHandle,
    /// What the master says.
    pub events: mpsc::Receiver<SchedulerEvent>,
    /// Its id.
    pub id: FrameworkId,
}

impl Framework {
    /// The first event for which `select` gives something; others are passed over.
    pub async fn next<T>(&mut self, what: &str, mut select: impl FnMut(&SchedulerEvent) -> Option<T>) -> T {
        let mut passed = Vec::new();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match tokio::time::timeout_at(deadline, self.events.recv()).await {
                Ok(Some(event)) => match select(&event) {
                    Some(selected) => return selected,
                    None => passed.push(format!("{event:?}")),
                },
                Ok(None) => panic!("the session ended before {what}: {passed:#?}"),
                Err(_) => panic!("{what} did not come: {passed:#?}"),
            }
        }
    }

    /// Waits for a subscription and gives the framework's id.
    pub async fn subscribed(&mut self) -> FrameworkId {
        self.next("a subscription", |event| match event {
            SchedulerEvent::Subscribed { framework_id, .. } => Some(framework_id.clone()),
            _ => None,
        })
        .await
    }

    /// The next offer that has room for a task.
    pub async fn offer(&mut self) -> Offer {
        let enough = |offer: &&Offer| {
            offer
                .resources
                .iter()
                .any(|it| it.name == "cpus" && it.scalar.is_some_and(|cpus| cpus.value >= 1.0))
        };
        self.next("an offer", |event| match event {
            SchedulerEvent::Offers(offers) => offers.iter().find(enough).cloned(),
            _ => None,
        })
        .await
    }

    /// Launches a task on an executor of its own, which is `executor`; `data` tells it what to do.
    pub async fn launch(&mut self, executor: &str, task_id: &str, data: &[u8]) {
        let offer = self.offer().await;
        let task = task(executor, &offer, task_id, data);
        self.handle.send(Call::accept(vec![offer.id], vec![task], 0.0)).unwrap();
    }

    /// The next update of a task with this state, acknowledged if it asks for it.
    pub async fn update(&mut self, task_id: &str, state: TaskState) -> TaskStatus {
        self.update_where(&format!("{task_id} {state:?}"), |status| {
            status.task_id.value == task_id && status.state() == state
        })
        .await
    }

    /// The next update that is wanted; those before it are acknowledged too.
    pub async fn update_where(&mut self, what: &str, is_wanted: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
        let handle = self.handle.clone();
        self.next(what, |event| match event {
            SchedulerEvent::Update(status) => {
                if let Some(acknowledge) = Call::acknowledge(status) {
                    handle.send(acknowledge).unwrap();
                }
                is_wanted(status).then(|| (**status).clone())
            }
            _ => None,
        })
        .await
    }

    /// Asks for the state of a task and gives the answer.
    pub async fn reconciled(&mut self, task_id: &str) -> TaskStatus {
        self.handle.send(Call::reconcile([(task_id.into(), None)])).unwrap();
        self.update_where("a reconciliation", |status| {
            status.task_id.value == task_id
                && status.reason == Some(task_status::Reason::Reconciliation.into())
        })
        .await
    }
}

/// A task of half a CPU for an offer, on an executor of its own that runs the given command.
pub fn task(executor: &str, offer: &Offer, task_id: &str, data: &[u8]) -> TaskInfo {
    let executor = ExecutorInfo {
        executor_id: format!("executor-{task_id}").into(),
        command: Some(CommandInfo { value: Some(executor.to_owned()), ..CommandInfo::default() }),
        resources: vec![Resource::scalar("cpus", 0.1), Resource::scalar("mem", 32.0)],
        ..ExecutorInfo::default()
    };
    TaskInfo {
        name: task_id.to_owned(),
        task_id: task_id.into(),
        agent_id: offer.agent_id.clone(),
        resources: vec![Resource::scalar("cpus", 0.5), Resource::scalar("mem", 64.0)],
        executor: Some(executor),
        data: Some(data.to_vec()),
        ..TaskInfo::default()
    }
}
