//! What machines and jobs there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use aurora_api::ids::JobKey;
use aurora_api::task::{Constraint, ConstraintRule, Container, ExecutorConfig, PartitionPolicy, TaskConfig};

use super::World;
use super::agents::Attributes;
use crate::chance::Chance;
use crate::room::Room;

/// The machine of this number, in a cluster of so many: its attributes, what it has, its first and last port. What a machine
/// has depends on its number, which agent runs on it does not.
pub(super) fn machine(number: usize, name: &str, agents: usize) -> (Attributes, Room, (u16, u16)) {
    let mut attributes = Attributes::new();
    let mut add = |key: &str, values: &[&str]| {
        attributes.insert(Arc::from(key), values.iter().map(|value| Arc::from(*value)).collect());
    };
    if number % 23 != 22 {
        add("host", &[name]);
    }
    if number % 10 != 9 {
        add("rack", &[&format!("rack-{}", number / 2 % (2 + agents / 8))]);
    }
    match number % 5 {
        0 => add("zone", &["east", "west"]),
        1 | 2 => add("zone", &["east"]),
        _ => add("zone", &["west"]),
    }
    match number % 21 {
        6 => add("dedicated", &["role0/special"]),
        13 => add("dedicated", &["*/shared"]),
        20 => add("dedicated", &["*/shared", "role0/special"]),
        _ => {}
    }
    let size = i64::try_from(number % 3).unwrap_or(0) + 1;
    let port_count = if number.is_multiple_of(6) { 2 } else { 8 };
    let regular = Resources {
        cpus: MilliCpus(4000 * size),
        ram: Megabytes(8192 * size),
        disk: Megabytes(if number % 4 == 1 { 4096 } else { 65_536 }),
        gpus: if number % 4 == 2 { 2 } else { 0 },
        ports: i64::from(port_count),
    };
    let revocable_cpus = MilliCpus(if number % 3 == 1 { 6000 } else { 0 });
    (attributes, Room { regular, revocable_cpus }, (31_000, 30_999 + port_count))
}

/// Constraints that a task of the job may have.
fn constraints(job: &JobKey, chance: &mut Chance) -> BTreeSet<Constraint> {
    let mut constraints = BTreeSet::new();
    let mut add = |name: &str, rule: ConstraintRule| {
        constraints.insert(Constraint { name: Arc::from(name), rule });
    };
    let value = |negated, values: &[&str]| ConstraintRule::Value {
        negated,
        values: values.iter().map(|value| Arc::from(*value)).collect(),
    };
    let limit = |most: i64, chance: &mut Chance| {
        ConstraintRule::Limit(i32::try_from(chance.range(1, most)).unwrap_or(1))
    };
    if chance.one_in(3) {
        add("host", limit(3, chance));
    }
    match chance.index(6) {
        0 => add("rack", limit(4, chance)),
        1 => add("rack", value(chance.one_in(2), &["rack-0"])),
        2 => add("rack", value(chance.one_in(2), &["rack-0", "rack-1"])),
        _ => {}
    }
    match chance.index(12) {
        0 => add("zone", limit(5, chance)),
        1 => add("zone", value(false, &["west"])),
        2 => add("zone", value(true, &["east"])),
        _ => {}
    }
    if chance.one_in(10) {
        let is_special = job.role() == "role0" && chance.one_in(2);
        add("dedicated", value(false, &[if is_special { "role0/special" } else { "*/shared" }]));
    }
    constraints
}

impl World {
    pub(super) fn some_config(&mut self, job: JobKey) -> TaskConfig {
        let is_crowded = self.plan.is_crowded;
        let chance = &mut self.chance;
        let names = ["http", "admin", "health"];
        let ports: BTreeSet<Arc<str>> =
            names[..chance.index(names.len())].iter().map(|name| Arc::from(*name)).collect();
        let resources = Resources {
            cpus: MilliCpus(chance.range(if is_crowded { 4 } else { 1 }, 20) * 250),
            ram: Megabytes(chance.range(1, 16) * 256),
            disk: Megabytes(chance.range(1, 16) * 128),
            gpus: if chance.one_in(12) { chance.range(1, 2) } else { 0 },
            ports: i64::try_from(ports.len()).unwrap_or(0),
        };
        let tier = match chance.index(8) {
            0..3 => "preferred",
            3 => "revocable",
            _ => "preemptible",
        };
        TaskConfig {
            owner: None,
            is_service: is_crowded && !chance.one_in(4) || chance.one_in(2),
            priority: i32::try_from(chance.range(0, 3)).unwrap_or(0),
            max_task_failures: *chance.pick(&[1, 3, -1]).unwrap_or(&1),
            production: tier == "preferred",
            tier: Arc::from(tier),
            resources,
            ports,
            constraints: constraints(&job, chance),
            job,
            fetcher_uris: BTreeSet::new(),
            task_links: BTreeMap::new(),
            contact_email: None,
            executor: Some(ExecutorConfig { name: Arc::from("AuroraExecutor"), data: Arc::from("{}") }),
            metadata: BTreeSet::new(),
            partition_policy: chance
                .one_in(2)
                .then(|| PartitionPolicy { reschedule: chance.one_in(2), delay_secs: chance.range(0, 600) }),
            sla_policy: None,
            container: Container::Mesos { image: None, volumes: Vec::new() },
        }
    }
}
