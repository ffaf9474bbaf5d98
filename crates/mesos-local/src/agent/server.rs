//! The agent's HTTP server: the executor API, and what is there to see.

use std::path::PathBuf;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use mesos_v1::messages::executor::{Call, call};
use tokio::sync::{mpsc, oneshot};

use super::actor::{Input, MAX_WAITING_RECORDS};
use super::files;
use super::operator::operator;
use super::view::View;
use crate::http::{Encoding, MAX_CALL_BYTES, decode_call, json, plain, stream_response};

/// What executors send and get.
const CALL: &str = "mesos.v1.executor.Call";
const EVENT: &str = "mesos.v1.executor.Event";

/// What handlers share.
#[derive(Clone)]
pub struct Shared {
    inputs: mpsc::Sender<Input>,
    /// Only files below it are shown.
    pub work_dir: PathBuf,
}

/// All paths of the agent.
pub fn router(inputs: mpsc::Sender<Input>, work_dir: PathBuf) -> Router {
    let mut router = Router::new();
    for prefix in ["", "/slave(1)"] {
        router = router
            .route(&format!("{prefix}/api/v1/executor"), post(executor))
            .route(&format!("{prefix}/api/v1"), post(operator))
            .route(&format!("{prefix}/health"), get(|| async { StatusCode::OK }))
            .route(&format!("{prefix}/state"), get(|State(shared): State<Shared>| show(shared, View::State)))
            .route(
                &format!("{prefix}/metrics/snapshot"),
                get(|State(shared): State<Shared>| show(shared, View::Metrics)),
            );
    }
    router
        .route("/files/browse", get(files::browse))
        .route("/files/read", get(files::read))
        .route("/files/download", get(files::download))
        .route("/files/debug", get(|State(shared): State<Shared>| show(shared, View::Files)))
        .layer(DefaultBodyLimit::max(MAX_CALL_BYTES))
        .with_state(Shared { inputs, work_dir })
}

fn stopping() -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "The agent is stopping")
}

async fn show(shared: Shared, view: View) -> Response {
    let (reply, answer) = oneshot::channel();
    if shared.inputs.send(Input::View { view, reply }).await.is_err() {
        return stopping();
    }
    answer.await.map_or_else(|_| stopping(), |value| json(&value))
}

/// The executor API; the order of the checks is that of `spec/mesos.md` §2.3.
async fn executor(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let call: Call = match decode_call(&headers, &body, CALL) {
        Ok(call) => call,
        Err(refusal) => return *refusal,
    };
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let Some(kind) = call.r#type.and_then(|kind| call::Type::try_from(kind).ok()) else {
        return bad("Expecting 'type' to be present");
    };
    match kind {
        call::Type::Subscribe if call.subscribe.is_none() => bad("Expecting 'subscribe' to be present"),
        call::Type::Update if call.update.is_none() => bad("Expecting 'update' to be present"),
        call::Type::Message if call.message.is_none() => bad("Expecting 'message' to be present"),
        call::Type::Subscribe => match Encoding::accepted(&headers) {
            Ok(encoding) => subscribe(shared, call, encoding).await,
            Err(refusal) => *refusal,
        },
        _ => {
            let (reply, answer) = oneshot::channel();
            if shared.inputs.send(Input::Call { call: Box::new(call), reply }).await.is_err() {
                return stopping();
            }
            answer.await.map_or_else(|_| stopping(), |(status, text)| plain(status, text))
        }
    }
}

async fn subscribe(shared: Shared, call: Call, encoding: Encoding) -> Response {
    let (records, receiver) = mpsc::channel(MAX_WAITING_RECORDS);
    let (reply, answer) = oneshot::channel();
    if shared.inputs.send(Input::Subscribe { call: Box::new(call), records, reply }).await.is_err() {
        return stopping();
    }
    match answer.await {
        // A stream that is gone shows when something is sent to it.
        Ok(None) => stream_response(receiver, None, oneshot::channel().0, encoding, EVENT),
        Ok(Some((status, text))) => plain(status, text),
        Err(_) => stopping(),
    }
}
