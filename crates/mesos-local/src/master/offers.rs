//! Offers: who gets what is free, and who does not want it for a while (`spec/mesos.md` §1.7).

use std::time::{Duration, Instant};

use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler::{self, call};

use super::state::{Agent, Filter, Framework, Offer, State};
use crate::resources::{Resources, resources_to_offer};

/// What a filter hides offers for when the scheduler does not say (`spec/mesos.md` §1.7).
const DEFAULT_REFUSE_SECONDS: f64 = 5.0;
/// The longest a filter lasts: a year.
const MAX_REFUSE_SECONDS: f64 = 31_536_000.0;
/// Less than this is not offered.
const MIN_CPUS: f64 = 0.01;
const MIN_MEM_MB: f64 = 32.0;

impl State {
    /// Offers what is free on every agent to the framework that has least of it and does not refuse it.
    pub fn allocate(&mut self) {
        let now = Instant::now();
        let mut frameworks: Vec<(f64, v1::FrameworkId)> = self
            .frameworks
            .iter()
            .filter(|(_, framework)| framework.is_connected() && !framework.is_suppressed)
            .map(|(id, framework)| (cpus_of(framework), id.clone()))
            .collect();
        frameworks.sort_by(|left, right| left.0.total_cmp(&right.0));
        let agents: Vec<v1::AgentId> =
            self.agents.iter().filter(|(_, agent)| agent.is_connected()).map(|(id, _)| id.clone()).collect();
        let mut offers: Vec<(v1::FrameworkId, Vec<v1::Offer>)> =
            frameworks.into_iter().map(|(_, id)| (id, Vec::new())).collect();
        for agent_id in agents {
            let Some(agent) = self.agents.get(&agent_id) else { continue };
            let mut free = agent.total.clone();
            free.subtract(&self.used(agent));
            free.subtract(&self.offered(&agent_id));
            for (framework_id, of_framework) in &mut offers {
                let Some(framework) = self.frameworks.get_mut(framework_id) else { continue };
                let usable = free.usable_by(framework.role());
                if !is_worth_offering(&usable) || is_refused(framework, &agent_id, &usable, now) {
                    continue;
                }
                free.subtract(&usable);
                if let Some(message) = self.make_offer(framework_id, &agent_id, usable) {
                    of_framework.push(message);
                }
            }
        }
        for (framework_id, offers) in offers.into_iter().filter(|(_, offers)| !offers.is_empty()) {
            let event = scheduler::Event {
                r#type: Some(scheduler::event::Type::Offers.into()),
                offers: Some(scheduler::event::Offers { offers }),
                ..scheduler::Event::default()
            };
            self.send_event(&framework_id, &event);
        }
        self.make_inverse_offers(now);
    }

    fn make_offer(
        &mut self,
        framework_id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        resources: Resources,
    ) -> Option<v1::Offer> {
        let id: v1::OfferId = format!("{}-O{}", self.master_id, self.next_offer).into();
        self.next_offer += 1;
        let (agent, framework) = (self.agents.get(agent_id)?, self.frameworks.get(framework_id)?);
        let is_multi_role = framework.has(v1::framework_info::capability::Type::MultiRole);
        let role = is_multi_role.then(|| framework.role());
        let message = v1::Offer {
            id: id.clone(),
            framework_id: framework_id.clone(),
            agent_id: agent_id.clone(),
            hostname: agent.info.hostname.clone(),
            resources: resources_to_offer(&resources, role),
            executor_ids: executors_of(agent, framework_id),
            attributes: agent.info.attributes.clone(),
            url: Some(self.url_of(&agent.info)),
            unavailability: self.maintenance.unavailability_of(&agent.info.hostname, self.address.ip()),
            allocation_info: role.map(|role| v1::resource::AllocationInfo { role: Some(role.to_owned()) }),
            ..v1::Offer::default()
        };
        let offer = Offer { framework_id: framework_id.clone(), agent_id: agent_id.clone(), resources };
        self.offers.insert(id, offer);
        Some(message)
    }

    /// Where an agent is.
    pub fn url_of(&self, info: &v1::AgentInfo) -> v1::Url {
        v1::Url {
            scheme: "http".to_owned(),
            address: v1::Address {
                hostname: Some(info.hostname.clone()),
                ip: Some(self.address.ip().to_string()),
                port: info.port(),
            },
            path: Some("/slave(1)".to_owned()),
            ..v1::Url::default()
        }
    }

    /// Gives offers back; those that are not the framework's, or not there any more, are passed over.
    pub fn on_decline(&mut self, id: &v1::FrameworkId, decline: call::Decline) {
        for offer_id in &decline.offer_ids {
            if self.offers.get(offer_id).is_some_and(|offer| offer.framework_id == *id)
                && let Some(offer) = self.offers.remove(offer_id)
            {
                self.refuse(id, &offer.agent_id, offer.resources, decline.filters.as_ref());
            }
        }
    }

    /// Hides these resources of the agent from the framework for as long as it asks.
    pub fn refuse(
        &mut self,
        id: &v1::FrameworkId,
        agent_id: &v1::AgentId,
        refused: Resources,
        filters: Option<&v1::Filters>,
    ) {
        let refusal = refusal_of(filters);
        if refusal.is_zero() || refused.is_empty() {
            return;
        }
        let until = Instant::now() + refusal.max(self.config.allocation_interval);
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.filters.entry(agent_id.clone()).or_default().push(Filter { refused, until });
        }
    }

    /// Makes offers again, and forgets what was refused.
    pub fn on_revive(&mut self, id: &v1::FrameworkId, roles: Vec<String>) {
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        if roles.iter().all(|role| role == framework.role()) {
            framework.is_suppressed = false;
            framework.filters.clear();
            self.maintenance.forget_filters(id);
            self.allocate();
        }
    }

    /// Makes no more offers until REVIVE; those that are out stay valid.
    pub fn on_suppress(&mut self, id: &v1::FrameworkId, roles: Vec<String>) {
        if let Some(framework) = self.frameworks.get_mut(id)
            && roles.iter().all(|role| role == framework.role())
        {
            framework.is_suppressed = true;
        }
    }

    /// Takes all offers of an agent back.
    pub fn rescind_offers(&mut self, agent_id: &v1::AgentId) {
        let ids: Vec<v1::OfferId> = self
            .offers
            .iter()
            .filter(|(_, offer)| offer.agent_id == *agent_id)
            .map(|(id, _)| id.clone())
            .collect();
        for offer_id in ids {
            if let Some(offer) = self.offers.remove(&offer_id) {
                let event = scheduler::Event {
                    r#type: Some(scheduler::event::Type::Rescind.into()),
                    rescind: Some(scheduler::event::Rescind { offer_id }),
                    ..scheduler::Event::default()
                };
                self.send_event(&offer.framework_id, &event);
            }
        }
    }
}

/// How long a filter asks to be left alone.
pub fn refusal_of(filters: Option<&v1::Filters>) -> Duration {
    let asked = filters.and_then(|filters| filters.refuse_seconds).unwrap_or(DEFAULT_REFUSE_SECONDS);
    let seconds = if asked >= 0.0 { asked.min(MAX_REFUSE_SECONDS) } else { DEFAULT_REFUSE_SECONDS };
    Duration::from_secs_f64(seconds)
}

fn cpus_of(framework: &Framework) -> f64 {
    framework.tasks.values().map(|task| task.resources.scalar("cpus")).sum()
}

fn is_worth_offering(resources: &Resources) -> bool {
    resources.scalar("cpus") >= MIN_CPUS || resources.scalar("mem") >= MIN_MEM_MB
}

/// A bigger offer than the refused one passes (`spec/mesos.md` §1.7).
fn is_refused(framework: &mut Framework, agent_id: &v1::AgentId, offered: &Resources, now: Instant) -> bool {
    let Some(filters) = framework.filters.get_mut(agent_id) else { return false };
    filters.retain(|filter| filter.until > now);
    filters.iter().any(|filter| filter.refused.contains(offered))
}

fn executors_of(agent: &Agent, framework_id: &v1::FrameworkId) -> Vec<v1::ExecutorId> {
    agent
        .executors
        .keys()
        .filter(|(of, _)| of == framework_id)
        .map(|(_, executor)| executor.clone())
        .collect()
}
