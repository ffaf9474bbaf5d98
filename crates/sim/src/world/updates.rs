//! Job updates, as far as they decide where tasks go: an instance is killed for another of a new configuration, which keeps
//! the agent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::{JobKey, TaskId};
use aurora_api::task::{Task, TaskConfig};
use scheduler_core::{Change, Core, RequestId};

use super::World;
use crate::invariants::affinity::Kept;

/// The updates that are under way.
#[derive(Debug, Default)]
pub(super) struct Updates {
    /// Kills that were asked for, of which task, and what comes after it.
    kills: BTreeMap<RequestId, (TaskId, Arc<TaskConfig>)>,
    /// Instances that come back once they are gone, each like another of its job.
    replaced: Vec<(JobKey, u32, u32)>,
}

impl World {
    /// Replaces the last instance of a job by one like another of its instances: so the new one has its number.
    pub(super) fn update_some(&mut self) {
        let job = self.some_job();
        let mut active: Vec<Arc<Task>> =
            self.mirror.job(&job).filter(|task| task.status.is_active()).cloned().collect();
        active.sort_by_key(|task| task.instance);
        let Some(last) = active.pop() else { return };
        let Some(like) = self.chance.pick(&active).cloned() else { return };
        let instances = Some(BTreeSet::from([last.instance]));
        let id = self.ask(Change::KillTasks { job: job.clone(), instances, message: None });
        let updates = &mut self.scheduler.updates;
        updates.kills.insert(id, (last.id.clone(), Arc::clone(&like.config)));
        updates.replaced.push((job, last.instance, like.instance));
    }

    /// The scheduler is about to take a kill: if it belongs to an update, the agent is kept.
    pub(super) fn keep_place(&self, core: &mut Core, id: RequestId) -> Option<Kept> {
        let (task, desired) = self.scheduler.updates.kills.get(&id)?;
        let task = core.view().task(task).filter(|task| task.status.is_active()).cloned()?;
        if !core.keep_place(&task, desired, self.now) {
            return None;
        }
        let agent = task.assignment.as_ref()?.agent.clone();
        let until = self.now + self.plan.config.update_affinity_hold;
        Some(Kept { instance: task.instance_key(), agent, until })
    }

    /// Instances that are gone come back.
    pub(super) fn go_on_with_updates(&mut self) {
        let Self { scheduler, mirror, .. } = self;
        let is_gone =
            |(job, instance, _): &mut (JobKey, u32, u32)| mirror.active(&job.instance(*instance)).is_none();
        let gone: Vec<_> = scheduler.updates.replaced.extract_if(.., is_gone).collect();
        for (job, _, like) in gone {
            self.ask(Change::AddInstances { job, instance: like, count: 1 });
        }
    }
}
