use std::io::Write;
use std::process::{Child, Command};

use thermos::checkpoint::{Appender, TaskPaths, encode_record};
use thermos::os::identity::identify;
use thermos::os::kernel::{Kernel, Linux};
use thermos::plan::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskStatus};
use thermos::plan::{Birth, BootId, Place, ProcessId};

use super::*;

/// A machine with an agent's work folder and a checkpoint root beside it.
struct Bench {
    folder: tempfile::TempDir,
    now: SystemTime,
}

const HOUR: Duration = Duration::from_secs(3600);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("work/slaves/S/frameworks/F/executors")).unwrap();
        Self { folder, now: SystemTime::now() }
    }

    fn machine_with(&self, arguments: &[&str]) -> Machine {
        let root = format!("--root={}", self.root().path().display());
        let given = ["gc_executor", &root].into_iter().chain(arguments.iter().copied());
        let flags = Flags::try_read(given.map(std::ffi::OsString::from)).unwrap();
        let own_run = self.run_directory("F", "aurora.gc");
        std::fs::create_dir_all(&own_run).unwrap();
        Machine::new(&flags, &own_run, "F")
    }

    fn machine(&self) -> Machine {
        self.machine_with(&[])
    }

    fn root(&self) -> Root {
        Root::plain(self.folder.path().join("root"))
    }

    fn run_directory(&self, framework: &str, executor: &str) -> PathBuf {
        let executors = self.folder.path().join("work/slaves/S/frameworks").join(framework).join("executors");
        executors.join(executor).join("runs/1")
    }

    fn run_root(&self, framework: &str, id: &str) -> Root {
        Root::run_directory(self.run_directory(framework, &format!("thermos-{id}")))
    }

    /// A task that began, and if it is over ended, so long ago.
    fn task(&self, root: &Root, id: &str, outcome: Option<TaskState>, ago: Duration) -> TaskPaths {
        let paths = root.paths(id);
        let half = |name: &str| paths.root().join("tasks").join(name);
        for folder in [paths.checkpoints(), half("active"), half("finished")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let file = if outcome.is_some() { paths.finished() } else { paths.active() };
        std::fs::write(&file, "{}").unwrap();
        let began = self.now - ago;
        let millis = i64::try_from(began.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let status = |state: TaskState| {
            Record::Task(TaskStatus {
                state: Some(state.wire()),
                timestamp_ms: Some(millis),
                runner_pid: Some(999_999),
                runner_uid: Some(0),
                ..TaskStatus::default()
            })
        };
        let sandbox = root
            .run()
            .map_or_else(|| self.folder.path().join("work/gone").join(id), |run| run.join("sandbox"));
        std::fs::create_dir_all(&sandbox).unwrap();
        let header = RunnerHeader {
            task_id: Some(id.to_owned()),
            sandbox: Some(sandbox.display().to_string()),
            log_dir: Some(sandbox.join(".logs").display().to_string()),
            user: Some("root".into()),
            uid: Some(0),
            ..RunnerHeader::default()
        };
        let mut records = vec![status(TaskState::Active), Record::Header(header)];
        records.extend(outcome.map(status));
        append(&paths, &records);
        for path in [file, paths.runner()] {
            std::fs::File::options().append(true).open(path).unwrap().set_modified(began).unwrap();
        }
        paths
    }

    fn request(&self, retained: &[(&str, ScheduleStatus)]) -> Request {
        Request {
            retained: retained.iter().map(|(id, status)| ((*id).to_owned(), *status)).collect(),
            arrival: self.now,
        }
    }
}

/// Adds records to a stream. No lock is taken: a process that another test starts at this moment would have it too, and longer than it
/// is wanted.
fn append(paths: &TaskPaths, records: &[Record]) {
    let mut stream = std::fs::File::options().create(true).append(true).open(paths.runner()).unwrap();
    for record in records {
        stream.write_all(&encode_record(record).unwrap()).unwrap();
    }
}

/// Has a stream look as if nothing had been added for this long.
fn set_age(bench: &Bench, paths: &TaskPaths, ago: Duration) {
    let stream = std::fs::File::options().append(true).open(paths.runner()).unwrap();
    stream.set_modified(bench.now - ago).unwrap();
}

fn ids(reports: &[Report]) -> Vec<(&str, MesosState, &str)> {
    reports.iter().map(|report| (report.task_id.as_str(), report.state, report.message)).collect()
}

/// A process that is recorded as the only run of a task.
fn with_process(paths: &TaskPaths) -> Child {
    let child = Command::new("/bin/sh").args(["-c", "exec sleep 1000"]).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    // As it is recorded when nothing takes long.
    let began = Linux.processes()[&pid].start_secs;
    let status = |seq, state| ProcessStatus::new("p", seq, state);
    let records = [
        status(0, ProcessState::Waiting),
        ProcessStatus {
            fork_time: Some(began),
            coordinator_pid: Some(pid),
            ..status(1, ProcessState::Forked)
        },
        ProcessStatus { start_time: Some(began), pid: Some(pid), ..status(2, ProcessState::Running) },
    ];
    append(paths, &records.map(Record::Process));
    child
}

#[test]
fn tasks_are_found_in_the_root_and_in_run_directories() {
    let bench = Bench::new();
    bench.task(&bench.root(), "old", None, HOUR);
    bench.task(&bench.run_root("F", "new"), "new", None, HOUR);
    bench.task(&bench.run_root("OTHER", "foreign"), "foreign", None, HOUR);
    std::fs::create_dir_all(bench.run_directory("F", "custom-third")).unwrap();
    let believed = ["old", "new", "third", "gone"].map(|id| (id, ScheduleStatus::Running));
    let reports = bench.machine().collect(&bench.request(&believed));
    let expected = [("gone", MesosState::TaskLost, "GC executor found no trace of task.")];
    assert_eq!(ids(&reports), expected, "tasks of other executors have a folder too");
}

#[test]
fn without_the_agents_folder_nothing_is_reported() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let machine = bench.machine_with(&[&format!("--mesos-root={}", elsewhere.path().display())]);
    assert!(machine.collect(&bench.request(&[("gone", ScheduleStatus::Running)])).is_empty());
}

#[test]
fn what_the_scheduler_does_not_want_is_killed_and_the_rest_is_not_touched() {
    let bench = Bench::new();
    let unwanted = bench.task(&bench.run_root("F", "unwanted"), "unwanted", None, HOUR);
    let wanted = bench.task(&bench.run_root("F", "wanted"), "wanted", None, HOUR);
    let young = bench.task(&bench.run_root("F", "young"), "young", None, Duration::from_secs(60));
    let foreign = bench.task(&bench.run_root("OTHER", "foreign"), "foreign", None, HOUR);
    let mut child = with_process(&unwanted);
    let mut other = with_process(&wanted);
    let request = bench.request(&[("wanted", ScheduleStatus::Running)]);
    assert!(bench.machine_with(&["--dryrun"]).collect(&request).is_empty());
    assert!(unwanted.active().exists(), "a dry run kills nothing");
    assert!(bench.machine().collect(&request).is_empty());
    assert!(!child.wait().unwrap().success());
    assert!(unwanted.finished().exists() && !unwanted.active().exists());
    for paths in [wanted, young, foreign] {
        assert!(paths.active().exists());
    }
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn the_end_of_a_task_is_told_if_the_scheduler_missed_it() {
    let bench = Bench::new();
    bench.task(&bench.run_root("F", "t"), "t", Some(TaskState::Failed), HOUR);
    let reports = bench.machine().collect(&bench.request(&[("t", ScheduleStatus::Running)]));
    assert_eq!(ids(&reports), [("t", MesosState::TaskFailed, "Task finish detected by GC executor.")]);
}

#[test]
fn th_157_a_finished_task_goes_when_the_agent_has_no_folder_of_it() {
    let bench = Bench::new();
    let kept = bench.task(&bench.root(), "kept", Some(TaskState::Success), HOUR);
    std::fs::create_dir_all(bench.run_directory("F", "thermos-kept")).unwrap();
    let in_run = bench.task(&bench.run_root("F", "run"), "run", Some(TaskState::Success), HOUR);
    let gone = bench.task(&bench.root(), "gone", Some(TaskState::Success), HOUR);
    let known = bench.task(&bench.root(), "known", Some(TaskState::Success), HOUR);
    let sandbox = bench.folder.path().join("work/gone/gone");
    assert!(sandbox.exists());
    bench.machine().collect(&bench.request(&[("known", ScheduleStatus::Finished)]));
    assert!(kept.finished().exists() && in_run.finished().exists() && known.finished().exists());
    assert!(!gone.finished().exists() && !gone.checkpoints().exists() && !sandbox.exists());
}

#[test]
fn th_158_a_silent_task_without_a_runner_is_lost() {
    let bench = Bench::new();
    let silent = bench.task(&bench.run_root("F", "silent"), "silent", None, HOUR * 2);
    let held = bench.task(&bench.run_root("F", "held"), "held", None, HOUR * 2);
    let fresh = bench.task(&bench.run_root("F", "fresh"), "fresh", None, HOUR / 2);
    // The number of its runner belongs to somebody else by now, who is let alone.
    let foreign = bench.task(&bench.run_root("F", "foreign"), "foreign", None, HOUR * 2);
    let mut stranger = Command::new("/bin/sh").args(["-c", "exec sleep 1000"]).spawn().unwrap();
    let begun = bench.now.duration_since(UNIX_EPOCH).unwrap() - HOUR * 2;
    let taken = TaskStatus {
        state: Some(TaskState::Active.wire()),
        timestamp_ms: i64::try_from(begun.as_millis()).ok(),
        runner_pid: i32::try_from(stranger.id()).ok(),
        runner_uid: Some(0),
        ..TaskStatus::default()
    };
    append(&foreign, &[Record::Task(taken)]);
    set_age(&bench, &foreign, HOUR * 2);
    let runner = Appender::open(&held.runner()).unwrap();
    let reports = bench.machine().clean_orphans(bench.now);
    let mut told = ids(&reports);
    told.sort_by_key(|(id, _, _)| id.to_owned());
    let lost = |id| (id, MesosState::TaskLost, "GC executor detected failed task runner.");
    assert_eq!(told, [lost("foreign"), lost("silent")]);
    assert!(silent.finished().exists() && foreign.finished().exists());
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(held.active().exists() && fresh.active().exists());
    drop(runner);
}

#[test]
fn d17_a_runner_known_to_be_gone_is_not_waited_for_an_hour() {
    let bench = Bench::new();
    let own = identify(i32::try_from(std::process::id()).unwrap());
    let birth = own.birth.unwrap();
    let boot = BootId::parse("11111111-2222-4333-8444-555555555555").unwrap();
    let before_reboot = Birth { place: Place { boot, ..birth.place }, ..birth };
    let task = |id: &str, birth: Birth, ago| {
        let paths = bench.task(&bench.run_root("F", id), id, None, ago);
        let runner = ProcessId { birth: Some(birth), ..own };
        append(&paths, &[Record::Task(TaskStatus::new(TaskState::Active, 1000, runner, 0))]);
        set_age(&bench, &paths, ago);
        paths
    };
    let gone = task("gone", before_reboot, HOUR / 6);
    let just_gone = task("just", before_reboot, HOUR / 60);
    let lives = task("lives", birth, HOUR / 6);
    let reports = bench.machine().clean_orphans(bench.now);
    assert_eq!(ids(&reports), [("gone", MesosState::TaskLost, "GC executor detected failed task runner.")]);
    assert!(gone.finished().exists());
    assert!(just_gone.active().exists() && lives.active().exists());
}

#[test]
fn tasks_of_people_go_by_the_policy_and_are_never_killed() {
    let bench = Bench::new();
    let person = |id: &str, outcome, ago| {
        let paths = bench.task(&bench.root(), id, outcome, ago);
        // Its sandbox is none of the agent's.
        std::fs::remove_file(paths.runner()).unwrap();
        let status = TaskStatus { state: Some(0), timestamp_ms: Some(1000), ..TaskStatus::default() };
        let sandbox = bench.folder.path().join("people").join(id).display().to_string();
        let header = RunnerHeader { sandbox: Some(sandbox), ..RunnerHeader::default() };
        append(&paths, &[Record::Task(status), Record::Header(header)]);
        set_age(&bench, &paths, ago);
        paths
    };
    let runs = person("runs", None, HOUR * 5);
    let old = person("old", Some(TaskState::Success), HOUR * 5);
    let newer = person("newer", Some(TaskState::Success), HOUR);
    let nothing = bench.request(&[]);
    bench.machine().collect(&nothing);
    assert!(runs.active().exists() && old.finished().exists() && newer.finished().exists());
    bench.machine_with(&["--max_tasks=1"]).collect(&nothing);
    assert!(runs.active().exists() && !old.finished().exists() && newer.finished().exists());
    assert!(bench.machine().clean_orphans(bench.now).is_empty());
}

#[test]
fn a_checkpoint_that_says_nothing_goes_unless_a_runner_holds_it() {
    let bench = Bench::new();
    let broken = |id: &str| {
        let paths = bench.task(&bench.root(), id, None, HOUR);
        std::fs::create_dir_all(
            bench
                .folder
                .path()
                .join("work/slaves/S/frameworks/F/executors")
                .join(format!("thermos-{id}/runs")),
        )
        .unwrap();
        std::fs::write(paths.runner(), [0, 0, 0, 1, 99]).unwrap();
        set_age(&bench, &paths, HOUR);
        paths
    };
    let dead = broken("dead");
    // Whose it is cannot be told from its stream, so it is left to a person.
    bench.machine().collect(&bench.request(&[]));
    assert!(dead.active().exists());
}

#[test]
fn what_a_user_put_there_is_not_followed() {
    let bench = Bench::new();
    let precious = bench.folder.path().join("precious");
    std::fs::create_dir_all(precious.join("tasks/active")).unwrap();
    let root = bench.run_root("F", "t");
    let paths = bench.task(&root, "t", None, HOUR);
    let runner = paths.runner();
    std::fs::rename(&runner, precious.join("stream")).unwrap();
    let before = std::fs::read(precious.join("stream")).unwrap();
    std::os::unix::fs::symlink(precious.join("stream"), &runner).unwrap();
    bench.machine().collect(&bench.request(&[]));
    bench.machine().clean_orphans(bench.now + HOUR * 3);
    assert_eq!(std::fs::read(precious.join("stream")).unwrap(), before);
    assert!(paths.active().exists());
}
