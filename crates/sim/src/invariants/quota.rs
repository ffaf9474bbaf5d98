//! Production tasks on shared hosts never take more than their role's quota, and nobody is refused who fits.

use std::sync::Arc;

use aurora_api::task::{Task, TaskConfig};
use scheduler_core::quota::Quota;

use super::Violation;
use crate::mirror::Mirror;

const NAME: &str = "quotas hold";

/// Checks a role after an operation that changes what it takes or may take.
///
/// # Errors
/// It takes more than it may.
pub fn check(mirror: &Mirror, role: &str) -> Result<(), Violation> {
    let (quota, used) = (mirror.quota(role), mirror.consumption(role));
    if exceeds(used, quota) {
        return Err(Violation::new(NAME, format!("{role} may take {quota} and takes {used}")));
    }
    Ok(())
}

/// Whether so many more tasks are more than the role may have.
pub(crate) fn would_exceed<'a>(
    quota: Quota,
    active: impl Iterator<Item = &'a Arc<Task>>,
    config: &TaskConfig,
    added: u32,
) -> bool {
    if !counts(config) {
        return false;
    }
    let mut used = Quota::default();
    for task in active.filter(|task| task.config.job.role() == config.job.role() && counts(&task.config)) {
        used = sum(used, Quota::of(&task.config.resources), 1);
    }
    exceeds(sum(used, Quota::of(&config.resources), i64::from(added)), quota)
}

/// Whether tasks of this kind count against quotas.
pub(crate) fn counts(config: &TaskConfig) -> bool {
    config.production && config.constraints.iter().all(|constraint| &*constraint.name != "dedicated")
}

fn exceeds(used: Quota, quota: Quota) -> bool {
    used.cpus > quota.cpus || used.ram > quota.ram || used.disk > quota.disk
}

/// `a` and `times` times `b`.
pub(crate) fn sum(mut a: Quota, b: Quota, times: i64) -> Quota {
    a.cpus.0 += b.cpus.0 * times;
    a.ram.0 += b.ram.0 * times;
    a.disk.0 += b.disk.0 * times;
    a
}
