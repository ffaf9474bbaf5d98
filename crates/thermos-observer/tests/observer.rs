//! The program against run directories as an agent leaves them (`spec/thermos.md` §§4.3–4.5, cases of §9.6).

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thermos::checkpoint::{TaskPaths, encode_record};
use thermos::os::identity::identify;
use thermos::plan::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};
use thermos::plan::{Birth, ProcessId};

/// Nothing in these tests takes this long on a machine that works, however busy it is.
const DEADLINE: Duration = Duration::from_secs(90);

/// An agent's work folder.
struct Work {
    folder: tempfile::TempDir,
}

impl Work {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn run_directory(&self, executor: &str, run: &str) -> PathBuf {
        self.folder.path().join("slaves/S0/frameworks/F/executors").join(executor).join("runs").join(run)
    }

    /// A task whose process `p` failed once and then runs, or has ended well.
    fn add(&self, id: &str, is_over: bool) -> PathBuf {
        let run = self.run_directory(&format!("thermos-{id}"), &format!("run-{id}"));
        let paths = TaskPaths::new(run.join("checkpoints"), id);
        for folder in
            [paths.checkpoints(), paths.root().join("tasks/active"), paths.root().join("tasks/finished")]
        {
            std::fs::create_dir_all(folder).unwrap();
        }
        let sandbox = run.join("sandbox");
        for (number, text) in [(0, "first\n"), (1, "hello\n")] {
            let logs = TaskPaths::logs(&sandbox.join(".logs"), "p", number);
            std::fs::create_dir_all(&logs).unwrap();
            std::fs::write(logs.join("stdout"), text).unwrap();
            std::fs::write(logs.join("stderr"), "").unwrap();
        }
        let task = json!({"name": "name-of-task", "processes": [{"name": "p", "cmdline": "echo <{{thermos.ports[http]}}>"}]});
        std::fs::write(if is_over { paths.finished() } else { paths.active() }, task.to_string()).unwrap();
        let put = |record: Record| append(&paths, &record);
        let step = |state: TaskState, second: i64| {
            Record::Task(TaskStatus {
                state: Some(state.wire()),
                timestamp_ms: Some(second * 1000),
                runner_pid: Some(1),
                runner_uid: Some(0),
                ..TaskStatus::default()
            })
        };
        put(step(TaskState::Active, 1000));
        put(Record::Header(RunnerHeader {
            task_id: Some(id.to_owned()),
            launch_time_ms: Some(1_000_500),
            sandbox: Some(sandbox.display().to_string()),
            hostname: Some("host".into()),
            user: Some("www".into()),
            ports: Some([("http".to_owned(), 8080)].into_iter().collect()),
            log_dir: Some(sandbox.join(".logs").display().to_string()),
            uid: Some(33),
        }));
        let status = |seq, state| ProcessStatus::new("p", seq, state);
        let forked = |seq| ProcessStatus {
            fork_time: Some(1001.0),
            coordinator_pid: Some(999_998),
            ..status(seq, ProcessState::Forked)
        };
        let running = |seq| ProcessStatus {
            start_time: Some(1001.5),
            pid: Some(999_999),
            ..status(seq, ProcessState::Running)
        };
        for record in [status(0, ProcessState::Waiting), forked(1), running(2)] {
            put(Record::Process(record));
        }
        put(Record::Process(ProcessStatus {
            stop_time: Some(1002.0),
            return_code: Some(7),
            ..status(3, ProcessState::Failed)
        }));
        for record in [status(4, ProcessState::Waiting), forked(5), running(6)] {
            put(Record::Process(record));
        }
        if is_over {
            put(Record::Process(ProcessStatus {
                stop_time: Some(1003.0),
                return_code: Some(0),
                ..status(7, ProcessState::Success)
            }));
            put(step(TaskState::Success, 1004));
        }
        sandbox
    }
}

/// Adds a record to the stream of a task. No lock is taken: a process that another test starts at this moment would have it too, and
/// longer than it is wanted.
fn append(paths: &TaskPaths, record: &Record) {
    let mut stream = std::fs::File::options().create(true).append(true).open(paths.runner()).unwrap();
    stream.write_all(&encode_record(record).unwrap()).unwrap();
}

struct Observer {
    child: Child,
    address: String,
}

impl Observer {
    fn start(work: &Work) -> Self {
        Self::start_with(work, &[])
    }

    fn start_with(work: &Work, flags: &[String]) -> Self {
        let (observer, log) = Self::start_heard(work, |command| command.args(flags));
        std::thread::spawn(move || log.for_each(drop));
        observer
    }

    /// With the rest of its log.
    fn start_heard(
        work: &Work,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> (Self, Lines<BufReader<ChildStderr>>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thermos_observer"));
        command
            .arg(format!("--mesos-root={}", work.folder.path().display()))
            .args(["--port=0", "--polling_interval_secs=1"]);
        let mut child = more(&mut command).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("address=") {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
        };
        (Self { child, address }, lines)
    }

    fn request(&self, line: &str, headers: &str) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(stream, "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = bytes[end + 4..].to_vec();
        let body =
            if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        (status, head, body)
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.request(&format!("GET {path}"), "");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
    out
}

#[test]
fn th_144_tasks_and_runs_as_json() {
    let work = Work::new();
    work.add("old", true);
    let old = work.run_directory("thermos-old", "run-old").join("checkpoints/tasks/finished/old");
    let file = std::fs::File::options().append(true).open(old).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    work.add("new", false);
    let observer = Observer::start(&work);
    assert_eq!(observer.json("/j/task_id_count"), json!({"active": 1, "finished": 1, "all": 2}));
    let oldest = observer.json("/j/task_ids/all/-1/1");
    assert_eq!(
        (&oldest["type"], &oldest["offset"], &oldest["num"], &oldest["task_count"]),
        (&json!("all"), &json!(-1), &json!(1), &json!(2))
    );
    assert_eq!(oldest["tasks"].as_array().unwrap().len(), 1);
    let entry = &oldest["tasks"][0];
    let expected = json!({"cpu": 0.0, "ram": 0, "user": 0.0, "system": 0.0, "rss": 0, "vms": 0, "nice": null, "status": "None",
        "threads": 0, "disk": 0, "task_id": "old", "name": "name-of-task", "role": "www", "launch_timestamp": 1000,
        "state": "SUCCESS", "state_timestamp": 1004, "ports": {"http": 8080}});
    assert_eq!(*entry, expected);
    let default = observer.json("/j/task_ids");
    let ids: Vec<_> =
        default["tasks"].as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["new", "old"], "newest first");

    let task = observer.json("/j/task/new");
    let task = &task["new"];
    assert_eq!(task["user"], "www");
    assert_eq!(task["state"], "ACTIVE");
    let groups = json!({"waiting": [], "running": ["p"], "success": [], "failed": [], "killed": []});
    assert_eq!(task["processes"], groups);
    assert_eq!(task["task"]["processes"][0]["cmdline"], "echo <8080>");
    assert!(task["resource_consumption"]["cpu"].is_number());
    assert_eq!(observer.json("/j/task?task_id=new,old").as_object().unwrap().len(), 2);

    let latest = observer.json("/j/process/old/p/-1");
    let expected = json!({"process_name": "p", "process_run": 1, "state": "SUCCESS", "start_time": 1001.5, "stop_time": 1003.0, "return_code": 0});
    assert_eq!(latest, expected);
    assert_eq!(observer.json("/j/process/old/p"), latest);
    assert_eq!(observer.json("/j/process/old/p/0")["return_code"], 7);
    assert!(observer.json("/j/process/new/p")["used"]["threads"].is_number());
    assert_eq!(observer.json("/j/processes?task_id=old")["old"]["p"], latest);
    assert_eq!(observer.json("/j/process/old"), json!({}));
    assert_eq!(observer.json("/j/process/old/unknown"), json!({}));
    // Also by the run it is in.
    assert!(observer.json("/j/task/run-old")["run-old"]["task_id"] == "old");
}

#[test]
fn d17_a_task_whose_runner_is_gone_says_so() {
    let work = Work::new();
    for id in ["gone", "lives", "old"] {
        work.add(id, false);
    }
    let takes_over = |id: &str, runner: ProcessId| {
        let root = work.run_directory(&format!("thermos-{id}"), &format!("run-{id}")).join("checkpoints");
        let record = Record::Task(TaskStatus::new(TaskState::Active, 1_005_000, runner, 0));
        append(&TaskPaths::new(root, id), &record);
    };
    let own = identify(i32::try_from(std::process::id()).unwrap());
    let birth = own.birth.unwrap();
    takes_over("lives", own);
    takes_over(
        "gone",
        ProcessId { birth: Some(Birth { start_ticks: birth.start_ticks - 1, ..birth }), ..own },
    );
    let observer = Observer::start(&work);
    // What upstream has stays as it is, and something is added.
    let task = observer.json("/j/task/gone")["gone"].clone();
    assert_eq!(task["state"], "ACTIVE");
    let message = format!(
        "its runner (process {}) is gone without having ended it; nothing of it runs any more",
        own.pid
    );
    assert_eq!(task["abandoned"]["message"], json!(message));
    assert!(task["abandoned"]["last_sign_timestamp"].as_u64().unwrap() > 1_700_000_000);
    assert!(task["abandoned"]["remedy"].as_str().unwrap().contains("`thermos kill gone`"));
    for id in ["lives", "old"] {
        assert!(observer.json(&format!("/j/task/{id}"))[id].get("abandoned").is_none(), "{id}");
    }
    let listed = observer.json("/j/task_ids/active");
    let abandoned = listed["tasks"].as_array().unwrap().iter().filter(|task| task.get("abandoned").is_some());
    assert_eq!(abandoned.map(|task| task["task_id"].as_str().unwrap()).collect::<Vec<_>>(), ["gone"]);
    let (_, page) = observer.get("/task/gone");
    assert!(page.contains(&message) && page.contains("It was last heard of at "), "{page}");
    let (_, list) = observer.get("/");
    assert_eq!(list.matches("no runner").count(), 1, "{list}");
}

#[test]
fn the_page_of_a_task_says_why_its_executor_gave_it_up() {
    let work = Work::new();
    let sandbox = work.add("t", true);
    let failure = json!({
        "state": "TASK_FAILED", "message": "Task failed. Process 'p' exited with <7>", "host": "h1",
        "time": "2026-01-01 00:00:00 UTC", "task_id": "t",
    });
    std::fs::write(sandbox.with_file_name("failure.json"), failure.to_string()).unwrap();
    let (_, page) = Observer::start(&work).get("/task/t");
    for part in ["TASK_FAILED", "exited with &lt;7&gt;", "h1", "2026-01-01 00:00:00 UTC"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn th_145_pieces_of_logs() {
    let work = Work::new();
    work.add("t", false);
    let observer = Observer::start(&work);
    assert_eq!(
        observer.json("/logdata/t/p/1/stdout?offset=0&length=3"),
        json!({"offset": 0, "length": 3, "data": "hel"})
    );
    assert_eq!(observer.json("/logdata/t/p/1/stdout"), json!({"offset": 6, "length": 0}));
    assert_eq!(observer.json("/logdata/t/p/1/stdout?offset=-1"), json!({"offset": 6, "length": 0}));
    assert_eq!(
        observer.json("/logdata/t/p/0/stdout?offset=2&length=-1"),
        json!({"offset": 2, "length": 4, "data": "rst\n"})
    );
    assert_eq!(observer.json("/logdata/t/p/1/stdout?offset=100"), json!({"offset": 100, "length": 0}));
    assert_eq!(
        observer.json("/filedata/t/.logs/p/0/stdout?offset=0&length=2"),
        json!({"offset": 0, "length": 2, "data": "fi"})
    );
    assert_eq!(observer.get("/logdata/t/p/1/stdout?offset=x").0, 400);
}

#[test]
fn th_146_what_a_task_writes_never_becomes_markup() {
    let work = Work::new();
    let sandbox = work.add("t", false);
    std::fs::write(sandbox.join("file"), "<b>&\u{1f}\"").unwrap();
    std::fs::write(sandbox.join("<img src=x>"), "").unwrap();
    std::fs::write(sandbox.join("bytes"), b"\xff<").unwrap();
    let observer = Observer::start(&work);
    assert_eq!(observer.json("/filedata/t/file?offset=0")["data"], "&lt;b&gt;&amp;\u{1f}\"");
    assert_eq!(observer.json("/filedata/t/bytes?offset=0")["data"], "\u{fffd}&lt;");
    assert!(observer.get("/file/t/file").1.contains("&lt;b&gt;&amp;"));
    let listing = observer.get("/browse/t").1;
    assert!(listing.contains("&lt;img src=x&gt;") && !listing.contains("<img"), "{listing}");
    let unknown = observer.get("/task/%3Cscript%3E").1;
    assert!(unknown.contains("Unknown task_id: &lt;script&gt;") && !unknown.contains("<script"), "{unknown}");
    let (_, head, _) = observer.request("GET /browse/t", "");
    assert!(head.to_lowercase().contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(head.to_lowercase().contains("x-content-type-options: nosniff"), "{head}");
}

#[test]
fn th_147_nothing_outside_the_sandbox_is_shown() {
    let work = Work::new();
    let sandbox = work.add("t", false);
    let evil = sandbox.with_file_name("sandbox-evil");
    std::fs::create_dir(&evil).unwrap();
    std::fs::write(evil.join("s"), "SECRET root:").unwrap();
    symlink("/etc/passwd", sandbox.join("link")).unwrap();
    symlink("/etc", sandbox.join("etc")).unwrap();
    symlink(evil.join("s"), sandbox.join("near")).unwrap();
    nix::unistd::mkfifo(&sandbox.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let stderr = sandbox.join(".logs/p/1/stderr");
    std::fs::remove_file(&stderr).unwrap();
    symlink("/etc/passwd", &stderr).unwrap();
    // A run whose folder of logs leads away.
    std::fs::rename(sandbox.join(".logs/p/0"), sandbox.join("moved")).unwrap();
    symlink("/etc", sandbox.join(".logs/p/0")).unwrap();
    let observer = Observer::start(&work);
    let paths = [
        "../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "../sandbox-evil/s",
        "link",
        "etc/passwd",
        "near",
        "pipe",
        ".",
        "..",
        "a%00b",
    ];
    for path in paths {
        for route in ["filedata", "file", "download"] {
            let (status, body) = observer.get(&format!("/{route}/t/{path}?offset=0"));
            let is_refused = status == 404 || (status == 200 && body == "{}");
            assert!(is_refused && !body.contains("root:"), "{route} {path}: {status} {body}");
        }
        let (_, body) = observer.get(&format!("/browse/t/{path}"));
        assert!(!body.contains("root:") && !body.contains("passwd\">"), "browse {path}: {body}");
    }
    for path in [
        "/logdata/t/p/1/stderr?offset=0",
        "/logdata/t/p/0/passwd?offset=0",
        "/logs/t/p/1/stderr",
        "/logdata/t/..%2f..%2fsandbox-evil/0/stdout",
    ] {
        let (status, body) = observer.get(path);
        assert!((status == 404 || body == "{}") && !body.contains("root:"), "{path}: {status} {body}");
    }
    // A header that leads out of the run directory.
    let other = work.add("u", false);
    let paths = TaskPaths::new(other.with_file_name("checkpoints"), "u");
    let mut header = Vec::new();
    header.extend(std::fs::read(paths.runner()).unwrap());
    let text = other.display().to_string();
    let replaced = "/etc".to_owned()
        + &"/.".repeat((text.len() - 4) / 2)
        + if text.len().is_multiple_of(2) { "" } else { "/" };
    let at = header.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    header[at..at + text.len()].copy_from_slice(replaced.as_bytes());
    std::fs::write(paths.runner(), header).unwrap();
    let fresh = Observer::start(&work);
    assert_eq!(fresh.get("/browse/u").0, 404);
    assert_eq!(fresh.get("/filedata/u/passwd?offset=0").1, "{}");
}

#[test]
fn th_148_what_is_not_there_is_said_in_json() {
    let work = Work::new();
    work.add("t", false);
    let observer = Observer::start(&work);
    let refusals = [
        ("/j/task/unknown", "Unknown task_id: unknown"),
        ("/j/task_ids/some", "Invalid task type: some"),
        ("/j/task_ids/all/x", "Invalid offset: x"),
        ("/logdata/unknown/p/0/stdout", "Unknown task_id: unknown"),
        ("/logdata/t/unknown/0/stdout", "Invalid task/process combination: t/unknown"),
        ("/logdata/t/p/0/other", "No such log type: other"),
        ("/logdata/t/p/x/stdout", "no such run: x"),
        ("/vars/unknown", "no such variable: unknown"),
    ];
    for (path, text) in refusals {
        let (status, body) = observer.get(path);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["error"].as_str()), (404, Some(text)), "{path}");
    }
    assert_eq!(observer.json("/j/process/t/p/99"), json!({}));
    assert_eq!(observer.json("/j/process/t/p/-99"), json!({}));
    assert_eq!(observer.json("/logdata/t/p/99/stdout"), json!({}));
    let (status, head, _) = observer.request("POST /j/task_ids", "Content-Length: 0\r\n");
    assert!(status == 405 && head.to_lowercase().contains("allow: get, head"), "{head}");
}

#[test]
fn pages_show_tasks_processes_and_files() {
    let work = Work::new();
    let sandbox = work.add("t", false);
    std::fs::write(sandbox.join("file"), "0123456789").unwrap();
    let observer = Observer::start(&work);
    for (path, parts) in [
        ("/", &["name-of-task", "/task/t", "/browse/t", "active tasks (1)", "http: 8080"][..]),
        ("/main/active", &["name-of-task"]),
        ("/task/t", &["ACTIVE", "www", "host", "01/01 00:16:41", "/logs/t/p/1/stdout", "RUNNING"]),
        ("/rawtask/t", &["&quot;cmdline&quot;: &quot;echo &lt;8080&gt;&quot;"]),
        ("/process/t/p", &["echo &lt;8080&gt;", "FAILED", "<td>7<"]),
        ("/logs/t/p/1/stdout", &["hello"]),
        ("/browse/t", &["file/t/file", "download/t/file", "drwx"]),
        ("/browse/t/%2Elogs", &[".."]),
        ("/vars", &["sys.uptime ", "sys.version "]),
        ("/vars/sys.uptime", &[""]),
        ("/health", &["OK"]),
        ("/profile", &["Profiling is disabled"]),
    ] {
        let (status, body) = observer.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        for part in parts {
            assert!(body.contains(part), "{path} lacks {part}: {body}");
        }
    }
    let (status, head, body) = observer.request("GET /download/t/file", "");
    assert_eq!((status, body.as_slice()), (200, &b"0123456789"[..]));
    assert!(
        head.contains("application/octet-stream") && head.contains("attachment; filename=\"file\""),
        "{head}"
    );
    let (status, head, body) = observer.request("GET /download/t/file", "Range: bytes=2-4\r\n");
    assert_eq!((status, body.as_slice()), (206, &b"234"[..]));
    assert!(head.to_lowercase().contains("content-range: bytes 2-4/10"), "{head}");
    assert_eq!(observer.request("GET /download/t/file", "Range: bytes=20-\r\n").0, 416);
    assert_eq!(observer.request("GET /favicon.ico", "").0, 303);
    let refusals = [
        ("/task/none", "Unknown task_id: none"),
        ("/process/t/none", "Invalid task/process combination: t/none"),
        ("/logs/t/p/0/none", "No such log type: none"),
        ("/main/none", "Invalid task type: none"),
        ("/main/all/0/x", "Invalid count: x"),
        ("/browse/t/none", "Sandbox does not exist."),
        ("/assets/none", "Unknown asset: none"),
    ];
    for (path, text) in refusals {
        let (status, body) = observer.get(path);
        assert!(status == 404 && body.contains(text), "{path}: {status} {body}");
    }
}

#[test]
fn tasks_come_and_go_while_it_runs() {
    let work = Work::new();
    let observer = Observer::start(&work);
    assert_eq!(observer.json("/j/task_id_count")["all"], 0);
    work.add("t", false);
    let wait = |what: &str, path: &str, is_there: &dyn Fn(&Value) -> bool| {
        let begin = Instant::now();
        while !is_there(&observer.json(path)) {
            assert!(begin.elapsed() < DEADLINE, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait("the task", "/j/task_id_count", &|counts| counts["active"] == 1);
    let run = work.run_directory("thermos-t", "run-t");
    let paths = TaskPaths::new(run.join("checkpoints"), "t");
    // What it writes is seen, and damage hides nothing before it.
    let ended = ProcessStatus {
        stop_time: Some(1.0),
        return_code: Some(0),
        ..ProcessStatus::new("p", 7, ProcessState::Success)
    };
    append(&paths, &Record::Process(ended));
    let mut stream = std::fs::File::options().append(true).open(paths.runner()).unwrap();
    stream.write_all(&[0, 0, 0, 1, 9]).unwrap();
    wait("its end", "/j/process/t/p", &|run| run["state"] == "SUCCESS");
    let begin = Instant::now();
    while !observer.get("/task/t").1.contains("what comes before is shown") {
        assert!(begin.elapsed() < DEADLINE, "waited in vain for the damage");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::rename(paths.active(), paths.finished()).unwrap();
    wait("the end of the task", "/j/task_id_count", &|counts| counts["finished"] == 1);
    std::fs::remove_dir_all(Path::new(&run)).unwrap();
    wait("its removal", "/j/task_id_count", &|counts| counts["all"] == 0);
}

#[test]
fn with_credentials_only_known_people_see_anything() {
    use std::os::unix::fs::PermissionsExt;
    let work = Work::new();
    work.add("t", false);
    let file = work.folder.path().join("people");
    std::fs::write(&file, "ann:secret\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let observer = Observer::start_with(&work, &[format!("--credentials={}", file.display())]);
    for path in ["/", "/main", "/j/task_ids/all", "/task/t", "/file/t/.logs/p/1/stdout", "/vars", "/nothing"]
    {
        let (status, head, _) = observer.request(&format!("GET {path}"), "");
        assert_eq!(status, 401, "{path}");
        assert!(head.to_ascii_lowercase().contains("www-authenticate: basic"), "{head}");
    }
    // ann:secret and ann:wrong.
    let with = |basic: &str| format!("Authorization: Basic {basic}\r\n");
    let (status, _, body) = observer.request("GET /j/task/t", &with("YW5uOnNlY3JldA=="));
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("name-of-task"), "{status}");
    assert_eq!(observer.request("GET /task/t", &with("YW5uOndyb25n")).0, 401);
    assert_eq!(observer.get("/health").0, 200, "whoever watches over it needs no password");
}

#[test]
fn it_goes_on_when_the_reader_of_its_log_ends() {
    let work = Work::new();
    work.add("t", false);
    // It has something to say to every request.
    let (mut observer, log) = Observer::start_heard(&work, |command| command.env("RUST_LOG", "trace"));
    drop(log);
    for _ in 0..20 {
        assert_eq!(observer.json("/j/task_id_count")["active"], 1);
        assert!(observer.child.try_wait().unwrap().is_none());
    }
}
