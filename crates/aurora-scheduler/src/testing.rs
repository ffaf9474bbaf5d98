//! Values that several unit tests need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName, JobKey, TaskId};
use aurora_api::task::{Assignment, Task, TaskConfig, TaskEvent, TaskStatus};

/// A small service with an executor.
pub fn config() -> TaskConfig {
    TaskConfig {
        resources: Resources {
            cpus: MilliCpus(500),
            ram: Megabytes(64),
            disk: Megabytes(32),
            gpus: 0,
            ports: 1,
        },
        ports: BTreeSet::from([Arc::from("http")]),
        ..aurora_api::testing::service(JobKey::new("www", "prod", "hello").unwrap())
    }
}

/// An assigned task of [`config`].
pub fn assigned_task() -> Task {
    Task {
        id: TaskId::new("www-prod-hello-0-x"),
        instance: 0,
        config: Arc::new(config()),
        status: TaskStatus::Assigned,
        assignment: Some(Assignment {
            agent: AgentId::new("a1"),
            host: HostName::new("h1"),
            ports: BTreeMap::from([(Arc::from("http"), 31000)]),
        }),
        failure_count: 0,
        times_partitioned: 0,
        events: vec![TaskEvent {
            at: Timestamp(1_700_000_000_000),
            status: TaskStatus::Assigned,
            message: None,
            scheduler: Some(Arc::from("s1")),
        }],
        ancestor: None,
    }
}

/// The program's flags as the command line gives them, with a journal in `folder` and any free port.
pub fn flags(folder: &std::path::Path, more: &[&str]) -> crate::flags::Flags {
    let journal = format!("-native_log_file_path={}", folder.join("journal").display());
    let fixed = [
        "aurora-scheduler",
        "-cluster_name=devcluster",
        "-mesos_master_address=127.0.0.1:1",
        "-http_port=0",
        "-hostname=here",
        "-enable_legacy_constraints=false",
        "-max_reschedule_task_delay_on_startup=0secs",
        "-thermos_executor_path=/bin/thermos_executor",
        &journal,
    ];
    let arguments = fixed.iter().chain(more).map(std::ffi::OsString::from);
    crate::flags::parse(arguments).unwrap().flags
}

/// Calls that would have gone to Mesos.
#[derive(Clone, Default)]
pub struct RecordedCalls(pub Arc<std::sync::Mutex<Vec<mesos_v1::messages::scheduler::Call>>>);

impl crate::mesos::calls::CallSender for RecordedCalls {
    fn send(
        &self,
        call: mesos_v1::messages::scheduler::Call,
    ) -> Result<(), (Box<mesos_v1::messages::scheduler::Call>, String)> {
        self.0.lock().unwrap().push(call);
        Ok(())
    }
}

/// A daemon in this process, whose Mesos is the test.
pub struct TestDaemon {
    /// The daemon.
    pub daemon: crate::daemon::Daemon,
    /// What Mesos tells.
    pub events: tokio::sync::mpsc::Sender<mesos_v1::scheduler::SchedulerEvent>,
    /// What Mesos was told.
    pub calls: RecordedCalls,
    /// How it registered.
    pub framework: mesos_v1::messages::FrameworkInfo,
    client: reqwest::Client,
}

impl TestDaemon {
    /// Starts one on the journal in `folder`.
    pub async fn start(folder: &std::path::Path, more: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (events, receiver) = tokio::sync::mpsc::channel(64);
        let calls = RecordedCalls::default();
        let recorded = calls.clone();
        let mut framework = mesos_v1::messages::FrameworkInfo::default();
        let daemon = crate::daemon::Daemon::start(&flags(folder, more), |config| {
            framework = config.framework_info;
            Ok((recorded, receiver))
        })
        .await
        .unwrap();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { daemon, events, calls, framework, client }
    }

    /// Starts a request to a path.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.daemon.address()))
    }

    /// Gets a path: status and body.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.request(reqwest::Method::GET, path).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Calls the API.
    pub async fn call<A: aurora_api::thrift::Arguments>(
        &self,
        arguments: &A,
    ) -> aurora_api::thrift::Response {
        use aurora_api::thrift::{Encoding, decode_reply, encode_call};
        let body = encode_call(Encoding::Json, 1, arguments);
        let answer = self.request(reqwest::Method::POST, "/api").body(body).send().await.unwrap();
        let bytes = answer.bytes().await.unwrap();
        decode_reply::<A>(Encoding::Json, 1, &bytes).unwrap()
    }

    /// Waits until a condition on the daemon holds, at most two minutes.
    pub async fn wait_for(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
        while !holds(self).await {
            if tokio::time::Instant::now() >= deadline {
                panic!("{what} did not come about; /vars:\n{}", self.get("/vars").await.1);
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}
