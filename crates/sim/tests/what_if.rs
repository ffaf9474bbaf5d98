//! What-if questions: what fits, what waits and why.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::{AgentId, HostName, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{Assignment, Constraint, ConstraintRule, Task, TaskConfig, TaskEvent, TaskStatus};
use aurora_api::thrift;
use scheduler_core::operation::{HostAttributes, MaintenanceMode};
use scheduler_core::quota::Quota;
use sim::what_if::{Agent, Answer, Backup, Capacity, CoreConfig, Question, Why, lenient};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn resources(cores: i64, ram: i64) -> Resources {
    Resources { cpus: MilliCpus(cores * 1000), ram: Megabytes(ram), disk: Megabytes(1000), gpus: 0, ports: 0 }
}

fn capacity(cores: i64, ram: i64) -> Capacity {
    let regular = Resources { ports: 100, disk: Megabytes(100_000), ..resources(cores, ram) };
    Capacity { regular, revocable: Resources { cpus: MilliCpus::ZERO, ..regular } }
}

fn host(name: &str, capacity: Option<Capacity>) -> (HostName, HostAttributes) {
    let value = |value: &str| BTreeSet::from([Arc::from(value)]);
    let attributes = BTreeMap::from([(Arc::from("host"), value(name)), (Arc::from("rack"), value("r"))]);
    let host = HostName::new(name);
    let agent = AgentId::new(format!("agent-{name}"));
    (
        host.clone(),
        HostAttributes { host, agent, attributes, mode: MaintenanceMode::None, capacity, gone: None },
    )
}

fn config(key: &str, cores: i64, ram: i64) -> TaskConfig {
    TaskConfig { resources: resources(cores, ram), ..aurora_api::testing::service(key.parse().unwrap()) }
}

fn task(config: &TaskConfig, instance: u32, host: &str, status: TaskStatus) -> Task {
    let event =
        |status| TaskEvent { at: Timestamp(NOW.0 - 3_600_000), status, message: None, scheduler: None };
    Task {
        id: TaskId::new(format!("{}-{instance}", config.job.to_string().replace('/', "-"))),
        instance,
        config: Arc::new(config.clone()),
        status,
        assignment: status.is_assigned().then(|| Assignment {
            agent: AgentId::new(format!("agent-{host}")),
            host: HostName::new(host),
            ports: BTreeMap::new(),
        }),
        failure_count: 0,
        times_partitioned: 0,
        events: vec![event(TaskStatus::Pending), event(status)],
        ancestor: None,
    }
}

/// Two hosts of 4 cores, and a service on each.
fn backup() -> Backup {
    let web = config("www/prod/web", 2, 1024);
    Backup {
        taken_at: NOW,
        hosts: [host("a", Some(capacity(4, 8192))), host("b", Some(capacity(4, 8192)))].into(),
        tasks: vec![task(&web, 0, "a", TaskStatus::Running), task(&web, 1, "b", TaskStatus::Running)],
        ..Backup::default()
    }
}

fn question(backup: Backup) -> Question {
    let mut config = CoreConfig::default();
    lenient(&mut config);
    config.policy.legacy_constraints = false;
    Question { backup, agents: Vec::new(), jobs: Vec::new(), removed_hosts: BTreeSet::new(), config }
}

fn job(config: TaskConfig, instance_count: u32) -> thrift::JobConfiguration {
    thrift::JobConfiguration::from(&JobConfiguration { task: Arc::new(config), instance_count, cron: None })
}

/// What is told of a job: how many fit, how many wait, and the reasons.
fn of(answer: &Answer, key: &str, why: Why) -> (usize, usize, Vec<String>) {
    let found = answer.jobs.iter().find(|job| job.key.to_string() == key && job.why == why);
    let job = found.unwrap_or_else(|| panic!("no {key}, {why:?} in {answer:#?}"));
    (
        job.placed.iter().map(|placed| placed.instances.len()).sum(),
        job.pending.iter().map(|pending| pending.instances.len()).sum(),
        job.pending.iter().flat_map(|pending| pending.reasons.clone()).collect(),
    )
}

#[test]
fn nothing_asked_nothing_moved() {
    let answer = question(backup()).answer().unwrap();
    assert_eq!((answer.hosts, answer.active, answer.pending), (2, 2, 0));
    assert!(answer.jobs.is_empty() && answer.refused.is_empty(), "{answer:#?}");
}

#[test]
fn a_job_fits_as_far_as_there_is_room() {
    let mut question = question(backup());
    question.jobs.push(job(config("www/prod/new", 1, 1024), 5));
    let answer = question.answer().unwrap();
    let (placed, waiting, reasons) = of(&answer, "www/prod/new", Why::Added);
    assert_eq!((placed, waiting, answer.pending), (4, 1, 1));
    assert_eq!(
        reasons,
        [
            "2 of 2 agents: not enough CPU (need 1 core, best has 0 cores)",
            "what helps: less CPU per instance or more agents that suit"
        ]
    );
}

#[test]
fn executors_take_room_too() {
    let mut question = question(backup());
    let overhead = Resources { cpus: MilliCpus(500), ..Resources::default() };
    question.config.executor_overhead.insert(Arc::from("AuroraExecutor"), overhead);
    question.jobs.push(job(config("www/prod/new", 1, 1024), 5));
    let answer = question.answer().unwrap();
    assert_eq!(of(&answer, "www/prod/new", Why::Added).0, 2);
}

#[test]
fn what_a_removed_host_held_goes_elsewhere_if_it_can() {
    let mut question = question(backup());
    question.removed_hosts.insert(HostName::new("a"));
    let answer = question.answer().unwrap();
    let (placed, waiting, _) = of(&answer, "www/prod/web", Why::Displaced);
    assert_eq!((placed, waiting), (1, 0));
    assert_eq!(answer.jobs[0].placed[0].host, HostName::new("b"));

    let mut limited = backup();
    let once = Constraint { name: Arc::from("host"), rule: ConstraintRule::Limit(1) };
    for task in &mut limited.tasks {
        let constraints = BTreeSet::from([once.clone()]);
        task.config = Arc::new(TaskConfig { constraints, ..TaskConfig::clone(&task.config) });
    }
    let mut question = self::question(limited);
    question.removed_hosts.insert(HostName::new("a"));
    let answer = question.answer().unwrap();
    let (placed, waiting, reasons) = of(&answer, "www/prod/web", Why::Displaced);
    assert_eq!((placed, waiting), (0, 1));
    assert_eq!(
        reasons,
        [
            "1 of 1 agents: limit host:1 reached",
            "what helps: a higher limit on 'host' or more agents that suit"
        ]
    );
}

#[test]
fn the_less_important_go_for_the_more_important() {
    let mut full = backup();
    let batch = config("www/test/batch", 2, 1024);
    full.tasks.push(task(&batch, 0, "a", TaskStatus::Running));
    full.tasks.push(task(&batch, 1, "b", TaskStatus::Running));
    full.quotas.insert(Arc::from("www"), Quota::of(&resources(100, 100_000)));
    let mut question = question(full);
    let preferred =
        TaskConfig { tier: Arc::from("preferred"), production: true, ..config("www/prod/new", 2, 512) };
    question.jobs.push(job(preferred, 1));
    let answer = question.answer().unwrap();
    assert_eq!(of(&answer, "www/prod/new", Why::Added).0, 1);
    let preempted: usize = answer
        .jobs
        .iter()
        .filter(|job| job.why == Why::Preempted)
        .flat_map(|job| &job.pending)
        .map(|pending| pending.instances.len())
        .sum();
    assert_eq!((preempted, answer.pending), (1, 1), "{answer:#?}");
}

#[test]
fn a_job_over_its_quota_or_there_already_is_refused() {
    let mut question = question(backup());
    let preferred =
        TaskConfig { tier: Arc::from("preferred"), production: true, ..config("www/prod/new", 2, 512) };
    question.jobs.push(job(preferred, 1));
    question.jobs.push(job(config("www/prod/web", 1, 1), 1));
    let answer = question.answer().unwrap();
    assert_eq!(answer.refused.len(), 2);
    assert!(answer.refused[0].1[0].contains("Insufficient resource quota"), "{answer:#?}");
    assert_eq!(
        answer.refused[1],
        ("www/prod/web".to_owned(), vec!["Job www/prod/web already exists".to_owned()])
    );
}

#[test]
fn what_waited_before_waits_or_fits() {
    let mut waiting = backup();
    waiting.tasks.push(task(&config("www/test/small", 1, 64), 0, "", TaskStatus::Pending));
    waiting.tasks.push(task(&config("www/test/large", 9, 64), 0, "", TaskStatus::Pending));
    let answer = question(waiting).answer().unwrap();
    assert_eq!((answer.pending_before, answer.pending), (2, 1));
    assert_eq!(of(&answer, "www/test/small", Why::Waiting).0, 1);
    let (_, _, reasons) = of(&answer, "www/test/large", Why::Waiting);
    assert_eq!(
        reasons,
        [
            "2 of 2 agents: not enough CPU (need 9 cores, best has 2 cores)",
            "what helps: less CPU per instance or more agents that suit"
        ]
    );
}

#[test]
fn agents_say_what_upstream_does_not() {
    let mut upstream = backup();
    upstream.hosts.values_mut().for_each(|host| host.capacity = None);
    let error = question(upstream.clone()).answer().unwrap_err().to_string();
    assert!(error.contains("its 2 hosts") && error.contains("--agents"), "{error}");

    let agent = |name: &str| {
        let (host, stored) = host(name, None);
        Agent { host, id: stored.agent, attributes: stored.attributes, capacity: capacity(3, 8192) }
    };
    let mut question = question(upstream);
    question.agents = vec![agent("a"), agent("new")];
    question.jobs.push(job(config("www/prod/new", 1, 1024), 5));
    let answer = question.answer().unwrap();
    assert_eq!(answer.unmeasured_hosts, [HostName::new("b")]);
    assert_eq!(of(&answer, "www/prod/new", Why::Added).0, 1 + 3);
}

#[test]
fn a_host_to_remove_must_be_there() {
    let mut question = question(backup());
    question.removed_hosts.insert(HostName::new("c"));
    let error = question.answer().unwrap_err().to_string();
    assert_eq!(error, "there is no host c to remove; the snapshot has a, b");
}
