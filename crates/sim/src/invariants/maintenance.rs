//! Nothing is placed where machines go away, what runs there leaves in time, and a host that is empty while it is drained is
//! drained.

use std::collections::BTreeSet;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::TaskId;
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::input::{InverseOffer, Offer};
use scheduler_core::operation::{HostAttributes, MaintenanceMode};
use scheduler_core::{Input, MesosEvent, View};

use super::Violation;
use crate::mirror::Mirror;

const NAME: &str = "maintenance is respected";

/// Checks a task that is about to be stored.
///
/// # Errors
/// It is assigned to a host that is being drained, or is drained.
pub fn check(before: &Mirror, task: &Task) -> Result<(), Violation> {
    if task.status != TaskStatus::Assigned || before.status(&task.id) == Some(TaskStatus::Assigned) {
        return Ok(());
    }
    let host = task.assignment.as_ref().and_then(|place| before.host(&place.host));
    match host {
        Some(host) if matches!(host.mode, MaintenanceMode::Draining | MaintenanceMode::Drained) => {
            Err(Violation::new(NAME, format!("{} is assigned to {}, {:?}", task.id, host.host, host.mode)))
        }
        _ => Ok(()),
    }
}

/// Checks a host that is about to be stored.
///
/// # Errors
/// It is called empty, and is not.
pub fn check_host(before: &Mirror, host: &HostAttributes) -> Result<(), Violation> {
    let becomes_drained = host.mode == MaintenanceMode::Drained
        && before.host(&host.host).is_none_or(|before| before.mode != MaintenanceMode::Drained);
    match before.on_host(&host.host).next() {
        Some(task) if becomes_drained => {
            Err(Violation::new(NAME, format!("{} is DRAINED, and {task} is on it", host.host)))
        }
        _ => Ok(()),
    }
}

/// Checks all hosts.
///
/// # Errors
/// One is empty and still being drained.
pub fn check_all(mirror: &Mirror) -> Result<(), Violation> {
    let forgotten = mirror
        .hosts()
        .find(|host| host.mode == MaintenanceMode::Draining && mirror.on_host(&host.host).next().is_none());
    match forgotten {
        Some(host) => Err(Violation::new(NAME, format!("{} is empty, and still DRAINING", host.host))),
        None => Ok(()),
    }
}

/// Checks an offer that is used.
///
/// # Errors
/// Its machine goes down before it is worth it.
pub fn check_offer(offer: &Offer, threshold: Millis, now: Timestamp) -> Result<(), Violation> {
    match offer.unavailable_from {
        Some(from) if from.since(now) < threshold => {
            let left = from.since(now).0;
            Err(Violation::new(NAME, format!("{} is used {left} ms before its machine goes down", offer.id)))
        }
        _ => Ok(()),
    }
}

/// The tasks that must leave because of what Mesos wants back among these inputs.
pub(crate) fn leaving(
    inputs: &[Input],
    before: &Mirror,
    threshold: Millis,
    now: Timestamp,
) -> BTreeSet<TaskId> {
    let heard = inputs.iter().flat_map(|input| match input {
        Input::Mesos(MesosEvent::InverseOffers(offers)) => offers.as_slice(),
        _ => &[],
    });
    let is_near = |offer: &&InverseOffer| offer.unavailable_from.since(now) < threshold;
    let hosts = heard.filter(is_near).filter_map(|offer| offer.host.as_ref());
    let tasks = hosts.flat_map(|host| before.on_host(host));
    tasks.filter(|id| before.status(id).is_some_and(is_up)).cloned().collect()
}

fn is_up(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Assigned | TaskStatus::Starting | TaskStatus::Running)
}

/// Checks what was made of them.
///
/// # Errors
/// One stays.
pub(crate) fn check_leaving(leaving: &BTreeSet<TaskId>, after: &View) -> Result<(), Violation> {
    let stays = leaving.iter().find(|id| after.task(id).is_some_and(|task| is_up(task.status)));
    match stays {
        Some(id) => Err(Violation::new(NAME, format!("{id} stays where Mesos takes the machine away"))),
        None => Ok(()),
    }
}
