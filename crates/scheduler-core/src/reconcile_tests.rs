use aurora_api::amounts::Millis;
use aurora_api::task::TaskStatus::{Assigned, Failed, Running};

use crate::CoreConfig;
use crate::bench::*;
use crate::effect::Effect;

const MINUTE: i64 = 60_000;

fn asked(effects: &[Effect]) -> Vec<usize> {
    let count = |effect: &Effect| match effect {
        Effect::Reconcile(tasks) => Some(tasks.len()),
        _ => None,
    };
    effects.iter().filter_map(count).collect()
}

#[test]
fn sched_150_reconciliation_has_its_periods() {
    let mut bench = Bench::subscribed(CoreConfig {
        reconciliation_initial_delay: Millis(10 * MINUTE),
        reconciliation_explicit_interval: Millis(60 * MINUTE),
        reconciliation_implicit_interval: Millis(180 * MINUTE),
        reconciliation_spread: Millis(30 * MINUTE),
        ..quiet_config()
    });
    let mut runs = Vec::new();
    for minutes in [10, 30, 60, 180] {
        bench.tick(Millis(minutes * MINUTE));
        runs.push((
            bench.counter("reconciliation_explicit_runs"),
            bench.counter("reconciliation_implicit_runs"),
        ));
    }
    assert_eq!(runs, [(1, 0), (1, 1), (2, 1), (5, 2)]);
    let negative = CoreConfig { reconciliation_initial_delay: Millis(-1), ..quiet_config() };
    assert!(negative.check().is_err());
}

#[test]
fn sched_151_tasks_are_asked_about_in_batches() {
    let mut bench = Bench::subscribed(CoreConfig {
        reconciliation_batch_size: 1,
        reconciliation_batch_interval: Millis(3000),
        ..quiet_config()
    });
    for (job, path) in [
        ("r/prod/a", &[Assigned][..]),
        ("r/prod/b", &[Assigned, Running]),
        ("r/prod/c", &[]),
        ("r/prod/d", &[Assigned, Failed]),
    ] {
        bench.task_in(ad_hoc(job), path);
    }
    let effects = bench.tick(Millis(MINUTE));
    let [Effect::Reconcile(tasks)] =
        &effects.iter().filter(|effect| matches!(effect, Effect::Reconcile(_))).collect::<Vec<_>>()[..]
    else {
        panic!("one batch")
    };
    assert_eq!(tasks.len(), 1);
    assert_eq!(asked(&bench.tick(Millis(2999))), [0; 0]);
    assert_eq!(asked(&bench.tick(Millis(1))), [1]);
    assert_eq!(asked(&bench.tick(Millis(20 * MINUTE))), [0; 0]);
    assert_eq!(asked(&bench.tick(Millis(10 * MINUTE))), [0], "implicit: an empty list");
}

#[test]
fn an_early_or_repeated_timer_asks_nothing() {
    let mut bench = Bench::subscribed(quiet_config());
    bench.task_in(service("r/prod/a"), &[Assigned]);
    for key in [crate::TimerKey::ReconcileExplicit, crate::TimerKey::ReconcileImplicit] {
        assert!(bench.input(crate::Input::Timer(key)).is_empty());
    }
    assert!(bench.input(crate::Input::Timer(crate::TimerKey::ReconcileBatch)).is_empty());
}
