//! A cluster in this process, a scheduler and executors that speak raw HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use mesos_local::agent::{Agent, AgentConfig, AgentError, kill_containers};
use mesos_local::lock::LockError;
use mesos_local::master::{Master, MasterConfig, MasterError};
use mesos_local::resources::{parse_attributes, parse_resources};
use mesos_v1::messages as v1;
use mesos_v1::messages::{executor, scheduler};
use mesos_v1::recordio::Decoder;
use prost::Message;

/// Every wait ends by then; a test that gets there has failed.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How long nothing must come for "nothing came".
pub const SILENCE: Duration = Duration::from_millis(400);
const PROTOBUF: &str = "application/x-protobuf";

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().connect_timeout(PATIENCE).build().unwrap()
}

/// Waits until the condition holds.
pub async fn wait_for<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A port that no other test has, below the range from which the system takes those of outgoing connections: it is
/// free again when a part that crashed comes back to it. So is the one after it.
pub fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 26_700;
    const COUNT: u32 = 3_000;
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..COUNT {
        let next = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + next % COUNT * 2).unwrap();
        if (port..=port + 1).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
    panic!("no free ports from {FIRST} on");
}

/// Tries again as long as something of this process is in the way that it has closed already. A process that another test starts at
/// just this moment has it open as well, until its program runs.
async fn until_released<T, E: std::fmt::Debug>(
    mut start: impl AsyncFnMut() -> Result<T, E>,
    is_in_the_way: fn(&E) -> bool,
) -> Result<T, E> {
    let begin = Instant::now();
    loop {
        match start().await {
            Err(error) if is_in_the_way(&error) && begin.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

/// Master and agents below one temporary directory.
pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub master: Option<Master>,
    pub agents: Vec<Option<Agent>>,
    pub master_address: SocketAddr,
    agent_ports: Vec<u16>,
    pub tune_master: fn(&mut MasterConfig),
    pub tune_agent: fn(&mut AgentConfig),
}

impl Cluster {
    pub async fn start(agents: usize) -> Cluster {
        Cluster::tuned(agents, |_| {}, |_| {}).await
    }

    pub async fn tuned(
        agents: usize,
        tune_master: fn(&mut MasterConfig),
        tune_agent: fn(&mut AgentConfig),
    ) -> Cluster {
        let mut cluster = Cluster {
            dir: tempfile::tempdir().unwrap(),
            master: None,
            agents: Vec::new(),
            master_address: SocketAddr::from(([127, 0, 0, 1], free_port())),
            agent_ports: (0..=agents).map(|_| free_port()).collect(),
            tune_master,
            tune_agent,
        };
        client();
        cluster.start_master().await;
        for i in 1..=agents {
            cluster.agents.push(None);
            cluster.start_agent(i).await;
        }
        cluster
    }

    pub async fn start_master(&mut self) {
        let mut config = MasterConfig::new(self.dir.path().join("master"));
        config.port = self.master_address.port();
        config.allocation_interval = Duration::from_millis(20);
        (self.tune_master)(&mut config);
        let is_in_the_way = |error: &MasterError| {
            matches!(error, MasterError::Listen(_) | MasterError::Lock(LockError::Taken { .. }))
        };
        let master =
            until_released(async || Master::start(config.clone()).await, is_in_the_way).await.unwrap();
        self.master_address = master.address;
        self.master = Some(master);
    }

    pub async fn stop_master(&mut self) {
        self.master.take().unwrap().stop().await;
    }

    pub fn agent_config(&self, i: usize) -> AgentConfig {
        let host = format!("agent-{i}");
        let mut config = AgentConfig::new(self.master_address.to_string(), self.agent_dir(i), host.clone());
        config.port = self.agent_ports[i];
        config.resources = parse_resources("cpus:4;mem:4096;disk:20000;ports:[31000-32000]", "*").unwrap();
        config.attributes = parse_attributes(&format!("host:{host};rack:a")).unwrap();
        config.launcher = PathBuf::from(env!("CARGO_BIN_EXE_mesos-local"));
        // As long as a test takes to have an executor come back, on a busy machine.
        config.executor_reregistration_timeout = PATIENCE;
        (self.tune_agent)(&mut config);
        config
    }

    pub fn agent_dir(&self, i: usize) -> PathBuf {
        self.dir.path().join(format!("agent-{i}"))
    }

    pub async fn start_agent(&mut self, i: usize) {
        let config = self.agent_config(i);
        self.start_agent_with(i, config).await.unwrap();
    }

    pub async fn start_agent_with(
        &mut self,
        i: usize,
        config: AgentConfig,
    ) -> Result<v1::AgentId, AgentError> {
        let agent = start_when_released(config).await?;
        let id = tokio::time::timeout(PATIENCE, agent.registered()).await.expect("the agent registers");
        self.agents[i - 1] = Some(agent);
        Ok(id)
    }

    /// Starts an agent and does not wait for its registration.
    pub async fn start_agent_only(&mut self, i: usize) {
        let agent = start_when_released(self.agent_config(i)).await.unwrap();
        self.agents[i - 1] = Some(agent);
    }

    /// Stops an agent as a crash would.
    pub async fn crash_agent(&mut self, i: usize) {
        self.agents[i - 1].take().unwrap().stop().await;
    }

    pub fn agent(&self, i: usize) -> &Agent {
        self.agents[i - 1].as_ref().unwrap()
    }

    pub async fn view(&self, path: &str) -> serde_json::Value {
        client()
            .get(format!("http://{}{path}", self.master_address))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}

/// Starts an agent where one of this process may have been just before.
pub async fn start_when_released(config: AgentConfig) -> Result<Agent, AgentError> {
    let is_in_the_way = |error: &AgentError| {
        matches!(error, AgentError::Listen(_) | AgentError::Lock(LockError::Taken { .. }))
    };
    until_released(async || Agent::start(config.clone()).await, is_in_the_way).await
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for i in 1..=self.agents.len() {
            kill_containers(&self.agent_dir(i));
        }
    }
}

/// Records of a streaming answer.
pub struct Records<M> {
    body: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    decoder: Decoder,
    _message: std::marker::PhantomData<M>,
}

impl<M: Message + Default> Records<M> {
    fn new(response: reqwest::Response) -> Self {
        Records {
            body: Box::pin(response.bytes_stream()),
            decoder: Decoder::new(1 << 26),
            _message: std::marker::PhantomData,
        }
    }

    /// The next record; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<M> {
        tokio::time::timeout(PATIENCE, self.next_or_wait()).await.expect("a record, or the end of the stream")
    }

    async fn next_or_wait(&mut self) -> Option<M> {
        loop {
            if let Some(record) = self.decoder.next_record().unwrap() {
                return Some(M::decode(record).unwrap());
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.decoder.push(chunk),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Asserts that nothing comes for a while, heartbeats aside.
    pub async fn assert_silent(&mut self, is_noise: fn(&M) -> bool)
    where
        M: std::fmt::Debug,
    {
        let end = Instant::now() + SILENCE;
        while let Ok(record) =
            tokio::time::timeout(end.saturating_duration_since(Instant::now()), self.next_or_wait()).await
        {
            let record = record.expect("the stream stays open");
            assert!(is_noise(&record), "unexpected: {record:?}");
        }
    }
}

pub fn framework() -> v1::FrameworkInfo {
    v1::FrameworkInfo {
        user: "root".into(),
        name: "test".into(),
        checkpoint: Some(true),
        failover_timeout: Some(3600.0),
        ..Default::default()
    }
}

pub fn aware() -> v1::FrameworkInfo {
    let capability = v1::framework_info::Capability {
        r#type: Some(v1::framework_info::capability::Type::PartitionAware.into()),
    };
    v1::FrameworkInfo { capabilities: vec![capability], ..framework() }
}

pub fn call_of(kind: scheduler::call::Type) -> scheduler::Call {
    scheduler::Call { r#type: Some(kind.into()), ..Default::default() }
}

pub fn subscribe_call(info: v1::FrameworkInfo) -> scheduler::Call {
    scheduler::Call {
        framework_id: info.id.clone(),
        subscribe: Some(scheduler::call::Subscribe { framework_info: info, ..Default::default() }),
        ..call_of(scheduler::call::Type::Subscribe)
    }
}

/// A subscribed framework.
pub struct Scheduler {
    pub master: SocketAddr,
    pub stream_id: String,
    pub id: v1::FrameworkId,
    pub events: Records<scheduler::Event>,
    pub client: reqwest::Client,
}

pub async fn post(
    client: &reqwest::Client,
    url: &str,
    stream_id: Option<&str>,
    body: Vec<u8>,
) -> reqwest::Response {
    try_post(client, url, stream_id, body).await.unwrap()
}

async fn try_post(
    client: &reqwest::Client,
    url: &str,
    stream_id: Option<&str>,
    body: Vec<u8>,
) -> reqwest::Result<reqwest::Response> {
    let mut request = client.post(url).header("Content-Type", PROTOBUF).header("Accept", PROTOBUF).body(body);
    if let Some(id) = stream_id {
        request = request.header("Mesos-Stream-Id", id);
    }
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer")
}

/// A whole body, which must end.
pub async fn text_of(response: reqwest::Response) -> String {
    tokio::time::timeout(PATIENCE, response.text()).await.expect("the end of the body").unwrap()
}

impl Scheduler {
    pub async fn subscribe(cluster: &Cluster, info: v1::FrameworkInfo) -> Scheduler {
        Scheduler::subscribe_at(cluster.master_address, info).await
    }

    pub async fn subscribe_at(master: SocketAddr, info: v1::FrameworkInfo) -> Scheduler {
        let client = client();
        let url = format!("http://{master}/api/v1/scheduler");
        let response = post(&client, &url, None, subscribe_call(info).encode_to_vec()).await;
        assert_eq!(response.status(), 200);
        let stream_id = response.headers()["Mesos-Stream-Id"].to_str().unwrap().to_owned();
        let mut events = Records::<scheduler::Event>::new(response);
        let first = events.next().await.unwrap();
        let subscribed = first.subscribed.unwrap_or_else(|| panic!("not subscribed: {:?}", first.error));
        Scheduler { master, stream_id, id: subscribed.framework_id, events, client }
    }

    pub async fn call(&self, call: scheduler::Call) -> u16 {
        let call = scheduler::Call { framework_id: Some(self.id.clone()), ..call };
        self.raw(call, Some(&self.stream_id)).await.0
    }

    pub async fn raw(&self, call: scheduler::Call, stream_id: Option<&str>) -> (u16, String) {
        let url = format!("http://{}/api/v1/scheduler", self.master);
        let response = post(&self.client, &url, stream_id, call.encode_to_vec()).await;
        (response.status().as_u16(), text_of(response).await)
    }

    /// The next event of this type; others are passed over.
    pub async fn event(&mut self, kind: scheduler::event::Type) -> scheduler::Event {
        let wanted = async {
            loop {
                let event = self.events.next().await.expect("the event comes before the end of the stream");
                if event.r#type() == kind {
                    return event;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wanted).await {
            Ok(event) => event,
            Err(_) => panic!("no {kind:?} within {PATIENCE:?}"),
        }
    }

    pub async fn offer(&mut self) -> v1::Offer {
        let mut offers = self.event(scheduler::event::Type::Offers).await.offers.unwrap().offers;
        assert_eq!(offers.len(), 1);
        offers.remove(0)
    }

    /// The next update, not acknowledged.
    pub async fn update(&mut self) -> v1::TaskStatus {
        self.event(scheduler::event::Type::Update).await.update.unwrap().status
    }

    pub async fn acknowledge(&self, status: &v1::TaskStatus) {
        assert_eq!(self.call(scheduler::Call::acknowledge(status).unwrap()).await, 202);
    }

    /// The next update, acknowledged, in the state that is expected.
    pub async fn taken(&mut self, state: v1::TaskState) -> v1::TaskStatus {
        let status = self.update().await;
        assert_eq!(status.state(), state, "{status:?}");
        self.acknowledge(&status).await;
        status
    }

    pub async fn launch(&self, offer: &v1::Offer, tasks: Vec<v1::TaskInfo>) {
        assert_eq!(self.call(scheduler::Call::accept(vec![offer.id.clone()], tasks, 3600.0)).await, 202);
    }

    pub async fn assert_silent(&mut self) {
        self.events.assert_silent(|event| event.r#type() == scheduler::event::Type::Heartbeat).await;
    }
}

pub const QUIET: &str = "exec sleep 3600";

pub fn task(offer: &v1::Offer, id: &str) -> v1::TaskInfo {
    task_with(offer, id, QUIET)
}

/// A task whose executor runs a shell command.
pub fn task_with(offer: &v1::Offer, id: &str, command: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.into(),
        task_id: id.into(),
        agent_id: offer.agent_id.clone(),
        resources: vec![v1::Resource::scalar("cpus", 0.5), v1::Resource::scalar("mem", 64.0)],
        executor: Some(v1::ExecutorInfo {
            executor_id: format!("executor-{id}").into(),
            resources: vec![v1::Resource::scalar("cpus", 0.1), v1::Resource::scalar("mem", 32.0)],
            command: Some(v1::CommandInfo { value: Some(command.into()), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Speaks for an executor.
pub struct Executor {
    pub agent: SocketAddr,
    pub framework_id: v1::FrameworkId,
    pub executor_id: v1::ExecutorId,
    pub client: reqwest::Client,
    pub events: Option<Records<executor::Event>>,
}

impl Executor {
    pub fn new(cluster: &Cluster, i: usize, scheduler: &Scheduler, task: &str) -> Executor {
        Executor::at(cluster.agent(i).address, scheduler, task)
    }

    pub fn at(agent: SocketAddr, scheduler: &Scheduler, task: &str) -> Executor {
        Executor {
            agent,
            framework_id: scheduler.id.clone(),
            executor_id: format!("executor-{task}").into(),
            client: client(),
            events: None,
        }
    }

    pub fn call_of(&self, kind: executor::call::Type) -> executor::Call {
        executor::Call {
            framework_id: self.framework_id.clone(),
            executor_id: self.executor_id.clone(),
            r#type: Some(kind.into()),
            ..Default::default()
        }
    }

    pub async fn post(&self, call: &executor::Call) -> reqwest::Response {
        let url = format!("http://{}/api/v1/executor", self.agent);
        post(&self.client, &url, None, call.encode_to_vec()).await
    }

    /// Subscribes as soon as the agent is there and knows the executor, and leaves the events to be read.
    pub async fn subscribe_only(&mut self, tasks: Vec<v1::TaskInfo>, updates: Vec<v1::TaskStatus>) {
        let updates = updates.into_iter().map(|status| executor::call::Update { status }).collect();
        let call = executor::Call {
            subscribe: Some(executor::call::Subscribe {
                unacknowledged_tasks: tasks,
                unacknowledged_updates: updates,
            }),
            ..self.call_of(executor::call::Type::Subscribe)
        };
        let deadline = Instant::now() + PATIENCE;
        let url = format!("http://{}/api/v1/executor", self.agent);
        loop {
            let problem = match try_post(&self.client, &url, None, call.encode_to_vec()).await {
                Ok(response) if response.status() == 200 => {
                    self.events = Some(Records::new(response));
                    return;
                }
                Ok(response) => text_of(response).await,
                // The connection may have been taken by an agent that is about to be gone.
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "not subscribed: {problem}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Subscribes and reads SUBSCRIBED.
    pub async fn subscribe(&mut self) -> executor::event::Subscribed {
        self.subscribe_only(vec![], vec![]).await;
        self.next().await.subscribed.expect("SUBSCRIBED comes first")
    }

    pub async fn next(&mut self) -> executor::Event {
        self.events.as_mut().unwrap().next().await.expect("the stream stays open")
    }

    pub async fn launched(&mut self) -> v1::TaskInfo {
        self.next().await.launch.expect("LAUNCH").task
    }

    pub fn status(&self, task: &str, state: v1::TaskState) -> v1::TaskStatus {
        v1::TaskStatus {
            task_id: task.into(),
            state: state.into(),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(self.executor_id.clone()),
            uuid: Some(uuid::Uuid::new_v4().into_bytes().to_vec()),
            ..Default::default()
        }
    }

    pub async fn post_status(&self, status: v1::TaskStatus) -> u16 {
        let call = executor::Call {
            update: Some(executor::call::Update { status }),
            ..self.call_of(executor::call::Type::Update)
        };
        self.post(&call).await.status().as_u16()
    }

    /// Sends an update and waits for the agent to take it.
    pub async fn update(&mut self, task: &str, state: v1::TaskState) -> v1::TaskStatus {
        let status = self.status(task, state);
        assert_eq!(self.post_status(status.clone()).await, 202);
        let acknowledged = self.next().await.acknowledged.expect("ACKNOWLEDGED");
        assert_eq!(Some(&acknowledged.uuid), status.uuid.as_ref());
        status
    }
}

/// Launches one task and brings it to RUNNING, with the process of its executor.
pub async fn run_one(cluster: &Cluster, scheduler: &mut Scheduler, id: &str) -> (v1::Offer, Executor) {
    let offer = scheduler.offer().await;
    scheduler.launch(&offer, vec![task(&offer, id)]).await;
    let mut executor = Executor::new(cluster, 1, scheduler, id);
    executor.subscribe().await;
    executor.launched().await;
    executor.update(id, v1::TaskState::TaskRunning).await;
    scheduler.taken(v1::TaskState::TaskRunning).await;
    quiet_process(&sandbox(cluster, &offer, scheduler, id)).await;
    (offer, executor)
}

/// The sandbox of the executor's latest run.
pub fn sandbox(cluster: &Cluster, offer: &v1::Offer, scheduler: &Scheduler, task: &str) -> PathBuf {
    let executor = format!("executor-{task}");
    let path =
        format!("slaves/{}/frameworks/{}/executors/{executor}/runs/latest", offer.agent_id, scheduler.id);
    cluster.agent_dir(1).join(path)
}

/// Waits for the process of an executor that is [`QUIET`], and nothing else, to be in a folder. A test may speak for the executor
/// before that has come so far.
pub async fn quiet_process(folder: &Path) {
    wait_for("the process of the executor", async || {
        let processes = processes_in(folder);
        let [process] = processes.as_slice() else { return false };
        std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name == "sleep\n")
    })
    .await;
}

/// The processes whose current folder is below this one.
pub fn processes_in(folder: &Path) -> Vec<i32> {
    let Ok(folder) = folder.canonicalize() else { return Vec::new() };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))
        })
        .collect()
}

impl Scheduler {
    /// The next event that is no heartbeat and no offer; `None` at the end of the stream.
    pub async fn event_or_end(&mut self) -> Option<scheduler::Event> {
        loop {
            let event = self.events.next().await?;
            if !matches!(event.r#type(), scheduler::event::Type::Heartbeat | scheduler::event::Type::Offers) {
                return Some(event);
            }
        }
    }
}
