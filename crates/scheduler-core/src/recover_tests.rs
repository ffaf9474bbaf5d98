use aurora_api::task::TaskStatus::{Assigned, Failed, Running};
use aurora_api::task::{Constraint, TaskConfig};

use super::*;
use crate::bench::*;

fn names(config: &TaskConfig) -> Vec<String> {
    config.constraints.iter().map(|constraint: &Constraint| constraint.name.to_string()).collect()
}

/// Any state worth recovering.
fn busy() -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    bench.offer(offer("a", resources(4.0, 4096, 4096), &[("rack", &["r"])]));
    bench.create(service("r/prod/a"), 6);
    bench.tick(Millis(1));
    bench.task_in(ad_hoc("r/prod/b"), &[Assigned, Running, Failed]);
    bench.create(service("r/prod/c"), 2);
    bench.kill_job(&job_key("r/prod/c"));
    bench
}

#[test]
fn the_journal_gives_back_what_memory_holds() {
    let mut bench = busy();
    let before = bench.core.snapshot();
    let written = bench.journal.len();
    bench.restart();
    assert_eq!(bench.core.snapshot(), before);
    assert_eq!(bench.journal.len(), written, "a restart alone changes nothing durable");
}

#[test]
fn a_snapshot_and_the_rest_of_the_journal_give_the_same() {
    let mut bench = busy();
    let snapshot = bench.core.snapshot();
    let from = bench.journal.len();
    bench.create(service("r/prod/later"), 3);
    let core = Core::recover(
        bench.config.clone(),
        identity(),
        9,
        Some(&snapshot),
        &bench.journal[from..],
        bench.now,
        &mut Batch::default(),
    );
    assert_eq!(core.unwrap().snapshot(), bench.core.snapshot());
}

#[test]
fn configurations_are_shared_after_a_restart() {
    let mut bench = busy();
    bench.restart();
    let first = bench.active(&job_key("r/prod/a"), 0).unwrap();
    let second = bench.active(&job_key("r/prod/a"), 5).unwrap();
    assert!(Arc::ptr_eq(&first.config, &second.config));
}

#[test]
fn a_damaged_journal_is_refused_with_its_place() {
    let mut bench = busy();
    bench.journal[3].truncate(5);
    let recover = |journal: &[Vec<u8>]| {
        Core::recover(quiet_config(), identity(), 1, None, journal, START, &mut Batch::default()).map(|_| ())
    };
    assert!(matches!(recover(&bench.journal), Err(RecoverError::Operation { index: 3, .. })));
    let twice = [bench.journal[1..3].to_vec(), bench.journal[1..3].to_vec()].concat();
    assert!(recover(&twice).is_err());
}

#[test]
fn sched_174_default_constraints_come_with_the_flag_and_stay_without_it() {
    let mut bench = Bench::subscribed(quiet_config());
    let id = bench.task_in(ad_hoc("r/prod/j"), &[]);
    bench.config.policy.legacy_constraints = true;
    bench.restart();
    assert_eq!(names(&bench.task(&id).unwrap().config), ["host"]);
    bench.config.policy.legacy_constraints = false;
    let before = bench.core.snapshot();
    bench.restart();
    assert_eq!(names(&bench.task(&id).unwrap().config), ["host"]);
    assert_eq!(bench.core.snapshot(), before);
}

#[test]
fn configurations_that_become_equal_by_a_default_are_one() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.create(ad_hoc("r/prod/j"), 3);
    let limited = Arc::new(TaskConfig { constraints: [limit("host", 1)].into(), ..ad_hoc("r/prod/j") });
    let second =
        Task { config: Arc::clone(&limited), ..Task::clone(&bench.active(&job_key("r/prod/j"), 1).unwrap()) };
    let id = ConfigId(77);
    for operation in [
        Operation::SaveConfig { id, config: limited },
        Operation::SaveTask { task: Arc::new(second), config: id },
    ] {
        bench.journal.push(crate::codec::encode_operation(&operation));
    }
    bench.config.policy.legacy_constraints = true;
    bench.restart();
    assert_eq!(bench.core.state.configs().iter().count(), 1);
    let tasks = bench.tasks(TaskStatus::Pending);
    assert_eq!(tasks.len(), 3);
    assert!(tasks.iter().all(|task| names(&task.config) == ["host"]));
}
