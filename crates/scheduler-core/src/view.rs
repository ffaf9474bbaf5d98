//! An immutable picture of the state, for everyone who only looks.

use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{FrameworkId, HostName, JobKey, TaskId};
use aurora_api::task::{Task, TaskConfig, TaskStatus};
use imbl::OrdMap;

use crate::away::{Away, MissingHost, RenewedHost};
use crate::explain::Explanation;
use crate::input::Offer;
use crate::offers::Shown;
use crate::operation::{ConfigId, HostAttributes};
use crate::quota::{Account, Consumption, CronPlan, Plans, Quota, QuotaExceeded, UpdatePlan};
pub use crate::state::JobTasks;
use crate::state::Tables;

/// The state at one moment. Taking, cloning and dropping it is cheap, however large the cluster is.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub(crate) tables: Tables,
    pub(crate) offers: Shown,
    pub(crate) explanations: OrdMap<ConfigId, Arc<Explanation>>,
    pub(crate) away: Away,
    pub(crate) sizes: Sizes,
}

/// How much is remembered for the moment: gauges of `spec/scheduler.md` §2.5 and §2.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// `outstanding_offers`: offers we hold, usable or not.
    pub offers: usize,
    /// `offer_splits`: indexes of the offers by the values of attributes that waiting jobs limit. Not upstream's.
    pub offer_splits: usize,
    /// `globally_banned_offers_size`: offers that were withdrawn before they came.
    pub globally_banned_offers: usize,
    /// `statically_banned_offers_size`: pairs of a class of equal offers and a group that it cannot suit.
    pub statically_banned_offers: usize,
    /// `reservation_cache_size`: agents kept for tasks for which others made room.
    pub reservations: usize,
    /// `preemption_slot_cache_size`: places where room could be made.
    pub preemption_slots: usize,
    /// `update_affinity_cache_size`: updated instances that keep their agent.
    pub update_affinities: usize,
}

impl View {
    /// A task by its id.
    pub fn task(&self, id: &TaskId) -> Option<&Arc<Task>> {
        self.tables.task(id)
    }

    /// All tasks, in an order that their ids alone decide.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tables.tasks().map(|(task, _)| task)
    }

    /// How many tasks are stored.
    pub fn task_count(&self) -> usize {
        self.tables.len()
    }

    /// All jobs that have tasks, in the order of their keys.
    pub fn jobs(&self) -> impl Iterator<Item = (&JobKey, &JobTasks)> {
        self.tables.jobs()
    }

    /// A job's tasks, by what they are.
    pub fn job(&self, key: &JobKey) -> Option<&JobTasks> {
        self.tables.job(key)
    }

    /// A job's tasks: the active ones by instance, then the ended ones, latest first.
    pub fn job_tasks(&self, key: &JobKey) -> impl Iterator<Item = &Arc<Task>> {
        let jobs = self.job(key).into_iter();
        jobs.flat_map(|job| job.active().map(|(_, task)| task).chain(job.ended().rev().map(|(_, task)| task)))
    }

    /// How many tasks of a job are in which kind of status.
    pub fn job_stats(&self, key: &JobKey) -> JobStats {
        let mut stats = JobStats::default();
        self.job_tasks(key).for_each(|task| stats.add(task.status));
        stats
    }

    /// Tasks in one status, in an order that their ids alone decide.
    pub fn tasks_with_status(&self, status: TaskStatus) -> impl Iterator<Item = &Arc<Task>> {
        self.tables.with_status(status)
    }

    /// How many tasks have this status: the gauge `task_store_<STATUS>`.
    pub fn count(&self, status: TaskStatus) -> usize {
        self.tables.count(status)
    }

    /// Tasks on a host, as far as they are not known to have ended.
    pub fn tasks_on_host(&self, host: &HostName) -> impl Iterator<Item = &Arc<Task>> {
        self.tables.on_host(host)
    }

    /// Our registration with Mesos, once there was one. Kept for ever: subscribe with it.
    pub fn framework(&self) -> Option<&FrameworkId> {
        self.tables.framework()
    }

    /// A host's attributes.
    pub fn host(&self, host: &HostName) -> Option<&Arc<HostAttributes>> {
        self.tables.host(host)
    }

    /// All hosts that ever offered something, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<HostAttributes>> {
        let mut hosts: Vec<_> = self.tables.hosts().collect();
        hosts.sort_unstable_by_key(|host| &host.host);
        hosts.into_iter()
    }

    /// How many there are.
    pub fn host_count(&self) -> usize {
        self.tables.host_count()
    }

    /// A role's quota: nothing if none was set.
    pub fn quota(&self, role: &str) -> Quota {
        self.tables.quota(role)
    }

    /// The roles that have active tasks.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tables.roles()
    }

    /// All quotas that were set, by role.
    pub fn quotas(&self) -> impl Iterator<Item = (&Arc<str>, Quota)> {
        self.tables.quotas()
    }

    /// What a role takes: its active tasks, and what is under way. This version stores no updates and cron jobs, so who
    /// plans some gives them.
    pub fn consumption(&self, role: &str, plans: &Plans) -> Consumption {
        Consumption::of_role(&self.tables, plans, role, None)
    }

    /// Whether a job update has quota, beside everything else of its role.
    ///
    /// # Errors
    /// What it exceeds.
    pub fn check_update_quota(
        &self,
        job: &JobKey,
        update: &UpdatePlan,
        plans: &Plans,
    ) -> Result<(), QuotaExceeded> {
        Account { tables: &self.tables, plans, role: job.role() }.check_update(job, update)
    }

    /// Whether a cron job has quota, beside everything else of its role.
    ///
    /// # Errors
    /// What it exceeds.
    pub fn check_cron_quota(
        &self,
        job: &JobKey,
        template: &CronPlan,
        plans: &Plans,
    ) -> Result<(), QuotaExceeded> {
        Account { tables: &self.tables, plans, role: job.role() }.check_cron(job, template)
    }

    /// Whether so many more tasks of a configuration have quota, beside everything else of their role.
    ///
    /// # Errors
    /// What they exceed.
    pub fn check_task_quota(
        &self,
        config: &TaskConfig,
        count: u32,
        plans: &Plans,
    ) -> Result<(), QuotaExceeded> {
        Account { tables: &self.tables, plans, role: config.job.role() }.check_tasks(config, count)
    }

    /// How much is remembered for the moment.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The offers held at the moment.
    pub fn offers(&self) -> impl Iterator<Item = &Arc<Offer>> {
        self.offers.iter().map(|(_, offer)| offer)
    }

    /// The hosts whose agents Mesos has given up since the start, and that are not back, by name.
    pub fn missing_hosts(&self) -> impl Iterator<Item = &Arc<MissingHost>> {
        self.away.missing.values()
    }

    /// Whether a host's agent is gone.
    pub fn missing_host(&self, host: &HostName) -> Option<&Arc<MissingHost>> {
        self.away.missing.get(host)
    }

    /// How a host's agent last changed its id since the start.
    pub fn renewed_host(&self, host: &HostName) -> Option<&Arc<RenewedHost>> {
        self.away.renewed.get(host)
    }

    /// Why a pending task is pending, once it was tried.
    pub fn explanation(&self, id: &TaskId) -> Option<&Arc<Explanation>> {
        self.task(id).filter(|task| task.status == TaskStatus::Pending)?;
        self.explanations.get(&self.tables.config_id(id)?)
    }

    /// Every reason why a pending task is pending, in words, once it was tried ([`Explanation::lines`]).
    pub fn pending_lines(&self, id: &TaskId) -> Vec<String> {
        let lines = |task: &Arc<Task>| Some(self.explanation(id)?.lines(&task.config));
        self.task(id).and_then(lines).unwrap_or_default()
    }

    /// When a throttled task has served its penalty.
    pub fn throttled_until(&self, task: &Task) -> Option<Timestamp> {
        (task.status == TaskStatus::Throttled).then(|| crate::timeouts::throttled_until(task))
    }

    /// Of a task whose agent is out of reach: when it is replaced, or `None` if its policy is to wait for the agent.
    pub fn partitioned_until(&self, task: &Task) -> Option<Option<Timestamp>> {
        (task.status == TaskStatus::Partitioned).then(|| crate::timeouts::partitioned_until(task))
    }

    /// `getPendingReason`'s text: the nearest fit's reasons joined with `,`, or nothing (`spec/scheduler.md` §2.11).
    pub fn pending_reason(&self, id: &TaskId, now: Timestamp) -> String {
        self.explanation(id).map(|explanation| explanation.nearest_fit_text(now)).unwrap_or_default()
    }
}

/// Tasks by kind of status, as the API counts them (`spec/scheduler.md` §1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobStats {
    /// PENDING, THROTTLED, INIT.
    pub pending: usize,
    /// All others that are active.
    pub active: usize,
    /// FINISHED, KILLED.
    pub finished: usize,
    /// FAILED, LOST.
    pub failed: usize,
}

impl JobStats {
    /// Counts one task.
    pub fn add(&mut self, status: TaskStatus) {
        let kind = match status {
            TaskStatus::Init | TaskStatus::Pending | TaskStatus::Throttled => &mut self.pending,
            TaskStatus::Finished | TaskStatus::Killed => &mut self.finished,
            TaskStatus::Failed | TaskStatus::Lost => &mut self.failed,
            TaskStatus::Assigned
            | TaskStatus::Starting
            | TaskStatus::Running
            | TaskStatus::Killing
            | TaskStatus::Restarting
            | TaskStatus::Preempting
            | TaskStatus::Draining
            | TaskStatus::Partitioned => &mut self.active,
        };
        *kind += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sched_32_every_status_is_of_one_kind() {
        let mut stats = JobStats::default();
        TaskStatus::ALL.into_iter().for_each(|status| stats.add(status));
        assert_eq!(stats, JobStats { active: 8, pending: 3, finished: 2, failed: 2 });
    }
}
