//! The program `thermos` (`spec/thermos.md` §5, cases of §9.6).

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_thermos");

/// Nothing in these tests takes this long on a machine that works, however busy it is.
const DEADLINE: Duration = Duration::from_secs(90);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg(format!("--root={}", self.root().display()))
            .arg(format!("--mesos-root={}", self.path().join("work").display()))
            .args(arguments)
            .env("TMPDIR", self.path())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// A finished task.
    fn finish(&self, id: &str, command: &str) -> Output {
        self.run(&["simplerun", &format!("--task_id={id}"), "--", command])
    }

    fn start(&self, id: &str, command: &str) -> Child {
        let child = self
            .command(&["simplerun", &format!("--task_id={id}"), "--", command])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for("the process", || {
            stdout(&self.run(&["status", id, "--verbosity=3"])).contains("RUNNING").then_some(())
        });
        child
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.run(&["kill", ".*"]);
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const TWO: &str = "
def process(name):
    return Process(name=name, cmdline='echo {{word}} {{thermos.ports[http]}}')
resources = Resources(cpu=1, ram=MB, disk=MB)
export(Task(name='one', processes=[process('a')], resources=resources))
export(dict(name='two', processes=[process('b')], resources=resources))
";

#[test]
fn th_151_status_shows_as_much_as_is_asked_for() {
    let place = Place::new();
    let nothing = place.run(&["status"]);
    assert_eq!((nothing.status.code(), stdout(&nothing).as_str()), (Some(1), "No tasks found.\n"));
    assert!(place.finish("t1", "true").status.success());
    let level = |level: &str| stdout(&place.run(&["status", "t", "--verbosity", level]));
    let own = Command::new("id").arg("-un").output().unwrap();
    let own = stdout(&own).trim().to_owned();
    let first = format!("Finished tasks:\n  t1                   [owner: {own:>8}]");
    assert_eq!(level("0"), format!("{first}\n\n"));
    // As `asctime` writes times, in 25 columns.
    let is_time = |text: &str| {
        let words: Vec<_> = text.split_whitespace().collect();
        text.len() == "Sun Jan  1 00:00:00 2026".len()
            && words.len() == 5
            && words[3].len() == "00:00:00".len()
    };
    let shown = level("1");
    let time = shown
        .strip_prefix(&format!("{first}  state:  SUCCESS start:  "))
        .and_then(|rest| rest.strip_suffix("\n\n"))
        .unwrap_or_else(|| panic!("{shown}"));
    assert!(is_time(time), "{shown}");
    let second =
        format!("{first}  state:  SUCCESS start:  {time}\n    user: {own} ports: None\n    sandbox: /");
    let shown = level("2");
    assert!(shown.starts_with(&second) && shown.ends_with("\n\n") && !shown.contains("process"), "{shown}");
    let shown = level("3");
    assert!(shown.starts_with(&second), "{shown}");
    let (_, table) = shown.split_once("    process table:\n      - simple runs: 1 last: pid=").unwrap();
    let (pid, rest) = table.split_once(", rc=0, finish:").unwrap();
    assert!(pid.parse::<u32>().is_ok_and(|pid| pid > 1), "{shown}");
    assert!(is_time(rest.strip_suffix(", state:SUCCESS\n\n\n").unwrap()), "{shown}");
    assert_eq!(place.run(&["status", "--only=active"]).status.code(), Some(1));
    assert_eq!(place.run(&["status", "1"]).status.code(), Some(1), "patterns match at the beginning");
    let bogus = place.run(&["bogus"]);
    assert_eq!(bogus.status.code(), Some(1));
    let listed = "Must supply one of the following commands: gc, help, inspect, kill, read, run, simplerun, status, tail";
    assert!(stderr(&bogus).contains(listed), "{}", stderr(&bogus));
}

#[test]
fn th_152_read_shows_a_stream_and_its_records() {
    let place = Place::new();
    place.finish("t1", "exit 4");
    let stream = place.root().join("checkpoints/t1/runner");
    let file = stream.to_str().unwrap();
    let shown = stdout(&place.run(&["read", file]));
    for part in [
        "Recovered Task Header:\n  id:      t1\n  user:    ",
        "Recovered Task States:\n  ",
        "] => ACTIVE\n",
        "] => FAILED\n",
        "Recovered Processes:\n  simple   runs: 1\n     0: pid=",
        ", rc=4, finish:",
        ", state:FAILED\n",
    ] {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    let simple = stdout(&place.run(&["read", "--simple", file]));
    assert_eq!(simple.lines().filter(|line| line.starts_with("CKPT: RunnerCkpt(runner_header=")).count(), 9);
    // A run that never got a pid, and then damage.
    let bytes = std::fs::read(&stream).unwrap();
    let whole = 4 + usize::try_from(u32::from_be_bytes(bytes[..4].try_into().unwrap())).unwrap();
    let header =
        4 + usize::try_from(u32::from_be_bytes(bytes[whole..whole + 4].try_into().unwrap())).unwrap();
    let waiting = 4 + usize::try_from(u32::from_be_bytes(
        bytes[whole + header..whole + header + 4].try_into().unwrap(),
    ))
    .unwrap();
    let intact = whole + header + waiting;
    std::fs::write(&stream, &bytes[..intact + 9]).unwrap();
    let torn = place.run(&["read", file]);
    let shown = stdout(&torn);
    assert_eq!(torn.status.code(), Some(1));
    assert!(shown.contains("     0: pid=None, rc=, finish:None, state:WAITING\n"), "{shown}");
    assert!(
        shown.contains(&format!("Failed to recover from {file}: the record at byte {intact}")),
        "{shown}"
    );
    let none = place.run(&["read", "absent"]);
    assert_eq!((none.status.code(), stderr(&none).ends_with("Could not find absent\n")), (Some(2), true));
    assert!(stderr(&place.run(&["read"])).ends_with("Expected one checkpoint file, got 0\n"));
}

#[test]
fn th_153_kill_without_a_match_is_no_failure() {
    let place = Place::new();
    let none = place.run(&["kill", "nomatch"]);
    assert_eq!((none.status.code(), stdout(&none).as_str()), (Some(0), "No active tasks matched.\n"));
    let nothing = place.run(&["kill"]);
    assert_eq!((nothing.status.code(), stderr(&nothing).as_str()), (Some(0), "Must specify tasks!\n"));
}

#[test]
fn th_154_a_config_has_to_mean_one_task() {
    let place = Place::new();
    place.write("two.thermos", TWO);
    place.write("none.thermos", "x = 1\n");
    let refusal = |arguments: &[&str]| {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("Usage: thermos run "), "{}", stderr(&output));
        stderr(&output)
    };
    let several = refusal(&["run", "two.thermos"]);
    assert!(several.contains("Multiple tasks in config but no task name specified!"), "{several}");
    let unknown = refusal(&["run", "two.thermos", "--task=three"]);
    assert!(unknown.contains("Could not find task three!\nits tasks are: one, two"), "{unknown}");
    assert!(refusal(&["run", "none.thermos"]).contains("No tasks specified!"));
    let configs = refusal(&["run", "a", "b"]);
    assert!(configs.contains("Should specify precisely one config, instead got: ['a', 'b']"), "{configs}");
    let ports = refusal(&["run", "two.thermos", "--task=one", "-E", "word=x"]);
    assert!(ports.contains("ERROR!  Unbound ports: http"), "{ports}");
    let port = refusal(&["run", "two.thermos", "--task=one", "-P", "http"]);
    assert!(port.contains("Invalid value for --port: http should be of form NAME:PORT"), "{port}");
    let number = refusal(&["run", "two.thermos", "--task=one", "-P", "http:x"]);
    assert!(number.contains("Port does not appear to be an integer: x"), "{number}");
    let binding = refusal(&["run", "two.thermos", "--task=one", "-E", "a=b=c"]);
    assert!(binding.contains("Binding must be of the form NAME=VALUE"), "{binding}");
    let reference = refusal(&["run", "two.thermos", "--task=one", "-E", "a b=c"]);
    assert!(reference.contains("Could not parse ref a b: "), "{reference}");
}

#[test]
fn th_155_a_command_line_is_a_task_of_one_process() {
    let place = Place::new();
    let output = place.run(&["simplerun", "--task_id=t1", "echo", "hi"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "Running command: 'echo hi'\n");
    let task: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.root().join("tasks/finished/t1")).unwrap()).unwrap();
    assert_eq!(task["resources"], serde_json::json!({"cpu": 1.0, "ram": 256 << 20, "disk": 0}));
    assert_eq!(task["processes"].as_array().unwrap().len(), 1);
    assert_eq!(stdout(&place.run(&["tail", "t1"])).lines().last(), Some("hi"));
}

#[test]
fn a_task_of_a_file_runs_with_ports_and_bindings() {
    let place = Place::new();
    place.write("two.thermos", TWO);
    let arguments = [
        "run",
        "two.thermos",
        "-task=two",
        "-P",
        "http:8080",
        "-E",
        "word=hello",
        "--sandbox=sb",
        "--task_id=t",
    ];
    let output = place.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(place.path().join("sb/.logs/b/0/stdout")).unwrap(), "hello 8080\n");
    let shown = stdout(&place.run(&["inspect", "two.thermos", "--task=one", "-E", "word=hello"]));
    assert!(shown.contains("'cmdline': 'echo hello {{thermos.ports[http]}}'"), "{shown}");
    assert!(shown.starts_with("{   'constraints': (),\n") && shown.contains("'daemon': False"), "{shown}");
}

#[test]
fn a_task_of_a_job_runs_as_one_of_its_instances() {
    let place = Place::new();
    let file = "
task = Task(processes=[Process(name='p', cmdline='echo {{mesos.instance}} {{role}}')], resources=Resources(cpu=1, ram=MB, disk=MB))
jobs = [Job(cluster='c', role='www', environment='prod', name=n, task=task) for n in ['a', 'b']]
";
    place.write("two.aurora", file);
    let arguments =
        ["run", "two.aurora", "--job=c/www/prod/b", "--instance=3", "--sandbox=sb", "--task_id=t"];
    let output = place.run(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(place.path().join("sb/.logs/p/0/stdout")).unwrap(), "3 www\n");
    let unknown = stderr(&place.run(&["run", "two.aurora", "--job=c/www/prod/x"]));
    assert!(
        unknown.contains("Could not find job c/www/prod/x! The jobs of two.aurora are: c/www/prod/a"),
        "{unknown}"
    );
}

#[test]
fn task_json_runs_as_it_is() {
    let place = Place::new();
    place.write("task.json", r#"{"processes": [{"name": "p", "cmdline": "echo {{word}}"}]}"#);
    let output = place.run(&["run", "--json", "task.json", "-E", "word=x", "--sandbox=sb", "--task_id=t"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(place.path().join("sb/.logs/p/0/stdout")).unwrap(), "x\n");
    place.write("bad.json", "{");
    let bad = place.run(&["run", "--json", "bad.json"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(stderr(&bad).contains("not valid JSON"), "{}", stderr(&bad));
}

#[test]
fn a_task_that_fails_says_which_process_and_why() {
    let place = Place::new();
    let output = place.finish("t1", "echo went wrong >&2; exit 3");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("Task t1 ended as FAILED.\n  process 'simple' failed in run 0 with exit status 3\n"),
        "{said}"
    );
    assert!(said.contains("stderr: went wrong"), "{said}");
}

#[test]
fn kill_takes_everything_of_a_task_along_and_its_runner() {
    let place = Place::new();
    let ready = place.path().join("ready");
    let command = format!("(setsid sleep 4711 &); trap '' TERM; touch {}; sleep 4711", ready.display());
    let mut child = place.start("t1", &command);
    wait_for("the process to be ready", || ready.exists().then_some(()));
    let output = place.run(&["kill", "t"]);
    assert_eq!(stdout(&output), "Killing t1...done.\n", "{}", stderr(&output));
    assert!(!child.wait().unwrap().success());
    let simple = stdout(&place.run(&[
        "read",
        "--simple",
        place.root().join("checkpoints/t1/runner").to_str().unwrap(),
    ]));
    let last: Vec<&str> = simple.lines().rev().take(3).collect();
    assert!(last[2].contains("task_status=TaskStatus(state=0"), "{simple}");
    assert!(last[1].contains("state=4") && last[1].contains("return_code=-9"), "{simple}");
    assert!(last[0].contains("task_status=TaskStatus(state=3"), "{simple}");
    let folder = place.path().to_owned();
    wait_for("all processes to be gone", || (!is_inhabited(&folder)).then_some(()));
}

#[test]
fn d17_status_tells_of_a_runner_that_is_gone() {
    let place = Place::new();
    let mut child = place.start("t1", "exec sleep 4714");
    assert_eq!(stderr(&place.run(&["status"])), "");
    child.kill().unwrap();
    child.wait().unwrap();
    let expected = format!(
        "WARNING: task t1: its runner (process {}) is gone without having ended it; 1 of its processes still runs; `thermos kill 't1'` ends it\n",
        child.id()
    );
    for level in ["0", "3"] {
        let said = place.run(&["status", "--verbosity", level]);
        assert_eq!(stderr(&said), expected);
        assert!(stdout(&said).starts_with("Active tasks:\n  t1 "), "{}", stdout(&said));
    }
    assert!(place.run(&["kill", "t1"]).status.success());
    assert_eq!(stderr(&place.run(&["status"])), "");
}

#[test]
fn an_id_that_was_used_is_told() {
    let place = Place::new();
    assert!(place.finish("t1", "true").status.success());
    let again = place.finish("t1", "touch again");
    assert!(again.status.success());
    assert_eq!(
        stderr(&again).lines().last(),
        Some("Task t1 is over: it ended as SUCCESS. Nothing was run; give another --task_id, or none.")
    );
    let stream = place.root().join("checkpoints/t1/runner");
    let whole = std::fs::read(&stream).unwrap();
    std::fs::write(&stream, [whole.as_slice(), b"xx"].concat()).unwrap();
    let said = place.run(&["status", "--verbosity=1"]);
    let expected = format!(
        "WARNING: task t1: its checkpoint is cut off at byte {}; what comes before is shown\n",
        whole.len()
    );
    assert_eq!(stderr(&said), expected);
    assert!(stdout(&said).contains("state:  SUCCESS"));
    let said = place.run(&["gc", "--max_tasks=0", "--force"]);
    assert!(stderr(&said).starts_with("Nothing is removed: say what"), "{}", stderr(&said));
    std::fs::write(&stream, [0, 0, 0, 1, 0]).unwrap();
    assert!(stderr(&place.finish("t1", "true")).contains("its checkpoint "), "unreadable");
}

#[test]
fn a_graceful_kill_lets_the_task_end_by_itself() {
    let place = Place::new();
    let ready = place.path().join("ready");
    let command = format!("trap 'echo ended; exit 0' TERM; touch {}; sleep 4712 & wait", ready.display());
    let mut child = place.start("t1", &command);
    wait_for("the trap to be set", || ready.exists().then_some(()));
    let output = place.run(&["kill", "--graceful", "t1"]);
    assert_eq!(stdout(&output), "Killing t1...done.\n", "{}", stderr(&output));
    child.wait().unwrap();
    assert_eq!(stdout(&place.run(&["tail", "t1"])).lines().last(), Some("ended"));
    assert!(stdout(&place.run(&["status", "--verbosity=1"])).contains("state:   KILLED"));
}

#[test]
fn an_interrupt_ends_the_task_in_upstreams_words() {
    let place = Place::new();
    let child = place.start("t1", "exec sleep 4713");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).ends_with("Got keyboard interrupt, killing job!\n"), "{}", stdout(&output));
    assert!(stderr(&output).contains("Task t1 ended as KILLED."), "{}", stderr(&output));
}

#[test]
fn a_task_in_the_background_outlives_its_starter() {
    let place = Place::new();
    let output =
        place.run(&["simplerun", "--daemon", "--task_id=t1", "--", "until test -e go; do sleep 0.05; done"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).ends_with("Daemonizing and starting runner.\n"));
    assert!(stdout(&place.run(&["status", "--only=active"])).contains("  t1 "));
    let sandbox = stderr(&output).trim().strip_prefix("Sandbox: ").unwrap().to_owned();
    std::fs::write(Path::new(&sandbox).join("go"), "").unwrap();
    wait_for("the end of the task", || place.root().join("tasks/finished/t1").exists().then_some(()));
    let refused = place.run(&["simplerun", "--daemon", "--task_id=../t", "true"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}

#[test]
fn tail_follows_a_log_until_its_process_ends() {
    let place = Place::new();
    let command = "for i in $(seq 20); do echo line $i; done; touch written; \
                   until test -e go; do sleep 0.05; done; echo last";
    let child = place.start("t1", command);
    let sandbox = stdout(&place.run(&["status", "--verbosity=2"]));
    let sandbox = sandbox.lines().find_map(|line| line.trim().strip_prefix("sandbox: ")).unwrap();
    let sandbox = Path::new(sandbox);
    wait_for("the first twenty lines", || sandbox.join("written").exists().then_some(()));
    let mut tail = place.command(&["tail", "t1", "simple"]).stdout(Stdio::piped()).spawn().unwrap();
    // The process writes its last line only once what was there before has been shown.
    let mut follow = std::io::BufReader::new(tail.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.ends_with("line 20\n") {
        assert!(follow.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    std::fs::write(sandbox.join("go"), "").unwrap();
    follow.read_to_string(&mut shown).unwrap();
    assert!(tail.wait().unwrap().success());
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(shown.starts_with("Tail of ") && shown.ends_with("line 20\nlast\n"), "{shown}");
    assert!(!shown.contains("line 5\n"), "{shown}");
    assert!(stderr(&place.run(&["tail", "t1", "other"])).starts_with("ERROR: No processes found."));
    let unknown = place.run(&["tail", "nobody"]);
    assert_eq!(
        (unknown.status.code(), stdout(&unknown).as_str()),
        (Some(1), "ERROR: Could not find task.\n")
    );
}

#[test]
fn th_160_garbage_goes_when_it_is_told_to_and_a_dry_run_removes_nothing() {
    let place = Place::new();
    for (index, id) in ["t1", "t2", "t3", "t4"].iter().enumerate() {
        assert!(place.finish(id, "true").status.success());
        let stream = std::fs::File::options()
            .append(true)
            .open(place.root().join("checkpoints").join(id).join("runner"));
        let hours = u64::try_from(10 - index).unwrap();
        stream
            .unwrap()
            .set_modified(std::time::SystemTime::now() - Duration::from_secs(3600 * hours))
            .unwrap();
    }
    let dry = place.run(&["gc", "--max_tasks=2", "--dryrun", "--delete-metadata"]);
    let shown = stdout(&dry);
    assert!(
        shown.contains("Deciding to garbage collect the following tasks:\n   t1\n   t2\nRunning gc...\n"),
        "{shown}"
    );
    assert!(
        shown.contains(
            "  Task t1 data (keeping) logs (keeping) metadata (deleting) \n    would run erase_metadata()\n"
        ),
        "{shown}"
    );
    assert_eq!(std::fs::read_dir(place.root().join("tasks/finished")).unwrap().count(), 4);
    // Nobody answers, so nothing is done.
    assert!(
        stdout(&place.run(&["gc", "t1", "--delete-metadata"])).ends_with("Continue [y/N]? Cancelling gc.\n")
    );
    let done = place.run(&["gc", "--max_age=8h30m", "--force", "--delete-metadata", "--delete-data"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let mut left: Vec<_> = std::fs::read_dir(place.root().join("tasks/finished"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["t3", "t4"]);
    // Nothing may stay: the older one first, then the other.
    let space = place.run(&["gc", "--max_space=0k", "--dryrun", "--delete-metadata"]);
    assert!(stdout(&space).contains("following tasks:\n   t3\n   t4\nRunning gc...\n"), "{}", stdout(&space));
    assert!(stdout(&place.run(&["gc", "--force"])).ends_with("No tasks to garbage collect.  Exiting\n"));
}

#[test]
fn th_161_a_sandbox_that_is_the_home_is_not_removed() {
    let place = Place::new();
    place.write("task.json", r#"{"processes": [{"name": "p", "cmdline": "true"}]}"#);
    let home = place.path().join("people/me");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("precious"), "").unwrap();
    let sandbox = format!("--sandbox={}", home.display());
    assert!(place.run(&["run", "--json", "task.json", &sandbox, "--task_id=t"]).status.success());
    let output = place.command(&["gc", "t", "--force", "--delete-data"]).env("HOME", &home).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let refusal = format!("the home directory {} is in it", home.display());
    assert!(stderr(&output).contains(&refusal), "{}", stderr(&output));
    assert!(home.join("precious").exists() && home.join(".logs").exists());
}

#[test]
fn the_older_reader_is_still_there_under_its_name() {
    let place = Place::new();
    place.finish("t1", "true");
    let alias = place.path().join("thermos_ckpt");
    std::os::unix::fs::symlink(PROGRAM, &alias).unwrap();
    let run = |arguments: &[&str]| Command::new(&alias).args(arguments).output().unwrap();
    let checkpoint = format!("--checkpoint={}", place.root().join("checkpoints/t1/runner").display());
    let shown = stdout(&run(&[&checkpoint]));
    assert!(
        shown.starts_with("Recovering: RunnerCkpt(")
            && shown.contains("\nRecovered Task Header\nRunnerHeader("),
        "{shown}"
    );
    let none = run(&[]);
    assert_eq!((none.status.code(), stdout(&none).as_str()), (Some(1), "ERROR: must supply --checkpoint\n"));
    let extra = run(&[&checkpoint, "x"]);
    assert_eq!(stdout(&extra), "ERROR: unrecognized arguments: x\n");
}

/// Whether anything below `folder` is still the working directory of a process.
fn is_inhabited(folder: &Path) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let is_zombie =
            std::fs::read_to_string(entry.path().join("stat")).is_ok_and(|stat| stat.contains(") Z "));
        !is_zombie && std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    })
}
