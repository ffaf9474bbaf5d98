//! With faults off, the cluster comes to rest: what is wanted runs, or waits for a reason; nothing else is left.

use aurora_api::task::{Task, TaskStatus};
use scheduler_core::operation::MaintenanceMode;

use super::{Violation, acknowledged, constraints, pending_reasons};
use crate::room::Room;
use crate::world::World;

/// Checks a cluster in which nothing has gone wrong for a while.
///
/// # Errors
/// It has not converged yet.
pub fn check(world: &World) -> Result<(), Violation> {
    let violation = |what: String| Err(Violation::new("the cluster converges", what));
    let (Some(view), Some(_)) = (world.view(), world.connection()) else {
        return violation("the scheduler is not up and subscribed".to_owned());
    };
    for (task, _) in world.mirror.tasks() {
        match task.status {
            TaskStatus::Running if !runs(world, task) => {
                return violation(format!("{} is RUNNING, but not on its agent", task.id));
            }
            TaskStatus::Pending if !pending_reasons::reasons(&view, &task.id) => {
                return violation(format!("{} is PENDING and does not say why", task.id));
            }
            TaskStatus::Pending => {
                if let Some(agent) = suitable(world, task) {
                    return violation(format!("{} is PENDING, but fits on {agent}", task.id));
                }
            }
            TaskStatus::Running => {}
            status if status.is_active() => {
                return violation(format!("{} is still {status}", task.id));
            }
            _ => {}
        }
    }
    for (id, machine) in &world.machines {
        for (task, run) in &machine.runs {
            let is_known = world.mirror.status(task) == Some(TaskStatus::Running);
            if !is_known || run.status.is_terminal() {
                let stored = world.mirror.status(task);
                return violation(format!("{task} is {} on {id}, and stored as {stored:?}", run.status));
            }
        }
    }
    if let Some(host) = world.mirror.hosts().find(|host| host.mode == MaintenanceMode::Draining) {
        return violation(format!("{} is still DRAINING", host.host));
    }
    acknowledged::check(&world.ledger, &world.mirror)
}

fn runs(world: &World, task: &Task) -> bool {
    let machine = task.assignment.as_ref().and_then(|place| world.machines.get(&place.agent));
    machine
        .and_then(|machine| machine.runs.get(&task.id))
        .is_some_and(|run| run.status == TaskStatus::Running)
}

/// An agent that the task fits on, by a reckoning of its own.
fn suitable(world: &World, task: &Task) -> Option<String> {
    let needed = Room::of(&task.config, &world.plan.config);
    let fits = world.machines.iter().find(|(_, machine)| {
        let used: Room = machine.live().map(|run| Room::of(&run.task.config, &world.plan.config)).sum();
        let mode = world.mirror.host(&machine.host).map(|host| host.mode);
        let is_in_service = !matches!(mode, Some(MaintenanceMode::Draining | MaintenanceMode::Drained));
        is_in_service
            && machine.total.holds(&(used + needed))
            && constraints::broken(&world.mirror, &task.config, &machine.attributes).is_none()
    });
    fits.map(|(id, _)| id.to_string())
}
