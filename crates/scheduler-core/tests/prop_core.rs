//! Whatever happens in whatever order, the invariants hold.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "bench/bench.rs"]
mod bench;
#[path = "bench/cluster.rs"]
mod cluster;

use std::sync::Arc;

use aurora_api::amounts::{Millis, Resources};
use aurora_api::ids::TaskId;
use aurora_api::task::{TaskConfig, TaskStatus};
use bench::{ad_hoc, job, job_key, limit, quiet_config, resources};
use cluster::Cluster;
use proptest::prelude::*;
use scheduler_core::config::OfferOrder;
use scheduler_core::{Change, CoreConfig};

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Create {
        job: usize,
        instances: u32,
        cpus: i64,
        limit: Option<(usize, i32)>,
        is_service: bool,
        ports: usize,
    },
    Kill {
        job: usize,
        instance: Option<u32>,
    },
    Tick {
        millis: i64,
    },
    /// Any task, known or not any more, reports any status.
    Report {
        task: usize,
        status: usize,
    },
    LoseAgent {
        agent: usize,
    },
    ReturnAgent {
        agent: usize,
    },
    RescindAll,
    Restart,
    Obey {
        is_obedient: bool,
    },
}

const JOBS: [&str; 3] = ["r/prod/a", "r/prod/b", "s/test/c"];
const AGENTS: [(&str, &str); 4] = [("a1", "x"), ("a2", "x"), ("a3", "y"), ("a4", "z")];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 1..6_u32, 1..4_i64, prop::option::of((0..2_usize, 1..3_i32)), any::<bool>(), 0..3_usize)
            .prop_map(|(job, instances, cpus, limit, is_service, ports)| {
                Step::Create { job, instances, cpus, limit, is_service, ports }
            }),
        2 => (0..3_usize, prop::option::of(0..6_u32)).prop_map(|(job, instance)| Step::Kill { job, instance }),
        6 => prop_oneof![1..50_i64, 1000..90_000_i64, 300_000..400_000_i64]
            .prop_map(|millis| Step::Tick { millis }),
        6 => (0..1000_usize, 0..15_usize).prop_map(|(task, status)| Step::Report { task, status }),
        1 => (0..4_usize).prop_map(|agent| Step::LoseAgent { agent }),
        1 => (0..4_usize).prop_map(|agent| Step::ReturnAgent { agent }),
        1 => Just(Step::RescindAll),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(|is_obedient| Step::Obey { is_obedient }),
    ]
}

fn config() -> CoreConfig {
    CoreConfig {
        offer_order: vec![OfferOrder::Random],
        history_max_per_job: 3,
        history_min_retention: Millis(60_000),
        transient_timeout: Millis(120_000),
        ..quiet_config()
    }
}

fn small_cluster(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(config(), seed);
    for (name, rack) in AGENTS {
        let total = Resources { ports: 10, ..resources(4.0, 8192, 65_536) };
        cluster.add_agent(name, total, &[("host", name), ("rack", rack)]);
    }
    cluster
}

fn play(cluster: &mut Cluster, step: &Step) {
    match *step {
        Step::Create { job: which, instances, cpus, limit: rule, is_service, ports } => {
            let names = ["http", "admin", "health"];
            let mut config = TaskConfig {
                is_service,
                ports: names[..ports].iter().map(|name| Arc::from(*name)).collect(),
                constraints: rule.into_iter().map(|(name, max)| limit(["host", "rack"][name], max)).collect(),
                ..ad_hoc(JOBS[which])
            };
            config.resources.cpus.0 = cpus * 1000;
            config.resources.ports = i64::try_from(ports).unwrap();
            let (_, effects) = cluster.bench.request(Change::CreateJob(job(config, instances)));
            cluster.absorb(effects);
        }
        Step::Kill { job, instance } => {
            let change = Change::KillTasks {
                job: job_key(JOBS[job]),
                instances: instance.map(|instance| [instance].into()),
                message: None,
            };
            let (_, effects) = cluster.bench.request(change);
            cluster.absorb(effects);
        }
        Step::Tick { millis } => cluster.tick(Millis(millis)),
        Step::Report { task, status } => report(cluster, task, TaskStatus::ALL[status]),
        Step::LoseAgent { agent } => cluster.lose_agent(AGENTS[agent].0),
        Step::ReturnAgent { agent } => cluster.return_agent(AGENTS[agent].0),
        Step::RescindAll => cluster.rescind_all(),
        Step::Restart => cluster.restart(),
        Step::Obey { is_obedient } => cluster.is_obedient = is_obedient,
    }
}

/// Mesos reports only what it can: a task that never was on an agent stays silent.
fn report(cluster: &mut Cluster, which: usize, status: TaskStatus) {
    let reportable = [
        TaskStatus::Starting,
        TaskStatus::Running,
        TaskStatus::Finished,
        TaskStatus::Failed,
        TaskStatus::Killed,
        TaskStatus::Lost,
        TaskStatus::Partitioned,
    ];
    if !reportable.contains(&status) {
        return;
    }
    let known: Vec<TaskId> = cluster.bench.core.view().tasks().map(|task| task.id.clone()).collect();
    let id = if known.is_empty() || which % 10 == 9 {
        TaskId::new("nobody-knows-me")
    } else {
        known[which % known.len()].clone()
    };
    if status.is_terminal() {
        cluster.end(&id);
    }
    cluster.report(&id, status);
}

/// How many runs of each property: a few seconds' worth, or what `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_whatever_happens(seed in 0..1000_u64, steps in prop::collection::vec(step(), 1..60)) {
        let mut cluster = small_cluster(seed);
        for step in &steps {
            play(&mut cluster, step);
            cluster.check();
        }
        cluster.check_recovery();
    }

    #[test]
    fn the_same_seed_and_inputs_give_the_same_run(seed in 0..1000_u64, steps in prop::collection::vec(step(), 1..20)) {
        let run = || {
            let mut cluster = small_cluster(seed);
            steps.iter().for_each(|step| play(&mut cluster, step));
            cluster.bench.journal
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn a_calm_cluster_converges(seed in 0..1000_u64, steps in prop::collection::vec(step(), 1..30)) {
        let mut cluster = small_cluster(seed);
        steps.iter().for_each(|step| play(&mut cluster, step));
        cluster.is_obedient = true;
        for (agent, _) in AGENTS {
            cluster.return_agent(agent);
        }
        cluster.tick(Millis(3 * 3_600_000));
        cluster.check();
        let view = cluster.bench.core.view();
        for task in view.tasks().filter(|task| task.status.is_active()) {
            match task.status {
                TaskStatus::Running => {}
                TaskStatus::Pending => {
                    let reasons = view.pending_lines(&task.id);
                    prop_assert!(!reasons.is_empty(), "{} is pending and does not say why", task.id);
                    let text = view.pending_reason(&task.id, cluster.bench.now);
                    prop_assert!(!text.is_empty(), "{} has no nearest fit", task.id);
                }
                other => prop_assert!(false, "{} is still {other}", task.id),
            }
        }
    }
}

#[test]
fn a_cluster_of_a_thousand_agents_is_filled() {
    let mut cluster = Cluster::new(CoreConfig { schedule_attempts_per_1000_s: 1_000_000_000, ..config() }, 1);
    for number in 0..1000 {
        let name = format!("agent-{number}");
        cluster.add_agent(&name, resources(5.0, 8192, 65_536), &[("host", &name)]);
    }
    for number in 0..40 {
        let config =
            TaskConfig { constraints: [limit("host", 1)].into(), ..ad_hoc(&format!("r/prod/job-{number}")) };
        let (_, effects) = cluster.bench.request(Change::CreateJob(job(config, 100)));
        cluster.absorb(effects);
    }
    cluster.tick(Millis(120_000));
    assert_eq!(cluster.bench.tasks(TaskStatus::Running).len(), 4000);
    cluster.check();
}
