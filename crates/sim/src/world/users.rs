//! What users, administrators and fate do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Megabytes, MilliCpus, Millis, Resources};
use aurora_api::ids::{AgentId, HostName, JobKey, TaskId};
use aurora_api::job::JobConfiguration;
use aurora_api::task::{Assignment, Task, TaskConfig, TaskStatus};
use scheduler_core::quota::Quota;
use scheduler_core::{Change, MaintenanceCall};

use super::World;
use crate::event::Event;

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Create,
    Kill,
    Restart,
    Update,
    Add,
    SetQuota,
    Maintain,
    Force,
    Prune,
    Reconcile,
    Crash,
    Loss,
    Return,
    Partition,
    Window,
    Rescind,
    Disconnect,
    Failover,
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
            Happening::Update => self.update_some(),
            Happening::Add => self.add_some(),
            Happening::SetQuota => self.set_some_quota(),
            Happening::Maintain => self.maintain_some(),
            Happening::Force => self.force_some(),
            Happening::Prune => self.prune_some(),
            Happening::Reconcile => {
                let is_implicit = self.chance.one_in(2);
                self.ask(if is_implicit {
                    Change::ReconcileImplicit
                } else {
                    Change::ReconcileExplicit { batch_size: None }
                });
            }
            Happening::Crash => self.crash_soon(),
            Happening::Loss => {
                if let Some(id) = self.some_machine(true) {
                    self.kill_machine(&id);
                }
            }
            Happening::Return => {
                if let Some(id) = self.some_machine(false) {
                    let is_same_agent = self.chance.one_in(2);
                    self.revive_machine(&id, is_same_agent);
                }
            }
            Happening::Partition => self.partition(),
            Happening::Window => self.announce_window(),
            Happening::Rescind => {
                if let Some(id) = self.chance.pick(&self.master.offer_ids()).cloned() {
                    self.rescind(&id);
                }
            }
            Happening::Disconnect => self.lose_session(),
            Happening::Failover => self.fail_over(),
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
            (Happening::Update, 6),
            (Happening::Add, 3),
            (Happening::SetQuota, 5),
            (Happening::Maintain, faults.maintenance),
            (Happening::Force, faults.forced),
            (Happening::Prune, 1),
            (Happening::Reconcile, 1),
            (Happening::Crash, faults.crashes),
            (Happening::Loss, faults.agent_losses),
            (Happening::Return, faults.agent_losses),
            (Happening::Partition, faults.partitions),
            (Happening::Window, faults.windows),
            (Happening::Rescind, faults.rescissions),
            (Happening::Disconnect, faults.disconnections),
            (Happening::Failover, faults.failovers),
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

    /// A machine, or its whole rack.
    fn some_machines(&mut self) -> Vec<AgentId> {
        let Some(id) = self.some_machine(true) else { return Vec::new() };
        let rack = self.machines.get(&id).and_then(|machine| machine.attributes.get("rack")).cloned();
        let is_rack = self.chance.one_in(3) && rack.is_some();
        self.machines
            .iter()
            .filter(|(other, machine)| {
                **other == id || is_rack && machine.attributes.get("rack") == rack.as_ref()
            })
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn partition(&mut self) {
        let longest = *self.chance.pick(&[10_000, 120_000, 3_600_000]).unwrap_or(&10_000);
        for id in self.some_machines() {
            let time = self.chance.millis(1, longest);
            self.cut_off(&id, time);
        }
    }

    /// An operator of Mesos tells when machines go down, or that they do not.
    fn announce_window(&mut self) {
        let start = self.chance.millis(0, 7_200_000);
        let window = (!self.chance.one_in(3)).then(|| self.now + start);
        for id in self.some_machines() {
            self.set_window(&id, window);
        }
    }

    pub(super) fn some_job(&mut self) -> JobKey {
        let number = self.chance.index(self.plan.jobs);
        let text = format!("role{}/prod/job{number}", number % 3);
        text.parse().expect("the name is good")
    }

    fn create(&mut self) {
        let job = self.some_job();
        let config = self.some_config(job);
        let most = if self.plan.agents > 50 && self.chance.one_in(4) { 200 } else { 8 };
        let instance_count = u32::try_from(self.chance.range(1, most)).unwrap_or(1);
        self.note(|| format!("create {} of {}, {}", instance_count, config.job, config.tier));
        let job = JobConfiguration { task: Arc::new(config), instance_count, cron: None };
        self.ask(Change::CreateJob(job));
    }

    fn add_some(&mut self) {
        let job = self.some_job();
        let instance = u32::try_from(self.chance.range(0, 3)).unwrap_or(0);
        let count = u32::try_from(self.chance.range(1, 4)).unwrap_or(1);
        self.ask(Change::AddInstances { job, instance, count });
    }

    fn set_some_quota(&mut self) {
        let role: Arc<str> = Arc::from(format!("role{}", self.chance.index(3)));
        let size = self.chance.range(0, if self.plan.agents > 50 { 400 } else { 60 });
        let quota = Quota {
            cpus: MilliCpus(size * 1000),
            ram: Megabytes(size * 1024),
            disk: Megabytes(size * self.chance.range(256, 2048)),
        };
        self.ask(Change::SetQuota { role, quota });
    }

    fn maintain_some(&mut self) {
        let hosts: BTreeSet<HostName> = self
            .some_machines()
            .iter()
            .filter_map(|id| self.machines.get(id).map(|machine| machine.host.clone()))
            .collect();
        let calls = [MaintenanceCall::Start, MaintenanceCall::Drain, MaintenanceCall::Drain];
        let call = if self.chance.one_in(2) {
            MaintenanceCall::End
        } else {
            *self.chance.pick(&calls).unwrap_or(&MaintenanceCall::Drain)
        };
        self.note(|| format!("{call:?} maintenance of {hosts:?}"));
        self.ask(Change::Maintain { hosts, call });
    }

    /// An administrator knows better.
    fn force_some(&mut self) {
        let ids: Vec<TaskId> = self.mirror.tasks().map(|(task, _)| task.id.clone()).collect();
        let Some(task) = self.chance.pick(&ids).cloned() else { return };
        let statuses = [
            TaskStatus::Lost,
            TaskStatus::Failed,
            TaskStatus::Killed,
            TaskStatus::Finished,
            TaskStatus::Restarting,
            TaskStatus::Running,
            TaskStatus::Partitioned,
        ];
        let status = *self.chance.pick(&statuses).unwrap_or(&TaskStatus::Lost);
        self.ask(Change::ForceStatus { task, status });
    }

    fn prune_some(&mut self) {
        let job = self.some_job();
        let ids: Vec<TaskId> = self.mirror.job(&job).map(|task| task.id.clone()).collect();
        self.ask(Change::PruneTasks(ids));
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
            executor: None,
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
