use std::collections::{BTreeMap, BTreeSet};

use aurora_api::amounts::Resources;
use aurora_api::ids::AgentId;
use aurora_api::task::{Assignment, TaskEvent};
use proptest::prelude::*;

use super::*;
use crate::bench::{ad_hoc, limit, resources};
use crate::operation::MaintenanceMode;

#[derive(Clone, Debug)]
enum Step {
    Save { task: usize, job: usize, instance: u32, status: usize, host: Option<usize>, at: i64 },
    Remove { task: usize },
    SaveHost { host: usize, rack: Option<usize> },
}

const HOSTS: [&str; 3] = ["h0", "h1", "h2"];
const RACKS: [&str; 2] = ["r0", "r1"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_usize, 0..4_usize, 0..3_u32, 0..15_usize, prop::option::of(0..3_usize), 0..3_i64).prop_map(
            |(task, job, instance, status, host, at)| Step::Save { task, job, instance, status, host, at }
        ),
        2 => (0..8_usize).prop_map(|task| Step::Remove { task }),
        1 => (0..3_usize, prop::option::of(0..2_usize)).prop_map(|(host, rack)| Step::SaveHost { host, rack }),
    ]
}

fn configs() -> Vec<Arc<TaskConfig>> {
    ["r/prod/a", "r/prod/b", "s/prod/a", "r/prod/b"]
        .map(|key| {
            let resources = Resources { ports: 1, ..resources(2.0, 100, 10) };
            let constraints = if key.ends_with('b') { [limit("rack", 1)].into() } else { [].into() };
            Arc::new(TaskConfig { resources, production: key.ends_with('a'), constraints, ..ad_hoc(key) })
        })
        .into()
}

/// Of a job that has both, those with a limit and those without.
fn mixed_configs() -> Vec<Arc<TaskConfig>> {
    let mut configs = configs();
    let unlimited = TaskConfig { constraints: [].into(), ..TaskConfig::clone(&configs[3]) };
    configs[3] = Arc::new(unlimited);
    configs
}

fn task_id(number: usize) -> TaskId {
    // Two at a time share the number of their keys.
    TaskId::new(format!("role-env-name-{}-00000000-0000-4000-8000-00000000000{number}", number / 2))
}

fn play(tables: &mut Tables, configs: &[Arc<TaskConfig>], step: &Step) {
    match *step {
        Step::Save { task, job, instance, status, host, at } => {
            let status = TaskStatus::ALL[status];
            let assignment = host.map(|host| Assignment {
                agent: AgentId::new(HOSTS[host]),
                host: HostName::new(HOSTS[host]),
                ports: BTreeMap::new(),
            });
            let task = Task {
                id: task_id(task),
                instance,
                config: Arc::clone(&configs[job]),
                status,
                assignment,
                failure_count: 0,
                times_partitioned: 0,
                events: vec![TaskEvent { at: Timestamp(at), status, message: None, scheduler: None }],
                ancestor: None,
            };
            // A contradiction changes nothing.
            let _ = tables.save(Arc::new(task), ConfigId(u64::try_from(job).unwrap()));
        }
        Step::Remove { task } => {
            tables.remove(&task_id(task));
        }
        Step::SaveHost { host, rack } => {
            let name = HOSTS[host];
            let attribute = |name: &str, value: &str| (Arc::from(name), BTreeSet::from([Arc::from(value)]));
            let host = HostAttributes {
                host: HostName::new(name),
                agent: AgentId::new(name),
                attributes: std::iter::once(attribute("host", name))
                    .chain(rack.map(|rack| attribute("rack", RACKS[rack])))
                    .collect(),
                mode: MaintenanceMode::None,
                capacity: None,
                gone: None,
            };
            tables.save_host(&Arc::new(host));
        }
    }
}

/// What the indexes say, in words.
fn indexes(tables: &Tables) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, job) in tables.jobs() {
        lines.push(format!(
            "{key} {:?} {:?} {:?} {}",
            job.rows().collect::<Vec<_>>(),
            job.ended().collect::<Vec<_>>(),
            tables.places(key),
            job.limited,
        ));
    }
    lines.push(format!("{:?} {:?} {} {:?}", tables.index, tables.counts, tables.len(), tables.strangers));
    lines.extend(tables.by_role.iter().map(|(role, totals)| format!("{role} {totals:?}")));
    lines
}

/// What is found by number is what a look at all tasks finds.
fn check_numbers(tables: &Tables) -> Result<(), TestCaseError> {
    let all = |test: &dyn Fn(&Task) -> bool| -> BTreeSet<TaskId> {
        tables.tasks().map(|(task, _)| task).filter(|task| test(task)).map(|task| task.id.clone()).collect()
    };
    let once = |ids: Vec<TaskId>| {
        let set: BTreeSet<TaskId> = ids.iter().cloned().collect();
        assert_eq!(set.len(), ids.len());
        set
    };
    for status in TaskStatus::ALL {
        let found: Vec<TaskId> = tables.with_status(status).map(|task| task.id.clone()).collect();
        prop_assert_eq!(found.len(), tables.count(status));
        prop_assert_eq!(once(found), all(&|task| task.status == status));
    }
    for host in HOSTS.map(HostName::new) {
        let found: Vec<TaskId> = tables.on_host(&host).map(|task| task.id.clone()).collect();
        prop_assert_eq!(once(found), all(&|task| place(task) == Some(&host)));
    }
    Ok(())
}

proptest! {
    /// Whatever was saved, changed and removed: the indexes are those of tables that are filled anew.
    #[test]
    fn the_indexes_say_what_the_tasks_say(steps in prop::collection::vec(step(), 1..80)) {
        let configs = mixed_configs();
        let mut tables = Tables::default();
        for step in &steps {
            play(&mut tables, &configs, step);
            let mut anew = Tables::default();
            tables.hosts().for_each(|host| anew.save_host(host));
            for (task, config) in tables.tasks() {
                anew.save(Arc::clone(task), config).unwrap();
            }
            prop_assert_eq!(indexes(&tables), indexes(&anew));
            check_numbers(&tables)?;
        }
    }
}
