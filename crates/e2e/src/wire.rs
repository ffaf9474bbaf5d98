//! The Mesos API as it is on the wire: a scheduler and executors that speak raw HTTP with a cluster of either kind, for
//! what the sessions of `mesos-v1` hide.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::event;
use mesos_v1::messages::{executor, scheduler};
use mesos_v1::recordio::Decoder;
use prost::Message;
use reqwest::{Client, Response};

use crate::framework::{FrameworkBed, framework_info, task};
use crate::processes::{self, Process};
pub use crate::wait::PATIENCE;

/// How long nothing must come for "nothing came": several of the master's allocation cycles.
pub const SILENCE: Duration = Duration::from_millis(700);

/// The content type of all that is said here.
pub const PROTOBUF: &str = "application/x-protobuf";

/// An executor that does nothing: the test speaks for it.
pub const QUIET: &str = "exec sleep 3600";

/// An HTTP client that asks nobody else.
///
/// # Panics
/// If none can be made.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().connect_timeout(PATIENCE).build().unwrap()
}

/// Posts a protobuf body.
///
/// # Panics
/// If there is no answer.
pub async fn post(client: &Client, url: &str, stream_id: Option<&str>, body: Vec<u8>) -> Response {
    let mut request = client.post(url).header("Content-Type", PROTOBUF).header("Accept", PROTOBUF).body(body);
    if let Some(id) = stream_id {
        request = request.header("Mesos-Stream-Id", id);
    }
    tokio::time::timeout(PATIENCE, request.send()).await.expect("an answer").unwrap()
}

/// Waits until a condition holds.
///
/// # Panics
/// If it does not hold in time.
pub async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// The records of a streaming answer.
pub struct Records<M> {
    response: Response,
    decoder: Decoder,
    messages: PhantomData<M>,
}

impl<M: Message + Default> Records<M> {
    /// The records of this answer.
    pub fn new(response: Response) -> Records<M> {
        Records { response, decoder: Decoder::default(), messages: PhantomData }
    }

    /// The next record; `None` at the end of the stream.
    ///
    /// # Panics
    /// If neither comes.
    pub async fn next(&mut self) -> Option<M> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("a record, or the end of the stream")
    }

    async fn read(&mut self) -> Option<M> {
        loop {
            if let Some(record) = self.decoder.next_record().unwrap() {
                return Some(M::decode(record).unwrap());
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.decoder.push(chunk);
        }
    }
}

/// A call of this type and nothing more.
pub fn call_of(kind: scheduler::call::Type) -> scheduler::Call {
    scheduler::Call { r#type: Some(kind.into()), ..scheduler::Call::default() }
}

/// A SUBSCRIBE for this framework, with its id in both places.
pub fn subscribe_call(info: v1::FrameworkInfo) -> scheduler::Call {
    scheduler::Call {
        framework_id: info.id.clone(),
        subscribe: Some(scheduler::call::Subscribe {
            framework_info: info,
            ..scheduler::call::Subscribe::default()
        }),
        ..call_of(scheduler::call::Type::Subscribe)
    }
}

/// A framework that knows partitions.
pub fn aware() -> v1::FrameworkInfo {
    let kind = v1::framework_info::capability::Type::PartitionAware;
    let capability = v1::framework_info::Capability { r#type: Some(kind.into()) };
    v1::FrameworkInfo { capabilities: vec![capability], ..framework_info() }
}

/// The URL of the scheduler API.
pub fn scheduler_url(bed: &FrameworkBed) -> String {
    format!("http://{}/api/v1/scheduler", bed.cluster.master())
}

/// A subscribed framework.
pub struct WireScheduler {
    url: String,
    /// Of its subscription.
    pub stream_id: String,
    /// Its id.
    pub id: v1::FrameworkId,
    /// What SUBSCRIBED said.
    pub subscribed: event::Subscribed,
    events: Records<scheduler::Event>,
    /// Events that were passed over and may be wanted yet.
    passed: VecDeque<scheduler::Event>,
    client: Client,
}

impl WireScheduler {
    /// Subscribes.
    ///
    /// # Panics
    /// If the master refuses.
    pub async fn subscribe(bed: &FrameworkBed, info: v1::FrameworkInfo) -> WireScheduler {
        let client = client();
        let url = scheduler_url(bed);
        let response = post(&client, &url, None, subscribe_call(info).encode_to_vec()).await;
        assert_eq!(response.status(), 200);
        let stream_id = response.headers()["Mesos-Stream-Id"].to_str().unwrap().to_owned();
        let mut events = Records::<scheduler::Event>::new(response);
        let first = events.next().await.unwrap();
        let subscribed = first.subscribed.unwrap_or_else(|| panic!("not subscribed: {:?}", first.error));
        let id = subscribed.framework_id.clone();
        WireScheduler { url, stream_id, id, subscribed, events, passed: VecDeque::new(), client }
    }

    /// Sends a call; gives the status of its answer.
    pub async fn call(&self, call: scheduler::Call) -> u16 {
        let call = scheduler::Call { framework_id: Some(self.id.clone()), ..call };
        self.raw(call, Some(&self.stream_id)).await
    }

    /// Sends a call as it is.
    pub async fn raw(&self, call: scheduler::Call, stream_id: Option<&str>) -> u16 {
        post(&self.client, &self.url, stream_id, call.encode_to_vec()).await.status().as_u16()
    }

    /// The next record, whatever it is; `None` at the end of the stream.
    pub async fn record(&mut self) -> Option<scheduler::Event> {
        match self.passed.pop_front() {
            Some(event) => Some(event),
            None => self.events.next().await,
        }
    }

    /// The next event of this type. Those before it can be asked for afterwards.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn event(&mut self, kind: event::Type) -> scheduler::Event {
        if let Some(place) = self.passed.iter().position(|event| event.r#type() == kind) {
            return self.passed.remove(place).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = tokio::time::timeout(left, self.events.read()).await else {
                panic!("no {kind:?} within {PATIENCE:?}, only {:?}", self.passed)
            };
            let event = event.unwrap_or_else(|| panic!("the stream ends before {kind:?}: {:?}", self.passed));
            if event.r#type() == kind {
                return event;
            }
            self.passed.push_back(event);
        }
    }

    /// The next offer of any agent.
    pub async fn offer(&mut self) -> v1::Offer {
        let mut offers = self.event(event::Type::Offers).await.offers.unwrap().offers;
        let offer = offers.remove(0);
        if !offers.is_empty() {
            self.passed.push_back(scheduler::Event {
                r#type: Some(event::Type::Offers.into()),
                offers: Some(event::Offers { offers }),
                ..scheduler::Event::default()
            });
        }
        offer
    }

    /// The next update, which stays unacknowledged.
    pub async fn update(&mut self) -> v1::TaskStatus {
        self.event(event::Type::Update).await.update.unwrap().status
    }

    /// The next update of a task in this state; those before it are passed over, and all are acknowledged.
    pub async fn taken(&mut self, task_id: &str, state: v1::TaskState) -> v1::TaskStatus {
        let mut others = Vec::new();
        loop {
            let deadline = tokio::time::timeout(PATIENCE, self.update());
            let Ok(status) = deadline.await else { panic!("no {task_id} {state:?}, only {others:?}") };
            self.acknowledge(&status).await;
            if status.task_id.value == task_id && status.state() == state {
                return status;
            }
            others.push(status);
        }
    }

    /// Acknowledges an update if it asks for it.
    pub async fn acknowledge(&self, status: &v1::TaskStatus) {
        if let Some(call) = scheduler::Call::acknowledge(status) {
            assert_eq!(self.call(call).await, 202);
        }
    }

    /// Launches tasks; what is left of the offer is refused for `refuse_seconds`.
    pub async fn accept(&self, offers: &[&v1::Offer], tasks: Vec<v1::TaskInfo>, refuse_seconds: f64) {
        let ids = offers.iter().map(|offer| offer.id.clone()).collect();
        assert_eq!(self.call(scheduler::Call::accept(ids, tasks, refuse_seconds)).await, 202);
    }

    /// Checks that no event of this type comes for a while.
    pub async fn assert_none(&mut self, kind: event::Type) {
        let deadline = Instant::now() + SILENCE;
        while let Ok(event) =
            tokio::time::timeout(deadline.saturating_duration_since(Instant::now()), self.events.read()).await
        {
            let event = event.expect("the stream stays open");
            assert_ne!(event.r#type(), kind, "{event:?}");
            self.passed.push_back(event);
        }
        assert!(self.passed.iter().all(|event| event.r#type() != kind), "{:?}", self.passed);
    }
}

/// Speaks for an executor of agent 1.
pub struct WireExecutor {
    url: String,
    agent_directory: PathBuf,
    framework_id: v1::FrameworkId,
    /// Its id.
    pub id: v1::ExecutorId,
    client: Client,
    events: Option<Records<executor::Event>>,
}

impl WireExecutor {
    /// The executor that [`task`] gives to this task.
    pub fn of(bed: &FrameworkBed, scheduler: &WireScheduler, task_id: &str) -> WireExecutor {
        WireExecutor {
            url: format!("http://{}/api/v1/executor", bed.cluster.agent(1)),
            agent_directory: bed.cluster.directory().join("agent-1"),
            framework_id: scheduler.id.clone(),
            id: format!("executor-{task_id}").into(),
            client: client(),
            events: None,
        }
    }

    /// A call of this type and nothing more.
    pub fn call_of(&self, kind: executor::call::Type) -> executor::Call {
        executor::Call {
            framework_id: self.framework_id.clone(),
            executor_id: self.id.clone(),
            r#type: Some(kind.into()),
            ..executor::Call::default()
        }
    }

    /// Sends a call.
    pub async fn post(&self, call: &executor::Call) -> Response {
        post(&self.client, &self.url, None, call.encode_to_vec()).await
    }

    /// Waits until the process of this executor runs. The agent knows an executor earlier, but one that subscribes while
    /// its container is being prepared makes a real agent destroy the container: "Unknown container".
    async fn started(&self) {
        let folder = format!("/executors/{}/", self.id);
        let runs = |process: &Process| process.cwd.to_string_lossy().contains(&folder);
        let what = format!("a process of {}", self.id);
        wait_for(&what, async || processes::below(&self.agent_directory).iter().any(runs)).await;
    }

    /// Subscribes as soon as the executor's process runs, and leaves the events to be read.
    ///
    /// # Panics
    /// If the agent goes on refusing.
    pub async fn subscribe_with(&mut self, tasks: Vec<v1::TaskInfo>, updates: Vec<v1::TaskStatus>) {
        let updates = updates.into_iter().map(|status| executor::call::Update { status }).collect();
        let subscribe =
            executor::call::Subscribe { unacknowledged_tasks: tasks, unacknowledged_updates: updates };
        let call =
            executor::Call { subscribe: Some(subscribe), ..self.call_of(executor::call::Type::Subscribe) };
        self.started().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            // The agent may be away.
            let body = call.encode_to_vec();
            let request = self
                .client
                .post(&self.url)
                .header("Content-Type", PROTOBUF)
                .header("Accept", PROTOBUF)
                .body(body);
            let refusal = match request.send().await {
                Ok(response) if response.status() == 200 => {
                    self.events = Some(Records::new(response));
                    return;
                }
                Ok(response) => response.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            assert!(Instant::now() < deadline, "not subscribed: {refusal}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Subscribes and reads SUBSCRIBED.
    ///
    /// # Panics
    /// If something else comes first.
    pub async fn subscribe(&mut self) -> executor::event::Subscribed {
        self.subscribe_with(Vec::new(), Vec::new()).await;
        self.next().await.subscribed.expect("SUBSCRIBED comes first")
    }

    /// The next event.
    ///
    /// # Panics
    /// If the stream ends.
    pub async fn next(&mut self) -> executor::Event {
        let events = self.events.as_mut().expect("it is subscribed");
        events.next().await.expect("the stream stays open")
    }

    /// Whether an event of this type comes within a time. Those before it are passed over.
    ///
    /// # Panics
    /// If it is not subscribed.
    pub async fn hears(&mut self, kind: executor::event::Type, patience: Duration) -> bool {
        let events = self.events.as_mut().expect("it is subscribed");
        let wanted = async {
            while let Some(event) = events.read().await {
                if event.r#type() == kind {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(patience, wanted).await.unwrap_or(false)
    }

    /// Loses the stream and all connections, as if they broke.
    pub fn hang_up(&mut self) {
        self.events = None;
        self.client = client();
    }

    /// The task of the LAUNCH that comes next.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn launched(&mut self) -> v1::TaskInfo {
        self.next().await.launch.expect("LAUNCH").task
    }

    /// A status of this executor's.
    pub fn status(&self, task_id: &str, state: v1::TaskState) -> v1::TaskStatus {
        let mut uuid: [u8; 16] = rand::random();
        uuid[6] = uuid[6] & 0x0f | 0x40;
        uuid[8] = uuid[8] & 0x3f | 0x80;
        v1::TaskStatus {
            task_id: task_id.into(),
            state: state.into(),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(self.id.clone()),
            uuid: Some(uuid.to_vec()),
            ..v1::TaskStatus::default()
        }
    }

    /// Sends a status; gives the status of the answer.
    pub async fn post_status(&self, status: v1::TaskStatus) -> u16 {
        let call = executor::Call {
            update: Some(executor::call::Update { status }),
            ..self.call_of(executor::call::Type::Update)
        };
        self.post(&call).await.status().as_u16()
    }

    /// Sends a status to an agent that may be away; gives the status of the answer, if there is one.
    pub async fn try_status(&self, status: v1::TaskStatus) -> Option<u16> {
        let call = executor::Call {
            update: Some(executor::call::Update { status }),
            ..self.call_of(executor::call::Type::Update)
        };
        let request = self.client.post(&self.url).header("Content-Type", PROTOBUF);
        let response = request.body(call.encode_to_vec()).send().await.ok()?;
        Some(response.status().as_u16())
    }

    /// Sends an update and waits for the agent's acknowledgement.
    ///
    /// # Panics
    /// If the agent does not take it.
    pub async fn update(&mut self, task_id: &str, state: v1::TaskState) -> v1::TaskStatus {
        let status = self.status(task_id, state);
        assert_eq!(self.post_status(status.clone()).await, 202);
        let acknowledged = self.next().await.acknowledged.expect("ACKNOWLEDGED");
        assert_eq!(Some(&acknowledged.uuid), status.uuid.as_ref());
        status
    }
}

/// Launches a task on an executor that the test speaks for, refuses the rest of the offer for an hour, and brings the
/// task to RUNNING.
pub async fn run_one(
    bed: &FrameworkBed,
    scheduler: &mut WireScheduler,
    id: &str,
) -> (v1::Offer, WireExecutor) {
    run_one_and_refuse(bed, scheduler, id, 3600.0).await
}

/// Like [`run_one`], with the rest of the offer refused for `refuse_seconds`.
pub async fn run_one_and_refuse(
    bed: &FrameworkBed,
    scheduler: &mut WireScheduler,
    id: &str,
    refuse_seconds: f64,
) -> (v1::Offer, WireExecutor) {
    let offer = scheduler.offer().await;
    scheduler.accept(&[&offer], vec![task(QUIET, &offer, id, b"")], refuse_seconds).await;
    let mut executor = WireExecutor::of(bed, scheduler, id);
    executor.subscribe().await;
    executor.launched().await;
    executor.update(id, v1::TaskState::TaskRunning).await;
    scheduler.taken(id, v1::TaskState::TaskRunning).await;
    (offer, executor)
}

/// The sandbox of the latest run of a task's executor on agent 1.
pub fn sandbox(bed: &FrameworkBed, offer: &v1::Offer, scheduler: &WireScheduler, task_id: &str) -> PathBuf {
    bed.cluster.directory().join(format!(
        "agent-1/slaves/{}/frameworks/{}/executors/executor-{task_id}/runs/latest",
        offer.agent_id, scheduler.id
    ))
}
