use aurora_api::thrift::{PartitionPolicy, ScheduleStatus, TaskEvent};
use serde_json::{Value, json};

use crate::stub::{K, Stub, task};

/// An instance that runs, one that waits, one that is held back, and a failed run of the one that waits.
fn mixed() -> Stub {
    let stub = Stub::start();
    let mut throttled = task(2, ScheduleStatus::Throttled);
    throttled.task_events = Some(vec![TaskEvent {
        timestamp: Some(1_500),
        status: Some(ScheduleStatus::Throttled),
        message: Some("Rescheduled, penalized for 5000 ms for flapping".to_owned()),
        ..TaskEvent::default()
    }]);
    let mut waiting = task(1, ScheduleStatus::Pending);
    waiting.task_events.as_mut().unwrap()[0].message = None;
    let mut failed = task(1, ScheduleStatus::Failed);
    failed.task_events.as_mut().unwrap()[0].message = Some("1 failure: exit 3".to_owned());
    stub.world().tasks = vec![task(0, ScheduleStatus::Running), waiting, throttled, failed];
    stub.world().pending_reason = Some("Insufficient: CPU\n2 of 2 agents: not enough CPU");
    stub
}

#[test]
fn what_does_not_run_is_explained() {
    let outcome = mixed().aurora(&["job", "explain", K]).exits(0);
    assert_eq!(
        outcome.out,
        format!(
            "{K}: 1 of 3 active instances are RUNNING
{K}/1 is PENDING
  nearest fit: Insufficient: CPU
  2 of 2 agents: not enough CPU
  last run FAILED: 1 failure: exit 3
{K}/2 is THROTTLED: Rescheduled, penalized for 5000 ms for flapping
  it may start again at 1970-01-01 00:00:06
"
        )
    );
}

#[test]
fn instances_that_wait_for_the_same_are_told_together() {
    let stub = Stub::start();
    let waiting = |instance| {
        let mut task = task(instance, ScheduleStatus::Pending);
        task.task_events.as_mut().unwrap()[0].message = None;
        task
    };
    stub.world().tasks = [0, 1, 2, 5].map(waiting).to_vec();
    stub.world().pending_reason = Some("Insufficient: CPU\n2 of 2 agents: not enough CPU");
    let outcome = stub.aurora(&["job", "explain", K]).exits(0);
    assert_eq!(
        outcome.out,
        format!(
            "{K}: 0 of 4 active instances are RUNNING
{K}/0-2,5 are PENDING
  nearest fit: Insufficient: CPU
  2 of 2 agents: not enough CPU
"
        )
    );
}

#[test]
fn one_instance_is_explained_in_json() {
    let outcome = mixed().aurora(&["job", "why", &format!("{K}/1"), "-o", "json"]).exits(0);
    let report: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!((&report["active"], &report["running"]), (&json!(1), &json!(0)));
    assert_eq!(
        report["instances"],
        json!([{
            "instance": 1,
            "status": "PENDING",
            "message": null,
            "throttledUntilMs": null,
            "replacedAtMs": null,
            "nearestFit": "Insufficient: CPU",
            "reasons": ["2 of 2 agents: not enough CPU"],
            "lastRun": "FAILED: 1 failure: exit 3",
            "lastFailure": "FAILED: 1 failure: exit 3",
        }])
    );
}

#[test]
fn what_is_out_of_reach_says_what_becomes_of_it() {
    let stub = Stub::start();
    let partitioned = |instance, policy| {
        let mut task = task(instance, ScheduleStatus::Partitioned);
        task.task_events.as_mut().unwrap()[0].message = None;
        task.assigned_task.as_mut().unwrap().task.as_mut().unwrap().partition_policy = policy;
        task
    };
    let policy =
        |reschedule, delay| Some(PartitionPolicy { reschedule: Some(reschedule), delay_secs: Some(delay) });
    stub.world().tasks = vec![partitioned(0, policy(true, 60)), partitioned(1, policy(false, 60))];
    let outcome = stub.aurora(&["job", "explain", K]).exits(0);
    assert_eq!(
        outcome.out,
        format!(
            "{K}: 0 of 2 active instances are RUNNING
{K}/0 is PARTITIONED
  it is replaced at 1970-01-01 00:01:01, unless its agent comes back
{K}/1 is PARTITIONED
  it waits for its agent, as its partition policy says
"
        )
    );
}

#[test]
fn a_job_that_has_ended_says_how() {
    let stub = Stub::start();
    stub.world().tasks = vec![task(0, ScheduleStatus::Lost)];
    let outcome = stub.aurora(&["job", "explain", K]).exits(0);
    assert_eq!(outcome.out, format!("{K}: 0 of 0 active instances are RUNNING\n{K}/0 LOST: Hi there\n"));
}

#[test]
fn the_last_run_is_the_one_that_a_task_goes_on_from() {
    let stub = Stub::start();
    let event = |at, status, message: &str| TaskEvent {
        timestamp: Some(at),
        status: Some(status),
        message: Some(message.to_owned()),
        ..TaskEvent::default()
    };
    let run = |instance, id: &str, status, events: Vec<TaskEvent>| {
        let mut task = task(instance, status);
        task.assigned_task.as_mut().unwrap().task_id = Some(id.to_owned());
        task.task_events = Some(events);
        task
    };
    let pending = |instance, ancestor: &str| {
        let mut task = task(instance, ScheduleStatus::Pending);
        task.task_events.as_mut().unwrap()[0].message = Some("Rescheduled".to_owned());
        task.ancestor_id = Some(ancestor.to_owned());
        task
    };
    let preempted = vec![
        event(2, ScheduleStatus::Preempting, "Preempting in favor of x"),
        event(3, ScheduleStatus::Killed, "Instructed to kill task."),
    ];
    stub.world().tasks = vec![
        pending(0, "second"),
        run(0, "first", ScheduleStatus::Failed, vec![event(1, ScheduleStatus::Failed, "long ago")]),
        run(0, "second", ScheduleStatus::Killed, preempted),
        pending(1, "forgotten"),
        run(1, "old", ScheduleStatus::Failed, vec![event(1, ScheduleStatus::Failed, "long ago")]),
    ];
    stub.world().pending_reason = Some("Insufficient: CPU");
    let outcome = stub.aurora(&["job", "explain", K]).exits(0);
    assert_eq!(
        outcome.out,
        format!(
            "{K}: 0 of 2 active instances are RUNNING
{K}/0 is PENDING: Rescheduled
  nearest fit: Insufficient: CPU
  last run KILLED: Preempting in favor of x
{K}/1 is PENDING: Rescheduled
  nearest fit: Insufficient: CPU
"
        )
    );
    let report = stub.aurora(&["job", "explain", K, "-o", "json"]).exits(0);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["instances"][0]["lastRun"], "KILLED: Preempting in favor of x");
    assert_eq!(report["instances"][0]["lastFailure"], json!(null));
}

#[test]
fn nothing_to_explain() {
    Stub::start().aurora(&["job", "explain", K]).exits(6).err_has(&format!("Found no jobs matching {K}"));
}
