//! No effect before the operation that justifies it is durable.

use aurora_api::task::TaskStatus;
use scheduler_core::Effect;

use super::Violation;
use crate::mirror::Mirror;

/// Checks an effect that is about to be released.
///
/// # Errors
/// What is durable does not say that it should be.
pub fn check(effect: &Effect, mirror: &Mirror) -> Result<(), Violation> {
    let violation = |what| Err(Violation::new("no effect before its operation is durable", what));
    match effect {
        Effect::Launch { tasks, .. } => {
            for task in tasks {
                // Later inputs of the same batch may have moved it on, but not back.
                let stored = mirror.task(&task.id);
                if stored.is_none_or(|stored| stored.assignment != task.assignment) {
                    return violation(format!("{} is launched and stored as {stored:?}", task.id));
                }
            }
            Ok(())
        }
        Effect::Kill { task, .. } => match mirror.status(task) {
            Some(
                status @ (TaskStatus::Pending
                | TaskStatus::Throttled
                | TaskStatus::Assigned
                | TaskStatus::Starting
                | TaskStatus::Running),
            ) => violation(format!("{task} is killed and stored as {status}")),
            _ => Ok(()),
        },
        Effect::StatusChanged { task, .. } => {
            let is_stored = mirror.is_forgotten(&task.id)
                || mirror.task(&task.id).is_some_and(|stored| {
                    stored.events.len() >= task.events.len()
                        || stored.status == task.status
                        || stored.times_partitioned > task.times_partitioned
                });
            if is_stored { Ok(()) } else { violation(format!("{} is told as {}", task.id, task.status)) }
        }
        Effect::TasksRemoved(tasks) => match tasks.iter().find(|task| mirror.task(&task.id).is_some()) {
            Some(task) => violation(format!("{} is told as removed and is stored", task.id)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
