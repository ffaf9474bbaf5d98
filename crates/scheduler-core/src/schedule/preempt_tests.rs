use std::sync::Arc;

use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::{Killed, Pending, Preempting, Running};

use super::*;
use crate::CoreConfig;
use crate::bench::*;
use crate::input::Offer;

const DELAY: Millis = Millis::from_secs(30);

fn quick() -> CoreConfig {
    CoreConfig {
        preemption_delay: DELAY,
        preemption_search_initial_delay: Millis::from_secs(1000),
        schedule_penalty_max: Millis::from_secs(1),
        history_min_retention: Millis::from_secs(1_000_000),
        ..quiet_config()
    }
}

fn room(name: &str) -> Offer {
    offer(name, resources(1.0, 1024, 1024), &[("host", &[name])])
}

/// A cluster whose agents are each full with one preemptible task.
fn full(config: CoreConfig, agents: &[&str]) -> (Bench, Vec<TaskId>) {
    let mut bench = Bench::subscribed(config);
    bench.grant_quota("r");
    bench.create(service("v/prod/victim"), u32::try_from(agents.len()).unwrap());
    for name in agents {
        bench.offer(room(name));
    }
    let tasks: Vec<TaskId> =
        launched(&bench.tick(Millis(5000))).into_iter().flat_map(|(_, tasks)| tasks).collect();
    assert_eq!(tasks.len(), agents.len());
    for task in &tasks {
        bench.change(task, Running);
    }
    (bench, tasks)
}

fn important(key: &str) -> TaskConfig {
    TaskConfig { tier: Arc::from("preferred"), production: true, ..service(key) }
}

fn search(bench: &mut Bench) -> Vec<crate::Effect> {
    bench.input(crate::Input::Timer(TimerKey::PreemptionSearch))
}

fn group_of(bench: &Bench, key: &str) -> ConfigId {
    let id = bench.active(&job_key(key), 0).unwrap().id.clone();
    bench.core.state.tables().config_id(&id).unwrap()
}

#[test]
fn sched_105_groups_take_turns() {
    let sizes = |sizes: &[usize], batch| {
        let groups: Vec<_> = (1..).map(ConfigId).zip(sizes.iter().copied()).collect();
        sequence(&groups, batch).into_iter().map(|group| group.0).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&[], 2), [] as [u64; 0]);
    assert_eq!(sizes(&[3], 2), [1, 1, 1]);
    assert_eq!(sizes(&[3, 2], 1), [1, 2, 1, 2, 1]);
    assert_eq!(sizes(&[3, 2], 2), [1, 1, 2, 2, 1]);
    assert_eq!(sizes(&[3, 2], 3), [1, 1, 1, 2, 2]);
    assert_eq!(sizes(&[5, 2], 2), [1, 1, 2, 2, 1, 1, 1]);
    assert_eq!(sizes(&[1, 2, 2], 1), [1, 2, 3, 2, 3]);
    assert!(CoreConfig { preemption_batch_size: 0, ..quick() }.check().is_err());
}

#[test]
fn sched_106_a_search_finds_slots_for_what_waited_long_enough() {
    let (mut bench, _) = full(quick(), &["a1", "a2"]);
    bench.create(important("r/prod/x"), 1);
    bench.create(TaskConfig { priority: 1, ..important("r/prod/y") }, 1);
    let created = bench.now;
    bench.tick(Millis(29_999));
    search(&mut bench);
    assert_eq!(bench.counter("preemptor_slot_search_attempts_for_prod"), 0, "29.999 s are too short");
    bench.now = created + DELAY;
    search(&mut bench);
    assert_eq!(bench.core.preemption.slot_count(), 2);
    assert_eq!(bench.counter("preemptor_slot_search_attempts_for_prod"), 2);
    assert_eq!(bench.counter("preemptor_slot_search_successful_for_prod"), 2);
    assert_eq!(bench.counter("preemptor_unmatched_tasks"), 0);
    search(&mut bench);
    assert_eq!(bench.counter("preemptor_slot_search_attempts_for_prod"), 2, "both have a slot");
    assert_eq!(bench.counter("preemptor_task_processor_runs"), 3);

    let (mut bench, _) = full(quick(), &["a1", "a2"]);
    let huge = |key: &str| TaskConfig { resources: resources(64.0, 1, 1), ..important(key) };
    bench.create(huge("r/prod/x"), 1);
    bench.create(huge("r/prod/y"), 1);
    bench.tick(DELAY);
    search(&mut bench);
    assert_eq!(bench.counter("preemptor_slot_search_attempts_for_prod"), 2);
    assert_eq!(bench.counter("preemptor_slot_search_failed_for_prod"), 4);
    assert_eq!(bench.counter("preemptor_unmatched_tasks"), 2);

    let mut nobody = Bench::subscribed(quick());
    nobody.grant_quota("r");
    nobody.create(important("r/prod/x"), 1);
    nobody.tick(DELAY);
    search(&mut nobody);
    assert_eq!(nobody.counter("preemptor_slot_search_attempts_for_prod"), 0);
}

#[test]
fn sched_107_a_hopeless_group_does_not_stop_others() {
    let (mut bench, _) = full(quick(), &["a1", "a2"]);
    bench.create(TaskConfig { resources: resources(64.0, 1, 1), ..important("r/prod/a") }, 3);
    bench.create(important("r/prod/b"), 2);
    bench.tick(DELAY);
    search(&mut bench);
    assert_eq!(bench.core.preemption.slot_count(), 2);
    assert_eq!(bench.counter("preemption_slot_search_attempts_for_r/prod/a"), 1);
    assert_eq!(bench.counter("preemption_slot_search_attempts_for_r/prod/b"), 2);
    assert_eq!(bench.counter("preemptor_unmatched_tasks"), 1);
}

#[test]
fn sched_108_a_slot_that_holds_is_used_and_one_that_does_not_is_dropped() {
    let (mut bench, victims) = full(quick(), &["a1", "a2"]);
    bench.create(important("r/prod/x"), 2);
    bench.tick(DELAY);
    search(&mut bench);
    assert_eq!(bench.core.preemption.slot_count(), 2);
    // The first slot's victim ends by itself, and another uses its room.
    let first = victims
        .iter()
        .find(|id| &*bench.task(id).unwrap().assignment.as_ref().unwrap().host.to_string() == "a1");
    bench.change(first.unwrap(), Killed);
    let effects = bench.tick(Millis(3000));
    assert_eq!(bench.counter("preemptor_slot_validation_failed"), 1);
    assert_eq!(bench.counter("preemptor_slot_validation_successful"), 1);
    assert_eq!(bench.core.preemption.slot_count(), 0);
    assert_eq!(bench.counter("preemptor_tasks_preempted_non_prod"), 1);
    let killed = kills(&effects);
    assert_eq!(killed.len(), 1);
    let victim = bench.task(&killed[0]).unwrap();
    assert_eq!(victim.status, Preempting);
    let message = victim.last_event().unwrap().message.clone().unwrap();
    assert!(message.starts_with("Preempting in favor of r-prod-x-"), "{message}");

    // The first of two holds: the other stays. The victims are production tasks of lower priority here.
    let (mut bench, group, waiting) = two_slots();
    let effects = bench.tick(Millis(3000));
    assert_eq!((kills(&effects).len(), bench.core.preemption.slot_count()), (1, 1));
    assert_eq!(bench.counter("preemptor_slot_validation_successful"), 1);
    assert_eq!(bench.counter("preemptor_slot_validation_failed"), 0);
    assert_eq!(bench.counter("preemptor_tasks_preempted_prod"), 1);
    assert_eq!(bench.counter("preemptor_tasks_preempted_r/prod/low"), 1);
    assert_eq!(bench.counter("preemptor_task_preemptor_r/prod/x"), 1);
    let victim = bench.tasks(Preempting)[0].clone();
    let message = victim.last_event().unwrap().message.clone();
    assert_eq!(message.as_deref(), Some(&*format!("Preempting in favor of {waiting}")));
    let agent = victim.assignment.as_ref().unwrap().agent.clone();
    assert_eq!(bench.core.preemption.agents_reserved_for(group, bench.now), [agent]);

    // Both fail: nobody goes.
    let (mut bench, group, _) = two_slots();
    for task in bench.tasks(Running) {
        bench.change(&task.id, Killed);
    }
    assert!(kills(&bench.tick(Millis(3000))).is_empty());
    assert_eq!(bench.counter("preemptor_slot_validation_failed"), 2);
    assert_eq!(bench.counter("preemptor_slot_validation_failed_for_r/prod/x"), 2);
    assert_eq!(bench.core.preemption.slot_count(), 0);
    assert!(!bench.core.preemption.has_reservation(group, bench.now));
}

/// A task with a slot on each of two agents, and its group.
fn two_slots() -> (Bench, ConfigId, TaskId) {
    let mut bench = Bench::subscribed(quick());
    bench.grant_quota("r");
    bench.create(important("r/prod/low"), 2);
    for name in ["a1", "a2"] {
        bench.offer(room(name));
    }
    bench.tick(Millis(5000));
    for task in bench.tasks(aurora_api::task::TaskStatus::Assigned) {
        bench.change(&task.id, Running);
    }
    bench.create(TaskConfig { priority: 9, ..important("r/prod/x") }, 2);
    bench.tick(DELAY);
    search(&mut bench);
    assert_eq!(bench.core.preemption.slot_count(), 2);
    let waiting = bench.active(&job_key("r/prod/x"), 0).unwrap().id.clone();
    let group = group_of(&bench, "r/prod/x");
    (bench, group, waiting)
}

#[test]
fn sched_92_the_room_goes_to_those_it_was_made_for() {
    let (mut bench, victims) = full(quick(), &["a1"]);
    bench.create(important("r/prod/x"), 1);
    bench.tick(DELAY);
    search(&mut bench);
    bench.tick(Millis(3000));
    assert_eq!(bench.task(&victims[0]).unwrap().status, Preempting);
    bench.change(&victims[0], Killed);
    let waiting = group_of(&bench, "r/prod/x");
    assert!(bench.core.preemption.has_reservation(waiting, bench.now), "it ends with no other task's change");
    // Its replacement waits as well; it must not take the room, and one room is enough.
    assert_eq!(bench.tasks(Pending).len(), 2);
    bench.offer(again(room("a1"), "freed"));
    let placed = launched(&bench.tick(Millis(5000)));
    assert_eq!(placed.len(), 1);
    assert_eq!(bench.task(&placed[0].1[0]).unwrap().config.job, job_key("r/prod/x"));
    let group = group_of(&bench, "v/prod/victim");
    let agent = AgentId::new("a1");
    assert!(
        !bench.core.preemption.is_reserved_for_others(&agent, group, bench.now),
        "the reservation has served"
    );
}

#[test]
fn sched_84_a_reservation_blocks_others_until_it_ends_and_forces_nobody() {
    let mut bench = Bench::subscribed(quick());
    bench.create(service("r/prod/x"), 1);
    let group = group_of(&bench, "r/prod/x");
    let agent = AgentId::new("a1");
    let until = bench.now + Millis::from_secs(180);
    bench.core.preemption.reserve(agent.clone(), ConfigId(group.0 + 1), until);
    bench.offer(room("a1"));
    assert!(launched(&bench.tick(Millis::from_secs(179))).is_empty(), "reserved for another group");
    let waiting = bench.active(&job_key("r/prod/x"), 0).unwrap().id.clone();
    let told = bench.core.view().pending_lines(&waiting).join("\n");
    assert_eq!(
        told,
        "1 of 1 agents: reserved for other tasks, for which room was made there (-offer_reservation_duration)"
    );
    assert_eq!(launched(&bench.tick(Millis::from_secs(3))).len(), 1, "not any more");

    let mut bench = Bench::subscribed(quick());
    bench.create(service("r/prod/x"), 1);
    let group = group_of(&bench, "r/prod/x");
    let until = bench.now + Millis::from_secs(180);
    bench.core.preemption.reserve(AgentId::new("a1"), group, until);
    bench.offer(room("a1"));
    assert_eq!(launched(&bench.tick(Millis(5000)))[0].0, "a1", "reserved for this group");

    // Both agents offer: the reserved one is not preferred to one that comes first.
    let by_cpu = CoreConfig { offer_order: vec![crate::config::OfferOrder::Cpu], ..quick() };
    let mut bench = Bench::subscribed(by_cpu);
    bench.create(service("r/prod/x"), 1);
    let group = group_of(&bench, "r/prod/x");
    bench.core.preemption.reserve(AgentId::new("a1"), group, until);
    let larger = offer("a1", resources(2.0, 1024, 1024), &[("host", &["a1"])]);
    bench.mesos(crate::MesosEvent::Offers(vec![larger, room("a2")]));
    assert_eq!(launched(&bench.tick(Millis(5000)))[0].0, "a2");
    assert!(bench.core.preemption.agents_reserved_for(group, bench.now).is_empty(), "nobody waits any more");
}

#[test]
fn sched_91_preemption_is_tried_when_nothing_fits_and_once_a_group() {
    let (mut bench, _) = full(quick(), &["a1", "a2"]);
    bench.create(important("r/prod/x"), 1);
    let group = group_of(&bench, "r/prod/x");
    let before = (bench.counter("schedule_attempts_fired"), bench.counter("schedule_attempts_no_match"));
    // One attempt at a time: how many were fired and did not match, and who has to go.
    let attempt = |bench: &mut Bench| {
        bench.tick(bench.timers[&TimerKey::ScheduleGroup(group.0)].since(bench.now));
        (
            bench.counter("schedule_attempts_fired") - before.0,
            bench.counter("schedule_attempts_no_match") - before.1,
            bench.tasks(Preempting).len(),
        )
    };
    assert_eq!(attempt(&mut bench), (1, 1, 0), "no slot is known: it is tried again later");
    let slots = |bench: &Bench| bench.core.preemption.slot_count();
    bench.core.config.preemption_delay = Millis(1);
    search(&mut bench);
    assert_eq!(slots(&bench), 1);
    assert_eq!(attempt(&mut bench), (2, 2, 1), "somebody has to go");
    assert!(bench.core.preemption.has_reservation(group, bench.now), "and the agent is kept for the group");
    search(&mut bench);
    assert_eq!(slots(&bench), 1);
    assert_eq!(attempt(&mut bench), (3, 3, 1), "an agent is reserved already: nobody is asked");
    assert_eq!(slots(&bench), 1);
    bench.offer(again(room("a3"), "new"));
    assert_eq!(attempt(&mut bench), (4, 3, 1), "placed");
    assert!(!bench.core.preemption.has_reservation(group, bench.now), "nobody waits any more");

    // Two of a group wait: one makes room at a time.
    let (mut bench, _) = full(quick(), &["a1", "a2"]);
    bench.create(important("r/prod/x"), 2);
    bench.tick(DELAY);
    search(&mut bench);
    bench.tick(Millis(10_000));
    assert_eq!(bench.tasks(Preempting).len(), 1);
    let group = group_of(&bench, "r/prod/x");
    bench.kill_job(&job_key("r/prod/x"));
    assert!(!bench.core.preemption.has_reservation(group, bench.now), "nobody waits any more");
}

#[test]
fn sched_109_tasks_are_found_by_host_from_their_assignment_to_their_end() {
    use aurora_api::ids::HostName;
    use aurora_api::task::TaskStatus::{Assigned, Finished, Killing, Throttled};
    let mut bench = Bench::subscribed(quick());
    bench.create(service("r/prod/j"), 1);
    let pending = bench.active(&job_key("r/prod/j"), 0).unwrap();
    let place = |host: &str| {
        Some(aurora_api::task::Assignment {
            agent: AgentId::new(host),
            host: HostName::new(host),
            ports: BTreeMap::new(),
        })
    };
    let config = bench.core.state.tables().config_id(&pending.id).unwrap();
    let found = |bench: &Bench| bench.core.view().tasks_on_host(&HostName::new("s1")).count();
    for (status, expected) in
        [(Throttled, 0), (Pending, 0), (Assigned, 1), (Running, 1), (Killing, 1), (Finished, 0)]
    {
        let assignment = if matches!(status, Throttled | Pending) { None } else { place("s1") };
        let task = aurora_api::task::Task { status, assignment, ..aurora_api::task::Task::clone(&pending) };
        let save = crate::Operation::SaveTask { task: Arc::new(task), config };
        bench.core.state.apply(&save).unwrap();
        assert_eq!(found(&bench), expected, "{status}");
    }
    // Of two tasks on two hosts, each is found on its own.
    for (instance, host) in [(0, "s1"), (1, "s2")] {
        let task = aurora_api::task::Task {
            id: TaskId::new(format!("t{instance}")),
            instance,
            status: Running,
            assignment: place(host),
            ..aurora_api::task::Task::clone(&pending)
        };
        bench.core.state.apply(&crate::Operation::SaveTask { task: Arc::new(task), config }).unwrap();
    }
    let view = bench.core.view();
    let on = |host: &str| {
        view.tasks_on_host(&HostName::new(host)).map(|task| task.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!((on("s1"), on("s2")), (vec!["t0".to_owned()], vec!["t1".to_owned()]));
}

#[test]
fn what_a_search_for_room_finds_lacking_may_be_the_nearest_fit() {
    let (mut bench, _) = full(quick(), &["a1"]);
    bench.create(TaskConfig { resources: resources(1.5, 1024, 1024), ..important("r/prod/x") }, 1);
    bench.tick(Millis(31_000));
    let id = bench.active(&job_key("r/prod/x"), 0).unwrap().id.clone();
    let nearest = |bench: &Bench| {
        let view = bench.core.view();
        view.explanation(&id).map(|explanation| explanation.nearest_fit_text(bench.now))
    };
    assert_eq!(nearest(&bench).unwrap(), "", "no agent offers anything");
    search(&mut bench);
    assert_eq!(nearest(&bench).unwrap(), "Insufficient: CPU", "even without the task that may go");
}
