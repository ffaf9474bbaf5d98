//! Nobody is killed for a task that then does not fit, and the room that was made is for whom it was made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::Timestamp;
use aurora_api::ids::{AgentId, TaskId};
use aurora_api::task::{Task, TaskConfig, TaskStatus};
use scheduler_core::operation::{ConfigId, MaintenanceMode};
use scheduler_core::{CoreConfig, Operation};

use super::{Violation, constraints};
use crate::mirror::Mirror;
use crate::room::Room;
use crate::world::Machine;

const NAME: &str = "no victim without a task that fits";

/// What preemption has done, as the operations tell it.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    reservations: BTreeMap<AgentId, (ConfigId, Timestamp)>,
    case: Option<Case>,
}

/// Tasks that go for one that waits.
#[derive(Debug)]
struct Case {
    pending: TaskId,
    agent: AgentId,
    victims: Vec<Arc<Task>>,
}

/// What a decision is judged by.
pub(crate) struct Scene<'a> {
    /// What is durable.
    pub(crate) mirror: &'a Mirror,
    /// The agent's machine, if it is the truth about the agent that everyone knows the same.
    pub(crate) machine: &'a dyn Fn(&AgentId) -> Option<&'a Machine>,
    pub(crate) config: &'a CoreConfig,
    pub(crate) now: Timestamp,
    /// Whether the task of the operation goes back to the agent that it keeps: it takes no more than it left there.
    pub(crate) is_back: bool,
}

impl Watch {
    /// Reservations die with the process.
    pub(crate) fn crashed(&mut self) {
        *self = Self::default();
    }

    /// Looks at an operation that is about to become durable.
    ///
    /// # Errors
    /// The case before it was none, or the task takes an agent that was made free for others.
    pub(crate) fn before(&mut self, operation: &Operation, scene: &Scene<'_>) -> Result<(), Violation> {
        let saved = match operation {
            Operation::SaveTask { task, config } => Some((task, *config)),
            _ => None,
        };
        let was = saved.and_then(|(task, _)| scene.mirror.status(&task.id));
        let victim = saved
            .filter(|(task, _)| task.status == TaskStatus::Preempting && was != Some(TaskStatus::Preempting));
        let beneficiary = victim.and_then(|(task, _)| beneficiary(task));
        if let (Some((task, _)), Some((pending, agent))) = (victim, beneficiary) {
            let is_same =
                self.case.as_ref().is_some_and(|case| case.pending == pending && case.agent == agent);
            if !is_same {
                self.close(scene)?;
                self.case = Some(Case { pending, agent, victims: Vec::new() });
            }
            if let Some(case) = &mut self.case {
                case.victims.push(Arc::clone(task));
            }
            return Ok(());
        }
        self.close(scene)?;
        match saved {
            Some((task, config))
                if task.status == TaskStatus::Assigned && was != Some(task.status) && !scene.is_back =>
            {
                self.assigned(task, config, scene.now)
            }
            _ => Ok(()),
        }
    }

    /// Judges the open case; all its victims are durable.
    ///
    /// # Errors
    /// They are killed against the rules, or for nothing.
    pub(crate) fn close(&mut self, scene: &Scene<'_>) -> Result<(), Violation> {
        let Some(Case { pending, agent, victims }) = self.case.take() else { return Ok(()) };
        let violation = |what: String| Err(Violation::new(NAME, format!("{pending} on {agent}: {what}")));
        let Some((task, config_id)) = scene.mirror.row(&pending) else {
            return violation("it is not there".to_owned());
        };
        if task.status != TaskStatus::Pending {
            return violation(format!("it is {}", task.status));
        }
        if let Some(victim) =
            victims.iter().find(|victim| !may_go(scene.config, &task.config, &victim.config))
        {
            return violation(format!("{} may not be preempted for it", victim.id));
        }
        let host = victims
            .first()
            .and_then(|victim| victim.assignment.as_ref())
            .and_then(|place| scene.mirror.host(&place.host));
        let Some(host) = host else { return violation("its host is not stored".to_owned()) };
        if matches!(host.mode, MaintenanceMode::Draining | MaintenanceMode::Drained) {
            return violation(format!("the host is {:?}", host.mode));
        }
        if let Some(rule) = constraints::broken(scene.mirror, &task.config, &host.attributes) {
            return violation(format!("the agent is against {rule}"));
        }
        if let Some(machine) = (scene.machine)(&agent) {
            let gone: BTreeSet<&TaskId> = victims.iter().map(|victim| &victim.id).collect();
            let stays = machine.live().filter(|run| !gone.contains(&run.task.id));
            let used: Room = stays.map(|run| Room::of(&run.task.config, scene.config)).sum();
            let needed = Room::of(&task.config, scene.config);
            if !machine.total.holds(&(used + needed)) {
                let total = machine.total;
                return violation(format!("{total:?} do not hold {used:?} that stay and {needed:?}"));
            }
        }
        self.reservations.insert(agent, (config_id, scene.now + scene.config.offer_reservation));
        Ok(())
    }

    fn assigned(&mut self, task: &Task, config: ConfigId, now: Timestamp) -> Result<(), Violation> {
        let Some(place) = &task.assignment else { return Ok(()) };
        match self.reservations.get(&place.agent) {
            Some((owner, until)) if *owner != config && now < *until => {
                let (id, agent) = (&task.id, &place.agent);
                let what = format!("{id} takes {agent}, which was made free for {owner:?}");
                Err(Violation::new("room is for whom it was made", what))
            }
            Some((owner, _)) if *owner == config => {
                self.reservations.remove(&place.agent);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// No task of a configuration is pending any more: nothing is reserved for it.
    pub(crate) fn after(&mut self, mirror: &Mirror) {
        self.reservations.retain(|_, (owner, _)| mirror.is_pending(*owner));
    }
}

/// Whom a victim goes for, and where it was.
fn beneficiary(victim: &Task) -> Option<(TaskId, AgentId)> {
    let message = victim.last_event()?.message.as_ref()?;
    let pending = message.strip_prefix("Preempting in favor of ")?;
    Some((TaskId::new(pending), victim.assignment.as_ref()?.agent.clone()))
}

/// Whether tiers, roles and priorities allow it, by a reckoning of its own.
fn may_go(config: &CoreConfig, pending: &TaskConfig, victim: &TaskConfig) -> bool {
    let is_preemptible = |task: &TaskConfig| config.tiers.tiers[&task.tier].preemptible;
    if is_preemptible(pending) == is_preemptible(victim) {
        return pending.job.role() == victim.job.role() && pending.priority > victim.priority;
    }
    is_preemptible(victim)
}
