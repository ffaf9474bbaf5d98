//! Which tasks of an agent make room for another (`spec/scheduler.md` §3.1, §3.3).

use std::cmp::Reverse;

use aurora_api::amounts::{Megabytes, MilliCpus, Resources, Timestamp};
use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskConfig};

use crate::config::CoreConfig;
use crate::offers::HeldOffer;
use crate::operation::{HostAttributes, MaintenanceMode};
use crate::schedule::counts::AttributeCounts;
use crate::schedule::filter::{Agent, Attribute, Request, ResourceKind, Space, Veto, vetoes};

/// An agent on which room could be made.
pub(super) struct Seat<'a> {
    pub(super) host: &'a HostAttributes,
    /// What the agent offers at the moment.
    pub(super) offer: Option<&'a HeldOffer>,
    /// The tasks on it.
    pub(super) tasks: Vec<&'a Task>,
}

/// Who asks for room.
pub(super) struct Applicant<'a> {
    pub(super) config: &'a CoreConfig,
    pub(super) request: &'a Request<'a>,
    pub(super) counts: &'a AttributeCounts,
}

impl Applicant<'_> {
    /// The tasks that must go, the largest first; or what lacks even without all that may go, if that is how far it came.
    ///
    /// The largest go first, as upstream has it; but those that turn out not to be needed stay.
    pub(super) fn victims(&self, seat: &Seat<'_>, now: Timestamp) -> Result<Vec<TaskId>, Vec<Veto>> {
        if seat.tasks.is_empty() {
            return Err(Vec::new());
        }
        let found = self.vetoes(seat, plenty(), now);
        if !found.is_empty() {
            return Err(found);
        }
        let mut candidates: Vec<(Resources, &Task)> = seat
            .tasks
            .iter()
            .filter(|task| may_preempt(self.config, self.request.config, &task.config))
            .map(|task| (self.freed(&task.config), *task))
            .collect();
        candidates.sort_by_key(|(freed, task)| (Reverse(size(freed)), &task.id));
        let mut total = seat.offer.map(|offer| self.slack(offer)).unwrap_or_default();
        let mut chosen = Vec::new();
        for (freed, task) in candidates {
            total += freed;
            chosen.push((freed, task));
            if !self.is_vetoed(seat, total, now) {
                chosen.retain(|(freed, _)| {
                    let is_needed = self.is_vetoed(seat, total - *freed, now);
                    if !is_needed {
                        total = total - *freed;
                    }
                    is_needed
                });
                // Slack alone is never a reason to kill.
                if chosen.is_empty() {
                    return Err(Vec::new());
                }
                return Ok(chosen.into_iter().map(|(_, task)| task.id.clone()).collect());
            }
        }
        Err(self.vetoes(seat, total, now))
    }

    fn is_vetoed(&self, seat: &Seat<'_>, room: Resources, now: Timestamp) -> bool {
        !self.vetoes(seat, room, now).is_empty()
    }

    /// What is against the applicant there, if there is so much room.
    pub(super) fn vetoes(&self, seat: &Seat<'_>, room: Resources, now: Timestamp) -> Vec<Veto> {
        let space = Space { regular: room, revocable: room };
        vetoes(seat, &space, self.request, self.counts, now)
    }

    /// What the applicant can use of an offer.
    fn slack(&self, offer: &HeldOffer) -> Resources {
        let Space { regular, revocable } = offer.offer_space();
        if self.request.is_revocable { revocable } else { regular }
    }

    /// What the applicant can use of what a task leaves: revocable resources are another kind than ordinary ones.
    fn freed(&self, task: &TaskConfig) -> Resources {
        let mut freed = self.config.footprint(task);
        if self.config.tiers.is_revocable(&task.tier) != self.request.is_revocable {
            if self.config.revocable_cpus {
                freed.cpus = MilliCpus::ZERO;
            }
            if self.config.revocable_ram {
                freed.ram = Megabytes(0);
            }
        }
        freed
    }
}

/// Whether the tiers, roles and priorities allow it (`spec/scheduler.md` §3.1).
pub(super) fn may_preempt(config: &CoreConfig, pending: &TaskConfig, victim: &TaskConfig) -> bool {
    let is_preemptible =
        |task: &TaskConfig| config.tiers.tiers.get(&task.tier).is_some_and(|tier| tier.preemptible);
    match (is_preemptible(pending), is_preemptible(victim)) {
        (false, true) => true,
        (true, false) => false,
        (true, true) | (false, false) => {
            pending.job.role() == victim.job.role() && pending.priority > victim.priority
        }
    }
}

/// What tasks are compared by, the first difference deciding.
fn size(resources: &Resources) -> [i64; 5] {
    ResourceKind::ALL.map(|kind| kind.of(resources))
}

/// More than anything asks for.
pub(super) const fn plenty() -> Resources {
    const MOST: i64 = i64::MAX;
    Resources { cpus: MilliCpus(MOST), ram: Megabytes(MOST), disk: Megabytes(MOST), gpus: MOST, ports: MOST }
}

impl Agent for Seat<'_> {
    fn mode(&self) -> MaintenanceMode {
        self.host.mode
    }

    fn unavailable_from(&self) -> Option<Timestamp> {
        self.offer.and_then(|held| held.offer.unavailable_from)
    }

    fn attribute(&self, name: &str) -> Attribute<'_> {
        self.host.attributes.get(name).map_or(Attribute::Missing, Attribute::Values)
    }
}

#[cfg(test)]
#[path = "victims_tests.rs"]
mod tests;
