//! A scheduler that answers from a list of tasks, and a way to run `aurora` against it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use aurora_api::thrift::rpc::{
    CreateJob, DrainHosts, EndMaintenance, GetJobs, GetPendingReason, GetTasksWithoutConfigs, KillTasks,
    MaintenanceStatus, SetQuota, StartMaintenance,
};
use aurora_api::thrift::*;
use tempfile::TempDir;

/// The job of the list.
pub const K: &str = "west/bozo/test/hello";

/// Its config.
pub const SERVICE: &str = "
jobs = [Service(
  cluster = 'west', role = 'bozo', environment = 'test', name = 'hello', instances = 3,
  task = Task(
    name = 'hello',
    processes = [Process(name = 'hello', cmdline = 'sleep 1000')],
    resources = Resources(cpu = 1.0, ram = 16 * MB, disk = 16 * MB)))]
";

/// A cron job with the same key.
pub const CRON: &str = "
jobs = [Job(
  cluster = 'west', role = 'bozo', environment = 'test', name = 'hello', cron_schedule = '* * * * *',
  task = Task(
    name = 'hello',
    processes = [Process(name = 'hello', cmdline = 'true')],
    resources = Resources(cpu = 1.0, ram = 16 * MB, disk = 16 * MB)))]
";

/// What the stub knows and what it was asked.
#[derive(Default)]
pub struct World {
    pub tasks: Vec<ScheduledTask>,
    /// Answers in place of the usual ones, by method.
    pub answers: HashMap<&'static str, (ResponseCode, &'static str)>,
    /// Methods whose connections are closed without an answer, and how often.
    pub hang_ups: HashMap<&'static str, usize>,
    /// An HTTP status in place of any answer.
    pub http_status: Option<&'static str>,
    /// Whether killed tasks go on running.
    pub unkillable: bool,
    /// Statuses that the tasks take, one at each look.
    pub script: Vec<ScheduleStatus>,
    /// Whether new jobs are forgotten at once.
    pub forgetful: bool,
    pub pending_reason: Option<&'static str>,
    /// The calls: method and arguments.
    pub calls: Vec<(String, String)>,
    pub kills: Vec<KillTasks>,
    pub created: Vec<JobConfiguration>,
    pub asked_roles: Vec<Option<String>>,
    pub quotas: Vec<SetQuota>,
    pub backups: Vec<String>,
    /// The hosts with their modes.
    pub hosts: BTreeMap<String, MaintenanceMode>,
    /// How often a host that is being drained is seen so; not at all unless it is named.
    pub looks_until_drained: HashMap<&'static str, usize>,
    /// How many looks at hosts that are being drained are refused.
    pub refused_looks: usize,
    /// The hosts of each call of `startMaintenance`, `drainHosts`, `endMaintenance`.
    pub maintained: Vec<(&'static str, BTreeSet<String>)>,
}

/// A running stub with a home directory for `aurora`.
pub struct Stub {
    world: Arc<Mutex<World>>,
    pub address: String,
    pub home: TempDir,
}

/// What a command has done.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A task of the job of the list.
pub fn task(instance: i32, status: ScheduleStatus) -> ScheduledTask {
    let event = |timestamp, status, message: Option<&str>| TaskEvent {
        timestamp: Some(timestamp),
        status: Some(status),
        message: message.map(str::to_owned),
        scheduler: None,
    };
    ScheduledTask {
        assigned_task: Some(AssignedTask {
            task_id: Some(format!("bozo-test-hello-{instance}-id")),
            instance_id: Some(instance),
            task: Some(TaskConfig {
                job: Some(job_key("hello")),
                is_service: Some(true),
                production: Some(false),
                resources: Some(vec![Resource::NumCpus(2.0), Resource::RamMb(2), Resource::DiskMb(2)]),
                max_task_failures: Some(1),
                ..TaskConfig::default()
            }),
            assigned_ports: Some(BTreeMap::new()),
            ..AssignedTask::default()
        }),
        status: Some(status),
        failure_count: Some(0),
        task_events: Some(vec![event(1_000, status, Some("Hi there"))]),
        ..ScheduledTask::default()
    }
}

pub fn job_key(name: &str) -> JobKey {
    JobKey {
        role: Some("bozo".to_owned()),
        environment: Some("test".to_owned()),
        name: Some(name.to_owned()),
    }
}

impl Stub {
    /// A stub whose job has these instances running.
    pub fn running(instances: impl IntoIterator<Item = i32>) -> Self {
        let stub = Self::start();
        stub.world().tasks =
            instances.into_iter().map(|instance| task(instance, ScheduleStatus::Running)).collect();
        stub
    }

    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World::default()));
        let shared = Arc::clone(&world);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(&mut stream.unwrap(), &shared));
            }
        });
        let home = tempfile::tempdir().unwrap();
        let clusters = format!(r#"[{{"name": "west", "scheduler_uri": "{address}"}}]"#);
        std::fs::create_dir(home.path().join(".aurora")).unwrap();
        std::fs::write(home.path().join(".aurora/clusters.json"), clusters).unwrap();
        Self { world, address, home }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Writes a file into the home directory, where commands run.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.spawn_program(env!("CARGO_BIN_EXE_aurora"), arguments)
    }

    fn spawn_program(&self, program: &str, arguments: &[&str]) -> Child {
        Command::new(program)
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("AURORA_CONFIG_ROOT", self.home.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs a command to its end.
    pub fn aurora(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.spawn(arguments))
    }

    /// Starts a command of `aurora_admin`.
    pub fn spawn_admin(&self, arguments: &[&str]) -> Child {
        self.spawn_program(env!("CARGO_BIN_EXE_aurora_admin"), arguments)
    }

    /// Runs a command of `aurora_admin` to its end.
    pub fn admin(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.spawn_admin(arguments))
    }

    /// Waits until a method was called.
    pub fn wait_for_call(&self, method: &str) {
        let start = Instant::now();
        while !self.methods().iter().any(|called| called == method) {
            assert!(start.elapsed() < Duration::from_secs(120), "{method} was not called");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn methods(&self) -> Vec<String> {
        let world = self.world();
        world.calls.iter().map(|(method, _)| method.clone()).collect()
    }
}

impl Outcome {
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn out_has(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no {text:?} in {self:#?}");
        self
    }

    #[track_caller]
    pub fn err_has(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no {text:?} in {self:#?}");
        self
    }
}

fn serve(stream: &mut TcpStream, world: &Mutex<World>) {
    while let Some(body) = read_request(stream) {
        let call = Incoming::open(Encoding::Json, &body).unwrap();
        let header = call.header.clone();
        let mut world = world.lock().unwrap();
        world.calls.push((header.name.clone(), String::from_utf8_lossy(&body).into_owned()));
        if let Some(left) = world.hang_ups.get_mut(header.name.as_str())
            && *left > 0
        {
            *left -= 1;
            return;
        }
        let (status, body) = match world.http_status {
            Some(status) => (status, Vec::new()),
            None => {
                let response = world.answer(call);
                ("200 OK", encode_reply(Encoding::Json, &header, response))
            }
        };
        drop(world);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&buffer[..read]);
        let end = request.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse::<usize>().unwrap());
        if request.len() >= end + 4 + length {
            return Some(request[end + 4..].to_vec());
        }
    }
}

impl World {
    fn answer(&mut self, call: Incoming<'_>) -> Response {
        let ok = |result| Response {
            response_code: Some(ResponseCode::Ok),
            result,
            details: Some(Vec::new()),
            ..Response::default()
        };
        if let Some((code, message)) = self.answers.get(call.header.name.as_str()) {
            return Response {
                response_code: Some(*code),
                details: Some(vec![ResponseDetail { message: Some((*message).to_owned()) }]),
                ..Response::default()
            };
        }
        match Rpc::from_name(&call.header.name).unwrap() {
            Rpc::GetTierConfigs => ok(Some(Result::GetTierConfigResult(tiers()))),
            Rpc::GetTasksWithoutConfigs => {
                let call: GetTasksWithoutConfigs = call.body().unwrap();
                let tasks = self.matching(&call.query.unwrap());
                ok(Some(Result::ScheduleStatusResult(ScheduleStatusResult { tasks: Some(tasks) })))
            }
            Rpc::GetPendingReason => {
                let call: GetPendingReason = call.body().unwrap();
                let reason = self.pending_reason;
                let reasons = self.matching(&call.query.unwrap()).into_iter().map(|task| PendingReason {
                    task_id: task.assigned_task.unwrap().task_id,
                    reason: reason.map(str::to_owned),
                });
                ok(Some(Result::GetPendingReasonResult(GetPendingReasonResult {
                    reasons: Some(reasons.collect()),
                })))
            }
            Rpc::GetJobs => {
                let call: GetJobs = call.body().unwrap();
                self.asked_roles.push(call.owner_role);
                let configs = ["alpha", "beta", "other"]
                    .map(|name| JobConfiguration { key: Some(job_key(name)), ..JobConfiguration::default() });
                ok(Some(Result::GetJobsResult(GetJobsResult { configs: Some(configs.to_vec()) })))
            }
            Rpc::CreateJob => {
                let call: CreateJob = call.body().unwrap();
                let job = call.description.unwrap();
                let count = if self.forgetful { 0 } else { job.instance_count.unwrap() };
                self.tasks = (0..count).map(|instance| task(instance, ScheduleStatus::Pending)).collect();
                self.created.push(job);
                ok(None)
            }
            Rpc::KillTasks => {
                let call: KillTasks = call.body().unwrap();
                for task in &mut self.tasks {
                    let instance = task.assigned_task.as_ref().unwrap().instance_id.unwrap();
                    let is_meant =
                        call.instances.as_ref().is_none_or(|instances| instances.contains(&instance));
                    if is_meant && !self.unkillable {
                        task.status = Some(ScheduleStatus::Killed);
                    }
                }
                self.kills.push(call);
                ok(None)
            }
            Rpc::GetQuota => ok(Some(Result::GetQuotaResult(GetQuotaResult {
                quota: Some(aggregate(5.0, 20_480, 40_960)),
                prod_shared_consumption: Some(aggregate(1.0, 1_024, 2_048)),
                non_prod_shared_consumption: Some(aggregate(0.5, 16, 32)),
                ..GetQuotaResult::default()
            }))),
            Rpc::SetQuota => {
                self.quotas.push(call.body().unwrap());
                ok(None)
            }
            Rpc::ListBackups => {
                ok(Some(Result::ListBackupsResult(ListBackupsResult { backups: Some(self.backups.clone()) })))
            }
            Rpc::PerformBackup => ok(None),
            Rpc::MaintenanceStatus => {
                let call: MaintenanceStatus = call.body().unwrap();
                if self.refused_looks > 0
                    && self.hosts.values().any(|mode| *mode == MaintenanceMode::Draining)
                {
                    self.refused_looks -= 1;
                    return Response { response_code: Some(ResponseCode::Error), ..Response::default() };
                }
                self.look();
                let statuses = self.statuses(&names(call.hosts));
                ok(Some(Result::MaintenanceStatusResult(MaintenanceStatusResult { statuses })))
            }
            Rpc::StartMaintenance => {
                let call: StartMaintenance = call.body().unwrap();
                let statuses = self.maintain("startMaintenance", call.hosts, |_| MaintenanceMode::Scheduled);
                ok(Some(Result::StartMaintenanceResult(StartMaintenanceResult { statuses })))
            }
            Rpc::DrainHosts => {
                let call: DrainHosts = call.body().unwrap();
                let slow = self.looks_until_drained.clone();
                let statuses = self.maintain("drainHosts", call.hosts, |host| {
                    if slow.contains_key(host) { MaintenanceMode::Draining } else { MaintenanceMode::Drained }
                });
                ok(Some(Result::DrainHostsResult(DrainHostsResult { statuses })))
            }
            Rpc::EndMaintenance => {
                let call: EndMaintenance = call.body().unwrap();
                let statuses = self.maintain("endMaintenance", call.hosts, |_| MaintenanceMode::None);
                ok(Some(Result::EndMaintenanceResult(EndMaintenanceResult { statuses })))
            }
            other => panic!("the stub does not know {other:?}"),
        }
    }

    /// Time passes for hosts that are being drained.
    fn look(&mut self) {
        for (host, mode) in &mut self.hosts {
            if *mode == MaintenanceMode::Draining
                && let Some(looks) = self.looks_until_drained.get_mut(host.as_str())
            {
                *looks -= 1;
                if *looks == 0 {
                    *mode = MaintenanceMode::Drained;
                }
            }
        }
    }

    fn maintain(
        &mut self,
        method: &'static str,
        hosts: Option<Hosts>,
        mode: impl Fn(&str) -> MaintenanceMode,
    ) -> Option<Vec<HostStatus>> {
        let hosts = names(hosts);
        self.maintained.push((method, hosts.clone()));
        for (host, its) in self.hosts.iter_mut().filter(|(host, _)| hosts.contains(*host)) {
            *its = mode(host);
        }
        self.statuses(&hosts)
    }

    fn statuses(&self, hosts: &BTreeSet<String>) -> Option<Vec<HostStatus>> {
        let known = self.hosts.iter().filter(|(host, _)| hosts.contains(*host));
        Some(known.map(|(host, mode)| HostStatus { host: Some(host.clone()), mode: Some(*mode) }).collect())
    }

    fn matching(&mut self, query: &TaskQuery) -> Vec<ScheduledTask> {
        if !self.script.is_empty() {
            let status = self.script.remove(0);
            for task in &mut self.tasks {
                task.status = Some(status);
            }
        }
        let fits = |task: &&ScheduledTask| {
            let instance = task.assigned_task.as_ref().unwrap().instance_id.unwrap();
            let is_one_of = |ids: &Vec<i32>| ids.is_empty() || ids.contains(&instance);
            let assigned = task.assigned_task.as_ref().unwrap();
            let is_on =
                |hosts: &Vec<String>| assigned.slave_host.as_ref().is_some_and(|host| hosts.contains(host));
            let job = assigned.task.as_ref().unwrap().job.as_ref().unwrap();
            query.slave_hosts.as_ref().is_none_or(is_on)
                && query.job_keys.as_ref().is_none_or(|jobs| jobs.contains(job))
                && query.instance_ids.as_ref().is_none_or(is_one_of)
                && query.statuses.as_ref().is_none_or(|statuses| statuses.contains(&task.status.unwrap()))
        };
        self.tasks.iter().filter(fits).cloned().collect()
    }
}

fn names(hosts: Option<Hosts>) -> BTreeSet<String> {
    hosts.unwrap().host_names.unwrap().into_iter().collect()
}

pub fn aggregate(cpus: f64, ram_mb: i64, disk_mb: i64) -> ResourceAggregate {
    let resources = vec![Resource::NumCpus(cpus), Resource::RamMb(ram_mb), Resource::DiskMb(disk_mb)];
    ResourceAggregate { resources: Some(resources) }
}

fn tiers() -> GetTierConfigResult {
    let tier = |name: &str, preemptible: &str, revocable: &str| TierConfig {
        name: Some(name.to_owned()),
        settings: Some(BTreeMap::from([
            ("preemptible".to_owned(), preemptible.to_owned()),
            ("revocable".to_owned(), revocable.to_owned()),
        ])),
    };
    GetTierConfigResult {
        default_tier_name: Some("preemptible".to_owned()),
        tiers: Some(vec![
            tier("preferred", "false", "false"),
            tier("preemptible", "true", "false"),
            tier("revocable", "true", "true"),
        ]),
    }
}
