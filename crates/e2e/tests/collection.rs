//! The collection of old task state on agents, on both clusters (`spec/thermos.md` §6).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Backend, PATIENCE, Testbed, events, processes, program, task_id, wait_until};
use thermos::checkpoint::{Appender, Tail, TaskPaths};
use thermos::plan::record::{ProcessState, Record};

/// The agent's work folder.
fn work_folder(testbed: &Testbed) -> PathBuf {
    let file = wait_until("the task's folder", PATIENCE, || {
        testbed.sandbox_files("task.json").pop().ok_or_else(|| "no task.json".to_owned())
    });
    file.ancestors().find(|folder| folder.join("slaves").is_dir()).unwrap().to_owned()
}

/// A task in a checkpoint root outside, as an agent's task of earlier days would be.
fn run_by_hand(root: &Path, sandboxes: &Path, id: &str) {
    std::fs::create_dir_all(sandboxes).unwrap();
    let output = Command::new(program("thermos"))
        .arg(format!("--root={}", root.display()))
        .args(["simplerun", &format!("--task_id={id}"), "--", "echo done"])
        .env("TMPDIR", sandboxes)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn old_state_goes_and_running_tasks_stay(backend: Backend) {
    let root = tempfile::tempdir().unwrap();
    let testbed = start_collecting(backend, root.path());
    testbed.create("Service", "it", 1, "exec sleep 86398");
    let running = testbed.wait_for_running("it", 1);
    let work = work_folder(&testbed);
    run_by_hand(root.path(), &work.join("earlier"), "left-behind");
    run_by_hand(root.path(), &root.path().join("people"), "somebodys");
    let finished = root.path().join("tasks/finished");
    wait_until("the old task to be removed", PATIENCE, || {
        if finished.join("left-behind").exists() { Err("it is still there".to_owned()) } else { Ok(()) }
    });
    assert!(!root.path().join("checkpoints/left-behind").exists());
    assert_eq!(std::fs::read_dir(work.join("earlier")).unwrap().count(), 0, "its sandbox goes too");
    assert!(finished.join("somebodys").exists(), "a person's task is not the cluster's");
    let vars = testbed.scheduler.page("/vars").1;
    let created = vars.lines().find_map(|line| line.strip_prefix("scheduler_gc_tasks_created "));
    assert!(created.is_some_and(|count| count.trim() != "0"), "{vars}");
    // Another collection later, the task runs on as if nothing had happened.
    wait_until("a second collection", PATIENCE, || {
        let vars = testbed.sandbox_files("executor_vars.json").pop().ok_or("no vars")?;
        let text = std::fs::read_to_string(vars).map_err(|error| error.to_string())?;
        let count = text.lines().find_map(|line| {
            line.trim().strip_prefix("\"collections\": ")?.trim_end_matches(',').parse::<u64>().ok()
        });
        if count.is_some_and(|count| count >= 2) { Ok(()) } else { Err(text) }
    });
    let still = testbed.wait_for_running("it", 1);
    assert_eq!(task_id(&still[0]), task_id(&running[0]));
    assert_eq!(testbed.tasks("it").len(), 1, "{:#?}", testbed.tasks("it"));
    // The executor's statuses are nobody's task, and a new task finds its place beside it.
    testbed.create("Service", "other", 1, "exec sleep 86398");
    testbed.wait_for_running("other", 1);
}

/// A cluster whose agents are collected on every second, with checkpoints of another root too.
fn start_collecting(backend: Backend, root: &Path) -> Testbed {
    let flags = [
        format!("-gc_executor_path={}", program("gc_executor").display()),
        format!("-gc_executor_flags=--root={}", root.display()),
        "-executor_gc_interval=1secs".to_owned(),
        "-min_offer_hold_time=500ms".to_owned(),
        "-offer_hold_jitter_window=500ms".to_owned(),
        "-offer_filter_duration=500ms".to_owned(),
    ];
    Testbed::start_with_flags(backend, &flags)
}

fn a_task_without_a_trace_is_lost_and_starts_again(backend: Backend) {
    let root = tempfile::tempdir().unwrap();
    let testbed = start_collecting(backend, root.path());
    testbed.create("Service", "it", 1, "exec sleep 86398");
    let before = testbed.wait_for_running("it", 1);
    // All that an agent has of it: somebody cleaned up too much.
    let run = wait_until("the task's folder", PATIENCE, || {
        testbed.sandbox_files("task.json").pop().ok_or_else(|| "no task.json".to_owned())
    });
    let executor =
        run.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "runs")).unwrap();
    std::fs::rename(executor.parent().unwrap(), root.path().join("elsewhere")).unwrap();
    let lost = wait_until("the loss to be told", PATIENCE, || {
        let tasks = testbed.tasks("it");
        let told =
            tasks.iter().find(|task| task_id(task) == task_id(&before[0])).map(events).unwrap_or_default();
        match told.iter().find(|event| event.starts_with("Lost: ")) {
            Some(event) => Ok(event.clone()),
            None => Err(format!("{told:?}")),
        }
    });
    assert!(lost.contains("GC executor found no trace of task."), "{lost}");
    let after = testbed.wait_for_running("it", 1);
    assert_ne!(task_id(&after[0]), task_id(&before[0]));
}

fn records_of(stream: &Path) -> Result<Vec<Record>, String> {
    let mut tail = Tail::open(stream).map_err(|error| error.to_string())?;
    let mut records = Vec::new();
    while let Some(record) = tail.next_record().map_err(|error| error.to_string())? {
        records.push(record);
    }
    Ok(records)
}

/// Lets a task seem to have begun long ago: its first statuses are an hour older.
fn age(stream: &Path) {
    const HOUR_MS: i64 = 3_600_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("older");
    let mut older = Appender::open(&path).unwrap();
    for mut record in records_of(stream).unwrap() {
        if let Record::Task(status) = &mut record {
            status.timestamp_ms = status.timestamp_ms.map(|time| time - HOUR_MS);
        }
        older.append(&record).unwrap();
    }
    // In place: the runner holds the file open, and its lock with it.
    std::fs::write(stream, std::fs::read(&path).unwrap()).unwrap();
}

fn what_should_not_be_there_is_killed(backend: Backend) {
    let root = tempfile::tempdir().unwrap();
    let testbed = start_collecting(backend, root.path());
    testbed.create("Service", "it", 1, "exec sleep 86398");
    let running = testbed.wait_for_running("it", 1);
    let work = work_folder(&testbed);
    let sandboxes = work.join("earlier");
    std::fs::create_dir_all(&sandboxes).unwrap();
    let output = Command::new(program("thermos"))
        .arg(format!("--root={}", root.path().display()))
        .args(["simplerun", "--daemon", "--task_id=stray", "--", "exec sleep 86396"])
        .env("TMPDIR", &sandboxes)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let is_there = || processes::below(&sandboxes).iter().any(|process| process.command == "sleep 86396");
    let stream = TaskPaths::new(root.path(), "stray").runner();
    // The last that its runner writes as long as it runs.
    wait_until("the stray task to run", PATIENCE, || {
        let records = records_of(&stream)?;
        let is_running =
            |it: &Record| matches!(it, Record::Process(it) if it.state == Some(ProcessState::Running as i32));
        if is_there() && records.iter().any(is_running) { Ok(()) } else { Err(format!("{records:#?}")) }
    });
    age(&stream);
    wait_until("the stray task to be killed", PATIENCE, || {
        if is_there() { Err("it still runs".to_owned()) } else { Ok(()) }
    });
    let still = testbed.wait_for_running("it", 1);
    assert_eq!(task_id(&still[0]), task_id(&running[0]), "the cluster's own task runs on");
}

fn what_is_left_of_a_task_without_any_of_its_programs_is_cleared_up(backend: Backend) {
    let root = tempfile::tempdir().unwrap();
    let testbed = start_collecting(backend, root.path());
    testbed.create("Service", "it", 1, "(setsid sleep 86394 &); sleep 86395 & exec sleep 86396");
    let before = testbed.wait_for_running("it", 1);
    let left = |testbed: &Testbed| -> Vec<_> {
        let all = processes::below(testbed.cluster.directory()).into_iter();
        all.filter(|process| process.cwd.to_string_lossy().contains(task_id(&before[0]))).collect()
    };
    wait_until("all processes", PATIENCE, || {
        let found = left(&testbed);
        let sleeping = found.iter().filter(|process| process.command.starts_with("sleep 8639")).count();
        if sleeping == 3 { Ok(()) } else { Err(format!("{found:#?}")) }
    });
    let stream = testbed.sandbox_files("runner").pop().unwrap();
    for process in left(&testbed) {
        if process.command.contains("thermos_") {
            processes::kill_at_once(process.pid);
        }
    }
    // Another run begins whatever became of the old one.
    wait_until("another run", PATIENCE, || {
        let tasks = testbed.wait_for_running("it", 1);
        if task_id(&tasks[0]) == task_id(&before[0]) { Err("the old one".to_owned()) } else { Ok(()) }
    });
    // The collection lets the executor have some minutes to do it itself.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(600);
    std::fs::File::options().append(true).open(&stream).unwrap().set_modified(long_ago).unwrap();
    wait_until("the processes to be gone", PATIENCE, || {
        let left = left(&testbed);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
    });
    let finished = stream.ancestors().nth(3).unwrap().join("tasks/finished").join(task_id(&before[0]));
    wait_until("its record to say so", PATIENCE, || {
        if finished.exists() { Ok(()) } else { Err(format!("no {}", finished.display())) }
    });
    testbed.wait_for_running("it", 1);
}

e2e::on_both_clusters! {
    what_is_left_of_a_task_without_any_of_its_programs_is_cleared_up,
    old_state_goes_and_running_tasks_stay,
    a_task_without_a_trace_is_lost_and_starts_again,
    what_should_not_be_there_is_killed,
}
