use aurora_api::thrift::{AssignedTask, TaskConfig, TaskEvent};
use proptest::prelude::*;

use super::*;

fn goal(percentage: f64, duration: i64) -> Goal {
    Goal { percentage, duration }
}

fn uptimes(seconds: &[i64]) -> Uptimes {
    seconds.iter().copied().collect()
}

fn job(name: &str) -> JobKey {
    JobKey { role: Some("r".to_owned()), environment: Some("prod".to_owned()), name: Some(name.to_owned()) }
}

fn event(status: ScheduleStatus, timestamp: i64) -> TaskEvent {
    TaskEvent { status: Some(status), timestamp: Some(timestamp), ..TaskEvent::default() }
}

/// A production task that has been RUNNING since second 0.
fn task(name: &str, host: Option<&str>, status: ScheduleStatus) -> ScheduledTask {
    ScheduledTask {
        status: Some(status),
        task_events: Some(vec![
            event(ScheduleStatus::Assigned, -500),
            event(ScheduleStatus::Running, 999),
            event(ScheduleStatus::Running, 70_000),
        ]),
        assigned_task: Some(AssignedTask {
            slave_host: host.map(str::to_owned),
            task: Some(TaskConfig { job: Some(job(name)), production: Some(true), ..TaskConfig::default() }),
            ..AssignedTask::default()
        }),
        ..ScheduledTask::default()
    }
}

fn hosts(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Host, job, percentage, whether it is safe, the wait.
type Told = (String, String, f64, bool, Option<i64>);

fn expected(host: &str, job: &str, percentage: f64, is_safe: bool, wait: Option<i64>) -> Told {
    (host.to_owned(), job.to_owned(), percentage, is_safe, wait)
}

fn told(probes: &[Probe]) -> Vec<Told> {
    let name = |probe: &Probe| probe.job.name.clone().unwrap();
    probes
        .iter()
        .map(|probe| (probe.host.clone(), name(probe), probe.percentage, probe.is_safe, probe.wait))
        .collect()
}

#[test]
fn what_has_been_up_for_long_enough_is_counted() {
    let uptimes = uptimes(&[300, 100, 200]);
    for (duration, expected) in [(0, 100.0), (100, 100.0), (101, 200.0 / 3.0), (300, 100.0 / 3.0), (301, 0.0)]
    {
        assert_eq!(uptimes.up_count(duration, 3), expected, "{duration}");
    }
    assert_eq!(uptimes.up_count(0, 4), 75.0);
    assert_eq!(uptimes.up_count(0, 0), 0.0);
}

#[test]
fn the_wait_ends_when_enough_have_been_up() {
    let uptimes = uptimes(&[100, 200, 300]);
    assert_eq!(uptimes.wait_for(goal(66.0, 200), 3), Some(0));
    assert_eq!(uptimes.wait_for(goal(67.0, 200), 3), Some(100));
    assert_eq!(uptimes.wait_for(goal(100.0, 1000), 3), Some(900));
    assert_eq!(uptimes.wait_for(goal(75.0, 1000), 4), Some(900));
    assert_eq!(uptimes.wait_for(goal(76.0, 1000), 4), None, "three of four are 75 %");
    assert_eq!(super::Uptimes::default().wait_for(goal(1.0, 10), 0), None);
}

#[test]
fn an_uptime_begins_with_the_first_running_and_ends_with_the_way_down() {
    let up_since = |status| Instance::of(&task("j", Some("a"), status)).up_since;
    assert_eq!(up_since(ScheduleStatus::Running), Some(0));
    assert_eq!(up_since(ScheduleStatus::Partitioned), Some(0));
    for down in [ScheduleStatus::Draining, ScheduleStatus::Killing, ScheduleStatus::Restarting] {
        assert_eq!(up_since(down), None, "{down}");
    }
    let mut starting = task("j", Some("a"), ScheduleStatus::Starting);
    starting.task_events = None;
    assert_eq!(Instance::of(&starting), Instance { host: Some("a".to_owned()), up_since: None });
}

#[test]
fn jobs_that_wait_for_places_are_as_large_as_ever() {
    let mut tasks = vec![task("j", None, ScheduleStatus::Pending)];
    tasks[0].task_events = Some(Vec::new());
    tasks.push(task("j", Some("a"), ScheduleStatus::Running));
    tasks.push(task("j", Some("b"), ScheduleStatus::Running));
    let probes = Jobs::of(&tasks, 3).probe(&hosts(&["a"]), goal(50.0, 60), 100);
    assert_eq!(told(&probes), [expected("a", "j", 100.0 / 3.0, false, None)]);
    assert!(Jobs::of(&tasks, 4).probe(&hosts(&["a"]), goal(50.0, 60), 100).is_empty());
}

#[test]
fn only_production_jobs_are_protected() {
    let mut tasks = vec![task("j", Some("a"), ScheduleStatus::Running)];
    tasks[0].assigned_task.as_mut().unwrap().task.as_mut().unwrap().production = Some(false);
    assert!(Jobs::of(&tasks, 1).probe(&hosts(&["a"]), goal(50.0, 60), 100).is_empty());
}

#[test]
fn hosts_of_a_group_go_down_together() {
    let on = |name, host| task(name, Some(host), ScheduleStatus::Running);
    let tasks = [on("j", "a"), on("j", "b"), on("j", "c"), on("k", "b"), on("k", "c")];
    let jobs = Jobs::of(&tasks, 2);
    let one = jobs.probe(&hosts(&["a", "idle"]), goal(50.0, 60), 100);
    assert_eq!(told(&one), [expected("a", "j", 200.0 / 3.0, true, Some(0))]);
    let both = jobs.probe(&hosts(&["a", "b"]), goal(50.0, 60), 100);
    assert_eq!(
        told(&both),
        [
            expected("a", "j", 100.0 / 3.0, false, None),
            expected("b", "j", 100.0 / 3.0, false, None),
            expected("b", "k", 50.0, true, Some(0)),
        ]
    );
    let soon = jobs.probe(&hosts(&["a"]), goal(50.0, 150), 100);
    assert_eq!(told(&soon), [expected("a", "j", 0.0, false, Some(50))]);
}

proptest! {
    /// The share by its definition.
    #[test]
    fn the_share_is_that_of_the_definition(seconds in prop::collection::vec(0i64..50, 0..30), duration in 0i64..60) {
        let up = seconds.iter().filter(|uptime| **uptime >= duration).count();
        let share = uptimes(&seconds).up_count(duration, seconds.len());
        let expected = if seconds.is_empty() { 0.0 } else { 100.0 * up as f64 / seconds.len() as f64 };
        prop_assert_eq!(share, expected);
    }

    /// After the wait the goal is reached, and a second before it is not; without a wait it never is.
    #[test]
    fn the_wait_is_the_shortest_that_helps(
        seconds in prop::collection::vec(0i64..50, 0..30),
        missing in 0usize..10,
        tenths in 1u32..=1000,
        duration in 0i64..60,
    ) {
        let goal = goal(f64::from(tenths) / 10.0, duration);
        let total = seconds.len() + missing;
        let is_reached_after = |wait: i64| {
            let later: Uptimes = seconds.iter().map(|uptime| uptime + wait).collect();
            later.up_count(duration, total) >= goal.percentage
        };
        match uptimes(&seconds).wait_for(goal, total) {
            Some(wait) => {
                prop_assert!(wait >= 0 && is_reached_after(wait));
                prop_assert!(wait == 0 || !is_reached_after(wait - 1));
            }
            None => prop_assert!(!is_reached_after(1_000)),
        }
    }

    /// Taking down more never makes a job safer, and a probe is safe exactly if it needs no wait.
    #[test]
    fn more_hosts_down_are_never_safer(
        places in prop::collection::vec(("[a-d]", 0usize..3), 1..40),
        down in prop::collection::btree_set("[a-d]", 1..4),
        further in "[a-d]",
        percentage in 1u32..=100,
    ) {
        let names = ["j", "k", "l"];
        let running = |(host, job): &(String, usize)| task(names[*job], Some(host.as_str()), ScheduleStatus::Running);
        let tasks: Vec<ScheduledTask> = places.iter().map(running).collect();
        let jobs = Jobs::of(&tasks, 1);
        let goal = goal(f64::from(percentage), 60);
        let few = jobs.probe(&down, goal, 100);
        let mut more = down.clone();
        more.insert(further);
        let many = jobs.probe(&more, goal, 100);
        for probe in &few {
            prop_assert_eq!(probe.is_safe, probe.wait == Some(0));
            let with_more = many.iter().find(|other| (&other.host, &other.job) == (&probe.host, &probe.job)).unwrap();
            prop_assert!(with_more.percentage <= probe.percentage);
            prop_assert!(probe.is_safe || !with_more.is_safe);
        }
    }
}
