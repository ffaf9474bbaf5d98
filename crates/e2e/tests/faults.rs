//! Master and agents hang and crash in every order while tasks run, come and go. Nothing of it lasts longer than the
//! cluster waits for a lost agent, so no task may notice: the same ones run afterwards, each of them once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use aurora_api::thrift::{JobKey, ScheduleStatus, ScheduledTask, rpc};
use e2e::{Backend, Signal, Testbed, TestbedOptions, events, task_id, wait_until};

const PATIENCE: Duration = Duration::from_secs(90);

/// Tasks that run through all of it, on two agents, by job.
const RESIDENTS: [(&str, u32); 4] = [("north", 25), ("east", 25), ("south", 25), ("west", 25)];
/// Tasks that come in each round, and go in the next.
const GUESTS: u32 = 2;

/// The least that come and go in all.
const GUESTS_IN_ALL: usize = 20;

const SERVICE: &str = "exec sleep 86397";

/// Every order of the three parts.
const ORDERS: [[&str; 3]; 6] = [
    ["master", "1", "2"],
    ["master", "2", "1"],
    ["1", "master", "2"],
    ["2", "master", "1"],
    ["1", "2", "master"],
    ["2", "1", "master"],
];

/// A fault in all parts.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Hang,
    Crash,
}

fn ids(tasks: &[ScheduledTask]) -> BTreeSet<String> {
    tasks.iter().map(|task| task_id(task).to_owned()).collect()
}

fn residents(testbed: &Testbed) -> Vec<ScheduledTask> {
    RESIDENTS.iter().flat_map(|(job, _)| testbed.tasks(job)).collect()
}

fn guests(round: usize) -> String {
    format!("guests-{round}")
}

/// Asks for the end of a job's tasks, and does not wait for it.
fn kill(testbed: &Testbed, name: &str) {
    let job = JobKey {
        role: Some("www".to_owned()),
        environment: Some("prod".to_owned()),
        name: Some(name.to_owned()),
    };
    testbed.scheduler.call(&rpc::KillTasks { job: Some(job), ..rpc::KillTasks::default() }).unwrap();
}

/// Waits until none of the job's tasks lives any more.
fn wait_for_end(testbed: &Testbed, name: &str) {
    let is_over = |task: &ScheduledTask| task.status == Some(ScheduleStatus::Killed);
    wait_until(&format!("the end of {name}"), PATIENCE, || {
        let tasks = testbed.tasks(name);
        if tasks.iter().all(is_over) {
            return Ok(());
        }
        Err(format!("{:#?}", tasks.iter().map(|task| (task.status, events(task))).collect::<Vec<_>>()))
    });
}

fn wait_for_processes(testbed: &Testbed, count: usize) {
    wait_until("one process for each task", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86397").len();
        if found == count { Ok(()) } else { Err(format!("{found} processes for {count} tasks")) }
    });
}

fn disturb(testbed: &Testbed, fault: Fault, order: &[&str], during: impl FnOnce()) {
    let cluster = &testbed.cluster;
    match fault {
        Fault::Hang => {
            order.iter().for_each(|part| cluster.stop(part, Signal::Hang));
            during();
            order.iter().for_each(|part| cluster.stop(part, Signal::Continue));
        }
        Fault::Crash => {
            order.iter().for_each(|part| cluster.stop(part, Signal::Kill));
            during();
            // An agent counts as started when the master knows it, so the master goes first.
            cluster.start_again("master");
            order.iter().filter(|part| **part != "master").for_each(|part| cluster.start_again(part));
        }
    }
}

fn faults_in_every_order(backend: Backend) {
    let resources = "cpus:70;mem:32768;disk:200000;ports:[31000-32000]";
    let options = TestbedOptions { agents: 2, resources, ..TestbedOptions::default() };
    let testbed = Testbed::start_with(backend, options);
    for (job, instances) in RESIDENTS {
        testbed.create("Service", job, instances, SERVICE);
        testbed.wait_for_running(job, instances as usize);
    }
    let at_first = ids(&residents(&testbed));
    assert_eq!(at_first.len(), 100);
    testbed.create("Service", &guests(0), GUESTS, SERVICE);
    testbed.wait_for_running(&guests(0), GUESTS as usize);

    let hangs = ORDERS.iter().map(|order| (Fault::Hang, order));
    let crashes = ORDERS.iter().map(|order| (Fault::Crash, order));
    let rounds: Vec<_> = hangs.chain(crashes).collect();
    assert!(rounds.len() * GUESTS as usize >= GUESTS_IN_ALL);
    for (round, (fault, order)) in rounds.iter().enumerate() {
        eprintln!("{fault:?} of {order:?}");
        disturb(&testbed, *fault, *order, || {
            kill(&testbed, &guests(round));
            testbed.create("Service", &guests(round + 1), GUESTS, SERVICE);
        });
        testbed.wait_for_running(&guests(round + 1), GUESTS as usize);
        wait_for_end(&testbed, &guests(round));
        wait_for_processes(&testbed, at_first.len() + GUESTS as usize);
        let now = residents(&testbed);
        let stories: Vec<_> = now.iter().map(events).collect();
        assert_eq!(ids(&now), at_first, "after {fault:?} of {order:?}: {stories:#?}");
        assert!(now.iter().all(|task| task.status == Some(ScheduleStatus::Running)), "{stories:#?}");
    }

    kill(&testbed, &guests(rounds.len()));
    RESIDENTS.iter().for_each(|(job, _)| kill(&testbed, job));
    wait_for_end(&testbed, &guests(rounds.len()));
    RESIDENTS.iter().for_each(|(job, _)| wait_for_end(&testbed, job));
    testbed.wait_for_empty_sandboxes();
}

#[test]
fn hangs_and_crashes_in_every_order_on_the_embedded_cluster() {
    faults_in_every_order(Backend::Embedded);
}

#[test]
fn hangs_and_crashes_in_every_order_on_a_real_mesos() {
    faults_in_every_order(Backend::RealMesos);
}
