//! Room for tasks that wait: less important ones go (`spec/scheduler.md` §3).
//!
//! A search, now and then, finds slots: agents where a group could run if some tasks there went. Only when an attempt to
//! place the group fails, and the slot still holds, do they go; the agent is then reserved for the group.

mod seats;
mod slots;
mod victims;

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::ids::{AgentId, TaskId};
use aurora_api::task::{Task, TaskConfig, TaskStatus};

use super::counts::AttributeCounts;
use super::filter::{Request, Veto};
use crate::effect::TimerKey;
use crate::handle::{Core, Step};
use crate::offers::classes::SlotId;
use crate::operation::{ConfigId, HostAttributes};
use crate::task::{ChangeResult, StatusChange};
use seats::Candidates;
pub(crate) use seats::Seats;
pub(crate) use slots::Preemption;
use slots::{Slot, sequence};
use victims::{Applicant, Seat};

/// What a task of the group asks of an agent, and where its siblings are.
type Wish<'a> = (Request<'a>, AttributeCounts);

impl Core {
    /// The first search; the scheduler has just begun to lead.
    pub(crate) fn start_preemption(&self, step: &mut Step<'_>) {
        if self.config.enable_preemptor {
            step.set_timer_in(TimerKey::PreemptionSearch, self.config.preemption_search_initial_delay);
        }
    }

    /// Looks for slots for groups that have waited long enough, and comes again.
    pub(crate) fn on_preemption_search(&mut self, step: &mut Step<'_>) {
        if !self.config.enable_preemptor {
            return;
        }
        step.set_timer_in(TimerKey::PreemptionSearch, self.config.preemption_search_interval);
        step.count("preemptor_task_processor_runs", 1);
        self.preemption.expire(step.now);
        let groups = self.groups_waiting_for_room(step);
        if groups.is_empty() {
            return;
        }
        if self.state.tables().has_assigned() {
            self.search(&groups, step);
        }
    }

    /// Groups with tasks that have been pending for long and have no slot yet, with the number of such tasks.
    fn groups_waiting_for_room(&self, step: &Step<'_>) -> Vec<(ConfigId, usize)> {
        let waiting = self.groups.pending_for(self.config.preemption_delay, step.now);
        waiting.filter(|(group, _)| !self.preemption.has_slot(*group, step.now)).collect()
    }

    fn search(&mut self, groups: &[(ConfigId, usize)], step: &mut Step<'_>) {
        let mut taken: BTreeSet<SlotId> = BTreeSet::new();
        // How far each group has looked: what did not do for one of its tasks does not do for the next.
        let mut left: BTreeMap<ConfigId, Candidates> = BTreeMap::new();
        let mut hopeless: BTreeSet<ConfigId> = BTreeSet::new();
        for group in sequence(groups, self.config.preemption_batch_size) {
            if hopeless.contains(&group) {
                continue;
            }
            let Some(config) = self.state.configs().get(group).cloned() else { continue };
            let kind = kind_of(&config);
            step.count(format!("preemptor_slot_search_attempts_for_{kind}"), 1);
            step.count(format!("preemption_slot_search_attempts_for_{}", config.job), 1);
            // A host of the job without attributes: nothing can be said about limits, so nothing goes.
            let Ok(wish) = self.request(&config) else { continue };
            let candidates = left.entry(group).or_insert_with(|| self.seats.candidates(&wish, step.now));
            let mut failed = 0;
            let mut found = None;
            let mut nearest: Option<Vec<Veto>> = None;
            while let Some(slot) = self.seats.next(candidates) {
                let Some(host) = self.seats.host(slot).filter(|_| !taken.contains(&slot)) else { continue };
                if self.state.tables().on_host(&host.host).next().is_none() {
                    continue;
                }
                match self.victims(group, &wish, host, None, step) {
                    Ok(victims) => {
                        found = Some((slot, host.host.clone(), victims));
                        break;
                    }
                    Err(vetoes) => {
                        let score = |vetoes: &[Veto]| vetoes.iter().map(Veto::score).sum::<i64>();
                        if !vetoes.is_empty()
                            && nearest.as_ref().is_none_or(|nearest| score(&vetoes) < score(nearest))
                        {
                            nearest = Some(vetoes);
                        }
                    }
                }
                failed += 1;
            }
            step.count(format!("preemptor_slot_search_failed_for_{kind}"), failed);
            step.count(format!("preemptor_slot_search_failed_for_{}", config.job), failed);
            self.hear(group, nearest.as_deref().unwrap_or_default(), step);
            let Some((slot, host, victims)) = found else {
                step.count("preemptor_unmatched_tasks", 1);
                hopeless.insert(group);
                continue;
            };
            step.count(format!("preemptor_slot_search_successful_for_{kind}"), 1);
            step.count(format!("preemptor_slot_search_successful_for_{}", config.job), 1);
            taken.insert(slot);
            let until = step.now + self.config.preemption_slot_hold;
            self.preemption.add_slot(group, Slot { host, victims }, until);
        }
    }

    /// Makes room for a task that could not be placed, if a slot of its group still holds (`spec/scheduler.md` §3.4).
    pub(super) fn preempt_for(&mut self, group: ConfigId, pending: &TaskId, step: &mut Step<'_>) {
        self.preemption.expire(step.now);
        if !self.config.enable_preemptor || self.preemption.has_reservation(group, step.now) {
            return;
        }
        let Some(config) = self.state.configs().get(group).cloned() else { return };
        let Ok(wish) = self.request(&config) else { return };
        while let Some(slot) = self.preemption.take_slot(group, step.now) {
            let stored = self.state.tables().host(&slot.host).cloned();
            let victims = stored
                .as_ref()
                .and_then(|host| self.victims(group, &wish, host, Some(&slot.victims), step).ok());
            if stored.is_none() {
                step.count("preemptor_missing_attributes", 1);
            }
            let (Some(host), Some(victims)) = (stored, victims) else {
                step.count("preemptor_slot_validation_failed", 1);
                step.count(format!("preemptor_slot_validation_failed_for_{}", config.job), 1);
                continue;
            };
            step.count("preemptor_slot_validation_successful", 1);
            step.count(format!("preemptor_slot_validation_successful_for_{}", config.job), 1);
            // Before anything ends and is offered to others.
            let until = step.now + self.config.offer_reservation;
            self.preemption.reserve(host.agent.clone(), group, until);
            self.preempt(&victims, pending, &config, step);
            return;
        }
    }

    fn preempt(&mut self, victims: &[TaskId], pending: &TaskId, config: &TaskConfig, step: &mut Step<'_>) {
        for victim in victims {
            let Some(task) = self.state.task(victim).cloned() else { continue };
            let preempt = StatusChange::to(victim, TaskStatus::Preempting)
                .because(format!("Preempting in favor of {pending}"));
            if self.change_status(&preempt, step) == ChangeResult::Success {
                step.count(format!("preemptor_tasks_preempted_{}", kind_of(&task.config)), 1);
                step.count(format!("preemptor_tasks_preempted_{}", task.config.job), 1);
                step.count(format!("preemptor_task_preemptor_{}", config.job), 1);
            }
        }
    }

    /// The tasks that must leave this agent for one of the group; or why it would not fit, if it is not kept for others.
    fn victims(
        &self,
        group: ConfigId,
        wish: &Wish<'_>,
        host: &HostAttributes,
        of: Option<&[TaskId]>,
        step: &Step<'_>,
    ) -> Result<Vec<TaskId>, Vec<Veto>> {
        if self.kept_for(&host.agent, group, step.now).is_some() {
            return Err(Vec::new());
        }
        let tables = self.state.tables();
        let tasks = tables.on_host(&host.host).filter(|task| of.is_none_or(|of| of.contains(&task.id)));
        let seat = Seat {
            host,
            offer: self
                .offers
                .of_agent(&host.agent)
                .filter(|held| self.offers.usable(&held.offer.id).is_some()),
            tasks: tasks.map(|task| &**task).filter(|task| frees_room(task, &host.agent)).collect(),
        };
        Applicant { config: &self.config, request: &wish.0, counts: &wish.1 }.victims(&seat, step.now)
    }
}

/// Whether room is won on this agent if the task is killed: one that is ending wins it anyway, an agent out of reach none.
fn frees_room(task: &Task, agent: &AgentId) -> bool {
    matches!(task.status, TaskStatus::Assigned | TaskStatus::Starting | TaskStatus::Running)
        && task.assignment.as_ref().is_some_and(|place| place.agent == *agent)
}

/// As counters call the `production` flag.
const fn kind_of(config: &TaskConfig) -> &'static str {
    if config.production { "prod" } else { "non_prod" }
}

#[cfg(test)]
#[path = "preempt_tests.rs"]
mod tests;
