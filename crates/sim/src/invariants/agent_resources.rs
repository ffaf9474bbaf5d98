//! No agent has to hold more than it has, and no offer gives more than it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::ids::AgentId;
use aurora_api::task::Task;
use scheduler_core::CoreConfig;
use scheduler_core::input::Offer;

use super::Violation;
use crate::room::Room;
use crate::world::{Machine, room_of};

const NAME: &str = "no agent above its resources";

/// Checks what runs on each machine.
///
/// # Errors
/// It is more than the machine has, or a port is taken twice.
pub fn check(machines: &BTreeMap<AgentId, Machine>, config: &CoreConfig) -> Result<(), Violation> {
    for (id, machine) in machines {
        let used: Room = machine.live().map(|run| Room::of(&run.task.config, config)).sum();
        if !machine.total.holds(&used) {
            return Err(Violation::new(NAME, format!("{id} has {:?} and runs {used:?}", machine.total)));
        }
        let mut taken = BTreeSet::new();
        for place in machine.live().filter_map(|run| run.task.assignment.as_ref()) {
            for port in place.ports.values() {
                if !taken.insert(*port) {
                    return Err(Violation::new(NAME, format!("port {port} of {id} is taken twice")));
                }
            }
        }
    }
    Ok(())
}

/// Checks the tasks that are launched with an offer.
///
/// # Errors
/// They do not fit, or their ports are not the offer's, or they are assigned elsewhere.
pub(crate) fn launch(offer: &Offer, tasks: &[Arc<Task>], config: &CoreConfig) -> Result<(), Violation> {
    let violation = |what: String| Err(Violation::new(NAME, format!("{}: {what}", offer.id)));
    let used: Room = tasks.iter().map(|task| Room::of(&task.config, config)).sum();
    let there = room_of(offer, config);
    if !there.holds(&used) {
        return violation(format!("it has {there:?}, of which {used:?} is used"));
    }
    let mut taken = BTreeSet::new();
    for task in tasks {
        let Some(place) = task.assignment.as_ref().filter(|place| place.agent == offer.agent) else {
            return violation(format!("{} is not assigned to {}", task.id, offer.agent));
        };
        if !task.config.ports.iter().eq(place.ports.keys()) {
            return violation(format!("{} has other ports than it asked for", task.id));
        }
        for port in place.ports.values() {
            let is_offered = offer.ports.iter().any(|(low, high)| (low..=high).contains(&port));
            if !is_offered || !taken.insert(*port) {
                return violation(format!("port {port} of {} is not there", task.id));
            }
        }
    }
    Ok(())
}
