//! What a role takes: its tasks, and what its job updates and cron jobs may come to take (`spec/scheduler.md` §4.2).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::JobKey;
use aurora_api::task::TaskConfig;

use super::{Quota, Totals};
use crate::schedule::filter::DEDICATED;
use crate::state::Tables;

/// What a role takes, by the classes that `getQuota` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumption {
    /// Production, on hosts for all: the only class that is limited.
    pub production_shared: Quota,
    /// Production, on dedicated hosts.
    pub production_dedicated: Quota,
    /// The rest, on hosts for all.
    pub other_shared: Quota,
    /// The rest, on dedicated hosts.
    pub other_dedicated: Quota,
}

/// What is under way besides the tasks that are stored: at most one update and one cron template a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plans {
    /// The active job updates.
    pub updates: BTreeMap<JobKey, UpdatePlan>,
    /// The templates of cron jobs.
    pub crons: BTreeMap<JobKey, CronPlan>,
}

/// Some instances of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceGroup {
    /// Their configuration.
    pub config: Arc<TaskConfig>,
    /// Which instances, as closed ranges that are disjoint.
    pub ranges: Vec<(u32, u32)>,
}

/// A job update: what it replaces, and by what (`spec/scheduler.md` §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePlan {
    /// The instances that are replaced or removed.
    pub initial: Vec<InstanceGroup>,
    /// Those that come instead, if any do.
    pub desired: Option<InstanceGroup>,
}

/// A cron job between its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronPlan {
    /// What its tasks will be.
    pub config: Arc<TaskConfig>,
    /// How many.
    pub instances: u32,
}

impl InstanceGroup {
    fn holds(&self, instance: u32) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&instance))
    }

    fn count(&self) -> u32 {
        let widths = self.ranges.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1));
        widths.fold(0, u32::saturating_add)
    }

    fn consumption(&self) -> Consumption {
        Consumption::of(&self.config, self.count())
    }
}

impl UpdatePlan {
    /// Whether it replaces, removes or adds the instance.
    fn touches(&self, instance: u32) -> bool {
        self.initial.iter().chain(&self.desired).any(|group| group.holds(instance))
    }

    /// Whatever instances are replaced when: never more than the larger side.
    fn consumption(&self) -> Consumption {
        let initial = self
            .initial
            .iter()
            .map(InstanceGroup::consumption)
            .fold(Consumption::default(), Consumption::plus);
        let desired = self.desired.as_ref().map(InstanceGroup::consumption).unwrap_or_default();
        initial.max(desired)
    }
}

impl CronPlan {
    pub(super) fn consumption(&self) -> Consumption {
        Consumption::of(&self.config, self.instances)
    }
}

impl Consumption {
    /// What a role takes, with `update` in place of the job's own one, if one is given.
    ///
    /// The tables keep the sums of the tasks, so the cost is that of the jobs with plans.
    pub(crate) fn of_role(
        tables: &Tables,
        plans: &Plans,
        role: &str,
        update: Option<(&JobKey, &UpdatePlan)>,
    ) -> Self {
        let mut sum = tables.totals(role).map(Totals::consumption).unwrap_or_default();
        let planned: BTreeSet<&JobKey> =
            plans.updates.keys().chain(plans.crons.keys()).chain(update.map(|(job, _)| job)).collect();
        for key in planned.into_iter().filter(|key| key.role() == role) {
            let cron = plans.crons.get(key);
            let plan = match update {
                Some((updated, plan)) if updated == key => Some(plan),
                _ => plans.updates.get(key),
            };
            let mut of_cron = Self::default();
            for (instance, task) in tables.job(key).into_iter().flat_map(|job| job.active()) {
                let one = Self::of(&task.config, 1);
                if cron.is_some() {
                    sum = sum.minus(one);
                    of_cron = of_cron.plus(one);
                } else if plan.is_some_and(|plan| plan.touches(instance)) {
                    sum = sum.minus(one);
                }
            }
            if let Some(cron) = cron {
                // What runs of another class than the template counts nowhere: the template says what the job is.
                sum = sum.plus(cron.consumption().max(of_cron.only_class_of(&cron.config)));
            }
            sum = sum.plus(plan.map(UpdatePlan::consumption).unwrap_or_default());
        }
        sum
    }

    /// So many tasks of one configuration.
    pub(super) fn of(config: &TaskConfig, count: u32) -> Self {
        let mut sum = Self::default();
        *sum.class_of(config) = Quota::of(&config.resources).times(count);
        sum
    }

    fn class_of(&mut self, config: &TaskConfig) -> &mut Quota {
        match (config.production, is_dedicated(config)) {
            (true, false) => &mut self.production_shared,
            (true, true) => &mut self.production_dedicated,
            (false, false) => &mut self.other_shared,
            (false, true) => &mut self.other_dedicated,
        }
    }

    /// The class of a configuration, and nothing of the others.
    fn only_class_of(mut self, config: &TaskConfig) -> Self {
        let kept = *self.class_of(config);
        let mut only = Self::default();
        *only.class_of(config) = kept;
        only
    }

    fn plus(self, other: Self) -> Self {
        self.each(other, Quota::plus)
    }

    fn minus(self, other: Self) -> Self {
        self.each(other, Quota::minus)
    }

    /// The larger of both, resource by resource and class by class.
    fn max(self, other: Self) -> Self {
        self.each(other, Quota::max)
    }

    fn each(self, other: Self, of: impl Fn(Quota, Quota) -> Quota) -> Self {
        Self {
            production_shared: of(self.production_shared, other.production_shared),
            production_dedicated: of(self.production_dedicated, other.production_dedicated),
            other_shared: of(self.other_shared, other.other_shared),
            other_dedicated: of(self.other_dedicated, other.other_dedicated),
        }
    }
}

/// Whether a configuration's tasks go to dedicated hosts.
pub(super) fn is_dedicated(config: &TaskConfig) -> bool {
    config.constraints.iter().any(|constraint| &*constraint.name == DEDICATED)
}
