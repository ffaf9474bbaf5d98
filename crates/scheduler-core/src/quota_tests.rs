use std::sync::Arc;

use aurora_api::task::TaskStatus::Running;

use super::*;
use crate::bench::*;
use crate::input::Change;

/// As many cores as megabytes of memory and of disk.
fn size(cores: i64, ram: i64, disk: i64) -> Quota {
    Quota { cpus: MilliCpus(cores * 1000), ram: Megabytes(ram), disk: Megabytes(disk) }
}

fn triple(number: i64) -> Quota {
    size(number, number, number)
}

fn task(key: &str, size: Quota, production: bool, dedicated: bool) -> TaskConfig {
    let mut config = TaskConfig { production, resources: size.resources(), ..service(key) };
    if dedicated {
        config.constraints.insert(value(crate::schedule::filter::DEDICATED, false, &["r/x"]));
    }
    config
}

fn production(key: &str, number: i64) -> TaskConfig {
    task(key, triple(number), true, false)
}

fn set(bench: &mut Bench, quota: Quota) -> Reply {
    bench.request(Change::SetQuota { role: "r".into(), quota }).0
}

/// A bench with this quota for role r, of which these are used.
fn using(quota: Quota, used: &[i64]) -> Bench {
    let mut bench = Bench::subscribed(quiet_config());
    assert_eq!(set(&mut bench, quota), done());
    for (index, number) in used.iter().enumerate() {
        assert_eq!(bench.create(production(&format!("r/prod/used{index}"), *number), 1), done());
    }
    bench
}

fn done() -> Reply {
    Reply::Done(Vec::new())
}

fn insufficient(details: &str) -> Reply {
    Reply::Invalid(vec![format!("Insufficient resource quota: {details}")])
}

fn consumption(bench: &Bench) -> Consumption {
    bench.core.view().consumption("r", &Plans::default())
}

/// Instances of a configuration: the first so many.
fn group(config: TaskConfig, count: u32) -> InstanceGroup {
    InstanceGroup { config: Arc::new(config), ranges: vec![(0, count - 1)] }
}

/// Plans of role r: an update of job `job`, and cron jobs.
fn plans(update: Option<UpdatePlan>, crons: Vec<(TaskConfig, u32)>) -> Plans {
    Plans {
        updates: update.into_iter().map(|update| (job_key(JOB), update)).collect(),
        crons: crons
            .into_iter()
            .map(|(config, instances)| (config.job.clone(), CronPlan { config: Arc::new(config), instances }))
            .collect(),
    }
}

/// An update of job `job`, each side with the number of its instances.
fn update(initial: (TaskConfig, u32), desired: (TaskConfig, u32)) -> UpdatePlan {
    UpdatePlan { initial: vec![group(initial.0, initial.1)], desired: Some(group(desired.0, desired.1)) }
}

const JOB: &str = "r/prod/job";

/// One side of an update: production, on shared hosts.
fn of_job(number: i64) -> TaskConfig {
    production(JOB, number)
}

fn not_production(key: &str, number: i64) -> TaskConfig {
    task(key, triple(number), false, false)
}

/// Production and other tasks on shared hosts.
fn shared(bench: &Bench, plans: &Plans) -> (Quota, Quota) {
    let used = bench.core.view().consumption("r", plans);
    (used.production_shared, used.other_shared)
}

/// Whether another job may add a production task of this size.
fn may_add(bench: &Bench, plans: &Plans, number: i64) -> bool {
    bench.core.view().check_task_quota(&production("r/prod/added", number), 1, plans).is_ok()
}

fn may_update(bench: &Bench, update: &UpdatePlan) -> bool {
    bench.core.view().check_update_quota(&job_key(JOB), update, &Plans::default()).is_ok()
}

/// A bench with a quota of this number, and these production tasks: job, number, instances.
fn having(quota: i64, tasks: &[(&str, i64, u32)]) -> Bench {
    // The tasks may be more than the quota: it is set lower later only in stories.
    let mut bench = using(triple(1000), &[]);
    for (key, number, instances) in tasks {
        assert_eq!(bench.create(production(key, *number), *instances), done());
    }
    let operation = crate::Operation::SaveQuota { role: "r".into(), quota: triple(quota) };
    bench.core.state.apply(&operation).unwrap();
    bench
}

#[test]
fn sched_113_the_four_classes_are_told_apart() {
    let mut bench = using(triple(4), &[3]);
    for (name, number, is_production, dedicated) in
        [("pd", 5, true, true), ("n", 2, false, false), ("nd", 7, false, true)]
    {
        let config = task(&format!("r/prod/{name}"), triple(number), is_production, dedicated);
        assert_eq!(bench.create(config, 1), done());
    }
    assert_eq!(bench.create(task("other/prod/n", triple(9), false, false), 1), done());
    let expected = Consumption {
        production_shared: triple(3),
        production_dedicated: triple(5),
        other_shared: triple(2),
        other_dedicated: triple(7),
    };
    assert_eq!(consumption(&bench), expected);
    let plans = plans(
        Some(update((of_job(1), 1), (of_job(1), 1))),
        vec![(production("r/prod/pc", 1), 2), (not_production("r/prod/npc", 7), 1)],
    );
    assert_eq!(
        bench.core.view().consumption("r", &plans),
        Consumption { production_shared: triple(6), other_shared: triple(9), ..expected }
    );
    assert_eq!(bench.core.view().quota("r"), triple(4));
    assert_eq!(bench.core.view().quota("nobody"), Quota::default());
}

#[test]
fn sched_116_only_production_on_shared_hosts_needs_quota() {
    let mut bench = using(triple(4), &[2]);
    assert!(may_add(&bench, &plans(Some(update((of_job(1), 1), (of_job(1), 1))), vec![]), 1));
    assert_eq!(bench.create(production("r/prod/added", 1), 1), done());
    let mut bench = Bench::subscribed(quiet_config());
    let refused = bench.create(production("r/prod/p", 1), 1);
    assert!(matches!(refused, Reply::Invalid(_)), "{refused:?}");
    assert_eq!(bench.core.view().task_count(), 0);
    assert_eq!(bench.create(task("r/prod/n", triple(1), false, false), 1), done());
    assert_eq!(bench.create(task("r/prod/d", triple(1), true, true), 1), done());
}

#[test]
fn sched_117_the_resource_that_is_exceeded_is_named() {
    for (added, details) in [
        (size(2, 1, 1), "CPU quota exceeded by 1.00 core(s)"),
        (size(1, 2, 1), "RAM quota exceeded by 1.00 MB"),
        (size(1, 1, 2), "disk quota exceeded by 1.00 MB"),
    ] {
        let mut bench = using(triple(4), &[3]);
        assert_eq!(bench.create(task("r/prod/added", added, true, false), 1), insufficient(details));
    }
}

#[test]
fn sched_118_equal_is_enough_and_all_resources_are_checked() {
    let mut bench = using(size(1, 256, 512), &[]);
    assert_eq!(bench.create(task("r/prod/a", size(1, 256, 512), true, false), 1), done());
    let mut bench = using(size(1, 256, 512), &[]);
    assert_eq!(
        bench.create(task("r/prod/a", size(2, 512, 1024), true, false), 1),
        insufficient(
            "CPU quota exceeded by 1.00 core(s); RAM quota exceeded by 256.00 MB; disk quota exceeded by 512.00 MB"
        )
    );
}

#[test]
fn sched_128_a_quota_is_set_above_zero_and_above_what_is_used() {
    let mut bench = using(triple(1), &[1]);
    assert_eq!(set(&mut bench, size(1, 100, 200)), done());
    assert_eq!(bench.core.view().quota("r"), size(1, 100, 200));
    assert_eq!(bench.request(Change::SetQuota { role: "idle".into(), quota: triple(0) }).0, done());
    for (quota, start) in [
        (size(-2, 4, 5), "Negative values in: IResourceAggregate"),
        (size(1, 0, 5), "Quota: IResourceAggregate{CPU=1 core(s), RAM=0 MB, disk=5 MB} is less then current"),
    ] {
        let Reply::Invalid(lines) = set(&mut bench, quota) else { panic!("{quota} was accepted") };
        assert!(lines[0].starts_with(start), "{lines:?}");
    }
    assert_eq!(bench.core.view().quota("r"), size(1, 100, 200));
}

#[test]
fn a_quota_survives_a_restart_and_ended_tasks_free_it() {
    let mut bench = using(triple(2), &[]);
    let id = bench.task_in(production("r/prod/a", 2), &[]);
    bench.offer(offer("a", resources(9.0, 9000, 9000), &[]));
    bench.tick(aurora_api::amounts::Millis(1));
    bench.status(&id, Running);
    bench.restart();
    assert_eq!(bench.core.view().quota("r"), triple(2));
    assert!(matches!(bench.create(production("r/prod/b", 1), 1), Reply::Invalid(_)));
    bench.kill_job(&job_key("r/prod/a"));
    bench.status(&id, aurora_api::task::TaskStatus::Killed);
    assert_eq!(consumption(&bench), Consumption::default());
    assert_eq!(bench.create(production("r/prod/b", 1), 1), done());
}

#[test]
fn sched_114_a_cron_job_takes_its_template_or_what_runs_if_that_is_more() {
    let mut bench = having(100, &[("r/prod/pc", 6, 1), ("r/prod/npc", 7, 1)]);
    bench.create(not_production("other/prod/x", 9), 1);
    let plans = plans(
        Some(update((of_job(1), 1), (of_job(1), 1))),
        vec![
            (production("r/prod/pc", 3), 1),
            (not_production("r/prod/npc", 5), 2),
            (production("other/prod/c", 50), 1),
        ],
    );
    assert_eq!(shared(&bench, &plans), (triple(7), triple(10)));
}

#[test]
fn sched_115_an_update_replaces_the_instances_it_touches() {
    let mut bench = having(100, &[("r/prod/foo", 3, 1), (JOB, 3, 2)]);
    bench.create(not_production("r/prod/bar", 2), 1);
    let plans = plans(Some(update((of_job(1), 1), (of_job(1), 1))), vec![]);
    assert_eq!(shared(&bench, &plans), (triple(7), triple(2)));
}

#[test]
fn sched_119_a_cron_job_counts_while_it_does_not_run() {
    let bench = having(5, &[]);
    let plans = plans(None, vec![(production("r/prod/c", 4), 1)]);
    assert_eq!(shared(&bench, &plans).0, triple(4));
    assert!(!may_add(&bench, &plans, 2) && may_add(&bench, &plans, 1));
}

#[test]
fn sched_120_an_update_counts_with_its_larger_side() {
    let bench = having(5, &[("r/prod/foo", 2, 1), (JOB, 3, 1)]);
    let plans = plans(Some(update((of_job(1), 1), (of_job(2), 1))), vec![]);
    assert_eq!(shared(&bench, &plans).0, triple(4));
    assert!(may_add(&bench, &plans, 1));
}

#[test]
fn sched_121_an_update_counts_in_the_class_of_each_side() {
    let other = |number| not_production(JOB, number);
    for (tasks, plan, expected, may) in [
        ([2, 2], update((other(8), 1), (other(4), 1)), (4, 8), true),
        ([2, 1], update((of_job(1), 1), (other(7), 1)), (4, 7), true),
        ([2, 2], update((other(1), 1), (of_job(1), 1)), (5, 1), false),
    ] {
        let bench = having(5, &[("r/prod/a", tasks[0], 1), ("r/prod/b", tasks[1], 1)]);
        let plans = plans(Some(plan), vec![]);
        assert_eq!(shared(&bench, &plans), (triple(expected.0), triple(expected.1)));
        assert_eq!(may_add(&bench, &plans, 1), may, "{expected:?}");
    }
}

#[test]
fn sched_122_growing_shrinking_and_removing_count_alike() {
    let bench = having(6, &[("r/prod/a", 2, 1), ("r/prod/b", 2, 1)]);
    let removing = UpdatePlan { initial: vec![group(of_job(2), 1)], desired: None };
    for plan in [
        update((of_job(2), 1), (of_job(1), 1)),
        update((of_job(1), 1), (of_job(1), 2)),
        update((of_job(1), 2), (of_job(1), 1)),
        removing,
    ] {
        let plans = plans(Some(plan), vec![]);
        assert_eq!(shared(&bench, &plans).0, triple(6), "{plans:?}");
        assert!(!may_add(&bench, &plans, 1), "{plans:?}");
    }
}

#[test]
fn sched_123_one_side_alone_is_enough_to_touch_an_instance() {
    let bench = having(6, &[("r/prod/foo", 2, 1), (JOB, 2, 1)]);
    for plan in [
        UpdatePlan { initial: vec![group(of_job(2), 1)], desired: None },
        UpdatePlan { initial: vec![], desired: Some(group(of_job(2), 1)) },
    ] {
        let plans = plans(Some(plan), vec![]);
        assert_eq!(shared(&bench, &plans).0, triple(4));
        assert!(may_add(&bench, &plans, 1));
    }
}

#[test]
fn sched_124_an_update_starts_if_its_larger_side_has_quota() {
    let of = |bench: &Bench, plan: &UpdatePlan| {
        Consumption::of_role(bench.core.state.tables(), &Plans::default(), "r", Some((&job_key(JOB), plan)))
            .production_shared
    };
    // Instances 0 and 12 of the job.
    let mut bench = having(6, &[("r/prod/foo", 2, 1), (JOB, 2, 1)]);
    let second = aurora_api::task::Task {
        id: aurora_api::ids::TaskId::new("twelfth"),
        instance: 12,
        ..aurora_api::task::Task::clone(&bench.active(&job_key(JOB), 0).unwrap())
    };
    let config = bench.core.state.configs().id_of(&second.config).unwrap();
    bench.core.state.apply(&crate::Operation::SaveTask { task: Arc::new(second), config }).unwrap();
    let plan = update((of_job(2), 1), (of_job(1), 1));
    assert_eq!(of(&bench, &plan), triple(6));
    assert!(may_update(&bench, &plan), "equal is enough");

    let bench = having(6, &[("r/prod/foo", 2, 1), (JOB, 2, 1)]);
    let plan = update((of_job(2), 1), (of_job(2), 3));
    assert_eq!(of(&bench, &plan), triple(8));
    let error = bench.core.view().check_update_quota(&job_key(JOB), &plan, &Plans::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Insufficient resource quota: CPU quota exceeded by 2.00 core(s); RAM quota exceeded by 2.00 MB; \
         disk quota exceeded by 2.00 MB"
    );

    let bench = having(6, &[("r/prod/foo", 2, 1), (JOB, 2, 2)]);
    let plan = update((of_job(2), 1), (of_job(2), 1));
    assert_eq!(of(&bench, &plan), triple(6));
    assert!(may_update(&bench, &plan));
    // One that is stored is replaced by the one that is checked.
    let stored = plans(Some(update((of_job(2), 2), (of_job(50), 2))), vec![]);
    assert!(bench.core.view().check_update_quota(&job_key(JOB), &plan, &stored).is_ok());
}

#[test]
fn sched_125_updates_to_what_is_not_limited_need_no_quota() {
    let bench = having(0, &[(JOB, 2, 1)]);
    let initial = || (of_job(2), 1);
    for plan in [
        update(initial(), (not_production(JOB, 9), 9)),
        update(initial(), (task(JOB, triple(9), true, true), 9)),
        UpdatePlan { initial: vec![group(of_job(2), 1)], desired: None },
    ] {
        assert!(may_update(&bench, &plan), "{plan:?}");
    }
    assert!(!may_update(&bench, &update(initial(), (of_job(1), 1))));
}

#[test]
fn sched_126_a_cron_template_takes_the_place_of_the_old_one() {
    let bench = having(5, &[]);
    let key = job_key("r/prod/c");
    let stored = plans(None, vec![(production("r/prod/c", 4), 1)]);
    let may = |stored: &Plans, config: TaskConfig, instances| {
        let template = CronPlan { config: Arc::new(config), instances };
        bench.core.view().check_cron_quota(&key, &template, stored).is_ok()
    };
    assert!(may(&stored, production("r/prod/c", 1), 2));
    assert!(may(&stored, production("r/prod/c", 5), 1));
    assert!(!may(&stored, production("r/prod/c", 5), 2));
    assert!(may(&Plans::default(), production("r/prod/c", 5), 1));
    assert!(may(&stored, not_production("r/prod/c", 50), 2));
}

#[test]
fn sched_127_a_dedicated_cron_job_needs_no_quota() {
    let bench = having(5, &[]);
    let template = CronPlan { config: Arc::new(task("r/prod/c", triple(50), true, true)), instances: 1 };
    let checked = bench.core.view().check_cron_quota(&job_key("r/prod/c"), &template, &Plans::default());
    assert_eq!(checked, Ok(()));
}
