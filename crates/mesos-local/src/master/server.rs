//! The master's HTTP server: requests become inputs of the actor, answers go back.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use mesos_v1::messages::master::{self, call::Type as Q};
use mesos_v1::messages::scheduler::{Call, call};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::actor::{Answer, Input, MAX_WAITING_RECORDS};
use super::credentials::Credentials;
use super::view::View;
use crate::http::{
    Encoding, MAX_CALL_BYTES, decode_call, decode_link, is_uuid, json, message_response, plain,
    stream_response,
};
use crate::link::{MESSAGE_PATH, REGISTER_PATH, Register, STREAM_ID, ToMaster};

/// What schedulers send and get.
const CALL: &str = "mesos.v1.scheduler.Call";
const EVENT: &str = "mesos.v1.scheduler.Event";
/// What operators send and get.
const OPERATOR_CALL: &str = "mesos.v1.master.Call";
const OPERATOR_RESPONSE: &str = "mesos.v1.master.Response";

#[derive(Clone)]
struct Shared {
    credentials: Option<Arc<Credentials>>,
    inputs: mpsc::Sender<Input>,
    stop: CancellationToken,
}

/// All paths of the master.
pub fn router(
    inputs: mpsc::Sender<Input>,
    address: SocketAddr,
    credentials: Option<Credentials>,
    stop: CancellationToken,
) -> Router {
    let mut router = Router::new()
        .route("/api/v1/scheduler", post(scheduler))
        .route("/master/api/v1/scheduler", post(scheduler))
        .route("/api/v1", post(operator))
        .route("/master/api/v1", post(operator))
        .route(REGISTER_PATH, post(register))
        .route(MESSAGE_PATH, post(agent_message));
    for prefix in ["", "/master"] {
        router = router.route(&format!("{prefix}/health"), get(|| async { StatusCode::OK }));
        let leader = format!("//{address}");
        let redirect = move || async move { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, leader)]) };
        router = router.route(&format!("{prefix}/redirect"), get(redirect));
        for (path, view) in [
            ("/state", View::State),
            ("/state-summary", View::Summary),
            ("/slaves", View::Slaves),
            ("/frameworks", View::Frameworks),
            ("/tasks", View::Tasks),
            ("/roles", View::Roles),
            ("/flags", View::Flags),
            ("/version", View::Version),
            ("/metrics/snapshot", View::Metrics),
        ] {
            let handler = move |State(shared): State<Shared>| async move { show(shared, view).await };
            router = router.route(&format!("{prefix}{path}"), get(handler));
        }
    }
    for prefix in ["", "/master"] {
        let schedule =
            get(|shared: State<Shared>| operate(shared, Q::GetMaintenanceSchedule)).post(update_schedule);
        router = router
            .route(&format!("{prefix}/maintenance/schedule"), schedule)
            .route(
                &format!("{prefix}/maintenance/status"),
                get(|shared: State<Shared>| operate(shared, Q::GetMaintenanceStatus)),
            )
            .route(&format!("{prefix}/machine/down"), post(machines_down))
            .route(&format!("{prefix}/machine/up"), post(machines_up));
    }
    router.layer(DefaultBodyLimit::max(MAX_CALL_BYTES)).with_state(Shared {
        credentials: credentials.map(Arc::new),
        inputs,
        stop,
    })
}

fn stopping() -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "The master is stopping")
}

fn answer((status, text): Answer) -> Response {
    plain(status, text)
}

async fn show(shared: Shared, view: View) -> Response {
    let (reply, answer) = oneshot::channel();
    if shared.inputs.send(Input::View { view, reply }).await.is_err() {
        return stopping();
    }
    answer.await.map_or_else(|_| stopping(), |value| json(&value))
}

fn stream_id_of(headers: &HeaderMap) -> Option<String> {
    headers.get(STREAM_ID).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The scheduler API; the order of the checks is that of `spec/mesos.md` §1.3.
async fn scheduler(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let principal = match shared.credentials.as_ref().map(|known| known.principal(&headers)).transpose() {
        Ok(principal) => principal,
        Err(refusal) => return *refusal,
    };
    let mut call: Call = match decode_call(&headers, &body, CALL) {
        Ok(call) => call,
        Err(refusal) => return *refusal,
    };
    let kind = match check_call(&call) {
        Ok(kind) => kind,
        Err(problem) => return plain(StatusCode::BAD_REQUEST, problem),
    };
    if let Some(principal) = &principal
        && let Err(problem) = set_principal(&mut call, principal)
    {
        return plain(StatusCode::BAD_REQUEST, problem);
    }
    if kind == call::Type::Subscribe {
        return subscribe(shared, &headers, call).await;
    }
    let (reply, waiting) = oneshot::channel();
    let input = Input::Call { call: Box::new(call), principal, stream_id: stream_id_of(&headers), reply };
    if shared.inputs.send(input).await.is_err() {
        return stopping();
    }
    waiting.await.map_or_else(|_| stopping(), answer)
}

async fn subscribe(shared: Shared, headers: &HeaderMap, call: Call) -> Response {
    let encoding = match Encoding::accepted(headers) {
        Ok(encoding) => encoding,
        Err(refusal) => return *refusal,
    };
    if headers.contains_key(STREAM_ID) {
        return plain(
            StatusCode::BAD_REQUEST,
            "Subscribe calls should not include the 'Mesos-Stream-Id' header",
        );
    }
    let (records, receiver) = mpsc::channel(MAX_WAITING_RECORDS);
    let (reply, waiting) = oneshot::channel();
    let subscribe = Box::new(call.subscribe.unwrap_or_default());
    if shared.inputs.send(Input::Subscribe { subscribe, records, reply }).await.is_err() {
        return stopping();
    }
    let Ok(stream_id) = waiting.await else { return stopping() };
    let gone = Input::SchedulerGone { stream_id: stream_id.clone() };
    open_stream(&shared, receiver, &stream_id, gone, encoding)
}

/// Answers with the stream, and tells the actor when its reader is gone.
fn open_stream(
    shared: &Shared,
    receiver: mpsc::Receiver<Bytes>,
    stream_id: &str,
    gone: Input,
    encoding: Encoding,
) -> Response {
    let (reader, is_read) = oneshot::channel::<()>();
    let (inputs, stop) = (shared.inputs.clone(), shared.stop.clone());
    tokio::spawn(async move {
        // The sending half lives in the body of the answer: it goes with the connection, or with the last record.
        tokio::select! {
            _ = is_read => { let _ = inputs.send(gone).await; }
            () = stop.cancelled() => {}
        }
    });
    stream_response(receiver, Some(stream_id), reader, encoding, EVENT)
}

/// A framework is its principal's; one that names none is given it (`spec/mesos.md` §1.16).
fn set_principal(call: &mut Call, principal: &str) -> Result<(), String> {
    let infos = [
        call.subscribe.as_mut().map(|subscribe| &mut subscribe.framework_info),
        call.update_framework.as_mut().map(|update| &mut update.framework_info),
    ];
    for info in infos.into_iter().flatten() {
        match &info.principal {
            Some(own) if own != principal => {
                return Err(format!(
                    "Authenticated principal '{principal}' does not match principal '{own}' set in FrameworkInfo"
                ));
            }
            _ => info.principal = Some(principal.to_owned()),
        }
    }
    Ok(())
}

/// Presence of what the call's type needs.
fn check_call(call: &Call) -> Result<call::Type, &'static str> {
    use call::Type as T;
    let kind = call.r#type.and_then(|kind| T::try_from(kind).ok()).ok_or("Expecting 'type' to be present")?;
    let (member, problem) = match kind {
        T::Subscribe => (call.subscribe.is_some(), "Expecting 'subscribe' to be present"),
        T::Accept => (call.accept.is_some(), "Expecting 'accept' to be present"),
        T::Decline => (call.decline.is_some(), "Expecting 'decline' to be present"),
        T::AcceptInverseOffers => {
            (call.accept_inverse_offers.is_some(), "Expecting 'accept_inverse_offers' to be present")
        }
        T::DeclineInverseOffers => {
            (call.decline_inverse_offers.is_some(), "Expecting 'decline_inverse_offers' to be present")
        }
        T::Kill => (call.kill.is_some(), "Expecting 'kill' to be present"),
        T::Shutdown => (call.shutdown.is_some(), "Expecting 'shutdown' to be present"),
        T::Acknowledge => (call.acknowledge.is_some(), "Expecting 'acknowledge' to be present"),
        T::AcknowledgeOperationStatus => (
            call.acknowledge_operation_status.is_some(),
            "Expecting 'acknowledge_operation_status' to be present",
        ),
        T::Reconcile => (call.reconcile.is_some(), "Expecting 'reconcile' to be present"),
        T::ReconcileOperations => {
            (call.reconcile_operations.is_some(), "Expecting 'reconcile_operations' to be present")
        }
        T::Message => (call.message.is_some(), "Expecting 'message' to be present"),
        T::Request => (call.request.is_some(), "Expecting 'request' to be present"),
        T::UpdateFramework => (call.update_framework.is_some(), "Expecting 'update_framework' to be present"),
        T::Unknown | T::Teardown | T::Revive | T::Suppress => (true, ""),
    };
    if !member {
        return Err(problem);
    }
    if kind != T::Subscribe && call.framework_id.is_none() {
        return Err("Expecting 'framework_id' to be present");
    }
    let inner = match kind {
        T::Subscribe => call.subscribe.as_ref().map(|subscribe| &subscribe.framework_info.id),
        T::UpdateFramework => call.update_framework.as_ref().map(|update| &update.framework_info.id),
        _ => None,
    };
    if inner.is_some_and(|inner| *inner != call.framework_id) {
        return Err("'framework_id' differs from 'framework_info.id'");
    }
    if let (T::Acknowledge, Some(acknowledge)) = (kind, &call.acknowledge)
        && !is_uuid(&acknowledge.uuid)
    {
        return Err("Not a valid UUID");
    }
    Ok(kind)
}

async fn register(State(shared): State<Shared>, body: Bytes) -> Response {
    let register: Register = match decode_link(body) {
        Ok(register) => register,
        Err(refusal) => return *refusal,
    };
    let (records, receiver) = mpsc::channel(MAX_WAITING_RECORDS);
    let (reply, waiting) = oneshot::channel();
    if shared.inputs.send(Input::Register { register: Box::new(register), records, reply }).await.is_err() {
        return stopping();
    }
    let stream_id = match waiting.await {
        Ok(Ok(stream_id)) => stream_id,
        Ok(Err(refusal)) => return plain(StatusCode::FORBIDDEN, refusal),
        Err(_) => return stopping(),
    };
    let gone = Input::AgentGone { stream_id: stream_id.clone() };
    // Between master and agents all is protobuf.
    open_stream(&shared, receiver, &stream_id, gone, Encoding::Protobuf)
}

async fn agent_message(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let message: ToMaster = match decode_link(body) {
        Ok(message) => message,
        Err(refusal) => return *refusal,
    };
    let Some(stream_id) = stream_id_of(&headers) else {
        return plain(StatusCode::BAD_REQUEST, "the stream's id is missing");
    };
    let (reply, waiting) = oneshot::channel();
    if shared.inputs.send(Input::AgentMessage { stream_id, message: Box::new(message), reply }).await.is_err()
    {
        return stopping();
    }
    waiting.await.map_or_else(|_| stopping(), answer)
}

/// The operator API (`spec/mesos.md` §6).
async fn operator(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let call: master::Call = match decode_call(&headers, &body, OPERATOR_CALL) {
        Ok(call) => call,
        Err(refusal) => return *refusal,
    };
    let kind = match super::operator::check_call(&call) {
        Ok(kind) => kind,
        Err(problem) => return plain(StatusCode::BAD_REQUEST, problem),
    };
    match Encoding::accepted(&headers) {
        Ok(encoding) => ask(&shared, kind, call, encoding, false).await,
        Err(refusal) => *refusal,
    }
}

/// Asks the actor; the legacy paths answer with the member alone.
async fn ask(
    shared: &Shared,
    kind: master::call::Type,
    call: master::Call,
    encoding: Encoding,
    is_legacy: bool,
) -> Response {
    let (reply, waiting) = oneshot::channel();
    if shared.inputs.send(Input::Operator { kind, call: Box::new(call), reply }).await.is_err() {
        return stopping();
    }
    match waiting.await {
        Err(_) => stopping(),
        Ok(Err(refusal)) => answer(refusal),
        Ok(Ok(None)) => plain(StatusCode::OK, ""),
        Ok(Ok(Some(response))) if is_legacy => {
            match (response.get_maintenance_schedule, response.get_maintenance_status) {
                (Some(found), _) => {
                    message_response(encoding, "mesos.v1.maintenance.Schedule", &found.schedule)
                }
                (_, Some(found)) => {
                    message_response(encoding, "mesos.v1.maintenance.ClusterStatus", &found.status)
                }
                (None, None) => plain(StatusCode::OK, ""),
            }
        }
        Ok(Ok(Some(response))) => message_response(encoding, OPERATOR_RESPONSE, &*response),
    }
}

/// A call without content.
async fn operate(State(shared): State<Shared>, kind: Q) -> Response {
    ask(&shared, kind, master::Call::default(), Encoding::Json, true).await
}

async fn update_schedule(State(shared): State<Shared>, body: Bytes) -> Response {
    match crate::json::from_json("mesos.v1.maintenance.Schedule", &body) {
        Err(error) => plain(StatusCode::BAD_REQUEST, error.to_string()),
        Ok(schedule) => {
            let update = Some(master::call::UpdateMaintenanceSchedule { schedule });
            let call = master::Call { update_maintenance_schedule: update, ..master::Call::default() };
            ask(&shared, Q::UpdateMaintenanceSchedule, call, Encoding::Json, true).await
        }
    }
}

async fn machines_down(State(shared): State<Shared>, body: Bytes) -> Response {
    match machines_of::<master::call::StartMaintenance>("StartMaintenance", &body) {
        Err(refusal) => *refusal,
        Ok(machines) => {
            let call = master::Call { start_maintenance: Some(machines), ..master::Call::default() };
            ask(&shared, Q::StartMaintenance, call, Encoding::Json, true).await
        }
    }
}

async fn machines_up(State(shared): State<Shared>, body: Bytes) -> Response {
    match machines_of::<master::call::StopMaintenance>("StopMaintenance", &body) {
        Err(refusal) => *refusal,
        Ok(machines) => {
            let call = master::Call { stop_maintenance: Some(machines), ..master::Call::default() };
            ask(&shared, Q::StopMaintenance, call, Encoding::Json, true).await
        }
    }
}

/// Machines as the legacy paths take them: an array of ids.
fn machines_of<M: prost::Message + Default>(member: &str, body: &Bytes) -> Result<M, Box<Response>> {
    let bad = |text: String| Box::new(plain(StatusCode::BAD_REQUEST, text));
    let ids: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| bad(format!("Failed to parse body into JSON: {error}")))?;
    if !ids.is_array() {
        return Err(bad("Expecting a JSON array of machine ids".to_owned()));
    }
    let text = serde_json::json!({ "machines": ids }).to_string();
    crate::json::from_json(&format!("{OPERATOR_CALL}.{member}"), text.as_bytes())
        .map_err(|error| bad(error.to_string()))
}
