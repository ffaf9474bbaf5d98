//! Agents that stay away, come back, or come back as others: what becomes of their tasks, and what the operator and the users
//! are told, on both clusters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use aurora_api::thrift::{ScheduleStatus, ScheduledTask};
use e2e::{Backend, PATIENCE, Signal, Testbed, TestbedOptions, events, flags, wait_until};
use serde_json::{Value, json};

const SERVICE: &str = "exec sleep 86398";

/// Two agents with room for three tasks each, and six tasks. A lost agent is noticed within about 13 s, and executors without
/// an agent end within a minute.
fn full_cluster(backend: Backend) -> Testbed {
    let mesos_flags = flags([("MESOS_MAX_AGENT_PING_TIMEOUTS", "12"), ("MESOS_RECOVERY_TIMEOUT", "60secs")]);
    let testbed =
        Testbed::start_with(backend, TestbedOptions { agents: 2, mesos_flags, ..TestbedOptions::default() });
    testbed.create("Service", "web", 6, SERVICE);
    testbed.wait_for_running("web", 6);
    testbed
}

fn host(task: &ScheduledTask) -> &str {
    task.assigned_task.as_ref().unwrap().slave_host.as_deref().unwrap()
}

fn lost(testbed: &Testbed) -> Vec<ScheduledTask> {
    let mut tasks = testbed.tasks("web");
    tasks.retain(|task| task.status == Some(ScheduleStatus::Lost));
    tasks
}

/// Waits until `job explain` says which host is gone, and gives what it says.
fn wait_for_explanation(testbed: &Testbed, host: &str) -> String {
    wait_until("the reason of the pending tasks", PATIENCE, || {
        let said = testbed.aurora(&["job", "explain", &testbed.key("web")]).stdout;
        if said.contains(&format!("host {host} is gone since ")) { Ok(said) } else { Err(said) }
    })
}

fn var(testbed: &Testbed, name: &str) -> i64 {
    let (_, text) = testbed.scheduler.page("/vars.json");
    serde_json::from_str::<Value>(&text).unwrap()[name].as_i64().unwrap_or(0)
}

/// Each instance runs once, and the tasks of the lost agent say why they ended.
fn assert_all_is_well(testbed: &Testbed, cause: &str) {
    testbed.wait_for_running("web", 6);
    wait_until("one process for each instance", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86398").len();
        if found == 6 { Ok(()) } else { Err(format!("{found} processes")) }
    });
    let lost = lost(testbed);
    assert_eq!(lost.len(), 3);
    for task in &lost {
        let told = events(task);
        assert!(told.last().unwrap().contains(cause), "{told:?}");
    }
    assert_eq!(var(testbed, "agents_missing"), 0);
}

fn an_agent_that_stays_away_is_named_and_its_tasks_do_not_run_twice(backend: Backend) {
    let mut testbed = full_cluster(backend);
    testbed.cluster.stop("2", Signal::Kill);
    let said = wait_for_explanation(&testbed, "agent-2");
    let line = |said: &str| said.lines().find(|it| it.contains("host agent-2 is gone")).map(str::to_owned);
    // A restart of the scheduler forgets nothing of it.
    testbed.scheduler.crash();
    testbed.scheduler.start_again();
    assert_eq!(line(&wait_for_explanation(&testbed, "agent-2")), line(&said));
    assert!(said.contains("www/prod/web/") && said.contains("docs/troubleshooting.md"), "{said}");
    assert!(lost(&testbed).iter().all(|task| host(task) == "agent-2"));
    assert_eq!(var(&testbed, "agents_missing"), 1);
    let (_, page) = testbed.scheduler.page("/agents");
    assert!(page.contains("gone since"), "{page}");

    testbed.cluster.start_again("2");
    assert_all_is_well(&testbed, "health check timed out");
    assert_eq!(var(&testbed, "agents_returned"), 1);
    assert_eq!(var(&testbed, "agents_returned_under_new_id"), 0);
}

fn an_agent_whose_attributes_changed_comes_back_under_a_new_id(backend: Backend) {
    let testbed = full_cluster(backend);
    testbed.cluster.stop("2", Signal::Kill);
    let refusal =
        testbed.cluster.try_start_again("2", &["--attributes", "host:agent-2;rack:z"], &[]).unwrap_err();
    let names_it = match backend {
        Backend::Embedded => {
            refusal.contains("attribute rack changed from b to z")
                && refusal.contains("--accept-agent-changes")
        }
        Backend::RealMesos => refusal.contains("Incompatible agent info detected"),
    };
    assert!(names_it, "{refusal}");
    wait_for_explanation(&testbed, "agent-2");

    testbed.cluster.start_in_spite("2");
    assert_all_is_well(&testbed, "health check timed out");
    assert_eq!(var(&testbed, "agents_returned_under_new_id"), 1);
    let (_, page) = testbed.scheduler.page("/agents");
    assert!(page.contains("under a new id since"), "{page}");
    let log = std::fs::read_to_string(testbed.directory().join("scheduler.log")).unwrap();
    assert!(log.contains("the agent of host agent-2 came back under a new id"), "{log}");
}

/// For longer than the executor waits for any answer. The job ends meanwhile, and is told of once.
fn a_task_that_ends_while_its_agent_hangs_is_told_when_it_wakes(backend: Backend) {
    let testbed = Testbed::start(backend);
    let go = testbed.directory().join("go");
    testbed.create("Job", "once", 1, &format!("until test -e {}; do sleep 0.1; done", go.display()));
    testbed.wait_for_running("once", 1);
    testbed.cluster.stop("1", Signal::Hang);
    std::fs::write(&go, "").unwrap();
    wait_until("the executor to miss an answer", PATIENCE, || {
        let said: String = testbed
            .sandbox_files("stderr")
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .collect();
        if said.contains("did not answer within 30 s") { Ok(()) } else { Err(said) }
    });
    testbed.cluster.stop("1", Signal::Continue);
    let tasks = testbed.wait_for_statuses("once", &[(ScheduleStatus::Finished, 1)]);
    let told = events(&tasks[0]);
    assert_eq!(told.iter().filter(|event| event.starts_with("Finished")).count(), 1, "{told:?}");
}

/// Orders to the master; the embedded one has no others than those of maintenance.
fn order(testbed: &Testbed, call: &Value) {
    let url = format!("http://{}/api/v1", testbed.cluster.master());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let request = mesos_v1::plain_http().build().unwrap().post(url);
        let request = request.header("Content-Type", "application/json").body(call.to_string());
        request.send().await.unwrap().status()
    });
    assert_eq!(status, 200, "{call}");
}

/// The agent on which the job's tasks run, once all of them do on one that is not `other_than`.
fn wait_for_host(testbed: &Testbed, other_than: &str) -> (String, String) {
    wait_until(&format!("all tasks to run elsewhere than on {other_than}"), PATIENCE, || {
        let mut running = testbed.tasks("web");
        running.retain(|task| task.status == Some(ScheduleStatus::Running));
        let places: BTreeSet<(String, String)> = running
            .iter()
            .map(|task| (host(task).to_owned(), task.assigned_task.clone().unwrap().slave_id.unwrap()))
            .collect();
        match places.first() {
            Some((host, agent)) if running.len() == 2 && places.len() == 1 && host != other_than => {
                Ok((host.clone(), agent.clone()))
            }
            _ => Err(format!("{} run, on {places:?}", running.len())),
        }
    })
}

/// Only a real Mesos drains agents and marks them gone by order of an operator. Tasks move, and say why.
#[test]
fn tasks_leave_an_agent_that_is_drained_or_gone_by_order() {
    let testbed = Testbed::start_with(
        Backend::RealMesos,
        TestbedOptions {
            agents: 2,
            scheduler_flags: vec!["-offer_order=CPU".to_owned()],
            ..TestbedOptions::default()
        },
    );
    testbed.create("Service", "web", 2, SERVICE);
    let (first, first_agent) = wait_for_host(&testbed, "none");
    order(
        &testbed,
        &json!({ "type": "DRAIN_AGENT", "drain_agent": { "agent_id": { "value": first_agent } } }),
    );
    let (second, second_agent) = wait_for_host(&testbed, &first);
    order(
        &testbed,
        &json!({ "type": "REACTIVATE_AGENT", "reactivate_agent": { "agent_id": { "value": first_agent } } }),
    );
    order(
        &testbed,
        &json!({ "type": "MARK_AGENT_GONE", "mark_agent_gone": { "agent_id": { "value": second_agent } } }),
    );
    assert_eq!(wait_for_host(&testbed, &second), (first, first_agent));
    wait_until("one process for each instance", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86398").len();
        if found == 2 { Ok(()) } else { Err(format!("{found} processes")) }
    });
    for task in testbed.tasks("web").iter().filter(|task| task.status != Some(ScheduleStatus::Running)) {
        let told = events(task);
        let causes = [
            "An operator drains this host's agent in Mesos.",
            "Agent has been marked gone",
            // Mesos tells of lost tasks before it withdraws the offers of their agent, on which they may be tried again.
            "Its offer was withdrawn before the launch",
        ];
        assert!(causes.iter().any(|cause| told.last().unwrap().contains(cause)), "{told:?}");
    }
}

e2e::on_both_clusters! {
    a_task_that_ends_while_its_agent_hangs_is_told_when_it_wakes,
    an_agent_that_stays_away_is_named_and_its_tasks_do_not_run_twice,
    an_agent_whose_attributes_changed_comes_back_under_a_new_id,
}
