//! The agent's side of the protocol to the master (`crate::link`): one stream at a time, opened again for ever.

use std::time::Duration;

use futures_util::StreamExt as _;
use mesos_v1::recordio::Decoder;
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::AgentError;
use super::actor::Input;
use crate::http::{MAX_CALL_BYTES, PROTOBUF};
use crate::link::{
    Empty, MESSAGE_PATH, REGISTER_PATH, Register, STREAM_ID, ToAgent, ToMaster, to_agent, to_master,
};

/// Messages to the master that may wait; with more, the stream is given up and the next one starts from everything.
pub const MAX_WAITING_MESSAGES: usize = 4096;
/// How long the master may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before the next attempt grows from the first to the second.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// The silence that is borne before the master said how much is right.
const FIRST_PING_TIMEOUT: Duration = Duration::from_secs(75);

/// What a stream begins with, and what goes through it.
#[derive(Debug)]
pub struct Uplink {
    /// Everything the agent has.
    pub register: Register,
    /// What happens to it from then on.
    pub messages: mpsc::Receiver<to_master::Body>,
}

/// Keeps a stream to the master open until it is stopped.
pub async fn run(
    client: reqwest::Client,
    master: String,
    host: String,
    inputs: mpsc::Sender<Input>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut backoff = BACKOFF_MIN;
    let mut last_problem = String::new();
    loop {
        let (reply, uplink) = oneshot::channel();
        if inputs.send(Input::UplinkReady { reply }).await.is_err() {
            return Ok(());
        }
        let Ok(uplink) = uplink.await else { return Ok(()) };
        let mut was_registered = false;
        let problem = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            problem = attend(&client, &master, uplink, &inputs, &mut was_registered) => problem,
        };
        if inputs.send(Input::UplinkLost).await.is_err() {
            return Ok(());
        }
        if was_registered {
            backoff = BACKOFF_MIN;
        }
        if problem != last_problem {
            warn!(host, master, problem, "no stream to the master: trying again until there is");
            last_problem = problem;
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(backoff) => {}
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// Opens a stream and stays with it; returns why it ended.
async fn attend(
    client: &reqwest::Client,
    master: &str,
    uplink: Uplink,
    inputs: &mpsc::Sender<Input>,
    was_registered: &mut bool,
) -> String {
    let request = client
        .post(format!("http://{master}{REGISTER_PATH}"))
        .header("Content-Type", PROTOBUF)
        .body(uplink.register.encode_to_vec());
    let response = match tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await {
        Err(_) => return format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()),
        Ok(Err(error)) => return mesos_v1::chain(&error),
        Ok(Ok(response)) => response,
    };
    if !response.status().is_success() {
        return format!("the master answered {}", response.status());
    }
    let stream_id = response.headers().get(STREAM_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let Some(stream_id) = stream_id else {
        return "the master named no stream: is it a mesos-local one?".to_owned();
    };
    info!(master, "the stream to the master is open");
    let (pongs, waiting_pongs) = mpsc::channel(1);
    tokio::select! {
        problem = read(response, inputs, &pongs, was_registered) => problem,
        problem = send(client, master, &stream_id, uplink.messages, waiting_pongs) => problem,
    }
}

async fn read(
    response: reqwest::Response,
    inputs: &mpsc::Sender<Input>,
    pongs: &mpsc::Sender<()>,
    was_registered: &mut bool,
) -> String {
    let mut body = response.bytes_stream();
    let mut decoder = Decoder::new(MAX_CALL_BYTES);
    let mut patience = FIRST_PING_TIMEOUT;
    loop {
        let chunk = match tokio::time::timeout(patience, body.next()).await {
            Err(_) => return "the master is silent".to_owned(),
            Ok(None) => return "the master closed the stream".to_owned(),
            Ok(Some(Err(error))) => return mesos_v1::chain(&error),
            Ok(Some(Ok(chunk))) => chunk,
        };
        decoder.push(chunk);
        loop {
            let bytes = match decoder.next_record() {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(error) => return mesos_v1::chain(&error),
            };
            let body = match ToAgent::decode(bytes) {
                Ok(ToAgent { body: Some(body) }) => body,
                Ok(ToAgent { body: None }) => continue,
                Err(error) => return mesos_v1::chain(&error),
            };
            match &body {
                to_agent::Body::Ping(_) => {
                    // One pong answers any number of pings.
                    let _ = pongs.try_send(());
                    continue;
                }
                to_agent::Body::Registered(registered) => {
                    *was_registered = true;
                    patience = Duration::from_millis(registered.ping_timeout_ms.max(1));
                }
                _ => {}
            }
            if inputs.send(Input::FromMaster(Box::new(body))).await.is_err() {
                return "the agent stops".to_owned();
            }
        }
    }
}

async fn send(
    client: &reqwest::Client,
    master: &str,
    stream_id: &str,
    mut messages: mpsc::Receiver<to_master::Body>,
    mut pongs: mpsc::Receiver<()>,
) -> String {
    let url = format!("http://{master}{MESSAGE_PATH}");
    loop {
        // A pong goes first: it must not wait behind a crowd of updates.
        let body = tokio::select! {
            biased;
            pong = pongs.recv() => match pong {
                Some(()) => to_master::Body::Pong(Empty {}),
                None => std::future::pending().await,
            },
            message = messages.recv() => match message {
                Some(body) => body,
                None => return "the agent gave the stream up".to_owned(),
            },
        };
        let request = client
            .post(&url)
            .header("Content-Type", PROTOBUF)
            .header(STREAM_ID, stream_id)
            .body(ToMaster::from(body).encode_to_vec());
        match tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await {
            Err(_) => return format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()),
            Ok(Err(error)) => return mesos_v1::chain(&error),
            Ok(Ok(response)) if !response.status().is_success() => {
                return format!("the master answered {}", response.status());
            }
            Ok(Ok(_)) => {}
        }
    }
}
