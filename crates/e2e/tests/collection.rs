//! The collection of old task state on agents, on both clusters (`spec/thermos.md` §6).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Backend, Testbed, TestbedOptions, program, task_id, wait_until};

const PATIENCE: Duration = Duration::from_secs(90);

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
    let flags = [
        format!("-gc_executor_path={}", program("gc_executor").display()),
        format!("-gc_executor_flags=--root={}", root.path().display()),
        "-executor_gc_interval=1secs".to_owned(),
        "-min_offer_hold_time=500ms".to_owned(),
        "-offer_hold_jitter_window=500ms".to_owned(),
        "-offer_filter_duration=500ms".to_owned(),
    ];
    let options = TestbedOptions { scheduler_flags: flags.to_vec(), ..TestbedOptions::default() };
    let testbed = Testbed::start_with(backend, options);
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

mod embedded {
    #[test]
    fn old_state_goes_and_running_tasks_stay() {
        super::old_state_goes_and_running_tasks_stay(super::Backend::Embedded);
    }
}

mod real_mesos {
    #[test]
    fn old_state_goes_and_running_tasks_stay() {
        super::old_state_goes_and_running_tasks_stay(super::Backend::RealMesos);
    }
}
