//! What one attempt costs in a small cluster and in a large one.

use aurora_api::amounts::Millis;
use aurora_api::ids::OfferId;
use aurora_api::task::{TaskConfig, TaskStatus};
use scheduler_core::Change;
use scheduler_core::config::OfferOrder;
use scheduler_core::input::{Input, MesosEvent, Offer};

use crate::cluster::{Cluster, limit, offer, task, update, value};
use crate::report::{Meter, Report};
use crate::scheduling::huge;
use crate::{different, racks};

/// The job of the tasks that are tried.
const JOB: &str = "jmh/dev/t";

/// The sizes that are compared.
const AGENTS: [u64; 3] = [2000, 20_000, 200_000];

/// Series of each, and the rounds of one. The best series is told: others run on the machine, and take caches away.
const SERIES: u64 = 8;
const ROUNDS: u64 = 1000;

/// Offers, and a task that is tried among them.
pub struct Workload {
    pub name: &'static str,
    pub order: &'static [OfferOrder],
    /// The offer of an agent.
    pub offer: fn(u64) -> Offer,
    /// Whether the task finds a place.
    pub is_placed: bool,
    /// The task, another in each round.
    pub task: fn(u64) -> TaskConfig,
}

/// The task with a rule.
pub fn with<const N: usize>(rules: [aurora_api::task::Constraint; N]) -> TaskConfig {
    TaskConfig { constraints: rules.into(), ..task(JOB) }
}

/// A task with a rule on the host's name, which one host fits.
pub fn by_value(round: u64) -> TaskConfig {
    with([value("host", &format!("host-{}", round % 1000))])
}

const EQUAL: Workload =
    Workload { name: "fits", order: &[OfferOrder::Random], offer, is_placed: true, task: |_| task(JOB) };

/// Runs all.
pub fn run(report: &mut Report) {
    report.say("Scaling: one task's attempt, by number of agents; a new configuration each time, so nothing is remembered");
    let equal = [
        EQUAL,
        Workload {
            name: "fits, with a limit of 1 a host and rack",
            task: |_| with([limit("host", 1), limit("rack", 1)]),
            ..EQUAL
        },
        Workload { name: "fits one host by value", task: by_value, ..EQUAL },
        Workload {
            name: "fits none by value",
            is_placed: false,
            task: |_| with([value("host", "denied")]),
            ..EQUAL
        },
        Workload { name: "fits nowhere", is_placed: false, task: |_| huge(JOB), ..EQUAL },
    ];
    for workload in &equal {
        compare(report, workload);
    }
}

/// Runs those in which no two agents have the same.
pub fn run_different(report: &mut Report) {
    // The best series is told, so nothing has to warm up.
    if report.is_warm_up() {
        return;
    }
    report.say("ScalingDifferent: the same where no two agents have equal free resources");
    for workload in different::WORKLOADS {
        compare(report, workload);
    }
    different::first_attempt(report, AGENTS);
}

/// Runs those in which a job has tasks in many racks.
pub fn run_racks(report: &mut Report) {
    if report.is_warm_up() {
        return;
    }
    report.say("ScalingRacks: a task of a job that may have one in each rack, and has one in many");
    racks::run(report, AGENTS);
}

fn compare(report: &mut Report, workload: &Workload) {
    let mut first = None;
    for agents in AGENTS {
        let mut cluster = Cluster::with_offers((0..agents).map(workload.offer), workload.order);
        let mut series = Vec::new();
        for number in 0..SERIES {
            let mut meter = Meter::default();
            for round in number * ROUNDS..(number + 1) * ROUNDS {
                let launched = cluster.launched;
                let config = (workload.task)(round);
                cluster.create(TaskConfig { priority: i32::try_from(round).unwrap(), ..config }, 1);
                let group = cluster.group();
                meter.time(1, || cluster.schedule(group));
                assert_eq!(cluster.launched - launched, u64::from(workload.is_placed), "{}", workload.name);
                undo(&mut cluster, workload);
            }
            series.push(meter.ns_per_operation());
        }
        let ns = series.into_iter().fold(f64::INFINITY, f64::min);
        let base = *first.get_or_insert(ns);
        tell(report, workload.name, agents, ns, base);
    }
}

/// A line of the table.
pub fn tell(report: &mut Report, name: &str, agents: u64, ns: f64, base: f64) {
    report.say(&format!("  {name:<54} {agents:>9} agents {:>10.2} us {:>8.2}x", ns / 1000.0, ns / base));
}

/// The task goes, and what it took is offered again.
fn undo(cluster: &mut Cluster, workload: &Workload) {
    let job = JOB.parse().unwrap();
    let tasks: Vec<_> = cluster.view.job_tasks(&job).cloned().collect();
    cluster.request(Change::KillTasks { job, instances: None, message: None });
    for task in tasks {
        if let Some(place) = task.assignment.as_ref().filter(|_| workload.is_placed) {
            cluster.input(update(&task, TaskStatus::Killed));
            let number = place.host.as_str().trim_start_matches("host-").parse().unwrap();
            let id = OfferId::new(format!("offer-of-{}", task.id));
            let again = Offer { id, ..(workload.offer)(number) };
            cluster.input(Input::Mesos(MesosEvent::Offers(vec![again])));
            cluster.request(Change::PruneTasks(vec![task.id.clone()]));
        }
    }
    cluster.now = cluster.now + Millis(1);
    cluster.settle();
}
