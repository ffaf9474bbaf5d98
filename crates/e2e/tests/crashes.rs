//! The scheduler is killed at random moments while jobs come and go: what it promised must hold afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aurora_api::thrift::ScheduleStatus::{Assigned, Failed, Finished, Killed, Lost, Running};
use aurora_api::thrift::{
    Arguments, JobConfiguration, JobKey, Response, ResponseCode, Result as ApiResult, ScheduledTask,
    TaskConfig, TaskQuery, rpc,
};
use aurora_client::Client;
use e2e::{Backend, PATIENCE, Testbed, TestbedOptions, events, task_id, wait_until};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Fewer than this, and the run would not count as proof.
const CRASHES: u32 = 50;

/// Fewer kills than this, and the load would not count as one.
const KILLS: usize = 10;

/// Jobs alive at once, beside the anchor: what two cores start and stop without waiting.
const ALIVE_MAX: usize = 8;

const SERVICE: &str = "exec sleep 86398";

/// What the scheduler has promised about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// It was created: one task of it lives.
    Alive,
    /// It was killed: none does.
    Dead,
    /// A call was cut off: either, but not both.
    Open,
}

/// Creates and kills jobs until told to stop. Knows what it was promised.
struct Load {
    client: Client,
    template: TaskConfig,
    promises: BTreeMap<String, Promise>,
    refusals: Vec<String>,
    done: Arc<Done>,
}

/// What came of the load so far, for who watches it.
#[derive(Default)]
struct Done {
    answers: AtomicUsize,
    kills: AtomicUsize,
}

impl Load {
    async fn run(mut self, is_over: &AtomicBool) -> Self {
        let mut next = 0;
        while !is_over.load(Ordering::Relaxed) {
            let alive: Vec<String> = self.with(Promise::Alive);
            let step = if alive.len() < ALIVE_MAX {
                next += 1;
                let name = format!("job-{next:04}");
                (name.clone(), Promise::Alive, self.call(&create(&self.template, &name)).await)
            } else {
                let name = alive[0].clone();
                (name.clone(), Promise::Dead, self.call(&kill(&self.template, &name)).await)
            };
            let (name, wanted, answer) = step;
            match answer {
                Some(response) if response.response_code == Some(ResponseCode::Ok) => {
                    self.promises.insert(name, wanted);
                    self.done.answers.fetch_add(1, Ordering::Relaxed);
                    self.done.kills.fetch_add(usize::from(wanted == Promise::Dead), Ordering::Relaxed);
                }
                Some(refused) => self.refusals.push(format!("{name}: {refused:?}")),
                None => {
                    self.promises.insert(name, Promise::Open);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        self
    }

    async fn call<A: Arguments>(&self, arguments: &A) -> Option<Response> {
        self.client.try_once(arguments).await.ok()
    }

    fn with(&self, promise: Promise) -> Vec<String> {
        let those = self.promises.iter().filter(|(_, it)| **it == promise);
        those.map(|(name, _)| name.clone()).collect()
    }
}

fn key_of(template: &TaskConfig, name: &str) -> JobKey {
    JobKey { name: Some(name.to_owned()), ..template.job.clone().unwrap() }
}

fn create(template: &TaskConfig, name: &str) -> rpc::CreateJob {
    let key = key_of(template, name);
    let task_config = TaskConfig { job: Some(key.clone()), ..template.clone() };
    let description = JobConfiguration {
        key: Some(key),
        task_config: Some(task_config),
        instance_count: Some(1),
        ..JobConfiguration::default()
    };
    rpc::CreateJob { description: Some(description) }
}

fn kill(template: &TaskConfig, name: &str) -> rpc::KillTasks {
    rpc::KillTasks { job: Some(key_of(template, name)), ..rpc::KillTasks::default() }
}

/// All tasks of the test's role by job.
fn all_tasks(testbed: &Testbed) -> Result<BTreeMap<String, Vec<ScheduledTask>>, String> {
    let query = TaskQuery { role: Some("www".to_owned()), ..TaskQuery::default() };
    let response = testbed.scheduler.call(&rpc::GetTasksStatus { query: Some(query) })?;
    let Some(ApiResult::ScheduleStatusResult(result)) = response.result else {
        return Err("no tasks in the answer".to_owned());
    };
    let mut jobs: BTreeMap<String, Vec<ScheduledTask>> = BTreeMap::new();
    for task in result.tasks.unwrap_or_default() {
        let name = config_of(&task).job.and_then(|key| key.name).unwrap();
        jobs.entry(name).or_default().push(task);
    }
    Ok(jobs)
}

fn config_of(task: &ScheduledTask) -> TaskConfig {
    task.assigned_task.clone().unwrap().task.unwrap()
}

fn is_active(task: &&ScheduledTask) -> bool {
    !matches!(task.status, Some(Finished | Failed | Killed | Lost))
}

fn crash_at_random(backend: Backend, crashes: u32) {
    let seed = std::env::var("AURORA_E2E_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    eprintln!("run it again with AURORA_E2E_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);

    let resources = "cpus:64;mem:65536;disk:200000;ports:[31000-32000]";
    let mut testbed = Testbed::start_with(backend, TestbedOptions { resources, ..TestbedOptions::default() });
    testbed.create("Service", "anchor", 3, SERVICE);
    let anchors = testbed.wait_for_running("anchor", 3);
    let template = config_of(&all_tasks(&testbed).unwrap()["anchor"][0]);
    let cluster = aurora_client::Cluster::at("e2e", &testbed.scheduler.address());
    let load = Load {
        client: Client::new(&cluster).unwrap(),
        template,
        promises: BTreeMap::new(),
        refusals: Vec::new(),
        done: Arc::default(),
    };

    let is_over = AtomicBool::new(false);
    let done = Arc::clone(&load.done);
    let load = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(load.run(&is_over))
        });
        // On a slow machine it takes more of them until enough is done.
        let begin = Instant::now();
        for number in 0.. {
            let is_enough = done.kills.load(Ordering::Relaxed) > KILLS;
            if number >= crashes && (is_enough || begin.elapsed() > PATIENCE) {
                break;
            }
            // Now and then it dies before it is even ready, else not before the load has got on.
            if random.random_ratio(4, 5) {
                testbed.scheduler.wait_until_ready();
                let before = done.answers.load(Ordering::Relaxed);
                wait_until("the load to get on", PATIENCE, || {
                    let answers = done.answers.load(Ordering::Relaxed) - before;
                    if answers >= 2 { Ok(()) } else { Err(format!("{answers} answers")) }
                });
            }
            std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
            testbed.scheduler.crash();
            testbed.scheduler.spawn();
        }
        testbed.scheduler.wait_until_ready();
        is_over.store(true, Ordering::Relaxed);
        worker.join().unwrap()
    });

    assert_eq!(load.refusals, Vec::<String>::new());
    let promised = |promise| load.with(promise).len();
    let counts = (promised(Promise::Alive), promised(Promise::Dead), promised(Promise::Open));
    eprintln!("alive, dead, open after {crashes} crashes: {counts:?}");
    assert!(counts.1 > KILLS, "the load got too little done to prove anything: {counts:?}");

    let running = wait_until("every promise to hold", PATIENCE, || {
        let jobs = all_tasks(&testbed)?;
        let mut running = 3;
        for (name, promise) in &load.promises {
            let tasks = jobs.get(name).map(Vec::as_slice).unwrap_or_default();
            let active: Vec<&ScheduledTask> = tasks.iter().filter(is_active).collect();
            let is_kept = match (promise, active.as_slice()) {
                (Promise::Alive | Promise::Open, [task]) => task.status == Some(Running),
                (Promise::Dead | Promise::Open, []) => true,
                _ => false,
            };
            if !is_kept {
                let seen: Vec<_> = tasks.iter().map(|task| (task.status, events(task))).collect();
                return Err(format!("{name} was promised to be {promise:?}, but is {seen:#?}"));
            }
            running += active.len();
        }
        Ok(running)
    });
    let after = testbed.wait_for_running("anchor", 3);
    let ids = |tasks: &[_]| tasks.iter().map(|task| task_id(task).to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&anchors), "a running task did not survive");
    assert!(all_tasks(&testbed).unwrap().values().flatten().all(|task| task.status != Some(Assigned)));
    wait_until("as many processes as running tasks", PATIENCE, || {
        let found = testbed.sandbox_processes("sleep 86398").len();
        if found == running { Ok(()) } else { Err(format!("{found} processes for {running} tasks")) }
    });
}

#[test]
fn fifty_crashes_lose_nothing_on_the_embedded_cluster() {
    crash_at_random(Backend::Embedded, CRASHES);
}

#[test]
fn fifty_crashes_lose_nothing_on_a_real_mesos() {
    crash_at_random(Backend::RealMesos, CRASHES);
}
