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
        config.constraints.insert(value(DEDICATED, false, &["r/x"]));
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
    bench.core.view().consumption("r")
}

// Of the cases of updates and cron jobs, the parts without these are here; the rest comes with them.
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
    assert_eq!(bench.core.view().quota("r"), triple(4));
    assert_eq!(bench.core.view().quota("nobody"), Quota::default());
}

#[test]
fn sched_116_only_production_on_shared_hosts_needs_quota() {
    let mut bench = using(triple(4), &[2]);
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
