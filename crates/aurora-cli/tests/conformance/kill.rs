use aurora_api::thrift::{CountSlaPolicy, ResponseCode, ScheduleStatus, SlaPolicy};

use crate::stub::{K, Stub, task};

fn killed(stub: &Stub) -> Vec<Option<Vec<i32>>> {
    let world = stub.world();
    world.kills.iter().map(|kill| kill.instances.clone()).collect()
}

#[test]
fn cli_10_instances_are_killed_one_by_one() {
    let stub = Stub::running(0..6);
    let outcome = stub.aurora(&["job", "kill", &format!("{K}/0-2,5")]).exits(0).out_has("Job kill succeeded");
    assert_eq!(outcome.out.matches("Successfully killed instances [").count(), 4);
    assert_eq!(killed(&stub), [0, 1, 2, 5].map(|id| Some(vec![id])));
}

#[test]
fn cli_11_kill_needs_instances() {
    let stub = Stub::running([0]);
    stub.aurora(&["job", "kill", K]).exits(6).err_has("use killall to kill all instances");
    assert!(stub.methods().is_empty());
}

#[test]
fn cli_12_a_trailing_slash_names_no_instances() {
    Stub::running([0])
        .aurora(&["job", "kill", &format!("{K}/")])
        .exits(6)
        .err_has("use killall to kill all instances");
}

#[test]
fn cli_13_strict_refuses_inactive_instances() {
    let stub = Stub::running([0]);
    stub.aurora(&["job", "kill", "--strict", &format!("{K}/9")])
        .exits(6)
        .err_has("Invalid instance parameter: [9]");
    assert!(killed(&stub).is_empty());
}

#[test]
fn cli_14_without_batching_one_call_kills_all() {
    let stub = Stub::running([0, 1]);
    stub.aurora(&["job", "kill", "--no-batch", &format!("{K}/0,1")]).exits(0).out_has("Job kill succeeded");
    assert_eq!(killed(&stub), [Some(vec![0, 1])]);
}

#[test]
fn killall_without_batching_names_no_instances() {
    let stub = Stub::running([0, 1]);
    stub.aurora(&["job", "killall", "--no-batching", K]).exits(0);
    assert_eq!(killed(&stub), [None]);
}

#[test]
fn cli_15_nothing_to_kill_is_a_success() {
    Stub::start()
        .aurora(&["job", "killall", K])
        .exits(0)
        .err_has(&format!("No tasks to kill found for job {K}"))
        .out_has("Job killall succeeded");
}

#[test]
fn cli_16_batches() {
    let stub = Stub::running(0..5);
    stub.aurora(&["job", "killall", "--batch-size", "2", K]).exits(0);
    assert_eq!(killed(&stub), [Some(vec![0, 1]), Some(vec![2, 3]), Some(vec![4])]);
}

#[test]
fn cli_17_a_refused_kill() {
    let stub = Stub::running([0]);
    stub.world().answers.insert("killTasks", (ResponseCode::InvalidRequest, "Whoops"));
    stub.aurora(&["job", "killall", K])
        .exits(10)
        .err_has("Kill of instances [0] failed with error:\n\tWhoops\n");
}

#[test]
fn cli_18_a_kill_during_an_update() {
    let stub = Stub::running([0]);
    stub.world().answers.insert("killTasks", (ResponseCode::JobUpdatingError, "Whoops"));
    stub.aurora(&["job", "killall", K])
        .exits(10)
        .err_has("\tError: job is locked by an active update.\n\t      Run 'aurora update abort' or wait");
}

// The 254 s of upstream are a unit test of the pauses; here the person's own limit ends the wait.
#[test]
fn cli_19_tasks_that_do_not_end_in_time() {
    let stub = Stub::running([0]);
    stub.world().unkillable = true;
    stub.aurora(&["job", "killall", "--no-batching", "--timeout=0s", K])
        .exits(9)
        .err_has("were not killed in time");
}

#[test]
fn cli_20_too_many_batches_that_do_not_end() {
    let stub = Stub::running([0, 1, 2]);
    stub.world().unkillable = true;
    stub.aurora(&["job", "killall", "--max-total-failures", "1", "--timeout=0s", K])
        .exits(4)
        .err_has("Exceeded maximum number of errors while killing instances");
    assert_eq!(killed(&stub).len(), 2);
}

#[test]
fn cli_21_one_batch_that_does_not_end() {
    let stub = Stub::running([0]);
    stub.world().unkillable = true;
    stub.aurora(&["job", "killall", "--max-total-failures", "1", "--timeout=0s", K])
        .exits(4)
        .err_has("Errors occurred while killing instances");
}

#[test]
fn cli_22_the_message_is_passed_on() {
    let stub = Stub::running([0]);
    stub.aurora(&["job", "kill", "-m", "hi", &format!("{K}/0")]).exits(0);
    assert_eq!(stub.world().kills[0].message.as_deref(), Some("hi"));
}

#[test]
fn cli_23_an_sla_policy_that_counts_instances_is_mentioned() {
    let stub = Stub::start();
    let mut counted = task(0, ScheduleStatus::Running);
    let config = counted.assigned_task.as_mut().unwrap().task.as_mut().unwrap();
    config.sla_policy = Some(SlaPolicy::CountSlaPolicy(CountSlaPolicy::default()));
    stub.world().tasks = vec![counted];
    stub.aurora(&["job", "kill", &format!("{K}/0")])
        .exits(0)
        .out_has("WARNING: Killing instances without updating SlaPolicy.");
}

#[test]
fn cli_36_an_interrupted_wait() {
    let stub = Stub::running([0]);
    stub.world().unkillable = true;
    let child = stub.spawn(&["job", "killall", K]);
    // The wait begins when the kill was answered.
    stub.wait_for_call("killTasks");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    crate::stub::Outcome::of(child).exits(130).err_has("ERROR] Command interrupted by user");
}
