//! Master and agents hang and crash in every order while 100 tasks run, and others come and go. After each fault as many
//! tasks live as are wanted, each of them once, and no process is left over. What lasts no longer than the cluster waits
//! for a lost agent, no task may notice; what lasts longer, the tasks' events explain.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use aurora_api::thrift::{JobKey, ScheduleStatus, ScheduledTask, rpc};
use e2e::{
    Backend, FINDS_MASTER_SOON, PATIENCE, Signal, Testbed, TestbedOptions, WAITS_FOR_EXECUTORS, events,
    flags, task_id, wait_until,
};
use zookeeper::test_server::TestServer;

/// Tasks that run through all of it, on two agents, by job.
const RESIDENTS: [(&str, u32); 4] = [("north", 25), ("east", 25), ("south", 25), ("west", 25)];

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

/// A fault in one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Hang,
    Crash,
}

use Fault::{Crash, Hang};

/// All parts hang, all crash, and every mixture.
const MIXTURES: [[Fault; 3]; 6] = [
    [Hang, Crash, Crash],
    [Crash, Hang, Crash],
    [Crash, Crash, Hang],
    [Crash, Hang, Hang],
    [Hang, Crash, Hang],
    [Hang, Hang, Crash],
];

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

/// A launch may meet an agent or an offer that is gone.
fn says_why_it_is_lost(task: &ScheduledTask) -> bool {
    task.status == Some(ScheduleStatus::Lost)
        && events(task).last().is_some_and(|last| last.len() > "Lost: ".len())
}

/// Waits until none of the job's tasks lives any more. One may be lost, if it is told why.
fn wait_for_end(testbed: &Testbed, name: &str) {
    wait_until(&format!("the end of {name}"), PATIENCE, || {
        let tasks = testbed.tasks(name);
        let is_over =
            |task: &ScheduledTask| task.status == Some(ScheduleStatus::Killed) || says_why_it_is_lost(task);
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

/// Disturbs parts one after the other and brings them back in the same order, so that agents may be there before their
/// master, which gets these flags of Mesos if it starts.
fn disturb(testbed: &Testbed, round: &[(&str, Fault)], flags: &[(&str, &str)], during: impl FnOnce()) {
    let cluster = &testbed.cluster;
    for (part, fault) in round {
        let signal = if *fault == Hang { Signal::Hang } else { Signal::Kill };
        cluster.stop(part, signal);
    }
    during();
    let mut starts = Vec::new();
    for (part, fault) in round {
        match fault {
            Hang => cluster.stop(part, Signal::Continue),
            Crash => {
                let flags = if part.starts_with("master") { flags } else { &[] };
                starts.push((part, cluster.begin_start(part, flags)));
            }
        }
    }
    for (part, mut start) in starts {
        assert!(start.wait().unwrap().success(), "{part} did not register again");
    }
}

fn start(backend: Backend, options: TestbedOptions) -> Testbed {
    let resources = "cpus:160;mem:65536;disk:200000;ports:[31000-32000]";
    let scheduler_flags = vec![
        // A master that has just come drops the kills of tasks whose agents have not come yet.
        "-initial_task_kill_retry_interval=2secs".to_owned(),
        // Hundreds of tasks with a copy each would fill the disk.
        "-thermos_executor_in_place".to_owned(),
    ];
    let mut mesos_flags = flags([WAITS_FOR_EXECUTORS]);
    mesos_flags.extend(options.mesos_flags);
    let options = TestbedOptions { agents: 2, resources, scheduler_flags, mesos_flags, ..options };
    let testbed = Testbed::start_with(backend, options);
    for (job, instances) in RESIDENTS {
        testbed.create("Service", job, instances, SERVICE);
        testbed.wait_for_running(job, instances as usize);
    }
    assert_eq!(ids(&residents(&testbed)).len(), 100);
    testbed
}

/// Ends everything, and checks that nothing stays.
fn end(testbed: &Testbed, guests: &str) {
    kill(testbed, guests);
    RESIDENTS.iter().for_each(|(job, _)| kill(testbed, job));
    wait_for_end(testbed, guests);
    RESIDENTS.iter().for_each(|(job, _)| wait_for_end(testbed, job));
    testbed.wait_for_empty_sandboxes();
}

/// A master that waits for lost agents longer than any machine needs to bring them back.
const WAITS_FOR_AGENTS: (&str, &str) = ("MESOS_MAX_AGENT_PING_TIMEOUTS", "180");

fn restarts_a_master(round: &Vec<(&str, Fault)>) -> bool {
    round.iter().any(|(part, fault)| part.starts_with("master") && *fault == Crash)
}

/// Faults that are over in time: the same tasks run afterwards, none was interrupted.
fn short_faults(testbed: &Testbed, mut rounds: Vec<Vec<(&str, Fault)>>, guests_each: u32) {
    // Only rounds in which no master stays can lose agents that are away for too long. They come last, since agents find a
    // master that takes its time late.
    rounds.sort_by_key(|round| !restarts_a_master(round));
    let last_restart = rounds.iter().rposition(restarts_a_master).unwrap();
    let at_first = ids(&residents(testbed));
    testbed.create("Service", &guests(0), guests_each, SERVICE);
    testbed.wait_for_running(&guests(0), guests_each as usize);
    assert!(rounds.len() * guests_each as usize >= GUESTS_IN_ALL);
    for (number, round) in rounds.iter().enumerate() {
        eprintln!("{round:?}");
        let flags = if number == last_restart { [WAITS_FOR_AGENTS].as_slice() } else { &[] };
        disturb(testbed, round, flags, || {
            kill(testbed, &guests(number));
            testbed.create("Service", &guests(number + 1), guests_each, SERVICE);
        });
        testbed.wait_for_running(&guests(number + 1), guests_each as usize);
        wait_for_end(testbed, &guests(number));
        wait_for_processes(testbed, at_first.len() + guests_each as usize);
        let now = residents(testbed);
        let stories: Vec<_> = now.iter().map(events).collect();
        assert_eq!(ids(&now), at_first, "after {round:?}: {stories:#?}");
        assert!(now.iter().all(|task| task.status == Some(ScheduleStatus::Running)), "{stories:#?}");
    }
    end(testbed, &guests(rounds.len()));
}

fn short_faults_in_every_order(backend: Backend) {
    let options = TestbedOptions { mesos_flags: flags([FINDS_MASTER_SOON]), ..TestbedOptions::default() };
    let testbed = start(backend, options);
    let pure = [[Hang; 3], [Crash; 3]].into_iter().flat_map(|faults| ORDERS.map(|order| (order, faults)));
    let mixed = ORDERS.into_iter().zip(MIXTURES);
    let rounds: Vec<Vec<(&str, Fault)>> =
        pure.chain(mixed).map(|(order, faults)| order.into_iter().zip(faults).collect()).collect();
    short_faults(&testbed, rounds, 2);
}

/// Residents that run, once all do, whatever became of those before them.
fn wait_for_residents(testbed: &Testbed) -> Vec<ScheduledTask> {
    let is_running = |task: &ScheduledTask| task.status == Some(ScheduleStatus::Running);
    wait_until("100 residents to run", PATIENCE, || {
        let running: Vec<ScheduledTask> = residents(testbed).into_iter().filter(is_running).collect();
        let places: BTreeSet<_> = running
            .iter()
            .map(|task| {
                let assigned = task.assigned_task.as_ref().unwrap();
                let job =
                    assigned.task.as_ref().and_then(|it| it.job.as_ref()).and_then(|it| it.name.clone());
                (job, assigned.instance_id)
            })
            .collect();
        if running.len() == 100 && places.len() == 100 {
            Ok(running)
        } else {
            Err(format!("{} run, of {} instances", running.len(), places.len()))
        }
    })
}

fn host(task: &ScheduledTask) -> &str {
    task.assigned_task.as_ref().unwrap().slave_host.as_deref().unwrap()
}

/// Agents that stay away for longer than the cluster waits: their tasks run elsewhere, and when the agents are back, with
/// what ran there, every instance runs once.
fn long_faults_are_explained(backend: Backend) {
    // An agent that is busy with a hundred executors is not lost for it.
    let mesos_flags = flags([("MESOS_MAX_AGENT_PING_TIMEOUTS", "15"), ("MESOS_RECOVERY_TIMEOUT", "15mins")]);
    let testbed = start(backend, TestbedOptions { mesos_flags, ..TestbedOptions::default() });
    const GUESTS: u32 = 7;
    // Whether the master is replaced by another process while the agent is away.
    let rounds = [("2", Crash, false), ("1", Hang, false), ("2", Crash, true)];
    assert!(rounds.len() * GUESTS as usize >= GUESTS_IN_ALL);
    testbed.create("Service", &guests(0), GUESTS, SERVICE);
    testbed.wait_for_running(&guests(0), GUESTS as usize);
    let mut interrupted = BTreeSet::new();
    for (number, (agent, fault, with_master)) in rounds.into_iter().enumerate() {
        let cluster = &testbed.cluster;
        let away = format!("agent-{agent}");
        let gone: BTreeSet<String> = ids(&wait_for_residents(&testbed)
            .into_iter()
            .filter(|task| host(task) == away)
            .collect::<Vec<_>>());
        eprintln!("{fault:?} of {away} with {} of the residents, and the master: {with_master}", gone.len());
        cluster.stop(agent, if fault == Hang { Signal::Hang } else { Signal::Kill });
        kill(&testbed, &guests(number));
        testbed.create("Service", &guests(number + 1), GUESTS, SERVICE);
        wait_until("the tasks of the lost agent to run elsewhere", PATIENCE, || {
            let running = wait_for_residents(&testbed);
            let left = running.iter().filter(|task| gone.contains(task_id(task))).count();
            if left == 0 { Ok(()) } else { Err(format!("{left} are not given up")) }
        });
        if with_master {
            cluster.stop("master", Signal::Kill);
            cluster.start_again("master");
        }
        match fault {
            Hang => cluster.stop(agent, Signal::Continue),
            Crash => cluster.start_again(agent),
        }
        interrupted.extend(gone);
        testbed.wait_for_running(&guests(number + 1), GUESTS as usize);
        wait_for_end(&testbed, &guests(number));
        wait_for_residents(&testbed);
        wait_for_processes(&testbed, 100 + GUESTS as usize);
    }
    assert!(!interrupted.is_empty());
    let all = wait_until("all that do not run to have ended", PATIENCE, || {
        let all = residents(&testbed);
        let is_settled = |task: &ScheduledTask| {
            let ends = [ScheduleStatus::Lost, ScheduleStatus::Failed, ScheduleStatus::Killed];
            task.status == Some(ScheduleStatus::Running) || task.status.is_some_and(|it| ends.contains(&it))
        };
        let others: Vec<_> = all.iter().filter(|task| !is_settled(task)).map(events).collect();
        if others.is_empty() { Ok(all) } else { Err(format!("{others:#?}")) }
    });
    for task in all.iter().filter(|task| task.status != Some(ScheduleStatus::Running)) {
        let told = events(task);
        assert_eq!(task.status, Some(ScheduleStatus::Lost), "{told:?}");
        interrupted.remove(task_id(task));
        if !told.iter().any(|event| event.starts_with("Running:")) {
            assert!(says_why_it_is_lost(task), "{told:?}");
            continue;
        }
        // The second is what a busy machine may add.
        let causes = ["health check timed out", "did not reregister"];
        assert!(causes.iter().any(|cause| told.last().unwrap().contains(cause)), "{told:?}");
    }
    assert_eq!(interrupted, BTreeSet::new(), "interrupted without a trace");
    end(&testbed, &guests(rounds.len()));
}

e2e::on_both_clusters! {
    short_faults_in_every_order,
    long_faults_are_explained,
}

/// With masters that are elected, another process leads after each fault. Only a real Mesos has them.
#[test]
fn short_faults_in_every_order_with_elected_masters() {
    let server = TestServer::start();
    let ensemble = Some(format!("zk://{}/mesos", server.address()));
    let testbed = start(Backend::RealMesos, TestbedOptions { ensemble, ..TestbedOptions::default() });
    let rounds: Vec<Vec<(&str, Fault)>> = [("master", Crash), ("master-2", Crash), ("master-3", Crash)]
        .into_iter()
        .zip(ORDERS)
        .map(|((master, fault), order)| {
            let part = |part| if part == "master" { (master, fault) } else { (part, Crash) };
            order.into_iter().map(part).collect()
        })
        .collect();
    short_faults(&testbed, rounds, 7);
}
