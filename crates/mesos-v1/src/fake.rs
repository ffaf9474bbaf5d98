//! The other side of a session, in tests: an HTTP server whose every answer the test gives by hand.

use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::recordio;

/// A test that waits longer for anything has failed.
const PATIENCE: Duration = Duration::from_secs(120);

type Received = (HeaderMap, Bytes, oneshot::Sender<Response>);

/// A master or an agent: it takes calls of type `C`.
pub struct Fake<C> {
    pub address: String,
    received: mpsc::Receiver<Received>,
    server: JoinHandle<()>,
    calls: PhantomData<C>,
}

/// A call that waits for the test's answer.
pub struct ReceivedCall<C> {
    pub call: C,
    pub headers: HeaderMap,
    reply: oneshot::Sender<Response>,
}

/// The streaming answer to a SUBSCRIBE; it ends when this is dropped.
pub struct EventStream(mpsc::Sender<Bytes>);

impl<C: Message + Default> Fake<C> {
    pub async fn start() -> Fake<C> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = mpsc::channel(16);
        let router = axum::Router::new().fallback(pass_on).with_state(sender);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Fake { address, received, server, calls: PhantomData }
    }

    /// The next call.
    pub async fn next(&mut self) -> ReceivedCall<C> {
        let (headers, body, reply) = within(self.received.recv()).await.unwrap();
        assert_eq!(headers["content-type"], "application/x-protobuf");
        ReceivedCall { call: C::decode(body).unwrap(), headers, reply }
    }

    /// Whether a call has come that was not taken yet.
    pub fn has_call(&self) -> bool {
        !self.received.is_empty()
    }

    /// Stops answering; connections that are open stay so. Nobody listens there any more afterwards.
    pub async fn stop(self) {
        self.server.abort();
        // An abort ends it with an error, which is wanted.
        let _ = self.server.await;
    }
}

impl<C> ReceivedCall<C> {
    pub fn answer(self, status: u16, text: &str) {
        self.answer_with(status, "x-nothing", "", text);
    }

    pub fn answer_with(self, status: u16, header: &'static str, value: &str, text: &str) {
        let response = Response::builder()
            .status(StatusCode::from_u16(status).unwrap())
            .header(header, value)
            .body(Body::from(text.to_owned()))
            .unwrap();
        // A client that hung up does not need the answer.
        let _ = self.reply.send(response);
    }

    /// Answers 200 with a stream of events.
    pub fn stream(self, stream_id: &str) -> EventStream {
        let (sender, receiver) = mpsc::channel::<Bytes>(16);
        let chunks = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (Ok::<_, std::io::Error>(chunk), receiver))
        });
        let response =
            Response::builder().header("Mesos-Stream-Id", stream_id).body(Body::from_stream(chunks)).unwrap();
        self.reply.send(response).unwrap();
        EventStream(sender)
    }
}

impl EventStream {
    pub async fn send(&self, event: &impl Message) {
        self.send_bytes(recordio::encode(&event.encode_to_vec())).await;
    }

    pub async fn send_bytes(&self, bytes: Bytes) {
        self.0.send(bytes).await.unwrap();
    }
}

/// Lets time pass, at once: what waits for longer sees it, however slow the machine is.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for something that must come.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("what the test waits for did not come")
}

async fn pass_on(State(calls): State<mpsc::Sender<Received>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let (reply, answer) = oneshot::channel();
    calls.send((parts.headers, body, reply)).await.unwrap();
    answer.await.unwrap_or_else(|_| Response::builder().status(500).body(Body::empty()).unwrap())
}
