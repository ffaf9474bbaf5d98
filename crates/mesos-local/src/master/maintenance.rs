//! Maintenance: a schedule of machines that will go down, the frameworks' answers, and machines that are down
//! (`spec/mesos.md` §§1.13, 4.6).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use axum::http::StatusCode;
use mesos_v1::messages as v1;
use mesos_v1::messages::maintenance::{ClusterStatus, InverseOfferStatus, Schedule, cluster_status};
use mesos_v1::messages::{master, scheduler};
use tracing::info;

use super::actor::Answer;
use super::agents::Removal;
use super::offers::refusal_of;
use super::state::{State, nanoseconds};
use crate::link::{Empty, to_agent};

/// What a framework says to an inverse offer.
pub use mesos_v1::messages::maintenance::inverse_offer_status::Status as InverseAnswer;

type Pair = (v1::FrameworkId, v1::AgentId);

/// All that is known of it. Schedule and machines that are down are in the registry.
#[derive(Clone, Debug, Default)]
pub struct Maintenance {
    pub schedule: Schedule,
    pub down: Vec<v1::MachineId>,
    /// Inverse offers that are out.
    outstanding: BTreeMap<v1::OfferId, Pair>,
    /// Until when a framework need not hear of an agent again.
    filters: BTreeMap<Pair, Instant>,
    answers: BTreeMap<Pair, (InverseAnswer, SystemTime)>,
}

impl Maintenance {
    pub fn recover(schedule: Schedule, down: Vec<v1::MachineId>) -> Self {
        Self { schedule, down, ..Self::default() }
    }

    /// Whether this machine must not have an agent.
    pub fn is_down(&self, hostname: &str, ip: IpAddr) -> bool {
        self.down.iter().any(|machine| is_machine(machine, hostname, ip))
    }

    /// When the machine will go down, if it is scheduled to.
    pub fn unavailability_of(&self, hostname: &str, ip: IpAddr) -> Option<v1::Unavailability> {
        let window = self
            .schedule
            .windows
            .iter()
            .find(|window| window.machine_ids.iter().any(|machine| is_machine(machine, hostname, ip)))?;
        Some(window.unavailability)
    }

    /// The framework wants to hear of everything again.
    pub fn forget_filters(&mut self, id: &v1::FrameworkId) {
        self.filters.retain(|(of, _), _| of != id);
    }

    /// Inverse offers of a stream that is over are void.
    pub fn forget_outstanding(&mut self, id: &v1::FrameworkId) {
        self.outstanding.retain(|_, (of, _)| of != id);
    }

    pub fn forget_framework(&mut self, id: &v1::FrameworkId) {
        self.forget_outstanding(id);
        self.forget_filters(id);
    }

    fn is_draining(&self, machine: &v1::MachineId) -> bool {
        self.machines().any(|scheduled| is_same(scheduled, machine)) && !self.is_listed_down(machine)
    }

    fn is_listed_down(&self, machine: &v1::MachineId) -> bool {
        self.down.iter().any(|down| is_same(down, machine))
    }

    fn machines(&self) -> impl Iterator<Item = &v1::MachineId> {
        self.schedule.windows.iter().flat_map(|window| &window.machine_ids)
    }

    fn check(&self, schedule: &Schedule) -> Result<(), String> {
        let mut seen: Vec<&v1::MachineId> = Vec::new();
        for window in &schedule.windows {
            if window.machine_ids.is_empty() {
                return Err("List of machines in the maintenance window is empty".to_owned());
            }
            if window.unavailability.duration.is_some_and(|duration| duration.nanoseconds < 0) {
                return Err("Unavailability 'duration' is negative".to_owned());
            }
            for machine in &window.machine_ids {
                check_id(machine)?;
                if seen.iter().any(|one| is_same(one, machine)) {
                    return Err(format!(
                        "Machine '{}' appears more than once in the schedule",
                        name_of(machine)
                    ));
                }
                seen.push(machine);
            }
        }
        match self.down.iter().find(|down| !seen.iter().any(|one| is_same(one, down))) {
            Some(down) => Err(format!(
                "Machine '{}' is deactivated and cannot be removed from the schedule",
                name_of(down)
            )),
            None => Ok(()),
        }
    }
}

fn check_id(machine: &v1::MachineId) -> Result<(), String> {
    let is_given = |text: Option<&String>| text.is_some_and(|text| !text.is_empty());
    if !is_given(machine.hostname.as_ref()) && !is_given(machine.ip.as_ref()) {
        return Err("Both 'hostname' and 'ip' for a machine are empty".to_owned());
    }
    match machine.ip.as_deref().filter(|ip| !ip.is_empty()) {
        Some(ip) if ip.parse::<IpAddr>().is_err() => Err(format!("'{ip}' is no IP address")),
        _ => Ok(()),
    }
}

/// What is given must match; hostnames in any case.
fn is_machine(machine: &v1::MachineId, hostname: &str, ip: IpAddr) -> bool {
    let host = machine.hostname.as_deref().filter(|host| !host.is_empty());
    let address = machine.ip.as_deref().filter(|ip| !ip.is_empty());
    host.is_none_or(|host| host.eq_ignore_ascii_case(hostname))
        && address.is_none_or(|address| address.parse() == Ok(ip))
        && (host.is_some() || address.is_some())
}

fn is_same(a: &v1::MachineId, b: &v1::MachineId) -> bool {
    a.hostname().eq_ignore_ascii_case(b.hostname()) && a.ip() == b.ip()
}

fn name_of(machine: &v1::MachineId) -> String {
    [machine.hostname(), machine.ip()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl State {
    /// Replaces the schedule; every agent it concerns is offered anew.
    pub fn on_update_schedule(&mut self, schedule: Schedule) -> Result<(), Answer> {
        self.maintenance.check(&schedule).map_err(|problem| (StatusCode::BAD_REQUEST, problem))?;
        let ip = self.address.ip();
        let before = std::mem::replace(&mut self.maintenance.schedule, schedule);
        let before = Maintenance::recover(before, Vec::new());
        self.is_registry_stale = true;
        let changed: Vec<v1::AgentId> = self
            .agents
            .iter()
            .filter(|(_, agent)| {
                let host = &agent.info.hostname;
                before.unavailability_of(host, ip) != self.maintenance.unavailability_of(host, ip)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for agent_id in changed {
            self.rescind_offers(&agent_id);
            self.rescind_inverse_offers(&agent_id);
            self.maintenance.filters.retain(|(_, agent), _| *agent != agent_id);
            self.maintenance.answers.retain(|(_, agent), _| *agent != agent_id);
        }
        self.allocate();
        Ok(())
    }

    /// Takes machines down, which must be in the schedule: their agents are removed.
    pub fn on_machines_down(&mut self, machines: Vec<v1::MachineId>) -> Result<(), Answer> {
        let bad = |problem: String| (StatusCode::BAD_REQUEST, problem);
        for machine in &machines {
            check_id(machine).map_err(bad)?;
            if !self.maintenance.is_draining(machine) {
                let text = format!(
                    "Machine '{}' is not in DRAINING mode and cannot be brought down",
                    name_of(machine)
                );
                return Err(bad(text));
            }
        }
        let ip = self.address.ip();
        for machine in machines {
            info!(machine = name_of(&machine), "down for maintenance");
            let agents: Vec<v1::AgentId> = self
                .agents
                .iter()
                .filter(|(_, agent)| is_machine(&machine, &agent.info.hostname, ip))
                .map(|(id, _)| id.clone())
                .collect();
            for agent_id in agents {
                self.send_agent(&agent_id, to_agent::Body::ShutdownAll(Empty {}));
                self.remove_agent(&agent_id, &Removal::MachineDown);
            }
            self.maintenance.down.push(machine);
        }
        self.is_registry_stale = true;
        Ok(())
    }

    /// Takes machines that are down back; they leave the schedule, and their agents may register.
    pub fn on_machines_up(&mut self, machines: &[v1::MachineId]) -> Result<(), Answer> {
        for machine in machines {
            if !self.maintenance.is_listed_down(machine) {
                let text =
                    format!("Machine '{}' is not in DOWN mode and cannot be brought up", name_of(machine));
                return Err((StatusCode::BAD_REQUEST, text));
            }
        }
        let is_up = |one: &v1::MachineId| machines.iter().any(|machine| is_same(one, machine));
        self.maintenance.down.retain(|machine| !is_up(machine));
        for window in &mut self.maintenance.schedule.windows {
            window.machine_ids.retain(|machine| !is_up(machine));
        }
        self.maintenance.schedule.windows.retain(|window| !window.machine_ids.is_empty());
        self.is_registry_stale = true;
        Ok(())
    }

    /// What frameworks said of the machines that will go down, and which are down.
    pub fn maintenance_status(&self) -> ClusterStatus {
        let ip = self.address.ip();
        let draining =
            self.maintenance.machines().filter(|machine| !self.maintenance.is_listed_down(machine));
        let statuses = |machine: &v1::MachineId| {
            let answers = self.maintenance.answers.iter().filter(|((_, agent), _)| {
                self.agents.get(agent).is_some_and(|agent| is_machine(machine, &agent.info.hostname, ip))
            });
            answers
                .map(|((framework_id, _), (answer, at))| InverseOfferStatus {
                    status: (*answer).into(),
                    framework_id: framework_id.clone(),
                    timestamp: v1::TimeInfo { nanoseconds: nanoseconds(*at) },
                })
                .collect()
        };
        ClusterStatus {
            draining_machines: draining
                .map(|machine| cluster_status::DrainingMachine {
                    id: machine.clone(),
                    statuses: statuses(machine),
                })
                .collect(),
            down_machines: self.maintenance.down.clone(),
        }
    }

    /// The schedule, as an answer.
    pub fn maintenance_schedule(&self) -> master::response::GetMaintenanceSchedule {
        master::response::GetMaintenanceSchedule { schedule: self.maintenance.schedule.clone() }
    }

    /// Asks every framework that uses a machine which will go down whether it can leave, until it answers, and again
    /// when its filter ends.
    pub fn make_inverse_offers(&mut self, now: Instant) {
        if self.maintenance.schedule.windows.is_empty() {
            return;
        }
        self.maintenance.filters.retain(|_, until| *until > now);
        let mut due: Vec<(Pair, v1::Unavailability, v1::Url)> = Vec::new();
        for (agent_id, agent) in self.agents.iter().filter(|(_, agent)| agent.is_connected()) {
            let host = &agent.info.hostname;
            let Some(unavailability) = self.maintenance.unavailability_of(host, self.address.ip()) else {
                continue;
            };
            for framework_id in self.frameworks.iter().filter(|(_, one)| one.is_connected()).map(|(id, _)| id)
            {
                let pair = (framework_id.clone(), agent_id.clone());
                let is_used = agent.executors.keys().any(|(of, _)| of == framework_id)
                    || agent.tasks.iter().any(|(of, _)| of == framework_id);
                let is_asked = self.maintenance.outstanding.values().any(|out| *out == pair);
                if is_used && !is_asked && !self.maintenance.filters.contains_key(&pair) {
                    due.push((pair, unavailability, self.url_of(&agent.info)));
                }
            }
        }
        for (pair, unavailability, url) in due {
            let id: v1::OfferId = format!("{}-O{}", self.master_id, self.next_offer).into();
            self.next_offer += 1;
            let (framework_id, agent_id) = pair.clone();
            let offer = v1::InverseOffer {
                id: id.clone(),
                url: Some(url),
                framework_id: framework_id.clone(),
                agent_id: Some(agent_id),
                unavailability,
                resources: Vec::new(),
            };
            self.maintenance.outstanding.insert(id, pair);
            let event = scheduler::Event {
                r#type: Some(scheduler::event::Type::InverseOffers.into()),
                inverse_offers: Some(scheduler::event::InverseOffers { inverse_offers: vec![offer] }),
                ..scheduler::Event::default()
            };
            self.send_event(&framework_id, &event);
        }
    }

    /// Takes all inverse offers of an agent back.
    pub fn rescind_inverse_offers(&mut self, agent_id: &v1::AgentId) {
        let out: Vec<(v1::OfferId, v1::FrameworkId)> = self
            .maintenance
            .outstanding
            .iter()
            .filter(|(_, (_, agent))| agent == agent_id)
            .map(|(id, (framework, _))| (id.clone(), framework.clone()))
            .collect();
        for (inverse_offer_id, framework_id) in out {
            self.maintenance.outstanding.remove(&inverse_offer_id);
            let event = scheduler::Event {
                r#type: Some(scheduler::event::Type::RescindInverseOffer.into()),
                rescind_inverse_offer: Some(scheduler::event::RescindInverseOffer { inverse_offer_id }),
                ..scheduler::Event::default()
            };
            self.send_event(&framework_id, &event);
        }
    }

    /// Notes what a framework says to inverse offers; those that are not its, or void, are passed over.
    pub fn on_inverse_answer(
        &mut self,
        id: &v1::FrameworkId,
        offers: &[v1::OfferId],
        answer: InverseAnswer,
        filters: Option<&v1::Filters>,
    ) {
        let refusal: Duration = refusal_of(filters).max(self.config.allocation_interval);
        for offer in offers {
            if self.maintenance.outstanding.get(offer).is_some_and(|(of, _)| of == id)
                && let Some(pair) = self.maintenance.outstanding.remove(offer)
            {
                self.maintenance.filters.insert(pair.clone(), Instant::now() + refusal);
                self.maintenance.answers.insert(pair, (answer, SystemTime::now()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(hostname: &str, ip: &str) -> v1::MachineId {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        v1::MachineId { hostname: given(hostname), ip: given(ip) }
    }

    fn schedule(machines: &[v1::MachineId]) -> Schedule {
        let window = v1::maintenance::Window { machine_ids: machines.to_vec(), ..Default::default() };
        Schedule { windows: vec![window] }
    }

    #[test]
    fn a_machine_is_known_by_all_that_is_given_of_it() {
        let here = IpAddr::from([127, 0, 0, 1]);
        for (id, is_it) in [
            (machine("Agent-1", ""), true),
            (machine("", "127.0.0.1"), true),
            (machine("agent-1", "127.0.0.1"), true),
            (machine("agent-1", "127.0.0.2"), false),
            (machine("agent-2", ""), false),
            (machine("", ""), false),
        ] {
            assert_eq!(is_machine(&id, "agent-1", here), is_it, "{id:?}");
        }
    }

    #[test]
    fn a_schedule_is_checked_as_a_whole() {
        let a = machine("a", "");
        let maintenance = Maintenance::recover(schedule(std::slice::from_ref(&a)), vec![a.clone()]);
        assert!(maintenance.check(&schedule(&[a.clone(), machine("b", "")])).is_ok());
        for (bad, text) in [
            (schedule(&[]), "is empty"),
            (schedule(&[a.clone(), machine("A", "")]), "more than once"),
            (schedule(&[machine("", "")]), "are empty"),
            (schedule(&[machine("", "here")]), "no IP address"),
            (schedule(&[machine("b", "")]), "'a' is deactivated"),
        ] {
            let problem = maintenance.check(&bad).unwrap_err();
            assert!(problem.contains(text), "{problem}");
        }
    }
}
