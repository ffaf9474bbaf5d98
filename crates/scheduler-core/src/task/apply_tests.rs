use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::ids::TaskId;
use aurora_api::task::TaskStatus::{self, *};
use aurora_api::task::{PartitionPolicy, Task, TaskConfig};

use crate::bench::*;
use crate::effect::{Batch, Effect, Reply};
use crate::handle::Step;
use crate::input::Change;
use crate::task::{ChangeResult, StatusChange};

/// What a change came to: the result, which tasks were killed, whether a replacement came.
struct Done {
    result: ChangeResult,
    effects: Vec<Effect>,
}

impl Done {
    fn kill_count(&self) -> usize {
        kills(&self.effects).len()
    }

    fn replacement(&self) -> Option<Arc<Task>> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::StatusChanged { task, from: Init } => Some(Arc::clone(task)),
            _ => None,
        })
    }
}

fn wish(bench: &mut Bench, change: &StatusChange) -> Done {
    let mut batch = Batch::default();
    let result = bench.core.change_status(change, &mut Step { now: bench.now, batch: &mut batch });
    Done { result, effects: batch.effects }
}

fn go(bench: &mut Bench, task: &TaskId, to: TaskStatus) -> Done {
    let done = wish(bench, &StatusChange::to(task, to));
    assert_eq!(done.result, ChangeResult::Success, "{to}");
    done
}

/// A bench without offers, and a task on it that went this way.
fn task_at(config: TaskConfig, path: &[TaskStatus]) -> (Bench, TaskId) {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(config, &[]);
    for status in path {
        go(&mut bench, &id, *status);
    }
    (bench, id)
}

fn retries(max_task_failures: i32) -> TaskConfig {
    TaskConfig { max_task_failures, ..ad_hoc("r/prod/j") }
}

/// Stores the task with so many failures.
fn with_failures(bench: &mut Bench, id: &TaskId, failure_count: i32) {
    let task = Arc::new(Task { failure_count, ..Task::clone(&bench.task(id).unwrap()) });
    let config = bench.core.state.tables().config_id(id).unwrap();
    bench.core.state.apply(&crate::Operation::SaveTask { task, config }).unwrap();
}

/// Every status, and none at all.
fn targets() -> impl Iterator<Item = Option<TaskStatus>> {
    TaskStatus::ALL.into_iter().map(Some).chain([None])
}

/// The actions that were seen, as the table of `spec/scheduler.md` §1.3 writes them.
fn letters(before: &Task, done: &Done, after: Option<&Task>) -> String {
    let is_own = |effect: &&Effect| match effect {
        Effect::StatusChanged { task, .. } => task.id == before.id,
        _ => true,
    };
    let own: Vec<&Effect> = done.effects.iter().filter(is_own).collect();
    let saves = own.iter().filter(|effect| matches!(effect, Effect::StatusChanged { .. })).count();
    let mut letters = String::new();
    let mut add = |letter: char, is_seen: bool| letters.extend(is_seen.then_some(letter));
    add('F', after.is_some_and(|after| after.failure_count > before.failure_count));
    add('S', saves > 0);
    add('R', done.replacement().is_some_and(|new| new.id != before.id));
    add('L', saves > 1);
    add('K', done.kill_count() > 0);
    add('D', after.is_none());
    letters
}

/// A stored task in any status at all, with a KILLING event in its history only if it is being killed.
fn stored_as(status: TaskStatus) -> (Bench, TaskId) {
    let (mut bench, id) = task_at(TaskConfig { max_task_failures: 0, ..ad_hoc("r/prod/j") }, &[]);
    let stored = bench.task(&id).unwrap();
    let mut task = Task { status, ..Task::clone(&stored) };
    task.events[0].status = if status == Killing { Killing } else { Assigned };
    let config = bench.core.state.tables().config_id(&id).unwrap();
    bench.core.state.apply(&crate::Operation::SaveTask { task: Arc::new(task), config }).unwrap();
    (bench, id)
}

/// What the table of `spec/scheduler.md` §1.3 gives for a task that is no service, has no retries and was not being
/// killed, with the ends of nested changes: L goes on by the rule of the status that met the partition.
fn expected(from: TaskStatus, to: Option<TaskStatus>) -> Option<&'static str> {
    let to = match to {
        Some(to) => to,
        None => return matches!(from, Killing | Finished | Failed | Killed | Lost).then_some("D"),
    };
    Some(match (from, to) {
        (Init, Pending | Throttled) | (Throttled, Pending) | (Pending, Assigned) => "S",
        (Throttled | Pending, Killing) => "D",
        (Assigned, Starting | Running) | (Starting, Running | Partitioned) | (Running, Partitioned) => "S",
        (Assigned | Starting | Running, Finished) => "S",
        (Assigned | Starting | Running | Partitioned, Failed) => "FS",
        (Assigned | Starting | Running, Restarting | Draining | Preempting | Killing) => "SK",
        (Assigned | Starting | Running, Killed) | (Starting | Running, Lost) => "SR",
        (Assigned | Preempting | Restarting | Draining | Partitioned, Lost) => "SRK",
        (Preempting | Restarting | Draining, Finished | Failed | Killed) => "SR",
        (Preempting | Restarting | Draining, Killing) => "S",
        (Preempting | Restarting | Draining, Partitioned) => "SRLK",
        (Partitioned, Running | Starting | Assigned | Finished) => "S",
        (Partitioned, Restarting | Draining | Preempting) => "SRLK",
        (Partitioned, Killing) => "SL",
        (Killing, Finished | Failed | Killed | Lost) => "S",
        (Killing, Partitioned) => "SLK",
        _ => return None,
    })
}

#[test]
fn sched_1_every_pair_of_statuses_does_what_the_table_says() {
    let (mut success, mut noop, mut kill, mut illegal) = (0, 0, 0, 0);
    for from in TaskStatus::ALL {
        for to in targets() {
            let (mut bench, id) = stored_as(from);
            let before = bench.core.snapshot();
            let task = bench.task(&id).unwrap();
            let done = match to {
                Some(to) => wish(&mut bench, &StatusChange::to(&id, to)),
                None => wish(&mut bench, &StatusChange { to: None, ..StatusChange::to(&id, from) }),
            };
            let is_unchanged = bench.core.snapshot() == before;
            let counted = done.effects.iter().filter(|effect| {
                matches!(effect, Effect::Count { name, by: 1 } if name == "scheduler_illegal_task_state_transitions")
            });
            let counted = counted.count();
            match done.result {
                ChangeResult::Success => {
                    let seen = letters(&task, &done, bench.task(&id).as_deref());
                    assert_eq!(Some(seen.as_str()), expected(from, to), "{from} -> {to:?}");
                    assert_eq!((counted, is_unchanged), (0, false));
                    success += 1;
                }
                ChangeResult::Same => {
                    assert_eq!((Some(from), done.effects.len(), is_unchanged), (to, 0, true));
                    noop += 1;
                }
                ChangeResult::IllegalWithKill => {
                    assert_eq!(kills(&done.effects), std::slice::from_ref(&id));
                    assert!(matches!(to, Some(Assigned | Starting | Running)), "{from} -> {to:?}");
                    assert_eq!((counted, is_unchanged), (1, true));
                    kill += 1;
                }
                ChangeResult::Illegal => {
                    assert_eq!((counted, done.effects.len(), is_unchanged), (1, 1, true), "{from} -> {to:?}");
                    illegal += 1;
                }
                ChangeResult::Unexpected => panic!("nothing was expected"),
            }
        }
    }
    assert_eq!((success, noop, kill, illegal), (73, 15, 24, 128));
}

#[test]
fn sched_2_life_in_an_unknown_task_is_ended_and_nothing_else_happens() {
    for to in targets() {
        let mut bench = Bench::subscribed(quiet_config());
        let before = bench.core.snapshot();
        let id = TaskId::new("unknown");
        let done = wish(&mut bench, &StatusChange { to, ..StatusChange::to(&id, Lost) });
        let (result, kill_count) = match to {
            Some(Assigned | Starting | Running) => (ChangeResult::IllegalWithKill, 1),
            None => (ChangeResult::Same, 0),
            Some(_) => (ChangeResult::Illegal, 0),
        };
        assert_eq!((done.result, done.kill_count()), (result, kill_count), "{to:?}");
        assert_eq!(bench.core.snapshot(), before, "{to:?}");
    }
}

#[test]
fn sched_3_killing_what_was_never_launched_deletes_it() {
    let pending = || task_at(service("r/prod/j"), &[]);
    let throttled = || {
        let mut bench = Bench::subscribed(quiet_config());
        bench.task_in(service("r/prod/j"), &[]);
        for _ in 0..2 {
            let id = bench.active(&job_key("r/prod/j"), 0).unwrap().id.clone();
            bench.change_all(&id, &[Assigned, Running, Failed]);
        }
        let task = bench.active(&job_key("r/prod/j"), 0).unwrap();
        assert_eq!(task.status, Throttled);
        (bench, task.id.clone())
    };
    for (mut bench, id) in [pending(), throttled()] {
        let stored = bench.core.view().task_count();
        let done = go(&mut bench, &id, Killing);
        assert!(matches!(&done.effects[..], [.., Effect::TasksRemoved(removed)] if removed[0].id == id));
        assert_eq!((done.kill_count(), changes(&done.effects)), (0, vec![]));
        assert_eq!((bench.task(&id), bench.core.view().task_count()), (None, stored - 1));
        assert!(bench.tasks(Killed).is_empty());
    }
}

#[test]
fn sched_4_a_finished_service_is_rescheduled() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running]);
    assert!(go(&mut bench, &id, Finished).replacement().is_some());
    let (mut bench, id) = task_at(ad_hoc("r/prod/j"), &[Assigned, Running]);
    assert!(go(&mut bench, &id, Finished).replacement().is_none());
}

#[test]
fn sched_5_what_is_killed_stays_dead() {
    for config in [service("r/prod/j"), ad_hoc("r/prod/j")] {
        for end in [Killed, Finished, Failed, Lost] {
            let (mut bench, id) = task_at(config.clone(), &[Assigned, Running]);
            assert_eq!(go(&mut bench, &id, Killing).kill_count(), 1);
            let done = go(&mut bench, &id, end);
            assert!(done.replacement().is_none() && done.kill_count() == 0);
            assert_eq!(bench.task(&id).unwrap().failure_count, 0);
        }
    }
}

#[test]
fn sched_6_what_is_restarted_comes_back_and_nothing_is_counted() {
    for way in [Restarting, Draining, Preempting] {
        for (end, kill_count, comes_back) in
            [(Finished, 0, true), (Failed, 0, true), (Killed, 0, true), (Killing, 0, false), (Lost, 1, true)]
        {
            let (mut bench, id) = task_at(retries(1), &[Assigned, Running]);
            assert_eq!(go(&mut bench, &id, way).kill_count(), 1);
            let done = go(&mut bench, &id, end);
            assert_eq!((done.kill_count(), done.replacement().is_some()), (kill_count, comes_back));
            assert_eq!(bench.task(&id).unwrap().failure_count, 0);
        }
    }
}

#[test]
fn sched_7_the_last_allowed_failure_is_final() {
    for (before, comes_back) in [(8, true), (9, false)] {
        let (mut bench, id) = task_at(retries(10), &[Assigned, Running]);
        with_failures(&mut bench, &id, before);
        let done = go(&mut bench, &id, Failed);
        assert_eq!(done.replacement().is_some(), comes_back);
        assert_eq!(bench.task(&id).unwrap().failure_count, before + 1);
    }
}

#[test]
fn sched_8_a_task_without_limit_fails_for_ever() {
    let (mut bench, id) = task_at(retries(-1), &[Assigned, Running]);
    with_failures(&mut bench, &id, 1000);
    assert_eq!(go(&mut bench, &id, Failed).replacement().unwrap().failure_count, 1001);
}

#[test]
fn sched_9_none_or_one_failure_means_no_retry() {
    for max in [0, 1] {
        let (mut bench, id) = task_at(retries(max), &[Assigned, Running]);
        assert!(go(&mut bench, &id, Failed).replacement().is_none());
        assert_eq!(bench.task(&id).unwrap().failure_count, 1);
    }
}

#[test]
fn sched_10_a_service_fails_for_ever_from_anywhere() {
    for path in
        [&[Assigned][..], &[Assigned, Starting], &[Assigned, Running], &[Assigned, Running, Partitioned]]
    {
        let config = TaskConfig { is_service: true, ..retries(1) };
        let (mut bench, id) = task_at(config, path);
        with_failures(&mut bench, &id, 50);
        assert_eq!(go(&mut bench, &id, Failed).replacement().unwrap().failure_count, 51);
    }
}

#[test]
fn sched_11_a_service_that_finished_while_partitioned_comes_back() {
    for (config, comes_back) in [(service("r/prod/j"), true), (ad_hoc("r/prod/j"), false)] {
        let (mut bench, id) = task_at(config, &[Assigned, Running, Partitioned]);
        assert_eq!(go(&mut bench, &id, Finished).replacement().is_some(), comes_back);
    }
}

#[test]
fn sched_12_a_lost_partitioned_task_comes_back_unless_it_was_killed() {
    let (mut bench, id) = task_at(ad_hoc("r/prod/j"), &[Assigned, Running, Partitioned]);
    let done = go(&mut bench, &id, Lost);
    assert_eq!((done.kill_count(), done.replacement().is_some()), (1, true));

    let (mut bench, id) = task_at(ad_hoc("r/prod/j"), &[Assigned, Running, Killing]);
    // KILLING to PARTITIONED goes on to LOST at once: one kill, no replacement.
    let done = go(&mut bench, &id, Partitioned);
    assert_eq!((done.kill_count(), done.replacement().is_some()), (1, false));
}

#[test]
fn sched_13_a_killed_task_whose_agent_is_unreachable_is_lost() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running]);
    assert_eq!(go(&mut bench, &id, Killing).kill_count(), 1);
    let done = go(&mut bench, &id, Partitioned);
    assert_eq!((done.kill_count(), done.replacement().is_some()), (1, false));
    assert_eq!(bench.task(&id).unwrap().status, Lost);
}

#[test]
fn sched_14_a_new_task_is_pending_with_one_event() {
    let mut bench = Bench::subscribed(quiet_config());
    let (reply, effects) = bench.request(Change::CreateJob(job(service("r/prod/j"), 4)));
    assert_eq!(reply, Reply::Done(vec![]));
    assert_eq!(changes(&effects), [(Init, Pending); 4]);
    let task = bench.active(&job_key("r/prod/j"), 3).unwrap();
    assert_eq!((task.status, task.instance, task.assignment.is_none()), (Pending, 3, true));
    let [event] = &task.events[..] else { panic!("one event") };
    assert_eq!((event.at, event.status, event.message.as_deref()), (bench.now, Pending, None));
    assert_eq!(event.scheduler.as_deref(), Some("scheduler-host"));
}

#[test]
fn sched_15_a_job_without_instances_is_refused() {
    let mut bench = Bench::subscribed(quiet_config());
    let reply = bench.create(service("r/prod/j"), 0);
    assert_eq!(reply, Reply::Invalid(vec!["Instance count must be between 1 and 4000 inclusive.".into()]));
    assert!(bench.operations.iter().all(|operation| !matches!(operation, crate::Operation::SaveTask { .. })));
}

#[test]
fn sched_16_an_active_instance_is_not_created_again() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(service("r/prod/j"), &[]);
    let before = bench.core.snapshot();
    assert_eq!(
        bench.create(service("r/prod/j"), 1),
        Reply::Invalid(vec!["Job r/prod/j already exists".into()])
    );
    assert_eq!(bench.core.snapshot(), before);
    assert!(bench.task(&id).is_some());
}

#[test]
fn sched_17_a_deleted_task_cannot_be_killed_again() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[]);
    let done = go(&mut bench, &id, Killing);
    let removed = done
        .effects
        .iter()
        .filter(|effect| matches!(effect, Effect::TasksRemoved(tasks) if tasks.len() == 1));
    assert_eq!((removed.count(), done.kill_count(), changes(&done.effects)), (1, 0, vec![]));
    assert_eq!(bench.task(&id), None);
    let done = wish(&mut bench, &StatusChange::to(&id, Killing));
    assert_eq!((done.result, done.kill_count()), (ChangeResult::Illegal, 0));
    assert!(!done.effects.iter().any(|effect| matches!(effect, Effect::TasksRemoved(_))));
}

#[test]
fn sched_18_a_repeated_status_does_nothing() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running]);
    let mut kill_count = go(&mut bench, &id, Killing).kill_count();
    kill_count += go(&mut bench, &id, Killed).kill_count();
    let done = wish(&mut bench, &StatusChange::to(&id, Killed));
    assert_eq!((done.result, done.effects.len()), (ChangeResult::Same, 0));
    assert_eq!(kill_count, 1);
}

#[test]
fn sched_19_a_change_can_insist_on_the_status_before() {
    let (mut bench, id) = task_at(retries(1), &[Assigned]);
    let before = bench.core.snapshot();
    let done = wish(&mut bench, &StatusChange::to(&id, Running).expecting(Pending));
    assert_eq!((done.result, bench.core.snapshot()), (ChangeResult::Unexpected, before));
    let done = wish(&mut bench, &StatusChange::to(&id, Failed).expecting(Assigned));
    assert_eq!(done.result, ChangeResult::Success);
}

#[test]
fn sched_20_an_expected_status_spares_an_unknown_task() {
    let mut bench = Bench::subscribed(quiet_config());
    let done = wish(&mut bench, &StatusChange::to(&TaskId::new("x"), Assigned).expecting(Pending));
    assert_eq!((done.result, done.kill_count()), (ChangeResult::Unexpected, 0));
}

#[test]
fn sched_21_an_unknown_running_task_is_killed() {
    let mut bench = Bench::subscribed(quiet_config());
    let effects = bench.status(&TaskId::new("rogue"), Running);
    assert!(matches!(&effects[..], [
        Effect::Kill { task, agent: Some(agent) },
        Effect::Acknowledge { .. },
    ] if task.as_str() == "rogue" && agent.as_str() == "told-by"));
    assert_eq!(bench.core.view().task_count(), 0);
}

#[test]
fn sched_22_a_replacement_continues_where_its_ancestor_ended() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running]);
    let new = go(&mut bench, &id, Failed).replacement().unwrap();
    assert_eq!((new.status, new.failure_count, new.instance), (Pending, 1, 0));
    assert_eq!(new.ancestor.as_ref(), Some(&id));
    assert_ne!(new.id, id);
    assert_eq!(new.events[0].message.as_deref(), Some("Rescheduled"));
    assert!(new.assignment.is_none());
}

#[test]
fn sched_23_a_flapping_task_is_throttled() {
    let mut config = quiet_config();
    (config.flapping_delay_min, config.flapping_delay_max) = (Millis(100), Millis(100));
    let mut bench = Bench::subscribed(config);
    let id = bench.task_in(service("r/prod/j"), &[]);
    for status in [Assigned, Running] {
        go(&mut bench, &id, status);
    }
    let second = go(&mut bench, &id, Failed).replacement().unwrap().id.clone();
    for status in [Assigned, Running] {
        go(&mut bench, &second, status);
    }
    let third = go(&mut bench, &second, Failed).replacement().unwrap();
    assert_eq!(third.status, Throttled);
    assert_eq!(third.events[0].message.as_deref(), Some("Rescheduled, penalized for 100 ms for flapping"));
}

fn with_one_port() -> TaskConfig {
    let mut config = service("r/prod/j");
    config.ports = [Arc::from("one")].into();
    config.resources.ports = 1;
    config
}

fn offer_port(agent: &str, port: u16) -> crate::input::Offer {
    with_ports(offer(agent, resources(4.0, 4096, 4096), &[]), &[(port, port)])
}

#[test]
fn sched_24_a_replacement_has_only_its_own_ports() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(with_one_port(), 1);
    bench.offer(offer_port("hostA", 80));
    let id = launched(&bench.tick(Millis(10)))[0].1[0].clone();
    for status in [Running, Lost] {
        bench.status(&id, status);
    }
    bench.offer(offer_port("hostB", 86));
    bench.tick(Millis::from_secs(10));
    let replacement = bench.active(&job_key("r/prod/j"), 0).unwrap();
    let ports = &replacement.assignment.as_ref().unwrap().ports;
    assert_eq!(ports.iter().map(|(name, port)| (&**name, *port)).collect::<Vec<_>>(), [("one", 86)]);
}

#[test]
fn sched_25_the_event_of_an_assignment_has_the_place() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(with_one_port(), 1);
    bench.offer(offer_port("hostA", 80));
    let effects = bench.tick(Millis(10));
    let assigned = effects.iter().find_map(|effect| match effect {
        Effect::StatusChanged { task, from: Pending } => task.assignment.clone(),
        _ => None,
    });
    let assigned = assigned.unwrap();
    assert_eq!((assigned.agent.as_str(), assigned.host.as_str()), ("hostA", "hostA"));
    assert_eq!(assigned.ports["one"], 80);
}

#[test]
fn sched_26_partitions_are_counted() {
    let (bench, id) = task_at(service("r/prod/j"), &[Assigned, Running, Partitioned]);
    assert_eq!(bench.task(&id).unwrap().times_partitioned, 1);
}

#[test]
fn sched_27_the_history_of_a_flapping_partition_does_not_grow() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Starting, Partitioned]);
    for status in [Running, Partitioned, Running, Partitioned, Running, Partitioned] {
        go(&mut bench, &id, status);
    }
    let task = bench.task(&id).unwrap();
    assert_eq!(history(&task), [Pending, Assigned, Starting, Partitioned, Running, Partitioned]);
    assert_eq!(task.times_partitioned, 4);
}

#[test]
fn sched_28_other_histories_are_kept() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running, Partitioned, Running, Draining]);
    go(&mut bench, &id, Partitioned);
    assert_eq!(
        history(&bench.task(&id).unwrap()),
        [Pending, Assigned, Running, Partitioned, Running, Draining, Partitioned, Lost]
    );
}

#[test]
fn sched_29_a_restart_that_meets_a_partition_ends_lost() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned]);
    let mut kill_count = go(&mut bench, &id, Restarting).kill_count();
    let done = go(&mut bench, &id, Partitioned);
    kill_count += done.kill_count();
    assert_eq!(kill_count, 2);
    assert_eq!(changes(&done.effects), [(Init, Pending), (Partitioned, Lost), (Restarting, Partitioned)]);
    let task = bench.task(&id).unwrap();
    assert_eq!(history(&task), [Pending, Assigned, Restarting, Partitioned, Lost]);
    assert_eq!(
        task.events[4].message.as_deref(),
        Some("Action performed on partitioned task, marking as LOST.")
    );
    assert_eq!(done.replacement().unwrap().status, Pending);
}

#[test]
fn sched_30_acting_on_a_partitioned_task_ends_it() {
    let partitioned = [Assigned, Running, Partitioned];
    let (mut bench, id) = task_at(service("r/prod/j"), &partitioned);
    let done = go(&mut bench, &id, Restarting);
    assert_eq!((done.kill_count(), done.replacement().is_some()), (1, true));
    assert_eq!(bench.task(&id).unwrap().status, Lost);

    let (mut bench, id) = task_at(service("r/prod/j"), &partitioned);
    let done = go(&mut bench, &id, Killing);
    assert_eq!((done.kill_count(), done.replacement().is_some()), (0, false));
    let task = bench.task(&id).unwrap();
    assert_eq!(history(&task)[3..], [Partitioned, Killing, Lost]);
    assert_eq!(kills(&bench.status(&id, Running)), [id]);
}

#[test]
fn sched_31_two_ended_tasks_are_deleted_at_once() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(ad_hoc("r/prod/j"), 2);
    let ids: Vec<TaskId> = bench.tasks(Pending).iter().map(|task| task.id.clone()).collect();
    for id in &ids {
        for status in [Assigned, Finished] {
            go(&mut bench, id, status);
        }
    }
    let mut batch = Batch::default();
    bench.core.delete_tasks(&ids, &mut Step { now: bench.now, batch: &mut batch });
    let removed: Vec<usize> = batch
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::TasksRemoved(tasks) => Some(tasks.len()),
            _ => None,
        })
        .collect();
    assert_eq!(removed, [2]);
    assert_eq!(bench.core.view().task_count(), 0);
    assert_eq!(bench.core.view().jobs().count(), 0);
}

#[test]
fn an_illegal_attempt_is_counted_and_changes_nothing() {
    let (mut bench, id) = task_at(service("r/prod/j"), &[Assigned, Running]);
    let before = bench.core.snapshot();
    bench.status(&id, Starting);
    bench.status(&id, Pending);
    assert_eq!(bench.counter("scheduler_illegal_task_state_transitions"), 2);
    assert_eq!(bench.core.snapshot(), before);
}

#[test]
fn a_partition_policy_is_kept_for_replacements() {
    let policy = Some(PartitionPolicy { reschedule: false, delay_secs: 0 });
    let config = TaskConfig { partition_policy: policy, ..service("r/prod/j") };
    let (mut bench, id) = task_at(config, &[Assigned, Running]);
    assert_eq!(go(&mut bench, &id, Failed).replacement().unwrap().config.partition_policy, policy);
}
