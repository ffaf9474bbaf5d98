//! The task that owns the master's state.

use axum::http::StatusCode;
use bytes::Bytes;
use mesos_v1::messages::{master, scheduler};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::registry::RegistryError;
use super::state::{State, Timer};
use super::view::View;
use crate::link::{Register, ToMaster};

/// Inputs that may wait; with that many, requests wait for their turn.
pub const MAX_WAITING_INPUTS: usize = 1024;
/// Records that may wait for a slow reader of a stream; with more, it is disconnected.
pub const MAX_WAITING_RECORDS: usize = 16_384;

/// An answer to a call.
pub type Answer = (StatusCode, String);

/// What may happen to a master.
#[derive(Debug)]
pub enum Input {
    /// A scheduler subscribes. The reply is the id of its stream.
    Subscribe {
        subscribe: Box<scheduler::call::Subscribe>,
        records: mpsc::Sender<Bytes>,
        reply: oneshot::Sender<String>,
    },
    /// Any other call of a scheduler.
    Call {
        call: Box<scheduler::Call>,
        principal: Option<String>,
        stream_id: Option<String>,
        reply: oneshot::Sender<Answer>,
    },
    /// A scheduler's stream ended.
    SchedulerGone { stream_id: String },
    /// An agent registers. The reply is the id of its stream, or why it may not.
    Register {
        register: Box<Register>,
        records: mpsc::Sender<Bytes>,
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// An agent says something.
    AgentMessage { stream_id: String, message: Box<ToMaster>, reply: oneshot::Sender<Answer> },
    /// An agent's stream ended.
    AgentGone { stream_id: String },
    /// An operator asks for something. The reply is what is to be seen, if there is anything, or a refusal.
    Operator {
        kind: master::call::Type,
        call: Box<master::Call>,
        reply: oneshot::Sender<Result<Option<Box<master::Response>>, Answer>>,
    },
    /// Somebody looks.
    View { view: View, reply: oneshot::Sender<serde_json::Value> },
}

/// Takes inputs and timers until it is stopped, or until the registry cannot be written.
pub async fn run(
    mut state: State,
    mut inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
) -> Result<(), RegistryError> {
    loop {
        // Stopping goes first; timers before inputs, so that a flood of calls does not hold up a heartbeat.
        let input = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            () = state.timers.wait() => None,
            input = inputs.recv() => match input {
                Some(input) => Some(input),
                None => return Ok(()),
            },
        };
        if let Some(input) = input {
            state.on_input(input);
        }
        while let Some(timer) = state.timers.pop_due() {
            state.on_timer(timer);
        }
        state.save_registry()?;
        state.release_outbox();
    }
}

impl State {
    fn on_input(&mut self, input: Input) {
        match input {
            Input::Subscribe { subscribe, records, reply } => {
                let stream_id = self.on_subscribe(*subscribe, records);
                let _ = reply.send(stream_id);
            }
            Input::Call { call, principal, stream_id, reply } => {
                let _ = reply.send(self.on_call(*call, principal.as_deref(), stream_id.as_deref()));
            }
            Input::SchedulerGone { stream_id } => self.on_scheduler_gone(&stream_id),
            Input::Register { register, records, reply } => {
                let stream_id = self.on_register(*register, records);
                let _ = reply.send(stream_id);
            }
            Input::AgentMessage { stream_id, message, reply } => {
                let _ = reply.send(self.on_agent_message(&stream_id, *message));
            }
            Input::AgentGone { stream_id } => self.on_agent_gone(&stream_id),
            Input::Operator { kind, call, reply } => {
                let _ = reply.send(self.on_operator(kind, *call));
            }
            Input::View { view, reply } => {
                let _ = reply.send(self.view(view));
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Allocate => {
                self.allocate();
                self.timers.add(self.config.allocation_interval, Timer::Allocate);
            }
            Timer::Heartbeat { framework_id, stream_id } => self.on_heartbeat(&framework_id, stream_id),
            Timer::FailoverEnded { framework_id, epoch } => self.on_failover_ended(&framework_id, epoch),
            Timer::Ping { agent_id, epoch } => self.on_ping(&agent_id, epoch),
            Timer::RecoveryEnded => self.on_recovery_ended(),
        }
    }

    /// Sends what waited for the registry. Who does not read fast enough is cut off, and finds out by the end of its
    /// stream.
    fn release_outbox(&mut self) {
        for (records, bytes) in std::mem::take(&mut self.outbox) {
            match records.try_send(bytes) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    warn!("a stream has {MAX_WAITING_RECORDS} unread records: it is cut off");
                    self.cut_off(&records);
                }
                // One who hung up while he subscribed never had a stream whose end could tell.
                Err(mpsc::error::TrySendError::Closed(_)) => self.cut_off(&records),
            }
        }
    }
}
