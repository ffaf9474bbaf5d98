//! Quotas of roles, and what counts against them (`spec/scheduler.md` §4.2).
//!
//! Executors are not counted. Only production tasks on shared hosts are held to the quota; the rest is told, not limited.

mod consumption;

use std::fmt;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources};
use aurora_api::ids::JobKey;
use aurora_api::task::TaskConfig;

use crate::effect::Reply;
use crate::handle::{Core, Step};
use crate::operation::Operation;
use crate::state::Tables;
use consumption::is_dedicated;
pub use consumption::{Consumption, CronPlan, InstanceGroup, Plans, UpdatePlan};

/// The resources that quotas are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Processor share.
    pub cpus: MilliCpus,
    /// Memory.
    pub ram: Megabytes,
    /// Disk.
    pub disk: Megabytes,
}

impl Quota {
    /// The part of `resources` that quotas know.
    pub fn of(resources: &Resources) -> Self {
        Self { cpus: resources.cpus, ram: resources.ram, disk: resources.disk }
    }

    /// As resources, of which the others are none.
    pub fn resources(self) -> Resources {
        Resources { cpus: self.cpus, ram: self.ram, disk: self.disk, ..Resources::default() }
    }

    fn times(self, count: u32) -> Self {
        let times = |amount: i64| amount.saturating_mul(i64::from(count));
        Self {
            cpus: MilliCpus(times(self.cpus.0)),
            ram: Megabytes(times(self.ram.0)),
            disk: Megabytes(times(self.disk.0)),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { cpus: self.cpus + other.cpus, ram: self.ram + other.ram, disk: self.disk + other.disk }
    }

    fn minus(self, other: Self) -> Self {
        Self { cpus: self.cpus - other.cpus, ram: self.ram - other.ram, disk: self.disk - other.disk }
    }

    /// The larger of both, resource by resource.
    fn max(self, other: Self) -> Self {
        Self::of(&self.resources().max(other.resources()))
    }

    fn is_negative(self) -> bool {
        self.cpus < MilliCpus::ZERO || self.ram < Megabytes::ZERO || self.disk < Megabytes::ZERO
    }

    /// What of `required` is above it, in words; nothing if it suffices.
    fn excess(self, required: Self) -> Vec<String> {
        let mut lines = Vec::new();
        if required.cpus > self.cpus {
            lines.push(format!("CPU quota exceeded by {:.2} core(s)", (required.cpus - self.cpus).cores()));
        }
        for (name, quota, required) in [("RAM", self.ram, required.ram), ("disk", self.disk, required.disk)] {
            if required > quota {
                lines.push(format!("{name} quota exceeded by {}.00 MB", (required - quota).0));
            }
        }
        lines
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpus, ram, disk } = self;
        write!(formatter, "{{CPU={} core(s), RAM={} MB, disk={} MB}}", cpus.cores(), ram.0, disk.0)
    }
}

/// Why a role cannot have what is asked for: what exceeds its quota, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaExceeded(Vec<String>);

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Insufficient resource quota: {}", self.0.join("; "))
    }
}

/// The sums behind a [`Consumption`], wide enough that what was added can be taken away again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    tasks: u64,
    /// By class, in the order of the fields of [`Consumption`].
    sums: [[i128; 3]; 4],
}

impl Totals {
    /// Counts a task.
    pub(crate) fn add(&mut self, config: &TaskConfig) {
        self.tasks += 1;
        let sums = self.sums_of(config);
        for (sum, amount) in sums.iter_mut().zip(amounts(config)) {
            *sum += i128::from(amount);
        }
    }

    /// Counts a task no more. Says whether others are left.
    pub(crate) fn remove(&mut self, config: &TaskConfig) -> bool {
        self.tasks = self.tasks.saturating_sub(1);
        let sums = self.sums_of(config);
        for (sum, amount) in sums.iter_mut().zip(amounts(config)) {
            *sum -= i128::from(amount);
        }
        self.tasks > 0
    }

    fn sums_of(&mut self, config: &TaskConfig) -> &mut [i128; 3] {
        let class = match (config.production, is_dedicated(config)) {
            (true, false) => 0,
            (true, true) => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        &mut self.sums[class]
    }

    fn consumption(&self) -> Consumption {
        let clamp = |sum: i128| i64::try_from(sum).unwrap_or(if sum > 0 { i64::MAX } else { i64::MIN });
        let [production_shared, production_dedicated, other_shared, other_dedicated] =
            self.sums.map(|[cpus, ram, disk]| Quota {
                cpus: MilliCpus(clamp(cpus)),
                ram: Megabytes(clamp(ram)),
                disk: Megabytes(clamp(disk)),
            });
        Consumption { production_shared, production_dedicated, other_shared, other_dedicated }
    }
}

fn amounts(config: &TaskConfig) -> [i64; 3] {
    let Quota { cpus, ram, disk } = Quota::of(&config.resources);
    [cpus.0, ram.0, disk.0]
}

/// The quota of a role, what it takes, and what is under way.
pub(crate) struct Account<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) plans: &'a Plans,
    pub(crate) role: &'a str,
}

impl Account<'_> {
    /// Whether there is quota for so many more tasks of this configuration (`createJob`, `addInstances`).
    pub(crate) fn check_tasks(&self, config: &TaskConfig, added: u32) -> Result<(), QuotaExceeded> {
        if !is_limited(config) {
            return Ok(());
        }
        self.check(self.used(None).plus(Quota::of(&config.resources).times(added)))
    }

    /// Whether there is quota for a job update, which takes the place of an older one of the job (`startJobUpdate`).
    pub(crate) fn check_update(&self, job: &JobKey, update: &UpdatePlan) -> Result<(), QuotaExceeded> {
        match &update.desired {
            Some(desired) if is_limited(&desired.config) => self.check(self.used(Some((job, update)))),
            _ => Ok(()),
        }
    }

    /// Whether there is quota for a cron job, which takes the place of an older one (`scheduleCronJob`,
    /// `replaceCronTemplate`). Upstream forgets here that dedicated jobs are exempt (T12).
    pub(crate) fn check_cron(&self, job: &JobKey, template: &CronPlan) -> Result<(), QuotaExceeded> {
        if !is_limited(&template.config) {
            return Ok(());
        }
        let taken = |plan: &CronPlan| plan.consumption().production_shared;
        let old = self.plans.crons.get(job).map(taken).unwrap_or_default();
        self.check(self.used(None).plus(taken(template)).minus(old))
    }

    fn used(&self, update: Option<(&JobKey, &UpdatePlan)>) -> Quota {
        Consumption::of_role(self.tables, self.plans, self.role, update).production_shared
    }

    fn check(&self, required: Quota) -> Result<(), QuotaExceeded> {
        let excess = self.tables.quota(self.role).excess(required);
        if excess.is_empty() { Ok(()) } else { Err(QuotaExceeded(excess)) }
    }
}

/// Only production tasks on shared hosts are held to a quota.
fn is_limited(config: &TaskConfig) -> bool {
    config.production && !is_dedicated(config)
}

impl Core {
    /// Whether the role may have so many more tasks of this configuration, or what to tell instead.
    pub(crate) fn check_quota(&self, config: &TaskConfig, added: u32) -> Result<(), Reply> {
        let plans = Plans::default();
        let account = Account { tables: self.state.tables(), plans: &plans, role: config.job.role() };
        account.check_tasks(config, added).map_err(|exceeded| Reply::Invalid(vec![exceeded.to_string()]))
    }

    pub(crate) fn set_quota(&mut self, role: &str, quota: Quota, step: &mut Step<'_>) -> Reply {
        if quota.is_negative() {
            return Reply::Invalid(vec![format!("Negative values in: IResourceAggregate{quota}")]);
        }
        let used = Consumption::of_role(self.state.tables(), &Plans::default(), role, None).production_shared;
        if !quota.excess(used).is_empty() {
            return Reply::Invalid(vec![format!(
                "Quota: IResourceAggregate{quota} is less then current prod reservation: ResourceBag{used}"
            )]);
        }
        if self.state.tables().quota(role) != quota {
            self.commit(Operation::SaveQuota { role: role.into(), quota }, step);
        }
        Reply::Done(Vec::new())
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
