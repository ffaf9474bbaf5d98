use aurora_api::thrift::{Metadata, ScheduleStatus, TaskEvent};
use serde_json::Value;

use crate::stub::{K, Stub, task};

#[test]
fn cli_46_the_layout_of_status() {
    let stub = Stub::start();
    let mut running = task(0, ScheduleStatus::Running);
    let assigned = running.assigned_task.as_mut().unwrap();
    assigned.slave_host = Some("host1".to_owned());
    assigned.assigned_ports = Some([("http".to_owned(), 31_001)].into_iter().collect());
    assigned.task.as_mut().unwrap().metadata =
        Some(vec![Metadata { key: Some("meta".to_owned()), value: Some("data".to_owned()) }]);
    running.task_events.as_mut().unwrap()[0].timestamp = Some(28_166_400_000);
    running.task_events.as_mut().unwrap().push(TaskEvent {
        timestamp: Some(1_500),
        status: Some(ScheduleStatus::Pending),
        ..TaskEvent::default()
    });
    stub.world().tasks = vec![task(1, ScheduleStatus::Finished), running];
    let outcome = stub.aurora(&["job", "status", K]).exits(0);
    assert_eq!(
        outcome.out,
        "Active tasks (1):
\tTask role: bozo, env: test, name: hello, instance: 0, status: RUNNING on host1
\t  CPU: 2.0 core(s), RAM: 2 MB, Disk: 2 MB
\t  assigned ports: {u'http': 31001}
\t  failure count: 0 (max 1)
\t  events:
\t   1970-01-01 00:00:01 PENDING: None
\t   1970-11-23 00:00:00 RUNNING: Hi there
\t  metadata:
\t\t  (key: 'meta', value: 'data')
Inactive tasks (1):
\tTask role: bozo, env: test, name: hello, instance: 1, status: FINISHED on None
\t  CPU: 2.0 core(s), RAM: 2 MB, Disk: 2 MB
\t  events:
\t   1970-01-01 00:00:01 FINISHED: Hi there
"
    );
}

#[test]
fn cli_47_no_such_job() {
    Stub::start().aurora(&["job", "status", K]).exits(6).err_has(&format!("Found no jobs matching {K}"));
}

#[test]
fn cli_48_no_such_job_in_json() {
    let outcome = Stub::start().aurora(&["job", "status", K, "--write-json"]).exits(0);
    assert_eq!(outcome.out.trim(), format!(r#"{{"jobspec":"{K}","error":"No matching jobs found"}}"#));
}

#[test]
fn cli_49_status_in_json() {
    let stub = Stub::running([2, 0, 1]);
    let outcome = stub.aurora(&["job", "status", "--write-json", K]).exits(0);
    let json: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(json[0]["job"], K);
    for instance in 0..3 {
        let task = &json[0]["active"][instance];
        assert_eq!(task["status"], "RUNNING");
        assert_eq!(task["assignedTask"]["instanceId"], instance);
        assert_eq!(task["taskEvents"][0]["status"], "RUNNING");
        assert_eq!(task["assignedTask"]["task"]["isService"], true);
        assert_eq!(task["failureCount"], 0);
    }
    assert_eq!(json[0]["inactive"], Value::Array(Vec::new()));
    assert!(outcome.out.starts_with("[\n  {\n    \"job\": "), "{}", outcome.out);
}

#[test]
fn pending_tasks_say_why_on_stderr() {
    let stub = Stub::start();
    stub.world().tasks = vec![task(0, ScheduleStatus::Pending)];
    stub.world().pending_reason = Some("Insufficient: CPU");
    stub.aurora(&["job", "status", K]).exits(0).err_has(&format!("{K}/0 is PENDING: Insufficient: CPU"));

    stub.world().pending_reason = Some("Insufficient: CPU\n2 of 2 agents: not enough CPU");
    let all = format!("{K}/0 is PENDING: Insufficient: CPU; 2 of 2 agents: not enough CPU");
    stub.aurora(&["job", "status", K]).exits(0).err_has(&all);
    stub.world().tasks = [0, 1, 3].map(|instance| task(instance, ScheduleStatus::Pending)).to_vec();
    let all = format!("{K}/0-1,3 are PENDING: Insufficient: CPU; 2 of 2 agents: not enough CPU");
    stub.aurora(&["job", "status", K]).exits(0).err_has(&all);
}

#[test]
fn wide_status_says_why_on_stdout() {
    let stub = Stub::start();
    let mut throttled = task(1, ScheduleStatus::Throttled);
    throttled.task_events = Some(vec![TaskEvent {
        timestamp: Some(1_500),
        status: Some(ScheduleStatus::Throttled),
        message: Some("Rescheduled, penalized for 5000 ms for flapping".to_owned()),
        ..TaskEvent::default()
    }]);
    stub.world().tasks = vec![task(0, ScheduleStatus::Pending), throttled];
    stub.world().pending_reason = Some("Insufficient: CPU\n2 of 2 agents: not enough CPU");
    let outcome = stub.aurora(&["job", "status", K, "-o", "wide"]).exits(0);
    assert_eq!(
        outcome.out,
        "Active tasks (2):
\tTask role: bozo, env: test, name: hello, instance: 0, status: PENDING on None
\t  CPU: 2.0 core(s), RAM: 2 MB, Disk: 2 MB
\t  events:
\t   1970-01-01 00:00:01 PENDING: Hi there
\t  pending because:
\t   nearest fit: Insufficient: CPU
\t   2 of 2 agents: not enough CPU
\tTask role: bozo, env: test, name: hello, instance: 1, status: THROTTLED on None
\t  CPU: 2.0 core(s), RAM: 2 MB, Disk: 2 MB
\t  events:
\t   1970-01-01 00:00:01 THROTTLED: Rescheduled, penalized for 5000 ms for flapping
\t  throttled until 1970-01-01 00:00:06
Inactive tasks (0):
"
    );
    assert!(!outcome.err.contains("PENDING"), "said once: {}", outcome.err);
    // Plain output stays as it was, and JSON has no layout.
    let plain = stub.aurora(&["job", "status", K]).exits(0).out;
    assert!(!plain.contains("because") && !plain.contains("until"), "{plain}");
    stub.aurora(&["job", "status", K]).exits(0).err_has(&format!(
        "{K}/1 is THROTTLED until 1970-01-01 00:00:06: it ended too often in a short time"
    ));
    stub.aurora(&["job", "status", K, "-o", "wide", "--write-json"]).exits(2);
}

#[test]
fn status_of_a_pattern() {
    let stub = Stub::running([0]);
    let outcome = stub.aurora(&["job", "status", "west/bozo/*/a*"]).exits(0);
    assert_eq!(outcome.out.matches("Active tasks (1):").count(), 1);
    assert_eq!(stub.world().asked_roles, [Some("bozo".to_owned())]);
}

#[test]
fn a_refused_query_is_a_failure() {
    let stub = Stub::running([0]);
    stub.world()
        .answers
        .insert("getTasksWithoutConfigs", (aurora_api::thrift::ResponseCode::Error, "Whoops"));
    stub.aurora(&["job", "status", K]).exits(6).err_has("Command failure:\n\tWhoops");
}
