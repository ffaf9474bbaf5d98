//! Agents in trouble: away, hanging, late, or answering with errors. No update is lost, told twice or out of order.

use std::fs;
use std::time::Duration;

use mesos_v1::messages::TaskState::{TaskFinished, TaskKilled, TaskRunning, TaskStarting};

use crate::OWN_USER;
use crate::agent::{Conduct, Rig, task_of, wait_for};

/// A task that ends when the test says so.
const UNTIL_TOLD: &str = "touch ready; until test -e go; do sleep 0.05; done";

fn running() -> Rig {
    let rig = Rig::start(OWN_USER);
    rig.launch(task_of(UNTIL_TOLD));
    rig.wait_state(TaskRunning);
    rig
}

fn finish(rig: &Rig) {
    fs::write(rig.sandbox().join("go"), "").unwrap();
}

fn end_well(mut rig: Rig) {
    assert_eq!(rig.end(), Some(0), "{}", rig.log());
    assert_eq!(rig.states(), [TaskStarting, TaskRunning, TaskFinished]);
}

#[test]
fn what_no_agent_has_acknowledged_is_told_again_in_its_order() {
    let rig = Rig::start(OWN_USER);
    rig.set_mute(true);
    rig.launch(task_of(UNTIL_TOLD));
    rig.wait_state(TaskRunning);
    rig.cut();
    rig.wait_subscriptions(2);
    assert_eq!(rig.told()[1], (vec!["t".to_owned()], vec![TaskStarting, TaskRunning]));
    finish(&rig);
    rig.wait_state(TaskFinished);
    rig.set_mute(false);
    rig.cut();
    rig.wait_subscriptions(3);
    assert_eq!(rig.told()[2], (vec!["t".to_owned()], vec![TaskStarting, TaskRunning, TaskFinished]));
    end_well(rig);
}

#[test]
fn an_agent_that_answers_with_errors_is_told_again() {
    for status in [500, 502, 503, 429] {
        let rig = running();
        rig.set_conduct(Conduct::Refusing(status));
        finish(&rig);
        // The update is refused, and so is the subscription after the connection is lost.
        let refused = format!("status {status}");
        wait_for("a refusal", || rig.log().contains(&refused).then_some(()));
        rig.cut();
        wait_for("more refusals", || (rig.log().matches(&refused).count() > 1).then_some(()));
        assert_eq!(rig.states(), [TaskStarting, TaskRunning]);
        rig.set_conduct(Conduct::Well);
        end_well(rig);
    }
}

#[test]
fn an_agent_that_answers_late_is_told_once() {
    let rig = running();
    rig.set_conduct(Conduct::Late(Duration::from_secs(3)));
    finish(&rig);
    rig.wait_state(TaskFinished);
    end_well(rig);
}

/// Longer than any answer is waited for: a process that was stopped, and goes on.
#[test]
fn an_agent_that_hangs_is_told_when_it_wakes() {
    let rig = running();
    rig.set_conduct(Conduct::Hanging);
    finish(&rig);
    let gave_up = || rig.log().contains("did not answer within 30 s").then_some(());
    wait_for("the end of the wait for an answer", gave_up);
    assert_eq!(rig.states(), [TaskStarting, TaskRunning]);
    rig.set_conduct(Conduct::Well);
    end_well(rig);
}

#[test]
fn a_task_ends_when_its_agent_stays_away_for_too_long() {
    let mut rig = Rig::start_with(OWN_USER, &[("MESOS_RECOVERY_TIMEOUT", "2secs")]);
    rig.launch(task_of("touch ready; exec sleep 1000"));
    rig.wait_state(TaskRunning);
    rig.wait_file("ready");
    rig.set_conduct(Conduct::Away);
    rig.cut();
    assert_ne!(rig.end(), Some(0));
    rig.wait_deserted();
    let log = rig.log();
    assert!(log.contains("did not come back within its recovery timeout of 2 s"), "{log}");
    assert!(!rig.states().contains(&TaskKilled), "nobody was there to be told");
}
