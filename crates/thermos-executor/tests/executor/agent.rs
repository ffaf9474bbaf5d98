//! A Mesos agent of its own: as much of the v1 executor API as one executor needs, in this process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aurora_api::thrift::{
    AssignedTask, Container, DockerImage, ExecutorConfig, Image, JobKey, MesosContainer, TaskConfig,
    encode_binary,
};
use mesos_v1::messages::executor::{Call, Event, call, event};
use mesos_v1::messages::{TaskInfo, TaskState, TaskStatus};
use mesos_v1::recordio;
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing in these tests takes this long on a machine that works, however busy it is.
const DEADLINE: Duration = Duration::from_secs(90);

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_thermos_executor");

/// Writes a program, by another process: while this one writes, others that it starts may have the file open for a moment as
/// well, and as long as anybody writes to a program it cannot be executed (ETXTBSY).
pub fn write_program(path: &Path, text: &str) {
    let write = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
    assert!(Command::new("/bin/sh").args(["-c", write]).arg(path).arg(text).status().unwrap().success());
}

/// Copies a program, by another process for the same reason.
pub fn copy_program(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// An address at which nobody listens, and nobody else can as long as it is held.
pub struct Refusing {
    _socket: tokio::net::TcpSocket,
    pub address: std::net::SocketAddr,
}

impl Refusing {
    pub fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { _socket: socket, address }
    }
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How the agent treats who asks it.
#[derive(Clone, Copy, Debug, Default)]
pub enum Conduct {
    /// As it should.
    #[default]
    Well,
    /// It answers with an error: this status.
    Refusing(u16),
    /// It takes what is said, and answers after this time.
    Late(Duration),
    /// It takes what is said, and never answers: a process that is stopped.
    Hanging,
    /// Its connections end at once: there is no process.
    Away,
}

/// What an executor that comes back told: its tasks, and the states of its updates.
pub type Told = (Vec<String>, Vec<TaskState>);

#[derive(Default)]
struct State {
    conduct: Conduct,
    /// What each subscription told.
    told: Vec<Told>,
    updates: Vec<TaskStatus>,
    stream: Option<TcpStream>,
    subscriptions: usize,
    mute: bool,
}

impl State {
    fn send(&mut self, event: &Event) {
        let record = recordio::encode(&event.encode_to_vec());
        if let Some(stream) = &mut self.stream {
            let mut chunk = format!("{:x}\r\n", record.len()).into_bytes();
            chunk.extend_from_slice(&record);
            chunk.extend_from_slice(b"\r\n");
            let _ = stream.write_all(&chunk);
        }
    }
}

/// The agent and its one executor, which ends with the test.
pub struct Rig {
    pub folder: TempDir,
    /// The run directory as the test sees it, and as the executor does, which may have a root of its own.
    run_directory: PathBuf,
    seen_as: PathBuf,
    state: Arc<Mutex<State>>,
    executor: Option<Child>,
    address: String,
}

impl Rig {
    /// Starts an agent and an executor, and waits for its subscription.
    pub fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[])
    }

    pub fn start_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), flags, environment)
    }

    /// In a folder that holds something already. An executor gives up after 10 s without a task: what takes its time is done before.
    pub fn start_in(folder: TempDir, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(flags).envs(environment.iter().copied()).current_dir(folder.path());
        let run_directory = folder.path().to_owned();
        Self::start_command(folder, run_directory.clone(), run_directory, command)
    }

    /// Starts an executor with a command of its own, which sees the run directory as `seen_as`.
    pub fn start_command(
        folder: TempDir,
        run_directory: PathBuf,
        seen_as: PathBuf,
        command: Command,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(connection, &shared));
            }
        });
        let mut rig = Self { folder, run_directory, seen_as, state, executor: None, address };
        rig.start_executor(command);
        rig.wait_subscriptions(1);
        rig
    }

    fn start_executor(&mut self, mut command: Command) {
        let log = fs::File::create(self.folder.path().join("executor.log")).unwrap();
        let own: Vec<(String, String)> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value?.to_str()?.to_owned())))
            .collect();
        command
            .env("MESOS_FRAMEWORK_ID", "f")
            .env("MESOS_EXECUTOR_ID", "thermos-t")
            .env("MESOS_SLAVE_ID", "a")
            .env("MESOS_AGENT_ENDPOINT", &self.address)
            .env("MESOS_DIRECTORY", &self.seen_as)
            .env("MESOS_SANDBOX", &self.seen_as)
            .env("MESOS_CHECKPOINT", "1")
            .env("MESOS_RECOVERY_TIMEOUT", "15mins")
            .env("MESOS_SUBSCRIPTION_BACKOFF_MAX", "100ms")
            .env("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs")
            .env("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "secret")
            // A task that is asked over HTTP to end may take long to answer on a busy machine.
            .env("AURORA_HTTP_SIGNALER_TIMEOUT_SECS", "90")
            .envs(own)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.executor = Some(command.spawn().unwrap());
    }

    pub fn wait_subscriptions(&self, count: usize) {
        wait_for(&format!("the subscription; log: {}", self.log()), || {
            (self.state.lock().unwrap().subscriptions >= count).then_some(())
        });
    }

    pub fn send(&self, event: &Event) {
        self.state.lock().unwrap().send(event);
    }

    pub fn launch(&self, data: Vec<u8>) {
        self.launch_as("t", data);
    }

    pub fn launch_as(&self, id: &str, data: Vec<u8>) {
        let task = TaskInfo {
            name: "x".into(),
            task_id: id.into(),
            agent_id: "a".into(),
            data: Some(data),
            ..TaskInfo::default()
        };
        self.send(&Event { launch: Some(event::Launch { task }), ..event_of(event::Type::Launch) });
    }

    pub fn kill(&self, id: &str) {
        let kill = event::Kill { task_id: id.into(), kill_policy: None };
        self.send(&Event { kill: Some(kill), ..event_of(event::Type::Kill) });
    }

    pub fn shut_down(&self) {
        self.send(&event_of(event::Type::Shutdown));
    }

    /// Cuts all connections, as a restart does.
    pub fn cut(&self) {
        if let Some(stream) = self.state.lock().unwrap().stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How the agent treats executors from now on.
    pub fn set_conduct(&self, conduct: Conduct) {
        self.state.lock().unwrap().conduct = conduct;
    }

    /// What the subscriptions so far told.
    pub fn told(&self) -> Vec<Told> {
        self.state.lock().unwrap().told.clone()
    }

    /// Whether updates are left without acknowledgement.
    pub fn set_mute(&self, mute: bool) {
        self.state.lock().unwrap().mute = mute;
    }

    /// State and message of every update so far.
    pub fn updates(&self) -> Vec<(TaskState, String)> {
        let state = self.state.lock().unwrap();
        state.updates.iter().map(|status| (status.state(), status.message().to_owned())).collect()
    }

    /// When the executor told a state, by its own clock.
    pub fn told_at(&self, wanted: TaskState) -> f64 {
        let state = self.state.lock().unwrap();
        state.updates.iter().find(|status| status.state() == wanted).unwrap().timestamp()
    }

    pub fn states(&self) -> Vec<TaskState> {
        self.updates().into_iter().map(|(state, _)| state).collect()
    }

    /// The states of one task.
    pub fn told_of(&self, id: &str) -> Vec<TaskState> {
        let state = self.state.lock().unwrap();
        let of_task = state.updates.iter().filter(|status| status.task_id.value == id);
        of_task.map(TaskStatus::state).collect()
    }

    pub fn wait_state(&self, wanted: TaskState) -> String {
        wait_for(&format!("{}; log: {}", wanted.as_str_name(), self.log()), || {
            self.updates().into_iter().find(|(state, _)| *state == wanted).map(|(_, message)| message)
        })
    }

    /// Waits for the end of the executor and returns its exit status.
    pub fn end(&mut self) -> Option<i32> {
        let mut executor = self.executor.take().unwrap();
        wait_for(&format!("the end of the executor; log: {}", self.log()), || executor.try_wait().unwrap())
            .code()
    }

    pub fn executor_pid(&self) -> i32 {
        i32::try_from(self.executor.as_ref().unwrap().id()).unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("executor.log")).unwrap_or_default()
    }

    pub fn sandbox(&self) -> PathBuf {
        self.run_directory.join("sandbox")
    }

    pub fn wait_file(&self, name: &str) {
        let path = self.sandbox().join(name);
        wait_for(name, || path.exists().then_some(()));
    }

    /// Waits until no process works below the sandbox.
    pub fn wait_deserted(&self) {
        wait_for("the processes to be gone", || (!self.is_inhabited()).then_some(()));
    }

    pub fn is_inhabited(&self) -> bool {
        let sandbox = self.sandbox();
        fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let is_inside =
                fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&sandbox));
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            is_inside && !stat.is_empty() && !stat.contains(") Z ")
        })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut executor) = self.executor.take() {
            let _ = executor.kill();
            let _ = executor.wait();
        }
    }
}

pub fn event_of(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

/// Answers the requests of one connection.
fn serve(connection: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    while let Some(body) = read_request(&mut reader) {
        let call = Call::decode(body.as_slice()).unwrap();
        let conduct = state.lock().unwrap().conduct;
        match conduct {
            Conduct::Well => {}
            Conduct::Late(time) => std::thread::sleep(time),
            Conduct::Refusing(status) => {
                let head = format!("HTTP/1.1 {status} Trouble\r\ncontent-length: 0\r\n\r\n");
                let _ = writer.write_all(head.as_bytes());
                continue;
            }
            // Whoever asks hangs up in the end.
            Conduct::Hanging => continue,
            Conduct::Away => return,
        }
        match call.r#type() {
            call::Type::Subscribe => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
                if writer.write_all(head.as_bytes()).is_err() {
                    return;
                }
                let mut state = state.lock().unwrap();
                state.stream = Some(writer.try_clone().unwrap());
                let subscribed = event::Subscribed::default();
                state.send(&Event { subscribed: Some(subscribed), ..event_of(event::Type::Subscribed) });
                let told = call.subscribe.unwrap_or_default();
                let tasks = told.unacknowledged_tasks.iter().map(|task| task.task_id.to_string()).collect();
                let updates =
                    told.unacknowledged_updates.iter().map(|update| update.status.state()).collect();
                state.told.push((tasks, updates));
                // The acknowledgement of what the executor tells again.
                for update in told.unacknowledged_updates {
                    take(&mut state, update.status);
                }
                state.subscriptions += 1;
            }
            call::Type::Update => {
                let _ = writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
                take(&mut state.lock().unwrap(), call.update.unwrap().status);
            }
            other => panic!("unexpected call {other:?}"),
        }
    }
}

fn take(state: &mut State, status: TaskStatus) {
    let uuid = status.uuid().to_vec();
    let task_id = status.task_id.clone();
    if !state.updates.iter().any(|other| other.uuid() == uuid) {
        state.updates.push(status);
    }
    if !state.mute {
        let acknowledged = event::Acknowledged { task_id, uuid };
        state.send(&Event { acknowledged: Some(acknowledged), ..event_of(event::Type::Acknowledged) });
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut is_first = true;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() && !is_first {
            break;
        }
        is_first = false;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// A server that answers every request with 200 and `ok`, as long as the tests run, and its port.
pub fn healthy_server() -> i32 {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = i32::from(server.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut connection in server.incoming().flatten() {
            let _ = BufReader::new(&connection).read_line(&mut String::new());
            let _ =
                connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    });
    port
}

/// `TaskInfo.data` of a task with one process.
pub fn task_of(cmdline: &str) -> Vec<u8> {
    assigned(&job_of(&[json!({"name": "p", "cmdline": cmdline, "min_duration": 1})]))
}

/// The job of a task with these processes.
pub fn job_of(processes: &[Value]) -> Value {
    json!({
        "role": "nobody", "environment": "devel", "name": "j", "service": false,
        "lifecycle": {"http": {"port": "health"}},
        "task": {"name": "j", "processes": processes, "resources": {"cpu": 0.1, "ram": 1 << 20, "disk": 64 << 20}},
    })
}

/// `TaskInfo.data` of a job's instance 0.
pub fn assigned(job: &Value) -> Vec<u8> {
    assigned_text(&job.to_string(), "nobody", &[])
}

/// `TaskInfo.data` of a job whose tasks run in a file system image.
pub fn with_image(job: &Value) -> Vec<u8> {
    let image = Image::Docker(DockerImage { name: Some("debian".into()), tag: Some("12".into()) });
    let container = MesosContainer { image: Some(image), ..MesosContainer::default() };
    assigned_in(&job.to_string(), "nobody", &[], Some(Container::Mesos(container)))
}

pub fn assigned_text(data: &str, role: &str, ports: &[(&str, i32)]) -> Vec<u8> {
    assigned_in(data, role, ports, None)
}

fn assigned_in(data: &str, role: &str, ports: &[(&str, i32)], container: Option<Container>) -> Vec<u8> {
    let key = JobKey { role: Some(role.into()), environment: Some("devel".into()), name: Some("j".into()) };
    let config = ExecutorConfig { name: Some("AuroraExecutor".into()), data: Some(data.into()) };
    encode_binary(&AssignedTask {
        task_id: Some("t".into()),
        slave_host: Some("localhost".into()),
        instance_id: Some(0),
        assigned_ports: Some(
            ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect::<BTreeMap<_, _>>(),
        ),
        task: Some(TaskConfig {
            job: Some(key),
            executor_config: Some(config),
            container,
            ..TaskConfig::default()
        }),
        ..AssignedTask::default()
    })
}
