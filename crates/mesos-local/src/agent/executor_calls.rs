//! The executor API's calls (`spec/mesos.md` §§2.3, 2.4).

use axum::http::StatusCode;
use bytes::Bytes;
use mesos_v1::messages as v1;
use mesos_v1::messages::executor::{Call, Event, call, event};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::actor::Answer;
use super::state::{Executor, ExecutorKey, ExecutorStatus, Phase, State};
use super::updates::Taken;
use crate::http::record;
use crate::link::{Data, Update, to_master};

use v1::task_status::{Reason, Source};

impl State {
    fn executor_of(&self, call: &Call) -> Result<(ExecutorKey, &Executor), Answer> {
        let bad = |text: &str| (StatusCode::BAD_REQUEST, text.to_owned());
        if !self.executors.keys().any(|(framework, _)| *framework == call.framework_id) {
            return Err(bad("Framework cannot be found"));
        }
        let key = (call.framework_id.clone(), call.executor_id.clone());
        match self.executors.get(&key) {
            Some(executor) => Ok((key, executor)),
            None => Err(bad("Executor cannot be found")),
        }
    }

    /// Opens the stream to an executor, or says why not.
    pub fn on_subscribe(&mut self, call: Call, records: mpsc::Sender<Bytes>) -> Option<Answer> {
        let (key, status, had_subscribed) = match self.executor_of(&call) {
            Ok((key, executor)) => (key, executor.status, executor.has_subscribed),
            Err(refusal) => return Some(refusal),
        };
        if matches!(status, ExecutorStatus::Terminating(_)) {
            // One record, and the end of the stream.
            let _ = records.try_send(record(&event_of(event::Type::Shutdown)));
            return None;
        }
        if let Some(executor) = self.executors.get_mut(&key) {
            executor.records = Some(records);
            executor.has_subscribed = true;
            executor.status = ExecutorStatus::Running;
            if !had_subscribed
                && let Err(error) = crate::checkpoint::write_text(&executor.run.http_marker(), "")
            {
                self.fail(error);
            }
        }
        info!(host = self.config.hostname, executor = %key.1, again = had_subscribed, "subscribed");
        let subscribe = call.subscribe.unwrap_or_default();
        for update in subscribe.unacknowledged_updates {
            self.take_executor_update(&key, update.status);
        }
        self.drop_forgotten(&key, &subscribe.unacknowledged_tasks);
        if self.config.is_cleanup || self.has_nothing_to_do(&key) {
            self.shut_executor_down(&key, super::state::EndCause::Shutdown);
        } else {
            self.welcome(&key);
        }
        self.check_recovery();
        None
    }

    /// Tasks that were given to the executor, of which it knows nothing, did not reach it.
    fn drop_forgotten(&mut self, key: &ExecutorKey, known: &[v1::TaskInfo]) {
        for task_id in self.live_tasks_of(key) {
            let task_key = (key.0.clone(), task_id);
            let Some(task) = self.tasks.get(&task_key) else { continue };
            let is_staging = task.latest_state == v1::TaskState::TaskStaging;
            if task.is_delivered && is_staging && !known.iter().any(|info| info.task_id == task_key.1) {
                let state = self.state_for(&key.0, v1::TaskState::TaskDropped);
                let message = "Task launched during agent restart";
                self.add_own_update(&task_key, state, Reason::AgentRestarted, message);
            }
        }
    }

    /// Nothing to run, and nothing ever ran: every task was killed or dropped before the executor saw it.
    fn has_nothing_to_do(&self, key: &ExecutorKey) -> bool {
        self.executors.get(key).is_some_and(|executor| !executor.has_reported)
            && self.live_tasks_of(key).is_empty()
    }

    fn welcome(&mut self, key: &ExecutorKey) {
        let (Some(executor), Some(framework_info)) = (self.executors.get(key), self.frameworks.get(&key.0))
        else {
            return;
        };
        let subscribed = event::Subscribed {
            executor_info: executor.info.clone(),
            framework_info: framework_info.clone(),
            agent_info: self.info.clone(),
            container_id: Some(v1::ContainerId { value: executor.container.clone(), parent: None }),
        };
        let event = Event { subscribed: Some(subscribed), ..event_of(event::Type::Subscribed) };
        self.tell_executor(key, &event);
        self.deliver_tasks(key);
        for task_id in self.live_tasks_of(key) {
            let task = self.tasks.get_mut(&(key.0.clone(), task_id.clone()));
            if let Some(kill_policy) = task.and_then(|task| task.undelivered_kill.take()) {
                self.send_kill(key, &task_id, kill_policy);
            }
        }
    }

    /// Takes any call but SUBSCRIBE.
    pub fn on_call(&mut self, call: Call) -> Answer {
        let kind = call.r#type();
        if kind == call::Type::Heartbeat {
            return (StatusCode::ACCEPTED, String::new());
        }
        if self.phase == Phase::Recovering {
            return (StatusCode::SERVICE_UNAVAILABLE, "Agent has not finished recovery".to_owned());
        }
        let key = match self.executor_of(&call) {
            Ok((_, executor))
                if !executor.has_subscribed || executor.status == ExecutorStatus::Registering =>
            {
                return (StatusCode::FORBIDDEN, "Executor is not subscribed".to_owned());
            }
            Ok((key, _)) => key,
            Err(refusal) => return refusal,
        };
        match kind {
            call::Type::Update => {
                let status = call.update.unwrap_or_default().status;
                if let Err(problem) = check_update(&status, &key.1) {
                    return (StatusCode::BAD_REQUEST, problem.to_owned());
                }
                self.take_executor_update(&key, status);
            }
            call::Type::Message => {
                let data = call.message.unwrap_or_default().data;
                let data = Data { framework_id: key.0, executor_id: key.1, data };
                self.tell_master(to_master::Body::Message(data));
            }
            call::Type::Unknown | call::Type::Subscribe | call::Type::Heartbeat => {
                return (StatusCode::NOT_IMPLEMENTED, "this call is not known".to_owned());
            }
        }
        (StatusCode::ACCEPTED, String::new())
    }

    /// Records an update and tells the executor so.
    fn take_executor_update(&mut self, key: &ExecutorKey, mut status: v1::TaskStatus) {
        if status.agent_id.as_ref().is_some_and(|id| *id != self.id()) {
            return warn!(task = %status.task_id, "an update names another agent: dropped");
        }
        if let Some(executor) = self.executors.get_mut(key) {
            executor.has_reported = true;
            let address = v1::network_info::IpAddress {
                ip_address: Some(self.address.ip().to_string()),
                ..v1::network_info::IpAddress::default()
            };
            let container = status.container_status.get_or_insert_with(v1::ContainerStatus::default);
            container.container_id =
                Some(v1::ContainerId { value: executor.container.clone(), parent: None });
            container.executor_pid = executor.helper.and_then(|helper| u32::try_from(helper.pid).ok());
            if container.network_infos.is_empty() {
                container
                    .network_infos
                    .push(v1::NetworkInfo { ip_addresses: vec![address], ..v1::NetworkInfo::default() });
            }
        }
        let task_key = (key.0.clone(), status.task_id.clone());
        let uuid = status.uuid.clone().unwrap_or_default();
        if let Some(task) = self.tasks.get_mut(&task_key) {
            task.is_delivered = true;
        }
        let latest_state = status.state;
        match self.add_update(&task_key, status.clone()) {
            Taken::Yes => {
                let acknowledged = event::Acknowledged { task_id: task_key.1, uuid };
                let event = Event { acknowledged: Some(acknowledged), ..event_of(event::Type::Acknowledged) };
                self.tell_executor(key, &event);
            }
            Taken::Unknown => {
                // Compat: forwarded once, and acknowledged to nobody (`spec/mesos.md` §2.4).
                let update = Update { framework_id: key.0.clone(), status, latest_state };
                self.tell_master(to_master::Body::Update(Box::new(update)));
            }
        }
    }
}

/// An event without content.
pub fn event_of(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

fn check_update(status: &v1::TaskStatus, executor_id: &v1::ExecutorId) -> Result<(), &'static str> {
    if !status.uuid.as_ref().is_some_and(|uuid| crate::http::is_uuid(uuid)) {
        return Err("Expecting 'uuid' to be present and a valid UUID");
    }
    // An unset source reads as SOURCE_MASTER.
    if status.source() != Source::Executor || status.source.is_none() {
        return Err("Received Call from executor with invalid 'source': expecting SOURCE_EXECUTOR");
    }
    if status.state() == v1::TaskState::TaskStaging {
        return Err("Received TASK_STAGING from executor, which is not allowed");
    }
    if status.executor_id.as_ref().is_some_and(|id| id != executor_id) {
        return Err("ExecutorID in Call does not match 'executor_id' of the status");
    }
    Ok(())
}
