//! The scheduler and executor sessions of `mesos-v1` against both clusters: the rows of `spec/mesos.md` §9 that need no
//! Aurora.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use e2e::{Backend, Cluster, PortBlock, Signal};
use mesos_v1::messages::scheduler::Call;
use mesos_v1::messages::{
    CommandInfo, ExecutorInfo, FrameworkId, FrameworkInfo, Offer, Resource, TaskInfo, TaskState, TaskStatus,
    task_status,
};
use mesos_v1::{SchedulerConfig, SchedulerEvent, SchedulerHandle, SchedulerSession};
use tempfile::TempDir;
use tokio::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster of one agent and a framework subscribed to it.
struct Framework {
    cluster: Cluster,
    handle: SchedulerHandle,
    events: mpsc::Receiver<SchedulerEvent>,
    id: FrameworkId,
    _directory: TempDir,
    _ports: PortBlock,
}

impl Framework {
    async fn start(backend: Backend) -> Framework {
        let directory = tempfile::Builder::new().prefix("aurora-e2e-").tempdir().unwrap();
        let ports = PortBlock::take();
        let resources = "cpus:4;mem:4096;disk:20000;ports:[31000-32000]";
        let cluster = Cluster::start(backend, directory.path(), &ports, 1, resources);
        let config = SchedulerConfig {
            masters: cluster.master().parse().unwrap(),
            framework_info: FrameworkInfo {
                user: current_user(),
                name: "e2e".to_owned(),
                checkpoint: Some(true),
                failover_timeout: Some(600.0),
                ..FrameworkInfo::default()
            },
            credential: None,
            timing: mesos_v1::scheduler::SchedulerTiming::default(),
        };
        let (handle, events) = SchedulerSession::start(config).unwrap();
        let mut framework = Framework {
            cluster,
            handle,
            events,
            id: FrameworkId::default(),
            _directory: directory,
            _ports: ports,
        };
        framework.id = framework.subscribed().await;
        framework
    }

    /// The first event for which `select` gives something; others are passed over.
    async fn next<T>(&mut self, what: &str, mut select: impl FnMut(&SchedulerEvent) -> Option<T>) -> T {
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

    async fn subscribed(&mut self) -> FrameworkId {
        self.next("a subscription", |event| match event {
            SchedulerEvent::Subscribed { framework_id, .. } => Some(framework_id.clone()),
            _ => None,
        })
        .await
    }

    /// The next offer that has room for a task.
    async fn offer(&mut self) -> Offer {
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

    /// Launches a task on our own executor; `data` tells that executor what to do.
    async fn launch(&mut self, task_id: &str, data: &[u8]) {
        let offer = self.offer().await;
        let executor = ExecutorInfo {
            executor_id: format!("executor-{task_id}").into(),
            command: Some(CommandInfo {
                value: Some(env!("CARGO_BIN_EXE_e2e-executor").to_owned()),
                ..CommandInfo::default()
            }),
            resources: vec![Resource::scalar("cpus", 0.1), Resource::scalar("mem", 32.0)],
            ..ExecutorInfo::default()
        };
        let task = TaskInfo {
            name: task_id.to_owned(),
            task_id: task_id.into(),
            agent_id: offer.agent_id.clone(),
            resources: vec![Resource::scalar("cpus", 0.5), Resource::scalar("mem", 64.0)],
            executor: Some(executor),
            data: Some(data.to_vec()),
            ..TaskInfo::default()
        };
        self.handle.send(Call::accept(vec![offer.id], vec![task], 0.0)).unwrap();
    }

    /// The next update of a task with this state, acknowledged if it asks for it.
    async fn update(&mut self, task_id: &str, state: TaskState) -> TaskStatus {
        self.update_where(&format!("{task_id} {state:?}"), |status| {
            status.task_id.value == task_id && status.state() == state
        })
        .await
    }

    async fn update_where(&mut self, what: &str, is_wanted: impl Fn(&TaskStatus) -> bool) -> TaskStatus {
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

    async fn reconciled(&mut self, task_id: &str) -> TaskStatus {
        self.handle.send(Call::reconcile([(task_id.into(), None)])).unwrap();
        self.update_where("a reconciliation", |status| {
            status.task_id.value == task_id
                && status.reason == Some(task_status::Reason::Reconciliation.into())
        })
        .await
    }
}

async fn a_task_runs_is_reconciled_and_killed(backend: Backend) {
    let mut framework = Framework::start(backend).await;
    framework.launch("a", b"run").await;
    let running = framework.update("a", TaskState::TaskRunning).await;
    assert_eq!(running.uuid().len(), 16);
    assert_eq!(running.source(), task_status::Source::Executor);

    let known = framework.reconciled("a").await;
    assert_eq!((known.state(), known.uuid), (TaskState::TaskRunning, None));

    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    let killed = framework.update("a", TaskState::TaskKilled).await;
    assert_eq!(killed.message(), "asked to");
    let status = framework
        .next("the end of the executor", |event| match event {
            SchedulerEvent::Failure { executor_id: Some(id), status, .. } if id.value == "executor-a" => {
                Some(*status)
            }
            _ => None,
        })
        .await;
    assert_eq!(status, Some(0));

    let unknown = framework.reconciled("never-launched").await;
    assert_eq!(unknown.state(), TaskState::TaskLost);
}

async fn a_task_finishes_and_an_executor_crashes(backend: Backend) {
    let mut framework = Framework::start(backend).await;
    framework.launch("a", b"finish").await;
    framework.update("a", TaskState::TaskFinished).await;
    framework.launch("b", b"crash").await;
    let failed = framework.update("b", TaskState::TaskFailed).await;
    assert_eq!(failed.reason(), task_status::Reason::ExecutorTerminated);
    assert_eq!(failed.source(), task_status::Source::Agent);
}

async fn a_task_survives_a_crash_of_the_master(backend: Backend) {
    let mut framework = Framework::start(backend).await;
    framework.launch("a", b"run").await;
    framework.update("a", TaskState::TaskRunning).await;
    framework.cluster.stop("master", Signal::Kill);
    let reason = framework
        .next("the loss of the master", |event| match event {
            SchedulerEvent::Disconnected { reason } => Some(reason.to_string()),
            _ => None,
        })
        .await;
    assert!(reason.contains(&framework.cluster.master()), "{reason}");
    framework.cluster.start_again("master");
    assert_eq!(framework.subscribed().await, framework.id);
    // A new master answers only once the agent has come back to it.
    framework.offer().await;
    assert_eq!(framework.reconciled("a").await.state(), TaskState::TaskRunning);
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

async fn a_task_survives_a_crash_of_its_agent(backend: Backend) {
    let mut framework = Framework::start(backend).await;
    framework.launch("a", b"run").await;
    framework.update("a", TaskState::TaskRunning).await;
    framework.cluster.stop("1", Signal::Kill);
    framework.cluster.start_again("1");
    assert_eq!(framework.reconciled("a").await.state(), TaskState::TaskRunning);
    framework.handle.send(Call::kill("a".into(), None)).unwrap();
    framework.update("a", TaskState::TaskKilled).await;
}

fn current_user() -> String {
    let output = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Each scenario once on either cluster.
macro_rules! on_both_clusters {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(super::Backend::Embedded)).await;
            })+
        }
        mod real_mesos {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario(super::Backend::RealMesos)).await;
            })+
        }
    };
}

on_both_clusters! {
    a_task_runs_is_reconciled_and_killed,
    a_task_finishes_and_an_executor_crashes,
    a_task_survives_a_crash_of_the_master,
    a_task_survives_a_crash_of_its_agent,
}
