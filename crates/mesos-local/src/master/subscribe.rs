//! Frameworks come, go, come back and end (`spec/mesos.md` §§1.4, 1.6).

use bytes::Bytes;
use mesos_v1::messages as v1;
use mesos_v1::messages::scheduler;
use tokio::sync::mpsc;
use tracing::info;

use super::state::{Connection, Framework, State, Timer, failover_timeout};
use crate::http::record;
use crate::link::{FrameworkRef, UpdateFramework, to_agent};

use v1::framework_info::capability::Type::MultiRole;

impl State {
    /// Subscribes a framework and returns the id of its stream. A refusal is an ERROR event, and the end of the stream.
    pub fn on_subscribe(&mut self, call: scheduler::call::Subscribe, records: mpsc::Sender<Bytes>) -> String {
        let stream_id = uuid::Uuid::new_v4().to_string();
        let mut framework_info = call.framework_info;
        if let Err(message) = self.check_subscription(&framework_info, &call.suppressed_roles) {
            info!(framework = framework_info.name, message, "a subscription is refused");
            self.outbox.push((records, record(&error_event(message))));
            return stream_id;
        }
        let id = framework_info.id.clone().unwrap_or_else(|| self.new_framework_id());
        framework_info.id = Some(id.clone());
        let connection = Connection::Connected { stream_id: stream_id.clone(), records };
        if let Some(known) = self.frameworks.get(&id) {
            // Compat: these two never change (`spec/mesos.md` §1.4).
            framework_info.user.clone_from(&known.info.user);
            framework_info.checkpoint = known.info.checkpoint;
            if known.is_connected() {
                self.send_event(&id, &error_event("Framework failed over".to_owned()));
            }
            self.discard_offers(&id);
            self.maintenance.forget_outstanding(&id);
        }
        let framework =
            self.frameworks.entry(id.clone()).or_insert_with(|| Framework::new(framework_info.clone()));
        framework.info = framework_info.clone();
        framework.connection = connection;
        framework.is_suppressed = !call.suppressed_roles.is_empty();
        framework.epoch += 1;
        self.is_registry_stale = true;
        info!(framework = %id, name = framework_info.name, "subscribed");
        self.send_event(&id, &self.subscribed_event(&id));
        self.on_heartbeat(&id, stream_id.clone());
        self.tell_agents_of(&framework_info);
        self.allocate();
        stream_id
    }

    pub fn check_subscription(&self, info: &v1::FrameworkInfo, suppressed: &[String]) -> Result<(), String> {
        if info.id.as_ref().is_some_and(|id| self.is_completed(id)) {
            return Err("Framework has been removed".to_owned());
        }
        if failover_timeout(info).is_none() {
            return Err(format!("The framework failover_timeout ({:e}) is invalid", info.failover_timeout()));
        }
        let is_multi_role = info.capabilities.iter().any(|capability| capability.r#type() == MultiRole);
        match (is_multi_role, info.roles.as_slice()) {
            (false, []) | (true, [_]) => {}
            (false, _) => {
                return Err(
                    "'FrameworkInfo.roles' must not be set without the MULTI_ROLE capability".to_owned()
                );
            }
            (true, _) if info.role.is_some() => {
                return Err("'FrameworkInfo.role' must not be set with the MULTI_ROLE capability".to_owned());
            }
            (true, _) => return Err("The embedded cluster serves exactly one role per framework".to_owned()),
        }
        let framework = Framework::new(info.clone());
        let role = framework.role();
        if role != crate::resources::UNRESERVED && !crate::resources::is_valid_role(role) {
            return Err(format!("The role '{role}' is malformed"));
        }
        match suppressed.iter().find(|one| one.as_str() != role) {
            Some(other) => Err(format!("Suppressed role '{other}' is not contained in the list of roles")),
            None => Ok(()),
        }
    }

    fn new_framework_id(&mut self) -> v1::FrameworkId {
        let id = format!("{}-{:04}", self.master_id, self.next_framework);
        self.next_framework += 1;
        id.into()
    }

    /// This master, as it tells of itself.
    pub fn master_info(&self) -> v1::MasterInfo {
        let ip = self.address.ip().to_string();
        let number = match self.address.ip() {
            // Network byte order, read as this machine's (`spec/mesos.md` §3.1).
            std::net::IpAddr::V4(ip) => u32::from_ne_bytes(ip.octets()),
            std::net::IpAddr::V6(_) => 0,
        };
        v1::MasterInfo {
            id: self.master_id.clone(),
            ip: number,
            port: u32::from(self.address.port()),
            pid: Some(format!("master@{}", self.address)),
            hostname: Some(ip.clone()),
            version: Some(crate::shape::MESOS_VERSION.to_owned()),
            address: Some(v1::Address {
                hostname: Some(ip.clone()),
                ip: Some(ip),
                port: i32::from(self.address.port()),
            }),
            ..v1::MasterInfo::default()
        }
    }

    fn subscribed_event(&self, id: &v1::FrameworkId) -> scheduler::Event {
        scheduler::Event {
            r#type: Some(scheduler::event::Type::Subscribed.into()),
            subscribed: Some(scheduler::event::Subscribed {
                framework_id: id.clone(),
                heartbeat_interval_seconds: Some(self.config.heartbeat_interval.as_secs_f64()),
                master_info: Some(self.master_info()),
            }),
            ..scheduler::Event::default()
        }
    }

    /// Sends a heartbeat and asks for the next one, as long as this is still the framework's stream.
    pub fn on_heartbeat(&mut self, id: &v1::FrameworkId, stream_id: String) {
        if self.stream_of(id) != Some(&stream_id) {
            return;
        }
        let event = scheduler::Event {
            r#type: Some(scheduler::event::Type::Heartbeat.into()),
            ..scheduler::Event::default()
        };
        self.send_event(id, &event);
        self.timers
            .add(self.config.heartbeat_interval, Timer::Heartbeat { framework_id: id.clone(), stream_id });
    }

    /// The id of the framework's stream, if it is connected.
    pub fn stream_of(&self, id: &v1::FrameworkId) -> Option<&String> {
        match &self.frameworks.get(id)?.connection {
            Connection::Connected { stream_id, .. } => Some(stream_id),
            Connection::Disconnected => None,
        }
    }

    fn tell_agents_of(&mut self, info: &v1::FrameworkInfo) {
        let agents: Vec<v1::AgentId> = self.agents.keys().cloned().collect();
        for agent in agents {
            self.send_agent(
                &agent,
                to_agent::Body::UpdateFramework(UpdateFramework { framework: info.clone() }),
            );
        }
    }

    /// Forgets the offers of a framework without a word to it.
    fn discard_offers(&mut self, id: &v1::FrameworkId) {
        self.offers.retain(|_, offer| offer.framework_id != *id);
    }

    /// The stream of a scheduler ended.
    pub fn on_scheduler_gone(&mut self, stream_id: &str) {
        let found =
            self.frameworks.keys().find(|id| self.stream_of(id).is_some_and(|stream| stream == stream_id));
        if let Some(id) = found.cloned() {
            self.disconnect_framework(&id);
        }
    }

    fn disconnect_framework(&mut self, id: &v1::FrameworkId) {
        self.discard_offers(id);
        self.maintenance.forget_framework(id);
        let Some(framework) = self.frameworks.get_mut(id) else { return };
        framework.connection = Connection::Disconnected;
        framework.filters.clear();
        framework.epoch += 1;
        let timeout = failover_timeout(&framework.info).unwrap_or_default();
        info!(framework = %id, timeout_secs = timeout.as_secs(), "disconnected: removed unless it comes back in time");
        self.timers.add(timeout, Timer::FailoverEnded { framework_id: id.clone(), epoch: framework.epoch });
    }

    /// A framework stayed away for too long.
    pub fn on_failover_ended(&mut self, id: &v1::FrameworkId, epoch: u64) {
        let is_due = self
            .frameworks
            .get(id)
            .is_some_and(|framework| framework.epoch == epoch && !framework.is_connected());
        if is_due {
            info!(framework = %id, "removed: its failover timeout ended");
            self.remove_framework(id);
        }
    }

    /// Ends a framework and everything that runs for it.
    pub fn remove_framework(&mut self, id: &v1::FrameworkId) {
        self.discard_offers(id);
        self.maintenance.forget_framework(id);
        let Some(framework) = self.frameworks.remove(id) else { return };
        let agents: Vec<v1::AgentId> = self.agents.keys().cloned().collect();
        for agent_id in agents {
            let order = to_agent::Body::ShutdownFramework(FrameworkRef { framework_id: id.clone() });
            self.send_agent(&agent_id, order);
            if let Some(agent) = self.agents.get_mut(&agent_id) {
                agent.tasks.retain(|(of, _)| of != id);
                agent.executors.retain(|(of, _), _| of != id);
                agent.pending_kills.retain(|kill| kill.framework_id != *id);
            }
        }
        self.complete_framework(framework.info);
    }

    /// Ends a stream that is not read: its owner is treated as if it had closed it.
    pub fn cut_off(&mut self, records: &mpsc::Sender<Bytes>) {
        let framework = self.frameworks.iter().find_map(|(id, framework)| match &framework.connection {
            Connection::Connected { records: own, .. } if own.same_channel(records) => Some(id.clone()),
            Connection::Connected { .. } | Connection::Disconnected => None,
        });
        if let Some(id) = framework {
            self.disconnect_framework(&id);
        } else {
            self.cut_off_agent(records);
        }
    }
}

/// The event that ends a subscription.
fn error_event(message: String) -> scheduler::Event {
    scheduler::Event {
        r#type: Some(scheduler::event::Type::Error.into()),
        error: Some(scheduler::event::Error { message }),
        ..scheduler::Event::default()
    }
}
