//! What users and fate do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use aurora_api::ids::{AgentId, JobKey, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{
    Assignment, Constraint, ConstraintRule, Container, ExecutorConfig, PartitionPolicy, Task, TaskConfig,
    TaskStatus,
};
use scheduler_core::Change;

use super::World;
use crate::event::Event;

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Create,
    Kill,
    Restart,
    Crash,
    Loss,
    Return,
    Partition,
    Rescind,
    Disconnect,
    Orphan,
    Snapshot,
    Nothing,
}

impl World {
    pub(super) fn on_happening(&mut self) {
        if self.happenings_left == 0 {
            return;
        }
        self.happenings_left -= 1;
        let longest = self.plan.gap_max.0;
        let gap = self.chance.millis(1, longest);
        self.plan_in(gap, Event::Happening);
        let happening = self.what_happens();
        self.note(|| format!("happening: {happening:?}"));
        match happening {
            Happening::Create => self.create(),
            Happening::Kill => self.kill_some(),
            Happening::Restart => self.restart_some(),
            Happening::Crash => self.crash_soon(),
            Happening::Loss => {
                if let Some(id) = self.some_machine(true) {
                    self.kill_machine(&id);
                }
            }
            Happening::Return => {
                if let Some(id) = self.some_machine(false) {
                    self.revive_machine(&id);
                }
            }
            Happening::Partition => self.partition(),
            Happening::Rescind => {
                if let Some(id) = self.chance.pick(&self.master.offer_ids()).cloned() {
                    self.rescind(&id);
                }
            }
            Happening::Disconnect => self.lose_session(),
            Happening::Orphan => self.add_orphan(),
            Happening::Snapshot => self.take_snapshot(),
            Happening::Nothing => {}
        }
    }

    fn what_happens(&mut self) -> Happening {
        let faults = &self.faults;
        let weights = [
            (Happening::Create, 20),
            (Happening::Kill, 8),
            (Happening::Restart, 4),
            (Happening::Crash, faults.crashes),
            (Happening::Loss, faults.agent_losses),
            (Happening::Return, faults.agent_losses),
            (Happening::Partition, faults.partitions),
            (Happening::Rescind, faults.rescissions),
            (Happening::Disconnect, faults.disconnections),
            (Happening::Orphan, faults.orphans),
            (Happening::Snapshot, 2),
        ];
        let total: u64 = weights.iter().map(|(_, weight)| weight).sum();
        let mut place = self.chance.number() % total;
        for (happening, weight) in weights {
            if place < weight {
                return happening;
            }
            place -= weight;
        }
        Happening::Nothing
    }

    fn some_machine(&mut self, is_alive: bool) -> Option<AgentId> {
        let machines = self.machines.iter().filter(|(_, machine)| machine.is_alive == is_alive);
        let ids: Vec<AgentId> = machines.map(|(id, _)| id.clone()).collect();
        self.chance.pick(&ids).cloned()
    }

    /// One agent, or a whole rack.
    fn partition(&mut self) {
        let Some(id) = self.some_machine(true) else { return };
        let rack = self.machines.get(&id).and_then(|machine| machine.attributes.get("rack")).cloned();
        let is_rack = self.chance.one_in(3) && rack.is_some();
        let ids: Vec<AgentId> = self
            .machines
            .iter()
            .filter(|(other, machine)| {
                **other == id || is_rack && machine.attributes.get("rack") == rack.as_ref()
            })
            .map(|(id, _)| id.clone())
            .collect();
        let longest = *self.chance.pick(&[10_000, 120_000, 3_600_000]).unwrap_or(&10_000);
        for id in ids {
            let time = self.chance.millis(1, longest);
            self.cut_off(&id, time);
        }
    }

    fn some_job(&mut self) -> JobKey {
        let number = self.chance.index(self.plan.jobs);
        let text = format!("role{}/prod/job{number}", number % 3);
        text.parse().expect("the name is good")
    }

    fn create(&mut self) {
        let job = self.some_job();
        let config = self.some_config(job);
        let most = if self.plan.agents > 50 && self.chance.one_in(4) { 200 } else { 8 };
        let instance_count = u32::try_from(self.chance.range(1, most)).unwrap_or(1);
        self.note(|| format!("create {} of {}", instance_count, config.job));
        let job = JobConfiguration { task: Arc::new(config), instance_count, cron: None };
        self.ask(Change::CreateJob(job));
    }

    fn some_config(&mut self, job: JobKey) -> TaskConfig {
        let chance = &mut self.chance;
        let mut constraints = BTreeSet::new();
        let mut add = |name: &str, rule: ConstraintRule| {
            constraints.insert(Constraint { name: Arc::from(name), rule });
        };
        let value = |negated, value: &str| ConstraintRule::Value {
            negated,
            values: BTreeSet::from([Arc::from(value)]),
        };
        if chance.one_in(3) {
            add("host", ConstraintRule::Limit(i32::try_from(chance.range(1, 3)).unwrap_or(1)));
        }
        match chance.index(6) {
            0 => add("rack", ConstraintRule::Limit(i32::try_from(chance.range(1, 4)).unwrap_or(1))),
            1 => add("rack", value(chance.one_in(2), "rack-0")),
            _ => {}
        }
        if chance.one_in(10) {
            add("dedicated", value(false, "role0/special"));
        }
        let names = ["http", "admin", "health"];
        let ports: BTreeSet<Arc<str>> =
            names[..chance.index(names.len())].iter().map(|name| Arc::from(*name)).collect();
        let resources = Resources {
            cpus: MilliCpus(chance.range(1, 20) * 250),
            ram: Megabytes(chance.range(1, 16) * 256),
            disk: Megabytes(chance.range(1, 16) * 128),
            gpus: 0,
            ports: i64::try_from(ports.len()).unwrap_or(0),
        };
        let is_production = chance.one_in(4);
        TaskConfig {
            job,
            owner: None,
            is_service: chance.one_in(2),
            priority: i32::try_from(chance.range(0, 3)).unwrap_or(0),
            max_task_failures: *chance.pick(&[1, 3, -1]).unwrap_or(&1),
            production: is_production,
            tier: Arc::from(if is_production { "preferred" } else { "preemptible" }),
            resources,
            ports,
            constraints,
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

    fn kill_some(&mut self) {
        let job = self.some_job();
        let is_all = self.chance.one_in(2);
        let instances = (!is_all).then(|| {
            let count = self.chance.range(1, 3);
            (0..count).map(|_| u32::try_from(self.chance.range(0, 7)).unwrap_or(0)).collect()
        });
        self.ask(Change::KillTasks { job, instances, message: None });
    }

    fn restart_some(&mut self) {
        let job = self.some_job();
        let instance = u32::try_from(self.chance.range(0, 3)).unwrap_or(0);
        self.ask(Change::RestartInstances { job, instances: BTreeSet::from([instance]) });
    }

    /// A task of another time: the scheduler was restored from an old backup, say.
    fn add_orphan(&mut self) {
        let Some(id) = self.some_machine(true) else { return };
        let number = self.unique();
        let job = self.some_job();
        let config = TaskConfig {
            is_service: true,
            resources: Resources::default(),
            ports: BTreeSet::new(),
            constraints: BTreeSet::new(),
            ..self.some_config(job)
        };
        let Some(machine) = self.machines.get(&id) else { return };
        let assignment = Assignment { agent: id.clone(), host: machine.host.clone(), ports: BTreeMap::new() };
        let task = Task {
            id: TaskId::new(format!("orphan-{number}")),
            instance: 0,
            config: Arc::new(config),
            status: TaskStatus::Running,
            assignment: Some(assignment),
            failure_count: 0,
            times_partitioned: 0,
            events: Vec::new(),
            ancestor: None,
        };
        self.launch(&id, Arc::new(task));
        // The master learns of it as of any task that an agent has.
        self.cut_off(&id, Millis(10));
    }
}
