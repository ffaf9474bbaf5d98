use std::os::unix::fs::symlink;

use super::*;
use crate::checkpoint::{Appender, TaskPaths};
use crate::plan::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};

const ALL: Erase = Erase { data: true, logs: true, metadata: true };

fn task(id: &str, age_secs: u64, bytes: u64) -> Measured {
    Measured {
        root: Root::plain("/r"),
        task_id: id.to_owned(),
        age: Duration::from_secs(age_secs),
        metadata_bytes: 0,
        log_bytes: 0,
        data_bytes: bytes,
    }
}

fn chosen(policy: Policy, erase: Erase, tasks: Vec<Measured>) -> Vec<String> {
    select(&policy, erase, tasks).tasks.into_iter().map(|task| task.task_id).collect()
}

fn four() -> Vec<Measured> {
    vec![task("new", 1, 10), task("old", 30, 10), task("older", 40, 10), task("oldest", 50, 10)]
}

#[test]
fn th_160_the_oldest_go_first_by_every_rule() {
    let nothing = Policy::default();
    assert!(chosen(nothing, ALL, four()).is_empty());
    let by_count = Policy { max_tasks: Some(2), ..nothing };
    assert_eq!(chosen(by_count, ALL, four()), ["oldest", "older"]);
    let by_space = Policy { max_space: Some(25), ..nothing };
    assert_eq!(chosen(by_space, ALL, four()), ["oldest", "older"]);
    let by_age = Policy { max_age: Some(Duration::from_secs(35)), ..nothing };
    assert_eq!(chosen(by_age, ALL, four()), ["oldest", "older"]);
    let together = Policy { max_age: Some(Duration::from_secs(45)), max_space: Some(25), max_tasks: Some(1) };
    let selection = select(&together, ALL, four());
    assert_eq!((selection.after_age, selection.after_space, selection.tasks.len()), (1, 2, 3));
}

#[test]
fn only_what_would_be_removed_counts_for_space() {
    let tasks = || vec![Measured { log_bytes: 100, metadata_bytes: 1000, ..task("a", 1, 10) }];
    let policy = Policy { max_space: Some(50), ..Policy::default() };
    assert!(chosen(policy, Erase { data: true, logs: false, metadata: false }, tasks()).is_empty());
    assert_eq!(chosen(policy, Erase { data: true, logs: true, metadata: false }, tasks()), ["a"]);
}

/// A finished task with a sandbox, logs and streams.
fn finished(root: &Root, id: &str, sandbox: &Path) -> TaskPaths {
    let paths = root.paths(id);
    for folder in
        [paths.checkpoints(), paths.root().join("tasks/finished"), paths.root().join("tasks/active")]
    {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(paths.finished(), "{}").unwrap();
    let log_dir = sandbox.join(".logs");
    std::fs::create_dir_all(log_dir.join("p/0")).unwrap();
    std::fs::write(log_dir.join("p/0/stdout"), "out").unwrap();
    std::fs::write(sandbox.join("file"), "data").unwrap();
    let mut stream = Appender::open(&paths.runner()).unwrap();
    let header = RunnerHeader {
        task_id: Some(id.to_owned()),
        sandbox: Some(sandbox.display().to_string()),
        log_dir: Some(log_dir.display().to_string()),
        ..RunnerHeader::default()
    };
    stream.append(&Record::Header(header)).unwrap();
    stream.append(&Record::Process(ProcessStatus::new("p", 0, ProcessState::Waiting))).unwrap();
    let done = TaskStatus { state: Some(TaskState::Success.wire()), ..TaskStatus::default() };
    stream.append(&Record::Task(done)).unwrap();
    paths
}

#[test]
fn each_part_of_a_task_is_removed_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::plain(folder.path().join("root"));
    let sandbox = folder.path().join("boxes/one");
    let paths = finished(&root, "t", &sandbox);
    let measured = measure(&root, "t", SystemTime::now());
    assert_eq!((measured.log_bytes, measured.data_bytes), (3, 7));
    assert!(measured.metadata_bytes > 2);
    let scope = Scope::Below(vec![folder.path().join("boxes")]);
    erase_logs(&root, "t", &scope).unwrap();
    assert!(!sandbox.join(".logs").exists() && sandbox.join("file").exists());
    erase_data(&root, "t", &scope).unwrap();
    assert!(!sandbox.exists() && sandbox.parent().unwrap().exists());
    erase_metadata(&root, "t").unwrap();
    assert!(!paths.checkpoints().exists() && !paths.finished().exists());
    assert!(finished_tasks(&[root]).is_empty());
}

#[test]
fn an_active_task_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::plain(folder.path());
    let sandbox = folder.path().join("sandboxes/one");
    let paths = finished(&root, "t", &sandbox);
    std::fs::rename(paths.finished(), paths.active()).unwrap();
    let refused = |result: Result<(), EraseError>| matches!(result, Err(EraseError::Active { .. }));
    assert!(refused(erase_data(&root, "t", &Scope::Anywhere)));
    assert!(refused(erase_logs(&root, "t", &Scope::Anywhere)));
    assert!(refused(erase_metadata(&root, "t")));
    assert!(sandbox.join("file").exists() && paths.runner().exists());
}

#[test]
fn th_161_a_sandbox_that_holds_a_home_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::plain(folder.path().join("root"));
    let refusal = |sandbox: &Path| danger(sandbox, &root).unwrap_or_default();
    let homes = UserDatabase::default().homes();
    assert!(!homes.is_empty());
    for home in homes {
        let text = refusal(&home);
        let expected = if home.components().count() < 3 {
            format!("{} is a folder of the system", home.display())
        } else {
            format!("the home directory {} is in it", home.display())
        };
        assert!(text == expected || text.contains("checkpoint root"), "{}: {text}", home.display());
    }
    assert!(refusal(Path::new("/")).contains("folder of the system"));
    assert!(refusal(Path::new("/var")).contains("folder of the system"));
    assert!(refusal(folder.path()).contains("checkpoint root"));
    assert!(refusal(Path::new("relative")).contains("absolute"));
    assert_eq!(danger(&folder.path().join("box"), &root), None);
}

#[test]
fn no_link_leads_the_removal_out_of_its_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::plain(folder.path().join("root"));
    let (boxes, precious) = (folder.path().join("boxes"), folder.path().join("precious"));
    std::fs::create_dir_all(precious.join("one")).unwrap();
    std::fs::write(precious.join("one/keep"), "").unwrap();
    finished(&root, "t", &boxes.join("user/one"));
    // The user puts a link where a folder was.
    std::fs::remove_dir_all(boxes.join("user")).unwrap();
    symlink(&precious, boxes.join("user")).unwrap();
    let scope = Scope::Below(vec![boxes.clone()]);
    let error = erase_data(&root, "t", &scope).unwrap_err();
    assert!(matches!(error, EraseError::Open(BeneathError::Outside { .. })), "{error}");
    assert!(erase_logs(&root, "t", &scope).is_err());
    finished(&root, "u", &folder.path().join("elsewhere/one"));
    assert!(matches!(erase_data(&root, "u", &scope).unwrap_err(), EraseError::Guarded { .. }));
    assert!(precious.join("one/keep").exists());
    // A sandbox that is itself a link loses the link.
    finished(&root, "v", &boxes.join("v"));
    std::fs::remove_dir_all(boxes.join("v")).unwrap();
    symlink(&precious, boxes.join("v")).unwrap();
    erase_data(&root, "v", &scope).unwrap();
    assert!(precious.join("one/keep").exists() && boxes.join("v").symlink_metadata().is_err());
}

#[test]
fn ages_and_sizes_are_read() {
    assert_eq!(parse_age("1d2h3m4s"), Ok(Duration::from_secs(93_784)));
    assert_eq!(parse_age("90s"), Ok(Duration::from_secs(90)));
    assert_eq!(parse_size("2kb"), Ok(2048));
    assert_eq!(parse_size("3G"), Ok(3 << 30));
    for wrong in ["", "5", "1h1d", "x", "1.5d", "1d "] {
        assert!(parse_age(wrong).is_err(), "{wrong}");
    }
    for wrong in ["", "5", "5x", "1.5g", "-1k", "99999999999999999t"] {
        assert!(parse_size(wrong).is_err(), "{wrong}");
    }
}
