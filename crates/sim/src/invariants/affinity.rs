//! An agent that updated instances keep is theirs: they go there or nowhere, and nobody else does, until their time is over.

use std::collections::BTreeMap;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, InstanceKey};
use aurora_api::task::{Task, TaskStatus};
use scheduler_core::Operation;

use super::Violation;
use crate::mirror::Mirror;

/// An instance keeps an agent.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) instance: InstanceKey,
    pub(crate) agent: AgentId,
    pub(crate) until: Timestamp,
}

/// Which agents are kept.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    kept: BTreeMap<InstanceKey, (AgentId, Timestamp)>,
    /// Instances that got the agent they kept.
    pub(crate) used: u64,
}

impl Watch {
    /// Nothing is kept over a restart.
    pub(crate) fn crashed(&mut self) {
        self.kept.clear();
    }

    /// From now on, an agent is kept.
    pub(crate) fn keep(&mut self, Kept { instance, agent, until }: Kept) {
        self.kept.insert(instance, (agent, until));
    }

    /// Looks at an operation that is about to become durable; says whether a task goes back to the agent it keeps.
    ///
    /// # Errors
    /// A task goes where it must not.
    pub(crate) fn before(
        &mut self,
        operation: &Operation,
        mirror: &Mirror,
        now: Timestamp,
    ) -> Result<bool, Violation> {
        let (id, new) = match operation {
            Operation::SaveTask { task, .. } => (&task.id, Some(&**task)),
            Operation::RemoveTask(id) => (id, None),
            _ => return Ok(false),
        };
        let old = mirror.task(id).filter(|old| old.status == TaskStatus::Pending);
        let Some(old) = old.filter(|_| new.is_none_or(|new| new.status != TaskStatus::Pending)) else {
            return Ok(false);
        };
        let is_back = new.map_or(Ok(false), |new| self.placed(new, now))?;
        // It waits no longer, whatever became of it.
        self.kept.remove(&old.instance_key());
        Ok(is_back)
    }

    fn placed(&mut self, task: &Task, now: Timestamp) -> Result<bool, Violation> {
        let violation = |what: String| Err(Violation::new("updated instances keep their agents", what));
        let Some(place) = task.assignment.as_ref().filter(|_| task.status == TaskStatus::Assigned) else {
            return Ok(false);
        };
        let key = task.instance_key();
        match self.kept.get(&key).filter(|(_, until)| now < *until) {
            Some((agent, _)) if *agent != place.agent => {
                return violation(format!("{} goes to {}, and keeps {agent}", task.id, place.agent));
            }
            Some(_) => {
                self.used += 1;
                return Ok(true);
            }
            None => {}
        }
        let other = self.kept.iter().find(|(_, (agent, until))| *agent == place.agent && now < *until);
        match other {
            Some((other, _)) => {
                violation(format!("{} goes to {}, which {other} keeps", task.id, place.agent))
            }
            None => Ok(false),
        }
    }
}
