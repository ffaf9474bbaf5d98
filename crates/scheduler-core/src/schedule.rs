//! From pending tasks to launches: due group → offers that fit (vetoes) → first fit → assignment.
//!
//! Every stage is a plain function over borrowed data; this file strings them together.

pub mod affinity;
mod assign;
pub(crate) mod bag;
mod counts;
pub mod filter;
mod groups;
mod preempt;
mod rate;
mod reservations;
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::amounts::{Millis, Timestamp};
use aurora_api::ids::{AgentId, OfferId, TaskId};
use aurora_api::task::{Assignment, Task, TaskConfig, TaskStatus};

use crate::backoff::backoff;
use crate::effect::{Effect, TimerKey};
use crate::explain::{Explanation, Findings, KeptFor};
use crate::handle::{Core, Step};
use crate::offers::classes::ClassId;
use crate::operation::ConfigId;
use crate::task::{ChangeResult, StatusChange};
use crate::timeouts::entered_at;
pub(crate) use affinity::Affinity;
use assign::{Attempt, Placement, first_fit};
use counts::{AttributeCounts, HostWithoutAttributes};
use filter::{Request, Veto};
pub(crate) use groups::Groups;
pub(crate) use preempt::{Preemption, Seats};
pub(crate) use rate::RateLimiter;

/// Most pairs of group and new offer looked at to wake groups early. Groups beyond it wait for their own time.
const WAKE_CHECKS_MAX: usize = 1000;

/// Vetoes of a group's offers that hold for as long as the offer does: equal offers are banned as one.
pub(crate) type StaticBans = BTreeMap<ClassId, Arc<[Veto]>>;

impl Core {
    /// A task is pending: it will be tried after `delay`, or with the group that waits already.
    pub(crate) fn join_group(&mut self, task: &Task, config: ConfigId, delay: Millis, step: &mut Step<'_>) {
        let due = step.now + delay;
        if self.groups.join(config, &task.id, entered_at(task), due) {
            step.set_timer(TimerKey::ScheduleGroup(config.0), due);
        }
    }

    /// A task is not pending any more.
    pub(crate) fn leave_group(&mut self, task: &Task, step: &mut Step<'_>) {
        self.affinity.release(&task.config.job.instance(task.instance), step.now);
        let Some((config, is_empty)) = self.groups.leave(&task.id) else { return };
        if is_empty {
            self.explanations.remove(&config);
            self.preemption.forget(config);
            step.cancel_timer(TimerKey::ScheduleGroup(config.0));
        } else if let Some(explanation) = self.explanations.get_mut(&config) {
            // What stays pending keeps its reasons until the next attempt, up to a minute away.
            *explanation = Arc::new(explanation.without_nearest_fit());
        }
    }

    /// New offers came: groups they suit need not wait for their time.
    pub(crate) fn wake_groups(&mut self, offers: &BTreeSet<OfferId>, step: &mut Step<'_>) {
        if offers.is_empty() {
            return;
        }
        let soon = step.now + self.config.first_schedule_delay;
        let mut checks = 0;
        let mut woken = Vec::new();
        for id in self.groups.waiting_beyond(soon) {
            checks += offers.len();
            if checks > WAKE_CHECKS_MAX {
                break;
            }
            let Some(config) = self.state.configs().get(id) else { continue };
            let Ok((request, counts)) = self.request(config) else { continue };
            let suits = |offer: &OfferId| {
                self.offers.usable(offer).is_some_and(|held| {
                    self.kept_for(&held.offer.agent, id, step.now).is_none()
                        && filter::vetoes(held, &held.offer_space(), &request, &counts, step.now).is_empty()
                })
            };
            if offers.iter().any(suits) {
                woken.push(id);
            }
        }
        // An instance that keeps its agent waits for nothing else.
        let agents =
            offers.iter().filter_map(|offer| self.offers.usable(offer)).map(|held| &held.offer.agent);
        woken.extend(agents.flat_map(|agent| self.groups_kept_on(agent, step.now)));
        for id in woken {
            if let Some(group) = self.groups.get_mut(id).filter(|group| group.can_be_woken(soon)) {
                group.due = soon;
                step.set_timer(TimerKey::ScheduleGroup(id.0), soon);
            }
        }
    }

    /// A group's time has come: try its first tasks (`spec/scheduler.md` §2.1).
    pub(crate) fn on_group_due(&mut self, id: ConfigId, step: &mut Step<'_>) {
        let Some(group) = self.groups.get_mut(id).filter(|group| group.due <= step.now) else { return };
        if !group.has_permit {
            let wait = self.limiter.acquire(step.now);
            if wait > Millis::ZERO {
                group.has_permit = true;
                group.due = step.now + wait;
                step.set_timer(TimerKey::ScheduleGroup(id.0), group.due);
                step.count("schedule_attempts_blocks", 1);
                return;
            }
        }
        group.has_permit = false;
        group.is_starting = false;
        step.count("scheduled_task_penalty_ms_total", group.penalty.0.unsigned_abs());
        step.count("scheduled_task_penalty_events", 1);
        let tasks: Vec<TaskId> = group.first(self.config.tasks_per_attempt);
        let placed = match self.attempt(id, &tasks, step) {
            Ok(placed) => placed,
            Err(HostWithoutAttributes(host)) => {
                step.count("schedule_attempts_failed", 1);
                self.explanations.insert(id, Arc::new(Explanation::without_limits(host, step.now)));
                0
            }
        };
        let Some(group) = self.groups.get_mut(id) else { return };
        let delay = if placed > 0 {
            group.penalty = Millis::ZERO;
            self.config.first_schedule_delay
        } else {
            let (min, max) = (self.config.schedule_penalty_min, self.config.schedule_penalty_max);
            group.penalty = backoff(group.penalty, min, max, &mut self.rng);
            group.penalty
        };
        group.due = step.now + delay;
        if let Some(explanation) = self.explanations.get_mut(&id) {
            Arc::make_mut(explanation).penalty = group.penalty;
        }
        step.set_timer(TimerKey::ScheduleGroup(id.0), group.due);
    }

    /// One scheduling attempt for tasks of one configuration; says how many it placed (`spec/scheduler.md` §2.3).
    fn attempt(
        &mut self,
        group: ConfigId,
        tasks: &[TaskId],
        step: &mut Step<'_>,
    ) -> Result<usize, HostWithoutAttributes> {
        let config =
            Arc::clone(self.state.configs().get(group).expect("a group is of a stored configuration"));
        let (request, counts) = self.request(&config)?;
        step.count("schedule_attempts_fired", count(tasks.len()));
        self.affinity.expire(step.now);
        let mut bans = self.groups.take_bans(group);
        let (affinity, preemption) = (&self.affinity, &self.preemption);
        let kept_for = |agent: &AgentId| kept_for(affinity, preemption, agent, group, step.now);
        let kept_agents =
            || affinity.kept_agents().chain(preemption.reserved_agents()).cloned().collect::<Vec<_>>();
        let places = self.kept_places(tasks, step.now);
        let keeping: Vec<TaskId> = places.keys().cloned().collect();
        let mut attempt = Attempt {
            request: &request,
            counts,
            bans: &mut bans,
            kept_for: &kept_for,
            kept_agents: &kept_agents,
            places,
            now: step.now,
        };
        let (placements, findings) =
            first_fit(&mut self.offers, &self.config, &mut attempt, tasks, &mut self.rng);

        let placed = placements.iter().map(|placement| placement.tasks.len()).sum();
        findings.count(step);
        for placement in placements {
            self.launch(group, placement, step);
        }
        if placed < tasks.len() {
            step.count("schedule_attempts_no_match", count(tasks.len() - placed));
            self.groups.give_bans(group, bans, self.config.static_bans_max);
            self.explain(group, findings, step);
            // Nobody makes room for an instance that waits for the room it left itself.
            let needs_room = |id: &&TaskId| {
                !keeping.contains(id)
                    && self.state.task(id).is_some_and(|task| task.status == TaskStatus::Pending)
            };
            if let Some(task) = tasks.iter().find(needs_room) {
                self.preempt_for(group, task, step);
            }
        }
        Ok(placed)
    }

    /// Whom an agent is kept for, if not for this group.
    fn kept_for(&self, agent: &AgentId, group: ConfigId, now: Timestamp) -> Option<KeptFor> {
        kept_for(&self.affinity, &self.preemption, agent, group, now)
    }

    /// What a task of this configuration asks of an offer, and where its siblings are.
    fn request<'a>(
        &self,
        config: &'a TaskConfig,
    ) -> Result<(Request<'a>, AttributeCounts), HostWithoutAttributes> {
        let request = Request {
            config,
            footprint: self.config.footprint(config),
            is_revocable: self.config.tiers.is_revocable(&config.tier),
            unavailability_threshold: self.config.unavailability_threshold,
        };
        let counts = AttributeCounts::of_job(self.state.tables(), config)?;
        Ok((request, counts))
    }

    /// Assigns tasks to the offer that was found for them, and uses it up.
    fn launch(&mut self, group: ConfigId, placement: Placement, step: &mut Step<'_>) {
        let held = self.use_offer(placement.offer, step).expect("a placement is on a held offer");
        let offer = &held.offer;
        self.preemption.release(&offer.agent, group);
        let mut tasks = Vec::with_capacity(placement.tasks.len());
        for (id, ports) in placement.tasks {
            let assignment = Assignment { agent: offer.agent.clone(), host: offer.host.clone(), ports };
            let assign = StatusChange {
                assignment: Some(assignment),
                ..StatusChange::to(&id, TaskStatus::Assigned).expecting(TaskStatus::Pending)
            };
            let result = self.change_status(&assign, step);
            assert_eq!(result, ChangeResult::Success, "a group holds pending tasks only");
            tasks.extend(self.state.task(&id).cloned());
        }
        let (offer, agent) = (offer.id.clone(), offer.agent.clone());
        step.batch.effects.push(Effect::Launch { offer, agent, tasks, refuse: self.refusal() });
    }

    /// A search for room found what an agent lacks for a group even without the tasks that may go: it may be nearest of all.
    fn hear(&mut self, group: ConfigId, vetoes: &[Veto], step: &Step<'_>) {
        if let Some(explanation) = self.explanations.get_mut(&group)
            && let Some(nearer) = explanation.with_nearer_fit(vetoes, step.now)
        {
            *explanation = Arc::new(nearer);
        }
    }

    /// Remembers why the rest of a group is pending.
    fn explain(&mut self, group: ConfigId, findings: Findings, step: &Step<'_>) {
        let before = self.explanations.get(&group);
        let (hosts, missing) = (self.state.tables().host_count(), self.away.news(step.now));
        let mut explanation = Explanation::new(
            findings,
            before.and_then(|before| before.nearest_fit(step.now)),
            hosts,
            missing,
            step.now,
        );
        explanation.has_default_limits = self.config.policy.legacy_constraints;
        self.explanations.insert(group, Arc::new(explanation));
    }
}

fn kept_for(
    affinity: &Affinity,
    preemption: &Preemption,
    agent: &AgentId,
    group: ConfigId,
    now: Timestamp,
) -> Option<KeptFor> {
    if affinity.is_kept(agent, now) {
        Some(KeptFor::Update)
    } else {
        preemption.is_reserved_for_others(agent, group, now).then_some(KeptFor::Preemption)
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
