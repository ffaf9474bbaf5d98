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
    let both = |bench: &Bench| {
        ["reconciliation_explicit_runs", "reconciliation_implicit_runs"].map(|name| bench.counter(name))
    };
    bench.request(crate::Change::ReconcileExplicit { batch_size: None });
    assert_eq!(both(&bench), [6, 2]);
    bench.request(crate::Change::ReconcileImplicit);
    assert_eq!(both(&bench), [6, 3]);
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
    // One of them was launched, so its agent is known.
    let launched = bench.active(&job_key("r/prod/b"), 0).unwrap();
    let place = aurora_api::task::Assignment {
        agent: aurora_api::ids::AgentId::new("agent"),
        host: aurora_api::ids::HostName::new("host"),
        ports: std::collections::BTreeMap::new(),
    };
    let task = aurora_api::task::Task { assignment: Some(place), ..aurora_api::task::Task::clone(&launched) };
    let config = bench.core.state.tables().config_id(&task.id).unwrap();
    bench.core.state.apply(&crate::Operation::SaveTask { task: std::sync::Arc::new(task), config }).unwrap();
    let mut told = Vec::new();
    for (wait, count) in [(MINUTE, 1), (2999, 0), (1, 1)] {
        let effects = bench.tick(Millis(wait));
        assert_eq!(asked(&effects).len(), count);
        told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Reconcile(tasks) => Some(tasks),
            _ => None,
        }));
    }
    assert!(told.iter().all(|batch| batch.len() == 1));
    let mut told: Vec<_> = told
        .into_iter()
        .flatten()
        .map(|(task, agent)| {
            (bench.task(&task).unwrap().config.job.to_string(), agent.map(|it| it.to_string()))
        })
        .collect();
    told.sort();
    let expected = [("r/prod/a".to_owned(), None), ("r/prod/b".to_owned(), Some("agent".to_owned()))];
    assert_eq!(told, expected);
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
