//! The task that owns the agent's state.

use axum::http::StatusCode;
use bytes::Bytes;
use mesos_v1::messages::executor;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::containers::ContainerEnd;
use super::garbage::Swept;
use super::state::{ExecutorKey, State, Timer};
use super::uplink::Uplink;
use super::view::View;
use super::{AgentError, Farewell};
use crate::container::process::ProcessId;
use crate::link::to_agent;

/// Inputs that may wait; with that many, requests wait for their turn.
pub const MAX_WAITING_INPUTS: usize = 1024;
/// Events that may wait for an executor that does not read; with more, its stream is dropped.
pub const MAX_WAITING_RECORDS: usize = 4096;

/// An answer to a call.
pub type Answer = (StatusCode, String);

/// What may happen to an agent.
#[derive(Debug)]
pub enum Input {
    /// An executor subscribes. The reply is a refusal, or nothing for a stream.
    Subscribe {
        call: Box<executor::Call>,
        records: mpsc::Sender<Bytes>,
        reply: oneshot::Sender<Option<Answer>>,
    },
    /// Any other call of an executor.
    Call { call: Box<executor::Call>, reply: oneshot::Sender<Answer> },
    /// A helper was started.
    ContainerStarted { key: ExecutorKey, container: String, helper: ProcessId },
    /// A container is gone.
    ContainerEnded { key: ExecutorKey, container: String, end: ContainerEnd },
    /// The uplink wants to open a stream.
    UplinkReady { reply: oneshot::Sender<Uplink> },
    /// The uplink's stream ended.
    UplinkLost,
    /// The master says something.
    FromMaster(Box<to_agent::Body>),
    /// The agent is asked to leave.
    Farewell { farewell: Farewell, reply: oneshot::Sender<()> },
    /// Somebody waits until no executor is left.
    Emptied { reply: oneshot::Sender<()> },
    /// Old sandboxes were looked for.
    Swept(Swept),
    /// Somebody looks.
    View { view: View, reply: oneshot::Sender<serde_json::Value> },
}

/// Takes inputs and timers until it is stopped, or until a checkpoint cannot be written.
pub async fn run(
    mut state: State,
    mut inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    state.timers.add(state.config.disk_watch_interval.min(state.config.gc_delay), Timer::DiskWatch);
    loop {
        // Stopping goes first; timers before inputs, so that a flood of calls does not hold up a grace period.
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
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if state.executors.is_empty() {
            for farewell in state.farewells.drain(..) {
                let _ = farewell.send(());
            }
        }
    }
}

impl State {
    fn on_input(&mut self, input: Input) {
        match input {
            Input::Subscribe { call, records, reply } => {
                let _ = reply.send(self.on_subscribe(*call, records));
            }
            Input::Call { call, reply } => {
                let _ = reply.send(self.on_call(*call));
            }
            Input::ContainerStarted { key, container, helper } => {
                if let Some(executor) = self.executors.get_mut(&key)
                    && executor.container == container
                {
                    executor.helper = Some(helper);
                }
            }
            Input::ContainerEnded { key, container, end } => self.on_container_ended(&key, &container, &end),
            Input::UplinkReady { reply } => self.on_uplink_ready(reply),
            Input::UplinkLost => self.to_master = None,
            Input::FromMaster(body) => self.on_order(*body),
            Input::Farewell { farewell, reply } => self.on_farewell(farewell, reply),
            Input::Emptied { reply } => self.farewells.push(reply),
            Input::Swept(swept) => self.on_swept(swept),
            Input::View { view, reply } => {
                let _ = reply.send(self.view(view));
            }
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::RegistrationEnded { key, container } => self.on_registration_ended(&key, &container),
            Timer::RecoveryEnded => self.on_recovery_ended(),
            Timer::GraceEnded { key, container } => self.kill_container(&key, &container),
            Timer::DiskWatch => self.on_disk_watch(),
            Timer::Retry { key, uuid, delay } => self.on_retry(&key, &uuid, delay),
        }
    }
}
